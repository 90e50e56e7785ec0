//! [`Observer`]: who watches a run.

use std::time::Duration;

use super::checkpoint::Checkpoint;
use crate::actor::EpisodeReport;
use crate::agent::{Learner, Metrics};

/// Why an observer wants a run to end.
pub type ObserverError = Box<dyn std::error::Error + Send + Sync>;

/// Watches a training run; called in the learner's thread.
///
/// An error ends the run as [`TrainError::Observer`](crate::agent::TrainError::Observer). In `serial` and `lockstep`
/// the calls, their order and their content (times and [`on_silence`](Observer::on_silence) aside) are a function of
/// configuration and seed.
#[allow(unused_variables)]
pub trait Observer<L: Learner> {
    /// An episode ended.
    ///
    /// # Errors
    /// Ends the run.
    fn on_episode(&mut self, episode: &EpisodeReport) -> Result<(), ObserverError> {
        Ok(())
    }

    /// Another [`progress_every`](super::RuntimeConfig::progress_every) steps are done, or the run is over.
    ///
    /// # Errors
    /// Ends the run.
    fn on_progress(&mut self, progress: &Progress) -> Result<(), ObserverError> {
        Ok(())
    }

    /// The run has come to the point `steps` of its evaluation grid (0, `evaluate_every`, 2 x `evaluate_every`, ...),
    /// or a little past it. Time spent here does not count as time of the run.
    ///
    /// # Errors
    /// Ends the run.
    fn on_evaluate(&mut self, steps: u64, policy: &L::Policy, learner: &L) -> Result<(), ObserverError> {
        Ok(())
    }

    /// Another [`checkpoint_every`](super::RuntimeConfig::checkpoint_every) steps are done, or the observer has stopped
    /// the run: what [`resume`](super::resume) goes on from. All calls before belong to the state, none after.
    ///
    /// # Errors
    /// Ends the run.
    fn on_checkpoint(&mut self, checkpoint: &Checkpoint<'_, L>) -> Result<(), ObserverError> {
        Ok(())
    }

    /// Actor thread `actor` panicked with this message and was given new environments, whose streams go on with their
    /// next episodes; `free_running` only.
    ///
    /// # Errors
    /// Ends the run.
    fn on_replacement(&mut self, actor: usize, message: &str) -> Result<(), ObserverError> {
        Ok(())
    }

    /// The run waits for actor thread `actor`, for `waited` so far without a word: its environment is being made, reset or
    /// stepped, and that takes long or never ends. Called when [`patience`](Observer::patience) is over, and again
    /// whenever the time has doubled. Not in `serial`, whose environments are in the learner's thread.
    ///
    /// # Design
    /// There is no error to return: a thread cannot be killed, so nothing ends the run before the step does, but the end
    /// of the process.
    fn on_silence(&mut self, actor: usize, waited: Duration) {}

    /// How long the run waits for a silent actor before it says so; a minute unless overridden.
    fn patience(&self) -> Duration {
        Duration::from_secs(60)
    }

    /// Whether the run should end now, with what it has; asked after every round, and between updates where many are due.
    /// It does not end while an environment is within a step.
    fn should_stop(&self) -> bool {
        false
    }
}

/// Watches nothing.
impl<L: Learner> Observer<L> for () {}

/// How far a run is.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Environment steps so far.
    pub env_steps: u64,
    /// Gradient updates so far.
    pub updates: u64,
    /// Episodes that ended so far.
    pub episodes: u64,
    /// Wall seconds since the start, evaluations not counted.
    pub seconds: f64,
    /// The latest figures of training (`train/...`) and, in `free_running`, of the runtime's health since the last
    /// call; the other modes report the same names.
    ///
    /// - `dist/policy_lag`, in versions of the policy ([`Learner::version`]): how far the acting policy was behind the
    ///   learner's when its chunk came in, mean over chunks. An update can make no version (`policy_delay`), and new
    ///   statistics of observations make one without an update.
    /// - `dist/replay_ratio`, in updates per environment step.
    /// - `dist/queue_depth`, in chunks: how many waited, mean over the learner's looks.
    /// - `dist/actor_idle`: share of the time of actors in which they waited to hand a chunk over, as they do while
    ///   the learner works or evaluates. Pauses for checkpoints belong to their time, not to the waiting.
    /// - `dist/learner_idle`: share of wall time in which the learner waited for experience with no update due.
    ///   Evaluations and checkpoints belong to the time, not to the waiting.
    pub metrics: Metrics,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Environment steps done.
    pub env_steps: u64,
    /// Gradient updates done.
    pub updates: u64,
    /// Episodes that ended.
    pub episodes: u64,
    /// Wall seconds, evaluations not counted.
    pub seconds: f64,
    /// The observer asked to stop before the wanted steps, and the updates that they allow, were done.
    pub stopped: bool,
}
