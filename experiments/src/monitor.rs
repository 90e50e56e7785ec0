//! [`MonitorFile`]: one row per training episode, in the layout of Stable-Baselines3's `monitor.csv`.
//!
//! The first line is `#` and a JSON object with `t_start` (Unix time, s) and `env_id`; then a CSV table with the
//! columns `r` (return), `l` (steps), `t` (seconds since `t_start`) and further figures. SB3's `load_results` and
//! the plots of RL Zoo read it. One file belongs to one environment copy.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use crate::files::{CsvFile, FileError};

/// Episodes that are written together; small, because people watch these files grow.
const GROUP: usize = 16;

/// A growing `monitor.csv`.
#[derive(Debug)]
pub struct MonitorFile {
    file: CsvFile,
    extra: usize,
}

/// One finished episode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Episode {
    /// Sum of rewards.
    pub reward: f64,
    /// Steps.
    pub length: usize,
    /// Seconds since the start that the file was made with.
    pub elapsed_s: f64,
}

impl MonitorFile {
    /// Creates the file with `extra` columns behind `r,l,t`.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be written.
    pub fn create(path: &Path, env_id: &str, start: SystemTime, extra: &[&str]) -> Result<Self, FileError> {
        let (preamble, header) = top(env_id, start, extra);
        Ok(Self { file: CsvFile::create(path, &preamble, &header, GROUP)?, extra: extra.len() })
    }

    /// Opens a file that was created alike, to write behind its first `rows` rows; others are cut off.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be written, starts otherwise or has fewer rows.
    pub fn append(path: &Path, env_id: &str, start: SystemTime, extra: &[&str], rows: u64) -> Result<Self, FileError> {
        let (preamble, header) = top(env_id, start, extra);
        Ok(Self { file: CsvFile::append(path, &preamble, &header, GROUP, rows)?, extra: extra.len() })
    }

    /// Adds an episode with its figures in the order of the extra columns; what is not finite is left empty.
    ///
    /// # Errors
    /// [`FileError`] when a group of rows cannot be written.
    ///
    /// # Panics
    /// When the number of figures is not that of the extra columns.
    pub fn episode(&mut self, episode: &Episode, figures: &[f64]) -> Result<(), FileError> {
        assert_eq!(figures.len(), self.extra, "one figure per extra column");
        let fixed =
            [round6(episode.reward).to_string(), episode.length.to_string(), round6(episode.elapsed_s).to_string()];
        let figures = figures.iter().map(|&figure| if figure.is_finite() { figure.to_string() } else { String::new() });
        self.file.row(fixed.into_iter().chain(figures).collect::<Vec<_>>())
    }

    /// Writes the rows kept so far, syncs the file, and tells how many rows it has.
    ///
    /// # Errors
    /// [`FileError`] when they cannot be written.
    pub fn sync(&mut self) -> Result<u64, FileError> {
        self.file.sync()
    }

    /// Writes the last rows and closes the file.
    ///
    /// # Errors
    /// [`FileError`] when they cannot be written.
    pub fn finish(self) -> Result<(), FileError> {
        self.file.finish()
    }
}

/// The lines above the table, and its header.
fn top<'a>(env_id: &str, start: SystemTime, extra: &[&'a str]) -> (String, Vec<&'a str>) {
    let t_start = start.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let t_start = serde_json::to_string(&t_start).expect("a number is JSON");
    // Written out by hand: SB3 puts `t_start` first, and a space after colon and comma.
    let preamble = format!("#{{\"t_start\": {t_start}, \"env_id\": {}}}\n", json!(env_id));
    (preamble, ["r", "l", "t"].into_iter().chain(extra.iter().copied()).collect())
}

fn round6(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;

    #[test]
    fn layout_is_that_of_stable_baselines3() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sac-seed1-env0.monitor.csv");
        let start = UNIX_EPOCH + Duration::from_millis(1_763_885_100_250);
        let mut file = MonitorFile::create(&path, "mec/\"x\"-v0", start, &["latency_mean_s", "energy_j"]).unwrap();
        let episode = Episode { reward: -1.234_567_89, length: 200, elapsed_s: 3.0 };
        file.episode(&episode, &[0.25, f64::NAN]).unwrap();
        file.finish().unwrap();
        let expected = "#{\"t_start\": 1763885100.25, \"env_id\": \"mec/\\\"x\\\"-v0\"}\n\
                        r,l,t,latency_mean_s,energy_j\n-1.234568,200,3,0.25,\n";
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    }
}
