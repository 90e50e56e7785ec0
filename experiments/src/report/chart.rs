//! [`Chart`]: curves as data, which the script in the page draws.

use std::collections::BTreeMap;

use mec_envs::rng::{Prng, stream};
use serde::{Serialize, Serializer};

use crate::statistics::{Estimate, bootstrap, iqm};

/// Resamples of a band: it is drawn, and read to two digits at the most.
pub(super) const RESAMPLES: usize = 500;

/// Curves over one axis, in one or several views of which the reader chooses one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Chart {
    pub(super) title: String,
    /// What the curves and their bands are.
    pub(super) note: String,
    /// What the horizontal axis is.
    pub(super) x: String,
    /// Whether that axis is logarithmic.
    pub(super) log_x: bool,
    pub(super) views: Vec<View>,
}

/// One figure of all series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct View {
    /// The figure, with its unit as suffix.
    pub(super) name: String,
    pub(super) lines: Vec<Line>,
    pub(super) levels: Vec<Level>,
}

/// The curve of one method.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Line {
    pub(super) label: String,
    pub(super) points: Vec<Point>,
}

/// A point with its band.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: Estimate,
}

/// A list, not an object: names would be most of the page.
impl Serialize for Point {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Estimate { value, low, high } = self.y;
        [self.x, value, low, high].map(six_digits).serialize(serializer)
    }
}

/// Something that does not change along the axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Level {
    pub(super) label: String,
    #[serde(serialize_with = "rounded")]
    pub(super) value: f64,
}

/// Values of several runs at several places: `[x][task][run]`. A run that has not come as far has none yet.
#[derive(Debug, Default)]
pub(super) struct Samples(BTreeMap<u64, BTreeMap<u64, Vec<f64>>>);

impl Samples {
    pub(super) fn add(&mut self, x: u64, task: u64, value: f64) {
        if value.is_finite() {
            self.0.entry(x).or_default().entry(task).or_default().push(value);
        }
    }

    /// The interquartile mean at every place with its stratified interval over the runs. Equal samples give equal curves.
    pub(super) fn line(&self, label: &str) -> Line {
        let mut rng = stream(0, &format!("report-{label}"));
        let points = self.0.iter().map(|(&x, tasks)| Point { x: x as f64, y: interval(tasks, &mut rng) });
        Line { label: label.to_owned(), points: points.collect() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn interval(tasks: &BTreeMap<u64, Vec<f64>>, rng: &mut Prng) -> Estimate {
    let strata: Vec<Vec<f64>> = tasks.values().cloned().collect();
    if strata.iter().all(|runs| runs.len() < 2) {
        // One run leaves nothing to draw.
        return Estimate::exact(iqm(&strata.concat()));
    }
    bootstrap(&strata, iqm, RESAMPLES, rng)
}

fn rounded<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    six_digits(*value).serialize(serializer)
}

/// As many as anybody reads off a curve; the others would be most of the page.
fn six_digits(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_has_a_band_where_several_runs_are_and_none_elsewhere() {
        let mut samples = Samples::default();
        for (x, task, value) in [(0, 7, 1.0), (0, 7, 3.0), (10, 7, 5.0), (20, 7, f64::NAN)] {
            samples.add(x, task, value);
        }
        let line = samples.line("x");
        assert_eq!((line.points.len(), line.points[0].y.value), (2, 2.0));
        assert_eq!((line.points[0].y.low, line.points[0].y.high), (1.0, 3.0));
        assert_eq!(line.points[1], Point { x: 10.0, y: Estimate::exact(5.0) });
    }

    #[test]
    fn points_are_short_lists() {
        let point = Point { x: 4000.0, y: Estimate { value: 1.0 / 3.0, low: 1e-9 / 3.0, high: 2.0 } };
        assert_eq!(serde_json::to_string(&point).unwrap(), "[4000.0,0.333333,3.33333e-10,2.0]");
    }
}
