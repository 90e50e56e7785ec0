//! [`SweepRow`]: a row of `sweep.csv`, what one scheme reached at one point; and the table for people.

use std::path::Path;

use csv::{ReaderBuilder, StringRecord, Writer};
use serde::Serialize;

use crate::comparison::SchemeSummary;
use crate::eval::ReadEvalError;
use crate::files::{FileError, write_atomic};
use crate::table::{self, CSV_COLUMNS, aligned};

/// The columns before those of `comparison.csv`.
const OWN_COLUMNS: [&str; 3] = ["axis", "at", "variant"];

/// What one scheme or method reached at one point of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SweepRow {
    /// Name of the axis.
    pub axis: String,
    /// Where the point lies on it.
    pub at: String,
    /// Name with the numbers that `tuned` found there; that of the scheme otherwise.
    pub variant: String,
    /// What it reached, under its name in the configuration.
    pub summary: SchemeSummary,
}

/// Writes a `sweep.csv` at once.
///
/// # Errors
/// [`FileError`] when it cannot be written.
pub fn write_sweep(path: &Path, rows: &[SweepRow]) -> Result<(), FileError> {
    let mut writer = Writer::from_writer(Vec::new());
    let mut write = |cells: &[&str]| writer.write_record(cells).expect("writing to memory does not fail");
    write(&columns());
    for SweepRow { axis, at, variant, summary } in rows {
        let cells = table::csv_cells(summary);
        write(&[axis, at, variant].into_iter().chain(&cells).map(String::as_str).collect::<Vec<_>>());
    }
    write_atomic(path, &writer.into_inner().expect("writing to memory does not fail"))
}

/// Reads a `sweep.csv` back; which schemes were highlighted is not in it.
///
/// # Errors
/// [`ReadEvalError`] with the file and the line.
pub fn read_sweep(path: &Path) -> Result<Vec<SweepRow>, ReadEvalError> {
    let broken = |source| ReadEvalError::Row { path: path.to_owned(), source };
    let text = std::fs::read(path).map_err(FileError::on("read", path))?;
    let mut reader = ReaderBuilder::new().from_reader(text.as_slice());
    let header = reader.headers().map_err(broken)?.clone();
    if header != columns() {
        let (found, accepted) = (header.iter().collect::<Vec<_>>().join(","), columns().join(","));
        return Err(ReadEvalError::Header { path: path.to_owned(), found, accepted });
    }
    let of_record = |record: StringRecord| {
        let cell = |index: usize| record[index].to_owned();
        let mut rest: StringRecord = record.iter().skip(OWN_COLUMNS.len()).collect();
        // So that a mistake is said with its line.
        rest.set_position(record.position().cloned());
        Ok(SweepRow { axis: cell(0), at: cell(1), variant: cell(2), summary: table::of_csv_cells(&rest)? })
    };
    reader.records().map(|record| record.and_then(of_record)).collect::<Result<_, _>>().map_err(broken)
}

fn columns() -> Vec<&'static str> {
    OWN_COLUMNS.iter().chain(CSV_COLUMNS).copied().collect()
}

/// Mean latency in seconds and tasks in time in percent, as text for people: a table per axis with a line per scheme and
/// a column per point.
pub fn sweep_text(rows: &[SweepRow]) -> String {
    let axes = distinct(rows.iter().map(|row| &row.axis));
    axes.iter().map(|axis| axis_text(axis, rows)).collect::<Vec<_>>().join("\n")
}

fn axis_text(axis: &str, rows: &[SweepRow]) -> String {
    let rows: Vec<&SweepRow> = rows.iter().filter(|row| row.axis == axis).collect();
    let places = distinct(rows.iter().map(|row| &row.at));
    let mut cells = vec![std::iter::once(format!("  {axis}")).chain(places.iter().map(ToString::to_string)).collect()];
    for scheme in distinct(rows.iter().map(|row| &row.summary.scheme)) {
        let cell = |place: &&String| {
            let found = rows.iter().find(|row| row.summary.scheme == *scheme && row.at == **place);
            found.map_or_else(|| "-".to_owned(), |row| reached(&row.summary))
        };
        let highlighted = rows.iter().any(|row| row.summary.scheme == *scheme && row.summary.highlighted);
        let name = format!("{} {scheme}", if highlighted { '*' } else { ' ' });
        cells.push(std::iter::once(name).chain(places.iter().map(cell)).collect());
    }
    aligned(&cells).join("\n") + "\n"
}

fn reached(summary: &SchemeSummary) -> String {
    format!("{:.3} {:>5.1}", summary.latency_mean_s.value, 100.0 * summary.success_rate.value)
}

/// The rows as a JSON list, one object per row, with the fields of [`SchemeSummary`] under `summary`.
pub fn sweep_json(rows: &[SweepRow]) -> String {
    serde_json::to_string_pretty(rows).expect("rows have only string keys") + "\n"
}

/// Each once, in the order of its first.
fn distinct<'a>(names: impl Iterator<Item = &'a String>) -> Vec<&'a String> {
    let mut found = Vec::new();
    for name in names {
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}
