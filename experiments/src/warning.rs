//! [`Warning`]: what a person should look at.

use serde::{Deserialize, Serialize};

/// Something about a training that a person should look at; the run goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Warning {
    /// Seed of the training.
    pub seed: u64,
    /// Environment steps at which it was seen.
    pub step: u64,
    /// Of what kind it is.
    pub kind: WarningKind,
    /// What was seen, and what it may mean.
    pub message: String,
}

/// The kinds of warnings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningKind {
    /// The policy leaves every task on its device.
    AllLocal,
    /// The policy sends every task to a server.
    AllEdge,
    /// The policy has all but stopped to explore, against its target.
    EntropyLow,
    /// The policy is all but uniform, against its target.
    EntropyHigh,
    /// The temperature of the entropy has come to its lower bound.
    TemperatureLow,
    /// The temperature of the entropy has come to its upper bound.
    TemperatureHigh,
    /// The critics see values that no rewards can add up to.
    Divergence,
    /// An actor panicked and was replaced.
    ActorReplaced,
}
