//! [`DqnConfig`].

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::learner::DqnLearner;
use super::losses::TdLoss;
use crate::agent::{Algorithm, ConfigError};
use crate::nn::BodyConfig;
use crate::off_policy::MemoryConfig;
use crate::replay::{PriorityConfig, ReplayConfig, Storage};
use crate::spec::EnvSpec;

/// Configuration of deep Q-learning. Defaults are those of stable-baselines3 where it has the field, in which double
/// Q-learning is not one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DqnConfig {
    /// Discount per step, in [0, 1). Default 0.99.
    pub gamma: f64,
    /// Step size, above 0. Default 1e-4.
    pub learning_rate: f64,
    /// Environment steps in which the step size falls linearly to 0, 1 or more; it stays as it is by default.
    pub decay_steps: Option<u64>,
    /// Gradients are scaled down to this norm, above 0. Default 10.
    pub max_grad_norm: Option<f64>,
    /// How errors count: "huber" or "squared". Default "huber". It lets no error pull by more than 1, so that rare
    /// terminations may not hold values that are far larger than that: scale rewards down, or take "squared", when
    /// `train/q_max` grows beyond what rewards allow.
    pub loss: TdLoss,
    /// Share of the network that its slow copy takes over per target update, in (0, 1]; 1 copies. Default 1.
    pub tau: f64,
    /// Updates between target updates, 1 or more. Default 2,500, which is the 10,000 environment steps of
    /// stable-baselines3 at the `replay_ratio` of 0.25.
    pub target_update_every: u64,
    /// Whether the network chooses the action whose value its slow copy tells (van Hasselt et al. 2016). Default true.
    pub double: bool,
    /// Whether the outputs are advantages and a value (Wang et al. 2016); for the body `mlp`: a scorer has no output
    /// for a value, and all its options share what its pooled embedding says of the state. Default false.
    pub dueling: bool,
    /// Probability of a random choice at first, in [0, 1]. Default 1.
    pub epsilon_start: f64,
    /// The same at last, in [0, 1]. Default 0.05.
    pub epsilon_end: f64,
    /// Environment steps on which it changes linearly from one to the other, 1 or more. Default 10,000.
    pub epsilon_steps: u64,
    /// Transitions per update, 1 to 2^20. Default 32.
    pub batch_size: usize,
    /// Transitions kept, at least `batch_size` and `learning_starts`. Default 1,000,000.
    pub buffer_capacity: usize,
    /// Rewards summed before the bootstrap, 1 or more. Default 1.
    pub n_step: usize,
    /// How the replay stores observations. Default f32.
    pub replay_storage: Storage,
    /// Prioritised replay; none by default.
    pub priority: Option<PriorityConfig>,
    /// Transitions before the first update, 1 or more. Default 100.
    pub learning_starts: usize,
    /// Updates per environment step after that, above 0 and at most 1,000. Default 0.25.
    pub replay_ratio: f64,
    /// The network. A scorer's values start as `q_prior_scale` times the prior; it has no use for `prior_scale`.
    pub body: BodyConfig,
    /// Rewards are multiplied by this, above 0. Default 1.
    pub reward_scale: f64,
    /// Whether observations are brought to mean 0 and variance 1 by running statistics, which travel with the policy.
    /// A `prior` is left as it is. Default false.
    pub normalize_observations: bool,
}

impl Default for DqnConfig {
    fn default() -> Self {
        Self {
            gamma: 0.99,
            learning_rate: 1e-4,
            decay_steps: None,
            max_grad_norm: Some(10.0),
            loss: TdLoss::Huber,
            tau: 1.0,
            target_update_every: 2_500,
            double: true,
            dueling: false,
            epsilon_start: 1.0,
            epsilon_end: 0.05,
            epsilon_steps: 10_000,
            batch_size: 32,
            buffer_capacity: 1_000_000,
            n_step: 1,
            replay_storage: Storage::F32,
            priority: None,
            learning_starts: 100,
            replay_ratio: 0.25,
            body: BodyConfig::default(),
            reward_scale: 1.0,
            normalize_observations: false,
        }
    }
}

impl DqnConfig {
    /// Refuses values out of range.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] with the field, its value and what is accepted.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let check = ConfigError::check;
        let positive = |field, value: f64| check(value > 0.0 && value.is_finite(), field, value, "above 0");
        positive("learning_rate", self.learning_rate)?;
        positive("max_grad_norm", self.max_grad_norm.unwrap_or(1.0))?;
        check(self.tau > 0.0 && self.tau <= 1.0, "tau", self.tau, "above 0 and at most 1")?;
        for (field, epsilon) in [("epsilon_start", self.epsilon_start), ("epsilon_end", self.epsilon_end)] {
            check((0.0..=1.0).contains(&epsilon), field, epsilon, "0 to 1")?;
        }
        for (field, count) in [
            ("target_update_every", self.target_update_every),
            ("epsilon_steps", self.epsilon_steps),
            ("decay_steps", self.decay_steps.unwrap_or(1)),
        ] {
            ConfigError::check(count > 0, field, count, "1 or more")?;
        }
        let fits = !self.dueling || matches!(self.body, BodyConfig::Mlp { .. });
        ConfigError::check(fits, "dueling", self.dueling, "false for the body scorer")?;
        self.memory().validate()?;
        self.body.validate()
    }

    /// The probability of a random choice after that many environment steps.
    pub fn epsilon_at(&self, steps: u64) -> f64 {
        let progress = (steps as f64 / self.epsilon_steps as f64).min(1.0);
        self.epsilon_start + (self.epsilon_end - self.epsilon_start) * progress
    }

    /// The memory that it asks for.
    pub(super) fn memory(&self) -> MemoryConfig {
        MemoryConfig {
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
        }
    }
}

impl Algorithm for DqnConfig {
    type Learner = DqnLearner;

    fn build(&self, spec: &EnvSpec, device: &Device, seed: u64) -> Result<DqnLearner, ConfigError> {
        self.validate()?;
        DqnLearner::new(self.clone(), spec, device, seed)
    }

    fn name(&self) -> &'static str {
        "dqn"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_out_of_range_are_refused_with_field_value_and_range() {
        let config = DqnConfig::default();
        assert_eq!(config.validate(), Ok(()));
        let scorer = BodyConfig::Scorer { hidden: vec![8], prior_scale: 1.0, q_prior_scale: 1.0 };
        for (wrong, error) in [
            (DqnConfig { gamma: 1.0, ..config.clone() }, "gamma is 1; accepted is 0 or more and below 1"),
            (DqnConfig { tau: 0.0, ..config.clone() }, "tau is 0; accepted is above 0 and at most 1"),
            (DqnConfig { learning_rate: f64::NAN, ..config.clone() }, "learning_rate is NaN; accepted is above 0"),
            (DqnConfig { epsilon_end: 1.5, ..config.clone() }, "epsilon_end is 1.5; accepted is 0 to 1"),
            (DqnConfig { epsilon_steps: 0, ..config.clone() }, "epsilon_steps is 0; accepted is 1 or more"),
            (DqnConfig { batch_size: 0, ..config.clone() }, "batch_size is 0; accepted is 1 to 2^20"),
            (DqnConfig { n_step: 0, ..config.clone() }, "n_step is 0; accepted is 1 or more"),
            (
                DqnConfig { buffer_capacity: 31, ..config.clone() },
                "buffer_capacity is 31; accepted is at least batch_size and learning_starts",
            ),
            (
                DqnConfig { dueling: true, body: scorer, ..config },
                "dueling is true; accepted is false for the body scorer",
            ),
        ] {
            assert_eq!(wrong.validate().unwrap_err().to_string(), error);
        }
    }

    #[test]
    fn a_misspelt_field_is_refused_and_missing_ones_take_their_defaults() {
        let parse = serde_json::from_str::<DqnConfig>;
        assert!(parse(r#"{"gama": 0.9}"#).unwrap_err().to_string().contains("gamma"));
        let config = parse(r#"{"loss": "squared", "dueling": true}"#).unwrap();
        assert_eq!(config, DqnConfig { loss: TdLoss::Squared, dueling: true, ..DqnConfig::default() });
    }

    #[test]
    fn epsilon_falls_linearly_and_stays() {
        let config = DqnConfig { epsilon_start: 0.9, epsilon_end: 0.1, epsilon_steps: 100, ..DqnConfig::default() };
        let found = [0, 50, 100, 1_000].map(|steps| config.epsilon_at(steps));
        assert!(found.iter().zip([0.9, 0.5, 0.1, 0.1]).all(|(found, expected)| (found - expected).abs() < 1e-12));
    }
}
