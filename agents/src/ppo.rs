//! Proximal policy optimisation (PPO) with a clipped ratio: Schulman et al. 2017 (arXiv:1707.06347), algorithm 1.
//!
//! Details are those of Huang et al. 2022 ("The 37 Implementation Details of Proximal Policy Optimization", ICLR Blog
//! Track): advantages by GAE and normalised per minibatch, shuffled minibatches, gradient clipping, an optional bound of
//! the value's change. Closed choices have probability 0 and no gradient (Huang and Ontanon 2022, arXiv:2006.14171).
//!
//! # Deviations
//! See [`on_policy`](crate::on_policy). The learning rate does not fall, Adam's epsilon is PyTorch's 1e-8, and the
//! minibatches share a rollout's rows out evenly, so that none is left with few.

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

/// Configuration of PPO. Defaults are those of stable-baselines3 where it has the field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PpoConfig {
    /// Discount per step, 0 to 1. Default 0.99.
    pub gamma: f64,
    /// Lambda of the advantages, 0 to 1. Default 0.95.
    pub gae_lambda: f64,
    /// Environment steps of a rollout over all streams, 1 or more. Default 2048.
    pub rollout_steps: usize,
    /// Passes over a rollout, 1 or more. Default 10.
    pub epochs: usize,
    /// Rows per gradient step, 1 or more. Default 64.
    pub minibatch_size: usize,
    /// The probability ratio's way from 1 that still counts, above 0. Default 0.2.
    pub clip: f64,
    /// How far a rollout may move a value, above 0; as far as it likes by default.
    pub value_clip: Option<f64>,
    /// A rollout is done with when the policy has moved 1.5 times this far, in nats, above 0; none by default.
    pub target_kl: Option<f64>,
    /// Whether advantages are brought to mean 0 and variance 1 in each minibatch. Default true.
    pub normalize_advantages: bool,
    /// The weight of the entropy, 0 or more. Default 0.
    pub entropy_coef: f64,
    /// Step size of the policy, above 0. Default 3e-4.
    pub actor_lr: f64,
    /// Step size of the value, above 0. Default 3e-4.
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

impl Default for PpoConfig {
    fn default() -> Self {
        Self {
            gamma: 0.99,
            gae_lambda: 0.95,
            rollout_steps: 2048,
            epochs: 10,
            minibatch_size: 64,
            clip: 0.2,
            value_clip: None,
            target_kl: None,
            normalize_advantages: true,
            entropy_coef: 0.0,
            actor_lr: 3e-4,
            value_lr: 3e-4,
            decay_steps: None,
            max_grad_norm: Some(0.5),
            reward_scale: 1.0,
            body: BodyConfig::tanh(&[64, 64]),
            normalize_observations: false,
        }
    }
}

impl PpoConfig {
    fn recipe(&self) -> Recipe {
        Recipe {
            name: "ppo",
            portion: Portion::Steps,
            rollout_steps: self.rollout_steps,
            returns: Returns { gamma: self.gamma, lambda: self.gae_lambda, reward_scale: self.reward_scale },
            epochs: self.epochs,
            minibatch_size: Some(self.minibatch_size),
            clip: Some(self.clip),
            value_clip: self.value_clip,
            target_kl: self.target_kl,
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

impl Algorithm for PpoConfig {
    type Learner = OnPolicyLearner;

    fn build(&self, spec: &EnvSpec, device: &Device, seed: u64) -> Result<OnPolicyLearner, ConfigError> {
        OnPolicyLearner::new(self.recipe(), self, spec, device, seed)
    }

    fn name(&self) -> &'static str {
        "ppo"
    }
}

/// The greedy policy of a stored learner.
///
/// # Errors
/// [`CheckpointError`] when the state is of another method, or its actor has what an exported policy cannot have.
pub fn exported(state: &StateDict) -> Result<ExportedPolicy, CheckpointError> {
    state.expect_kind("ppo")?;
    let config: PpoConfig = state.value("config")?;
    stochastic::exported(state, &config.body, config.normalize_observations)
}
