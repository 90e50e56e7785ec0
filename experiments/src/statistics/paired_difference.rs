//! The difference of two schemes on the same episodes.

use std::collections::BTreeMap;

use mec_envs::rng::Prng;

use super::{Estimate, bootstrap, mean};

/// The mean of `left - right` over common random numbers, with its 95 % interval: values under equal keys come from equal
/// episodes, so that what the episodes share cancels out. Keys that only one has are left out; `None` without a common
/// key.
pub fn paired_difference<K: Ord>(
    left: &BTreeMap<K, f64>,
    right: &BTreeMap<K, f64>,
    resamples: usize,
    rng: &mut Prng,
) -> Option<Estimate> {
    let pairs = left.iter().filter_map(|(key, value)| Some(value - right.get(key)?));
    let differences: Vec<f64> = pairs.collect();
    (!differences.is_empty()).then(|| bootstrap(&[differences], mean, resamples, rng))
}

#[cfg(test)]
mod tests {
    use mec_envs::rng::stream;

    use super::*;

    #[test]
    fn a_paired_difference_cancels_what_episodes_share() {
        let right: BTreeMap<u64, f64> = (0..20).map(|episode| (episode, 100.0 * episode as f64)).collect();
        let mut left: BTreeMap<u64, f64> = right.iter().map(|(&episode, value)| (episode, value - 1.0)).collect();
        left.insert(99, -1e9);
        let difference = paired_difference(&left, &right, 100, &mut stream(1, "test")).unwrap();
        assert_eq!(difference, Estimate::exact(-1.0));
        assert!(paired_difference(&left, &BTreeMap::new(), 100, &mut stream(1, "test")).is_none());
    }
}
