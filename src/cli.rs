//! What can be said on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use mec_agents::device::DeviceKind;

/// Train, compare and ship agents that decide where deep-learning inference runs in mobile edge computing.
///
/// Without a command, the main job runs: `run` with the built-in configuration.
///
/// Progress goes to standard error, results to standard output. Exit codes: 0 done, 1 failed, 2 misused, 130 stopped
/// by Ctrl-C (with checkpoints written).
#[derive(Debug, Parser)]
#[command(name = "mec-gym", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Options of the main job.
    #[command(flatten)]
    pub main_job: RunArgs,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train an agent as a configuration says, compare it with schemes that do not learn, draw the results
    Run {
        /// The configuration; without it the built-in one of the main job
        config: Option<PathBuf>,
        #[command(flatten)]
        args: RunArgs,
    },
    /// As `run`, without the comparison
    Train {
        /// The configuration; without it the built-in one of the main job
        config: Option<PathBuf>,
        #[command(flatten)]
        args: RunArgs,
    },
    /// Compare the agents of a run folder again, on as many unseen episodes as you like
    Evaluate(EvaluateArgs),
    /// Run a scheme that does not learn through episodes of a scenario
    Simulate(SimulateArgs),
    /// List the networks, or show the layers of one
    Models {
        /// The network to show
        name: Option<String>,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// Cut one network between a device and a server, by CDLP and by its rivals
    Partition(PartitionArgs),
    /// Draw the pictures of a run folder again
    Plot {
        /// The run folder
        folder: PathBuf,
    },
}

/// Options of `run` and `train`.
#[derive(Clone, Debug, Default, Args)]
pub struct RunArgs {
    /// Seed of the one training, in place of the configuration's seeds
    #[arg(long)]
    pub seed: Option<u64>,
    /// What the learner computes on: cpu, ndarray, wgpu, cuda or auto
    #[arg(long)]
    pub device: Option<DeviceKind>,
    /// Actor threads
    #[arg(long)]
    pub actors: Option<usize>,
    /// The run folder [default: results/NAME of the configuration, or the first free of NAME-2, NAME-3, ...]
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Replace an earlier run in that folder
    #[arg(long)]
    pub force: bool,
    /// Put a value over the configuration, for example runtime.steps=10000
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub changes: Vec<String>,
    /// Print the results as JSON
    #[arg(long)]
    pub json: bool,
    /// Show no progress
    #[arg(long)]
    pub quiet: bool,
}

/// Which checkpoint of a training.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Which {
    /// The one with the best evaluation.
    Best,
    /// The one at the end.
    Last,
}

/// Options of `evaluate`.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// The run folder
    pub folder: PathBuf,
    /// Episodes, in place of the configuration's
    #[arg(long)]
    pub episodes: Option<u64>,
    /// Seed of the first episode, in place of the configuration's
    #[arg(long)]
    pub seed: Option<u64>,
    /// Which checkpoint of each training
    #[arg(long, value_enum, default_value = "best")]
    pub checkpoint: Which,
    /// What the agent computes on
    #[arg(long)]
    pub device: Option<DeviceKind>,
    /// Put a value over the run's configuration, for example scenario.telemetry.delay_s=0
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub changes: Vec<String>,
    /// Print the results as JSON
    #[arg(long)]
    pub json: bool,
    /// Show no progress
    #[arg(long)]
    pub quiet: bool,
}

/// Options of `simulate`.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// The scheme, for example central-greedy
    #[arg(long)]
    pub policy: String,
    /// Seed of the first episode
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Number of episodes, with seeds that follow each other
    #[arg(long, default_value_t = 1)]
    pub episodes: u64,
    /// A configuration, whose scenario is used; without it the default scenario
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Write a row per task to this CSV file; task numbers run on over the episodes, times start anew with each
    #[arg(long)]
    pub events: Option<PathBuf>,
    /// Put a value over the configuration, for example scenario.noise_cv=0
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub changes: Vec<String>,
    /// Print the metrics as JSON
    #[arg(long)]
    pub json: bool,
}

/// Options of `partition`.
#[derive(Debug, Args)]
pub struct PartitionArgs {
    /// The network, see `mec-gym models`
    pub model: String,
    /// Processor of the device
    #[arg(long, default_value = "phone")]
    pub device: String,
    /// Processor of the server
    #[arg(long, default_value = "nvidia-t4")]
    pub server: String,
    /// Uplink rate with its unit, for example 20Mbit/s
    #[arg(long, default_value = "20Mbit/s")]
    pub rate: String,
    /// Work that waits at the server, in seconds
    #[arg(long, default_value_t = 0.0)]
    pub backlog: f64,
    /// With the time of every layer on both sides
    #[arg(long)]
    pub layers: bool,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}
