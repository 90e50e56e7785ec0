//! The comparison of schemes as text for people, and as CSV and JSON for programs.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::comparison::SchemeSummary;
use crate::eval::{ReadEvalError, read_rows};
use crate::files::{FileError, write_atomic};
use crate::statistics::Estimate;

/// A column of the text table: its heading, its unit, and its cell for a scheme.
type Column = (&'static str, &'static str, fn(&SchemeSummary) -> String);

/// The cell of a figure that there is not.
const NOTHING: &str = "-";

const COLUMNS: &[Column] = &[
    ("scheme", "", |row| format!("{} {}", if row.highlighted { '*' } else { ' ' }, row.scheme)),
    ("mean", "s", |row| milli(row.latency_mean_s.value)),
    ("± 95 %", "s", |row| milli(row.latency_mean_s.half_width())),
    ("seed sd", "s", |row| if row.seeds > 1 { milli(row.latency_seed_sd_s) } else { NOTHING.into() }),
    ("IQM", "s", |row| milli(row.latency_iqm_s.value)),
    ("p50", "s", |row| milli(row.latency_p50_s)),
    ("p95", "s", |row| milli(row.latency_p95_s)),
    ("p99", "s", |row| milli(row.latency_p99_s)),
    ("success", "%", |row| percent(row.success_rate.value)),
    ("energy", "J/task", |row| milli(row.energy_per_task_j)),
    ("balance", "Jain", |row| balance(row.load_balance)),
    ("offloaded", "%", |row| percent(row.offload_ratio)),
    ("better", "%", |row| share(row.improvement)),
    ("gap", "%", |row| share(row.optimality_gap)),
    ("seeds", "", |row| row.seeds.to_string()),
    ("episodes", "", |row| row.episodes.to_string()),
];

/// The comparison as aligned plain text, one line per scheme in the given order, `*` before the highlighted one. A column
/// in which nobody has a figure is left out.
pub fn text_table(schemes: &[SchemeSummary]) -> String {
    let is_filled = |(.., cell): &&Column| schemes.is_empty() || schemes.iter().any(|scheme| cell(scheme) != NOTHING);
    let columns: Vec<&Column> = COLUMNS.iter().filter(is_filled).collect();
    let mut cells: Vec<Vec<String>> = vec![
        columns.iter().map(|(heading, ..)| indented(heading)).collect(),
        columns.iter().map(|(_, unit, _)| (*unit).to_owned()).collect(),
    ];
    cells.extend(schemes.iter().map(|scheme| columns.iter().map(|(.., cell)| cell(scheme)).collect()));
    let mut lines = aligned(&cells);
    let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    lines.insert(2, "-".repeat(width));
    lines.join("\n") + "\n"
}

/// Rows of equally many cells as lines, each column as wide as its widest cell: the first to the left, others to the
/// right.
pub(crate) fn aligned(cells: &[Vec<String>]) -> Vec<String> {
    let columns = cells.first().map_or(0, Vec::len);
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    cells.iter().map(|row| line(row, &widths)).collect()
}

/// The first heading stands above names that leave room for the mark.
fn indented(heading: &str) -> String {
    if heading == "scheme" { "  scheme".to_owned() } else { heading.to_owned() }
}

fn line(row: &[String], widths: &[usize]) -> String {
    let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, &width))| {
        if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
    });
    cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

/// Three decimals: points stand below points, so that a column is compared at a glance.
fn milli(value: f64) -> String {
    format!("{value:.3}")
}

fn percent(share: f64) -> String {
    format!("{:.1}", 100.0 * share)
}

/// `-` without what it is compared with.
fn share(estimate: Option<Estimate>) -> String {
    estimate.map_or_else(|| NOTHING.to_owned(), |estimate| percent(estimate.value))
}

/// `-` for a scheme that sends no work.
fn balance(index: f64) -> String {
    if index.is_nan() { NOTHING.to_owned() } else { format!("{index:.2}") }
}

/// The columns of `comparison.csv`, in order: the fields of [`CsvRow`].
pub(crate) const CSV_COLUMNS: &[&str] = &[
    "scheme",
    "latency_mean_s",
    "latency_mean_low_s",
    "latency_mean_high_s",
    "latency_seed_sd_s",
    "latency_p50_s",
    "latency_p95_s",
    "latency_p99_s",
    "success_rate",
    "success_rate_low",
    "success_rate_high",
    "energy_per_task_j",
    "load_balance",
    "offload_ratio",
    "seeds",
    "episodes",
    "tasks",
    "latency_iqm_s",
    "latency_iqm_low_s",
    "latency_iqm_high_s",
    "improvement",
    "improvement_low",
    "improvement_high",
    "latency_difference_s",
    "latency_difference_low_s",
    "latency_difference_high_s",
    "optimality_gap",
    "optimality_gap_low",
    "optimality_gap_high",
];

/// A row of `comparison.csv`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CsvRow {
    scheme: String,
    latency_mean_s: f64,
    latency_mean_low_s: f64,
    latency_mean_high_s: f64,
    latency_seed_sd_s: f64,
    latency_p50_s: f64,
    latency_p95_s: f64,
    latency_p99_s: f64,
    success_rate: f64,
    success_rate_low: f64,
    success_rate_high: f64,
    energy_per_task_j: f64,
    load_balance: Option<f64>,
    offload_ratio: f64,
    seeds: usize,
    episodes: usize,
    tasks: usize,
    latency_iqm_s: f64,
    latency_iqm_low_s: f64,
    latency_iqm_high_s: f64,
    improvement: Option<f64>,
    improvement_low: Option<f64>,
    improvement_high: Option<f64>,
    latency_difference_s: Option<f64>,
    latency_difference_low_s: Option<f64>,
    latency_difference_high_s: Option<f64>,
    optimality_gap: Option<f64>,
    optimality_gap_low: Option<f64>,
    optimality_gap_high: Option<f64>,
}

impl CsvRow {
    fn new(summary: &SchemeSummary) -> Self {
        Self {
            scheme: summary.scheme.clone(),
            latency_mean_s: summary.latency_mean_s.value,
            latency_mean_low_s: summary.latency_mean_s.low,
            latency_mean_high_s: summary.latency_mean_s.high,
            latency_seed_sd_s: summary.latency_seed_sd_s,
            latency_p50_s: summary.latency_p50_s,
            latency_p95_s: summary.latency_p95_s,
            latency_p99_s: summary.latency_p99_s,
            success_rate: summary.success_rate.value,
            success_rate_low: summary.success_rate.low,
            success_rate_high: summary.success_rate.high,
            energy_per_task_j: summary.energy_per_task_j,
            load_balance: (!summary.load_balance.is_nan()).then_some(summary.load_balance),
            offload_ratio: summary.offload_ratio,
            seeds: summary.seeds,
            episodes: summary.episodes,
            tasks: summary.tasks,
            latency_iqm_s: summary.latency_iqm_s.value,
            latency_iqm_low_s: summary.latency_iqm_s.low,
            latency_iqm_high_s: summary.latency_iqm_s.high,
            improvement: summary.improvement.map(|estimate| estimate.value),
            improvement_low: summary.improvement.map(|estimate| estimate.low),
            improvement_high: summary.improvement.map(|estimate| estimate.high),
            latency_difference_s: summary.latency_difference_s.map(|estimate| estimate.value),
            latency_difference_low_s: summary.latency_difference_s.map(|estimate| estimate.low),
            latency_difference_high_s: summary.latency_difference_s.map(|estimate| estimate.high),
            optimality_gap: summary.optimality_gap.map(|estimate| estimate.value),
            optimality_gap_low: summary.optimality_gap.map(|estimate| estimate.low),
            optimality_gap_high: summary.optimality_gap.map(|estimate| estimate.high),
        }
    }

    fn summary(self) -> SchemeSummary {
        let Self { latency_mean_s, latency_mean_low_s, latency_mean_high_s, .. } = self;
        let Self { success_rate, success_rate_low, success_rate_high, .. } = self;
        let Self { latency_iqm_s, latency_iqm_low_s, latency_iqm_high_s, .. } = self;
        SchemeSummary {
            scheme: self.scheme,
            highlighted: false,
            latency_mean_s: Estimate { value: latency_mean_s, low: latency_mean_low_s, high: latency_mean_high_s },
            latency_seed_sd_s: self.latency_seed_sd_s,
            latency_p50_s: self.latency_p50_s,
            latency_p95_s: self.latency_p95_s,
            latency_p99_s: self.latency_p99_s,
            success_rate: Estimate { value: success_rate, low: success_rate_low, high: success_rate_high },
            energy_per_task_j: self.energy_per_task_j,
            load_balance: self.load_balance.unwrap_or(f64::NAN),
            offload_ratio: self.offload_ratio,
            seeds: self.seeds,
            episodes: self.episodes,
            tasks: self.tasks,
            latency_iqm_s: Estimate { value: latency_iqm_s, low: latency_iqm_low_s, high: latency_iqm_high_s },
            improvement: estimate([self.improvement, self.improvement_low, self.improvement_high]),
            latency_difference_s: estimate([
                self.latency_difference_s,
                self.latency_difference_low_s,
                self.latency_difference_high_s,
            ]),
            optimality_gap: estimate([self.optimality_gap, self.optimality_gap_low, self.optimality_gap_high]),
        }
    }
}

/// Value, low and high, where they are known.
fn estimate(cells: [Option<f64>; 3]) -> Option<Estimate> {
    let [value, low, high] = cells;
    Some(Estimate { value: value?, low: low?, high: high? })
}

/// Reads a `comparison.csv` back; which scheme was highlighted is not in it.
///
/// # Errors
/// [`ReadEvalError`] with the file and the line.
pub fn read_csv_table(path: &Path) -> Result<Vec<SchemeSummary>, ReadEvalError> {
    Ok(read_rows::<CsvRow>(path, CSV_COLUMNS)?.into_iter().map(CsvRow::summary).collect())
}

/// The cells of a scheme's row in `comparison.csv`.
pub(crate) fn csv_cells(scheme: &SchemeSummary) -> Vec<String> {
    let text = csv_table(std::slice::from_ref(scheme));
    let record = csv::Reader::from_reader(text.as_bytes()).into_records().next();
    let record = record.and_then(Result::ok).expect("a row was written");
    record.iter().map(str::to_owned).collect()
}

/// The scheme of such cells; which one was highlighted is not in them.
pub(crate) fn of_csv_cells(cells: &csv::StringRecord) -> Result<SchemeSummary, csv::Error> {
    let columns = CSV_COLUMNS.iter().copied().collect();
    Ok(cells.deserialize::<CsvRow>(Some(&columns))?.summary())
}

/// The comparison as CSV with a header, one row per scheme.
pub fn csv_table(schemes: &[SchemeSummary]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for scheme in schemes {
        writer.serialize(CsvRow::new(scheme)).expect("writing to memory does not fail");
    }
    let bytes = writer.into_inner().expect("writing to memory does not fail");
    String::from_utf8(bytes).expect("the cells are text")
}

/// The comparison as a JSON list, one object per scheme with the fields of [`SchemeSummary`].
pub fn json_table(schemes: &[SchemeSummary]) -> String {
    serde_json::to_string_pretty(schemes).expect("summaries have only string keys") + "\n"
}

/// Writes [`csv_table`] to `path` at once.
///
/// # Errors
/// [`FileError`] when it cannot be written.
pub fn write_csv_table(path: &Path, schemes: &[SchemeSummary]) -> Result<(), FileError> {
    write_atomic(path, csv_table(schemes).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scheme(name: &str, mean: f64, seeds: usize) -> SchemeSummary {
        SchemeSummary {
            scheme: name.into(),
            highlighted: name == "DSACO",
            latency_mean_s: Estimate { value: mean, low: mean - 0.01, high: mean + 0.03 },
            latency_seed_sd_s: 0.012,
            latency_iqm_s: Estimate::exact(0.75 * mean),
            latency_p50_s: 0.5 * mean,
            latency_p95_s: 3.0 * mean,
            latency_p99_s: 20.0 * mean,
            success_rate: Estimate::exact(0.934),
            energy_per_task_j: 1.5,
            load_balance: 0.876,
            offload_ratio: 1.0,
            improvement: Some(Estimate { value: 0.75, low: 0.5, high: 1.0 }),
            latency_difference_s: Some(Estimate::exact(-0.25)),
            optimality_gap: None,
            seeds,
            episodes: 60,
            tasks: 12_000,
        }
    }

    #[test]
    fn text_is_aligned_marks_the_highlighted_scheme_and_leaves_out_what_nobody_has() {
        let text = text_table(&[scheme("DSACO", 0.6123, 3), scheme("nearest server", 13.04, 1)]);
        let expected = [
            "  scheme            mean  ± 95 %  seed sd    IQM    p50     p95      p99  success  energy  balance  offloaded  better  seeds  episodes",
            "                       s       s        s      s      s       s        s        %  J/task     Jain          %       %",
            "--------------------------------------------------------------------------------------------------------------------------------------",
            "* DSACO            0.612   0.020    0.012  0.459  0.306   1.837   12.246     93.4   1.500     0.88      100.0    75.0      3        60",
            "  nearest server  13.040   0.020        -  9.780  6.520  39.120  260.800     93.4   1.500     0.88      100.0    75.0      1        60",
        ];
        let expected = expected.join("\n") + "\n";
        assert_eq!(text, expected, "\n{text}");
    }

    #[test]
    fn csv_and_json_hold_every_figure() {
        let schemes = [scheme("DSACO", 0.5, 3)];
        let csv = csv_table(&schemes);
        assert!(csv.ends_with(",3,60,12000,0.375,0.375,0.375,0.75,0.5,1.0,-0.25,-0.25,-0.25,,,\n"), "{csv}");
        assert_eq!(csv.lines().next(), Some(CSV_COLUMNS.join(",").as_str()));
        assert!(csv.contains("\nDSACO,0.5,0.49,0.53,0.012,0.25,1.5,10.0,0.934,"), "{csv}");
        let back: Vec<SchemeSummary> = serde_json::from_str(&json_table(&schemes)).unwrap();
        assert_eq!(back, schemes);
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("comparison.csv");
        write_csv_table(&path, &schemes).unwrap();
        let back = read_csv_table(&path).unwrap();
        assert_eq!(back, [SchemeSummary { highlighted: false, ..schemes[0].clone() }]);
    }

    #[test]
    fn a_scheme_that_sends_no_work_has_no_balance_in_any_form() {
        let schemes = [SchemeSummary { load_balance: f64::NAN, ..scheme("device-only", 0.5, 1) }];
        let both = [schemes[0].clone(), scheme("nearest", 0.5, 1)];
        assert!(text_table(&both).lines().nth(3).unwrap().contains("1.500        -"));
        assert!(csv_table(&schemes).contains(",1.5,,1.0,1,60,"));
        let json = json_table(&schemes);
        assert!(json.contains("\"load_balance\": null"), "{json}");
        let back: Vec<SchemeSummary> = serde_json::from_str(&json).unwrap();
        assert!(back[0].load_balance.is_nan());
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("comparison.csv");
        write_csv_table(&path, &schemes).unwrap();
        assert!(read_csv_table(&path).unwrap()[0].load_balance.is_nan());
    }
}
