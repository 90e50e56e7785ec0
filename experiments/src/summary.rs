//! Statistics of results: location, spread, bootstrap intervals, and paired differences.
//!
//! Inputs must not be empty and must be finite; both are asserted.

use std::collections::BTreeMap;

use mec_envs::offload::metrics::percentile;
use mec_envs::rng::Prng;
use rand::RngExt;
use serde::{Deserialize, Serialize};

/// A figure with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Estimate {
    /// A figure without uncertainty.
    pub fn exact(value: f64) -> Self {
        Self { value, low: value, high: value }
    }

    /// Half the width of the interval.
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

/// The arithmetic mean.
///
/// # Panics
/// When `values` is empty.
pub fn mean(values: &[f64]) -> f64 {
    assert!(!values.is_empty(), "the mean of no values does not exist");
    values.iter().sum::<f64>() / values.len() as f64
}

/// The sample standard deviation (divisor n - 1); 0 for a single value.
///
/// # Panics
/// When `values` is empty.
pub fn std_dev(values: &[f64]) -> f64 {
    let centre = mean(values);
    let squares: f64 = values.iter().map(|value| (value - centre).powi(2)).sum();
    (squares / (values.len().max(2) - 1) as f64).sqrt()
}

fn sorted(values: &[f64]) -> Vec<f64> {
    assert!(!values.is_empty(), "the order of no values does not exist");
    assert!(values.iter().all(|value| !value.is_nan()), "NaN has no place in an order");
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The `statistic` of all samples, with its 95 % interval by a stratified percentile bootstrap: each of
/// `resamples` draws takes from every stratum as many samples as it holds, with replacement.
///
/// A stratum is what was fixed by design, for example the episodes of one training seed; the interval does not cover
/// the spread between strata. A sample may be anything, for example the sum and number of an episode's latencies.
///
/// Complexity: O(resamples x samples).
///
/// # Panics
/// When there is no sample, or `resamples` is 0.
pub fn bootstrap<T: Clone>(
    strata: &[Vec<T>],
    statistic: impl Fn(&[T]) -> f64,
    resamples: usize,
    rng: &mut Prng,
) -> Estimate {
    let all: Vec<T> = strata.iter().flatten().cloned().collect();
    assert!(!all.is_empty() && resamples > 0, "a bootstrap needs samples and resamples");
    let value = statistic(&all);
    let mut draw = Vec::with_capacity(all.len());
    let draws: Vec<f64> = (0..resamples)
        .map(|_| {
            draw.clear();
            for stratum in strata {
                draw.extend((0..stratum.len()).map(|_| stratum[rng.random_range(0..stratum.len())].clone()));
            }
            statistic(&draw)
        })
        .collect();
    let draws = sorted(&draws);
    Estimate { value, low: percentile(&draws, 0.025), high: percentile(&draws, 0.975) }
}

/// How much one scheme differs from another on the same episodes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairedDifference {
    /// Mean of `left - right` over the pairs.
    pub mean: Estimate,
    /// Share of pairs in which `left` is the smaller one.
    pub left_smaller: f64,
    /// Episodes that both have.
    pub pairs: usize,
}

/// The paired difference of two schemes over common random numbers: values under equal keys come from equal
/// episodes, so that what the episodes share cancels out. Keys that only one has are left out; `None` without a
/// common key.
pub fn paired_difference<K: Ord>(
    left: &BTreeMap<K, f64>,
    right: &BTreeMap<K, f64>,
    resamples: usize,
    rng: &mut Prng,
) -> Option<PairedDifference> {
    let pairs = left.iter().filter_map(|(key, value)| Some(value - right.get(key)?));
    let differences: Vec<f64> = pairs.collect();
    if differences.is_empty() {
        return None;
    }
    let smaller = differences.iter().filter(|&&difference| difference < 0.0).count();
    let pairs = differences.len();
    let mean = bootstrap(&[differences], mean, resamples, rng);
    Some(PairedDifference { mean, left_smaller: smaller as f64 / pairs as f64, pairs })
}

#[cfg(test)]
mod tests {
    use mec_envs::rng::stream;

    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "found {found}, expected {expected}");
    }

    #[test]
    fn location_and_spread_match_numbers_worked_by_hand() {
        let values = [4.0, 1.0, 3.0, 2.0];
        close(mean(&values), 2.5);
        close(std_dev(&values), (5.0_f64 / 3.0).sqrt());
        close(std_dev(&[7.0]), 0.0);
    }

    #[test]
    fn bootstrap_interval_of_a_coin_matches_the_binomial() {
        // 100 fair coins: the mean of a resample is Binomial(100, 1/2) / 100, whose 2.5 % and 97.5 % points are
        // 0.40 and 0.60; with 4000 resamples they are hit to within 0.01.
        let coins: Vec<f64> = (0..100).map(|coin| f64::from(coin % 2)).collect();
        let estimate = bootstrap(&[coins], mean, 4000, &mut stream(1, "test"));
        close(estimate.value, 0.5);
        assert!((estimate.low - 0.40).abs() < 0.011 && (estimate.high - 0.60).abs() < 0.011, "{estimate:?}");
        assert!((estimate.half_width() - 0.1).abs() < 0.011);
    }

    #[test]
    fn strata_are_kept_apart() {
        // Each stratum is constant, so no resample can differ; mixing them would give a wide interval.
        let estimate = bootstrap(&[vec![0.0; 5], vec![10.0; 5]], mean, 50, &mut stream(1, "test"));
        assert_eq!(estimate, Estimate::exact(5.0));
    }

    #[test]
    fn paired_difference_cancels_what_episodes_share() {
        let right: BTreeMap<u64, f64> = (0..20).map(|episode| (episode, 100.0 * episode as f64)).collect();
        let mut left: BTreeMap<u64, f64> = right.iter().map(|(&episode, value)| (episode, value - 1.0)).collect();
        left.insert(99, -1e9);
        let difference = paired_difference(&left, &right, 100, &mut stream(1, "test")).unwrap();
        assert_eq!(difference, PairedDifference { mean: Estimate::exact(-1.0), left_smaller: 1.0, pairs: 20 });
        assert!(paired_difference(&left, &BTreeMap::new(), 100, &mut stream(1, "test")).is_none());
    }
}
