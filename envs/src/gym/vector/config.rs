//! [`VectorConfig`] and [`AutoresetMode`].

use serde::{Deserialize, Serialize};

/// How a [`VectorEnv`](super::VectorEnv) goes about its environments.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VectorConfig {
    /// Who starts the next episode, and when.
    pub autoreset: AutoresetMode,
    /// Least work that is worth waking a thread for, s; 0 or more. From the mean time of its steps so far, the vector
    /// environment gives each thread at least this much of them, and keeps all on the calling thread where there is not
    /// enough for two. 0 always uses all threads, infinity none. Results do not depend on it.
    pub min_work_s: f64,
}

impl Default for VectorConfig {
    /// [`AutoresetMode::NextStep`], and 50 microseconds of work: sharing a step costs 10 to 20.
    fn default() -> Self {
        Self { autoreset: AutoresetMode::default(), min_work_s: 50e-6 }
    }
}

impl VectorConfig {
    /// This mode, and the defaults otherwise.
    pub fn with_autoreset(autoreset: AutoresetMode) -> Self {
        Self { autoreset, ..Self::default() }
    }
}

/// Who starts the next episode of an environment in a vector, and when; Gymnasium's enumeration of that name, as of its
/// version 1.1.
///
/// Say an episode ends with step t, by observation o; the next begins with observation p:
///
/// | mode | step t shows | step t + 1 |
/// |---|---|---|
/// | `NextStep` | o | ignores its action and shows p, with reward 0, no end and no info |
/// | `SameStep` | p; o is in [`ended`](super::VectorStep::ended) | acts on p |
/// | `Disabled` | o | is refused until `reset` or [`reset_where`](super::VectorEnv::reset_where) |
///
/// Rewards, ends and info of step t are those of the step itself in every mode: no `reset` of ours has an info that
/// would take its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AutoresetMode {
    /// The step after the end resets: no step of the environment is lost, but one row in each episode is no transition.
    #[default]
    NextStep,
    /// The step of the end resets as well: every row is a transition, with the last observation kept beside.
    SameStep,
    /// The caller resets.
    Disabled,
}

impl AutoresetMode {
    /// All modes.
    pub const ALL: [AutoresetMode; 3] = [Self::NextStep, Self::SameStep, Self::Disabled];
}
