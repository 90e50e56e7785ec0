//! [`Recipe`]: what makes the learner TD3 or DDPG.

use crate::agent::ConfigError;
use crate::nn::BodyConfig;
use crate::off_policy::MemoryConfig;

/// Everything that a [`Td3Learner`](super::Td3Learner) is built from.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// Name of the method, and kind of its learner's states.
    pub name: &'static str,
    /// Replay, batches, and how many updates they allow.
    pub memory: MemoryConfig,
    /// The network of actor and critics.
    pub body: BodyConfig,
    /// Step size of the actor, above 0.
    pub actor_lr: f64,
    /// Step size of the critics, above 0.
    pub critic_lr: f64,
    /// Gradients of a network are scaled down to this norm, above 0.
    pub max_grad_norm: Option<f64>,
    /// Share of the networks that their slow copies take over per update of the actor, in (0, 1].
    pub tau: f64,
    /// Standard deviation of the noise on actions to be learned from, 0 or more.
    pub exploration_noise: f64,
    /// Critics whose smallest value makes the target, 1 or more.
    pub critics: usize,
    /// Noise on the actions of targets.
    pub smoothing: Option<Smoothing>,
    /// Updates of the critics per update of the actor, 1 or more.
    pub policy_delay: u64,
}

/// Noise on the actions of targets: equation 14 of Fujimoto et al. 2018.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Smoothing {
    /// Its standard deviation, 0 or more.
    pub std: f64,
    /// Its largest absolute value, 0 or more.
    pub clip: f64,
}

impl Recipe {
    /// Refuses values out of range, by the names that the fields of the configurations have.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] with the field, its value and what is accepted.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let check = ConfigError::check;
        let positive = |field, value: f64| check(value > 0.0 && value.is_finite(), field, value, "above 0");
        let noise = |field, value: f64| check(value >= 0.0 && value.is_finite(), field, value, "0 or more");
        positive("actor_lr", self.actor_lr)?;
        positive("critic_lr", self.critic_lr)?;
        positive("max_grad_norm", self.max_grad_norm.unwrap_or(1.0))?;
        check(self.tau > 0.0 && self.tau <= 1.0, "tau", self.tau, "above 0 and at most 1")?;
        noise("exploration_noise", self.exploration_noise)?;
        if let Some(Smoothing { std, clip }) = self.smoothing {
            noise("target_noise", std)?;
            noise("target_noise_clip", clip)?;
        }
        ConfigError::check(self.policy_delay > 0, "policy_delay", self.policy_delay, "1 or more")?;
        self.memory.validate()?;
        self.body.validate()
    }
}
