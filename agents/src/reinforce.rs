//! REINFORCE: Williams 1992 ("Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement
//! Learning", Machine Learning 8), with a learned baseline as in Sutton and Barto 2018, section 13.4.
//!
//! One gradient step per batch of whole episodes, along log pi(a|s) times what came after a.
//!
//! # Deviations
//! See [`on_policy`](crate::on_policy).
//! - The return of an episode that was cut short goes on with the learned value of its true last state, with or without
//!   the baseline: a cut is no end.
//! - As in most implementations, the gradient of step t is not discounted by gamma^t (Sutton and Barto have the factor).
//! - Streams go on while the policy changes, so an episode under way is finished by the next policy, and learned from
//!   then; the gradient takes all its steps as if the newest had done them.

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

/// Configuration of REINFORCE.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReinforceConfig {
    /// Discount per step, 0 to 1. Default 0.99.
    pub gamma: f64,
    /// Steps of finished episodes per update at least, 1 or more. Default 1000.
    pub rollout_steps: usize,
    /// Whether V(s) is subtracted from the returns. Default true.
    pub baseline: bool,
    /// Whether what the policy follows is brought to mean 0 and variance 1 in each update. Default true.
    pub normalize_advantages: bool,
    /// The weight of the entropy, 0 or more. Default 0.
    pub entropy_coef: f64,
    /// Step size of the policy, above 0. Default 3e-3.
    pub actor_lr: f64,
    /// Step size of the value, above 0. Default 3e-3.
    pub value_lr: f64,
    /// Environment steps in which both step sizes fall linearly to 0, 1 or more; they stay as they are by default.
    pub decay_steps: Option<u64>,
    /// Gradients of a network are scaled down to this norm, above 0; none by default.
    pub max_grad_norm: Option<f64>,
    /// Rewards are multiplied by this, above 0. Default 1.
    pub reward_scale: f64,
    /// The network of policy and value; `q_prior_scale` of a scorer is that of its value.
    pub body: BodyConfig,
    /// Whether observations are brought to mean 0 and variance 1 by running statistics, which travel with the policy
    /// and change between updates. A `prior` is left as it is. Default false.
    pub normalize_observations: bool,
}

impl Default for ReinforceConfig {
    fn default() -> Self {
        Self {
            gamma: 0.99,
            rollout_steps: 1000,
            baseline: true,
            normalize_advantages: true,
            entropy_coef: 0.0,
            actor_lr: 3e-3,
            value_lr: 3e-3,
            decay_steps: None,
            max_grad_norm: None,
            reward_scale: 1.0,
            body: BodyConfig::tanh(&[64, 64]),
            normalize_observations: false,
        }
    }
}

impl ReinforceConfig {
    fn recipe(&self) -> Recipe {
        Recipe {
            name: "reinforce",
            portion: Portion::Episodes,
            rollout_steps: self.rollout_steps,
            returns: Returns { gamma: self.gamma, lambda: 1.0, reward_scale: self.reward_scale },
            epochs: 1,
            minibatch_size: None,
            clip: None,
            value_clip: None,
            target_kl: None,
            baseline: self.baseline,
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

impl Algorithm for ReinforceConfig {
    type Learner = OnPolicyLearner;

    fn build(&self, spec: &EnvSpec, device: &Device, seed: u64) -> Result<OnPolicyLearner, ConfigError> {
        OnPolicyLearner::new(self.recipe(), self, spec, device, seed)
    }

    fn name(&self) -> &'static str {
        "reinforce"
    }
}

/// The greedy policy of a stored learner.
///
/// # Errors
/// [`CheckpointError`] when the state is of another method, or its actor has what an exported policy cannot have.
pub fn exported(state: &StateDict) -> Result<ExportedPolicy, CheckpointError> {
    state.expect_kind("reinforce")?;
    let config: ReinforceConfig = state.value("config")?;
    stochastic::exported(state, &config.body, config.normalize_observations)
}
