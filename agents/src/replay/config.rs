//! [`ReplayConfig`].

use serde::{Deserialize, Serialize};

use crate::agent::ConfigError;

/// The most transitions that a replay can be asked to hold: half of the slots that 31 bits can name.
pub const MAX_CAPACITY: usize = 1 << 30;

/// How observations are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Storage {
    /// As they come.
    #[default]
    F32,
    /// In half precision: three decimal digits in half the memory. What lies beyond 65504 is cut to it.
    F16,
}

/// What a [`Replay`](super::Replay) keeps and draws.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReplayConfig {
    /// Transitions kept, 1 to 2^30. Default 1,000,000.
    pub capacity: usize,
    /// Rewards summed before the bootstrap, 1 or more. Default 1. See [`Replay::sample`](super::Replay::sample).
    pub n_step: usize,
    /// Discount per step, in [0, 1]. Default 0.99.
    pub gamma: f64,
    /// How observations are stored.
    pub storage: Storage,
    /// Draws by priority; uniform by default.
    pub priority: Option<PriorityConfig>,
}

impl Default for ReplayConfig {
    fn default() -> Self {
        Self { capacity: 1_000_000, n_step: 1, gamma: 0.99, storage: Storage::F32, priority: None }
    }
}

impl ReplayConfig {
    /// Refuses values out of range.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] with the field, its value and what is accepted.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let check = |holds, field, found: usize, accepted| ConfigError::check(holds, field, found, accepted);
        check((1..=MAX_CAPACITY).contains(&self.capacity), "buffer_capacity", self.capacity, "1 to 2^30")?;
        check(self.n_step > 0, "n_step", self.n_step, "1 or more")?;
        ConfigError::check((0.0..=1.0).contains(&self.gamma), "gamma", self.gamma, "0 to 1")?;
        self.priority.as_ref().map_or(Ok(()), PriorityConfig::validate)
    }
}

/// Proportional prioritisation: Schaul et al. 2016 (arXiv:1511.05952), sections 3.3 and 3.4, with the defaults of
/// their table 3.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PriorityConfig {
    /// How much priorities matter, in [0, 1]: a transition is drawn in proportion to (|error| + epsilon)^alpha.
    /// Default 0.6.
    pub alpha: f64,
    /// How much of the bias of such draws the weights take back at first, in [0, 1]. Default 0.4.
    pub beta: f64,
    /// How much at last, in [0, 1]; on the way it changes linearly. Default 1.
    pub beta_final: f64,
    /// Updates that this change takes, 1 or more. Default 100,000.
    pub beta_anneal_updates: u64,
    /// Keeps transitions without error in the draw, above 0. Default 1e-6.
    pub epsilon: f64,
}

impl Default for PriorityConfig {
    fn default() -> Self {
        Self { alpha: 0.6, beta: 0.4, beta_final: 1.0, beta_anneal_updates: 100_000, epsilon: 1e-6 }
    }
}

impl PriorityConfig {
    /// Refuses values out of range.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] with the field, its value and what is accepted.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let share = |field, value: f64| ConfigError::check((0.0..=1.0).contains(&value), field, value, "0 to 1");
        share("priority.alpha", self.alpha)?;
        share("priority.beta", self.beta)?;
        share("priority.beta_final", self.beta_final)?;
        let anneal = self.beta_anneal_updates;
        ConfigError::check(anneal > 0, "priority.beta_anneal_updates", anneal, "1 or more")?;
        let (epsilon, holds) = (self.epsilon, self.epsilon > 0.0 && self.epsilon.is_finite());
        ConfigError::check(holds, "priority.epsilon", epsilon, "above 0")
    }

    /// Beta after that many updates.
    pub fn beta_at(&self, updates: u64) -> f64 {
        let progress = (updates as f64 / self.beta_anneal_updates as f64).min(1.0);
        self.beta + (self.beta_final - self.beta) * progress
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_out_of_range_are_refused_with_field_value_and_range() {
        let config = ReplayConfig::default();
        assert_eq!(config.validate(), Ok(()));
        let error = ReplayConfig { n_step: 0, ..config }.validate().unwrap_err();
        assert_eq!(error.to_string(), "n_step is 0; accepted is 1 or more");
        let priority = PriorityConfig::default();
        let with = |priority| ReplayConfig { priority: Some(priority), ..config };
        for wrong in [
            ReplayConfig { capacity: 0, ..config },
            ReplayConfig { capacity: MAX_CAPACITY + 1, ..config },
            ReplayConfig { gamma: f64::NAN, ..config },
            with(PriorityConfig { alpha: 1.5, ..priority }),
            with(PriorityConfig { beta: -0.1, ..priority }),
            with(PriorityConfig { beta_anneal_updates: 0, ..priority }),
            with(PriorityConfig { epsilon: 0.0, ..priority }),
        ] {
            assert!(wrong.validate().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn beta_rises_linearly_and_stays() {
        let config = PriorityConfig { beta_anneal_updates: 100, ..PriorityConfig::default() };
        assert_eq!([0, 50, 100, 1000].map(|updates| config.beta_at(updates)), [0.4, 0.7, 1.0, 1.0]);
    }
}
