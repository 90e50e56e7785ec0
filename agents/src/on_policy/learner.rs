//! [`OnPolicyLearner`]: rollout in, one update per rollout, policy out.

use burn::tensor::Device;
use mec_envs::rng::{Prng, stream};
use serde::Serialize;

use super::networks::{Model, Networks};
use super::recipe::{Portion, Recipe};
use super::update::{Figures, Update};
use crate::agent::{ConfigError, Learner, Metrics, ObservationBatch, TrainError};
use crate::checkpoint::CheckpointError;
use crate::nn::{Normalizer, Scaling, share_left, shared};
use crate::rollout::Rollout;
use crate::spec::EnvSpec;
use crate::state::StateDict;
use crate::stochastic::StochasticPolicy;
use crate::transition::Transitions;

/// The learner of an on-policy method.
pub struct OnPolicyLearner {
    recipe: Recipe,
    /// The method's configuration, as its states have it.
    config: serde_json::Value,
    device: Device,
    model: Model,
    networks: Networks,
    normalizer: Option<Normalizer>,
    rollout: Rollout,
    rng: Prng,
    counters: Counters,
}

#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Counters {
    /// Rollouts learned from, which is the version of the policy too.
    updates: u64,
    gradient_steps: u64,
    env_steps: u64,
}

impl OnPolicyLearner {
    /// A learner by this recipe; `config` is the method's configuration, which its states store.
    ///
    /// # Errors
    /// [`ConfigError`] for a value out of range, or an environment that the networks cannot serve.
    pub fn new(
        recipe: Recipe,
        config: &impl Serialize,
        spec: &EnvSpec,
        device: &Device,
        seed: u64,
    ) -> Result<Self, ConfigError> {
        recipe.validate()?;
        let model = Model::new(&recipe, spec)?;
        Ok(Self {
            networks: Networks::new(&model, &recipe, device, seed),
            normalizer: recipe.normalize_observations.then(|| Normalizer::new(spec)),
            rollout: Rollout::new(spec),
            rng: stream(seed, "on_policy/learner"),
            config: serde_json::to_value(config).expect("configurations have a JSON form"),
            device: device.clone(),
            counters: Counters::default(),
            model,
            recipe,
        })
    }

    /// V(s), one per row; for tests and inspection.
    pub fn values(&self, batch: &ObservationBatch<'_>) -> Vec<f32> {
        let normal = self.scaling().map(|scaling| scaling.apply(batch.observations));
        let batch = ObservationBatch { observations: normal.as_deref().unwrap_or(batch.observations), ..*batch };
        self.networks.values(&self.model, &batch, &self.device)
    }

    fn scaling(&self) -> Option<Scaling> {
        self.normalizer.as_ref().map(Normalizer::scaling)
    }

    fn share(&self) -> f64 {
        share_left(self.counters.env_steps, self.recipe.decay_steps)
    }

    fn update(&mut self) -> Figures {
        let rollout = match self.recipe.portion {
            Portion::Steps => self.rollout.take(),
            Portion::Episodes => self.rollout.take_finished(),
        };
        // The statistics stay as they are from one update to the next, so that the policy does.
        let scaling = self.scaling();
        if let Some(normalizer) = &mut self.normalizer {
            normalizer.observe(&rollout.observations);
        }
        let update = Update {
            recipe: &self.recipe,
            device: &self.device,
            model: &self.model,
            scaling: scaling.as_ref(),
            share: self.share(),
        };
        let figures = update.run(&mut self.networks, rollout, &mut self.rng);
        self.counters.updates += 1;
        self.counters.gradient_steps += figures.steps;
        figures
    }

    fn metrics(&self, figures: Option<&Figures>) -> Metrics {
        let number = |read: &dyn Fn(&Figures) -> f64| figures.map_or(f64::NAN, read);
        Metrics::new(vec![
            ("train/actor_loss", number(&|figures| figures.actor_loss)),
            ("train/critic_loss", number(&|figures| figures.value_loss)),
            ("train/entropy", number(&|figures| figures.entropy)),
            ("train/approx_kl", number(&|figures| figures.approx_kl)),
            ("train/clip_fraction", number(&|figures| figures.clip_fraction)),
            ("train/explained_variance", number(&|figures| figures.explained_variance)),
            ("train/learning_rate", self.recipe.actor_lr * self.share()),
            ("train/n_updates", self.counters.gradient_steps as f64),
        ])
    }

    /// An error when a figure of the last update is not a number any more.
    fn check(&self, metrics: &Metrics) -> Result<(), TrainError> {
        for metric in ["train/critic_loss", "train/actor_loss"] {
            let value = metrics.get(metric);
            if !value.is_finite() {
                let tensor = self.networks.offender();
                return Err(TrainError::NotFinite { metric, value, update: self.counters.updates - 1, tensor });
            }
        }
        Ok(())
    }
}

impl Learner for OnPolicyLearner {
    type Policy = StochasticPolicy;

    fn add(&mut self, experience: &Transitions) {
        self.counters.env_steps += experience.len() as u64;
        self.rollout.extend(experience);
    }

    /// 1 when the rollout is full.
    fn updates_due(&self) -> usize {
        let rows = match self.recipe.portion {
            Portion::Steps => self.rollout.len(),
            Portion::Episodes => self.rollout.finished_len(),
        };
        usize::from(rows >= self.recipe.rollout_steps)
    }

    fn train(&mut self, updates: usize) -> Result<Metrics, TrainError> {
        if updates.min(self.updates_due()) == 0 {
            return Ok(self.metrics(None));
        }
        let figures = shared(|| self.update());
        let metrics = self.metrics(Some(&figures));
        self.check(&metrics)?;
        Ok(metrics)
    }

    fn policy(&self) -> StochasticPolicy {
        StochasticPolicy::new(self.recipe.name, &self.model.actor, &self.networks.actor.weights, self.scaling())
    }

    fn version(&self) -> u64 {
        self.counters.updates
    }

    fn write_memory(&self, state: &mut StateDict) {
        self.rollout.write("memory/rollout", state);
    }

    fn read_memory(&mut self, state: &StateDict) -> Result<(), CheckpointError> {
        self.rollout.read("memory/rollout", state)
    }

    fn state(&self) -> StateDict {
        let mut state = StateDict::new(self.recipe.name);
        self.networks.write(&mut state);
        if let Some(normalizer) = &self.normalizer {
            normalizer.write(&mut state);
        }
        state.insert_value("counters", self.counters);
        state.insert_value("rng", &self.rng);
        self.model.actor.identity.write(&self.config, &mut state);
        state
    }

    fn load_state(&mut self, state: &StateDict) -> Result<(), CheckpointError> {
        state.expect_kind(self.recipe.name)?;
        self.model.actor.identity.expect(state)?;
        let networks = self.networks.read(state)?;
        let normalizer = Normalizer::read_like(self.normalizer.as_ref(), state)?;
        let (counters, rng) = (state.value("counters")?, state.value("rng")?);
        self.networks = networks;
        self.normalizer = normalizer;
        self.counters = counters;
        self.rng = rng;
        // The rollout was acted by another policy.
        self.rollout.clear();
        Ok(())
    }
}
