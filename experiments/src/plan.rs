//! [`Plan`]: what a configuration file asks for.

use std::fs;
use std::path::Path;

use crate::config::{ExperimentConfig, ExperimentError};
use crate::files::FileError;
use crate::search::SearchConfig;
use crate::study::StudyConfig;

/// What a configuration file asks for, by the keys that it has.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant)] // there is one of them per process
pub enum Plan {
    /// One method is trained and compared.
    Experiment(ExperimentConfig),
    /// Several methods (`methods`) are trained and compared.
    Study(StudyConfig),
    /// Hyperparameters of one method are searched (`tune` or `space`).
    Search(SearchConfig),
}

impl Plan {
    /// Reads a configuration file of any kind, with `changes` (`key.path=value`) put over it.
    ///
    /// # Errors
    /// [`ExperimentError`] names the file and the field.
    pub fn read(path: &Path, changes: &[String]) -> Result<Self, ExperimentError> {
        let text = fs::read_to_string(path).map_err(FileError::on("read", path))?;
        let place = path.display().to_string();
        // What is no TOML is refused with its line as an experiment.
        let table: toml::Table = text.parse().unwrap_or_default();
        if StudyConfig::is_in(&table) {
            StudyConfig::parse(&text, &place, changes).map(Self::Study)
        } else if SearchConfig::is_in(&table) {
            SearchConfig::read(path, changes).map(Self::Search)
        } else {
            ExperimentConfig::parse(&text, &place, changes).map(Self::Experiment)
        }
    }
}
