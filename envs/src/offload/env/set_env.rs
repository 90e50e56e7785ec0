//! [`OffloadSetEnv`].

use std::sync::Arc;

use super::OffloadForm;
use crate::gym::{DictSpace, Env, EnvError, Metric, MultiDiscrete, Space, Step};
use crate::offload::episodes::{Decision, Offload};
use crate::offload::observation;
use crate::offload::setting::Setting;
use crate::offload::view::Offer;
use crate::offload::world::World;

/// A whole set per step, one target per task of it. See the [module](super).
#[derive(Clone, Debug)]
pub struct OffloadSetEnv {
    offload: Offload,
    observation_space: DictSpace,
    action_space: MultiDiscrete,
    offers: Vec<Offer>,
    mask: Vec<bool>,
}

/// What a step of [`OffloadSetEnv`] tells: sums over the tasks it decided.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SetOutcome {
    /// Tasks decided.
    pub tasks: usize,
    /// Their latencies, summed, s.
    pub latency_s: f64,
    /// The delay they inflicted on earlier tasks, summed, s.
    pub inflicted_s: f64,
    /// Energy of their devices, summed, J.
    pub energy_j: f64,
    /// How many are within their deadline.
    pub successes: usize,
}

impl OffloadForm for OffloadSetEnv {
    fn new(setting: Arc<Setting>) -> Self {
        let rows = setting.scenario.set_size;
        let offload = Offload::new(setting);
        let targets = offload.targets();
        Self {
            observation_space: observation::space(rows, targets),
            action_space: MultiDiscrete::new(&vec![targets; rows]).expect("there is always the device"),
            offers: Vec::new(),
            mask: vec![true; rows * targets],
            offload,
        }
    }

    fn offload(&self) -> &Offload {
        &self.offload
    }
}

impl OffloadSetEnv {
    fn rows(&self) -> usize {
        self.action_space.heads().len()
    }

    /// Tasks that the next action decides.
    fn present(&self) -> usize {
        self.offload.world().map_or(0, World::waiting).min(self.rows())
    }

    fn observe(&mut self, observation: &mut Vec<f32>) {
        let (targets, present) = (self.offload.targets(), self.present());
        for (index, open) in self.mask.iter_mut().enumerate() {
            *open = index / targets < present || index % targets == 0;
        }
        self.offload.observe(self.rows(), &mut self.offers, observation);
    }
}

impl Env for OffloadSetEnv {
    type ObservationSpace = DictSpace;
    type ActionSpace = MultiDiscrete;
    type Info = SetOutcome;

    fn observation_space(&self) -> &DictSpace {
        &self.observation_space
    }

    fn action_space(&self) -> &MultiDiscrete {
        &self.action_space
    }

    fn reset(&mut self, seed: Option<u64>) -> Vec<f32> {
        let mut observation = Vec::new();
        self.reset_into(seed, &mut observation);
        observation
    }

    fn step(&mut self, action: &Vec<usize>) -> Result<Step<Vec<f32>, SetOutcome>, EnvError> {
        let mut observation = Vec::new();
        let step = self.step_into(action, &mut observation)?;
        Ok(step.map(|()| observation))
    }

    fn reset_into(&mut self, seed: Option<u64>, observation: &mut Vec<f32>) {
        self.offload.reset(seed);
        self.observe(observation);
    }

    fn step_into(&mut self, action: &Vec<usize>, observation: &mut Vec<f32>) -> Result<Step<(), SetOutcome>, EnvError> {
        self.offload.view()?;
        if !self.action_space.contains(action) {
            return Err(EnvError::outside(action, &self.action_space));
        }
        let present = self.present();
        if let Some(row) = action[present..].iter().position(|&target| target != 0) {
            return Err(EnvError::InvalidAction {
                action: format!("{action:?}"),
                reason: format!("row {} is padding", present + row),
                accepted: format!("0 in every row from {present} on"),
            });
        }
        let (mut reward, mut info) = (0.0, SetOutcome::default());
        for &target in &action[..present] {
            let outcome = self.offload.decide(Decision::to(target))?;
            reward += self.offload.reward(&outcome);
            info.tasks += 1;
            info.latency_s += outcome.latency_s;
            info.inflicted_s += outcome.inflicted_s;
            info.energy_j += outcome.energy_j;
            info.successes += usize::from(outcome.success);
        }
        self.observe(observation);
        let (terminated, truncated) = self.offload.ending();
        Ok(Step { observation: (), reward, terminated, truncated, info })
    }

    fn action_mask(&self) -> Option<&[bool]> {
        Some(&self.mask)
    }

    fn metrics(&self) -> Vec<Metric> {
        self.offload.metrics().list()
    }
}
