//! [`Td3Learner`]: replay in, gradient updates, policy out.

use burn::tensor::Device;
use mec_envs::rng::{Prng, stream};
use serde::Serialize;

use super::networks::{Model, Networks};
use super::policy::{Snapshot, Td3Policy};
use super::recipe::Recipe;
use super::update::Update;
use crate::agent::{ConfigError, Learner, Metrics, ObservationBatch, TrainError};
use crate::checkpoint::CheckpointError;
use crate::nn::shared;
use crate::off_policy::{Appraisal, Memory};
use crate::spec::EnvSpec;
use crate::state::StateDict;
use crate::transition::Transitions;

/// The learner of TD3 and of DDPG.
pub struct Td3Learner {
    recipe: Recipe,
    /// The configuration that the recipe is from, for those who read checkpoints.
    config: serde_json::Value,
    device: Device,
    model: Model,
    networks: Networks,
    memory: Memory,
    rng: Prng,
}

impl Td3Learner {
    /// A learner of this recipe, whose states tell `config`.
    ///
    /// # Errors
    /// [`ConfigError`] for a value out of range, or an environment whose actions are not continuous entries alone.
    pub fn new(
        recipe: Recipe,
        config: &impl Serialize,
        spec: &EnvSpec,
        (device, seed): (&Device, u64),
    ) -> Result<Self, ConfigError> {
        recipe.validate()?;
        let model = Model::new(&recipe, spec)?;
        Ok(Self {
            networks: Networks::new(&model, &recipe, device, seed),
            memory: Memory::new(recipe.memory, spec)?,
            rng: stream(seed, &format!("{}/learner", recipe.name)),
            config: serde_json::to_value(config).expect("configurations have a JSON form"),
            device: device.clone(),
            model,
            recipe,
        })
    }

    /// Q(s, a) of the first critic for these observations and actions, one per row; for tests and inspection.
    pub fn q_values(&self, batch: &ObservationBatch<'_>, actions: &[f32]) -> Vec<f32> {
        let normal = self.memory.scaling().map(|scaling| scaling.apply(batch.observations));
        let batch = ObservationBatch { observations: normal.as_deref().unwrap_or(batch.observations), ..*batch };
        let inputs = self.model.critic.inputs(&batch, actions, &self.device);
        self.model.critic.predict(&self.networks.critics[0].online.weights, &inputs, None)
    }

    fn explores_uniformly(&self) -> bool {
        self.memory.updates() == 0 && !self.memory.is_ready()
    }

    fn update(&mut self) -> Result<(Appraisal, Option<f64>), TrainError> {
        let batch = self.memory.draw(&mut self.rng);
        let update = Update {
            recipe: &self.recipe,
            device: &self.device,
            model: &self.model,
            batch: &batch,
            updates: self.memory.updates(),
        };
        let (appraisal, actor_loss) = update.run(&mut self.networks, &mut self.rng);
        self.memory.learned(batch, &appraisal, actor_loss, || self.networks.offender())?;
        actor_loss.iter().for_each(|_| self.memory.count_change());
        Ok((appraisal, actor_loss))
    }
}

impl Learner for Td3Learner {
    type Policy = Td3Policy;

    fn add(&mut self, experience: &Transitions) {
        let was_uniform = self.explores_uniformly();
        self.memory.add(experience);
        if self.explores_uniformly() != was_uniform {
            self.memory.count_change();
        }
    }

    fn updates_due(&self) -> usize {
        self.memory.updates_due()
    }

    /// The actor's loss is that of the last update that was its turn; there is none when none was.
    fn train(&mut self, updates: usize) -> Result<Metrics, TrainError> {
        let updates = if self.memory.is_empty() { 0 } else { updates };
        let (mut last, mut actor_loss) = (None, None);
        for _ in 0..updates {
            let (appraisal, loss) = shared(|| self.update())?;
            last = Some(appraisal);
            actor_loss = loss.or(actor_loss);
        }
        let mut metrics = self.memory.metrics(last.as_ref(), self.recipe.actor_lr);
        actor_loss.inspect(|&loss| metrics.set("train/actor_loss", loss));
        Ok(metrics)
    }

    fn policy(&self) -> Td3Policy {
        let snapshot = Snapshot {
            name: self.recipe.name,
            model: self.model.clone(),
            weights: self.networks.actor.online.weights.to_host(),
            scaling: self.memory.scaling(),
            noise: self.recipe.exploration_noise as f32,
        };
        Td3Policy::new(snapshot, self.explores_uniformly())
    }

    fn version(&self) -> u64 {
        self.memory.version()
    }

    fn write_memory(&self, state: &mut StateDict) {
        self.memory.write(state);
    }

    fn read_memory(&mut self, state: &StateDict) -> Result<(), CheckpointError> {
        self.memory.read(state)
    }

    fn state(&self) -> StateDict {
        let mut state = StateDict::new(self.recipe.name);
        self.networks.write(&mut state);
        self.memory.write_books(&mut state);
        state.insert_value("rng", &self.rng);
        self.model.identity.write(&self.config, &mut state);
        state
    }

    fn load_state(&mut self, state: &StateDict) -> Result<(), CheckpointError> {
        state.expect_kind(self.recipe.name)?;
        self.model.identity.expect(state)?;
        let (networks, books) = (self.networks.read(state)?, self.memory.books(state)?);
        self.rng = state.value("rng")?;
        self.networks = networks;
        self.memory.open(books);
        Ok(())
    }
}
