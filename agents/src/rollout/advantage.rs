//! [`advantages`]: generalised advantage estimation.

use super::followers;
use crate::transition::Transitions;

/// How far returns look, and what they count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Returns {
    /// Discount per step.
    pub gamma: f64,
    /// Lambda: 0 bootstraps after one step, 1 only where the rows of an episode end.
    pub lambda: f64,
    /// Rewards are multiplied by this.
    pub reward_scale: f64,
}

/// A_t = delta_t + gamma lambda A_(t+1) with delta_t = r_t + gamma V(s_(t+1)) - V(s_t): equation 16 of Schulman et al.
/// 2016 (arXiv:1506.02438), the sum cut where the rows of an episode end.
///
/// Nothing is added after a termination; at a truncation and where a stream's rows end, V of the true next state is
/// (Pardo et al. 2018, arXiv:1712.00378).
///
/// # Shapes
/// `values` holds V(s) and `next_values` V(s'), `[n]` each; the latter is not read at terminations. Result `[n]`.
pub fn advantages(rows: &Transitions, values: &[f32], next_values: &[f32], returns: Returns) -> Vec<f32> {
    let followers = followers(rows);
    let mut advantages = vec![0.0_f64; rows.len()];
    for row in (0..rows.len()).rev() {
        let next = if rows.terminated[row] { 0.0 } else { f64::from(next_values[row]) };
        let reward = f64::from(rows.rewards[row]) * returns.reward_scale;
        let delta = reward + returns.gamma * next - f64::from(values[row]);
        let later = followers[row].map_or(0.0, |later| advantages[later]);
        advantages[row] = delta + returns.gamma * returns.lambda * later;
    }
    advantages.into_iter().map(|advantage| advantage as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two streams in turn. Stream 0: rewards 1, 2, 3, terminated at the last. Stream 1: rewards 4, 5, cut short at
    /// the first, whose true last state has the value 7, and going on after the second towards a state of value 9.
    fn rows() -> Transitions {
        Transitions {
            rewards: vec![1.0, 4.0, 2.0, 5.0, 3.0],
            terminated: vec![false, false, false, false, true],
            truncated: vec![false, true, false, false, false],
            env: vec![0, 1, 0, 1, 0],
            ..Transitions::default()
        }
    }

    /// With gamma = 1/2 and lambda = 1/2, V(s) = 10, 20, 30, 40, 50 and V(s') = 30, 7, 50, 9, 99:
    /// delta = 1 + 15 - 10 = 6, 4 + 3.5 - 20 = -12.5, 2 + 25 - 30 = -3, 5 + 4.5 - 40 = -30.5, 3 - 50 = -47;
    /// A_4 = -47, A_2 = -3 - 47/4 = -14.75, A_0 = 6 - 14.75/4 = 2.3125.
    #[test]
    fn advantages_match_numbers_worked_by_hand() {
        let returns = Returns { gamma: 0.5, lambda: 0.5, reward_scale: 1.0 };
        let found = advantages(&rows(), &[10.0, 20.0, 30.0, 40.0, 50.0], &[30.0, 7.0, 50.0, 9.0, 99.0], returns);
        assert_eq!(found, [2.3125, -12.5, -14.75, -30.5, -47.0]);
    }

    /// With lambda = 1 and V = 0 they are the discounted returns: 3; 2 + 1.5 = 3.5; 1 + 1.75 = 2.75, twice that when
    /// rewards are doubled.
    #[test]
    fn with_lambda_one_and_no_values_they_are_the_discounted_returns() {
        let returns = Returns { gamma: 0.5, lambda: 1.0, reward_scale: 2.0 };
        assert_eq!(advantages(&rows(), &[0.0; 5], &[0.0; 5], returns), [5.5, 8.0, 7.0, 10.0, 6.0]);
    }
}
