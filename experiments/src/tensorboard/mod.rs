//! [`TensorBoard`]: what a training reports, in files that TensorBoard opens.
//!
//! Figures have the tags of Stable-Baselines3's logger where it has one, which are the columns of `progress.csv`;
//! evaluations stand under `eval/`.
//!
//! # Design
//! Written here and not by a crate: those that exist are years old or need a compiler for protocol buffers, and scalars
//! are two small messages.

mod event;
mod event_file;

use std::path::Path;
use std::time::Duration;

use crate::error::RunError;
use crate::eval::{EvalRow, read_eval, read_rows};
use crate::files::{FileError, RunFolder};
use crate::progress::{PROGRESS_COLUMNS, ProgressRow};
use event::Scalar;
use event_file::EventFile;

/// Columns that are no figure over steps.
const NAMES: [&str; 2] = ["seed", "time/total_timesteps"];

/// The event file of one training.
#[derive(Debug)]
pub struct TensorBoard {
    file: EventFile,
    /// When the training began, since the Unix epoch.
    began: Duration,
}

impl TensorBoard {
    /// Begins the file of a training in its folder; those of an earlier process are emptied.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be written.
    pub fn create(folder: &Path, began: Duration) -> Result<Self, FileError> {
        Ok(Self { file: EventFile::create(folder, began.as_secs_f64())?, began })
    }

    /// Begins the file of a training that goes on: what the tables of its run have kept of it comes first. So no step is
    /// lost and none is there twice, whatever the earlier process had written behind the point it goes on from.
    ///
    /// # Errors
    /// [`RunError`] when it cannot be written, or a table not be read.
    pub fn restore(
        folder: &Path,
        began: Duration,
        run: &RunFolder,
        (algo, seed): (&str, u64),
    ) -> Result<Self, RunError> {
        let mut board = Self::create(folder, began)?;
        let reports: Vec<ProgressRow> = read_rows(&run.progress(), PROGRESS_COLUMNS)?;
        let own = reports.iter().filter(|row| row.algo == algo && row.seed == seed);
        let reports: Vec<&ProgressRow> = own.collect();
        let elapsed_at = |step: u64| {
            let before = reports.iter().take_while(|row| row.total_timesteps <= step);
            before.filter_map(|row| row.time_elapsed).last().unwrap_or(0.0)
        };
        let rows = read_eval(&run.eval())?;
        let rows: Vec<EvalRow> = rows.into_iter().filter(|row| row.algo == algo && row.seed == seed).collect();
        for of_step in rows.chunk_by(|left, right| left.step == right.step) {
            let figures = of_step.iter().map(|row| (row.metric.as_str(), row.value));
            board.evaluation(of_step[0].step, elapsed_at(of_step[0].step), figures)?;
        }
        for row in &reports {
            board.report(row)?;
        }
        Ok(board)
    }

    /// Writes the figures of a report; one that is not finite is kept, so that a diverged training shows.
    ///
    /// # Errors
    /// [`FileError`] when they cannot be written.
    pub fn report(&mut self, row: &ProgressRow) -> Result<(), FileError> {
        let figures = row.figures().into_iter().filter(|(column, _)| !NAMES.contains(column));
        let scalars: Vec<Scalar> =
            figures.map(|(column, value)| Scalar { tag: column.to_owned(), value: value as f32 }).collect();
        self.write(row.total_timesteps, row.time_elapsed.unwrap_or(0.0), &scalars)
    }

    /// Writes the means of an evaluation's figures over its episodes: the return as `eval/mean_reward`, all others as
    /// `eval/` and their name. An episode that does not have a figure has no part in its mean.
    ///
    /// # Errors
    /// [`FileError`] when they cannot be written.
    pub fn evaluation<'f>(
        &mut self,
        step: u64,
        elapsed_s: f64,
        figures: impl Iterator<Item = (&'f str, f64)>,
    ) -> Result<(), FileError> {
        let mut sums: Vec<(&str, f64, u32)> = Vec::new();
        for (name, value) in figures.filter(|(_, value)| !value.is_nan()) {
            match sums.iter_mut().find(|(known, ..)| *known == name) {
                Some((_, sum, count)) => (*sum, *count) = (*sum + value, *count + 1),
                None => sums.push((name, value, 1)),
            }
        }
        let tag = |name: &str| if name == "return" { "eval/mean_reward".to_owned() } else { format!("eval/{name}") };
        let scalar =
            |&(name, sum, count): &(&str, f64, u32)| Scalar { tag: tag(name), value: (sum / f64::from(count)) as f32 };
        let scalars: Vec<Scalar> = sums.iter().map(scalar).collect();
        self.write(step, elapsed_s, &scalars)
    }

    fn write(&mut self, step: u64, elapsed_s: f64, scalars: &[Scalar]) -> Result<(), FileError> {
        self.file.scalars(self.began.as_secs_f64() + elapsed_s, step, scalars)
    }
}
