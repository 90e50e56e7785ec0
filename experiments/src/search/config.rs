//! [`SearchConfig`]: one TOML file that defines a search for hyperparameters completely.

use std::fs;
use std::path::Path;

use mec_agents::runtime::RuntimeConfig;
use mec_envs::rng::stream;
use serde::{Deserialize, Serialize};

use super::space::{Distribution, Space};
use super::trial::Trial;
use crate::changes::{self, Refused};
use crate::config::{ExperimentConfig, ExperimentError, check, validate_runtime};
use crate::files::FileError;
use crate::registry::AlgorithmConfig;

/// Most trials of a search: each has a folder.
const MOST_TRIALS: usize = 10_000;

/// A search: which values of a space suit an experiment best.
///
/// In TOML, the keys of the experiment stand beside `[tune]` and `[space]`; with `base = "FILE"`, those of that file are
/// under them. [`to_toml`](Self::to_toml) writes all of them, without a base.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchConfig {
    /// How to search.
    pub tune: TuneConfig,
    /// The values to try.
    pub space: Space,
    /// What is trained: trial 0 as it is, all others with values of the space over it. Its `runtime.steps` are the most
    /// that a trial is trained, with each of its `seeds`.
    pub experiment: ExperimentConfig,
}

/// How to search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TuneConfig {
    /// How the budget is spent on trials; `random` by default.
    pub method: SearchMethod,
    /// Trials, that of the experiment as it is included; 2 to 10000, 16 by default.
    pub trials: usize,
    /// `halving`: one trial of so many goes on to the next rung, with so many times the steps; 2 to 1000, 3 by default.
    pub eta: u32,
    /// `halving`: environment steps of each training on the first rung, at the least; `runtime.evaluate_every` to
    /// `runtime.steps`, where 0, the default, stands for `runtime.evaluate_every`.
    pub min_steps: u64,
    /// Seed of the draws; 0 by default.
    pub seed: u64,
}

/// How the budget of a search is spent on trials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchMethod {
    /// Every trial is trained to the end.
    #[default]
    Random,
    /// Successive halving: every trial is trained a little, the best ones more, and so on.
    Halving,
}

impl Default for TuneConfig {
    fn default() -> Self {
        Self { method: SearchMethod::Random, trials: 16, eta: 3, min_steps: 0, seed: 0 }
    }
}

/// The part of a search that an experiment does not have.
#[derive(Serialize)]
struct Own<'a> {
    tune: &'a TuneConfig,
    space: &'a Space,
}

/// The part of an experiment that values of a space go over.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tuned {
    algorithm: AlgorithmConfig,
    runtime: RuntimeConfig,
}

impl SearchConfig {
    /// Whether a table is the configuration of a search.
    pub fn is_in(table: &toml::Table) -> bool {
        table.contains_key("tune") || table.contains_key("space")
    }

    /// Reads a configuration file, with `changes` (`key.path=value`) put over it.
    ///
    /// # Errors
    /// [`ExperimentError`] names the file and the field.
    pub fn read(path: &Path, changes: &[String]) -> Result<Self, ExperimentError> {
        let text = fs::read_to_string(path).map_err(FileError::on("read", path))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, &path.display().to_string(), folder, changes)
    }

    /// Parses and validates a configuration; `place` is named in errors, and `base` is looked for in `folder`.
    ///
    /// # Errors
    /// [`ExperimentError`] names the place and the field.
    pub fn parse(text: &str, place: &str, folder: &Path, changes: &[String]) -> Result<Self, ExperimentError> {
        let of_table = |table| Self::of_table(table, folder);
        let of_text = |text: &str| of_table(text.parse().map_err(|error: toml::de::Error| error.to_string())?);
        Ok(changes::read(text, place, changes, of_text, of_table)?)
    }

    fn of_table(mut table: toml::Table, folder: &Path) -> Result<Self, String> {
        let mut tune: TuneConfig = match table.remove("tune") {
            Some(tune) => tune.try_into().map_err(|error| at("tune", error))?,
            None => TuneConfig::default(),
        };
        let space = space(table.remove("space"))?;
        let experiment = match table.remove("base") {
            // Alone first, so that its own mistakes are said with its name and its lines.
            Some(base) => changes::over_base(&base, folder, table, |text, place| {
                ExperimentConfig::parse(text, place, &[]).map(drop).map_err(|error| error.to_string())
            })?,
            None => table,
        };
        let experiment = ExperimentConfig::of_table(experiment)?;
        if tune.min_steps == 0 {
            tune.min_steps = experiment.runtime.evaluate_every.min(experiment.runtime.steps);
        }
        let config = Self { tune, space, experiment };
        config.validate().map_err(|error| error.to_string())?;
        for (key, distribution) in &config.space {
            for value in distribution.probes() {
                let changed = config.changed(&[(key.clone(), value)]);
                changed.map_err(|message| at(&format!("space.\"{key}\""), message))?;
            }
        }
        Ok(config)
    }

    fn validate(&self) -> Result<(), ExperimentError> {
        let (tune, runtime) = (&self.tune, &self.experiment.runtime);
        check((2..=MOST_TRIALS).contains(&tune.trials), "tune.trials", tune.trials, "2 to 10000")?;
        check((2..=1000).contains(&tune.eta), "tune.eta", tune.eta, "2 to 1000")?;
        check(i64::try_from(tune.seed).is_ok(), "tune.seed", tune.seed, "0 to 2^63 - 1")?;
        let enough = (runtime.evaluate_every.min(runtime.steps)..=runtime.steps).contains(&tune.min_steps);
        check(enough, "tune.min_steps", tune.min_steps, "runtime.evaluate_every to runtime.steps")?;
        check(!self.space.is_empty(), "space", "empty", "one key or more, such as \"algorithm.gamma\"")
    }

    /// The experiment with these values over it; whether they fit the environment is not known yet.
    fn changed(&self, settings: &[(String, toml::Value)]) -> Result<ExperimentConfig, String> {
        let mut table = self.tuned();
        for (key, value) in settings {
            let keys: Vec<&str> = key.split('.').collect();
            let put = changes::put(&mut table, &keys, value.clone());
            put.map_err(|key| format!("{key} is a value, not a table"))?;
        }
        let tuned: Tuned = table.try_into().map_err(|error: toml::de::Error| error.to_string())?;
        validate_runtime(&tuned.runtime).map_err(|error| error.to_string())?;
        let Tuned { algorithm, runtime } = tuned;
        Ok(ExperimentConfig { algorithm, runtime, ..self.experiment.clone() })
    }

    /// The part of the experiment that values go over.
    fn tuned(&self) -> toml::Table {
        let ExperimentConfig { algorithm, runtime, .. } = self.experiment.clone();
        toml::Table::try_from(Tuned { algorithm, runtime }).expect("a configuration has only string keys")
    }

    /// All trials: the experiment as it is, then draws. What a trial draws depends on the seed of the search and its own
    /// number alone.
    ///
    /// # Errors
    /// [`ExperimentError::Refused`] for values that cannot be together.
    pub fn trials(&self) -> Result<Vec<Trial>, ExperimentError> {
        let trial = |number: usize| {
            let mut rng = stream(self.tune.seed, &format!("tune/{number}"));
            let settings: Vec<(String, toml::Value)> = match number {
                0 => Vec::new(),
                _ => self.space.iter().map(|(key, values)| (key.clone(), values.draw(&mut rng))).collect(),
            };
            let config = self.changed(&settings).map_err(|message| Refused::at(&format!("trial {number}"), message))?;
            Ok(Trial { number, settings, config })
        };
        (0..self.tune.trials).map(trial).collect()
    }

    /// The value of a key in the experiment as it is; `None` where it is left open.
    pub fn base_value(&self, key: &str) -> Option<toml::Value> {
        let table = toml::Value::Table(self.tuned());
        key.split('.').try_fold(&table, |place, key| place.get(key)).cloned()
    }

    /// The complete configuration as TOML.
    pub fn to_toml(&self) -> String {
        let own = Own { tune: &self.tune, space: &self.space };
        let own = toml::to_string(&own).expect("a configuration has only string keys");
        format!("{}\n{own}", self.experiment.to_toml())
    }
}

fn at(place: &str, message: impl ToString) -> String {
    Refused::at(place, message).to_string()
}

/// The space of a table, whose keys may be written `"algorithm.gamma"` or as nested tables.
fn space(value: Option<toml::Value>) -> Result<Space, String> {
    let mut space = Space::new();
    match value {
        None => {}
        Some(toml::Value::Table(table)) => collect("", table, &mut space)?,
        Some(other) => return Err(at("space", format!("found {other}; accepted is a table"))),
    }
    Ok(space)
}

fn collect(path: &str, table: toml::Table, space: &mut Space) -> Result<(), String> {
    for (key, value) in table {
        let path = if path.is_empty() { key } else { format!("{path}.{key}") };
        let place = format!("space.\"{path}\"");
        let accepted = format!("one of {}, such as {{ uniform = [0, 1] }}", Distribution::NAMES.join(", "));
        match value {
            toml::Value::Table(inner) if inner.keys().any(|key| Distribution::NAMES.contains(&key.as_str())) => {
                let read: Result<Distribution, _> = inner.try_into();
                let distribution = read.map_err(|error| at(&place, error))?;
                distribution.validate().map_err(|message| at(&place, message))?;
                check_key(&path).map_err(|message| at(&place, message))?;
                if space.insert(path, distribution).is_some() {
                    return Err(at(&place, "given twice; accepted is either the key in quotes or nested tables"));
                }
            }
            toml::Value::Table(inner) if inner.values().any(toml::Value::is_table) => {
                collect(&path, inner, space)?;
            }
            other => return Err(at(&place, format!("found {other}; accepted is {accepted}"))),
        }
    }
    Ok(())
}

/// Refuses keys that make trials incomparable.
fn check_key(path: &str) -> Result<(), &'static str> {
    let of_method = path.starts_with("algorithm.") || path.starts_with("runtime.");
    let counted = ["runtime.steps", "runtime.evaluate_every"].contains(&path);
    if of_method && !counted {
        return Ok(());
    }
    Err("all trials have the same budget and the same task; accepted are keys below algorithm and runtime, except \
        runtime.steps and runtime.evaluate_every")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "
        [tune]
        trials = 4
        [space]
        \"algorithm.actor_lr\" = { log_uniform = [1e-4, 1e-2] }
        algorithm.gamma = { choice = [0.5, 0.9] }
        algorithm.body.hidden = { choice = [[16, 16], [32]] }
        runtime.envs = { int = [2, 4] }
    ";

    fn parse(text: &str, changes: &[&str]) -> Result<SearchConfig, ExperimentError> {
        let changes: Vec<String> = changes.iter().map(|change| (*change).to_owned()).collect();
        SearchConfig::parse(text, "search.toml", Path::new(""), &changes)
    }

    #[test]
    fn a_search_survives_a_round_trip_and_keys_may_be_quoted_or_nested() {
        let config = parse(SMALL, &["runtime.steps=700", "tune.method=halving"]).unwrap();
        let keys: Vec<&str> = config.space.keys().map(String::as_str).collect();
        assert_eq!(keys, ["algorithm.actor_lr", "algorithm.body.hidden", "algorithm.gamma", "runtime.envs"]);
        assert_eq!((config.experiment.runtime.evaluate_every, config.tune.min_steps), (35, 35));
        assert_eq!(parse(&config.to_toml(), &[]).unwrap(), config);
    }

    #[test]
    fn trials_are_draws_by_number_and_the_first_is_the_experiment_itself() {
        let four = parse(SMALL, &[]).unwrap().trials().unwrap();
        let six = parse(SMALL, &["tune.trials=6"]).unwrap().trials().unwrap();
        assert_eq!(four[..], six[..4], "more trials change none");
        assert_eq!((four[0].settings.len(), &four[0].config), (0, &ExperimentConfig::default()));
        assert_ne!(four[1].settings, four[2].settings);
        assert_eq!(four[1].settings.len(), 4);
        let other = parse(SMALL, &["tune.seed=1"]).unwrap().trials().unwrap();
        assert_ne!(other[1].settings, four[1].settings);
    }

    #[test]
    fn a_base_lies_beside_the_file_and_under_it() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("base.toml"), "seeds = [4]\n[runtime]\nsteps = 900\nenvs = 3\n").unwrap();
        let file = home.path().join("search.toml");
        let own = "base = \"base.toml\"\n[runtime]\nenvs = 2\n[space]\nalgorithm.gamma = { uniform = [0.1, 0.2] }\n";
        fs::write(&file, own).unwrap();
        let config = SearchConfig::read(&file, &["seeds=[5]".to_owned()]).unwrap();
        let ExperimentConfig { seeds, runtime, .. } = config.experiment;
        assert_eq!((seeds, runtime.steps, runtime.envs), (vec![5], 900, 2));
        fs::write(home.path().join("base.toml"), "[runtime]\nstepz = 1\n").unwrap();
        let error = SearchConfig::read(&file, &[]).unwrap_err().to_string();
        for part in ["search.toml: base: ", "base.toml: ", "line 2", "stepz", "`steps`"] {
            assert!(error.contains(part), "{error}");
        }
        fs::remove_file(home.path().join("base.toml")).unwrap();
        let error = SearchConfig::read(&file, &[]).unwrap_err().to_string();
        assert!(error.contains("base: cannot read") && error.contains("base.toml"), "{error}");
    }

    #[test]
    fn mistakes_are_refused_with_place_found_and_accepted() {
        let refused: &[(&str, &[&str])] = &[
            ("space.algorithm.gama={uniform=[0, 1]}", &["space.\"algorithm.gama\"", "`gama`", "`gamma`"]),
            ("space.algorithm.gamma={uniform=[1, 0]}", &["space.\"algorithm.gamma\"", "uniform is [1, 0]", "lower"]),
            ("space.algorithm.gamma={log_uniform=[0, 1]}", &["log_uniform is [0, 1]", "above 0"]),
            ("space.algorithm.gamma={normal=[0, 1]}", &["space.\"algorithm.gamma\"", "normal", "log_uniform"]),
            ("space.algorithm.gamma={uniform=[0, 1], int=[0, 1]}", &["space.\"algorithm.gamma\""]),
            ("space.algorithm.gamma={uniform=0.5}", &["space.\"algorithm.gamma\"", "0.5"]),
            ("space.algorithm.gamma=0.9", &["space.\"algorithm.gamma\"", "found 0.9", "uniform"]),
            ("space.algorithm.batch_size={uniform=[8, 16]}", &["space.\"algorithm.batch_size\"", "floating point"]),
            ("space.algorithm.gamma={choice=['high']}", &["space.\"algorithm.gamma\"", "\"high\""]),
            ("space.runtime.envs={int=[0, 4]}", &["space.\"runtime.envs\"", "runtime.envs is 0", "1 to 100000"]),
            ("space.runtime.steps={int=[1, 4]}", &["runtime.steps", "same budget"]),
            ("space.scenario.horizon_s={uniform=[1, 4]}", &["scenario.horizon_s", "accepted are keys below algorithm"]),
            (
                "space={'algorithm.gamma'={uniform=[0, 1]}, algorithm={gamma={uniform=[0, 1]}}}",
                &["gamma", "given twice"],
            ),
            ("space={}", &["space is empty", "one key or more"]),
            ("space=3", &["space: found 3", "a table"]),
            ("tune.trials=1", &["tune.trials is 1", "2 to 10000"]),
            ("tune.trials=many", &["tune: ", "\"many\"", "trials"]),
            ("tune.trails=9", &["tune: ", "`trails`", "`trials`"]),
            ("tune.method=grid", &["`grid`", "`random`", "`halving`"]),
            ("tune.eta=1", &["tune.eta is 1", "2 to 1000"]),
            ("tune.min_steps=3", &["tune.min_steps is 3", "runtime.evaluate_every"]),
            ("runtime.stepz=3", &["stepz", "`steps`"]),
            ("base=3", &["base is 3", "path"]),
            ("base=missing.toml", &["base: cannot read missing.toml"]),
        ];
        for (change, parts) in refused {
            let message = parse(SMALL, &[change]).expect_err(change).to_string();
            for part in [&[&format!("--set {change}: ")[..]], *parts].concat() {
                assert!(message.contains(part), "{change}: {part:?} is not in: {message}");
            }
        }
    }
}
