//! [`Trial`]: a configuration that a search tries, and [`TrialRow`], what it reached on a rung.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::space::Space;
use crate::config::ExperimentConfig;
use crate::eval::{ReadEvalError, read_eval, read_rows};
use crate::files::{FileError, RunFolder, write_atomic};
use crate::progress::{PROGRESS_COLUMNS, ProgressRow};
use crate::statistics::mean;
use crate::table::aligned;

/// A configuration that a search tries.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Its number; 0 is the experiment as it is.
    pub number: usize,
    /// What was drawn for it, by key path; empty for trial 0.
    pub settings: Vec<(String, toml::Value)>,
    /// The experiment with these settings.
    pub config: ExperimentConfig,
}

/// What became of a trial on a rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialStatus {
    /// It went on to the next rung.
    Promoted,
    /// Others went on.
    Dropped,
    /// It was on the last rung.
    Finished,
    /// Numbers of a training became infinite or NaN.
    Diverged,
}

/// What a trial reached on a rung: a row of `trials.csv`.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialRow {
    /// Number of the trial.
    pub trial: usize,
    /// Number of the rung, from 0.
    pub rung: usize,
    /// Environment steps of each of its trainings at the end of the rung, those of lower rungs included.
    pub steps: u64,
    /// Its trainings.
    pub seeds: usize,
    /// Its value of each key of the space, in order; `None` where the experiment leaves it open.
    pub settings: Vec<Option<toml::Value>>,
    /// What is minimised: mean latency over the episodes of the evaluation and the seeds, s; `None` when it diverged.
    pub latency_mean_s: Option<f64>,
    /// Time that its trainings took so far, added up, s.
    pub seconds: f64,
    /// What became of it.
    pub status: TrialStatus,
}

/// What the agent of a training reaches that ends with its first evaluation at `pause` steps or later, or with its last
/// one: mean latency of the held-out episodes in the evaluation with the best return, whose agent a run keeps, s.
/// `None` when it has not come so far; infinity when no episode had a task.
///
/// # Design
/// The evaluation before the first step does not count where there is another one: agents that begin with the same good
/// prior would all be as good as that.
pub(super) fn reached(
    run: &RunFolder,
    config: &ExperimentConfig,
    pause: Option<u64>,
) -> Result<Option<f64>, ReadEvalError> {
    let path = run.eval();
    let rows = if path.is_file() { read_eval(&path)? } else { Vec::new() };
    let mut evaluations: BTreeMap<u64, [Vec<f64>; 2]> = BTreeMap::new();
    for row in rows {
        let [returns, latencies] = evaluations.entry(row.step).or_default();
        match row.metric.as_str() {
            "return" => returns.push(row.value),
            "latency_mean_s" => latencies.push(row.value),
            _ => {}
        }
    }
    // A process that was killed may have left an evaluation of which a part is written.
    let last = evaluations.iter().find(|(step, [returns, _])| {
        pause.is_some_and(|pause| **step >= pause) && returns.len() as u64 == config.evaluation.episodes
    });
    let last = match (pause, last) {
        (None, _) => u64::MAX,
        (Some(_), Some((&step, _))) => step,
        (Some(_), None) => return Ok(None),
    };
    evaluations.retain(|&step, _| step <= last);
    if evaluations.len() > 1 {
        evaluations.remove(&0);
    }
    let mut best: Option<(f64, &Vec<f64>)> = None;
    for [returns, latencies] in evaluations.values() {
        let value = mean(returns);
        if best.is_none_or(|(best, _)| value > best) {
            best = Some((value, latencies));
        }
    }
    Ok(best.map(|(_, latencies)| if latencies.is_empty() { f64::INFINITY } else { mean(latencies) }))
}

/// How long a training took until it had done `steps` steps or a little more, s; 0 when it has not reported yet.
pub(super) fn seconds(run: &RunFolder, steps: u64) -> Result<f64, ReadEvalError> {
    let path = run.progress();
    let rows: Vec<ProgressRow> = if path.is_file() { read_rows(&path, PROGRESS_COLUMNS)? } else { Vec::new() };
    let row = rows.iter().find(|row| row.total_timesteps >= steps).or(rows.last());
    Ok(row.and_then(|row| row.time_elapsed).unwrap_or(0.0))
}

/// Writes `trials.csv` at once: a row per trial and rung, with a column per key of the space.
///
/// # Errors
/// [`FileError`] when it cannot be written.
pub(super) fn write_trials(path: &Path, space: &Space, rows: &[TrialRow]) -> Result<(), FileError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let keys = space.keys().map(String::as_str);
    let header: Vec<&str> = ["trial", "rung", "steps", "seeds"].into_iter().chain(keys).chain(RESULTS).collect();
    writer.write_record(header).expect("writing to memory does not fail");
    for row in rows {
        let cells = [row.trial.to_string(), row.rung.to_string(), row.steps.to_string(), row.seeds.to_string()];
        let latency = row.latency_mean_s.map_or(String::new(), |latency| latency.to_string());
        let results = [latency, row.seconds.to_string(), row.status.name().to_owned()];
        let cells = cells.into_iter().chain(row.settings.iter().map(cell)).chain(results);
        writer.write_record(cells).expect("writing to memory does not fail");
    }
    write_atomic(path, &writer.into_inner().expect("writing to memory does not fail"))
}

/// The last columns of `trials.csv`.
const RESULTS: [&str; 3] = ["latency_mean_s", "seconds", "status"];

/// A value as a cell: text without its quotes, everything else as TOML.
fn cell(value: &Option<toml::Value>) -> String {
    match value {
        None => String::new(),
        Some(toml::Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

impl TrialRow {
    /// What trials are ranked by: infinity when it diverged.
    pub fn objective(&self) -> f64 {
        self.latency_mean_s.unwrap_or(f64::INFINITY)
    }
}

impl TrialStatus {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Promoted => "promoted",
            Self::Dropped => "dropped",
            Self::Finished => "finished",
            Self::Diverged => "diverged",
        }
    }
}

/// Trials as text for people, in the given order: number, what was reached, and a column per key of the space.
pub fn trials_table(space: &Space, rows: &[TrialRow]) -> String {
    let short = |value: &Option<toml::Value>| match value {
        Some(toml::Value::Float(value)) if *value != 0.0 && value.abs() < 0.1 => format!("{value:.2e}"),
        Some(toml::Value::Float(value)) => format!("{value:.3}"),
        other => cell(other),
    };
    let keys = space.keys().map(|key| key.strip_prefix("algorithm.").unwrap_or(key).to_owned());
    let head = ["trial", "steps", "latency (s)"].map(str::to_owned);
    let mut cells: Vec<Vec<String>> = vec![head.into_iter().chain(keys).collect()];
    for row in rows {
        let latency = row.latency_mean_s.map_or("diverged".to_owned(), |latency| format!("{latency:.4}"));
        let own = [row.trial.to_string(), row.steps.to_string(), latency];
        cells.push(own.into_iter().chain(row.settings.iter().map(short)).collect());
    }
    aligned(&cells).join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::super::space::Distribution;
    use super::*;
    use crate::eval::{EvalFile, EvalPoint};

    #[test]
    fn the_evaluation_with_the_best_return_counts_up_to_where_the_rung_ends() {
        let home = tempfile::tempdir().unwrap();
        let run = RunFolder::create(home.path(), false).unwrap();
        let mut config = ExperimentConfig::default();
        config.evaluation.episodes = 2;
        assert_eq!(reached(&run, &config, Some(1)).unwrap(), None, "nothing was written");
        let mut eval = EvalFile::create(&run.eval(), "run").unwrap();
        // Returns and latencies of two episodes; the last evaluation is cut short.
        let evaluations: [(u64, &[(f64, f64)]); 4] = [
            (0, &[(-0.1, 2.0), (-0.1, 3.0)]),
            (100, &[(-2.0, 1.0), (-1.0, 0.5)]),
            (200, &[(-1.0, 0.4), (-2.5, 0.2)]),
            (300, &[(-0.5, 0.1)]),
        ];
        for (step, episodes) in evaluations {
            for (episode, &(value, latency)) in (0..).zip(episodes) {
                let point = EvalPoint { algo: "x", scenario: "s", seed: 1, step, episode };
                eval.episode(&point, &[("return", value), ("latency_mean_s", latency)]).unwrap();
            }
        }
        eval.finish().unwrap();
        let at = |pause| reached(&run, &config, pause).unwrap();
        assert_eq!(
            (at(Some(0)), at(Some(1)), at(Some(100))),
            (Some(2.5), Some(0.75), Some(0.75)),
            "trained ones first"
        );
        assert_eq!(at(Some(200)), Some(0.75), "its return is worse, whatever its latency");
        assert_eq!((at(Some(201)), at(None)), (None, Some(0.1)));
    }

    #[test]
    fn rows_have_a_column_per_key_and_what_is_unknown_is_empty() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("trials.csv");
        let range = Distribution::Uniform([0.0, 1.0]);
        let space = Space::from([("algorithm.gamma".to_owned(), range.clone()), ("runtime.envs".to_owned(), range)]);
        let row = TrialRow {
            trial: 3,
            rung: 1,
            steps: 900,
            seeds: 2,
            settings: vec![Some(toml::Value::Float(0.05)), None],
            latency_mean_s: Some(0.25),
            seconds: 1.5,
            status: TrialStatus::Promoted,
        };
        let choice = vec![Some(toml::Value::Array(vec![16.into(), 8.into()])), Some("a".into())];
        let worst = TrialRow { settings: choice, latency_mean_s: None, status: TrialStatus::Diverged, ..row.clone() };
        write_trials(&path, &space, &[row.clone(), worst]).unwrap();
        let expected = "trial,rung,steps,seeds,algorithm.gamma,runtime.envs,latency_mean_s,seconds,status\n\
                        3,1,900,2,0.05,,0.25,1.5,promoted\n\
                        3,1,900,2,\"[16, 8]\",a,,1.5,diverged\n";
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
        let text = trials_table(&space, &[row]);
        assert_eq!(text, "trial  steps  latency (s)    gamma  runtime.envs\n3        900       0.2500  5.00e-2\n");
    }
}
