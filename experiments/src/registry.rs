//! What can be named in a configuration: methods and forms of the environment. The only list of them.

use mec_agents::a2c::{self, A2cConfig};
use mec_agents::agent::Algorithm;
use mec_agents::checkpoint::CheckpointError;
use mec_agents::es::{self, EsConfig};
use mec_agents::export::ExportedPolicy;
use mec_agents::ppo::{self, PpoConfig};
use mec_agents::random::RandomConfig;
use mec_agents::reinforce::{self, ReinforceConfig};
use mec_agents::sac::{self, SacConfig};
use mec_agents::state::StateDict;
use mec_envs::offload::{OffloadBoxEnv, OffloadEnv, OffloadForm, OffloadSetEnv};
use serde::{Deserialize, Serialize};

/// A method with its hyperparameters, by `name`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
#[allow(clippy::large_enum_variant)] // there is one of them per run
pub enum AlgorithmConfig {
    /// Distributed soft actor-critic offloading: SAC in one of the distributed runtimes.
    Dsaco(SacConfig),
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
            Self::Ppo(_) => "ppo",
            Self::A2c(_) => "a2c",
            Self::Reinforce(_) => "reinforce",
            Self::Es(_) => "es",
            Self::Uniform(_) => "uniform",
        }
    }

    /// Calls `visitor` with the method.
    pub fn accept<V: AlgorithmVisitor>(&self, visitor: V) -> V::Output {
        match self {
            Self::Dsaco(config) => visitor.visit(config),
            Self::Ppo(config) => visitor.visit(config),
            Self::A2c(config) => visitor.visit(config),
            Self::Reinforce(config) => visitor.visit(config),
            Self::Es(config) => visitor.visit(config),
            Self::Uniform(config) => visitor.visit(config),
        }
    }
}

/// Takes the greedy policy out of a stored learner.
type Exporter = fn(&StateDict) -> Result<ExportedPolicy, CheckpointError>;

/// The methods whose policies other programs can evaluate, by the kind of their learners' states.
const EXPORTERS: &[(&str, Exporter)] = &[
    ("sac", sac::exported),
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
