//! [`SacLearner`]: replay in, gradient updates, policy out.

use burn::tensor::Device;
use mec_envs::rng::{Prng, stream};

use super::config::{SacConfig, Warmup};
use super::losses;
use super::networks::{Model, Networks};
use super::update::{Figures, Update, mean};
use crate::agent::{ConfigError, Learner, Metrics, ObservationBatch, TrainError};
use crate::checkpoint::CheckpointError;
use crate::export::write_spec;
use crate::nn::{Helpers, Normalizer, Scaling, Threads};
use crate::replay::{Batch, Replay};
use crate::spec::EnvSpec;
use crate::state::StateDict;
use crate::stochastic::StochasticPolicy;
use crate::transition::Transitions;

/// The learner of soft actor-critic.
pub struct SacLearner {
    config: SacConfig,
    spec: EnvSpec,
    device: Device,
    model: Model,
    networks: Networks,
    normalizer: Option<Normalizer>,
    replay: Replay,
    rng: Prng,
    counters: Counters,
    batch: Batch,
    threads: Threads,
}

#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Counters {
    /// Transitions taken in.
    added: u64,
    /// Of those, the ones that allow updates: taken in when the replay had enough.
    counted: u64,
    updates: u64,
    version: u64,
    /// The largest absolute reward taken in.
    reward_max: f32,
}

impl SacLearner {
    pub(super) fn new(config: SacConfig, spec: &EnvSpec, device: &Device, seed: u64) -> Result<Self, ConfigError> {
        let model = Model::new(&config, spec)?;
        Ok(Self {
            networks: Networks::new(&model, &config, device, seed),
            normalizer: config.normalize_observations.then(|| Normalizer::new(spec)),
            replay: Replay::new(&config.replay(), spec)?,
            rng: stream(seed, "sac/learner"),
            spec: spec.clone(),
            device: device.clone(),
            model,
            counters: Counters::default(),
            batch: Batch::default(),
            threads: Threads::new(config.threads),
            config,
        })
    }

    /// Transitions in the replay.
    pub fn replay_len(&self) -> usize {
        self.replay.len()
    }

    fn ready(&self) -> bool {
        self.replay.len() >= self.config.learning_starts
    }

    fn scaling(&self) -> Option<Scaling> {
        self.normalizer.as_ref().map(Normalizer::scaling)
    }

    /// Q(s, a) of the first critic for these observations and actions, one per row; for tests and inspection.
    pub fn q_values(&self, batch: &ObservationBatch<'_>, actions: &[f32]) -> Vec<f32> {
        let Model { critic, heads, dim, .. } = &self.model;
        let normal = self.scaling().map(|scaling| scaling.apply(batch.observations));
        let batch = ObservationBatch { observations: normal.as_deref().unwrap_or(batch.observations), ..*batch };
        let codes = actions.len() / batch.rows.max(1);
        let continuous: Vec<f32> = actions.chunks_exact(codes).flat_map(|row| &row[codes - dim..]).copied().collect();
        let inputs = critic.inputs(&batch, &continuous, &self.device);
        let q = critic.predict(&self.networks.critics[0].online.weights, &inputs, None);
        losses::taken_q(&q, actions, heads)
    }

    fn explores_uniformly(&self) -> bool {
        self.config.warmup == Warmup::Uniform && self.counters.updates == 0 && !self.ready()
    }

    fn update(&mut self, helpers: Helpers<'_>, scaling: Option<&Scaling>) -> Figures {
        let mut batch = std::mem::take(&mut self.batch);
        let beta = self.config.priority.map_or(0.0, |priority| priority.beta_at(self.counters.updates));
        self.replay.sample(self.config.batch_size, beta, &mut self.rng, &mut batch);
        let update = Update {
            config: &self.config,
            device: &self.device,
            model: &self.model,
            batch: &batch,
            scaling,
            updates: self.counters.updates,
            helpers,
        };
        let figures = update.run(&mut self.networks, &mut self.rng);
        if self.config.priority.is_some() {
            self.replay.update_priorities(&batch.slots, &figures.errors);
        }
        self.batch = batch;
        self.counters.updates += 1;
        self.counters.version += 1;
        figures
    }

    fn metrics(&self, figures: Option<&Figures>) -> Metrics {
        let number = |read: &dyn Fn(&Figures) -> f64| figures.map_or(f64::NAN, read);
        let total = |parts: [f64; 2]| parts.iter().filter(|part| part.is_finite()).sum::<f64>();
        let alpha = self.networks.first_alpha();
        let entropy = number(&|figures| total(figures.entropies));
        let gap = number(&|figures| {
            let gaps = figures.entropies.iter().zip(figures.target_entropies);
            gaps.map(|(entropy, target)| entropy - target).find(|gap| !gap.is_nan()).unwrap_or(f64::NAN)
        });
        let target = number(&|figures| {
            let targets = figures.entropies.iter().zip(figures.target_entropies);
            targets.filter(|(entropy, _)| !entropy.is_nan()).map(|(_, target)| target).sum()
        });
        Metrics::new(vec![
            ("train/actor_loss", number(&|figures| figures.actor_loss)),
            ("train/critic_loss", number(&|figures| figures.critic_loss)),
            ("train/ent_coef", alpha),
            ("train/ent_coef_loss", alpha.ln() * gap),
            ("train/entropy", entropy),
            ("train/target_entropy", target),
            ("train/td_error", number(&|figures| mean(&figures.errors))),
            ("train/q_mean", number(&|figures| figures.q_mean)),
            ("train/q_max", number(&|figures| figures.q_max)),
            ("train/q_bound", self.q_bound(entropy)),
            ("train/learning_rate", self.config.actor_lr),
            ("train/n_updates", self.counters.updates as f64),
        ])
    }

    /// What |Q| cannot exceed when the critics are right: the largest reward and the bonus of this entropy, at every
    /// step for ever.
    fn q_bound(&self, entropy: f64) -> f64 {
        let reward = f64::from(self.counters.reward_max) * self.config.reward_scale;
        let bonus = self.networks.first_alpha() * entropy.abs();
        (reward + bonus) / (1.0 - self.config.gamma)
    }

    /// An error when a figure of the last update is not a number any more.
    fn check(&self, metrics: &Metrics) -> Result<(), TrainError> {
        for metric in ["train/critic_loss", "train/actor_loss"] {
            let value = metrics.get(metric);
            if !value.is_finite() {
                let tensor = self.networks.not_finite();
                return Err(TrainError::NotFinite { metric, value, update: self.counters.updates, tensor });
            }
        }
        Ok(())
    }
}

impl Learner for SacLearner {
    type Policy = StochasticPolicy;

    fn add(&mut self, experience: &Transitions) {
        let (was_ready, was_uniform) = (self.ready(), self.explores_uniformly());
        self.replay.extend(experience);
        if let Some(normalizer) = &mut self.normalizer {
            normalizer.observe(&experience.observations);
            self.counters.version += u64::from(!experience.is_empty());
        }
        let largest = experience.rewards.iter().fold(0.0, |max: f32, reward| max.max(reward.abs()));
        self.counters.reward_max = self.counters.reward_max.max(largest);
        let rows = experience.len() as u64;
        self.counters.added += rows;
        if was_ready {
            self.counters.counted += rows;
        } else if self.ready() {
            let excess = self.replay.len() - self.config.learning_starts;
            self.counters.counted += rows.min(excess as u64);
            self.counters.version += u64::from(was_uniform);
        }
    }

    fn updates_due(&self) -> usize {
        if !self.ready() {
            return 0;
        }
        let allowed = (self.counters.counted as f64 * self.config.replay_ratio) as u64;
        usize::try_from(allowed.saturating_sub(self.counters.updates)).unwrap_or(usize::MAX)
    }

    fn train(&mut self, updates: usize) -> Result<Metrics, TrainError> {
        if self.replay.is_empty() {
            return Ok(self.metrics(None));
        }
        let threads = std::mem::take(&mut self.threads);
        let scaling = self.scaling();
        let figures = threads.run(|helpers| (0..updates).map(|_| self.update(helpers, scaling.as_ref())).last());
        self.threads = threads;
        let metrics = self.metrics(figures.as_ref());
        if updates > 0 {
            self.check(&metrics)?;
        }
        Ok(metrics)
    }

    fn policy(&self) -> StochasticPolicy {
        let policy =
            StochasticPolicy::new("sac policy", &self.model.of_actor(), &self.networks.actor.weights, self.scaling());
        policy.exploring_uniformly(self.explores_uniformly())
    }

    fn version(&self) -> u64 {
        self.counters.version
    }

    fn write_memory(&self, state: &mut StateDict) {
        self.replay.write("memory/replay", state);
    }

    fn read_memory(&mut self, state: &StateDict) -> Result<(), CheckpointError> {
        self.replay.read("memory/replay", state)
    }

    fn state(&self) -> StateDict {
        let mut state = StateDict::new("sac");
        self.networks.write(&mut state);
        if let Some(normalizer) = &self.normalizer {
            normalizer.write(&mut state);
        }
        state.insert_value("config", &self.config);
        state.insert_value("counters", self.counters);
        state.insert_value("rng", &self.rng);
        write_spec(&self.spec, &mut state);
        state
    }

    fn load_state(&mut self, state: &StateDict) -> Result<(), CheckpointError> {
        state.expect_kind("sac")?;
        let networks = self.networks.read(state)?;
        let normalizer = self.normalizer.as_ref().map(|normalizer| normalizer.read(state)).transpose()?;
        let (counters, rng) = (state.value("counters")?, state.value("rng")?);
        self.networks = networks;
        self.normalizer = normalizer;
        self.counters = counters;
        self.rng = rng;
        // A checkpoint holds no experience: acting fills the replay anew before updates go on.
        self.replay.clear();
        Ok(())
    }
}
