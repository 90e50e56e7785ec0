//! The performance profile.

use mec_envs::rng::Prng;

use super::{Estimate, bootstrap_curve};

/// The share of scores above each of the `thresholds` (the run-score distribution), with pointwise 95 % intervals by a
/// stratified percentile bootstrap. Where one method's profile is above another's everywhere, it is better in every
/// quantile.
///
/// # Shapes
/// `scores[task][run]`; one estimate per threshold.
///
/// Complexity: O(resamples x scores x thresholds).
///
/// # Panics
/// When there is no score, or `resamples` is 0.
pub fn performance_profile(scores: &[Vec<f64>], thresholds: &[f64], resamples: usize, rng: &mut Prng) -> Vec<Estimate> {
    let shares = |scores: &[f64]| thresholds.iter().map(|&threshold| share_above(scores, threshold)).collect();
    bootstrap_curve(scores, shares, resamples, rng)
}

/// The share of scores above a threshold; NaN of none.
pub fn share_above(scores: &[f64], threshold: f64) -> f64 {
    scores.iter().filter(|&&score| score > threshold).count() as f64 / scores.len() as f64
}

#[cfg(test)]
mod tests {
    use mec_envs::rng::stream;

    use super::*;

    #[test]
    fn shares_are_of_all_runs_and_tasks_and_a_score_at_the_threshold_is_not_above_it() {
        let scores = [vec![1.0, 2.0], vec![3.0, 4.0]];
        let profile = performance_profile(&scores, &[0.0, 2.0, 4.0], 100, &mut stream(1, "test"));
        let values: Vec<f64> = profile.iter().map(|point| point.value).collect();
        assert_eq!(values, [1.0, 0.5, 0.0]);
        assert_eq!(profile[0], Estimate::exact(1.0));
        // The first task stays below 2 in every draw, and the second above it.
        assert_eq!(profile[1], Estimate::exact(0.5));
    }
}
