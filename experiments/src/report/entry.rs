//! [`Entry`]: what the report says of one run, study, search or sweep.

use std::fs;
use std::path::{Path, PathBuf};

use super::chart::Chart;
use super::table::Table;
use super::{evaluations, points, profile, trainings};
use crate::error::RunError;
use crate::files::{FileError, RunFolder, RunFolderError};
use crate::manifest::Manifest;
use crate::plan::Plan;
use crate::record::Record;

/// What the report says of one run, study, search or sweep.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// What it is: `run`, `study`, `search` or `sweep`.
    pub(super) kind: &'static str,
    /// Name of its configuration.
    pub(super) name: String,
    pub(super) manifest: Manifest,
    pub(super) charts: Vec<Chart>,
    pub(super) tables: Vec<Table>,
    /// The text of `config.toml`.
    pub(super) config: String,
}

impl Entry {
    /// Those of a folder: of itself, or of the folders in it by name.
    pub(super) fn all_in(folder: &Path) -> Result<Vec<Self>, RunError> {
        if !folder.is_dir() {
            return Err(RunFolderError::NoFolder(folder.to_owned()).into());
        }
        let own = RunFolder::at(folder);
        if own.manifest().is_file() {
            return Ok(vec![Self::read(&own)?]);
        }
        let inner = fs::read_dir(folder).map_err(FileError::on("read", folder))?;
        let mut paths = Vec::new();
        for entry in inner {
            paths.push(entry.map_err(FileError::on("read", folder))?.path());
        }
        paths.sort();
        let runs: Vec<RunFolder> = paths.iter().map(|path: &PathBuf| RunFolder::at(path)).collect();
        let entries: Vec<Self> =
            runs.iter().filter(|run| run.manifest().is_file()).map(Self::read).collect::<Result<_, _>>()?;
        if entries.is_empty() { Err(RunFolderError::NoRuns(folder.to_owned()).into()) } else { Ok(entries) }
    }

    fn read(folder: &RunFolder) -> Result<Self, RunError> {
        let manifest = Manifest::read(folder)?;
        let path = folder.config();
        let config = fs::read_to_string(&path).map_err(FileError::on("read", &path))?;
        let plan = Plan::read(&path, &[])?;
        let (kind, name) = match &plan {
            Plan::Experiment(config) => ("run", &config.name),
            Plan::Study(config) => ("study", &config.name),
            Plan::Search(config) => ("search", &config.experiment.name),
            Plan::Sweep(config) => ("sweep", &config.study.name),
        };
        let record = Record::read(folder, &plan)?;
        let charts = [evaluations::chart(&record), profile::chart(&record), trainings::chart(&record)];
        let mut charts: Vec<Chart> = charts.into_iter().flatten().collect();
        charts.extend(points::charts(folder, &plan)?);
        let tables = [
            Table::read(&folder.comparison(), "Comparison", "comparison.csv")?,
            Table::read(&folder.convergence(), "Convergence", "convergence.csv")?,
            Table::read(&folder.trials(), "Trials", "trials.csv")?,
            Table::read(&folder.sweep_table(), "Points", "sweep.csv")?,
        ];
        Ok(Self { kind, name: name.clone(), manifest, charts, tables: tables.into_iter().flatten().collect(), config })
    }
}
