//! [`OffloadEnv`].

use std::sync::Arc;

use super::{OffloadForm, outside};
use crate::gym::{DictSpace, Discrete, Env, EnvError, Metric, Step};
use crate::offload::episodes::Offload;
use crate::offload::observation;
use crate::offload::setting::Setting;
use crate::offload::world::Outcome;
use crate::partition::Choice;

/// One task per step, one target per action; each task sees what was just decided. See the [module](super).
#[derive(Clone, Debug)]
pub struct OffloadEnv {
    pub(super) offload: Offload,
    pub(super) observation_space: DictSpace,
    pub(super) action_space: Discrete,
    choices: Vec<Choice>,
}

impl OffloadForm for OffloadEnv {
    fn new(setting: Arc<Setting>) -> Self {
        let offload = Offload::new(setting);
        let targets = offload.targets();
        Self {
            offload,
            observation_space: observation::space(1, targets),
            action_space: Discrete::new(targets),
            choices: Vec::new(),
        }
    }

    fn offload(&self) -> &Offload {
        &self.offload
    }
}

impl Env for OffloadEnv {
    type ObservationSpace = DictSpace;
    type ActionSpace = Discrete;
    type Info = Outcome;

    fn observation_space(&self) -> &DictSpace {
        &self.observation_space
    }

    fn action_space(&self) -> &Discrete {
        &self.action_space
    }

    fn reset(&mut self, seed: Option<u64>) -> Vec<f32> {
        self.offload.reset(seed);
        self.offload.observe(1, &mut self.choices)
    }

    fn step(&mut self, action: &usize) -> Result<Step<Vec<f32>, Outcome>, EnvError> {
        self.offload.view()?;
        let choice = *self.choices.get(*action).ok_or_else(|| outside(action, &self.action_space))?;
        let info = self.offload.carry_out(*action, &choice);
        let reward = self.offload.reward(&info);
        let observation = self.offload.observe(1, &mut self.choices);
        Ok(Step { observation, reward, terminated: false, truncated: self.offload.is_over(), info })
    }

    fn metrics(&self) -> Vec<Metric> {
        self.offload.metrics().list()
    }
}
