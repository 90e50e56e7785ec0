//! [`draw`]: the picture of every axis.

use std::path::PathBuf;

use super::config::{AxisConfig, Place, SweepConfig};
use super::rows_of;
use super::table::SweepRow;
use crate::comparison::SchemeSummary;
use crate::error::RunError;
use crate::files::RunFolder;
use crate::plot::{Figure, Places, SweepFigure, SweepSeries, write_png, write_svg};

/// Draws the picture of every axis from the table of a sweep; returns the files.
///
/// # Errors
/// [`RunError`] when the table cannot be read or a picture not be written.
pub fn draw(folder: &RunFolder, config: &SweepConfig) -> Result<Vec<PathBuf>, RunError> {
    let rows = rows_of(folder, config)?;
    let mut files = Vec::new();
    folder.make_axis_folder()?;
    for (name, axis) in &config.axes {
        let of_axis: Vec<&SweepRow> = rows.iter().filter(|row| row.axis == *name).collect();
        if of_axis.is_empty() {
            continue;
        }
        let drawing = figure(axis, config, &of_axis).drawing()?;
        let [svg, png] = ["svg", "png"].map(|ending| folder.axis(name, ending));
        write_svg(&drawing, &svg)?;
        write_png(&drawing, &png)?;
        files.extend([svg, png]);
    }
    Ok(files)
}

/// The picture of an axis, of the points that have rows.
fn figure(axis: &AxisConfig, config: &SweepConfig, rows: &[&SweepRow]) -> SweepFigure {
    let has_rows = |place: &&Place| rows.iter().any(|row| row.at == place.to_string());
    let mut places: Vec<&Place> = axis.points.iter().map(|point| &point.at).filter(has_rows).collect();
    let numbers: Option<Vec<f64>> = places.iter().map(|place| place.number()).collect();
    let shown = match numbers {
        Some(mut numbers) => {
            numbers.sort_by(f64::total_cmp);
            places.sort_by(|left, right| left.number().unwrap_or(0.0).total_cmp(&right.number().unwrap_or(0.0)));
            Places::Numbers(numbers)
        }
        None => Places::Names(places.iter().map(ToString::to_string).collect()),
    };
    let series = config.study.methods.keys().chain(&config.study.comparison.schemes).filter_map(|scheme| {
        let find = |place: &&Place| {
            let found = rows.iter().find(|row| row.at == place.to_string() && row.summary.scheme == *scheme);
            found.map(|row| &row.summary)
        };
        // Who is missing somewhere has no line.
        let found: Vec<&SchemeSummary> = places.iter().map(find).collect::<Option<_>>()?;
        let highlighted = found.iter().any(|summary| summary.highlighted);
        let latency = found.iter().map(|summary| summary.latency_mean_s).collect();
        let success = found.iter().map(|summary| summary.success_rate).collect();
        Some(SweepSeries { label: scheme.clone(), highlighted, latency, success })
    });
    let trained = axis.trained_at.as_ref().map(|place| format!(", trained at {place}")).unwrap_or_default();
    let title = format!("Scenario {:?}{trained}", config.study.scenario.name);
    SweepFigure { title, axis: axis.label.clone(), places: shown, series: series.collect() }
}
