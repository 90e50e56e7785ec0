//! [`SacLearner`]: replay in, gradient updates, policy out.

use burn::tensor::Device;
use mec_envs::rng::{Prng, stream};

use super::config::{SacConfig, Warmup};
use super::losses;
use super::networks::{Model, Networks};
use super::update::{Figures, Turn, Update};
use crate::agent::{ConfigError, Learner, Metrics, ObservationBatch, TrainError};
use crate::checkpoint::CheckpointError;
use crate::identity::expect_setting;
use crate::nn::{Helpers, Threads, is_host, share_left, shared};
use crate::off_policy::Memory;
use crate::spec::EnvSpec;
use crate::state::StateDict;
use crate::stochastic::StochasticPolicy;
use crate::transition::Transitions;

/// The learner of soft actor-critic.
pub struct SacLearner {
    config: SacConfig,
    device: Device,
    model: Model,
    networks: Networks,
    memory: Memory,
    rng: Prng,
    threads: Threads,
}

impl SacLearner {
    pub(super) fn new(config: SacConfig, spec: &EnvSpec, device: &Device, seed: u64) -> Result<Self, ConfigError> {
        let model = Model::new(&config, spec)?;
        Ok(Self {
            networks: Networks::new(&model, &config, device, seed),
            memory: Memory::new(config.memory(), spec)?,
            rng: stream(seed, "sac/learner"),
            device: device.clone(),
            model,
            threads: Threads::new(if is_host(device) { config.threads } else { 1 }),
            config,
        })
    }

    /// Transitions in the replay.
    pub fn replay_len(&self) -> usize {
        self.memory.len()
    }

    /// Whether updates are repeated from a recording: on a device that can make one, from the fourth update on, unless the
    /// configuration asks for updates that differ.
    pub fn is_recorded(&self) -> bool {
        self.networks.recording.is_done()
    }

    /// Q(s, a) of the first critic for these observations and actions, one per row; for tests and inspection.
    pub fn q_values(&self, batch: &ObservationBatch<'_>, actions: &[f32]) -> Vec<f32> {
        let Model { critic, heads, dim, .. } = &self.model;
        let normal = self.memory.scaling().map(|scaling| scaling.apply(batch.observations));
        let batch = ObservationBatch { observations: normal.as_deref().unwrap_or(batch.observations), ..*batch };
        let codes = actions.len() / batch.rows.max(1);
        let continuous: Vec<f32> = actions.chunks_exact(codes).flat_map(|row| &row[codes - dim..]).copied().collect();
        let inputs = critic.inputs(&batch, &continuous, &Device::flex());
        let q = critic.predict(&self.networks.each_critic()[0].online.weights, &inputs, None);
        losses::taken_q(&q, actions, heads)
    }

    /// The share of the step sizes that is left.
    fn share(&self) -> f64 {
        share_left(self.memory.added(), self.config.decay_steps)
    }

    fn explores_uniformly(&self) -> bool {
        self.config.warmup == Warmup::Uniform && self.memory.updates() == 0 && !self.memory.is_ready()
    }

    fn update(&mut self, helpers: Helpers<'_>) -> Result<Figures, TrainError> {
        let batch = self.memory.draw(&mut self.rng);
        let update = Update {
            config: &self.config,
            device: &self.device,
            model: &self.model,
            batch: &batch,
            updates: self.memory.updates(),
            share: self.share(),
            helpers,
        };
        let figures = update.run(&mut self.networks, &mut self.rng);
        let loss = figures.turn.as_ref().map(|turn| turn.loss);
        self.memory.learned(batch, &figures.appraisal, loss, || self.networks.offender())?;
        if figures.turn.is_some() {
            self.memory.count_change();
        }
        Ok(figures)
    }

    /// Without those of the actor where it had no turn in these updates.
    fn metrics(&self, figures: Option<&Figures>) -> Metrics {
        let share = self.share();
        let mut metrics = self.memory.metrics(figures.map(|figures| &figures.appraisal), self.config.actor_lr * share);
        metrics.set("train/ent_coef", self.networks.first_alpha());
        if self.model.dim > 0 && !self.model.heads.sizes().is_empty() {
            metrics.set("train/ent_coef_continuous", self.networks.alphas()[1].into());
        }
        match figures.and_then(|figures| figures.turn.as_ref()) {
            Some(turn) => self.metrics_of_turn(turn, &mut metrics),
            None => metrics.remove("train/q_bound"),
        }
        metrics
    }

    fn metrics_of_turn(&self, turn: &Turn, metrics: &mut Metrics) {
        let Turn { loss, entropies, target_entropies, max_entropy, .. } = turn;
        let kinds = || [0, 1].into_iter().filter(|&kind| !entropies[kind].is_nan());
        let alphas = self.networks.alphas().map(f64::from);
        metrics.set("train/actor_loss", *loss);
        metrics.set("train/ent_coef_loss", turn.alpha_loss);
        metrics.set("train/entropy", kinds().map(|kind| entropies[kind]).sum());
        metrics.set("train/target_entropy", kinds().map(|kind| target_entropies[kind]).sum());
        metrics.set("train/max_entropy", *max_entropy);
        // The entropy's bonus is part of every value.
        let bonus: f64 = kinds().map(|kind| alphas[kind] * entropies[kind].abs()).sum();
        metrics.set("train/q_bound", self.memory.q_bound(bonus));
    }
}

impl Learner for SacLearner {
    type Policy = StochasticPolicy;

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

    fn train(&mut self, updates: usize) -> Result<Metrics, TrainError> {
        let updates = if self.memory.is_empty() { 0 } else { updates };
        let threads = std::mem::take(&mut self.threads);
        let figures = threads.run(|helpers| {
            shared(|| {
                (0..updates).try_fold(None, |before, _| self.update(helpers).map(|figures| Some(figures.after(before))))
            })
        });
        self.threads = threads;
        Ok(self.metrics(figures?.as_ref()))
    }

    fn policy(&self) -> StochasticPolicy {
        let policy = StochasticPolicy::new(
            "sac policy",
            &self.model.of_actor(),
            &self.networks.actor.weights,
            self.memory.scaling(),
        );
        policy.exploring_uniformly(self.explores_uniformly())
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
        let mut state = StateDict::new("sac");
        self.networks.write(&mut state);
        self.memory.write_books(&mut state);
        state.insert_value("rng", &self.rng);
        self.model.identity.write(&self.config, &mut state);
        state
    }

    fn load_state(&mut self, state: &StateDict) -> Result<(), CheckpointError> {
        state.expect_kind("sac")?;
        self.model.identity.expect(state)?;
        let stored: SacConfig = state.value("config")?;
        expect_setting("critics", &stored.critics, &self.config.critics)?;
        expect_setting("critic_norm", &stored.critic_norm, &self.config.critic_norm)?;
        let networks = self.networks.read(state)?;
        let books = self.memory.books(state)?;
        self.rng = state.value("rng")?;
        self.networks = networks;
        self.memory.open(books);
        Ok(())
    }
}

#[cfg(all(test, feature = "wgpu"))]
mod tests {
    use super::*;
    use crate::agent::Algorithm;
    use crate::device::{DeviceKind, open};
    use crate::nn::BodyConfig;
    use mec_envs::gym::{ActionLayout, Part};
    use std::thread;

    fn trained(seed: u64) -> SacLearner {
        let action = ActionLayout { heads: vec![], continuous: 1 };
        let spec = EnvSpec { observation: vec![Part::new("", &[2])], action };
        let config =
            SacConfig { batch_size: 8, learning_starts: 8, body: BodyConfig::mlp(&[8]), ..SacConfig::default() };
        let mut learner = config.build(&spec, &open(DeviceKind::Wgpu).unwrap(), seed).unwrap();
        let numbers = |len: u64| (0..len).map(|at| ((seed + at) as f32).sin()).collect::<Vec<_>>();
        learner.add(&Transitions {
            observations: numbers(32),
            next_observations: numbers(32),
            actions: numbers(16),
            rewards: numbers(16),
            terminated: vec![false; 16],
            truncated: vec![false; 16],
            env: vec![0; 16],
            ..Transitions::default()
        });
        learner.train(40).unwrap();
        learner
    }

    #[test]
    fn learners_that_record_on_wgpu_at_once_do_as_each_does_alone() {
        let alone = [1, 2, 3].map(|seed| trained(seed).state().checksum());
        let together = thread::scope(|scope| {
            let threads = [1, 2, 3].map(|seed| scope.spawn(move || trained(seed)));
            threads.map(|thread| thread.join().unwrap())
        });
        for (learner, alone) in together.iter().zip(alone) {
            assert!(learner.is_recorded());
            assert_eq!(learner.state().checksum(), alone);
        }
    }
}
