//! [`OffloadEnv`].

use std::sync::Arc;

use super::OffloadForm;
use crate::gym::{DictSpace, Discrete, Env, EnvError, Metric, Step};
use crate::offload::episodes::Offload;
use crate::offload::observation;
use crate::offload::setting::Setting;
use crate::offload::view::Offer;
use crate::offload::world::Outcome;

/// One task per step, one target per action; each task sees what was just decided. See the [module](super).
#[derive(Clone, Debug)]
pub struct OffloadEnv {
    pub(super) offload: Offload,
    pub(super) observation_space: DictSpace,
    pub(super) action_space: Discrete,
    offers: Vec<Offer>,
}

impl OffloadForm for OffloadEnv {
    fn new(setting: Arc<Setting>) -> Self {
        let offload = Offload::new(setting);
        let targets = offload.targets();
        Self {
            offload,
            observation_space: observation::space(1, targets),
            action_space: Discrete::new(targets),
            offers: Vec::new(),
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
        let mut observation = Vec::new();
        self.reset_into(seed, &mut observation);
        observation
    }

    fn step(&mut self, action: &usize) -> Result<Step<Vec<f32>, Outcome>, EnvError> {
        let mut observation = Vec::new();
        let step = self.step_into(action, &mut observation)?;
        Ok(step.map(|()| observation))
    }

    fn reset_into(&mut self, seed: Option<u64>, observation: &mut Vec<f32>) {
        self.offload.reset(seed);
        self.offload.observe(1, &mut self.offers, observation);
    }

    fn step_into(&mut self, action: &usize, observation: &mut Vec<f32>) -> Result<Step<(), Outcome>, EnvError> {
        self.offload.view()?;
        let offer = self.offers.get(*action).ok_or_else(|| EnvError::outside(action, &self.action_space))?;
        let info = self.offload.carry_out(*action, &offer.choice);
        let reward = self.offload.reward(&info);
        self.offload.observe(1, &mut self.offers, observation);
        let (terminated, truncated) = self.offload.ending();
        Ok(Step { observation: (), reward, terminated, truncated, info })
    }

    fn metrics(&self) -> Vec<Metric> {
        self.offload.metrics().list()
    }
}
