//! [`Record`]: what the trainings of a run or a study have written so far.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::ExperimentConfig;
use crate::curve::curves;
use crate::error::RunError;
use crate::eval::{EvalRow, ReadEvalError, read_eval, read_rows};
use crate::files::RunFolder;
use crate::plan::Plan;
use crate::progress::{PROGRESS_COLUMNS, ProgressRow};
use crate::study::{self, StudyConfig};

/// What the trainings of a run or a study have written so far, while they go on or afterwards. Methods stand under the
/// labels that they have in tables.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Labels of the methods that learn, in order.
    pub learned: Vec<String>,
    /// Evaluations of these methods, and of the schemes that they are read against, where there are some.
    pub evaluations: Vec<EvalRow>,
    /// The reports of their trainings.
    pub progress: Vec<ProgressRow>,
}

/// A figure of the evaluations of one training.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedCurve<'r> {
    /// Label of the method.
    pub label: &'r str,
    /// Seed of the training.
    pub seed: u64,
    /// Environment steps and mean over the episodes, steps rising.
    pub points: Vec<(u64, f64)>,
}

impl Record {
    /// Reads what lies in a folder whose configuration this is. Those of a search or a sweep have no record: its table says
    /// what there is to say.
    ///
    /// # Errors
    /// [`RunError::Eval`] naming the file, and the line of a malformed row.
    pub fn read(folder: &RunFolder, plan: &Plan) -> Result<Self, RunError> {
        let (mut record, episodes) = match plan {
            Plan::Experiment(config) => (Self::of_run(folder, config)?, config.evaluation.episodes),
            Plan::Study(config) => (Self::of_study(folder, config)?, config.evaluation.episodes),
            Plan::Search(_) | Plan::Sweep(_) => return Ok(Self::default()),
        };
        record.keep_complete(episodes);
        Ok(record)
    }

    /// A figure of the evaluations, mean over their episodes: a curve per method and seed, in the order of the labels.
    pub fn curves(&self, metric: &str) -> Vec<SeedCurve<'_>> {
        let of_label = |label| {
            let seeds = curves(&self.evaluations, label, metric).into_iter();
            seeds.map(move |(seed, points)| SeedCurve { label, seed, points })
        };
        self.learned.iter().flat_map(|label| of_label(label.as_str())).collect()
    }

    /// Environment steps that all trainings have reported, added up.
    pub fn trained_steps(&self) -> u64 {
        let mut steps: BTreeMap<(&str, u64), u64> = BTreeMap::new();
        for row in &self.progress {
            let most = steps.entry((&row.algo, row.seed)).or_default();
            *most = row.total_timesteps.max(*most);
        }
        steps.values().sum()
    }

    /// The figures that the evaluations have, sorted.
    pub fn metrics(&self) -> Vec<&str> {
        let metrics: BTreeSet<&str> = self.of_learned().map(|row| row.metric.as_str()).collect();
        metrics.into_iter().collect()
    }

    /// Drops the rows of an evaluation that is still being written.
    fn keep_complete(&mut self, episodes: u64) {
        // The return is what an episode ends with.
        let mut found: BTreeMap<(String, u64, u64), u64> = BTreeMap::new();
        for row in self.evaluations.iter().filter(|row| row.metric == "return") {
            *found.entry((row.algo.clone(), row.seed, row.step)).or_default() += 1;
        }
        self.evaluations.retain(|row| found.get(&(row.algo.clone(), row.seed, row.step)) == Some(&episodes));
    }

    /// Rows of the methods that learn.
    pub fn of_learned(&self) -> impl Iterator<Item = &EvalRow> {
        self.evaluations.iter().filter(|row| self.learned.contains(&row.algo))
    }

    fn of_run(folder: &RunFolder, config: &ExperimentConfig) -> Result<Self, ReadEvalError> {
        let learned = vec![config.algorithm.name().to_owned()];
        Ok(Self { learned, evaluations: evaluations(folder)?, progress: progress(folder)? })
    }

    /// The runs of a study write before it does; where there are none, what it has written itself has to do.
    fn of_study(folder: &RunFolder, config: &StudyConfig) -> Result<Self, ReadEvalError> {
        let learned: Vec<String> = config.methods.keys().cloned().collect();
        let (mut of_runs, mut reports) = (Vec::new(), Vec::new());
        for (label, run) in study::training_folders(config, folder) {
            of_runs.extend(evaluations(&run)?.into_iter().map(|row| EvalRow { algo: label.to_owned(), ..row }));
            reports.extend(progress(&run)?.into_iter().map(|row| ProgressRow { algo: label.to_owned(), ..row }));
        }
        let mut evaluations = evaluations(folder)?;
        if !of_runs.is_empty() {
            evaluations.retain(|row| !learned.contains(&row.algo));
            evaluations.extend(of_runs);
        }
        Ok(Self { learned, evaluations, progress: reports })
    }
}

/// Nothing, where the run has not begun.
fn evaluations(folder: &RunFolder) -> Result<Vec<EvalRow>, ReadEvalError> {
    let path = folder.eval();
    if path.is_file() { read_eval(&path) } else { Ok(Vec::new()) }
}

fn progress(folder: &RunFolder) -> Result<Vec<ProgressRow>, ReadEvalError> {
    let path = folder.progress();
    if path.is_file() { read_rows(&path, PROGRESS_COLUMNS) } else { Ok(Vec::new()) }
}
