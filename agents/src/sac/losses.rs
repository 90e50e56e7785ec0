//! The losses of soft actor-critic: pure functions of tensors, one equation each.
//!
//! `[batch, choices]` holds the choices of all heads one after another. `alpha` is `[1, 1]`.

use burn::tensor::Tensor;

use crate::nn::{Categorical, Heads};

/// E_{a ~ pi} [Q(s, a)] under the more pessimistic of two critics.
///
/// With one head this is sum_a pi(a|s) min_i Q_i(s, a), as in Christodoulou 2019. With several it is
/// min_i sum_h sum_a pi_h(a|s) Q_ih(s, a): how a critic splits Q over heads is not determined (adding c to one head and
/// taking it from another changes nothing), so a minimum per head would subtract the two critics' disagreement about
/// that split, which means nothing, from every value.
///
/// # Shapes
/// `pi` and `q` `[batch, choices]`, result `[batch, 1]`.
pub fn expected_q(pi: &Categorical, q: [Tensor<2>; 2], heads: &Heads) -> Tensor<2> {
    let [q_1, q_2] = q;
    let expect = |q: Tensor<2>| (pi.probs.clone() * q).sum_dim(1);
    if heads.sizes().len() == 1 { expect(q_1.min_pair(q_2)) } else { expect(q_1).min_pair(expect(q_2)) }
}

/// H(pi(.|s)) = - sum_h sum_a pi_h(a|s) log pi_h(a|s), the entropy of the joint choice.
///
/// # Shapes
/// Result `[batch, 1]`.
pub fn entropy(pi: &Categorical) -> Tensor<2> {
    (pi.probs.clone() * pi.log_probs.clone()).sum_dim(1) * -1.0
}

/// V(s) = E_{a ~ pi} [Q(s, a) - alpha log pi(a|s)]: equation 10 of Christodoulou 2019.
///
/// # Shapes
/// All `[batch, 1]`, `alpha` `[1, 1]`.
pub fn soft_value(expected_q: Tensor<2>, entropy: Tensor<2>, alpha: &Tensor<2>) -> Tensor<2> {
    expected_q + entropy * alpha.clone()
}

/// y = R + d V(s'): equation 3 of Haarnoja et al. 2018, with n rewards in R and d = gamma^n, or 0 after a termination.
///
/// # Shapes
/// All `[batch, 1]`.
pub fn target_q(rewards: Tensor<2>, discounts: Tensor<2>, next_value: Tensor<2>) -> Tensor<2> {
    rewards + discounts * next_value
}

/// Q(s, a) = sum_h Q_h(s, a_h) of the actions taken, which `one_hot` marks.
///
/// # Shapes
/// Both `[batch, choices]`, result `[batch, 1]`.
pub fn taken_q(q: Tensor<2>, one_hot: &Tensor<2>) -> Tensor<2> {
    (q * one_hot.clone()).sum_dim(1)
}

/// J_Q = E[w (Q(s, a) - y)^2] / 2: equation 5 of Haarnoja et al. 2018, with the importance weights w of prioritised
/// replay (Schaul et al. 2016, algorithm 1), which are 1 where there are none.
///
/// # Shapes
/// All `[batch, 1]`, result `[1]`.
pub fn critic_loss(q: Tensor<2>, target: Tensor<2>, weights: Option<Tensor<2>>) -> Tensor<1> {
    let squares = (q - target).square();
    match weights {
        Some(weights) => (squares * weights).mean() * 0.5,
        None => squares.mean() * 0.5,
    }
}

/// J_pi = E_s E_{a ~ pi} [alpha log pi(a|s) - Q(s, a)] = - E_s [V(s)]: equation 12 of Christodoulou 2019.
///
/// # Shapes
/// All `[batch, 1]`, `alpha` `[1, 1]`, result `[1]`.
pub fn actor_loss(expected_q: Tensor<2>, entropy: Tensor<2>, alpha: &Tensor<2>) -> Tensor<1> {
    soft_value(expected_q, entropy, alpha).mean() * -1.0
}

/// J_pi = E [alpha log pi(a|s) - Q(s, a)] for reparameterised actions: equation 9 of Haarnoja et al. 2018.
///
/// # Shapes
/// `log_prob` and `q` `[batch, 1]`, result `[1]`.
pub fn sampled_actor_loss(log_prob: Tensor<2>, q: Tensor<2>, alpha: &Tensor<2>) -> Tensor<1> {
    (log_prob * alpha.clone() - q).mean()
}

/// The gradient, with respect to log alpha, of J = log alpha x E[H(pi(.|s)) - target(s)], `[1, 1]`.
/// `mean_entropy` is the batch's.
///
/// Equation 18 of Haarnoja et al. 2018 has alpha in the place of the first log alpha; its gradient is alpha times this
/// one and vanishes with alpha. Their code, and stable-baselines3, use the form here.
pub fn log_alpha_gradient(mean_entropy: Tensor<2>, mean_target: f64) -> Tensor<2> {
    mean_entropy - mean_target
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{host, matrix};
    use burn::tensor::Device;

    fn tensor(rows: &[&[f32]]) -> Tensor<2> {
        matrix(rows.concat(), [rows.len(), rows[0].len()], &Device::flex())
    }

    fn close(found: &[f32], expected: &[f32]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
        }
    }

    /// pi = (1/4, 3/4) and, with its second choice closed, (1/2, 0, 1/2).
    fn policy() -> (Categorical, Heads) {
        let heads = Heads::new(&[2, 3]);
        let open = tensor(&[&[1.0, 1.0, 1.0, 0.0, 1.0]]);
        (heads.distribution(tensor(&[&[0.0, 3.0_f32.ln(), 1.0, 7.0, 1.0]]), Some(&open)), heads)
    }

    /// Critic 1: 1/4 x 2 - 3/4 + 1/2 (4 + 6) = 4.75; critic 2: 1/4 x 9 + 3/4 + 1/2 (2 + 1) = 4.5, the smaller one.
    /// A minimum per choice would give 1.25. Closed Q = 100 has no part.
    #[test]
    fn the_expected_q_of_several_heads_is_that_of_the_lower_critic() {
        let (pi, heads) = policy();
        let q = [tensor(&[&[2.0, -1.0, 4.0, 100.0, 6.0]]), tensor(&[&[9.0, 1.0, 2.0, -100.0, 1.0]])];
        close(&host(expected_q(&pi, q, &heads)), &[4.5]);
    }

    #[test]
    fn a_split_of_q_over_heads_does_not_matter() {
        let (pi, heads) = policy();
        let q = [tensor(&[&[2.0, -1.0, 4.0, 0.0, 6.0]]), tensor(&[&[7.0, 4.0, -1.0, -5.0, 1.0]])];
        close(&host(expected_q(&pi, q, &heads)), &[4.75]);
    }

    /// One head, pi = (1/4, 3/4): 1/4 min(2, 5) + 3/4 min(3, -1) = -0.25.
    #[test]
    fn the_expected_q_of_one_head_is_the_minimum_per_choice() {
        let heads = Heads::new(&[2]);
        let pi = heads.distribution(tensor(&[&[0.0, 3.0_f32.ln()]]), None);
        close(&host(expected_q(&pi, [tensor(&[&[2.0, 3.0]]), tensor(&[&[5.0, -1.0]])], &heads)), &[-0.25]);
    }

    /// H = 1/4 ln 4 + 3/4 ln 4/3 + ln 2 = 0.346574 + 0.215762 + 0.693147 = 1.255482; V = 4.5 + 0.5 H = 5.127741;
    /// target entropy 0.3 (ln 2 + ln 2) = 0.415888.
    #[test]
    fn value_entropy_and_temperature_gradient_match_numbers_worked_by_hand() {
        let (q, h, alpha) = (tensor(&[&[4.5]]), entropy(&policy().0), tensor(&[&[0.5]]));
        close(&host(h.clone()), &[1.255_482]);
        close(&host(soft_value(q.clone(), h.clone(), &alpha)), &[5.127_741]);
        close(&host(actor_loss(q, h.clone(), &alpha)), &[-5.127_741]);
        let target = 0.3 * 2.0 * std::f64::consts::LN_2;
        close(&host(log_alpha_gradient(h, target)), &[0.839_594]);
    }

    /// Row 1: 1 + 0.9 x 5 = 5.5; row 2 terminated: -2. Q taken: 2 + 4 = 6 and -1 + 6 = 5.
    /// Loss: ((6 - 5.5)^2 + (5 + 2)^2) / 2 / 2 = 12.3125; with weights 1 and 1/2: (0.25 + 24.5) / 4 = 6.1875.
    #[test]
    fn targets_and_critic_loss_match_numbers_worked_by_hand() {
        let y = target_q(tensor(&[&[1.0], &[-2.0]]), tensor(&[&[0.9], &[0.0]]), tensor(&[&[5.0], &[8.0]]));
        close(&host(y.clone()), &[5.5, -2.0]);
        let q = tensor(&[&[2.0, -1.0, 4.0, 100.0, 6.0], &[2.0, -1.0, 4.0, 100.0, 6.0]]);
        let one_hot = tensor(&[&[1.0, 0.0, 1.0, 0.0, 0.0], &[0.0, 1.0, 0.0, 0.0, 1.0]]);
        close(&host(taken_q(q.clone(), &one_hot)), &[6.0, 5.0]);
        close(&host(critic_loss(taken_q(q.clone(), &one_hot), y.clone(), None)), &[12.3125]);
        let weights = Some(tensor(&[&[1.0], &[0.5]]));
        close(&host(critic_loss(taken_q(q, &one_hot), y, weights)), &[6.1875]);
    }

    /// Mean of 0.5 x (-1) - 3 = -3.5 and 0.5 x 2 - 1 = 0.
    #[test]
    fn the_sampled_actor_loss_matches_a_number_worked_by_hand() {
        let loss = sampled_actor_loss(tensor(&[&[-1.0], &[2.0]]), tensor(&[&[3.0], &[1.0]]), &tensor(&[&[0.5]]));
        close(&host(loss), &[-1.75]);
    }

    /// One head with logits (0, 0), alpha = 1 and Q = (1, 0): dJ/dlogit_i = p_i (log p_i - Q_i - sum_j p_j (log p_j -
    /// Q_j)) = 1/2 (-Q_i + 1/2) = (-1/4, 1/4).
    #[test]
    fn the_actor_gradient_matches_a_number_worked_by_hand() {
        let logits = tensor(&[&[0.0, 0.0]]).autodiff().require_grad();
        let heads = Heads::new(&[2]);
        let pi = heads.distribution(logits.clone(), None);
        let q = expected_q(&pi, [tensor(&[&[1.0, 0.0]]), tensor(&[&[1.0, 0.0]])], &heads);
        let gradients = actor_loss(q, entropy(&pi), &tensor(&[&[1.0]])).backward();
        close(&host(logits.grad(&gradients).unwrap()), &[-0.25, 0.25]);
    }
}
