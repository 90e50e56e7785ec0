//! [`ProgressFile`]: training, one row per report, with a header fixed at the start.
//!
//! The names are those of Stable-Baselines3's logger where it has one; `dist/` and `mec/` are ours.
//! `results/README.md` says what each column means.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files::{CsvFile, FileError};

macro_rules! progress_row {
    ($($(#[$doc:meta])* $field:ident: $kind:ty = $column:literal,)*) => {
        /// A row of `progress.csv`; `None` is an empty cell.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        pub struct ProgressRow {
            $($(#[$doc])* #[serde(rename = $column)] pub $field: $kind,)*
        }

        impl ProgressRow {
            /// Sets the column of this name, for figures that come as a list of names and values; a count loses its
            /// fraction. `false`, and no change, when there is no such column.
            pub fn set(&mut self, column: &str, value: f64) -> bool {
                match column {
                    $($column => self.$field.put(value),)*
                    _ => false,
                }
            }
        }

        impl ProgressRow {
            /// The figures of the row by column, in order; empty cells and names are left out.
            pub fn figures(&self) -> Vec<(&'static str, f64)> {
                let cells = [$(($column, self.$field.figure())),*];
                cells.into_iter().filter_map(|(column, figure)| Some((column, figure?))).collect()
            }
        }

        /// The columns of `progress.csv`, in order.
        pub const PROGRESS_COLUMNS: &[&str] = &[$($column),*];
    };
}

/// A cell that may take a figure.
trait Cell {
    /// Takes it, or says `false`.
    fn put(&mut self, value: f64) -> bool;
    /// Its figure, if it has one.
    fn figure(&self) -> Option<f64>;
}

impl Cell for String {
    fn put(&mut self, _: f64) -> bool {
        false
    }

    fn figure(&self) -> Option<f64> {
        None
    }
}

impl Cell for u64 {
    fn put(&mut self, value: f64) -> bool {
        *self = value as u64;
        true
    }

    fn figure(&self) -> Option<f64> {
        Some(*self as f64)
    }
}

impl Cell for Option<u64> {
    fn put(&mut self, value: f64) -> bool {
        *self = Some(value as u64);
        true
    }

    fn figure(&self) -> Option<f64> {
        self.map(|count| count as f64)
    }
}

impl Cell for Option<f64> {
    fn put(&mut self, value: f64) -> bool {
        *self = Some(value);
        true
    }

    fn figure(&self) -> Option<f64> {
        *self
    }
}

progress_row! {
    /// Name of the algorithm.
    algo: String = "algo",
    /// Seed of the training.
    seed: u64 = "seed",
    /// Environment steps of all actors.
    total_timesteps: u64 = "time/total_timesteps",
    /// Seconds since the training began.
    time_elapsed: Option<f64> = "time/time_elapsed",
    /// Environment steps per second since the last row.
    fps: Option<f64> = "time/fps",
    /// Episodes finished.
    episodes: Option<u64> = "time/episodes",
    /// Mean return of the last episodes.
    ep_rew_mean: Option<f64> = "rollout/ep_rew_mean",
    /// Mean steps of the last episodes.
    ep_len_mean: Option<f64> = "rollout/ep_len_mean",
    /// Share of tasks that met their deadline in the last episodes.
    success_rate: Option<f64> = "rollout/success_rate",
    /// Probability with which the policy takes any choice (`dqn`).
    exploration_rate: Option<f64> = "rollout/exploration_rate",
    /// Loss of the actor.
    actor_loss: Option<f64> = "train/actor_loss",
    /// Loss of the critics.
    critic_loss: Option<f64> = "train/critic_loss",
    /// Temperature of the entropy.
    ent_coef: Option<f64> = "train/ent_coef",
    /// Loss of the temperature.
    ent_coef_loss: Option<f64> = "train/ent_coef_loss",
    /// Mean entropy of the policy, nat.
    entropy: Option<f64> = "train/entropy",
    /// Entropy that the temperature aims at, nat.
    target_entropy: Option<f64> = "train/target_entropy",
    /// Mean value that the critics see.
    q_mean: Option<f64> = "train/q_mean",
    /// How far the policy moved in an update, nat (on-policy methods).
    approx_kl: Option<f64> = "train/approx_kl",
    /// Share of rows whose probability ratio was beyond its bound (`ppo`).
    clip_fraction: Option<f64> = "train/clip_fraction",
    /// Share of the returns' variance that the value explains, at most 1 (on-policy methods).
    explained_variance: Option<f64> = "train/explained_variance",
    /// Mean return of a generation's candidates (`es`).
    fitness: Option<f64> = "train/fitness",
    /// Learning rate of the actor.
    learning_rate: Option<f64> = "train/learning_rate",
    /// Gradient steps.
    n_updates: Option<u64> = "train/n_updates",
    /// Mean age of the policies that act, in gradient steps.
    policy_lag: Option<f64> = "dist/policy_lag",
    /// Gradient steps per environment step.
    replay_ratio: Option<f64> = "dist/replay_ratio",
    /// Chunks of transitions that wait between actors and learner.
    queue_depth: Option<f64> = "dist/queue_depth",
    /// Share of time in which actors waited.
    actor_idle: Option<f64> = "dist/actor_idle",
    /// Share of time in which the learner waited.
    learner_idle: Option<f64> = "dist/learner_idle",
    /// Mean latency of the last episodes, s.
    latency_mean_s: Option<f64> = "mec/latency_mean_s",
    /// 95th percentile of latency, mean over the last episodes, s.
    latency_p95_s: Option<f64> = "mec/latency_p95_s",
    /// Share of tasks that did not stay on their device.
    offload_ratio: Option<f64> = "mec/offload_ratio",
    /// Energy of the devices per task, J.
    energy_j: Option<f64> = "mec/energy_j",
    /// Jain's index of the servers' loads, 0 to 1.
    load_balance: Option<f64> = "mec/load_balance",
}

/// A growing `progress.csv`.
#[derive(Debug)]
pub struct ProgressFile(CsvFile);

impl ProgressFile {
    /// Creates the file.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be written.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        // Reports are seconds apart: each is a group of its own, so that a watcher sees the newest.
        CsvFile::create(path, "", PROGRESS_COLUMNS, 1).map(Self)
    }

    /// Opens a file that was created alike, to write behind its first `rows` rows; others are cut off.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be written, starts otherwise or has fewer rows.
    pub fn append(path: &Path, rows: u64) -> Result<Self, FileError> {
        CsvFile::append(path, "", PROGRESS_COLUMNS, 1, rows).map(Self)
    }

    /// Syncs the file and tells how many rows it has.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be written.
    pub fn sync(&mut self) -> Result<u64, FileError> {
        self.0.sync()
    }

    /// Adds a row; a figure that is not finite is kept as it is, so that a diverged training shows.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be written.
    pub fn row(&mut self, row: &ProgressRow) -> Result<(), FileError> {
        self.0.row(row)
    }

    /// Closes the file.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be written.
    pub fn finish(self) -> Result<(), FileError> {
        self.0.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn figures_find_their_columns_by_name() {
        let mut row = ProgressRow::default();
        assert!(row.set("train/ent_coef", 0.2) && row.set("train/n_updates", 40.0) && row.set("seed", 7.0));
        assert!(!row.set("algo", 1.0) && !row.set("train/unheard_of", 1.0));
        let expected = ProgressRow { seed: 7, ent_coef: Some(0.2), n_updates: Some(40), ..ProgressRow::default() };
        assert_eq!(row, expected);
        let figures =
            [("seed", 7.0), ("time/total_timesteps", 0.0), ("train/ent_coef", 0.2), ("train/n_updates", 40.0)];
        assert_eq!(row.figures(), figures);
    }

    #[test]
    fn unknown_figures_are_empty_cells() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("progress.csv");
        let mut file = ProgressFile::create(&path).unwrap();
        let row = ProgressRow {
            algo: "dsaco".into(),
            seed: 3,
            total_timesteps: 1000,
            fps: Some(812.5),
            ..ProgressRow::default()
        };
        file.row(&row).unwrap();
        file.finish().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], PROGRESS_COLUMNS.join(","));
        assert!(lines[1].starts_with("dsaco,3,1000,,812.5,,"), "{}", lines[1]);
        let back: Vec<ProgressRow> = csv::Reader::from_path(&path).unwrap().deserialize().map(Result::unwrap).collect();
        assert_eq!(back, [row]);
    }
}
