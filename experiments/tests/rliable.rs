//! The statistics against rliable's own numbers on the same scores (`scripts/make_rliable_fixtures.py`).

use mec_envs::rng::{Prng, stream};
use mec_experiments::statistics::{
    Estimate, bootstrap, improvement_interval, iqm, optimality_gap, performance_profile,
};
use serde::Deserialize;

/// What rliable computed.
#[derive(Deserialize)]
struct Fixture {
    resamples: usize,
    gamma: f64,
    thresholds: Vec<f64>,
    methods: Methods,
    improvement: Theirs,
}

#[derive(Deserialize)]
struct Methods {
    left: Method,
    right: Method,
}

#[derive(Deserialize)]
struct Method {
    /// `[runs, tasks]`
    scores: Vec<Vec<f64>>,
    iqm: Theirs,
    optimality_gap: Theirs,
    profile: Theirs,
}

impl Method {
    /// `[tasks, runs]`
    fn by_task(&self) -> Vec<Vec<f64>> {
        (0..self.scores[0].len()).map(|task| self.scores.iter().map(|run| run[task]).collect()).collect()
    }

    /// By how much a share of scores moves when one score does.
    fn step(&self) -> f64 {
        1.0 / (self.scores.len() * self.scores[0].len()) as f64
    }
}

/// A statistic of one or many values, with the ends of two intervals: `[seed][low or high][value]`.
#[derive(Deserialize)]
struct Theirs {
    value: Vec<f64>,
    intervals: Vec<[Vec<f64>; 2]>,
}

impl Theirs {
    /// Point estimates are equal. Of a percentile of 20,000 normal draws the standard error is 0.5 % of the interval's
    /// width, so that two of them differ by less than 3 % of it all but surely; a share moves by one score at a time.
    fn assert_equal(&self, ours: &[Estimate], step: f64, what: &str) {
        assert_eq!(self.value.len(), ours.len(), "{what}");
        for (index, (ours, value)) in ours.iter().zip(&self.value).enumerate() {
            assert!((ours.value - value).abs() < 1e-9, "{what} {index}: {ours:?}, theirs is {value}");
            for [low, high] in &self.intervals {
                let bound = 0.03 * (high[index] - low[index]) + step + 1e-9;
                let apart = (ours.low - low[index]).abs().max((ours.high - high[index]).abs());
                assert!(apart < bound, "{what} {index}: {ours:?}, theirs are {} and {}", low[index], high[index]);
            }
        }
    }
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("data/rliable.json")).unwrap()
}

fn rng() -> Prng {
    stream(1, "rliable")
}

#[test]
fn interquartile_means_are_those_of_rliable() {
    let Fixture { resamples, methods, .. } = fixture();
    for method in [&methods.left, &methods.right] {
        method.iqm.assert_equal(&[bootstrap(&method.by_task(), iqm, resamples, &mut rng())], 0.0, "iqm");
    }
}

#[test]
fn optimality_gaps_are_those_of_rliable() {
    let Fixture { resamples, gamma, methods, .. } = fixture();
    for method in [&methods.left, &methods.right] {
        let gap = |scores: &[f64]| optimality_gap(scores, gamma);
        method.optimality_gap.assert_equal(&[bootstrap(&method.by_task(), gap, resamples, &mut rng())], 0.0, "gap");
    }
}

#[test]
fn performance_profiles_are_those_of_rliable() {
    let Fixture { resamples, thresholds, methods, .. } = fixture();
    for method in [&methods.left, &methods.right] {
        let ours = performance_profile(&method.by_task(), &thresholds, resamples, &mut rng());
        method.profile.assert_equal(&ours, method.step(), "profile");
    }
}

#[test]
fn the_probability_of_improvement_is_that_of_rliable() {
    let Fixture { resamples, methods, improvement, .. } = fixture();
    let (left, right) = (methods.left.by_task(), methods.right.by_task());
    // The mean over 6 tasks of shares of 10 x 7 pairs, of which some count half.
    let step = 1.0 / (6.0 * 10.0 * 7.0 * 2.0);
    improvement.assert_equal(&[improvement_interval(&left, &right, resamples, &mut rng())], step, "improvement");
}
