//! What can be said on the command line.

use std::path::PathBuf;

use clap::builder::{RangedU64ValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use mec_agents::device::DeviceKind;
use mec_envs::dnn::zoo;
use mec_envs::processor;
use mec_envs::schemes::Scheme;
use mec_experiments::files::Checkpoint;

/// Train, compare and ship agents that decide where deep-learning inference runs in mobile edge computing.
///
/// Without a command, the main job runs: `run` with the built-in configuration.
///
/// Progress goes to standard error, results to standard output. Exit codes: 0 done, 1 failed, 2 misused, 130 stopped
/// by Ctrl-C or a request to terminate (with checkpoints written).
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
    /// Train the agent of a configuration, or all methods of a study, at every point of a sweep, compare with schemes that do not learn, draw the results
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
    /// Search hyperparameters of a method, at random or by successive halving: docs/tuning.md
    Tune {
        /// The configuration: an experiment with [tune] and [space]
        config: PathBuf,
        #[command(flatten)]
        args: RunArgs,
    },
    /// Go on with a run, a study, a sweep or a search that was killed, stopped or failed, as if nothing had happened
    Resume(ResumeArgs),
    /// Compare the agents of a run or a study again, on as many unseen episodes as you like
    Evaluate(EvaluateArgs),
    /// Write a trained agent for other programs: its greedy policy as ONNX, or the weights of its actor as safetensors
    Export(ExportArgs),
    /// Run a scheme that does not learn through episodes of a scenario
    Simulate(SimulateArgs),
    /// List the networks, show the layers of one, or add one from an ONNX file
    Models(ModelsArgs),
    /// Cut one network between a device and a server, by CDLP and by its rivals
    Partition(PartitionArgs),
    /// Draw the pictures of a run, a study or a sweep again
    Plot {
        /// The folder of the run, the study or the sweep
        folder: PathBuf,
    },
    /// Show the curves of a run or a study while it goes on: in a terminal, or elsewhere as a line per evaluation
    Watch(WatchArgs),
    /// Write a run, a study, or a folder of several of them as one web page with curves, tables and configurations
    Report {
        /// The folder of the run, the study, the sweep or the search, or one that holds several of them
        folder: PathBuf,
        /// The page [default: report.html in the folder]
        #[arg(long, value_name = "FILE.html")]
        out: Option<PathBuf>,
    },
}

/// Options of `run`, `train` and `tune`.
#[derive(Clone, Debug, Default, Args)]
pub struct RunArgs {
    /// Seed of the one training (of each method or trial), in place of the configuration's seeds
    #[arg(long, value_name = "N", value_parser = seed, allow_negative_numbers = true)]
    pub seed: Option<u64>,
    /// What the learner computes on: cpu, ndarray, wgpu, cuda or auto [default: the configuration's]
    #[arg(long)]
    pub device: Option<DeviceKind>,
    /// Actor threads, 1 to 1024, at most one per environment stream: more than runtime.envs has no effect [default: the configuration's]
    #[arg(long, value_name = "N", value_parser = one_or_more(), allow_negative_numbers = true)]
    pub actors: Option<u64>,
    /// Trainings at a time, of a study, a sweep or a search [default: one per processor core]
    #[arg(long, value_name = "N", value_parser = one_or_more(), allow_negative_numbers = true)]
    pub jobs: Option<u64>,
    /// The run folder [default: results/NAME of the configuration, or the first free of NAME-2, NAME-3, ...]
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Replace an earlier run in that folder
    #[arg(long)]
    pub force: bool,
    /// Also write event files for TensorBoard, into tb/ of the run folder
    #[arg(long)]
    pub tensorboard: bool,
    /// Put a value over the configuration, for example runtime.steps=10000; can be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub changes: Vec<String>,
    /// Print the results as JSON: the comparison; of a sweep, its rows; of `train`, the folder, its status and its seeds; of `tune`, the trials
    #[arg(long)]
    pub json: bool,
    /// Show no progress
    #[arg(long)]
    pub quiet: bool,
}

/// Options of `resume`.
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// The run folder, or that of a study, a sweep or a search
    pub folder: PathBuf,
    /// Trainings at a time, of a study, a sweep or a search [default: one per processor core]
    #[arg(long, value_name = "N", value_parser = one_or_more(), allow_negative_numbers = true)]
    pub jobs: Option<u64>,
    /// Print the results as JSON: the comparison; without one, the folder, its status and its seeds
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

impl From<Which> for Checkpoint {
    fn from(which: Which) -> Self {
        match which {
            Which::Best => Self::Best,
            Which::Last => Self::Last,
        }
    }
}

/// Options of `evaluate`.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// The folder of the run or the study
    pub folder: PathBuf,
    /// Episodes, in place of the configuration's
    #[arg(long, value_name = "N", value_parser = one_or_more(), allow_negative_numbers = true)]
    pub episodes: Option<u64>,
    /// Seed of the first episode, in place of the configuration's; the others follow
    #[arg(long, value_name = "N", value_parser = seed, allow_negative_numbers = true)]
    pub seed: Option<u64>,
    /// Which checkpoint of each training
    #[arg(long, value_enum, default_value = "best")]
    pub checkpoint: Which,
    /// What the agent computes on: cpu, ndarray, wgpu, cuda or auto [default: the run's]
    #[arg(long)]
    pub device: Option<DeviceKind>,
    /// Put a value over the run's configuration, for example scenario.telemetry.delay_s=0; can be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub changes: Vec<String>,
    /// Print the results as JSON
    #[arg(long)]
    pub json: bool,
    /// Show no progress
    #[arg(long)]
    pub quiet: bool,
}

/// Options of `watch`.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// The folder of the run or the study
    pub folder: PathBuf,
    /// The figure of the evaluations to begin with, as it stands in eval.csv
    #[arg(long, value_name = "FIGURE", default_value = "latency_mean_s")]
    pub metric: String,
}

/// Options of `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The run folder, or one checkpoint
    pub source: PathBuf,
    /// Where it goes; the name says what: the greedy policy (.onnx) or the weights of the actor (.safetensors)
    #[arg(long, value_name = "FILE.onnx|FILE.safetensors")]
    pub out: PathBuf,
    /// Of a run folder, the training with this seed; not needed where there is one
    #[arg(long, value_name = "N", value_parser = seed, allow_negative_numbers = true)]
    pub seed: Option<u64>,
    /// Of a run folder, which checkpoint of the training [default: best]
    #[arg(long, value_enum)]
    pub checkpoint: Option<Which>,
    /// Replace a file that is there
    #[arg(long)]
    pub force: bool,
}

/// Options of `simulate`.
#[derive(Clone, Debug, Args)]
pub struct SimulateArgs {
    #[arg(long, value_name = "SCHEME", help = schemes())]
    pub policy: String,
    /// Seed of the first episode
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = seed, allow_negative_numbers = true)]
    pub seed: u64,
    /// Number of episodes, with seeds that follow each other
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = one_or_more(), allow_negative_numbers = true)]
    pub episodes: u64,
    /// A configuration, whose scenario is used; without it the default scenario
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Write a row per task to this CSV file; task numbers run on over the episodes, times start anew with each
    #[arg(long, value_name = "FILE.csv")]
    pub events: Option<PathBuf>,
    /// Draw the first episode into this file: what every device, uplink and server does, reports and deadlines
    #[arg(long, value_name = "FILE.svg|FILE.png")]
    pub gantt: Option<PathBuf>,
    /// Where the picture begins, seconds into the episode [default: 0]
    #[arg(long, value_name = "SECONDS", requires = "gantt", value_parser = seconds, allow_negative_numbers = true)]
    pub from: Option<f64>,
    /// Where it ends, at the latest when the last result is back [default: 10 s after it begins, or the end of the episode]
    #[arg(long, value_name = "SECONDS", requires = "gantt", value_parser = seconds, allow_negative_numbers = true)]
    pub to: Option<f64>,
    /// Show the first episode as it runs, and the metrics after it; Ctrl-C ends it
    #[arg(long, value_name = "MODE", value_enum, conflicts_with = "json")]
    pub render: Option<RenderMode>,
    /// Seconds of the episode per second of yours; 0 shows every moment as fast as it can [default: 1]
    #[arg(long, value_name = "FACTOR", requires = "render", value_parser = speed, allow_negative_numbers = true)]
    pub speed: Option<f64>,
    /// Put a value over the configuration, for example scenario.noise_cv=0; can be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub changes: Vec<String>,
    /// With a mean latency that no policy goes below on these tasks (docs/schemes.md)
    #[arg(long)]
    pub bound: bool,
    /// Print the metrics as JSON
    #[arg(long)]
    pub json: bool,
}

/// How an episode is shown.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum RenderMode {
    /// Text that is drawn over itself in a terminal; plain text one after the other elsewhere, or with NO_COLOR.
    Ansi,
}

/// Options of `models`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ModelsArgs {
    /// Make a profile, or list and show.
    #[command(subcommand)]
    pub command: Option<ModelsCommand>,
    /// The network to show: its name, or the path of its profile, which ends in .toml
    pub name: Option<String>,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

/// What can be done to networks.
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// Make the profile of a network from an ONNX file; needs a mec-gym built with `--features onnx`
    Add(AddModelArgs),
}

/// Options of `models add`.
#[derive(Debug, Args)]
pub struct AddModelArgs {
    /// The ONNX file; its weights need not be there
    pub file: PathBuf,
    /// Name of the network [default: the file's name without .onnx]
    #[arg(long)]
    pub name: Option<String>,
    /// Value of an open dimension, for example batch=1; one without a symbol is INPUT:AXIS; can be repeated
    #[arg(long = "dim", value_name = "DIMENSION=VALUE", value_parser = dimension)]
    pub dims: Vec<(String, u32)>,
    /// Of several inputs those of the network, where the others are weights; can be repeated [default: all]
    #[arg(long = "input", value_name = "INPUT")]
    pub inputs: Vec<String>,
    /// Count an unknown operator as no work; can be repeated
    #[arg(long = "zero-op", value_name = "OPERATOR")]
    pub zero_ops: Vec<String>,
    /// Bytes of the input as it is captured and travels [default: one per element of an input of floats, as in a picture]
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true)]
    pub input_bytes: Option<f64>,
    /// Where the file is published [default: its name]
    #[arg(long)]
    pub source: Option<String>,
    /// Licence of the file, as an SPDX identifier [default: unknown]
    #[arg(long)]
    pub licence: Option<String>,
    /// The profile [default: models/NAME.toml]
    #[arg(long, value_name = "FILE.toml")]
    pub out: Option<PathBuf>,
    /// Replace a profile that is there
    #[arg(long)]
    pub force: bool,
}

/// Options of `partition`.
#[derive(Debug, Args)]
pub struct PartitionArgs {
    #[arg(help = models())]
    pub model: String,
    #[arg(long, value_name = "PROCESSOR", default_value = "phone", help = processors("device"))]
    pub device: String,
    #[arg(long, value_name = "PROCESSOR", default_value = "nvidia-t4", help = processors("server"))]
    pub server: String,
    /// Rate of the link with its unit: B/s, kB/s, MB/s, GB/s, kbit/s, Mbit/s or Gbit/s
    #[arg(long, default_value = "20Mbit/s")]
    pub rate: String,
    /// Work that waits at the server, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, allow_negative_numbers = true)]
    pub backlog: f64,
    /// With the time of every layer on both sides
    #[arg(long)]
    pub layers: bool,
    /// Draw latency over cuts and over rates into this file
    #[arg(long, value_name = "FILE.svg|FILE.png")]
    pub plot: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

/// Seeds go into TOML, whose integers end there.
fn seed(text: &str) -> Result<u64, String> {
    let seed = text.parse().ok().filter(|seed| i64::try_from(*seed).is_ok());
    seed.ok_or_else(|| "accepted is a whole number from 0 to 2^63 - 1".to_owned())
}

fn seconds(text: &str) -> Result<f64, String> {
    not_negative(text).ok_or_else(|| "accepted is a number of seconds, 0 or more".to_owned())
}

fn speed(text: &str) -> Result<f64, String> {
    not_negative(text).ok_or_else(|| "accepted is a number, 0 or more".to_owned())
}

fn not_negative(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0)
}

fn dimension(text: &str) -> Result<(String, u32), String> {
    let parsed = text.rsplit_once('=').and_then(|(name, value)| Some((name.to_owned(), value.parse().ok()?)));
    let sound = parsed.filter(|(name, value)| !name.is_empty() && *value > 0);
    sound.ok_or_else(|| "accepted is a dimension and a whole number above 0, for example batch=1".to_owned())
}

/// Numbers above what memory can hold are refused here too.
fn one_or_more() -> impl TypedValueParser<Value = u64> {
    RangedU64ValueParser::<u64>::new().range(1..=u64::from(u32::MAX))
}

fn schemes() -> String {
    format!("The scheme: {}; \"tuned\" in place of numbers chooses them for the scenario", Scheme::accepted())
}

fn models() -> String {
    format!(
        "The network: the path of a profile that ends in .toml, or one of {}",
        zoo::names().collect::<Vec<_>>().join(", ")
    )
}

fn processors(side: &str) -> String {
    let names: Vec<&str> = processor::catalogue().iter().map(|processor| processor.name.as_str()).collect();
    format!("Processor of the {side}: {}", names.join(", "))
}
