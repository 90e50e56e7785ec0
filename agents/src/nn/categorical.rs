//! [`Categorical`]: several categorical choices at once, with masks.

use mec_envs::rng::Prng;
use rand::RngExt;

/// The categorical heads of an action: how many choices each has. Rows of logits, probabilities and masks hold the
/// choices of all heads one after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heads(Vec<usize>);

/// Probabilities of all choices, normalised per head.
#[derive(Clone, Debug)]
pub struct Categorical {
    /// pi(a), 0 for closed choices, `[batch, choices]`.
    pub probs: Vec<f32>,
    /// log pi(a), 0 for closed choices so that sums weighted by [`probs`](Self::probs) stay finite.
    pub log_probs: Vec<f32>,
}

impl Heads {
    /// Heads with these numbers of choices.
    pub fn new(sizes: &[usize]) -> Self {
        Self(sizes.to_vec())
    }

    /// Number of choices of each head.
    pub fn sizes(&self) -> &[usize] {
        &self.0
    }

    /// Choices of all heads.
    pub fn choices(&self) -> usize {
        self.0.iter().sum()
    }

    /// The distribution of these logits over the open choices; those of a head that has none are all 0.
    ///
    /// # Shapes
    /// `logits` and `masks` `[batch, choices]`.
    pub fn distribution(&self, logits: &[f32], masks: Option<&[bool]>) -> Categorical {
        let mut log_probs = Vec::with_capacity(logits.len());
        let mut probs = Vec::with_capacity(logits.len());
        let choices = self.choices().max(1);
        for (row, logits) in logits.chunks_exact(choices).enumerate() {
            let mask = masks.map(|masks| &masks[row * choices..(row + 1) * choices]);
            self.each(logits, mask, |logits, open| {
                let options = || (0..logits.len()).filter(|&choice| open(choice));
                let max = options().map(|choice| logits[choice]).fold(f32::NEG_INFINITY, f32::max);
                let sum: f32 = options().map(|choice| (logits[choice] - max).exp()).sum();
                let log_sum = max + sum.ln();
                for (choice, logit) in logits.iter().enumerate() {
                    let log_prob = if open(choice) { logit - log_sum } else { 0.0 };
                    log_probs.push(log_prob);
                    probs.push(if open(choice) { log_prob.exp() } else { 0.0 });
                }
            });
        }
        Categorical { probs, log_probs }
    }

    /// Appends the best open choice of each head to `actions`; the first one of equals.
    pub fn greedy(&self, logits: &[f32], mask: Option<&[bool]>, actions: &mut Vec<f32>) {
        self.each(logits, mask, |logits, open| {
            let best = (0..logits.len())
                .filter(|&choice| open(choice))
                .reduce(|best, choice| if logits[choice] > logits[best] { choice } else { best });
            actions.push(best.unwrap_or(0) as f32);
        });
    }

    /// Appends a choice of each head, drawn from the softmax of its open logits, to `actions`.
    pub fn sample(&self, logits: &[f32], mask: Option<&[bool]>, rng: &mut Prng, actions: &mut Vec<f32>) {
        self.each(logits, mask, |logits, open| {
            let options = || (0..logits.len()).filter(|&choice| open(choice));
            let max = options().map(|choice| logits[choice]).fold(f32::NEG_INFINITY, f32::max);
            let weight = |choice: usize| f64::from(logits[choice] - max).exp();
            let mut rest = rng.random::<f64>() * options().map(weight).sum::<f64>();
            let mut chosen = 0;
            for choice in options() {
                chosen = choice;
                rest -= weight(choice);
                if rest < 0.0 {
                    break;
                }
            }
            actions.push(chosen as f32);
        });
    }

    /// Appends a choice of each head, all open ones equally likely, to `actions`.
    pub fn uniform(&self, mask: Option<&[bool]>, rng: &mut Prng, actions: &mut Vec<f32>) {
        self.sample(&vec![0.0; self.choices()], mask, rng, actions);
    }

    /// The largest entropy of a joint choice, in nats: the sum over heads of ln(open choices).
    pub fn max_entropy(&self, mask: Option<&[bool]>) -> f64 {
        let mut start = 0;
        let mut entropy = 0.0;
        for &size in &self.0 {
            let open = mask.map_or(size, |mask| mask[start..start + size].iter().filter(|&&flag| flag).count());
            entropy += (open.max(1) as f64).ln();
            start += size;
        }
        entropy
    }

    fn each(&self, logits: &[f32], mask: Option<&[bool]>, mut visit: impl FnMut(&[f32], &dyn Fn(usize) -> bool)) {
        let mut start = 0;
        for &size in &self.0 {
            visit(&logits[start..start + size], &|choice| mask.is_none_or(|mask| mask[start + choice]));
            start += size;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mec_envs::rng::stream;

    /// Head 1: exp(ln 1, ln 3) / 4 = (1/4, 3/4); head 2 with its second choice closed: (2/5, 0, 3/5).
    #[test]
    fn probabilities_of_heads_of_unequal_size_match_numbers_worked_by_hand() {
        let heads = Heads::new(&[2, 3]);
        let logits = [0.0, 3.0_f32.ln(), 2.0_f32.ln(), 9.0, 3.0_f32.ln()];
        let mask = [true, true, true, false, true];
        let Categorical { probs, log_probs } = heads.distribution(&logits.repeat(2), Some(&mask.repeat(2)));
        let expected = [0.25, 0.75, 0.4, 0.0, 0.6];
        for choice in 0..10 {
            assert!((probs[choice] - expected[choice % 5]).abs() < 1e-6, "{probs:?}");
        }
        assert_eq!((probs[3], log_probs[3]), (0.0, 0.0));
        assert!((log_probs[5] - 0.25_f32.ln()).abs() < 1e-6);
    }

    #[test]
    fn samples_follow_the_probabilities_and_never_take_a_closed_choice() {
        let heads = Heads::new(&[3]);
        let mut rng = stream(1, "sample");
        let (mut counts, mut actions) = ([0; 3], Vec::new());
        for _ in 0..8000 {
            actions.clear();
            heads.sample(&[0.0, 50.0, 3.0_f32.ln()], Some(&[true, false, true]), &mut rng, &mut actions);
            counts[actions[0] as usize] += 1;
        }
        // 2000 expected, standard deviation 39.
        assert!(counts[1] == 0 && (1850..2150).contains(&counts[0]), "{counts:?}");
    }

    #[test]
    fn greedy_takes_the_first_of_the_best_open_choices() {
        let mut actions = Vec::new();
        let heads = Heads::new(&[3, 2]);
        heads.greedy(&[5.0, 1.0, 1.0, -2.0, -1.0], Some(&[false, true, true, true, true]), &mut actions);
        assert_eq!(actions, [1.0, 1.0]);
        assert!((heads.max_entropy(Some(&[false, true, true, true, true])) - 2.0 * 2.0_f64.ln()).abs() < 1e-12);
    }
}
