//! [`OffloadBoxEnv`].

use std::sync::Arc;

use super::{OffloadEnv, OffloadForm};
use crate::gym::{BoxSpace, DictSpace, Env, EnvError, Metric, Space, Step};
use crate::offload::episodes::Offload;
use crate::offload::setting::Setting;
use crate::offload::world::Outcome;

/// One task per step, a score per target; for methods with continuous actions. See the [module](super).
#[derive(Clone, Debug)]
pub struct OffloadBoxEnv {
    env: OffloadEnv,
    action_space: BoxSpace,
}

impl OffloadForm for OffloadBoxEnv {
    fn new(setting: Arc<Setting>) -> Self {
        let env = OffloadEnv::new(setting);
        let action_space = BoxSpace::uniform(&[env.action_space.n()], -1.0, 1.0);
        Self { env, action_space }
    }

    fn offload(&self) -> &Offload {
        &self.env.offload
    }
}

impl Env for OffloadBoxEnv {
    type ObservationSpace = DictSpace;
    type ActionSpace = BoxSpace;
    type Info = Outcome;

    fn observation_space(&self) -> &DictSpace {
        &self.env.observation_space
    }

    fn action_space(&self) -> &BoxSpace {
        &self.action_space
    }

    fn reset(&mut self, seed: Option<u64>) -> Vec<f32> {
        self.env.reset(seed)
    }

    fn step(&mut self, action: &Vec<f32>) -> Result<Step<Vec<f32>, Outcome>, EnvError> {
        let mut observation = Vec::new();
        let step = self.step_into(action, &mut observation)?;
        Ok(step.map(|()| observation))
    }

    fn reset_into(&mut self, seed: Option<u64>, observation: &mut Vec<f32>) {
        self.env.reset_into(seed, observation);
    }

    fn step_into(&mut self, action: &Vec<f32>, observation: &mut Vec<f32>) -> Result<Step<(), Outcome>, EnvError> {
        self.env.offload.view()?;
        if !self.action_space.contains(action) {
            return Err(EnvError::outside(action, &self.action_space));
        }
        let best = action
            .iter()
            .enumerate()
            .fold(0, |best, (target, &score)| if score > action[best] { target } else { best });
        self.env.step_into(&best, observation)
    }

    fn metrics(&self) -> Vec<Metric> {
        self.env.metrics()
    }
}
