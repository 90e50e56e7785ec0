//! [`ExperimentConfig`]: one TOML file that defines a run completely.

use std::path::Path;

use mec_agents::agent::ConfigError;
use mec_agents::device::DeviceKind;
use mec_agents::runtime::RuntimeConfig;
use mec_envs::offload::{Scenario, ScenarioError};
use mec_envs::schemes::{Scheme, UnknownScheme};
use mec_envs::trace::Split;
use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

use crate::changes::{self, Refused};
use crate::files::FileError;
use crate::registry::{AlgorithmConfig, Form};

/// The configuration of the main job, `configs/default.toml`.
pub const DEFAULT: &str = include_str!("../configs/default.toml");

/// Evaluations of a training that does not say how often.
const EVALUATIONS: u64 = 20;

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
    /// Whether trainings also write event files for TensorBoard; `false` by default.
    pub tensorboard: bool,
    /// How actors and learner run. `evaluate_every = 0`, which is its default, stands for a 20th of the steps.
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
    /// Which part of the scenario's recordings is played in them, for example `test` after training on `train`; without it
    /// the scenario's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// Names of the schemes to compare with. Those with numbers take `tuned` in their place: the best numbers for the
    /// scenario are then looked for when a run begins, and stand in its configuration.
    pub schemes: Vec<String>,
    /// Whom everybody is held against on the same episodes: one of the schemes or methods; without it nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    /// What the optimality gap is measured to: one of the schemes or methods; without it there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

impl ComparisonConfig {
    /// Refuses a baseline or a target that is neither a scheme of the comparison nor one of the `methods`.
    pub(crate) fn check_names(&self, methods: &[&str]) -> Result<(), ExperimentError> {
        let names = [("comparison.baseline", &self.baseline), ("comparison.target", &self.target)];
        for (field, name) in names.into_iter().filter_map(|(field, name)| Some((field, name.as_ref()?))) {
            let known = self.schemes.contains(name) || methods.contains(&name.as_str());
            check(known, field, format!("{name:?}"), "a method, or one of comparison.schemes")?;
        }
        Ok(())
    }
}

impl Default for ComparisonConfig {
    fn default() -> Self {
        let schemes = Scheme::ALL.map(|scheme| scheme.name().to_owned()).to_vec();
        Self { episodes: 10, first_seed: 2_000_000, split: None, schemes, baseline: None, target: None }
    }
}

impl Default for ExperimentConfig {
    fn default() -> Self {
        let runtime = RuntimeConfig::default();
        Self {
            name: "experiment".to_owned(),
            seeds: vec![1],
            device: DeviceKind::default(),
            form: Form::default(),
            tensorboard: false,
            runtime: RuntimeConfig { evaluate_every: runtime.steps / EVALUATIONS, ..runtime },
            evaluation: EvaluationConfig::default(),
            comparison: ComparisonConfig::default(),
            algorithm: AlgorithmConfig::default(),
            scenario: Scenario::default(),
        }
    }
}

/// A scenario as a configuration has it: complete, or a preset with what differs from it.
pub(crate) fn scenario<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Scenario, D::Error> {
    let table = toml::Table::deserialize(deserializer)?;
    let hint = if table.contains_key("preset") { "" } else { "; or name a preset, such as preset = \"default\"" };
    Scenario::from_table(table).map_err(|error| match error {
        ScenarioError::Malformed(message) => {
            let hint = if message.contains("missing field") { hint } else { "" };
            serde::de::Error::custom(format!("scenario: {}{hint}", message.trim_end()))
        }
        other => serde::de::Error::custom(other),
    })
}

/// Why a configuration cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExperimentError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is no TOML, or a field is unknown, of the wrong kind or out of range.
    #[error(transparent)]
    Refused(#[from] Refused),
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
    #[error("comparison.schemes: {0}; \"tuned\" in place of numbers chooses them for the scenario")]
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
        let of_text = |text: &str| {
            let config: Self = toml::from_str(text).map_err(|error| error.to_string())?;
            config.resolved().map_err(|error| error.to_string())
        };
        Ok(changes::read(text, place, changes, of_text, Self::of_table)?)
    }

    /// The configuration in a table; what is wrong with it has no place yet.
    pub(crate) fn of_table(table: toml::Table) -> Result<Self, String> {
        let config: Self = table.try_into().map_err(|error: toml::de::Error| error.to_string())?;
        config.resolved().map_err(|error| error.to_string())
    }

    /// With what depends on other values filled in, and validated.
    fn resolved(mut self) -> Result<Self, ExperimentError> {
        resolve_runtime(&mut self.runtime);
        self.validate()?;
        self.comparison.check_names(&[self.algorithm.name()]).map(|()| self)
    }

    /// The complete configuration as TOML.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a configuration has only string keys")
    }

    /// The scenario of the comparison: that of the training, with the comparison's part of its recordings.
    pub fn compared_scenario(&self) -> Scenario {
        let mut scenario = self.scenario.clone();
        scenario.recordings.split = self.comparison.split.unwrap_or(scenario.recordings.split);
        scenario
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
        let storable = self.seeds.iter().all(|seed| i64::try_from(*seed).is_ok());
        check(storable, "seeds", format!("{:?}", self.seeds), "seeds below 2^63")?;
        validate_runtime(&self.runtime)?;
        check(self.evaluation.episodes > 0, "evaluation.episodes", 0, "1 or more")?;
        check(self.comparison.episodes > 0, "comparison.episodes", 0, "1 or more")?;
        let end = self.evaluation.first_seed.saturating_add(self.evaluation.episodes);
        let other_end = self.comparison.first_seed.saturating_add(self.comparison.episodes);
        let apart = end <= self.comparison.first_seed || other_end <= self.evaluation.first_seed;
        let found = format!("{} with {} episodes", self.comparison.first_seed, self.comparison.episodes);
        check(apart, "comparison.first_seed", found, "seeds that `evaluation` does not use")?;
        let schemes = &self.comparison.schemes;
        let distinct = schemes.iter().enumerate().all(|(index, name)| !schemes[..index].contains(name));
        check(distinct, "comparison.schemes", format!("{schemes:?}"), "different schemes")?;
        self.scenario.validate()?;
        let fixed = schemes.iter().filter(|name| scheme_to_tune(name).is_none());
        fixed.map(|name| Ok(Scheme::named(name)?)).collect::<Result<Vec<_>, _>>().map(|_| ())
    }
}

/// The scheme of `NAME=tuned`, with numbers of no meaning; `None` for every other name.
pub(crate) fn scheme_to_tune(name: &str) -> Option<Scheme> {
    let scheme = Scheme::named(name.strip_suffix("=tuned")?).ok()?;
    (!scheme.candidates().is_empty()).then_some(scheme)
}

/// Fills in what depends on other values of a runtime.
pub(crate) fn resolve_runtime(runtime: &mut RuntimeConfig) {
    if runtime.evaluate_every == 0 {
        runtime.evaluate_every = (runtime.steps / EVALUATIONS).max(1);
    }
}

/// Refuses values of a runtime that no run can have.
pub(crate) fn validate_runtime(runtime: &RuntimeConfig) -> Result<(), ExperimentError> {
    check(runtime.steps > 0, "runtime.steps", runtime.steps, "1 or more")?;
    check(runtime.progress_every > 0, "runtime.progress_every", runtime.progress_every, "1 or more")?;
    check(runtime.evaluate_every > 0, "runtime.evaluate_every", runtime.evaluate_every, "1 or more")?;
    Ok(runtime.validate()?)
}

/// Refuses the value of `field` unless `holds`.
pub(crate) fn check(
    holds: bool,
    field: &'static str,
    found: impl ToString,
    accepted: &'static str,
) -> Result<(), ExperimentError> {
    if holds { Ok(()) } else { Err(ExperimentError::OutOfRange { field, found: found.to_string(), accepted }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(changes: &[&str]) -> Result<ExperimentConfig, ExperimentError> {
        ExperimentConfig::main_job(&changes.iter().map(|change| (*change).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn agents_are_compared_on_the_part_of_recordings_that_the_comparison_names() {
        let campus = "scenario.recordings.split=train";
        assert_eq!(with(&[campus]).unwrap().compared_scenario().recordings.split, Split::Train);
        let config = with(&[campus, "comparison.split=test"]).unwrap();
        assert_eq!(config.scenario.recordings.split, Split::Train);
        assert_eq!(config.compared_scenario().recordings.split, Split::Test);
        assert!(with(&["comparison.split=some"]).is_err());
    }

    #[test]
    fn the_main_job_is_valid_and_survives_a_round_trip() {
        let config = with(&[]).unwrap();
        assert!(config.scenario.models.len() >= 8);
        assert_eq!(ExperimentConfig::parse(&config.to_toml(), "again", &[]).unwrap(), config);
    }

    #[test]
    fn everything_can_be_left_out() {
        let config = ExperimentConfig::parse("", "empty", &[]).unwrap();
        assert_eq!(config, ExperimentConfig::default());
        assert_eq!(config.runtime.evaluate_every, config.runtime.steps / 20);
        assert_eq!(ExperimentConfig::parse("runtime.steps = 100", "short", &[]).unwrap().runtime.evaluate_every, 5);
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
            ("comparison.schemes=['nearest', 'nearest']", "different schemes"),
            ("comparison.baseline=dsac", "\"dsac\"; accepted is a method, or one of comparison.schemes"),
            ("comparison.target=power-of-three", "comparison.target"),
            ("comparison.first_seed=1000001", "comparison.first_seed"),
            ("runtime.actors=0", "runtime.actors"),
            ("runtime.actors=5000", "1 to 1024"),
            ("runtime..steps=3", "key is empty"),
            ("=3", "key is empty"),
            ("scenario={}", "preset = \"default\""),
            ("runtime=3", "runtime"),
            ("runtime", "key=value"),
        ];
        for (change, part) in refused {
            let message = with(&[change]).expect_err(change).to_string();
            assert!(message.contains(part) && message.contains(&format!("--set {change}")), "{change}: {message}");
        }
    }

    #[test]
    fn the_culprit_is_named_the_file_with_its_line_or_the_change() {
        let parse = |text: &str, changes: &[&str]| {
            let changes: Vec<String> = changes.iter().map(|change| (*change).to_owned()).collect();
            ExperimentConfig::parse(text, "my.toml", &changes).unwrap_err().to_string()
        };
        let wrong = "name = \"x\"\n\n# why\n[runtime]\nsteps = \"many\"\n";
        assert!(
            parse(wrong, &[]).starts_with("my.toml: TOML parse error at line 5, column 9"),
            "{}",
            parse(wrong, &[])
        );
        assert!(parse(wrong, &["name=y"]).starts_with("my.toml: TOML parse error at line 5"));
        assert!(parse("runtime.steps = 0", &[]).starts_with("my.toml: runtime.steps is 0; accepted is 1 or more"));
        let second = parse("runtime.steps = 9", &["name=y", "runtime.steps=many", "seeds=[2]"]);
        assert_eq!(second, "--set runtime.steps=many: invalid type: string \"many\", expected u64 in `runtime.steps`");
        let fixed = ExperimentConfig::parse(wrong, "my.toml", &["runtime.steps=7".to_owned()]).unwrap();
        assert_eq!(fixed.runtime.steps, 7);
    }
}
