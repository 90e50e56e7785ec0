//! What can be named in a configuration: methods and forms of the environment. The only list of them.

use mec_agents::a2c::{self, A2cConfig};
use mec_agents::agent::Algorithm;
use mec_agents::checkpoint::CheckpointError;
use mec_agents::ddpg::{self, DdpgConfig};
use mec_agents::dqn::{self, DqnConfig};
use mec_agents::es::{self, EsConfig};
use mec_agents::export::ExportedPolicy;
use mec_agents::ppo::{self, PpoConfig};
use mec_agents::random::RandomConfig;
use mec_agents::reinforce::{self, ReinforceConfig};
use mec_agents::sac::{self, SacConfig};
use mec_agents::state::StateDict;
use mec_agents::td3::{self, Td3Config};
use mec_envs::offload::{OffloadBoxEnv, OffloadEnv, OffloadForm, OffloadSetEnv};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// A method with its hyperparameters, by `name`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
#[allow(clippy::large_enum_variant)] // there is one of them per run
pub enum AlgorithmConfig {
    /// Distributed soft actor-critic offloading: SAC in one of the distributed runtimes.
    Dsaco(SacConfig),
    /// Soft actor-critic with a temperature that stays where it starts, at 0.2 by default.
    #[serde(deserialize_with = "with_fixed_temperature")]
    Sac(SacConfig),
    /// Deep Q-learning, double by default.
    Dqn(DqnConfig),
    /// Twin delayed deep deterministic policy gradient, for the form `box`.
    Td3(Td3Config),
    /// Deep deterministic policy gradient, for the form `box`.
    Ddpg(DdpgConfig),
    /// Proximal policy optimisation.
    Ppo(PpoConfig),
    /// Advantage actor-critic.
    A2c(A2cConfig),
    /// REINFORCE with a learned baseline.
    Reinforce(ReinforceConfig),
    /// Evolution strategies, which need no gradient.
    Es(EsConfig),
    /// The uniform policy over targets; the scheme `random` draws the same way without a training.
    Uniform(RandomConfig),
}

impl Default for AlgorithmConfig {
    fn default() -> Self {
        Self::Dsaco(SacConfig::default())
    }
}

/// Something to do with a method whose type only the configuration knows.
pub trait AlgorithmVisitor {
    /// What comes of it.
    type Output;

    /// Does it.
    fn visit<A: Algorithm>(self, algorithm: &A) -> Self::Output;
}

impl AlgorithmConfig {
    /// Its name in configurations and results.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Dsaco(_) => "dsaco",
            Self::Sac(_) => "sac",
            Self::Dqn(_) => "dqn",
            Self::Td3(_) => "td3",
            Self::Ddpg(_) => "ddpg",
            Self::Ppo(_) => "ppo",
            Self::A2c(_) => "a2c",
            Self::Reinforce(_) => "reinforce",
            Self::Es(_) => "es",
            Self::Uniform(_) => "uniform",
        }
    }

    /// The method that a stored learner was trained by, with its hyperparameters.
    ///
    /// # Errors
    /// [`CheckpointError`] when the state has none, or not those of such a method.
    pub fn of_state(state: &StateDict) -> Result<Self, CheckpointError> {
        let mut fields: serde_json::Map<String, serde_json::Value> = state.value("config")?;
        // The learner of `sac` is that of `dsaco` with other values.
        let name = if state.kind == "sac" { "dsaco" } else { &state.kind };
        fields.insert("name".to_owned(), name.into());
        Self::deserialize(serde_json::Value::Object(fields)).map_err(|error| CheckpointError::Value {
            name: "config".to_owned(),
            found: format!("of kind {:?}", state.kind),
            reason: error.to_string(),
        })
    }

    /// Calls `visitor` with the method.
    pub fn accept<V: AlgorithmVisitor>(&self, visitor: V) -> V::Output {
        match self {
            Self::Dsaco(config) | Self::Sac(config) => visitor.visit(config),
            Self::Dqn(config) => visitor.visit(config),
            Self::Td3(config) => visitor.visit(config),
            Self::Ddpg(config) => visitor.visit(config),
            Self::Ppo(config) => visitor.visit(config),
            Self::A2c(config) => visitor.visit(config),
            Self::Reinforce(config) => visitor.visit(config),
            Self::Es(config) => visitor.visit(config),
            Self::Uniform(config) => visitor.visit(config),
        }
    }
}

/// The temperature of `sac`: SpinningUp's default, and that of most tasks of Haarnoja et al. 2018 (arXiv:1801.01290,
/// table 2), whose rewards are multiplied by 5 at a temperature of 1.
const FIXED_TEMPERATURE: f64 = 0.2;

/// The configuration of `sac`: as that of DSACO with two defaults of its own, each of which can be set.
fn with_fixed_temperature<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SacConfig, D::Error> {
    let mut fields = serde_json::Map::deserialize(deserializer)?;
    for (name, default) in [("learn_alpha", false.into()), ("initial_alpha", FIXED_TEMPERATURE.into())] {
        fields.entry(name).or_insert(default);
    }
    SacConfig::deserialize(serde_json::Value::Object(fields)).map_err(D::Error::custom)
}

/// Takes the greedy policy out of a stored learner.
type Exporter = fn(&StateDict) -> Result<ExportedPolicy, CheckpointError>;

/// The methods whose policies other programs can evaluate, by the kind of their learners' states.
const EXPORTERS: &[(&str, Exporter)] = &[
    ("sac", sac::exported),
    ("dqn", dqn::exported),
    ("td3", td3::exported),
    ("ddpg", ddpg::exported),
    ("ppo", ppo::exported),
    ("a2c", a2c::exported),
    ("reinforce", reinforce::exported),
    ("es", es::exported),
];

/// The greedy policy of a stored learner of any method, for other programs.
///
/// # Errors
/// [`CheckpointError`] when the method cannot export, or the state is not what its learners store.
pub fn exported(state: &StateDict) -> Result<ExportedPolicy, CheckpointError> {
    match EXPORTERS.iter().find(|(kind, _)| *kind == state.kind) {
        Some((_, export)) => export(state),
        None => Err(CheckpointError::NotExported {
            what: format!("a state of kind {:?}", state.kind),
            accepted: EXPORTERS.iter().map(|(kind, _)| *kind).collect::<Vec<_>>().join(", "),
        }),
    }
}

/// A form of the environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// One task per step, `Discrete`.
    #[default]
    Task,
    /// A whole set per step, `MultiDiscrete`.
    Set,
    /// One task per step, `Box`.
    Box,
}

/// Something to do with a form whose type only the configuration knows.
pub trait FormVisitor {
    /// What comes of it.
    type Output;

    /// Does it.
    fn visit<E: OffloadForm>(self) -> Self::Output;
}

impl Form {
    /// Its name in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Set => "set",
            Self::Box => "box",
        }
    }

    /// Calls `visitor` with the environment of this form.
    pub fn accept<V: FormVisitor>(self, visitor: V) -> V::Output {
        match self {
            Self::Task => visitor.visit::<OffloadEnv>(),
            Self::Set => visitor.visit::<OffloadSetEnv>(),
            Self::Box => visitor.visit::<OffloadBoxEnv>(),
        }
    }
}

#[cfg(test)]
mod tests {
    use mec_agents::agent::Learner;
    use mec_agents::device::Device;
    use mec_agents::spec::EnvSpec;
    use mec_envs::gym::{ActionLayout, Part};

    use super::*;

    fn parsed(text: &str) -> AlgorithmConfig {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn sac_is_dsaco_with_a_temperature_that_stays_unless_it_is_told_otherwise() {
        let fixed = SacConfig { learn_alpha: false, initial_alpha: 0.2, ..SacConfig::default() };
        assert_eq!(parsed("name = \"sac\""), AlgorithmConfig::Sac(fixed.clone()));
        let told = SacConfig { learn_alpha: true, initial_alpha: 0.5, gamma: 0.9, ..fixed };
        let config = parsed("name = \"sac\"\nlearn_alpha = true\ninitial_alpha = 0.5\ngamma = 0.9");
        assert_eq!(config, AlgorithmConfig::Sac(told));
        assert_eq!(parsed(&toml::to_string(&config).unwrap()), config);
        assert_eq!(parsed("name = \"dsaco\""), AlgorithmConfig::Dsaco(SacConfig::default()));
    }

    #[test]
    fn a_stored_learner_tells_its_method_and_hyperparameters() {
        struct State;
        impl AlgorithmVisitor for State {
            type Output = StateDict;

            fn visit<A: Algorithm>(self, algorithm: &A) -> StateDict {
                let observation = vec![Part::new("", &[2])];
                let action = ActionLayout { heads: vec![3], continuous: 0 };
                algorithm.build(&EnvSpec { observation, action }, &Device::flex(), 1).unwrap().state()
            }
        }
        for (name, change) in
            [("dsaco", "gamma = 0.5"), ("dqn", "gamma = 0.5"), ("ppo", "gamma = 0.5"), ("es", "pairs = 3")]
        {
            let config = parsed(&format!("name = {name:?}\n{change}"));
            let state = config.accept(State);
            assert_eq!(AlgorithmConfig::of_state(&state).unwrap(), config);
            let mut other = StateDict::new("zen");
            other.insert_value("config", state.value::<serde_json::Value>("config").unwrap());
            let error = AlgorithmConfig::of_state(&other).unwrap_err().to_string();
            assert!(error.contains("zen") && error.contains("dsaco"), "{error}");
        }
        assert!(AlgorithmConfig::of_state(&StateDict::new("random")).unwrap_err().to_string().contains("config"));
    }

    #[test]
    fn every_method_refuses_a_misspelt_key_with_those_it_has() {
        for name in ["dsaco", "sac", "dqn", "td3", "ddpg"] {
            let config = parsed(&format!("name = {name:?}\ngamma = 0.5"));
            assert_eq!(config.name(), name);
            assert_eq!(parsed(&toml::to_string(&config).unwrap()), config);
            let error = toml::from_str::<AlgorithmConfig>(&format!("name = {name:?}\ngama = 0.5")).unwrap_err();
            assert!(error.to_string().contains("`gama`") && error.to_string().contains("`gamma`"), "{error}");
        }
    }
}
