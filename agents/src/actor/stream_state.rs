//! [`StreamState`]: where an environment stream is.

use mec_envs::rng::Prng;
use serde::{Deserialize, Serialize};

use crate::checkpoint::CheckpointError;
use crate::state::StateDict;

/// Where an [`EnvStream`](super::EnvStream) is, within an episode or at the start of one.
///
/// # Design
/// An environment is not stored, but how it got where it is: its memory from before the episode and the actions since.
/// The seed of the episode follows from its number. So any environment can be stored, at a few bytes per step; the price
/// is that the steps of the episode are taken again on resumption. The observation tells whether that led to the same
/// point.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamState {
    /// Which stream.
    pub index: usize,
    /// What it counts, draws from and remembers.
    pub(super) values: StreamValues,
    /// Codes of the actions of the episode so far, `[length, codes]`.
    pub(super) actions: Vec<f32>,
    /// The present observation, `[obs_dim]`.
    pub(super) observation: Vec<f32>,
}

/// The part of a [`StreamState`] that is no array.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StreamValues {
    /// Which episode, from 0.
    pub(super) episode: u64,
    /// Steps of all episodes.
    pub(super) steps: u64,
    /// What its rows say of their stream.
    pub(super) row_stream: u32,
    /// Whether the environment has ever named its open choices.
    pub(super) masked: bool,
    /// The generator of the policy's actions.
    pub(super) rng: Prng,
    /// What the environment remembered before the episode.
    pub(super) memory: Option<serde_json::Value>,
}

/// Lengths of the arrays.
type Lengths = [usize; 2];

impl StreamState {
    /// Steps of all episodes.
    pub fn steps(&self) -> u64 {
        self.values.steps
    }

    /// What its rows say of their stream: its index, or another number since its environment was replaced.
    pub fn row_stream(&self) -> u32 {
        self.values.row_stream
    }

    /// Adds it to `state`, as `stream/<index>` and below.
    pub fn write(self, state: &mut StateDict) {
        let name = format!("stream/{}", self.index);
        let lengths: Lengths = [self.actions.len(), self.observation.len()];
        state.insert_value(name.as_str(), &self.values);
        state.insert_value(format!("{name}/lengths"), lengths);
        state.insert_array(format!("{name}/actions"), &lengths[..1], self.actions);
        state.insert_array(format!("{name}/observation"), &lengths[1..], self.observation);
    }

    /// What [`write`](Self::write) added for stream `index`.
    ///
    /// # Errors
    /// [`CheckpointError`] when a part of it is missing or of another form.
    pub fn read(index: usize, state: &StateDict) -> Result<Self, CheckpointError> {
        let name = format!("stream/{index}");
        let values = state.value(&name)?;
        let lengths: Lengths = state.value(&format!("{name}/lengths"))?;
        let actions = state.array(&format!("{name}/actions"), &lengths[..1])?.to_vec();
        let observation = state.array(&format!("{name}/observation"), &lengths[1..])?.to_vec();
        Ok(Self { index, values, actions, observation })
    }
}
