//! The losses of soft actor-critic and their gradients: pure functions of plain numbers, one equation each.
//!
//! `[batch, choices]` holds the choices of all heads one after another; without heads there is one "choice" of
//! probability 1, so that a critic's single value per row is its expectation.

use serde::{Deserialize, Serialize};

use crate::nn::{Categorical, Heads};

/// Which value of several critics counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ensemble {
    /// The smallest one: clipped double Q-learning (Fujimoto et al. 2018, arXiv:1802.09477, equation 10).
    #[default]
    Min,
    /// Their mean: what REDQ improves its actor by (Chen et al. 2021, arXiv:2101.05982, algorithm 1, line 11).
    Mean,
}

/// The share that each critic has in the value that counts, `[batch, choices]` per critic; they sum to 1.
///
/// The smallest one is taken per choice when there is at most one head, as in Christodoulou 2019. With several heads it
/// is taken of the expected Q: how a critic splits Q over heads is not determined (adding c to one head and taking it
/// from another changes nothing), so a minimum per head would subtract the critics' disagreement about that split,
/// which means nothing, from every value.
///
/// # Shapes
/// Each of `q`, and `pi`, `[batch, choices]`.
pub fn shares(ensemble: Ensemble, q: &[Vec<f32>], pi: &Categorical, heads: &Heads) -> Vec<Vec<f32>> {
    let entries = pi.probs.len();
    if ensemble == Ensemble::Mean || q.len() == 1 {
        return vec![vec![1.0 / q.len() as f32; entries]; q.len()];
    }
    let mut shares = vec![vec![0.0; entries]; q.len()];
    if heads.sizes().len() <= 1 {
        for entry in 0..entries {
            shares[smallest(q, |q| q[entry])][entry] = 1.0;
        }
        return shares;
    }
    let choices = heads.choices();
    for start in (0..entries).step_by(choices) {
        let row = start..start + choices;
        let lower = smallest(q, |q| q[row.clone()].iter().zip(&pi.probs[row.clone()]).map(|(q, p)| q * p).sum());
        shares[lower][row].fill(1.0);
    }
    shares
}

/// The first of the critics with the smallest value.
fn smallest(q: &[Vec<f32>], value: impl Fn(&[f32]) -> f32) -> usize {
    let values = q.iter().map(|q| value(q)).enumerate();
    values.reduce(|least, next| if next.1 < least.1 { next } else { least }).map_or(0, |(index, _)| index)
}

/// The value that counts, `[batch, choices]`: the sum of the critics' by their shares.
pub fn blend(shares: &[Vec<f32>], q: &[Vec<f32>]) -> Vec<f32> {
    let mut blended = vec![0.0; q[0].len()];
    for (shares, q) in shares.iter().zip(q) {
        for (sum, (share, q)) in blended.iter_mut().zip(shares.iter().zip(q)) {
            *sum += share * q;
        }
    }
    blended
}

/// E_{a ~ pi} Q(s, a) = sum_h sum_a pi_h(a|s) Q_h(s, a), `[batch]`.
pub fn expected(pi: &Categorical, q: &[f32], choices: usize) -> Vec<f32> {
    let rows = pi.probs.chunks_exact(choices).zip(q.chunks_exact(choices));
    rows.map(|(probs, q)| probs.iter().zip(q).map(|(prob, q)| prob * q).sum()).collect()
}

/// H(pi(.|s)) = - sum_h sum_a pi_h(a|s) log pi_h(a|s), the entropy of the joint choice, `[batch]`.
pub fn entropy(pi: &Categorical, choices: usize) -> Vec<f32> {
    expected(pi, &pi.log_probs, choices).into_iter().map(|sum| -sum).collect()
}

/// V(s) = E Q(s, a) + alpha H(pi(.|s)): equation 10 of Christodoulou 2019, and equation 3 of Haarnoja et al. 2018 with
/// H estimated by - log pi(a|s) of the action drawn. Categorical and continuous actions have an alpha of their own.
///
/// # Shapes
/// All `[batch]`.
pub fn soft_value(expected_q: &[f32], entropies: [&[f32]; 2], alphas: [f32; 2]) -> Vec<f32> {
    let [discrete, continuous] = entropies;
    let rows = expected_q.iter().zip(discrete.iter().zip(continuous));
    rows.map(|(q, (discrete, continuous))| q + alphas[0] * discrete + alphas[1] * continuous).collect()
}

/// y = R + discount V(s'): equation 5 of Haarnoja et al. 2018, with R the sum of the rewards on the way to s' and the
/// discount gamma^n, or 0 where the process terminated.
///
/// # Shapes
/// All `[batch]`.
pub fn target_q(returns: &[f32], discounts: &[f32], next_values: &[f32]) -> Vec<f32> {
    let rows = returns.iter().zip(discounts.iter().zip(next_values));
    // A terminated row has no next value: 0 x inf would be NaN.
    rows.map(|(sum, (&discount, value))| if discount == 0.0 { *sum } else { sum + discount * value }).collect()
}

/// Q(s, a) = sum_h Q_h(s, a_h) of the choices taken, `[batch]`.
///
/// # Shapes
/// `q` `[batch, choices]`; `actions` `[batch, codes]`, of which the first are the heads' choices.
pub fn taken_q(q: &[f32], actions: &[f32], heads: &Heads) -> Vec<f32> {
    let choices = heads.choices().max(1);
    let codes = actions.len() / (q.len() / choices).max(1);
    let rows = q.chunks_exact(choices).enumerate();
    rows.map(|(row, q)| places(&actions[row * codes..], heads).map(|place| q[place]).sum()).collect()
}

/// The gradient at Q, `[batch, choices]`, from the one at Q(s, a), `[batch]`: it reaches the choices taken alone.
pub fn taken_gradient(gradient: &[f32], actions: &[f32], heads: &Heads) -> Vec<f32> {
    let choices = heads.choices().max(1);
    let codes = actions.len() / gradient.len().max(1);
    let mut of_q = vec![0.0; gradient.len() * choices];
    for (row, (of_row, gradient)) in of_q.chunks_exact_mut(choices).zip(gradient).enumerate() {
        places(&actions[row * codes..], heads).for_each(|place| of_row[place] = *gradient);
    }
    of_q
}

/// Where the choices taken stand in a row of all choices; the single place of a row without heads.
fn places(actions: &[f32], heads: &Heads) -> impl Iterator<Item = usize> {
    let lone = heads.sizes().is_empty().then_some(0);
    let starts = heads.sizes().iter().scan(0, |start, &size| {
        let this = *start;
        *start += size;
        Some((this, size))
    });
    lone.into_iter().chain(starts.zip(actions).map(|((start, size), &action)| start + (action as usize).min(size - 1)))
}

/// J_Q = E[w (Q(s, a) - y)^2] / 2 and its gradient at Q(s, a): equation 5 of Haarnoja et al. 2018, with the importance
/// weights w of prioritised replay (1 without).
///
/// # Shapes
/// All `[batch]`.
pub fn critic_loss(q: &[f32], targets: &[f32], weights: &[f32]) -> (f64, Vec<f32>) {
    let size = q.len() as f32;
    let rows = || q.iter().zip(targets).zip(weights).map(|((q, target), weight)| (q - target, weight));
    let loss = rows().map(|(error, weight)| f64::from(weight * error * error)).sum::<f64>();
    (0.5 * loss / f64::from(size), rows().map(|(error, weight)| weight * error / size).collect())
}

/// J_pi = - E_s [V(s)]: equation 12 of Christodoulou 2019, equation 9 of Haarnoja et al. 2018.
pub fn actor_loss(values: &[f32]) -> f64 {
    -values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len() as f64
}

/// The gradient of [`actor_loss`] at the logits, `[batch, choices]`: with c(a) = alpha log pi(a) - Q(a), it is
/// pi(a) (c(a) - E_pi c) / batch, head by head.
pub fn logit_gradient(pi: &Categorical, q: &[f32], alpha: f32, heads: &Heads) -> Vec<f32> {
    let choices = heads.choices();
    let size = (pi.probs.len() / choices.max(1)) as f32;
    let mut gradient = Vec::with_capacity(pi.probs.len());
    for row in (0..pi.probs.len()).step_by(choices.max(1)) {
        let mut start = row;
        for &len in heads.sizes() {
            let cost = |entry: usize| alpha * pi.log_probs[entry] - q[entry];
            let mean: f32 = (start..start + len).map(|entry| pi.probs[entry] * cost(entry)).sum();
            gradient.extend((start..start + len).map(|entry| pi.probs[entry] * (cost(entry) - mean) / size));
            start += len;
        }
    }
    gradient
}

/// The gradient of [`actor_loss`] at the Q values of one critic, `[batch, choices]`: - pi(a) share(a) / batch.
pub fn value_gradient(pi: &Categorical, shares: &[f32], choices: usize) -> Vec<f32> {
    let size = (shares.len() / choices) as f32;
    pi.probs.iter().zip(shares).map(|(prob, share)| -prob * share / size).collect()
}

/// The gradient, with respect to log alpha, of J = log alpha x E[H(pi(.|s)) - target(s)].
///
/// Equation 18 of Haarnoja et al. 2018 has alpha in the place of the first log alpha; its gradient is alpha times this
/// one and vanishes with alpha. Their code, and stable-baselines3, use the form here.
pub fn log_alpha_gradient(mean_entropy: f64, mean_target: f64) -> f64 {
    mean_entropy - mean_target
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{read, tensor};
    use burn::tensor::activation::log_softmax;
    use burn::tensor::{Device, Tensor};

    fn close(found: &[f32], expected: &[f32]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
        }
    }

    /// pi = (1/4, 3/4) and, with its second choice closed, (1/2, 0, 1/2).
    fn policy() -> (Categorical, Heads) {
        let heads = Heads::new(&[2, 3]);
        let mask = [true, true, true, false, true];
        (heads.distribution(&[0.0, 3.0_f32.ln(), 1.0, 7.0, 1.0], Some(&mask)), heads)
    }

    fn lower(q: &[Vec<f32>], pi: &Categorical, heads: &Heads) -> Vec<f32> {
        expected(pi, &blend(&shares(Ensemble::Min, q, pi, heads), q), heads.choices())
    }

    /// Critic 1: 1/4 x 2 - 3/4 + 1/2 (4 + 6) = 4.75; critic 2: 1/4 x 9 + 3/4 + 1/2 (2 + 1) = 4.5, the smaller one.
    /// A minimum per choice would give 1.25. Closed Q = 100 has no part. The mean is 4.625.
    #[test]
    fn the_expected_q_of_several_heads_is_that_of_the_lower_critic() {
        let (pi, heads) = policy();
        let q = [vec![2.0, -1.0, 4.0, 100.0, 6.0], vec![9.0, 1.0, 2.0, -100.0, 1.0]];
        close(&lower(&q, &pi, &heads), &[4.5]);
        let mean = blend(&shares(Ensemble::Mean, &q, &pi, &heads), &q);
        close(&expected(&pi, &mean, 5), &[4.625]);
    }

    #[test]
    fn a_split_of_q_over_heads_does_not_matter() {
        let (pi, heads) = policy();
        close(&lower(&[vec![2.0, -1.0, 4.0, 0.0, 6.0], vec![7.0, 4.0, -1.0, -5.0, 1.0]], &pi, &heads), &[4.75]);
    }

    /// One head, pi = (1/4, 3/4): 1/4 min(2, 5) + 3/4 min(3, -1) = -0.25.
    #[test]
    fn the_expected_q_of_one_head_is_the_minimum_per_choice() {
        let heads = Heads::new(&[2]);
        let pi = heads.distribution(&[0.0, 3.0_f32.ln()], None);
        close(&lower(&[vec![2.0, 3.0], vec![5.0, -1.0]], &pi, &heads), &[-0.25]);
    }

    /// H = 1/4 ln 4 + 3/4 ln 4/3 + ln 2 = 0.346574 + 0.215762 + 0.693147 = 1.255482; V = 4.5 + 0.5 H = 5.127741, and
    /// with a continuous part of log density -2 and alpha 0.1, 0.2 more; target entropy 0.3 (ln 2 + ln 2) = 0.415888.
    #[test]
    fn value_entropy_and_temperature_gradient_match_numbers_worked_by_hand() {
        let h = entropy(&policy().0, 5);
        close(&h, &[1.255_482]);
        let value = soft_value(&[4.5], [&h, &[2.0]], [0.5, 0.1]);
        close(&value, &[5.327_741]);
        assert!((actor_loss(&value) + 5.327_741).abs() < 1e-5);
        let target = 0.3 * 2.0 * std::f64::consts::LN_2;
        assert!((log_alpha_gradient(f64::from(h[0]), target) - 0.839_594).abs() < 1e-5);
    }

    /// Row 1: 1 + 0.9 x 5 = 5.5; row 2 terminated: -2. Q taken: 2 + 4 = 6 and -1 + 6 = 5.
    /// Loss: (1 x (6 - 5.5)^2 + 0.5 x (5 + 2)^2) / 2 / 2 = 6.1875; gradients 1 x 0.5 / 2 and 0.5 x 7 / 2.
    #[test]
    fn targets_and_critic_loss_match_numbers_worked_by_hand() {
        let y = target_q(&[1.0, -2.0], &[0.9, 0.0], &[5.0, f32::INFINITY]);
        close(&y, &[5.5, -2.0]);
        let (q, actions) = ([2.0, -1.0, 4.0, 100.0, 6.0].repeat(2), [0.0, 0.0, 1.0, 2.0]);
        let heads = Heads::new(&[2, 3]);
        let taken = taken_q(&q, &actions, &heads);
        close(&taken, &[6.0, 5.0]);
        let (loss, gradient) = critic_loss(&taken, &y, &[1.0, 0.5]);
        assert!((loss - 6.1875).abs() < 1e-6);
        close(&gradient, &[0.25, 1.75]);
        let of_q = taken_gradient(&gradient, &actions, &heads);
        close(&of_q, &[0.25, 0.0, 0.25, 0.0, 0.0, 0.0, 1.75, 0.0, 0.0, 1.75]);
        close(&taken_q(&[3.0, 4.0], &[0.1, 0.2], &Heads::new(&[])), &[3.0, 4.0]);
    }

    /// One head with logits (0, 0), alpha = 1 and Q = (1, 0): dJ/dlogit_i = p_i (log p_i - Q_i - sum_j p_j (log p_j -
    /// Q_j)) = 1/2 (-Q_i + 1/2) = (-1/4, 1/4).
    #[test]
    fn the_actor_gradient_matches_a_number_worked_by_hand() {
        let heads = Heads::new(&[2]);
        let pi = heads.distribution(&[0.0, 0.0], None);
        close(&logit_gradient(&pi, &[1.0, 0.0], 1.0, &heads), &[-0.25, 0.25]);
    }

    /// The same loss written in tensors of burn and differentiated by it, for two rows of two heads.
    #[test]
    fn actor_gradients_agree_with_autodiff() {
        let heads = Heads::new(&[2, 2]);
        let (logits, alpha) = ([0.3, -0.2, 1.1, 0.4, -0.7, 0.0, 0.2, 2.0], 0.3);
        let q = [vec![1.0, 0.5, -0.2, 0.3, 0.1, 0.9, 0.4, 0.0], vec![0.8, 0.9, -0.1, 0.2, 0.3, 0.2, 0.1, 0.1]];
        let pi = heads.distribution(&logits, None);
        let shares = shares(Ensemble::Min, &q, &pi, &heads);
        let device = Device::flex();
        let leaf = tensor(logits.to_vec(), [4, 2], &device).autodiff().require_grad();
        let of_q: Vec<Tensor<2>> =
            q.iter().map(|q| tensor(q.clone(), [4, 2], &device).autodiff().require_grad()).collect();
        let log_pi = log_softmax(leaf.clone(), 1);
        let per_row = |values: Tensor<2>| values.sum_dim(1).reshape([2, 2]).sum_dim(1);
        let expect = |q: &Tensor<2>| per_row(log_pi.clone().exp() * q.clone());
        let entropy = per_row(log_pi.clone().exp() * log_pi.clone()) * -1.0;
        let value = expect(&of_q[0]).min_pair(expect(&of_q[1])) + entropy * alpha;
        let gradients = (value.mean() * -1.0).backward();
        let found = logit_gradient(&pi, &blend(&shares, &q), alpha, &heads);
        close(&found, &read(leaf.grad(&gradients).unwrap()));
        for (critic, shares) in of_q.iter().zip(&shares) {
            close(&value_gradient(&pi, shares, 4), &read(critic.grad(&gradients).unwrap()));
        }
    }
}
