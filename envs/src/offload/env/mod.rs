//! The environment in three forms over one dynamics: [`OffloadEnv`] (`Discrete`, one task per step),
//! [`OffloadSetEnv`] (`MultiDiscrete`, a whole set per step) and [`OffloadBoxEnv`] (`Box`).
//!
//! # Description
//! User devices ask for DNN inferences. For each, a target is chosen: the device itself, or one of the edge servers;
//! CDLP then takes the best cut for that target under the believed state. See [`World`](super::World) for the dynamics
//! and [`Scenario`](super::Scenario) for what can be set.
//!
//! # Action Space
//! Where a scenario limits the reach, "servers" is that many, and target m is the m-th nearest of them to the server whose
//! radio receives the device.
//!
//! - [`OffloadEnv`]: `Discrete(1 + servers)`: 0 is the device, m is server m.
//! - [`OffloadSetEnv`]: `MultiDiscrete([1 + servers] * set_size)`, one target per task in order of arrival. Rows beyond
//!   the tasks present are padding: the mask leaves them only 0.
//! - [`OffloadBoxEnv`]: `Box(-1, 1, [1 + servers])`, a score per target of one task; the highest wins, the first of
//!   equals.
//!
//! # Observation Space
//! `Dict` of `global` `[3]`, `options` `[tasks, 1 + servers, 23]` and `prior` `[tasks, 1 + servers]`, stored flat,
//! with tasks = 1 or `set_size`. [`GLOBAL`](super::observation::GLOBAL) and [`OPTION`](super::observation::OPTION) name
//! every entry with its range.
//!
//! # Rewards
//! Minus the latency that the decision adds (that of its task, and the delay of others if so configured) over the
//! reference, minus penalties: see [`RewardConfig`](super::RewardConfig). Everything is known at the decision, because
//! the simulator schedules exactly. Without penalties and with the delay of others, the rewards of an episode sum to
//! minus its total latency over the reference; penalties are those known at the decision. The whole-set form pays the
//! sum over its tasks.
//!
//! # Starting State
//! Idle devices and servers, devices at random places, foreign load in its stationary phase, the first task waiting.
//! An episode in which no task arrives within the horizon is drawn again.
//!
//! # Episode End
//! - Termination: when a device's battery is found empty, which costs [`empty_battery`](super::RewardConfig). Only devices
//!   with a battery have one to run empty.
//! - Truncation: when all tasks that arrived within the horizon are decided.
//!
//! # Version History
//! - v0: first form.
//! - v1: `options` has `loading` and `drained`; fading is drawn in frames; batteries terminate.

mod box_env;
mod set_env;
mod task_env;

pub use box_env::OffloadBoxEnv;
pub use set_env::{OffloadSetEnv, SetOutcome};
pub use task_env::OffloadEnv;

use std::sync::Arc;

use super::episodes::Offload;
use super::setting::Setting;
use crate::gym::Env;

/// What the three forms have in common beside [`Env`]: how they are made, and the episode behind the interface.
pub trait OffloadForm: Env {
    /// The environment of a setting.
    fn new(setting: Arc<Setting>) -> Self;

    /// The episode behind the interface.
    fn offload(&self) -> &Offload;
}
