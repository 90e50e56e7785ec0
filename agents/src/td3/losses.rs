//! The losses of TD3 and DDPG and their gradients: pure functions of plain numbers, one equation each. Targets and the
//! critics' losses are [those of soft actor-critic](crate::sac::losses) without an entropy.

/// a = clip(a + clip(noise, -c, c), -1, 1), the action of a target: equation 14 of Fujimoto et al. 2018.
pub fn smoothed(action: f32, noise: f32, clip: f32) -> f32 {
    (action + noise.clamp(-clip, clip)).clamp(-1.0, 1.0)
}

/// The smallest value of all critics, `[batch]`: equation 10 of Fujimoto et al. 2018. What is no number stays none.
///
/// # Shapes
/// Each of `q`, at least one, `[batch]`.
pub fn smallest(q: &[Vec<f32>]) -> Vec<f32> {
    let mut smallest = q[0].clone();
    for q in &q[1..] {
        smallest.iter_mut().zip(q).for_each(|(least, &q)| {
            // Where q is smaller or no number.
            if !(*least <= q || least.is_nan()) {
                *least = q;
            }
        });
    }
    smallest
}

/// J = - E[Q(s, pi(s))] and its gradient at Q, `[batch]`: the objective whose gradient is equation 6 of Lillicrap et al.
/// 2016.
pub fn actor_loss(q: &[f32]) -> (f64, Vec<f32>) {
    let size = q.len() as f32;
    let mean = q.iter().map(|&q| f64::from(q)).sum::<f64>() / f64::from(size);
    (-mean, vec![-1.0 / size; q.len()])
}

/// The gradient at u where actions are tanh(u), from the one at the actions: da/du = 1 - a^2.
pub fn tanh_gradient(of_actions: &[f32], actions: &[f32]) -> Vec<f32> {
    of_actions.iter().zip(actions).map(|(of_action, action)| of_action * (1.0 - action * action)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sac::losses::target_q;

    #[test]
    fn the_noise_of_a_target_is_cut_and_so_is_its_action() {
        let found =
            [(0.2, 0.1), (0.2, 3.0), (0.2, -3.0), (0.9, 0.4)].map(|(action, noise)| smoothed(action, noise, 0.5));
        for (found, expected) in found.iter().zip([0.3, 0.7, -0.3, 1.0]) {
            assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
        }
    }

    /// y = 1 + 0.5 min(4, 3) = 2.5, and -2 where the process terminated.
    #[test]
    fn targets_match_numbers_worked_by_hand() {
        let lower = smallest(&[vec![4.0, 1.0], vec![3.0, 2.0]]);
        assert_eq!(lower, [3.0, 1.0]);
        assert_eq!(target_q(&[1.0, -2.0], &[0.5, 0.0], &lower), [2.5, -2.0]);
        assert_eq!(smallest(&[vec![4.0]]), [4.0]);
    }

    #[test]
    fn the_actor_climbs_the_mean_value() {
        let (loss, gradient) = actor_loss(&[1.0, 4.0]);
        assert_eq!((loss, gradient), (-2.5, vec![-0.5, -0.5]));
    }

    /// Of 0.7 tanh(u), by differences of u.
    #[test]
    fn the_gradient_through_tanh_matches_finite_differences() {
        for u in [-1.5_f32, 0.0, 0.4] {
            let slope = 0.7 * ((u + 0.01).tanh() - (u - 0.01).tanh()) / 0.02;
            assert!((tanh_gradient(&[0.7], &[u.tanh()])[0] - slope).abs() < 1e-4, "{u}");
        }
    }
}
