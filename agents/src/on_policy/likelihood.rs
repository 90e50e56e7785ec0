//! [`Likelihood`]: how likely actions are under the outputs of an actor, and the way back to them.

use crate::nn::{Categorical, LOG_STD_MAX, LOG_STD_MIN};
use crate::stochastic::ActorModel;

/// Entries of actions are brought this far within ±1 before they are unsquashed: the next numbers below 1 in f32 are
/// 6e-8 apart.
const EDGE: f32 = 1e-6;

/// Log-probabilities of actions taken, and entropies, per row.
pub struct Likelihood<'a> {
    model: &'a ActorModel,
    outputs: &'a [f32],
    actions: &'a [f32],
    pi: Categorical,
    masks: Option<&'a [bool]>,
    /// log pi(a|s), `[batch]`: the sum over heads and continuous entries, which are independent given the state.
    pub log_probs: Vec<f32>,
    /// `[batch]`, in nats: that of all heads, and of the continuous entries before they are squashed.
    pub entropies: Vec<f32>,
}

/// A continuous entry before the squashing.
struct Gaussian {
    std: f32,
    log_std: f32,
    /// (atanh(a) - mean) / std.
    noise: f32,
    action: f32,
    bounded: bool,
}

impl Gaussian {
    fn new(mean: f32, log_std: f32, action: f32) -> Self {
        let bounded = !(LOG_STD_MIN..=LOG_STD_MAX).contains(&log_std);
        let log_std = log_std.clamp(LOG_STD_MIN, LOG_STD_MAX);
        let (std, action) = (log_std.exp(), action.clamp(EDGE - 1.0, 1.0 - EDGE));
        Self { std, log_std, noise: (action.atanh() - mean) / std, action, bounded }
    }

    /// log N(atanh a) - log(1 - a^2): Haarnoja et al. 2018 (arXiv:1812.05905, appendix C).
    fn log_prob(&self) -> f32 {
        let log_normal = -0.5 * self.noise * self.noise - self.log_std - 0.5 * std::f32::consts::TAU.ln();
        log_normal - (1.0 - self.action * self.action).ln()
    }

    fn entropy(&self) -> f32 {
        0.5 + 0.5 * std::f32::consts::TAU.ln() + self.log_std
    }

    /// The gradient at mean and log standard deviation: d log N / d mean = noise / std, d log N / d log std =
    /// noise^2 - 1, d entropy / d log std = 1.
    fn gradient(&self, of_log_prob: f32, of_entropy: f32) -> [f32; 2] {
        let of_log_std = of_log_prob * (self.noise * self.noise - 1.0) + of_entropy;
        [of_log_prob * self.noise / self.std, if self.bounded { 0.0 } else { of_log_std }]
    }
}

impl<'a> Likelihood<'a> {
    /// Of `actions`, `[batch, codes]`, under `outputs`, `[batch, width]`, and masks, `[batch, choices]`.
    pub fn new(model: &'a ActorModel, outputs: &'a [f32], masks: Option<&'a [bool]>, actions: &'a [f32]) -> Self {
        let (choices, width) = (model.heads.choices(), model.width());
        let logits: Vec<f32> = outputs.chunks_exact(width).flat_map(|row| &row[..choices]).copied().collect();
        let pi = model.heads.distribution(&logits, masks);
        let rows = outputs.len() / width;
        let mut own = Self { model, outputs, actions, pi, masks, log_probs: Vec::new(), entropies: Vec::new() };
        for row in 0..rows {
            let heads = own.heads(row);
            let of_heads: f32 = heads.iter().map(|&(start, _, chosen)| own.pi.log_probs[start + chosen]).sum();
            let entropy: f32 = heads.iter().map(|&(start, size, _)| own.entropy(start, size)).sum();
            let (mut log_prob, mut entropies) = (of_heads, entropy);
            for entry in 0..model.dim {
                let gaussian = own.gaussian(row, entry);
                log_prob += gaussian.log_prob();
                entropies += gaussian.entropy();
            }
            own.log_probs.push(log_prob);
            own.entropies.push(entropies);
        }
        own
    }

    /// Where the choices of each head of a row begin, how many there are, and which one was taken.
    fn heads(&self, row: usize) -> Vec<(usize, usize, usize)> {
        let sizes = self.model.heads.sizes();
        let taken = &self.actions[row * (sizes.len() + self.model.dim)..][..sizes.len()];
        let mut start = row * self.model.heads.choices();
        let mut heads = Vec::with_capacity(sizes.len());
        for (&size, &code) in sizes.iter().zip(taken) {
            heads.push((start, size, code as usize));
            start += size;
        }
        heads
    }

    /// - sum p log p of a head.
    fn entropy(&self, start: usize, size: usize) -> f32 {
        let entries = self.pi.probs[start..start + size].iter().zip(&self.pi.log_probs[start..start + size]);
        -entries.map(|(prob, log_prob)| prob * log_prob).sum::<f32>()
    }

    fn gaussian(&self, row: usize, entry: usize) -> Gaussian {
        let ActorModel { heads, dim, .. } = self.model;
        let mean = row * self.model.width() + heads.choices() + entry;
        let action = self.actions[row * (heads.sizes().len() + dim) + heads.sizes().len() + entry];
        Gaussian::new(self.outputs[mean], self.outputs[mean + dim], action)
    }

    /// The gradient of a loss at the outputs, `[batch, width]`, from those at log-probabilities, `[batch]`, and at each
    /// entropy.
    ///
    /// d log pi(a) / d logit_j = 1{j = a} - p_j and dH / d logit_j = - p_j (log p_j + H), both 0 for closed choices.
    pub fn gradient(&self, of_log_probs: &[f32], of_entropy: f32) -> Vec<f32> {
        let (width, choices, dim) = (self.model.width(), self.model.heads.choices(), self.model.dim);
        let mut gradient = vec![0.0; self.outputs.len()];
        for (row, of_row) in gradient.chunks_exact_mut(width).enumerate() {
            let of_log_prob = of_log_probs[row];
            for (start, size, chosen) in self.heads(row) {
                let entropy = self.entropy(start, size);
                for choice in (0..size).filter(|choice| self.masks.is_none_or(|masks| masks[start + choice])) {
                    let (prob, log_prob) = (self.pi.probs[start + choice], self.pi.log_probs[start + choice]);
                    let hit = if choice == chosen { 1.0 } else { 0.0 };
                    of_row[start - row * choices + choice] =
                        of_log_prob * (hit - prob) - of_entropy * prob * (log_prob + entropy);
                }
            }
            for entry in 0..dim {
                let [of_mean, of_log_std] = self.gaussian(row, entry).gradient(of_log_prob, of_entropy);
                of_row[choices + entry] = of_mean;
                of_row[choices + dim + entry] = of_log_std;
            }
        }
        gradient
    }
}

#[cfg(test)]
mod tests {
    use super::super::losses::clipped_loss;
    use super::*;
    use crate::nn::{BodyConfig, SquashedGaussian};
    use crate::spec::EnvSpec;
    use mec_envs::gym::{ActionLayout, Part};

    fn model(heads: &[usize], continuous: usize) -> ActorModel {
        let action = ActionLayout { heads: heads.to_vec(), continuous };
        let spec = EnvSpec { observation: vec![Part::new("observation", &[1])], action };
        ActorModel::new("test", &BodyConfig::default(), &spec).unwrap()
    }

    /// Head 1: 1/4 and 3/4, the second taken; head 2 with its second choice closed: 2/5 and 3/5, the first taken.
    #[test]
    fn heads_match_numbers_worked_by_hand() {
        let model = model(&[2, 3], 0);
        let outputs = [0.0, 3.0_f32.ln(), 2.0_f32.ln(), 9.0, 3.0_f32.ln()];
        let masks = [true, true, true, false, true];
        let likelihood = Likelihood::new(&model, &outputs, Some(&masks), &[1.0, 0.0]);
        assert!((likelihood.log_probs[0] - (0.75_f32 * 0.4).ln()).abs() < 1e-6);
        let entropy = -[0.25_f32, 0.75, 0.4, 0.6].iter().map(|p| p * p.ln()).sum::<f32>();
        assert!((likelihood.entropies[0] - entropy).abs() < 1e-6);
        let gradient = likelihood.gradient(&[1.0], 0.0);
        for (found, expected) in gradient.iter().zip([-0.25, 0.25, 0.6, 0.0, -0.6]) {
            assert!((found - expected).abs() < 1e-6, "{gradient:?}");
        }
    }

    #[test]
    fn continuous_entries_have_the_density_they_are_drawn_with() {
        let model = model(&[], 1);
        for (mean, log_std, noise) in [(0.3, -0.5, 0.8), (-1.2, 0.4, -1.1), (0.0, -2.0, 0.1)] {
            let sample = SquashedGaussian::new(mean, log_std).sample(noise);
            let outputs = [mean, log_std];
            let actions = [sample.action];
            let found = Likelihood::new(&model, &outputs, None, &actions).log_probs[0];
            assert!((found - sample.log_prob).abs() < 1e-3, "{found} {}", sample.log_prob);
        }
        // At the edge, and beyond the bounds of the deviation, numbers stay finite.
        let far = Likelihood::new(&model, &[0.0, -30.0], None, &[1.0]);
        assert!(far.log_probs[0].is_finite());
        assert_eq!(far.gradient(&[1.0], 1.0)[1], 0.0);
    }

    /// The whole objective of PPO with its entropy bonus, by differences of the outputs, with mixed actions and masks.
    #[test]
    fn the_gradient_of_the_objective_matches_finite_differences() {
        let model = model(&[2, 3], 1);
        let outputs = [0.3, -0.2, 0.5, 1.0, -0.4, 0.2, -0.3, -0.1, 0.4, 0.2, -0.6, 0.9, -0.2, 0.1];
        let masks = [true, true, true, false, true, true, true, true, true, true];
        let actions = [1.0, 2.0, 0.4, 0.0, 1.0, -0.7];
        let (old, advantages) = ([-2.3, -2.4], [1.5, -0.7]);
        let objective = |outputs: &[f32]| {
            let likelihood = Likelihood::new(&model, outputs, Some(&masks), &actions);
            let loss = clipped_loss(&likelihood.log_probs, &old, &advantages, 5.0);
            let entropy: f32 = likelihood.entropies.iter().sum::<f32>() / 2.0;
            (loss.value - 0.1 * f64::from(entropy), likelihood.gradient(&loss.gradient, -0.1 / 2.0))
        };
        let gradient = objective(&outputs).1;
        assert!(gradient.iter().filter(|entry| entry.abs() > 1e-3).count() > 10, "{gradient:?}");
        for entry in 0..outputs.len() {
            let at = |step: f32| {
                let mut moved = outputs;
                moved[entry] += step;
                objective(&moved).0
            };
            let slope = (at(5e-3) - at(-5e-3)) / 1e-2;
            assert!((f64::from(gradient[entry]) - slope).abs() < 2e-3, "{entry}: {} {slope}", gradient[entry]);
        }
    }
}
