//! [`Convergence`]: how fast the methods of a study learn, and how far.

use std::collections::BTreeMap;
use std::path::Path;

use mec_envs::rng::stream;
use serde::Serialize;

use crate::curve::curves;
use crate::eval::EvalRow;
use crate::files::{FileError, write_atomic};
use crate::statistics::{Estimate, RESAMPLES, bootstrap, improvement_interval, mean};

/// How much more than the lowest end of all methods still counts as arrived.
const ARRIVED: f64 = 1.05;

/// How fast one method learns, and how far: a row of `convergence.csv`. Intervals are of 95 % and resample training seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Convergence {
    /// Its label.
    pub method: String,
    /// Its trainings.
    pub seeds: usize,
    /// Environment steps at the last evaluation that all of them have.
    pub steps: u64,
    /// The area under the learning curve of the held-out mean latency over its length, s. Comparable between methods with the
    /// same `steps`.
    pub curve_mean_s: f64,
    /// Lower end of its interval.
    pub curve_mean_low_s: f64,
    /// Upper end of its interval.
    pub curve_mean_high_s: f64,
    /// Held-out mean latency at the last evaluation, s: of the agent as it then is, not of the best one.
    pub last_s: f64,
    /// Lower end of its interval.
    pub last_low_s: f64,
    /// Upper end of its interval.
    pub last_high_s: f64,
    /// Environment steps of the first evaluation within 5 % of the least `last_s` of all methods, median over the trainings;
    /// `None` when half of them or more never are.
    pub steps_to_arrive: Option<u64>,
    /// Probability that a training of it has a lower `curve_mean_s` than one of the baseline; `None` without a baseline that
    /// learns as many steps.
    pub improvement: Option<f64>,
    /// Lower end of its interval.
    pub improvement_low: Option<f64>,
    /// Upper end of its interval.
    pub improvement_high: Option<f64>,
}

/// The curves of one method at the steps that all its trainings have.
struct Curves<'a> {
    label: &'a str,
    steps: Vec<u64>,
    /// `[seed][step]`
    values: Vec<Vec<f64>>,
}

impl<'a> Curves<'a> {
    /// `None` when there is no step that all trainings have.
    fn of(label: &'a str, rows: &[EvalRow]) -> Option<Self> {
        let seeds: Vec<BTreeMap<u64, f64>> = curves(rows, label, "latency_mean_s")
            .into_values()
            .map(|points| points.into_iter().filter(|(_, value)| value.is_finite()).collect())
            .collect();
        let steps: Vec<u64> = seeds.first()?.keys().copied().collect();
        let steps: Vec<u64> =
            steps.into_iter().filter(|step| seeds.iter().all(|seed| seed.contains_key(step))).collect();
        let values = seeds.iter().map(|seed| steps.iter().map(|step| seed[step]).collect()).collect();
        (!steps.is_empty()).then_some(Self { label, steps, values })
    }

    /// The area under each curve over its length, by the trapezoidal rule.
    fn means(&self) -> Vec<f64> {
        let length = (self.last_step() - self.steps[0]) as f64;
        let area = |values: &Vec<f64>| {
            let pairs = self.steps.windows(2).zip(values.windows(2));
            pairs.map(|(steps, values)| (steps[1] - steps[0]) as f64 * (values[0] + values[1]) / 2.0).sum::<f64>()
        };
        let of = |values: &Vec<f64>| if length > 0.0 { area(values) / length } else { values[0] };
        self.values.iter().map(of).collect()
    }

    fn last_step(&self) -> u64 {
        self.steps[self.steps.len() - 1]
    }

    fn ends(&self) -> Vec<f64> {
        self.values.iter().filter_map(|values| values.last().copied()).collect()
    }

    fn steps_to(&self, level: f64) -> Option<u64> {
        let first = |values: &Vec<f64>| {
            let index = values.iter().position(|value| *value <= level);
            index.map_or(u64::MAX, |index| self.steps[index])
        };
        let mut arrivals: Vec<u64> = self.values.iter().map(first).collect();
        arrivals.sort_unstable();
        // The upper median, so that an arrival counts when more than half have arrived.
        let median = arrivals[arrivals.len() / 2];
        (median != u64::MAX).then_some(median)
    }
}

/// The rows of all methods that have evaluations of their mean latency, those with the most `steps` first, and of these the
/// one with the least `curve_mean_s`; `seed` is that of the resamples.
pub fn convergence(rows: &[EvalRow], methods: &[&str], baseline: Option<&str>, seed: u64) -> Vec<Convergence> {
    let all: Vec<Curves<'_>> = methods.iter().filter_map(|label| Curves::of(label, rows)).collect();
    let level = ARRIVED * all.iter().map(|curves| mean(&curves.ends())).fold(f64::INFINITY, f64::min);
    let baseline = all.iter().find(|curves| Some(curves.label) == baseline);
    let mut found: Vec<Convergence> = all.iter().map(|curves| row(curves, level, baseline, seed)).collect();
    found.sort_by(|left, right| right.steps.cmp(&left.steps).then(left.curve_mean_s.total_cmp(&right.curve_mean_s)));
    found
}

fn row(curves: &Curves<'_>, level: f64, baseline: Option<&Curves<'_>>, seed: u64) -> Convergence {
    let rng = &mut stream(seed, &format!("convergence-{}", curves.label));
    let mut interval = |values: Vec<f64>| bootstrap(&[values], mean, RESAMPLES, rng);
    let (curve, last) = (interval(curves.means()), interval(curves.ends()));
    // The paper has higher scores better.
    let turned = |values: &[f64]| vec![values.iter().map(|value| -value).collect::<Vec<f64>>()];
    let comparable = baseline.filter(|baseline| baseline.last_step() == curves.last_step());
    let improvement: Option<Estimate> = comparable
        .map(|baseline| improvement_interval(&turned(&curves.means()), &turned(&baseline.means()), RESAMPLES, rng));
    Convergence {
        method: curves.label.to_owned(),
        seeds: curves.values.len(),
        steps: curves.last_step(),
        curve_mean_s: curve.value,
        curve_mean_low_s: curve.low,
        curve_mean_high_s: curve.high,
        last_s: last.value,
        last_low_s: last.low,
        last_high_s: last.high,
        steps_to_arrive: curves.steps_to(level),
        improvement: improvement.map(|estimate| estimate.value),
        improvement_low: improvement.map(|estimate| estimate.low),
        improvement_high: improvement.map(|estimate| estimate.high),
    }
}

/// Writes a `convergence.csv` at once.
///
/// # Errors
/// [`FileError`] when it cannot be written.
pub fn write_convergence(path: &Path, rows: &[Convergence]) -> Result<(), FileError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).expect("writing to memory does not fail");
    }
    write_atomic(path, &writer.into_inner().expect("writing to memory does not fail"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(algo: &str, seed: u64, values: &[f64]) -> Vec<EvalRow> {
        let row = |(index, value): (usize, &f64)| EvalRow {
            run_id: String::new(),
            algo: algo.to_owned(),
            scenario: String::new(),
            seed,
            step: 100 * index as u64,
            episode: 7,
            metric: "latency_mean_s".to_owned(),
            value: *value,
        };
        values.iter().enumerate().map(row).collect()
    }

    #[test]
    fn who_is_sooner_at_the_same_level_has_the_lower_curve_and_fewer_steps() {
        let trainings = [
            rows("fast", 1, &[1.0, 0.2, 0.2, 0.2]),
            rows("fast", 2, &[1.0, 0.5, 0.2, 0.2]),
            rows("fast", 3, &[1.0, 0.2, 0.2, 0.2]),
            rows("slow", 1, &[1.0, 1.0, 0.9, 0.2]),
            rows("slow", 2, &[1.0, 1.0, 0.2, 0.2]),
            rows("slow", 3, &[1.0, 1.0, 0.9, 0.2]),
            rows("never", 1, &[1.0, 0.22]),
        ];
        let found = convergence(&trainings.concat(), &["never", "slow", "fast", "absent"], Some("slow"), 1);
        let names: Vec<&str> = found.iter().map(|row| row.method.as_str()).collect();
        assert_eq!(names, ["fast", "slow", "never"], "fewer steps are another race");
        let [fast, slow, never] = &found[..] else { panic!("three") };
        assert!((fast.curve_mean_s - (1.0 + 1.3 + 1.0) / 9.0).abs() < 1e-12 && (fast.last_s - 0.2).abs() < 1e-12);
        assert!(fast.curve_mean_low_s < fast.curve_mean_s && fast.curve_mean_s < fast.curve_mean_high_s);
        let arrivals = [fast.steps_to_arrive, never.steps_to_arrive, slow.steps_to_arrive];
        assert_eq!(arrivals, [Some(100), None, Some(300)]);
        assert_eq!([fast.improvement, slow.improvement, never.improvement], [Some(1.0), Some(0.5), None]);
        assert_eq!((fast.seeds, fast.steps, never.steps), (3, 300, 100));
    }

    #[test]
    fn steps_that_a_training_lacks_do_not_count() {
        let trainings = [rows("a", 1, &[1.0, 0.5, f64::NAN]), rows("a", 2, &[1.0, 0.3, 0.2])].concat();
        let found = convergence(&trainings, &["a"], None, 1);
        assert_eq!((found[0].steps, found[0].last_s, found[0].improvement), (100, 0.4, None));
        assert!(convergence(&[], &["a"], None, 1).is_empty());
    }
}
