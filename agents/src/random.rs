//! [`RandomConfig`]: the uniform policy, the floor that every method must beat.

use burn::tensor::Device;
use mec_envs::rng::Prng;
use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::agent::{ActMode, Algorithm, ConfigError, Learner, Metrics, ObservationBatch, Policy, TrainError};
use crate::checkpoint::CheckpointError;
use crate::nn::Heads;
use crate::spec::EnvSpec;
use crate::state::StateDict;
use crate::transition::Transitions;

/// A method that acts uniformly at random among the open actions, and learns nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandomConfig {}

impl Algorithm for RandomConfig {
    type Learner = RandomLearner;

    fn build(&self, spec: &EnvSpec, _device: &Device, _seed: u64) -> Result<RandomLearner, ConfigError> {
        let policy = RandomPolicy { heads: Heads::new(&spec.action.heads), continuous: spec.action.continuous };
        Ok(RandomLearner { policy })
    }

    fn name(&self) -> &'static str {
        "random"
    }
}

/// Learns nothing.
#[derive(Clone, Debug)]
pub struct RandomLearner {
    policy: RandomPolicy,
}

/// Acts uniformly at random, in either mode.
#[derive(Clone, Debug)]
pub struct RandomPolicy {
    heads: Heads,
    continuous: usize,
}

impl Policy for RandomPolicy {
    fn act(&mut self, batch: &ObservationBatch<'_>, _mode: ActMode, rng: &mut Prng, actions: &mut Vec<f32>) {
        actions.clear();
        let choices = self.heads.choices();
        for row in 0..batch.rows {
            let mask = batch.masks.map(|masks| &masks[row * choices..(row + 1) * choices]);
            self.heads.uniform(mask, rng, actions);
            actions.extend((0..self.continuous).map(|_| rng.random_range(-1.0..=1.0_f32)));
        }
    }

    fn state(&self) -> StateDict {
        StateDict::new("random policy")
    }

    fn load_state(&mut self, state: &StateDict) -> Result<(), CheckpointError> {
        state.expect_kind("random policy")
    }
}

impl Learner for RandomLearner {
    type Policy = RandomPolicy;

    fn add(&mut self, _experience: &Transitions) {}

    fn updates_due(&self) -> usize {
        0
    }

    fn train(&mut self, _updates: usize) -> Result<Metrics, TrainError> {
        Ok(Metrics::default())
    }

    fn policy(&self) -> RandomPolicy {
        self.policy.clone()
    }

    fn version(&self) -> u64 {
        0
    }

    fn write_memory(&self, _state: &mut StateDict) {}

    fn read_memory(&mut self, _state: &StateDict) -> Result<(), CheckpointError> {
        Ok(())
    }

    fn state(&self) -> StateDict {
        StateDict::new("random")
    }

    fn load_state(&mut self, state: &StateDict) -> Result<(), CheckpointError> {
        state.expect_kind("random")
    }
}
