//! The equations of soft actor-critic in tensors that autodiff can record: those of [`losses`](super::losses) and
//! [`Decision`](super::decision::Decision), for networks on a device.
//!
//! Columns are `[batch, 1]`. What an action has not (heads, or continuous entries) is `None`.

use burn::tensor::Tensor;
use burn::tensor::activation::log_softmax;

use super::losses::Ensemble;
use super::networks::Model;
use crate::nn::{LOG_STD_MAX, LOG_STD_MIN, total};

/// In place of the logits of closed choices.
const CLOSED: f32 = f32::MIN;

/// The policy in each state of a batch, with one continuous action drawn in each.
#[derive(Clone)]
pub(super) struct TensorDecision {
    /// pi(a), 0 for closed choices, `[batch, choices]`.
    probs: Option<Tensor<2>>,
    /// The continuous entries drawn, `[batch, dim]`.
    pub(super) actions: Option<Tensor<2>>,
    /// Entropies of heads and of continuous entries, columns; the latter are - log pi of what was drawn.
    pub(super) entropies: [Option<Tensor<2>>; 2],
}

impl TensorDecision {
    /// From the outputs of the actor, `[batch, outputs]`; `open` is 1 where a choice is open and 0 elsewhere,
    /// `[batch, choices]`, and `noise` standard normal, `[batch, dim]`.
    pub(super) fn new(model: &Model, outputs: &Tensor<2>, open: Option<&Tensor<2>>, noise: Option<&Tensor<2>>) -> Self {
        let choices = model.heads.choices();
        let log_probs =
            (choices > 0).then(|| log_probs(outputs.clone().narrow(1, 0, choices), model.heads.sizes(), open));
        let probs = log_probs.clone().map(|log_probs| match open {
            Some(open) => log_probs.exp() * open.clone(),
            None => log_probs.exp(),
        });
        let of_heads = probs.clone().zip(log_probs).map(|(probs, log_probs)| -(probs * log_probs).sum_dim(1));
        let drawn = noise.map(|noise| {
            let means = outputs.clone().narrow(1, choices, model.dim);
            let log_stds = outputs.clone().narrow(1, choices + model.dim, model.dim).clamp(LOG_STD_MIN, LOG_STD_MAX);
            squashed(means, log_stds, noise.clone())
        });
        let (actions, of_entries) = drawn.map(|(actions, log_probs)| (actions, -log_probs.sum_dim(1))).unzip();
        Self { probs, actions, entropies: [of_heads, of_entries] }
    }

    /// V(s) under the Q values of some critics, `[critics, batch, choices]`, as [`losses::shares`](super::losses::shares)
    /// and [`losses::soft_value`](super::losses::soft_value) define it.
    pub(super) fn values(&self, ensemble: Ensemble, q: &Tensor<3>, heads: usize, alphas: &[Tensor<2>; 2]) -> Tensor<2> {
        let expected = |q: Tensor<2>| match &self.probs {
            Some(probs) => (probs.clone() * q).sum_dim(1),
            None => q,
        };
        let [critics, batch, choices] = q.dims();
        let q = (0..critics).map(|critic| q.clone().narrow(0, critic, 1).reshape([batch, choices]));
        let expected = match ensemble {
            Ensemble::Mean => expected(q.reduce(|sum, q| sum + q).expect("there is a critic") / critics as f32),
            Ensemble::Min if heads <= 1 => expected(q.reduce(Tensor::min_pair).expect("there is a critic")),
            Ensemble::Min => q.map(expected).reduce(Tensor::min_pair).expect("there is a critic"),
        };
        let entropies = self.entropies.iter().zip(alphas);
        entropies.fold(expected, |value, (entropy, alpha)| match entropy {
            Some(entropy) => value + entropy.clone() * alpha.clone(),
            None => value,
        })
    }
}

/// log pi(a) per head, 0 for closed choices.
fn log_probs(logits: Tensor<2>, heads: &[usize], open: Option<&Tensor<2>>) -> Tensor<2> {
    let closed = open.map(|open| open.clone().equal_elem(0.0));
    let logits = match &closed {
        Some(closed) => logits.mask_fill(closed.clone(), CLOSED),
        None => logits,
    };
    let mut start = 0;
    let of_heads = heads.iter().map(|&size| {
        start += size;
        log_softmax(logits.clone().narrow(1, start - size, size), 1)
    });
    let log_probs = Tensor::cat(of_heads.collect(), 1);
    match closed {
        // Not a product, which 0 x inf would spoil.
        Some(closed) => log_probs.mask_fill(closed, 0.0),
        None => log_probs,
    }
}

/// a = tanh(mean + std x noise) and log pi(a), entry by entry: see [`SquashedGaussian`](crate::nn::SquashedGaussian).
fn squashed(means: Tensor<2>, log_stds: Tensor<2>, noise: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    let u = means + log_stds.clone().exp() * noise.clone();
    let distance = u.clone().abs();
    // - log (1 - tanh(u)^2) / 2, which is even in u.
    let slope = distance.clone() + (distance * -2.0).exp().log1p() - std::f32::consts::LN_2;
    let log_normal = -(noise.square() * 0.5) - log_stds - 0.5 * std::f32::consts::TAU.ln();
    (u.tanh(), log_normal + slope * 2.0)
}

/// Q(s, a) of the choices taken, `[critics, batch, 1]`; `taken` is 1 for those and 0 elsewhere, `[batch, choices]`.
pub(super) fn taken_q(q: Tensor<3>, taken: Option<&Tensor<2>>) -> Tensor<3> {
    match taken {
        Some(taken) => (q * taken.clone().unsqueeze()).sum_dim(2),
        None => q,
    }
}

/// y of [`losses::target_q`](super::losses::target_q), of columns.
pub(super) fn target_q(returns: Tensor<2>, discounts: Tensor<2>, next_values: Tensor<2>) -> Tensor<2> {
    let terminated = discounts.clone().equal_elem(0.0);
    // A terminated row has no next value: 0 x inf would be NaN.
    returns + (discounts * next_values).mask_fill(terminated, 0.0)
}

/// The sum over critics of J_Q of [`losses::critic_loss`](super::losses::critic_loss), of Q(s, a), `[critics, batch, 1]`,
/// and columns.
pub(super) fn critic_loss(q: Tensor<3>, targets: Tensor<2>, weights: Tensor<2>) -> Tensor<1> {
    let batch = q.dims()[1] as f32;
    total((q - targets.unsqueeze()).square() * weights.unsqueeze()) * (0.5 / batch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::read;
    use burn::tensor::Device;

    /// Priors may be of any size.
    #[test]
    fn closed_choices_are_not_taken_however_low_or_high_the_logits_of_open_ones_are() {
        let row = |entries: [f32; 3]| Tensor::<2>::from_data([entries], &Device::flex());
        let open = row([1.0, 1.0, 0.0]);
        for scale in [1e12, 1e30, 3e38] {
            for (logits, expected) in [([-1.0, -0.9, 1.0], [0.0, 1.0, 0.0]), ([1.0, 0.9, -1.0], [1.0, 0.0, 0.0])] {
                let log_probs = log_probs(row(logits.map(|logit| logit * scale)), &[3], Some(&open));
                let probs = log_probs.clone().exp() * open.clone();
                assert_eq!(read(probs.clone()), expected);
                assert_eq!(read((probs * log_probs).sum_dim(1)), [0.0], "no entropy");
            }
        }
    }

    /// Row 1: 1 + 0.9 x 5 = 5.5; row 2 terminated: -2, whatever came after.
    #[test]
    fn targets_match_numbers_worked_by_hand() {
        let column = |values: [f32; 2]| Tensor::<2>::from_data([[values[0]], [values[1]]], &Device::flex());
        for beyond in [f32::INFINITY, f32::NAN] {
            let y = target_q(column([1.0, -2.0]), column([0.9, 0.0]), column([5.0, beyond]));
            assert_eq!(read(y), [5.5, -2.0]);
        }
    }
}
