//! Draws the pictures of a run from the files in its folder.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::config::ExperimentConfig;
use crate::curve::curves;
use crate::error::RunError;
use crate::eval::{EvalRow, read_eval};
use crate::files::{Picture, RunFolder};
use crate::plot::{ComparisonFigure, Curve, LearningCurve, PlotError, Reference, SeedCurve, write_picture};
use crate::statistics::mean;
use crate::table::read_csv_table;

/// Schemes drawn as levels in the learning curve (with or without a parameter): weaker ones would squeeze the scale.
const LEVELS: [&str; 5] = ["device-greedy", "central-greedy", "forecasting-greedy", "cautious-greedy", "oracle-greedy"];

/// What the pictures of a run or a study are about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pictured<'a> {
    /// Labels of the methods that learn, as they stand in the tables.
    pub learned: Vec<&'a str>,
    /// Name of the scenario.
    pub scenario: &'a str,
    /// Episodes of the comparison.
    pub episodes: u64,
}

impl<'a> Pictured<'a> {
    /// What those of a run are about.
    pub fn of(config: &'a ExperimentConfig) -> Self {
        let (scenario, episodes) = (config.scenario.name.as_str(), config.comparison.episodes);
        Self { learned: vec![config.algorithm.name()], scenario, episodes }
    }

    fn is_learned(&self, algo: &str) -> bool {
        self.learned.contains(&algo)
    }

    /// The curves, the lowest end first, and the levels of schemes.
    fn learning_curve(&self, rows: &[EvalRow]) -> LearningCurve {
        let who = match self.learned[..] {
            [one] => format!("{one} trains"),
            _ => "methods train".to_owned(),
        };
        let curve = |label: &&str| Curve { label: (*label).to_owned(), seeds: seed_curves(rows, label) };
        let mut curves: Vec<Curve> = self.learned.iter().map(curve).collect();
        curves.sort_by(|left, right| end(left).total_cmp(&end(right)));
        LearningCurve {
            title: format!("Held-out latency while {who} on scenario {:?}", self.scenario),
            metric: "Mean latency (s)".to_owned(),
            lower_is_better: true,
            curves,
            references: self.levels(rows),
        }
    }

    /// Mean latency of the schemes on the same episodes.
    fn levels(&self, rows: &[EvalRow]) -> Vec<Reference> {
        let is_level = |algo: &str| LEVELS.iter().any(|level| algo == *level || algo.starts_with(&format!("{level}=")));
        let mut values: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for row in rows.iter().filter(|row| !self.is_learned(&row.algo) && is_level(&row.algo)) {
            values.entry(&row.algo).or_default().push(row.value);
        }
        values.into_iter().map(|(label, values)| Reference { label: label.to_owned(), value: mean(&values) }).collect()
    }
}

/// Where a curve ends, on average over its seeds; NaN, which sorts last, where it has no point.
fn end(curve: &Curve) -> f64 {
    let ends: Vec<f64> = curve.seeds.iter().filter_map(|seed| Some(seed.last()?.1)).collect();
    if ends.is_empty() { f64::NAN } else { mean(&ends) }
}

/// Draws the learning curve, and the comparison where there is one, as SVG and PNG; returns the files.
///
/// # Errors
/// [`RunError`] when the files cannot be read or the pictures not be written.
pub fn draw(folder: &RunFolder, pictured: &Pictured<'_>) -> Result<Vec<PathBuf>, RunError> {
    let mut schemes = if folder.comparison().is_file() { read_csv_table(&folder.comparison())? } else { Vec::new() };
    for scheme in &mut schemes {
        scheme.highlighted = pictured.is_learned(&scheme.scheme);
    }
    let rows: Vec<EvalRow> =
        read_eval(&folder.eval())?.into_iter().filter(|row| row.metric == "latency_mean_s").collect();
    let curve = pictured.learning_curve(&rows);
    write_picture(&curve, folder, Picture::LearningCurve).map_err(|error| empty(error, folder.eval()))?;
    let mut drawn = vec![folder.svg(Picture::LearningCurve), folder.png(Picture::LearningCurve)];
    if !schemes.is_empty() {
        let title = format!("Schemes on {} unseen episodes of scenario {:?}", pictured.episodes, pictured.scenario);
        let figure = ComparisonFigure { title, schemes };
        write_picture(&figure, folder, Picture::Comparison).map_err(|error| empty(error, folder.comparison()))?;
        drawn.extend([folder.svg(Picture::Comparison), folder.png(Picture::Comparison)]);
    }
    Ok(drawn)
}

/// A picture without content is the fault of the table.
fn empty(error: PlotError, table: PathBuf) -> RunError {
    match error {
        PlotError::NoData { .. } => RunError::NothingToDraw { path: table, source: error },
        other => RunError::Plot(other),
    }
}

/// Mean latency over the held-out episodes at every evaluation, one curve per training seed.
fn seed_curves(rows: &[EvalRow], algo: &str) -> Vec<SeedCurve> {
    let point = |(step, value): (u64, f64)| (step as f64, value);
    let seeds = curves(rows, algo, "latency_mean_s").into_values();
    seeds.map(|points| points.into_iter().map(point).collect()).collect()
}
