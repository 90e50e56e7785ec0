//! How step sizes fall during training.

/// The share of a step size that is left after that many environment steps: 1 at first, falling linearly to 0 at
/// `decay_steps` and staying there (`lin_` in RL Zoo's hyperparameters); always 1 without `decay_steps`.
pub fn share_left(env_steps: u64, decay_steps: Option<u64>) -> f64 {
    decay_steps.map_or(1.0, |decay_steps| (1.0 - env_steps as f64 / decay_steps as f64).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_falls_linearly_to_zero_and_stays_one_without_a_decay() {
        assert_eq!([0, 25, 100, 200].map(|steps| share_left(steps, Some(100))), [1.0, 0.75, 0.0, 0.0]);
        assert_eq!(share_left(1_000_000, None), 1.0);
    }
}
