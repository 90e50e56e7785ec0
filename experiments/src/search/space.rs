//! [`Space`]: which values a search tries.

use std::collections::BTreeMap;

use mec_envs::rng::Prng;
use rand::RngExt;
use serde::{Deserialize, Serialize};

/// The values to try for each key path of a configuration. Drawn in the order of the paths.
pub type Space = BTreeMap<String, Distribution>;

/// What values of one key are drawn from, in the words of Optuna and Ray Tune.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Distribution {
    /// A number from `[low, high)`, each equally likely.
    Uniform([f64; 2]),
    /// A number from `[low, high)` whose logarithm is uniform; both above 0.
    LogUniform([f64; 2]),
    /// A whole number from `low` to `high`, both included.
    Int([i64; 2]),
    /// One of these values, each equally likely.
    Choice(Vec<toml::Value>),
}

impl Distribution {
    /// The names that a configuration can give.
    pub const NAMES: [&str; 4] = ["uniform", "log_uniform", "int", "choice"];

    /// Draws a value.
    pub fn draw(&self, rng: &mut Prng) -> toml::Value {
        match self {
            Self::Uniform([low, high]) => toml::Value::Float(rng.random_range(*low..*high)),
            Self::LogUniform([low, high]) => {
                let drawn = rng.random_range(low.ln()..high.ln()).exp();
                // Rounding may lead out of the range.
                toml::Value::Float(drawn.clamp(*low, *high))
            }
            Self::Int([low, high]) => toml::Value::Integer(rng.random_range(*low..=*high)),
            Self::Choice(values) => values[rng.random_range(0..values.len())].clone(),
        }
    }

    /// What is wrong with it, and what is accepted.
    ///
    /// # Errors
    /// A sentence without the place.
    pub fn validate(&self) -> Result<(), String> {
        let refuse = |found: String, accepted: &str| Err(format!("{found}; accepted is {accepted}"));
        match self {
            Self::Uniform([low, high]) if !(low.is_finite() && high.is_finite() && low < high) => {
                refuse(format!("uniform is [{low}, {high}]"), "two finite numbers, the lower one first")
            }
            Self::LogUniform([low, high]) if !(*low > 0.0 && high.is_finite() && low < high) => {
                refuse(format!("log_uniform is [{low}, {high}]"), "two finite numbers above 0, the lower one first")
            }
            Self::Int([low, high]) if low >= high => {
                refuse(format!("int is [{low}, {high}]"), "two whole numbers, the lower one first")
            }
            Self::Choice(values) if values.is_empty() => refuse("choice is empty".to_owned(), "one value or more"),
            _ => Ok(()),
        }
    }

    /// Values of every kind that it draws, to find out whether a configuration takes them: the ends of a range, or all
    /// choices.
    pub fn probes(&self) -> Vec<toml::Value> {
        match self {
            Self::Uniform(ends) | Self::LogUniform(ends) => ends.map(toml::Value::Float).to_vec(),
            Self::Int(ends) => ends.map(toml::Value::Integer).to_vec(),
            Self::Choice(values) => values.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use mec_envs::rng::stream;

    use super::*;

    fn draws(distribution: &Distribution) -> Vec<f64> {
        let mut rng = stream(3, "test");
        let number = |value: toml::Value| match value {
            toml::Value::Integer(value) => value as f64,
            toml::Value::Float(value) => value,
            other => panic!("{other} is no number"),
        };
        (0..4000).map(|_| number(distribution.draw(&mut rng))).collect()
    }

    fn share(draws: &[f64], holds: impl Fn(f64) -> bool) -> f64 {
        draws.iter().filter(|&&value| holds(value)).count() as f64 / draws.len() as f64
    }

    /// Shares of 4000 draws have a standard deviation below 0.008.
    #[test]
    fn draws_have_the_distribution_that_is_named() {
        let uniform = draws(&Distribution::Uniform([2.0, 6.0]));
        assert!(uniform.iter().all(|value| (2.0..6.0).contains(value)));
        assert!((share(&uniform, |value| value < 3.0) - 0.25).abs() < 0.03);
        let log = draws(&Distribution::LogUniform([1e-4, 1e-1]));
        assert!(log.iter().all(|value| (1e-4..=1e-1).contains(value)));
        // One of three decades.
        assert!((share(&log, |value| value < 1e-3) - 1.0 / 3.0).abs() < 0.03);
        let int = draws(&Distribution::Int([-1, 2]));
        for value in [-1.0, 0.0, 1.0, 2.0] {
            assert!((share(&int, |drawn| drawn == value) - 0.25).abs() < 0.03);
        }
        let choice = draws(&Distribution::Choice(vec![toml::Value::Integer(32), toml::Value::Float(0.5)]));
        assert!((share(&choice, |value| value == 32.0) - 0.5).abs() < 0.03);
    }

    #[test]
    fn ranges_that_cannot_be_are_refused_with_what_is_accepted() {
        let refused = [
            (Distribution::Uniform([1.0, 1.0]), "uniform is [1, 1]; accepted is two finite numbers"),
            (Distribution::Uniform([0.0, f64::INFINITY]), "uniform is [0, inf]"),
            (Distribution::Uniform([f64::NAN, 1.0]), "uniform is [NaN, 1]"),
            (Distribution::LogUniform([0.0, 1.0]), "log_uniform is [0, 1]; accepted is two finite numbers above 0"),
            (Distribution::LogUniform([2.0, 1.0]), "log_uniform is [2, 1]"),
            (Distribution::Int([3, 3]), "int is [3, 3]; accepted is two whole numbers, the lower one first"),
            (Distribution::Choice(Vec::new()), "choice is empty; accepted is one value or more"),
        ];
        for (distribution, message) in refused {
            let error = distribution.validate().unwrap_err();
            assert!(error.starts_with(message), "{error}");
        }
        assert_eq!(Distribution::LogUniform([1e-5, 1e-2]).validate(), Ok(()));
    }
}
