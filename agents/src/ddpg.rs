//! Deep deterministic policy gradient (DDPG) for continuous actions: Lillicrap et al. 2016, "Continuous control with
//! deep reinforcement learning" (arXiv:1509.02971).
//!
//! It is the learner of [`td3`](crate::td3) with one critic, no smoothing and no delay, as it is in stable-baselines3,
//! whose `DDPG` is a `TD3`; in SpinningUp the two differ in the same three places.
//!
//! # Deviations from the paper
//! - Gaussian noise in place of an Ornstein-Uhlenbeck process, which needs a state per stream where a
//!   [`Policy`](crate::agent::Policy) is a function of its arguments. Fujimoto et al. 2018 (section 6.1) found no benefit
//!   in the process, and SpinningUp has Gaussian noise for the same reason.
//! - Defaults are stable-baselines3's, not the paper's: its step sizes are 1e-4 and 1e-3, its `tau` 0.001, its batch 64,
//!   and its critic has weight decay.
//! - Actions enter the critic at its first layer, not at its second; no batch normalisation, in whose place there is
//!   `normalize_observations`; the last layers start as all others do.

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::agent::{Algorithm, ConfigError};
use crate::checkpoint::CheckpointError;
use crate::export::ExportedPolicy;
use crate::nn::BodyConfig;
use crate::off_policy::MemoryConfig;
use crate::replay::{PriorityConfig, ReplayConfig, Storage};
use crate::spec::EnvSpec;
use crate::state::StateDict;
use crate::td3::{Recipe, Td3Learner, exported_actor};

/// Configuration of DDPG. Defaults are those of stable-baselines3 where it has the field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DdpgConfig {
    /// Discount per step, in [0, 1). Default 0.99.
    pub gamma: f64,
    /// Share of the networks that their slow copies take over per update, in (0, 1]. Default 0.005.
    pub tau: f64,
    /// Step size of the actor, above 0. Default 1e-3.
    pub actor_lr: f64,
    /// Step size of the critic, above 0. Default 1e-3.
    pub critic_lr: f64,
    /// Gradients of a network are scaled down to this norm, above 0; none by default.
    pub max_grad_norm: Option<f64>,
    /// Standard deviation of the Gaussian noise on actions in [-1, 1] that are to be learned from, 0 or more. Default
    /// 0.1, which is SpinningUp's.
    pub exploration_noise: f64,
    /// Transitions per update, 1 to 2^20. Default 256.
    pub batch_size: usize,
    /// Transitions kept, at least `batch_size` and `learning_starts`. Default 1,000,000.
    pub buffer_capacity: usize,
    /// Rewards summed before the bootstrap, 1 or more; their actions are not corrected for. Default 1.
    pub n_step: usize,
    /// How the replay stores observations. Default f32.
    pub replay_storage: Storage,
    /// Prioritised replay; none by default.
    pub priority: Option<PriorityConfig>,
    /// Transitions before the first update, whose actions are uniform at random, 1 or more. Default 100.
    pub learning_starts: usize,
    /// Updates per environment step after that, above 0 and at most 1,000. Default 1.
    pub replay_ratio: f64,
    /// The network of actor and critic: "mlp".
    pub body: BodyConfig,
    /// Rewards are multiplied by this, above 0. Default 1.
    pub reward_scale: f64,
    /// Whether observations are brought to mean 0 and variance 1 by running statistics, which travel with the policy.
    /// Default false.
    pub normalize_observations: bool,
}

impl Default for DdpgConfig {
    fn default() -> Self {
        Self {
            gamma: 0.99,
            tau: 0.005,
            actor_lr: 1e-3,
            critic_lr: 1e-3,
            max_grad_norm: None,
            exploration_noise: 0.1,
            batch_size: 256,
            buffer_capacity: 1_000_000,
            n_step: 1,
            replay_storage: Storage::F32,
            priority: None,
            learning_starts: 100,
            replay_ratio: 1.0,
            body: BodyConfig::default(),
            reward_scale: 1.0,
            normalize_observations: false,
        }
    }
}

impl DdpgConfig {
    /// The recipe of the learner: one critic, exact targets, actor and critic in step.
    pub fn recipe(&self) -> Recipe {
        Recipe {
            name: "ddpg",
            memory: MemoryConfig {
                replay: ReplayConfig {
                    capacity: self.buffer_capacity,
                    n_step: self.n_step,
                    gamma: self.gamma,
                    storage: self.replay_storage,
                    priority: self.priority,
                },
                batch_size: self.batch_size,
                learning_starts: self.learning_starts,
                replay_ratio: self.replay_ratio,
                reward_scale: self.reward_scale,
                normalize_observations: self.normalize_observations,
            },
            body: self.body.clone(),
            actor_lr: self.actor_lr,
            critic_lr: self.critic_lr,
            max_grad_norm: self.max_grad_norm,
            tau: self.tau,
            exploration_noise: self.exploration_noise,
            critics: 1,
            smoothing: None,
            policy_delay: 1,
        }
    }
}

impl Algorithm for DdpgConfig {
    type Learner = Td3Learner;

    fn build(&self, spec: &EnvSpec, device: &Device, seed: u64) -> Result<Td3Learner, ConfigError> {
        Td3Learner::new(self.recipe(), self, spec, (device, seed))
    }

    fn name(&self) -> &'static str {
        "ddpg"
    }
}

/// The greedy policy of a stored learner of DDPG.
///
/// # Errors
/// [`CheckpointError`] when the state is of another method, or lacks something.
pub fn exported(state: &StateDict) -> Result<ExportedPolicy, CheckpointError> {
    state.expect_kind("ddpg")?;
    exported_actor(state, &state.value::<DdpgConfig>("config")?.recipe())
}
