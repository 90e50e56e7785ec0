//! [`SacLearner`]: replay in, gradient updates, policy out.

use burn::tensor::{Device, Tensor};
use mec_envs::rng::{Prng, stream};
use rand::RngExt;
use rand_distr::StandardNormal;
use rayon::ThreadPool;

use super::config::{SacConfig, Warmup};
use super::losses;
use super::networks::{Model, Networks};
use super::policy::SacPolicy;
use crate::agent::{ConfigError, Learner, Metrics, ObservationBatch, TrainError};
use crate::checkpoint::CheckpointError;
use crate::nn::{Body, Heads, Mlp, SquashedGaussian, host, matrix, polyak_update};
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
    /// Tensor operations of updates run in here, one thread each: on matrices of this size more threads cost more
    /// than they give, and would take the cores of the actors. `None` where no thread could be started.
    pool: Option<ThreadPool>,
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

/// Figures of one update that are still on the device.
struct Figures {
    actor_loss: Tensor<1>,
    critic_loss: Tensor<1>,
    q_mean: Tensor<1>,
    entropy: Tensor<2>,
    target_entropy: f64,
}

impl SacLearner {
    pub(super) fn new(config: SacConfig, spec: &EnvSpec, device: &Device, seed: u64) -> Result<Self, ConfigError> {
        let model = Model::new(&config, spec)?;
        Ok(Self {
            networks: Networks::new(&model, &config, device, seed),
            replay: Replay::new(config.buffer_capacity, spec),
            rng: stream(seed, "sac/learner"),
            spec: spec.clone(),
            device: device.clone(),
            model,
            counters: Counters::default(),
            batch: Batch::default(),
            pool: rayon::ThreadPoolBuilder::new().num_threads(1).build().ok(),
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
                losses::taken_q(q, &self.one_hot(actions, heads))
            }
            Model::Continuous { critic, dim, .. } => {
                let s = matrix(batch.observations.to_vec(), [batch.rows, self.spec.obs_dim()], &self.device);
                let a = matrix(actions.to_vec(), [batch.rows, *dim], &self.device);
                critic.forward(weights, Tensor::cat(vec![s, a], 1))
            }
        })
    }

    fn update(&mut self) -> Figures {
        let mut batch = std::mem::take(&mut self.batch);
        self.replay.sample(self.config.batch_size, &mut self.rng, &mut batch);
        let model = self.model.clone();
        let figures = match &model {
            Model::Discrete { actor, critic, heads } => self.update_discrete(&batch, (actor, critic), heads),
            Model::Continuous { actor, critic, dim } => self.update_continuous(&batch, (actor, critic), *dim),
        };
        self.batch = batch;
        self.counters.updates += 1;
        self.counters.version += 1;
        if self.counters.updates.is_multiple_of(self.config.target_update_every) {
            for (target, critic) in self.networks.targets.iter_mut().zip(&self.networks.critics) {
                polyak_update(target, &critic.parameters, self.config.tau as f32);
            }
        }
        figures
    }

    fn update_discrete(&mut self, batch: &Batch, (actor, critic): (&Body, &Body), heads: &Heads) -> Figures {
        let size = batch.len();
        let (now, next) =
            (rows(size, &batch.observations, &batch.masks), rows(size, &batch.next_observations, &batch.next_masks));
        let (open, next_open) = (self.open(&now, heads), self.open(&next, heads));
        let (now, next) = (actor.features(&now, &self.device), actor.features(&next, &self.device));
        let alpha = self.networks.alpha();

        let next_logits = actor.forward(self.networks.actor.parameters.tensors(), &next);
        let next_pi = heads.distribution(next_logits, next_open.as_ref());
        let next_q = self.networks.targets.each_ref().map(|target| critic.forward(target.tensors(), &next));
        let next_q = losses::expected_q(&next_pi, next_q, heads);
        let target = self.target(batch, losses::soft_value(next_q, losses::entropy(&next_pi), &alpha));

        let one_hot = self.one_hot(&batch.actions, heads);
        let [(q_1, loss_1), (q_2, loss_2)] = self.networks.critics.each_mut().map(|network| {
            let leaves = network.parameters.leaves();
            let q = critic.forward(&leaves, &now);
            let loss = losses::critic_loss(losses::taken_q(q.clone(), &one_hot), target.clone());
            let figures = (q.inner(), loss.clone().inner());
            network.descend(leaves, loss);
            figures
        });

        let q_mean = losses::taken_q(q_1.clone(), &one_hot).mean();
        let leaves = self.networks.actor.parameters.leaves();
        let pi = heads.distribution(actor.forward(&leaves, &now), open.as_ref());
        let pi_entropy = losses::entropy(&pi);
        let entropy = pi_entropy.clone().inner().mean_dim(0);
        let loss = losses::actor_loss(losses::expected_q(&pi, [q_1, q_2], heads), pi_entropy, &alpha);
        let actor_loss = loss.clone().inner();
        drop(pi);
        self.networks.actor.descend(leaves, loss);

        let target_entropy = self.target_entropy(batch, heads);
        self.update_alpha(entropy.clone(), target_entropy);
        Figures { actor_loss, critic_loss: loss_1 + loss_2, q_mean, entropy, target_entropy }
    }

    fn update_continuous(&mut self, batch: &Batch, (actor, critic): (&Mlp, &Mlp), dim: usize) -> Figures {
        let size = batch.len();
        let obs_dim = self.spec.obs_dim();
        let now = matrix(batch.observations.clone(), [size, obs_dim], &self.device);
        let next = matrix(batch.next_observations.clone(), [size, obs_dim], &self.device);
        let alpha = self.networks.alpha();

        let output = actor.forward(self.networks.actor.parameters.tensors(), next.clone());
        let (next_action, next_log_prob) = SquashedGaussian::from_output(output).sample(self.noise([size, dim]));
        let next_input = Tensor::cat(vec![next, next_action], 1);
        let q = self.networks.targets.each_ref().map(|target| critic.forward(target.tensors(), next_input.clone()));
        let [q_1, q_2] = q;
        let target = self.target(batch, q_1.min_pair(q_2) - next_log_prob * alpha.clone());

        let action = matrix(batch.actions.clone(), [size, dim], &self.device);
        let input = Tensor::cat(vec![now.clone(), action], 1);
        let [(q, loss_1), (_, loss_2)] = self.networks.critics.each_mut().map(|network| {
            let leaves = network.parameters.leaves();
            let q = critic.forward(&leaves, input.clone());
            let loss = losses::critic_loss(q.clone(), target.clone());
            let figures = (q.inner(), loss.clone().inner());
            network.descend(leaves, loss);
            figures
        });

        let noise = self.noise([size, dim]);
        let leaves = self.networks.actor.parameters.leaves();
        let (action, log_prob) = SquashedGaussian::from_output(actor.forward(&leaves, now.clone())).sample(noise);
        let input = Tensor::cat(vec![now, action], 1);
        let [q_1, q_2] =
            self.networks.critics.each_ref().map(|network| critic.forward(network.parameters.tensors(), input.clone()));
        let entropy = log_prob.clone().inner().mean_dim(0) * -1.0;
        let loss = losses::sampled_actor_loss(log_prob, q_1.min_pair(q_2), &alpha);
        drop(input);
        let actor_loss = loss.clone().inner();
        self.networks.actor.descend(leaves, loss);

        let target_entropy = self.config.target_entropy.unwrap_or(-(dim as f64));
        self.update_alpha(entropy.clone(), target_entropy);
        Figures { actor_loss, critic_loss: loss_1 + loss_2, q_mean: q.mean(), entropy, target_entropy }
    }

    /// y = r + gamma (1 - terminated) V(s'), `[batch, 1]`.
    fn target(&self, batch: &Batch, next_value: Tensor<2>) -> Tensor<2> {
        let shape = [batch.len(), 1];
        let scale = self.config.reward_scale as f32;
        let rewards = matrix(batch.rewards.iter().map(|reward| reward * scale).collect(), shape, &self.device);
        let continues = matrix(batch.continues.clone(), shape, &self.device);
        losses::target_q(rewards, continues, next_value, self.config.gamma)
    }

    fn update_alpha(&mut self, entropy: Tensor<2>, target_entropy: f64) {
        if self.config.learn_alpha {
            self.networks.log_alpha.step(losses::log_alpha_gradient(entropy, target_entropy));
        }
    }

    /// The target entropy, averaged over the states of the batch.
    fn target_entropy(&self, batch: &Batch, heads: &Heads) -> f64 {
        let scale = self.config.entropy_scale_at(self.counters.updates);
        if batch.masks.is_empty() {
            return scale * heads.max_entropy(None);
        }
        let masks = batch.masks.chunks_exact(heads.choices());
        scale * masks.map(|mask| heads.max_entropy(Some(mask))).sum::<f64>() / batch.len() as f64
    }

    /// 1 for open choices, else 0, `[batch, choices]`.
    fn open(&self, rows: &ObservationBatch<'_>, heads: &Heads) -> Option<Tensor<2>> {
        let flags = rows.masks?.iter().map(|&flag| f32::from(flag)).collect();
        Some(matrix(flags, [rows.rows, heads.choices()], &self.device))
    }

    /// 1 at the choice taken of each head, `[batch, choices]`.
    fn one_hot(&self, actions: &[f32], heads: &Heads) -> Tensor<2> {
        let size = actions.len() / heads.sizes().len();
        let mut flags = vec![0.0; size * heads.choices()];
        for (actions, row) in actions.chunks_exact(heads.sizes().len()).zip(flags.chunks_exact_mut(heads.choices())) {
            let mut start = 0;
            for (action, choices) in actions.iter().zip(heads.sizes()) {
                row[start + (*action as usize).min(choices - 1)] = 1.0;
                start += choices;
            }
        }
        matrix(flags, [size, heads.choices()], &self.device)
    }

    fn noise(&mut self, shape: [usize; 2]) -> Tensor<2> {
        let rng = &mut self.rng;
        matrix((0..shape[0] * shape[1]).map(|_| rng.sample(StandardNormal)).collect(), shape, &self.device)
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
            ("train/n_updates", self.counters.updates as f64),
        ])
    }
}

fn rows<'a>(rows: usize, observations: &'a [f32], masks: &'a [bool]) -> ObservationBatch<'a> {
    ObservationBatch { rows, observations, masks: (!masks.is_empty()).then_some(masks) }
}

impl Learner for SacLearner {
    type Policy = SacPolicy;

    fn add(&mut self, experience: &Transitions) {
        let was_ready = self.ready();
        self.replay.extend(experience);
        let rows = experience.len() as u64;
        self.counters.added += rows;
        if was_ready {
            self.counters.counted += rows;
        } else if self.ready() {
            let excess = self.replay.len() - self.config.learning_starts;
            self.counters.counted += rows.min(excess as u64);
            self.counters.version += 1;
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
        let pool = self.pool.take();
        let mut run = || (0..updates).map(|_| self.update()).last();
        let figures = match &pool {
            Some(pool) => pool.install(run),
            None => run(),
        };
        self.pool = pool;
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
        let uniform = self.config.warmup == Warmup::Uniform && self.counters.updates == 0 && !self.ready();
        SacPolicy::new(&self.model, &self.networks.actor.parameters, uniform)
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
        self.replay = Replay::new(self.config.buffer_capacity, &self.spec);
        Ok(())
    }
}
