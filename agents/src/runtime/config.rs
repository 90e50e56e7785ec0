//! [`RuntimeConfig`].

use serde::{Deserialize, Serialize};

use crate::agent::ConfigError;

/// Most actors: each is a thread, which systems refuse sooner or later.
const MOST_ACTORS: usize = 1_024;
/// Most environment streams, steps of a round, and chunks in the queue: memory that is not there would end the process.
const MOST: usize = 100_000;
/// Most steps of all streams together between updates, for the same reason.
const MOST_ROWS: usize = 1_000_000;

/// How acting and learning are interleaved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// One thread: every stream makes `round` steps, then the learner does the updates due, and so on.
    Serial,
    /// As `serial`, with the streams stepped by `actors` threads. The result does not depend on their number.
    #[default]
    Lockstep,
    /// Actors and learner run at their own speeds. The result depends on timing.
    FreeRunning,
}

/// Configuration of a training run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuntimeConfig {
    /// How acting and learning are interleaved; `lockstep` by default.
    pub mode: Mode,
    /// Actor threads, 1 to 1,024, at most one per environment stream: what goes beyond `envs` has no effect. 1 by default.
    /// `serial` has none and ignores it.
    pub actors: usize,
    /// Environment streams, 1 to 100,000, shared out among the actors; 4 by default.
    pub envs: usize,
    /// Environment steps of the whole run, over all streams, 0 or more; 50,000 by default.
    pub steps: u64,
    /// Steps per stream between updates (`free_running`: per chunk sent to the learner), 1 to 100,000, and of all
    /// streams together at most 1,000,000; 8 by default. A run that is asked to stop ends its round first.
    pub round: usize,
    /// `free_running`: chunks that may wait for the learner, 1 to 100,000; 8 by default. Actors wait when the queue is
    /// full.
    pub queue: usize,
    /// `free_running`: the learner takes no new experience while more updates than this are due, 0 or more; 64 by default.
    pub max_updates_behind: usize,
    /// Environment steps between [`on_progress`](super::Observer::on_progress) calls; 0 for none, 1,000 by default.
    pub progress_every: u64,
    /// Environment steps between [`on_evaluate`](super::Observer::on_evaluate) calls, which start at 0; 0, the default,
    /// for none.
    pub evaluate_every: u64,
    /// Environment steps between [`on_checkpoint`](super::Observer::on_checkpoint) calls, which also come when the
    /// observer stops the run; 0 for none, 10,000 by default.
    pub checkpoint_every: u64,
    /// `free_running`: how many actors that panic are replaced in the run, 0 or more; 3 by default. One more panic ends
    /// it, as the first one does in the other modes.
    pub replacements: usize,
}

impl Default for RuntimeConfig {
    fn default() -> Self {
        Self {
            mode: Mode::Lockstep,
            actors: 1,
            envs: 4,
            steps: 50_000,
            round: 8,
            queue: 8,
            max_updates_behind: 64,
            progress_every: 1_000,
            evaluate_every: 0,
            checkpoint_every: 10_000,
            replacements: 3,
        }
    }
}

impl RuntimeConfig {
    /// Refuses values out of range.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] with the field.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let startable = (1..=MOST_ACTORS).contains(&self.actors);
        ConfigError::check(startable, "runtime.actors", self.actors, "1 to 1024")?;
        for (field, value) in
            [("runtime.envs", self.envs), ("runtime.round", self.round), ("runtime.queue", self.queue)]
        {
            ConfigError::check((1..=MOST).contains(&value), field, value, "1 to 100000")?;
        }
        let rows = self.envs * self.round;
        let found = format!("{}, which with {} environments makes {rows} steps", self.round, self.envs);
        ConfigError::check(rows <= MOST_ROWS, "runtime.round", found, "at most 1000000 steps of all together")
    }
}
