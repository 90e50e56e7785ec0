//! A policy written by hand: the rival that a learned one has to beat.

use mec_gym::agents::agent::{ActMode, ObservationBatch, Policy};
use mec_gym::agents::checkpoint::CheckpointError;
use mec_gym::agents::state::StateDict;
use mec_gym::envs::rng::Prng;

/// Joins the queue with the least work. It has no weights, so there is nothing to store.
#[derive(Clone)]
pub struct ShortestQueue;

impl Policy for ShortestQueue {
    fn act(&mut self, batch: &ObservationBatch<'_>, _mode: ActMode, _rng: &mut Prng, actions: &mut Vec<f32>) {
        actions.clear();
        actions.extend(batch.observations.chunks_exact(2).map(|queues| if queues[1] < queues[0] { 1.0 } else { 0.0 }));
    }

    fn state(&self) -> StateDict {
        StateDict::new("shortest queue")
    }

    fn load_state(&mut self, state: &StateDict) -> Result<(), CheckpointError> {
        state.expect_kind("shortest queue")
    }
}
