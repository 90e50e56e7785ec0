//! [`EvalFile`]: evaluation results as tidy rows, one figure each.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::files::{CsvFile, FileError};

/// The columns of `eval.csv`, in order.
pub const EVAL_COLUMNS: &[&str] = &["run_id", "algo", "scenario", "seed", "step", "episode", "metric", "value"];

/// Rows that are written together.
const GROUP: usize = 256;

/// One figure of one evaluation episode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvalRow {
    /// The run that it comes from, see [`Manifest::run_id`](crate::manifest::Manifest::run_id).
    pub run_id: String,
    /// Algorithm or scheme.
    pub algo: String,
    /// What it was evaluated on.
    pub scenario: String,
    /// Seed of the training; 0 for a scheme that does not learn.
    pub seed: u64,
    /// Environment steps trained so far.
    pub step: u64,
    /// Number of the held-out episode; equal numbers are equal episodes for every scheme.
    pub episode: u64,
    /// Name of the figure, with its unit as suffix.
    pub metric: String,
    /// The figure.
    pub value: f64,
}

/// What the figures of one evaluation episode have in common; see [`EvalRow`].
#[derive(Clone, Debug, PartialEq)]
pub struct EvalPoint<'a> {
    /// Algorithm or scheme.
    pub algo: &'a str,
    /// What it was evaluated on.
    pub scenario: &'a str,
    /// Seed of the training.
    pub seed: u64,
    /// Environment steps trained so far.
    pub step: u64,
    /// Number of the held-out episode.
    pub episode: u64,
}

/// A growing `eval.csv`.
#[derive(Debug)]
pub struct EvalFile {
    file: CsvFile,
    run_id: String,
}

impl EvalFile {
    /// Creates the file for the run `run_id`.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be written.
    pub fn create(path: &Path, run_id: &str) -> Result<Self, FileError> {
        Ok(Self { file: CsvFile::create(path, "", EVAL_COLUMNS, GROUP)?, run_id: run_id.to_owned() })
    }

    /// Opens a file that was created alike, to write behind its first `rows` rows; others are cut off.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be written, starts otherwise or has fewer rows.
    pub fn append(path: &Path, run_id: &str, rows: u64) -> Result<Self, FileError> {
        Ok(Self { file: CsvFile::append(path, "", EVAL_COLUMNS, GROUP, rows)?, run_id: run_id.to_owned() })
    }

    /// Writes the rows kept so far, syncs the file, and tells how many rows it has.
    ///
    /// # Errors
    /// [`FileError`] when they cannot be written.
    pub fn sync(&mut self) -> Result<u64, FileError> {
        self.file.sync()
    }

    /// Adds one row per figure of an episode; NaN is a figure that the episode does not have, and has no row.
    ///
    /// # Errors
    /// [`FileError`] when a group of rows cannot be written.
    pub fn episode(&mut self, point: &EvalPoint, figures: &[(&str, f64)]) -> Result<(), FileError> {
        for (metric, value) in figures.iter().filter(|(_, value)| !value.is_nan()) {
            let EvalPoint { algo, scenario, seed, step, episode } = point;
            self.file.row((&self.run_id, algo, scenario, seed, step, episode, metric, value))?;
        }
        Ok(())
    }

    /// Writes the rows kept so far; call it after each evaluation.
    ///
    /// # Errors
    /// [`FileError`] when they cannot be written.
    pub fn flush(&mut self) -> Result<(), FileError> {
        self.file.flush()
    }

    /// Closes the file.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be written.
    pub fn finish(self) -> Result<(), FileError> {
        self.file.finish()
    }
}

/// Why a table of results cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadEvalError {
    /// The file cannot be opened.
    #[error(transparent)]
    File(#[from] FileError),
    /// It has other columns.
    #[error("{} has the columns {found:?}; accepted are {accepted:?}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// Its first line.
        found: String,
        /// The first line it should have.
        accepted: String,
    },
    /// A row does not have the columns of the table.
    #[error("{}: {source}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// What is wrong, and in which line.
        source: csv::Error,
    },
}

/// Reads an `eval.csv`.
///
/// # Errors
/// [`ReadEvalError`] naming the file and, for a malformed row, its line.
pub fn read_eval(path: &Path) -> Result<Vec<EvalRow>, ReadEvalError> {
    read_rows(path, EVAL_COLUMNS)
}

/// Reads a table with this header.
pub(crate) fn read_rows<T: DeserializeOwned>(path: &Path, columns: &[&str]) -> Result<Vec<T>, ReadEvalError> {
    let broken = |source| ReadEvalError::Row { path: path.to_owned(), source };
    let file = File::open(path).map_err(FileError::on("read", path))?;
    let mut reader = csv::Reader::from_reader(file);
    let header = reader.headers().map_err(broken)?;
    if header != columns {
        let found = header.iter().collect::<Vec<_>>().join(",");
        return Err(ReadEvalError::Header { path: path.to_owned(), found, accepted: columns.join(",") });
    }
    reader.into_deserialize().collect::<Result<_, _>>().map_err(broken)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn rows_come_back_as_they_went() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eval.csv");
        let mut file = EvalFile::create(&path, "smoke-1").unwrap();
        let point = EvalPoint { algo: "dsaco", scenario: "default", seed: 2, step: 5000, episode: 7 };
        file.episode(&point, &[("latency_mean_s", 0.31), ("load_balance", f64::NAN), ("success_rate", 0.9)]).unwrap();
        file.finish().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let expected = "run_id,algo,scenario,seed,step,episode,metric,value\n\
                        smoke-1,dsaco,default,2,5000,7,latency_mean_s,0.31\n\
                        smoke-1,dsaco,default,2,5000,7,success_rate,0.9\n";
        assert_eq!(text, expected);
        let rows = read_eval(&path).unwrap();
        assert_eq!((rows.len(), rows[1].metric.as_str(), rows[1].value), (2, "success_rate", 0.9));
    }

    #[test]
    fn a_malformed_row_is_named_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eval.csv");
        fs::write(&path, format!("{}\nr,a,s,1,2,3,m,x\n", EVAL_COLUMNS.join(","))).unwrap();
        let error = read_eval(&path).unwrap_err().to_string();
        assert!(error.contains("eval.csv") && error.contains("line: 2"), "{error}");
    }

    #[test]
    fn another_table_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eval.csv");
        for text in ["", "a,b\n", "\u{feff}run_id\n"] {
            fs::write(&path, text).unwrap();
            let error = read_eval(&path).unwrap_err().to_string();
            assert!(error.contains("eval.csv has the columns") && error.contains("run_id,algo,"), "{error}");
        }
    }
}
