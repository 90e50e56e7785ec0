//! The traits every method implements: [`Policy`], [`Learner`] and [`Algorithm`].

use std::borrow::Cow;

use mec_envs::rng::Prng;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::actor_error::ActorError;
use crate::checkpoint::{self, CheckpointError};
use crate::device::Device;
use crate::offender::Offender;
use crate::spec::EnvSpec;
use crate::state::StateDict;
use crate::transition::Transitions;

/// Why an action is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ActMode {
    /// To learn from it: the policy explores.
    Explore,
    /// To be judged by it: the policy's best action.
    Greedy,
}

/// Observations that need actions, one row each.
#[derive(Clone, Copy, Debug)]
pub struct ObservationBatch<'a> {
    /// Number of rows.
    pub rows: usize,
    /// `[rows, obs_dim]`.
    pub observations: &'a [f32],
    /// Open choices, `[rows, choices]`; `None` when all are.
    pub masks: Option<&'a [bool]>,
}

/// Acts. Lives in actor threads; a clone of it is a snapshot.
pub trait Policy: Clone + Send + Sync + 'static {
    /// Replaces the content of `actions` with one row of codes per observation, `[rows, codes]`, as
    /// [`ActionLayout`](mec_envs::gym::ActionLayout) orders them. Closed choices are never taken.
    ///
    /// The result is a function of the arguments and the policy alone.
    fn act(&mut self, batch: &ObservationBatch<'_>, mode: ActMode, rng: &mut Prng, actions: &mut Vec<f32>);

    /// All that [`Learner::policy`] of one learner may give differently at different times, its shape aside.
    fn state(&self) -> StateDict;

    /// Acts from now on as the policy that gave `state`.
    ///
    /// # Errors
    /// [`CheckpointError`] when `state` is from another method or of another shape; the policy is then unchanged.
    fn load_state(&mut self, state: &StateDict) -> Result<(), CheckpointError>;
}

/// A policy on its way to an actor that shares no memory with the learner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weights {
    /// The state of the policy, in the format of checkpoints.
    pub bytes: Vec<u8>,
    /// Its version, by which actors tell old weights from new ones.
    pub version: u64,
}

/// Learns. Owns its memory of experience and its random generator.
///
/// # Design
/// The memory belongs to the method, not to the runtime: off-policy methods keep a replay, on-policy ones a rollout.
/// What a runtime needs of either is [`updates_due`](Learner::updates_due), by which it keeps acting and learning at
/// the ratio that the method asks for.
pub trait Learner {
    /// What it learns.
    type Policy: Policy;

    /// Takes experience in. Rows of one stream arrive in order, and all pass
    /// [`Transitions::check`](crate::transition::Transitions::check), as those do that an
    /// [`Actor`](crate::actor::Actor) brings; an engine that has them from elsewhere checks them first.
    ///
    /// Nothing checks again behind this. A choice that does not exist is learned from as another one or panics in
    /// [`train`](Learner::train). A number that is infinite or NaN spoils what is learned for good: the running statistics
    /// of observations, the largest reward, in the end the networks.
    ///
    /// # Panics
    /// When a column has another length than the shape of the environment asks for.
    fn add(&mut self, experience: &Transitions);

    /// How many gradient updates the experience so far allows that were not done yet.
    fn updates_due(&self) -> usize;

    /// Does `updates` gradient updates and returns figures of them; so many at once or one after the other must give the
    /// same. Runtimes ask for a few dozen at a time, so that a run can stop in between.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] when a loss is not a number any more.
    fn train(&mut self, updates: usize) -> Result<Metrics, TrainError>;

    /// A snapshot of the policy, for actors; it computes on the CPU.
    fn policy(&self) -> Self::Policy;

    /// The version of the policy: grows when, and only when, [`policy`](Learner::policy) would return another one.
    fn version(&self) -> u64;

    /// The policy as bytes, for a [`Worker`](crate::actor::Worker) on another machine.
    fn weights(&self) -> Weights {
        Weights { bytes: checkpoint::to_bytes(&self.policy().state()), version: self.version() }
    }

    /// Adds the experience that it holds to `state`, under names that begin with `memory/`: with
    /// [`state`](Learner::state), all that is needed to go on as if nothing had happened.
    fn write_memory(&self, state: &mut StateDict);

    /// Takes the experience back that [`write_memory`](Learner::write_memory) added, after
    /// [`load_state`](Learner::load_state).
    ///
    /// # Errors
    /// [`CheckpointError`] when it is missing or of another shape; the learner then holds what it held before.
    fn read_memory(&mut self, state: &StateDict) -> Result<(), CheckpointError>;

    /// Everything needed to go on learning, the experience aside.
    fn state(&self) -> StateDict;

    /// Replaces the state by a stored one.
    ///
    /// # Errors
    /// [`CheckpointError`] when `state` is from another method, of another shape, or of a learner whose numbers mean
    /// something else here (another activation, normalised observations); the learner is then unchanged.
    fn load_state(&mut self, state: &StateDict) -> Result<(), CheckpointError>;
}

/// Builds learners: implemented by the configuration of a method.
pub trait Algorithm: Clone {
    /// What it builds.
    type Learner: Learner;

    /// Validates the configuration and builds a learner for environments of this shape. Equal seeds give equal
    /// learners.
    ///
    /// # Errors
    /// [`ConfigError`] for a value out of range, or an environment the method cannot serve.
    fn build(&self, spec: &EnvSpec, device: &Device, seed: u64) -> Result<Self::Learner, ConfigError>;

    /// The method's name, in snake case.
    fn name(&self) -> &'static str;
}

/// Figures of training by fixed names, such as `train/critic_loss`; NaN when not known.
///
/// Names that stable-baselines3 logs have its meaning.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<(String, u64)>", into = "Vec<(String, u64)>")]
pub struct Metrics(Vec<(Cow<'static, str>, f64)>);

impl Metrics {
    /// Figures of these names and values.
    pub fn new(values: Vec<(impl Into<Cow<'static, str>>, f64)>) -> Self {
        Self(values.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    /// The figure `name`; NaN when there is none.
    pub fn get(&self, name: &str) -> f64 {
        self.iter().find(|(other, _)| *other == name).map_or(f64::NAN, |(_, value)| value)
    }

    /// Sets a figure, at its place or at the end.
    pub fn set(&mut self, name: &'static str, value: f64) {
        match self.0.iter_mut().find(|(other, _)| *other == name) {
            Some(entry) => entry.1 = value,
            None => self.0.push((name.into(), value)),
        }
    }

    /// Drops a figure, so that [`renew`](Self::renew) leaves the last one.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(other, _)| *other != name);
    }

    /// Takes newer figures over; those that are not among them stay.
    pub fn renew(&mut self, newer: Self) {
        for (name, value) in newer.0 {
            match self.0.iter_mut().find(|(other, _)| *other == name) {
                Some(entry) => entry.1 = value,
                None => self.0.push((name, value)),
            }
        }
    }

    /// All figures in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> + '_ {
        self.0.iter().map(|(name, value)| (name.as_ref(), *value))
    }
}

/// From their stored form: bits, because JSON has no NaN.
impl From<Vec<(String, u64)>> for Metrics {
    fn from(stored: Vec<(String, u64)>) -> Self {
        Self(stored.into_iter().map(|(name, bits)| (name.into(), f64::from_bits(bits))).collect())
    }
}

impl From<Metrics> for Vec<(String, u64)> {
    fn from(metrics: Metrics) -> Self {
        metrics.0.into_iter().map(|(name, value)| (name.into_owned(), value.to_bits())).collect()
    }
}

/// A learner that cannot be built.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A value out of range.
    #[error("{field} is {found}; accepted is {accepted}")]
    OutOfRange {
        /// The field of the configuration.
        field: &'static str,
        /// Its value.
        found: String,
        /// What is accepted.
        accepted: &'static str,
    },
    /// A method cannot choose such actions.
    #[error("{method} cannot act with {found}; accepted is {accepted}")]
    UnsupportedAction {
        /// The method.
        method: &'static str,
        /// The action layout of the environment.
        found: String,
        /// What is accepted.
        accepted: &'static str,
    },
    /// A network needs a block of the observation that is missing or has another shape.
    #[error("the {body} body needs the observation part {part:?} of shape {expected}; found {found}")]
    MissingPart {
        /// The kind of network.
        body: &'static str,
        /// The name of the block.
        part: &'static str,
        /// Its shape, in words.
        expected: String,
        /// What the environment has.
        found: String,
    },
}

impl ConfigError {
    /// Refuses the value of `field` unless `holds`.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] when `holds` is false.
    pub fn check(
        holds: bool,
        field: &'static str,
        found: impl ToString,
        accepted: &'static str,
    ) -> Result<(), ConfigError> {
        if holds { Ok(()) } else { Err(Self::OutOfRange { field, found: found.to_string(), accepted }) }
    }

    /// Refuses a factor of rewards that is nothing or infinite in 32 bits, or negative.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] with `reward_scale`.
    pub fn check_reward_scale(scale: f64) -> Result<(), ConfigError> {
        let narrow = scale as f32;
        let holds = narrow > 0.0 && narrow.is_finite();
        Self::check(holds, "reward_scale", scale, "above 0, and neither 0 nor infinite in 32 bits")
    }
}

/// Training that cannot go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A loss became infinite or NaN.
    #[error("{metric} is {value} at update {update}: training diverged{}", Self::blame(tensor))]
    NotFinite {
        /// Which figure.
        metric: &'static str,
        /// Its value.
        value: f64,
        /// Which update: how many were done before.
        update: u64,
        /// The tensor to look at, if the method knows one.
        tensor: Option<Offender>,
    },
    /// The run is configured wrongly.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An environment cannot go on.
    #[error(transparent)]
    Actor(#[from] ActorError),
    /// The system refused a thread.
    #[error("the system has no thread for actor {actor}: {source}; accepted are as many actors as it has threads for")]
    NoThread {
        /// For which actor.
        actor: usize,
        /// What it said.
        source: std::io::Error,
    },
    /// An actor thread panicked.
    #[error("actor {actor} panicked: {message}")]
    ActorPanicked {
        /// Which actor.
        actor: usize,
        /// What it said.
        message: String,
    },
    /// A run cannot be resumed from this state.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The observer of the run failed, for example on a full disk.
    #[error("the observer of the run failed: {0}")]
    Observer(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl TrainError {
    fn blame(tensor: &Option<Offender>) -> String {
        tensor.as_ref().map_or_else(String::new, |offender| format!("; {offender}"))
    }
}
