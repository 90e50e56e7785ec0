//! The stratified bootstrap.

use mec_envs::rng::Prng;
use rand::RngExt;

use super::Estimate;

/// The `statistic` of all samples, with its 95 % interval by a stratified percentile bootstrap: each of
/// `resamples` draws takes from every stratum as many samples as it holds, with replacement.
///
/// A stratum is what was fixed by design, for example the runs of one task; the interval does not cover the spread
/// between strata. A sample may be anything, for example the sum and number of an episode's latencies.
///
/// Complexity: O(resamples x samples), without that of the statistic.
///
/// # Panics
/// When there is no sample, or `resamples` is 0.
pub fn bootstrap<T: Clone>(
    strata: &[Vec<T>],
    statistic: impl Fn(&[T]) -> f64,
    resamples: usize,
    rng: &mut Prng,
) -> Estimate {
    let curve = bootstrap_curve(strata, |samples| vec![statistic(samples)], resamples, rng);
    *curve.first().expect("a statistic is a curve of one point")
}

/// As [`bootstrap`], of a statistic with many values, each with its own (pointwise) interval: the draws are the same for
/// all of them.
///
/// # Panics
/// As [`bootstrap`], and when the statistic does not always have equally many values.
pub fn bootstrap_curve<T: Clone>(
    strata: &[Vec<T>],
    statistic: impl Fn(&[T]) -> Vec<f64>,
    resamples: usize,
    rng: &mut Prng,
) -> Vec<Estimate> {
    let mut samples: Vec<T> = strata.iter().flatten().cloned().collect();
    assert!(!samples.is_empty() && resamples > 0, "a bootstrap needs samples and resamples");
    let values = statistic(&samples);
    let mut draws = vec![Vec::with_capacity(resamples); values.len()];
    for _ in 0..resamples {
        samples.clear();
        strata.iter().for_each(|stratum| redraw(stratum, &mut samples, rng));
        let drawn = statistic(&samples);
        assert_eq!(drawn.len(), draws.len(), "a statistic has equally many values for all samples");
        draws.iter_mut().zip(drawn).for_each(|(draws, value)| draws.push(value));
    }
    values.iter().zip(&draws).map(|(&value, draws)| Estimate::of_draws(value, draws)).collect()
}

/// Puts as many samples of a stratum as it holds behind `into`, with replacement.
pub(super) fn redraw<T: Clone>(stratum: &[T], into: &mut Vec<T>, rng: &mut Prng) {
    into.extend((0..stratum.len()).map(|_| stratum[rng.random_range(0..stratum.len())].clone()));
}

#[cfg(test)]
mod tests {
    use mec_envs::rng::stream;

    use super::super::mean;
    use super::*;

    #[test]
    fn bootstrap_interval_of_a_coin_matches_the_binomial() {
        // 100 fair coins: the mean of a resample is Binomial(100, 1/2) / 100, whose 2.5 % and 97.5 % points are
        // 0.40 and 0.60; with 4000 resamples they are hit to within 0.01.
        let coins: Vec<f64> = (0..100).map(|coin| f64::from(coin % 2)).collect();
        let estimate = bootstrap(&[coins], mean, 4000, &mut stream(1, "test"));
        assert!((estimate.value - 0.5).abs() < 1e-12);
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
    fn the_points_of_a_curve_have_the_intervals_that_they_have_alone() {
        let samples = [vec![1.0, 4.0, 2.0], vec![7.0, 3.0]];
        let most = |samples: &[f64]| samples.iter().copied().fold(0.0, f64::max);
        let both = |samples: &[f64]| vec![mean(samples), most(samples)];
        let curve = bootstrap_curve(&samples, both, 100, &mut stream(1, "test"));
        let alone = [
            bootstrap(&samples, mean, 100, &mut stream(1, "test")),
            bootstrap(&samples, most, 100, &mut stream(1, "test")),
        ];
        assert_eq!(curve, alone);
    }
}
