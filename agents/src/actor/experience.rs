//! [`Experience`]: what an actor brings back, and its form on the way to another machine.

use std::path::Path;

use super::episode_report::EpisodeReport;
use crate::array::Element;
use crate::checkpoint::{self, CheckpointError};
use crate::state::StateDict;
use crate::transition::Transitions;

/// The kind of stored experience.
const KIND: &str = "experience";

/// What an actor brings back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Experience {
    /// The transitions.
    pub transitions: Transitions,
    /// The episodes that ended, in order.
    pub episodes: Vec<EpisodeReport>,
}

impl Experience {
    /// Its bytes in the format of checkpoints, for a learner on another machine; equal experience gives equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut state = StateDict::new(KIND);
        write(&mut state, "observations", self.transitions.observations.clone());
        write(&mut state, "masks", flags(&self.transitions.masks));
        write(&mut state, "actions", self.transitions.actions.clone());
        write(&mut state, "rewards", self.transitions.rewards.clone());
        write(&mut state, "next_observations", self.transitions.next_observations.clone());
        write(&mut state, "next_masks", flags(&self.transitions.next_masks));
        write(&mut state, "terminated", flags(&self.transitions.terminated));
        write(&mut state, "truncated", flags(&self.transitions.truncated));
        write(&mut state, "env", self.transitions.env.clone());
        // JSON in an array: values stand in the header of the file, whose length is bounded.
        write(&mut state, "episodes", serde_json::to_vec(&self.episodes).expect("plain structs have a JSON form"));
        checkpoint::to_bytes(&state)
    }

    /// What [`to_bytes`](Self::to_bytes) gave, every float to the bit. That it is from an environment of the right shape,
    /// [`Transitions::check`] tells.
    ///
    /// # Errors
    /// [`CheckpointError`] when the bytes are damaged, or those of something else. Never panics.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let state = checkpoint::parse(bytes, Path::new("of the experience"))?;
        state.expect_kind(KIND)?;
        let transitions = Transitions {
            observations: read(&state, "observations")?.to_vec(),
            masks: read_flags(&state, "masks")?,
            actions: read(&state, "actions")?.to_vec(),
            rewards: read(&state, "rewards")?.to_vec(),
            next_observations: read(&state, "next_observations")?.to_vec(),
            next_masks: read_flags(&state, "next_masks")?,
            terminated: read_flags(&state, "terminated")?,
            truncated: read_flags(&state, "truncated")?,
            env: read(&state, "env")?.to_vec(),
        };
        let refuse = |error: serde_json::Error| CheckpointError::Value {
            name: "episodes".to_owned(),
            found: "of another form".to_owned(),
            reason: error.to_string(),
        };
        let episodes = serde_json::from_slice(read(&state, "episodes")?).map_err(refuse)?;
        Ok(Self { transitions, episodes })
    }
}

fn write<T: Element>(state: &mut StateDict, name: &str, entries: Vec<T>) {
    state.insert_array(name, &[entries.len()], entries);
}

/// An array of any shape.
fn read<'a, T: Element>(state: &'a StateDict, name: &str) -> Result<&'a [T], CheckpointError> {
    let shape = state.arrays().get(name).map_or(&[][..], |array| &array.shape[..]);
    state.array(name, shape)
}

fn flags(flags: &[bool]) -> Vec<u8> {
    flags.iter().map(|&flag| flag.into()).collect()
}

fn read_flags(state: &StateDict, name: &str) -> Result<Vec<bool>, CheckpointError> {
    Ok(read::<u8>(state, name)?.iter().map(|&flag| flag != 0).collect())
}
