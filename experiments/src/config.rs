//! [`ExperimentConfig`]: one TOML file that defines a run completely.

use std::path::{Path, PathBuf};

use mec_agents::agent::ConfigError;
use mec_agents::device::DeviceKind;
use mec_agents::runtime::RuntimeConfig;
use mec_envs::offload::{Scenario, ScenarioError};
use mec_envs::schemes::{Scheme, UnknownScheme};
use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

use crate::files::FileError;
use crate::registry::{AlgorithmConfig, Form};

/// The configuration of the main job, `configs/default.toml`.
pub const DEFAULT: &str = include_str!("../configs/default.toml");

/// A run: a method is trained on a scenario and compared with schemes that do not learn.
///
/// Fields that are left out take their defaults; `Serialize` writes all of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExperimentConfig {
    /// Name of the run; also the name of its folder.
    pub name: String,
    /// Seeds of the trainings, one after another; at least one.
    pub seeds: Vec<u64>,
    /// What the learner computes on.
    pub device: DeviceKind,
    /// The form of the environment.
    pub form: Form,
    /// How actors and learner run.
    pub runtime: RuntimeConfig,
    /// The episodes on which the agent is judged while it trains.
    pub evaluation: EvaluationConfig,
    /// The comparison after the training.
    pub comparison: ComparisonConfig,
    /// The method.
    pub algorithm: AlgorithmConfig,
    /// The scenario: complete, or a `preset` and what differs from it.
    #[serde(deserialize_with = "scenario")]
    pub scenario: Scenario,
}

/// Held-out episodes during training: the best agent is chosen on them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluationConfig {
    /// How many; they are evaluated every `runtime.evaluate_every` steps.
    pub episodes: u64,
    /// Seed of the first one; the others follow.
    pub first_seed: u64,
}

impl Default for EvaluationConfig {
    fn default() -> Self {
        Self { episodes: 4, first_seed: 1_000_000 }
    }
}

/// The comparison on episodes that no training and no choice has seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ComparisonConfig {
    /// How many episodes, the same for everybody.
    pub episodes: u64,
    /// Seed of the first one; the others follow.
    pub first_seed: u64,
    /// Names of the schemes to compare with.
    pub schemes: Vec<String>,
}

impl Default for ComparisonConfig {
    fn default() -> Self {
        let schemes = Scheme::ALL.map(|scheme| scheme.name().to_owned()).to_vec();
        Self { episodes: 10, first_seed: 2_000_000, schemes }
    }
}

impl Default for ExperimentConfig {
    fn default() -> Self {
        Self {
            name: "experiment".to_owned(),
            seeds: vec![1],
            device: DeviceKind::default(),
            form: Form::default(),
            runtime: RuntimeConfig::default(),
            evaluation: EvaluationConfig::default(),
            comparison: ComparisonConfig::default(),
            algorithm: AlgorithmConfig::default(),
            scenario: Scenario::default(),
        }
    }
}

fn scenario<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Scenario, D::Error> {
    let table = toml::Table::deserialize(deserializer)?;
    Scenario::from_table(table).map_err(serde::de::Error::custom)
}

/// Why a configuration cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExperimentError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is no TOML, or a field is unknown or of the wrong kind.
    #[error("{place}: {message}")]
    Malformed {
        /// The file, or the option of the command line.
        place: String,
        /// What is wrong, where, and what is accepted.
        message: String,
    },
    /// A value of the experiment itself is out of range.
    #[error("{field} is {found}; accepted is {accepted}")]
    OutOfRange {
        /// The field.
        field: &'static str,
        /// Its value.
        found: String,
        /// What is accepted.
        accepted: &'static str,
    },
    /// A value of the method or the runtime is out of range.
    #[error(transparent)]
    Agent(#[from] ConfigError),
    /// A value of the scenario is out of range.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// No such scheme.
    #[error("comparison.schemes: {0}")]
    Scheme(#[from] UnknownScheme),
}

impl ExperimentConfig {
    /// Reads a configuration file, with `changes` (`key.path=value`) put over it.
    ///
    /// # Errors
    /// [`ExperimentError`] names the file and the field.
    pub fn read(path: &Path, changes: &[String]) -> Result<Self, ExperimentError> {
        let text = std::fs::read_to_string(path).map_err(FileError::on("read", path))?;
        Self::parse(&text, &path.display().to_string(), changes)
    }

    /// The configuration of the main job, with `changes` put over it.
    ///
    /// # Errors
    /// [`ExperimentError`] names the change and the field.
    pub fn main_job(changes: &[String]) -> Result<Self, ExperimentError> {
        Self::parse(DEFAULT, "configs/default.toml", changes)
    }

    /// Parses and validates a configuration; `place` is named in errors.
    ///
    /// # Errors
    /// [`ExperimentError`] names the place and the field.
    pub fn parse(text: &str, place: &str, changes: &[String]) -> Result<Self, ExperimentError> {
        let malformed = |message: String| ExperimentError::Malformed { place: place.to_owned(), message };
        let mut table: toml::Table = text.parse().map_err(|error: toml::de::Error| malformed(error.to_string()))?;
        for change in changes {
            set(&mut table, change)?;
        }
        let changed = toml::to_string(&table).map_err(|error| malformed(error.to_string()))?;
        let config: Self = toml::from_str(&changed).map_err(|error| malformed(error.to_string()))?;
        config.validate()?;
        Ok(config)
    }

    /// The complete configuration as TOML.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a configuration has only string keys")
    }

    /// The folder of its run under `results/`: its name, with the first free number behind it if that is taken.
    pub fn free_folder(&self) -> PathBuf {
        let folder = |name: &str| Path::new("results").join(name);
        let numbered = (2_u64..).map(|number| folder(&format!("{}-{number}", self.name)));
        let free = std::iter::once(folder(&self.name)).chain(numbered).find(|path| !path.exists());
        free.expect("the numbers do not end")
    }

    /// The schemes of the comparison.
    ///
    /// # Errors
    /// [`ExperimentError::Scheme`] for an unknown name.
    pub fn schemes(&self) -> Result<Vec<Scheme>, ExperimentError> {
        self.comparison.schemes.iter().map(|name| Ok(Scheme::named(name)?)).collect()
    }

    /// Refuses values out of range.
    ///
    /// # Errors
    /// [`ExperimentError`] names the field.
    pub fn validate(&self) -> Result<(), ExperimentError> {
        let plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
        let named = !self.name.is_empty() && !self.name.starts_with('.') && self.name.chars().all(plain);
        check(named, "name", format!("{:?}", self.name), "letters, digits, '-', '_' and '.', not first")?;
        check(!self.seeds.is_empty(), "seeds", "empty", "one seed or more")?;
        let distinct = self.seeds.iter().enumerate().all(|(index, seed)| !self.seeds[..index].contains(seed));
        check(distinct, "seeds", format!("{:?}", self.seeds), "different seeds")?;
        check(self.runtime.steps > 0, "runtime.steps", self.runtime.steps, "1 or more")?;
        check(self.runtime.progress_every > 0, "runtime.progress_every", self.runtime.progress_every, "1 or more")?;
        check(self.runtime.evaluate_every > 0, "runtime.evaluate_every", self.runtime.evaluate_every, "1 or more")?;
        check(self.evaluation.episodes > 0, "evaluation.episodes", 0, "1 or more")?;
        check(self.comparison.episodes > 0, "comparison.episodes", 0, "1 or more")?;
        let end = self.evaluation.first_seed.saturating_add(self.evaluation.episodes);
        let other_end = self.comparison.first_seed.saturating_add(self.comparison.episodes);
        let apart = end <= self.comparison.first_seed || other_end <= self.evaluation.first_seed;
        check(apart, "comparison.first_seed", self.comparison.first_seed, "seeds that no evaluation uses")?;
        self.runtime.validate()?;
        self.scenario.validate()?;
        self.schemes().map(|_| ())
    }
}

fn check(
    holds: bool,
    field: &'static str,
    found: impl ToString,
    accepted: &'static str,
) -> Result<(), ExperimentError> {
    if holds { Ok(()) } else { Err(ExperimentError::OutOfRange { field, found: found.to_string(), accepted }) }
}

/// Puts `key.path=value` into a table; the value is TOML, or else a string.
fn set(table: &mut toml::Table, change: &str) -> Result<(), ExperimentError> {
    let malformed =
        |message: &str| ExperimentError::Malformed { place: format!("--set {change}"), message: message.to_owned() };
    let (path, value) = change.split_once('=').ok_or_else(|| malformed("accepted is key=value"))?;
    let text = value.trim();
    let parsed = format!("value = {text}").parse::<toml::Table>().ok().and_then(|mut table| table.remove("value"));
    let value = parsed.unwrap_or_else(|| toml::Value::String(text.to_owned()));
    let mut keys: Vec<&str> = path.trim().split('.').collect();
    let last = keys.pop().filter(|key| !key.is_empty()).ok_or_else(|| malformed("the key is empty"))?;
    let mut place = table;
    for key in keys {
        let entry = place.entry(key).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        place = entry.as_table_mut().ok_or_else(|| malformed(&format!("{key} is a value, not a table")))?;
    }
    place.insert(last.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(changes: &[&str]) -> Result<ExperimentConfig, ExperimentError> {
        ExperimentConfig::main_job(&changes.iter().map(|change| (*change).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_main_job_is_valid_and_survives_a_round_trip() {
        let config = with(&[]).unwrap();
        assert!(config.scenario.models.len() >= 8);
        assert_eq!(ExperimentConfig::parse(&config.to_toml(), "again", &[]).unwrap(), config);
    }

    #[test]
    fn changes_go_over_the_file() {
        let config =
            with(&["runtime.steps=123", "scenario.telemetry.delay_s=0.5", "name=other", "seeds=[3, 4]"]).unwrap();
        assert_eq!((config.runtime.steps, config.name.as_str(), config.seeds), (123, "other", vec![3, 4]));
        assert_eq!(config.scenario.telemetry.delay_s.0, 0.5);
    }

    #[test]
    fn mistakes_are_refused_with_place_and_what_is_accepted() {
        let refused = [
            ("runtime.stepz=3", "stepz"),
            ("algorithm.gama=0.9", "gamma"),
            ("algorithm.name=dsac", "dsaco"),
            ("scenario.horizon_s=0", "horizon_s"),
            ("scenario.servers=[]", "servers"),
            ("scenario.preset=moon", "moon"),
            ("seeds=[]", "seeds"),
            ("seeds=[1, 1]", "seeds"),
            ("name=../up", "name"),
            ("comparison.schemes=['nearst']", "nearest"),
            ("comparison.first_seed=1000001", "comparison.first_seed"),
            ("runtime.actors=0", "runtime.actors"),
            ("runtime=3", "runtime"),
            ("runtime", "key=value"),
        ];
        for (change, part) in refused {
            let message = with(&[change]).expect_err(change).to_string();
            assert!(message.contains(part), "{change}: {message}");
        }
    }
}
