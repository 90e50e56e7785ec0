//! Draws the pictures of a run from the files in its folder.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::config::ExperimentConfig;
use crate::error::RunError;
use crate::eval::{EvalRow, read_eval};
use crate::files::{Picture, RunFolder};
use crate::plot::{ComparisonFigure, Curve, LearningCurve, PlotError, Reference, SeedCurve, write_picture};
use crate::summary::mean;
use crate::table::read_csv_table;

/// Schemes drawn as levels in the learning curve (with or without a parameter): weaker ones would squeeze the scale.
const LEVELS: [&str; 5] = ["device-greedy", "central-greedy", "forecasting-greedy", "cautious-greedy", "oracle-greedy"];

/// Draws the learning curve, and the comparison where there is one, as SVG and PNG; returns the files.
///
/// # Errors
/// [`RunError`] when the files cannot be read or the pictures not be written.
pub fn draw(folder: &RunFolder, config: &ExperimentConfig) -> Result<Vec<PathBuf>, RunError> {
    let mut schemes = if folder.comparison().is_file() { read_csv_table(&folder.comparison())? } else { Vec::new() };
    let algo = config.algorithm.name();
    for scheme in &mut schemes {
        scheme.highlighted = scheme.scheme == algo;
    }
    let rows: Vec<EvalRow> =
        read_eval(&folder.eval())?.into_iter().filter(|row| row.metric == "latency_mean_s").collect();
    let curve = LearningCurve {
        title: format!("Held-out latency while {algo} trains on scenario {:?}", config.scenario.name),
        metric: "Mean latency (s)".to_owned(),
        lower_is_better: true,
        curves: vec![Curve { label: algo.to_owned(), seeds: curves(&rows, algo) }],
        references: levels(&rows, algo),
    };
    write_picture(&curve, folder, Picture::LearningCurve).map_err(|error| empty(error, folder.eval()))?;
    let mut drawn = vec![folder.svg(Picture::LearningCurve), folder.png(Picture::LearningCurve)];
    if !schemes.is_empty() {
        let title =
            format!("Schemes on {} unseen episodes of scenario {:?}", config.comparison.episodes, config.scenario.name);
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
fn curves(rows: &[EvalRow], algo: &str) -> Vec<SeedCurve> {
    let mut points: BTreeMap<u64, BTreeMap<u64, Vec<f64>>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.algo == algo) {
        points.entry(row.seed).or_default().entry(row.step).or_default().push(row.value);
    }
    let curve =
        |steps: BTreeMap<u64, Vec<f64>>| steps.iter().map(|(step, values)| (*step as f64, mean(values))).collect();
    points.into_values().map(curve).collect()
}

/// Mean latency of the schemes on the same episodes.
fn levels(rows: &[EvalRow], algo: &str) -> Vec<Reference> {
    let mut values: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for row in rows.iter().filter(|row| {
        row.algo != algo && LEVELS.iter().any(|level| row.algo == *level || row.algo.starts_with(&format!("{level}=")))
    }) {
        values.entry(&row.algo).or_default().push(row.value);
    }
    values.into_iter().map(|(label, values)| Reference { label: label.to_owned(), value: mean(&values) }).collect()
}
