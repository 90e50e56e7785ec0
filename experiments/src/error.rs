//! [`RunError`]: why a run ended early.

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
    /// The method cannot be built.
    #[error(transparent)]
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
    Train(#[from] TrainError),
    /// A checkpoint cannot be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// An evaluation took an action that is not open.
    #[error(transparent)]
    Env(#[from] EnvError),
    /// A picture cannot be drawn.
    #[error(transparent)]
    Plot(#[from] PlotError),
    /// Results cannot be read back.
    #[error(transparent)]
    Eval(#[from] ReadEvalError),
}
