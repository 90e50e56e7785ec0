//! [`ActorError`].

use mec_envs::gym::EnvError;
use thiserror::Error;

/// An environment that an actor cannot go on with.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ActorError {
    /// It refused a step.
    #[error("environment stream {env}, step {step}: {source}")]
    Refused {
        /// Which stream.
        env: usize,
        /// Steps of that stream before.
        step: u64,
        /// The environment's error.
        source: EnvError,
    },
    /// It gave a reward or an observation that is infinite or NaN.
    #[error("environment stream {env}, step {step}: {what} is {value}; accepted is a finite 32-bit number")]
    NotFinite {
        /// Which stream.
        env: usize,
        /// Steps of that stream before.
        step: u64,
        /// The reward, or which entry of the flat observation.
        what: String,
        /// Its value.
        value: f64,
    },
    /// Its actions have an entry that policies cannot reach all of.
    #[error(
        "environment stream {env}: continuous entry {entry} of its actions has no finite bounds; accepted are boxes that \
         have both, to which [-1, 1] is scaled"
    )]
    Unbounded {
        /// Which stream.
        env: usize,
        /// Which of its continuous entries.
        entry: usize,
    },
    /// A stored episode could not be repeated.
    #[error("environment stream {env} cannot be brought back to its step {step}: {reason}")]
    NotRepeatable {
        /// Which stream.
        env: usize,
        /// The step it was stored at.
        step: u64,
        /// What went another way.
        reason: String,
    },
}
