//! Advantage actor-critic (A2C): Mnih et al. 2016 (arXiv:1602.01783), algorithm S3, with synchronous actors.
//!
//! One gradient step per short rollout, along log pi(a|s) times the advantage, with an entropy bonus.
//!
//! # Deviations
//! See [`on_policy`](crate::on_policy). The optimiser is Adam where the paper and stable-baselines3's default have
//! RMSProp (it has Adam as `use_rms_prop = False`). Advantages are GAE's; with the default lambda of 1 they are the
//! paper's.

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::agent::{Algorithm, ConfigError};
use crate::checkpoint::CheckpointError;
use crate::export::ExportedPolicy;
use crate::nn::BodyConfig;
use crate::on_policy::{OnPolicyLearner, Portion, Recipe};
use crate::rollout::Returns;
use crate::spec::EnvSpec;
use crate::state::StateDict;
use crate::stochastic;

/// Configuration of A2C. Defaults are those of stable-baselines3 where it has the field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct A2cConfig {
    /// Discount per step, 0 to 1. Default 0.99.
    pub gamma: f64,
    /// Lambda of the advantages, 0 to 1. Default 1.
    pub gae_lambda: f64,
    /// Environment steps of a rollout over all streams, 1 or more. Default 20: 5 of each of 4 streams.
    pub rollout_steps: usize,
    /// Whether advantages are brought to mean 0 and variance 1 in each rollout. Default false.
    pub normalize_advantages: bool,
    /// The weight of the entropy, 0 or more. Default 0.
    pub entropy_coef: f64,
    /// Step size of the policy, above 0. Default 7e-4.
    pub actor_lr: f64,
    /// Step size of the value, above 0. Default 7e-4.
    pub value_lr: f64,
    /// Environment steps in which both step sizes fall linearly to 0, 1 or more; they stay as they are by default.
    pub decay_steps: Option<u64>,
    /// Gradients of a network are scaled down to this norm, above 0. Default 0.5.
    pub max_grad_norm: Option<f64>,
    /// Rewards are multiplied by this, above 0. Default 1.
    pub reward_scale: f64,
    /// The network of policy and value; `q_prior_scale` of a scorer is that of its value.
    pub body: BodyConfig,
    /// Whether observations are brought to mean 0 and variance 1 by running statistics, which travel with the policy
    /// and change between rollouts. A `prior` is left as it is. Default false.
    pub normalize_observations: bool,
}

impl Default for A2cConfig {
    fn default() -> Self {
        Self {
            gamma: 0.99,
            gae_lambda: 1.0,
            rollout_steps: 20,
            normalize_advantages: false,
            entropy_coef: 0.0,
            actor_lr: 7e-4,
            value_lr: 7e-4,
            decay_steps: None,
            max_grad_norm: Some(0.5),
            reward_scale: 1.0,
            body: BodyConfig::tanh(&[64, 64]),
            normalize_observations: false,
        }
    }
}

impl A2cConfig {
    fn recipe(&self) -> Recipe {
        Recipe {
            name: "a2c",
            portion: Portion::Steps,
            rollout_steps: self.rollout_steps,
            returns: Returns { gamma: self.gamma, lambda: self.gae_lambda, reward_scale: self.reward_scale },
            epochs: 1,
            minibatch_size: None,
            clip: None,
            value_clip: None,
            target_kl: None,
            baseline: true,
            normalize_advantages: self.normalize_advantages,
            entropy_coef: self.entropy_coef,
            actor_lr: self.actor_lr,
            value_lr: self.value_lr,
            decay_steps: self.decay_steps,
            max_grad_norm: self.max_grad_norm,
            body: self.body.clone(),
            normalize_observations: self.normalize_observations,
        }
    }
}

impl Algorithm for A2cConfig {
    type Learner = OnPolicyLearner;

    fn build(&self, spec: &EnvSpec, device: &Device, seed: u64) -> Result<OnPolicyLearner, ConfigError> {
        OnPolicyLearner::new(self.recipe(), self, spec, device, seed)
    }

    fn name(&self) -> &'static str {
        "a2c"
    }
}

/// The greedy policy of a stored learner.
///
/// # Errors
/// [`CheckpointError`] when the state is of another method, or its actor has what an exported policy cannot have.
pub fn exported(state: &StateDict) -> Result<ExportedPolicy, CheckpointError> {
    state.expect_kind("a2c")?;
    let config: A2cConfig = state.value("config")?;
    stochastic::exported(state, &config.body, config.normalize_observations)
}
