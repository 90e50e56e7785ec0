//! [`StudyConfig`]: one TOML file that defines a study completely.

use std::collections::BTreeMap;
use std::path::Path;

use mec_agents::device::DeviceKind;
use mec_agents::runtime::RuntimeConfig;
use mec_envs::offload::Scenario;
use serde::{Deserialize, Serialize};

use crate::changes::{self, Refused};
use crate::config::{
    ComparisonConfig, EvaluationConfig, ExperimentConfig, ExperimentError, resolve_runtime, scenario, validate_runtime,
};
use crate::registry::{AlgorithmConfig, Form};

/// A study: several methods are trained on one scenario with the same seeds, and compared with each other and with
/// schemes that do not learn.
///
/// Fields that are left out take the defaults of an [`ExperimentConfig`], those of a method the values of the study;
/// `Serialize` writes all of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StudyConfig {
    /// Name of the study; also the name of its folder.
    pub name: String,
    /// Seeds of the trainings of every method; at least one.
    pub seeds: Vec<u64>,
    /// What the learners compute on.
    pub device: DeviceKind,
    /// The form of the environment, for methods that do not name their own.
    pub form: Form,
    /// Whether trainings also write event files for TensorBoard; `false` by default.
    pub tensorboard: bool,
    /// How actors and learners run; what a method says of it goes over it, key by key.
    pub runtime: RuntimeConfig,
    /// The episodes on which the agents are judged while they train.
    pub evaluation: EvaluationConfig,
    /// The comparison after the trainings.
    pub comparison: ComparisonConfig,
    /// The methods by their labels, which name them in tables, pictures and folders; one or more.
    pub methods: BTreeMap<String, MethodConfig>,
    /// The scenario: complete, or a `preset` and what differs from it.
    #[serde(deserialize_with = "scenario")]
    pub scenario: Scenario,
}

/// A method of a study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MethodConfig {
    /// The form of the environment; by default the study's.
    #[serde(default)]
    pub form: Form,
    /// How actors and learner run; by default as the study says.
    #[serde(default)]
    pub runtime: RuntimeConfig,
    /// The method.
    pub algorithm: AlgorithmConfig,
}

impl Default for StudyConfig {
    fn default() -> Self {
        let ExperimentConfig {
            name: _,
            seeds,
            device,
            form,
            tensorboard,
            runtime,
            evaluation,
            comparison,
            scenario,
            ..
        } = ExperimentConfig::default();
        let (name, methods) = ("study".to_owned(), BTreeMap::new());
        Self { name, seeds, device, form, tensorboard, runtime, evaluation, comparison, methods, scenario }
    }
}

impl StudyConfig {
    /// Whether a table is the configuration of a study: it names methods.
    pub fn is_in(table: &toml::Table) -> bool {
        table.contains_key("methods")
    }

    /// Parses and validates a configuration, with `changes` (`key.path=value`) put over it; `place` is named in errors.
    ///
    /// # Errors
    /// [`ExperimentError`] names the place and the field.
    pub fn parse(text: &str, place: &str, changes: &[String]) -> Result<Self, ExperimentError> {
        let of_text = |text: &str| {
            // As it is written, to name the lines of mistakes: what methods share goes over tables, which know none.
            toml::from_str::<Self>(text).map_err(|error| error.to_string())?;
            Self::of_table(text.parse().map_err(|error: toml::de::Error| error.to_string())?)
        };
        Ok(changes::read(text, place, changes, of_text, Self::of_table)?)
    }

    pub(crate) fn of_table(mut table: toml::Table) -> Result<Self, String> {
        share(&mut table);
        let mut config: Self = table.try_into().map_err(|error: toml::de::Error| error.to_string())?;
        config.base().validate().map_err(|error| error.to_string())?;
        config.validate().map_err(|error| error.to_string())?;
        for (label, MethodConfig { runtime, .. }) in &mut config.methods {
            resolve_runtime(runtime);
            let fits = validate_runtime(runtime);
            fits.map_err(|error| Refused::at(&format!("methods.{label}"), error).to_string())?;
        }
        Ok(config)
    }

    /// Reads a configuration file, with `changes` put over it.
    ///
    /// # Errors
    /// [`ExperimentError`] names the file and the field.
    pub fn read(path: &Path, changes: &[String]) -> Result<Self, ExperimentError> {
        let text = std::fs::read_to_string(path).map_err(crate::files::FileError::on("read", path))?;
        Self::parse(&text, &path.display().to_string(), changes)
    }

    /// The complete configuration as TOML.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a configuration has only string keys")
    }

    /// The run of one method with these seeds, for the study to compare: it names the schemes that the study does.
    ///
    /// # Panics
    /// When the study has no such method.
    pub fn experiment(&self, label: &str, seeds: &[u64]) -> ExperimentConfig {
        let MethodConfig { form, runtime, algorithm } = self.methods[label].clone();
        ExperimentConfig { name: label.to_owned(), seeds: seeds.to_vec(), form, runtime, algorithm, ..self.base() }
    }

    /// What all experiments of the study share.
    pub(crate) fn base(&self) -> ExperimentConfig {
        let Self { name, seeds, device, form, tensorboard, runtime, evaluation, comparison, methods: _, scenario } =
            self.clone();
        let mut runtime = runtime;
        // Left open here, it is worked out for each method.
        runtime.evaluate_every = runtime.evaluate_every.max(1);
        let algorithm = AlgorithmConfig::default();
        ExperimentConfig {
            name,
            seeds,
            device,
            form,
            tensorboard,
            runtime,
            evaluation,
            comparison,
            algorithm,
            scenario,
        }
    }

    fn validate(&self) -> Result<(), ExperimentError> {
        let refuse = |field, found, accepted| Err(ExperimentError::OutOfRange { field, found, accepted });
        if self.methods.is_empty() {
            return refuse("methods", "empty".to_owned(), "one method or more, such as [methods.dsaco.algorithm]");
        }
        self.comparison.check_names(&self.methods.keys().map(String::as_str).collect::<Vec<_>>())?;
        for label in self.methods.keys() {
            let plain = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
            if label.is_empty() || label.starts_with('-') || !label.chars().all(plain) {
                return refuse(
                    "methods",
                    format!("{label:?}"),
                    "labels of letters, digits, '-' and '_', '-' not first",
                );
            }
            if self.comparison.schemes.contains(label) {
                return refuse(
                    "methods",
                    format!("{label:?}, as a scheme"),
                    "labels that comparison.schemes does not use",
                );
            }
        }
        Ok(())
    }
}

/// Gives every method what it leaves to the study.
fn share(table: &mut toml::Table) {
    let (form, runtime) = (table.get("form").cloned(), table.get("runtime").cloned());
    let methods = table.get_mut("methods").and_then(toml::Value::as_table_mut);
    for method in methods.into_iter().flat_map(|methods| methods.iter_mut().map(|(_, method)| method)) {
        let Some(method) = method.as_table_mut() else { continue };
        let shared = [("form", form.clone()), ("runtime", runtime.clone())];
        let shared = shared.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        let own = std::mem::replace(method, shared.collect());
        changes::merge(method, own);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "
        seeds = [3, 4]
        form = \"box\"
        runtime = { steps = 800, envs = 2 }
        [methods.dsaco.algorithm]
        name = \"dsaco\"
        [methods.floor]
        form = \"task\"
        runtime = { steps = 100 }
        algorithm = { name = \"uniform\" }
    ";

    #[test]
    fn methods_take_what_they_do_not_say_from_the_study() {
        let study = StudyConfig::parse(TWO, "two.toml", &["runtime.round=3".to_owned()]).unwrap();
        let of = |label| {
            let ExperimentConfig { name, seeds, form, runtime, .. } = study.experiment(label, &[4]);
            (name, seeds, form, [runtime.steps, runtime.envs as u64, runtime.round as u64, runtime.evaluate_every])
        };
        assert_eq!(of("dsaco"), ("dsaco".to_owned(), vec![4], Form::Box, [800, 2, 3, 40]));
        assert_eq!(of("floor"), ("floor".to_owned(), vec![4], Form::Task, [100, 2, 3, 5]));
        let experiment = ExperimentConfig::parse("", "empty", &[]).unwrap();
        assert_eq!(study.experiment("floor", &[1]).scenario, experiment.scenario);
    }

    #[test]
    fn a_study_survives_a_round_trip() {
        let study = StudyConfig::parse(TWO, "two.toml", &[]).unwrap();
        assert_eq!(StudyConfig::parse(&study.to_toml(), "again", &[]).unwrap(), study);
    }

    #[test]
    fn a_change_of_one_method_goes_over_what_it_says_and_leaves_the_others() {
        let changes = ["methods.floor.runtime.steps=70", "methods.dsaco.algorithm.gamma=0.5"].map(str::to_owned);
        let (study, before) = (StudyConfig::parse(TWO, "", &changes), StudyConfig::parse(TWO, "", &[]));
        let (study, before) = (study.unwrap(), before.unwrap());
        assert_eq!(study.methods["floor"].runtime.steps, 70);
        assert_eq!(study.methods["dsaco"].runtime, before.methods["dsaco"].runtime);
        assert_ne!(study.methods["dsaco"].algorithm, before.methods["dsaco"].algorithm);
    }
}
