//! [`SacLearner`]: replay in, gradient updates, policy out.

use burn::tensor::{Device, Tensor};
use mec_envs::rng::{Prng, stream};
use rayon::ThreadPool;

use super::config::{SacConfig, Warmup};
use super::losses;
use super::networks::{Model, Networks};
use super::policy::SacPolicy;
use super::update::{Figures, Update, flat, one_hot};
use crate::agent::{ConfigError, Learner, Metrics, ObservationBatch, TrainError};
use crate::checkpoint::CheckpointError;
use crate::nn::{host, matrix};
use crate::replay::{Batch, Replay};
use crate::spec::EnvSpec;
use crate::state::StateDict;
use crate::transition::Transitions;

/// The learner of soft actor-critic.
pub struct SacLearner {
    config: SacConfig,
    spec: EnvSpec,
    device: Device,
    model: Model,
    networks: Networks,
    replay: Replay,
    rng: Prng,
    counters: Counters,
    batch: Batch,
    /// Updates run in the first one, the second critic in the second one if there is one. Each has one thread, so
    /// that no tensor operation is split over threads: on matrices of this size that costs more than it gives, and
    /// takes the cores of the actors. Empty where no thread could be started.
    pools: Vec<ThreadPool>,
}

#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Counters {
    /// Transitions taken in.
    added: u64,
    /// Of those, the ones that allow updates: taken in when the replay had enough.
    counted: u64,
    updates: u64,
    version: u64,
}

impl SacLearner {
    pub(super) fn new(config: SacConfig, spec: &EnvSpec, device: &Device, seed: u64) -> Result<Self, ConfigError> {
        let model = Model::new(&config, spec)?;
        Ok(Self {
            networks: Networks::new(&model, &config, device, seed),
            replay: Replay::new(&config.replay(), spec)?,
            rng: stream(seed, "sac/learner"),
            spec: spec.clone(),
            device: device.clone(),
            model,
            counters: Counters::default(),
            batch: Batch::default(),
            pools: (0..config.threads)
                .map_while(|_| rayon::ThreadPoolBuilder::new().num_threads(1).build().ok())
                .collect(),
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

    /// Q_tot of the first critic for these observations and actions, one per row; for tests and inspection.
    pub fn q_values(&self, batch: &ObservationBatch<'_>, actions: &[f32]) -> Vec<f32> {
        let weights = self.networks.critics[0].parameters.tensors();
        host(match &self.model {
            Model::Discrete { critic, heads, .. } => {
                let q = critic.forward(weights, &critic.features(batch, &self.device));
                losses::taken_q(q, &one_hot(actions, heads, &self.device))
            }
            Model::Continuous { critic, dim, .. } => {
                let action = matrix(actions.to_vec(), [batch.rows, *dim], &self.device);
                critic.forward(weights, Tensor::cat(vec![flat(batch, &self.device), action], 1))
            }
        })
    }

    fn explores_uniformly(&self) -> bool {
        self.config.warmup == Warmup::Uniform && self.counters.updates == 0 && !self.ready()
    }

    fn update(&mut self, helper: Option<&ThreadPool>) -> Figures {
        let mut batch = std::mem::take(&mut self.batch);
        let beta = self.config.priority.map_or(0.0, |priority| priority.beta_at(self.counters.updates));
        self.replay.sample(self.config.batch_size, beta, &mut self.rng, &mut batch);
        let mut update = Update {
            config: &self.config,
            device: &self.device,
            networks: &mut self.networks,
            batch: &batch,
            rng: &mut self.rng,
            updates: self.counters.updates,
            helper,
        };
        let figures = match &self.model {
            Model::Discrete { actor, critic, heads } => update.discrete(actor, critic, heads),
            Model::Continuous { actor, critic, .. } => update.continuous(actor, critic),
        };
        if let Some(errors) = figures.td_errors.clone() {
            self.replay.update_priorities(&batch.slots, &host(errors));
        }
        self.batch = batch;
        self.counters.updates += 1;
        self.counters.version += 1;
        figures
    }

    fn metrics(&self, figures: Option<Figures>) -> Metrics {
        let number = |tensor: Option<Tensor<1>>| tensor.map_or(f64::NAN, |tensor| f64::from(host(tensor)[0]));
        let alpha = f64::from(host(self.networks.alpha())[0]);
        let entropy = number(figures.as_ref().map(|figures| figures.entropy.clone().reshape([1])));
        let target = figures.as_ref().map_or(f64::NAN, |figures| figures.target_entropy);
        Metrics::new(vec![
            ("train/actor_loss", number(figures.as_ref().map(|figures| figures.actor_loss.clone()))),
            ("train/critic_loss", number(figures.as_ref().map(|figures| figures.critic_loss.clone()))),
            ("train/ent_coef", alpha),
            ("train/ent_coef_loss", alpha.ln() * (entropy - target)),
            ("train/entropy", entropy),
            ("train/target_entropy", target),
            ("train/q_mean", number(figures.as_ref().map(|figures| figures.q_mean.clone()))),
            ("train/learning_rate", self.config.actor_lr),
            ("train/n_updates", self.counters.updates as f64),
        ])
    }
}

impl Learner for SacLearner {
    type Policy = SacPolicy;

    fn add(&mut self, experience: &Transitions) {
        let (was_ready, was_uniform) = (self.ready(), self.explores_uniformly());
        self.replay.extend(experience);
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
        let pools = std::mem::take(&mut self.pools);
        let mut run = || (0..updates).map(|_| self.update(pools.get(1))).last();
        let figures = match pools.first() {
            Some(pool) => pool.install(run),
            None => run(),
        };
        self.pools = pools;
        let metrics = self.metrics(figures);
        for metric in ["train/critic_loss", "train/actor_loss"] {
            let value = metrics.get(metric);
            if updates > 0 && !value.is_finite() {
                return Err(TrainError::NotFinite { metric, value, update: self.counters.updates });
            }
        }
        Ok(metrics)
    }

    fn policy(&self) -> SacPolicy {
        SacPolicy::new(&self.model, &self.networks.actor.parameters, self.explores_uniformly())
    }

    fn version(&self) -> u64 {
        self.counters.version
    }

    fn state(&self) -> StateDict {
        let mut state = StateDict::new("sac");
        self.networks.write(&mut state);
        state.insert_value("config", &self.config);
        state.insert_value("counters", self.counters);
        state.insert_value("rng", &self.rng);
        let parts: Vec<_> = self.spec.observation.iter().map(|part| (&part.name, &part.shape)).collect();
        state.insert_value("observation", parts);
        state.insert_value("action", (&self.spec.action.heads, self.spec.action.continuous));
        state
    }

    fn load_state(&mut self, state: &StateDict) -> Result<(), CheckpointError> {
        state.expect_kind("sac")?;
        let networks = self.networks.read(state)?;
        let (counters, rng) = (state.value("counters")?, state.value("rng")?);
        self.networks = networks;
        self.counters = counters;
        self.rng = rng;
        // A checkpoint holds no experience: acting fills the replay anew before updates go on.
        self.replay.clear();
        Ok(())
    }
}
