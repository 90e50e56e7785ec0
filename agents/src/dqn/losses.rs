//! The loss of deep Q-learning and its gradient: pure functions of plain numbers.

use serde::{Deserialize, Serialize};

use crate::nn::Heads;

/// How a temporal difference error counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TdLoss {
    /// Huber's loss: e^2 / 2 up to |e| = 1, |e| - 1/2 beyond, which clips the gradient to [-1, 1] as Mnih et al. 2015 do
    /// ("Training algorithm for deep Q-networks"); PyTorch's `smooth_l1_loss`.
    #[default]
    Huber,
    /// e^2 / 2.
    Squared,
}

impl TdLoss {
    /// The loss of an error and its derivative.
    pub fn of(self, error: f32) -> (f32, f32) {
        match self {
            Self::Huber if error.abs() > 1.0 => (error.abs() - 0.5, error.signum()),
            Self::Huber | Self::Squared => (0.5 * error * error, error),
        }
    }
}

/// E[w loss(Q(s, a) - y)] and its gradient at Q(s, a), with the importance weights w of prioritised replay (1 without).
///
/// # Shapes
/// All `[batch]`.
pub fn td_loss(loss: TdLoss, q: &[f32], targets: &[f32], weights: &[f32]) -> (f64, Vec<f32>) {
    let size = q.len() as f32;
    let mut total = 0.0;
    let rows = q.iter().zip(targets).zip(weights).map(|((q, target), weight)| {
        let (value, slope) = loss.of(q - target);
        total += f64::from(weight * value);
        weight * slope / size
    });
    let gradient = rows.collect();
    (total / f64::from(size), gradient)
}

/// argmax_a Q_h(s, a) over the open choices of each head h, `[batch, heads]`.
///
/// # Shapes
/// `q` and `masks` `[batch, choices]`.
pub fn best_actions(q: &[f32], masks: Option<&[bool]>, heads: &Heads) -> Vec<f32> {
    let choices = heads.choices();
    let mut best = Vec::with_capacity(q.len() / choices * heads.sizes().len());
    for (row, q) in q.chunks_exact(choices).enumerate() {
        heads.greedy(q, masks.map(|masks| &masks[row * choices..(row + 1) * choices]), &mut best);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sac::losses::{taken_q, target_q};

    /// Errors 0.5, -3 and 2 with weights 1, 0.5 and 1. Huber: (0.125 + 0.5 x 2.5 + 1.5) / 3 = 2.875 / 3, gradients
    /// 0.5 / 3, -0.5 / 3 and 1 / 3. Squared: (0.125 + 0.5 x 4.5 + 2) / 3 = 4.375 / 3, gradients 0.5 / 3, -1.5 / 3, 2 / 3.
    #[test]
    fn both_losses_match_numbers_worked_by_hand() {
        let (q, targets, weights) = ([1.5, -2.0, 2.0], [1.0, 1.0, 0.0], [1.0, 0.5, 1.0]);
        for (kind, loss, gradient) in
            [(TdLoss::Huber, 2.875, [0.5, -0.5, 1.0]), (TdLoss::Squared, 4.375, [0.5, -1.5, 2.0])]
        {
            let (found, of_q) = td_loss(kind, &q, &targets, &weights);
            assert!((found - loss / 3.0).abs() < 1e-6, "{kind:?}: {found}");
            assert!(of_q.iter().zip(gradient).all(|(found, expected)| (found - expected / 3.0).abs() < 1e-6));
        }
    }

    /// The online network prefers choice 0 of head 1 (its third is closed) and choice 1 of head 2; the target network
    /// gives those 1 and -4, where its own best would be 7 and 2. y = 1 + 0.5 (1 - 4) = -0.5 and 1 + 0.5 x 9 = 5.5.
    #[test]
    fn double_targets_take_the_choice_of_one_network_and_the_value_of_the_other() {
        let heads = Heads::new(&[3, 2]);
        let mask = [true, true, false, true, true];
        let (online, target) = ([5.0, 2.0, 9.0, 0.0, 3.0], [1.0, 7.0, 50.0, 2.0, -4.0]);
        let best = best_actions(&online, Some(&mask), &heads);
        assert_eq!(best, [0.0, 1.0]);
        assert_eq!(target_q(&[1.0], &[0.5], &taken_q(&target, &best, &heads)), [-0.5]);
        let own = best_actions(&target, Some(&mask), &heads);
        assert_eq!(target_q(&[1.0], &[0.5], &taken_q(&target, &own, &heads)), [5.5]);
    }
}
