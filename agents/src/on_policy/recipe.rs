//! [`Recipe`]: what on-policy methods differ in.

use serde::{Deserialize, Serialize};

use crate::agent::ConfigError;
use crate::nn::BodyConfig;
use crate::rollout::Returns;

/// When a rollout is used, and which of its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Portion {
    /// All rows, once there are enough.
    Steps,
    /// Those of episodes that have ended, once there are enough; the others stay.
    Episodes,
}

/// An on-policy method with its hyperparameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// The method's name, which is the kind of its learners' states.
    pub name: &'static str,
    /// What a rollout is.
    pub portion: Portion,
    /// Rows of a rollout at least, over all streams.
    pub rollout_steps: usize,
    /// Discount, lambda and reward scale.
    pub returns: Returns,
    /// Passes over the rollout.
    pub epochs: usize,
    /// Rows per gradient step; all in one by default.
    pub minibatch_size: Option<usize>,
    /// The bound of the probability ratio (PPO); no ratio without it.
    pub clip: Option<f64>,
    /// The bound of a value's change per rollout.
    pub value_clip: Option<f64>,
    /// No more gradient steps with this rollout when the policy has moved 1.5 times as far, in nats.
    pub target_kl: Option<f64>,
    /// Whether V(s) is subtracted from the returns that the policy follows.
    pub baseline: bool,
    /// Whether advantages are brought to mean 0 and variance 1 per gradient step.
    pub normalize_advantages: bool,
    /// The weight of the entropy in the policy's objective.
    pub entropy_coef: f64,
    /// Step size of the policy.
    pub actor_lr: f64,
    /// Step size of the value.
    pub value_lr: f64,
    /// Environment steps in which both step sizes fall linearly to 0.
    pub decay_steps: Option<u64>,
    /// Gradients of a network are scaled down to this norm.
    pub max_grad_norm: Option<f64>,
    /// The network of policy and value.
    pub body: BodyConfig,
    /// Whether observations are normalised.
    pub normalize_observations: bool,
}

impl Recipe {
    /// Refuses values out of range, in the names of the methods' configurations.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] with the field, its value and what is accepted.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let check = ConfigError::check;
        let positive = |field, value: f64| check(value > 0.0 && value.is_finite(), field, value, "above 0");
        let Returns { gamma, lambda, reward_scale } = self.returns;
        check((0.0..=1.0).contains(&gamma), "gamma", gamma, "0 to 1")?;
        check((0.0..=1.0).contains(&lambda), "gae_lambda", lambda, "0 to 1")?;
        ConfigError::check_reward_scale(reward_scale)?;
        positive("actor_lr", self.actor_lr)?;
        positive("value_lr", self.value_lr)?;
        positive("clip", self.clip.unwrap_or(1.0))?;
        positive("value_clip", self.value_clip.unwrap_or(1.0))?;
        positive("target_kl", self.target_kl.unwrap_or(1.0))?;
        positive("max_grad_norm", self.max_grad_norm.unwrap_or(1.0))?;
        let coefficient = self.entropy_coef;
        check(coefficient >= 0.0 && coefficient.is_finite(), "entropy_coef", coefficient, "0 or more")?;
        for (field, count) in [
            ("rollout_steps", self.rollout_steps),
            ("epochs", self.epochs),
            ("minibatch_size", self.minibatch_size.unwrap_or(1)),
        ] {
            ConfigError::check(count > 0, field, count, "1 or more")?;
        }
        let decay_steps = self.decay_steps.unwrap_or(1);
        ConfigError::check(decay_steps > 0, "decay_steps", decay_steps, "1 or more")?;
        self.body.validate()
    }
}
