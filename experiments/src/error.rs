//! [`RunError`]: why a run ended early.

use std::path::PathBuf;

use mec_agents::agent::{ConfigError, TrainError};
use mec_agents::checkpoint::CheckpointError;
use mec_agents::device::DeviceError;
use mec_envs::gym::EnvError;
use mec_envs::offload::ScenarioError;
use thiserror::Error;

use crate::config::ExperimentError;
use crate::eval::ReadEvalError;
use crate::files::{FileError, RunFolderError};
use crate::manifest::ManifestError;
use crate::plot::PlotError;

/// Why a run ended early.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    /// The scenario cannot be used.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// A part of a study or a search cannot be carried out.
    #[error("{label}: {source}")]
    Part {
        /// Which.
        label: String,
        /// Why.
        source: Box<RunError>,
    },
    /// The method cannot be built.
    #[error("algorithm: {0}")]
    Config(#[from] ConfigError),
    /// The device is not there.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The run folder cannot be used.
    #[error(transparent)]
    Folder(#[from] RunFolderError),
    /// A file cannot be written or read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The manifest cannot be written or read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The training went wrong.
    #[error(transparent)]
    Train(TrainError),
    /// Numbers of the training are none any more.
    #[error("{reason}{}{}", tensor(found), checkpoints(kept))]
    Diverged {
        /// Where it was seen.
        reason: String,
        /// The first tensor with such numbers.
        found: Option<String>,
        /// The checkpoints from before, the newest first.
        kept: Vec<PathBuf>,
    },
    /// A checkpoint cannot be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A checkpoint is whole, but of another agent.
    #[error("checkpoint {path}: {source}; it does not belong to this configuration", path = path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// What differs.
        source: CheckpointError,
    },
    /// An evaluation took an action that is not open.
    #[error(transparent)]
    Env(#[from] EnvError),
    /// A picture cannot be drawn.
    #[error(transparent)]
    Plot(#[from] PlotError),
    /// A table of results holds nothing to draw.
    #[error("{path}: {source}", path = path.display())]
    NothingToDraw {
        /// The table.
        path: PathBuf,
        /// What is missing.
        source: PlotError,
    },
    /// The configuration in a run folder is not the one that the run began with.
    #[error("{path} was changed since the run began: its SHA-256 is not the one in run.json; put it back to resume the run, or begin a new one with it", path = path.display())]
    ConfigChanged {
        /// The file.
        path: PathBuf,
    },
    /// A run has trained, and does not say how far.
    #[error("{path} is missing, so this run cannot be resumed; begin it anew with `mec-gym run` and --force", path = path.display())]
    NoResumePoint {
        /// The file.
        path: PathBuf,
    },
    /// A search has nothing to choose from.
    #[error("the trainings of all {trials} trials diverged; narrow the space, or give trial 0 settings that work")]
    AllDiverged {
        /// How many.
        trials: usize,
    },
    /// Results cannot be read back.
    #[error(transparent)]
    Eval(#[from] ReadEvalError),
}

impl RunError {
    /// A training that diverged, and what is left of it.
    pub(crate) fn diverged(reason: String, found: Option<&str>, kept: Vec<PathBuf>) -> Self {
        Self::Diverged { reason, found: found.map(str::to_owned), kept }
    }
}

fn tensor(found: &Option<String>) -> String {
    found.as_ref().map_or(String::new(), |name| format!("; tensor {name} holds numbers that are infinite or NaN"))
}

fn checkpoints(kept: &[PathBuf]) -> String {
    let paths: Vec<String> = kept.iter().map(|path| path.display().to_string()).collect();
    match paths.split_first() {
        None => "; no checkpoint was written before".to_owned(),
        Some((newest, [])) => format!("; the last good checkpoint is {newest}"),
        Some((newest, others)) => format!("; the last good checkpoint is {newest}, others are {}", others.join(", ")),
    }
}

impl From<TrainError> for RunError {
    /// An error of our own that came by way of the training's observer is taken out again.
    fn from(error: TrainError) -> Self {
        let TrainError::Observer(own) = error else { return Self::Train(error) };
        let own = match own.downcast::<RunError>() {
            Ok(error) => return *error,
            Err(other) => other,
        };
        let own = match own.downcast::<FileError>() {
            Ok(error) => return Self::File(*error),
            Err(other) => other,
        };
        let own = match own.downcast::<CheckpointError>() {
            Ok(error) => return Self::Checkpoint(*error),
            Err(other) => other,
        };
        match own.downcast::<EnvError>() {
            Ok(error) => Self::Env(*error),
            Err(other) => Self::Train(TrainError::Observer(other)),
        }
    }
}
