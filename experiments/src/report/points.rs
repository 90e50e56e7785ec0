//! What schemes reach along the axes of a sweep.

use super::chart::{Chart, Line, Point, View};
use crate::comparison::SchemeSummary;
use crate::error::RunError;
use crate::files::RunFolder;
use crate::plan::Plan;
use crate::statistics::Estimate;
use crate::sweep::{self, AxisConfig, SweepRow};

/// A chart for every axis of numbers; the points of one of names stand in the table alone. None but for a sweep.
pub(super) fn charts(folder: &RunFolder, plan: &Plan) -> Result<Vec<Chart>, RunError> {
    let Plan::Sweep(config) = plan else { return Ok(Vec::new()) };
    let rows = sweep::rows_of(folder, config)?;
    Ok(config.axes.iter().filter_map(|(name, axis)| chart(name, axis, &rows)).collect())
}

fn chart(name: &str, axis: &AxisConfig, rows: &[SweepRow]) -> Option<Chart> {
    let numbers: Option<Vec<(String, f64)>> =
        axis.points.iter().map(|point| Some((point.at.to_string(), point.at.number()?))).collect();
    let mut numbers = numbers?;
    numbers.sort_by(|left, right| left.1.total_cmp(&right.1));
    let rows: Vec<&SweepRow> = rows.iter().filter(|row| row.axis == name).collect();
    let mut schemes: Vec<&str> = Vec::new();
    for row in &rows {
        if !schemes.contains(&row.summary.scheme.as_str()) {
            schemes.push(&row.summary.scheme);
        }
    }
    let view = |figure: &str, of: fn(&SchemeSummary) -> Estimate| {
        let line = |scheme: &&str| Line { label: (*scheme).to_owned(), points: points(&numbers, &rows, scheme, of) };
        View { name: figure.to_owned(), lines: schemes.iter().map(line).collect(), levels: Vec::new() }
    };
    let views = vec![
        view("mean latency (s)", |summary| summary.latency_mean_s),
        view("share of tasks in time", |summary| summary.success_rate),
    ];
    (!rows.is_empty()).then(|| Chart {
        title: format!("Along {name}"),
        note: "Band: 95 % bootstrap interval over the episodes of the comparison.".to_owned(),
        x: axis.label.clone(),
        log_x: false,
        views,
    })
}

fn points(
    numbers: &[(String, f64)],
    rows: &[&SweepRow],
    scheme: &str,
    of: fn(&SchemeSummary) -> Estimate,
) -> Vec<Point> {
    let found = |(at, x): &(String, f64)| {
        let row = rows.iter().find(|row| row.at == *at && row.summary.scheme == scheme)?;
        Some(Point { x: *x, y: of(&row.summary) })
    };
    numbers.iter().filter_map(found).collect()
}
