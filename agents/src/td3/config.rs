//! [`Td3Config`].

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::learner::Td3Learner;
use super::recipe::{Recipe, Smoothing};
use crate::agent::{Algorithm, ConfigError};
use crate::nn::BodyConfig;
use crate::off_policy::MemoryConfig;
use crate::replay::{PriorityConfig, ReplayConfig, Storage};
use crate::spec::EnvSpec;

/// Configuration of TD3. Defaults are those of stable-baselines3 where it has the field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Td3Config {
    /// Discount per step, in [0, 1). Default 0.99.
    pub gamma: f64,
    /// Share of the networks that their slow copies take over per update of the actor, in (0, 1]. Default 0.005.
    pub tau: f64,
    /// Step size of the actor, above 0. Default 1e-3.
    pub actor_lr: f64,
    /// Step size of the critics, above 0. Default 1e-3.
    pub critic_lr: f64,
    /// Gradients of a network are scaled down to this norm, above 0; none by default.
    pub max_grad_norm: Option<f64>,
    /// Standard deviation of the Gaussian noise on actions in [-1, 1] that are to be learned from, 0 or more. Default
    /// 0.1, which is the paper's.
    pub exploration_noise: f64,
    /// Standard deviation of the noise on the actions of targets, 0 or more. Default 0.2.
    pub target_noise: f64,
    /// The largest absolute value of that noise, 0 or more. Default 0.5.
    pub target_noise_clip: f64,
    /// Updates of the critics per update of the actor and of the slow copies, 1 or more. Default 2.
    pub policy_delay: u64,
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
    /// The network of actor and critics: "mlp".
    pub body: BodyConfig,
    /// Rewards are multiplied by this, above 0. Default 1.
    pub reward_scale: f64,
    /// Whether observations are brought to mean 0 and variance 1 by running statistics, which travel with the policy.
    /// Default false.
    pub normalize_observations: bool,
}

impl Default for Td3Config {
    fn default() -> Self {
        Self {
            gamma: 0.99,
            tau: 0.005,
            actor_lr: 1e-3,
            critic_lr: 1e-3,
            max_grad_norm: None,
            exploration_noise: 0.1,
            target_noise: 0.2,
            target_noise_clip: 0.5,
            policy_delay: 2,
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

impl Td3Config {
    /// The recipe of the learner: two critics, smoothed targets, a delayed actor.
    pub fn recipe(&self) -> Recipe {
        Recipe {
            name: "td3",
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
            critics: 2,
            smoothing: Some(Smoothing { std: self.target_noise, clip: self.target_noise_clip }),
            policy_delay: self.policy_delay,
        }
    }
}

impl Algorithm for Td3Config {
    type Learner = Td3Learner;

    fn build(&self, spec: &EnvSpec, device: &Device, seed: u64) -> Result<Td3Learner, ConfigError> {
        Td3Learner::new(self.recipe(), self, spec, (device, seed))
    }

    fn name(&self) -> &'static str {
        "td3"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_out_of_range_are_refused_with_field_value_and_range() {
        let config = Td3Config::default();
        assert_eq!(config.recipe().validate(), Ok(()));
        for (wrong, error) in [
            (Td3Config { gamma: 1.0, ..config.clone() }, "gamma is 1; accepted is 0 or more and below 1"),
            (Td3Config { tau: 2.0, ..config.clone() }, "tau is 2; accepted is above 0 and at most 1"),
            (Td3Config { critic_lr: 0.0, ..config.clone() }, "critic_lr is 0; accepted is above 0"),
            (
                Td3Config { exploration_noise: -0.1, ..config.clone() },
                "exploration_noise is -0.1; accepted is 0 or more",
            ),
            (Td3Config { target_noise: f64::NAN, ..config.clone() }, "target_noise is NaN; accepted is 0 or more"),
            (Td3Config { target_noise_clip: -1.0, ..config.clone() }, "target_noise_clip is -1; accepted is 0 or more"),
            (Td3Config { policy_delay: 0, ..config.clone() }, "policy_delay is 0; accepted is 1 or more"),
            (Td3Config { replay_ratio: 0.0, ..config }, "replay_ratio is 0; accepted is above 0 and at most 1000"),
        ] {
            assert_eq!(wrong.recipe().validate().unwrap_err().to_string(), error);
        }
    }

    #[test]
    fn a_misspelt_field_is_refused_and_missing_ones_take_their_defaults() {
        let parse = serde_json::from_str::<Td3Config>;
        assert!(parse(r#"{"policy_dely": 3}"#).unwrap_err().to_string().contains("policy_delay"));
        assert_eq!(parse(r#"{"policy_delay": 3}"#).unwrap(), Td3Config { policy_delay: 3, ..Td3Config::default() });
    }
}
