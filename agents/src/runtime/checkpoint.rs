//! [`Checkpoint`]: a run at a moment from which it can go on.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::actor::StreamState;
use crate::agent::{Learner, Metrics, TrainError};
use crate::checkpoint::CheckpointError;
use crate::state::StateDict;

/// The kind of a stored run.
const KIND: &str = "run";

/// What a run counts.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Counters {
    pub(super) env_steps: u64,
    pub(super) updates: u64,
    pub(super) episodes: u64,
    pub(super) next_progress: u64,
    pub(super) next_evaluation: u64,
    /// Steps at the last report of progress.
    pub(super) reported: Option<u64>,
    /// Steps and updates since then.
    pub(super) since_report: (u64, u64),
    /// Wall seconds before this process took over, evaluations not counted.
    pub(super) seconds: f64,
    /// The latest figures of training.
    pub(super) metrics: Metrics,
}

/// A run at a moment from which it can go on: between two rounds, or in `free_running` between two chunks of each actor.
pub struct Checkpoint<'a, L> {
    pub(super) learner: &'a L,
    pub(super) counters: Counters,
    pub(super) seed: u64,
    pub(super) streams: Vec<StreamState>,
}

impl<L: Learner> Checkpoint<'_, L> {
    /// Environment steps so far.
    pub fn env_steps(&self) -> u64 {
        self.counters.env_steps
    }

    /// Everything that [`resume`](super::resume) needs: the learner with its experience, every stream, the counters.
    /// Copies it all, the experience included.
    pub fn state(&self) -> StateDict {
        let mut state = StateDict::new(KIND);
        state.insert_value("run/seed", self.seed);
        state.insert_value("run/envs", self.streams.len());
        state.insert_value("run/counters", &self.counters);
        state.insert_state("learner", self.learner.state());
        self.learner.write_memory(&mut state);
        for stream in &self.streams {
            stream.clone().write(&mut state);
        }
        state
    }
}

/// Where a run begins: at its first step, or at a stored one.
pub(super) struct Start {
    pub(super) seed: u64,
    pub(super) counters: Counters,
    /// Where each stream is; empty at the first step.
    pub(super) streams: Vec<StreamState>,
}

impl Start {
    /// At the first step.
    pub(super) fn new(seed: u64, progress_every: u64) -> Self {
        let counters = Counters { next_progress: progress_every, ..Counters::default() };
        Self { seed, counters, streams: Vec::new() }
    }

    /// At the stored step, with `learner` as it was there.
    pub(super) fn read<L: Learner>(state: &StateDict, envs: usize, learner: &mut L) -> Result<Self, TrainError> {
        state.expect_kind(KIND)?;
        let found: usize = state.value("run/envs")?;
        if found != envs {
            let reason = format!("the run to go on has {envs} environment streams");
            let error = CheckpointError::Value { name: "run/envs".to_owned(), found: found.to_string(), reason };
            return Err(error.into());
        }
        let streams = (0..envs).map(|index| StreamState::read(index, state)).collect::<Result<_, _>>()?;
        let start = Self { seed: state.value("run/seed")?, counters: state.value("run/counters")?, streams };
        learner.load_state(&state.inner_state("learner")?)?;
        learner.read_memory(state)?;
        Ok(start)
    }

    /// The name of a generator of this start: one that has drawn before draws anew from another one.
    pub(super) fn generator(&self, name: &'static str) -> Cow<'static, str> {
        match self.counters.env_steps {
            0 => name.into(),
            steps => format!("{name} from {steps}").into(),
        }
    }
}
