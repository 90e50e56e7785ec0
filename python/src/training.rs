//! [`train`]: our methods on environments of Python.

use mec_gym::agents::actor::EpisodeReport;
use mec_gym::agents::agent::{Algorithm, Learner, TrainError};
use mec_gym::agents::device::Device;
use mec_gym::agents::runtime::{self, Mode, Observer, ObserverError, RuntimeConfig};
use mec_gym::agents::spec::EnvSpec;
use mec_gym::agents::state::StateDict;
use mec_gym::envs::gym::{BoxSpace, DictSpace, MultiDiscrete};
use mec_gym::experiments::registry::{AlgorithmConfig, AlgorithmVisitor};
use pyo3::prelude::*;

use crate::env::Block;
use crate::errors;
use crate::foreign::{Fault, ForeignEnv, ForeignSpace};
use crate::policy::NativePolicy;

/// Steps done, return and length of every episode that ended.
type Episodes = Vec<(u64, f64, u64)>;

/// Notes every episode.
#[derive(Default)]
struct Notes {
    steps: u64,
    episodes: Episodes,
}

impl<L: Learner> Observer<L> for Notes {
    fn on_episode(&mut self, episode: &EpisodeReport) -> Result<(), ObserverError> {
        self.steps += episode.length;
        self.episodes.push((self.steps, episode.episode_return, episode.length));
        Ok(())
    }
}

/// A training on an environment of Python, in one thread.
struct Training<'a, A> {
    env: &'a Py<PyAny>,
    observation_space: DictSpace,
    action_space: A,
    runtime: RuntimeConfig,
    seed: u64,
    fault: Fault,
}

impl<A: ForeignSpace + Sync> AlgorithmVisitor for Training<'_, A> {
    type Output = Result<(StateDict, Episodes), TrainError>;

    fn visit<M: Algorithm>(self, algorithm: &M) -> Self::Output {
        let make = |_| {
            let env = Python::attach(|py| self.env.clone_ref(py));
            ForeignEnv::new(env, self.observation_space.clone(), self.action_space.clone(), self.fault.clone())
        };
        let mut learner = algorithm.build(&EnvSpec::of(&make(0)), &Device::flex(), self.seed)?;
        let mut notes = Notes::default();
        runtime::train(&mut learner, make, &self.runtime, self.seed, &mut notes)?;
        Ok((learner.state(), notes.episodes))
    }
}

/// Trains a method on an environment of Python; see [`ForeignEnv`] for its interface. `action` has the choices of its
/// heads, or the bounds of its entries. What the environment raises comes through as it is.
#[pyfunction]
pub fn train(
    py: Python<'_>,
    env: Py<PyAny>,
    observation: Vec<Block>,
    action: (Vec<usize>, Vec<f32>, Vec<f32>),
    algorithm: &str,
    length: (u64, u64),
) -> PyResult<(NativePolicy, Episodes)> {
    let algorithm: AlgorithmConfig =
        serde_json::from_str(algorithm).map_err(|error| errors::value(format!("algorithm: {error}")))?;
    let ((heads, low, high), (steps, seed)) = (action, length);
    let runtime = RuntimeConfig {
        mode: Mode::Serial,
        envs: 1,
        round: 1,
        steps,
        progress_every: 0,
        checkpoint_every: 0,
        ..RuntimeConfig::default()
    };
    let (fault, observation_space) = (Fault::default(), space(observation)?);
    let trained = if heads.is_empty() {
        let action_space = BoxSpace::new(&[low.len()], low, high).map_err(errors::value)?;
        let training = Training { env: &env, observation_space, action_space, runtime, seed, fault: fault.clone() };
        py.detach(|| algorithm.accept(training))
    } else {
        let action_space = MultiDiscrete::new(&heads).map_err(errors::value)?;
        let training = Training { env: &env, observation_space, action_space, runtime, seed, fault: fault.clone() };
        py.detach(|| algorithm.accept(training))
    };
    if let Some(error) = fault.take() {
        return Err(error);
    }
    let (state, episodes) = trained.map_err(|error| match error {
        TrainError::Config(error) => errors::value(error),
        other => errors::runtime(other),
    })?;
    Ok((NativePolicy::of_state(state, "the trained agent")?, episodes))
}

/// The space of these blocks.
fn space(blocks: Vec<Block>) -> PyResult<DictSpace> {
    let mut boxes: Vec<(String, BoxSpace)> = Vec::new();
    for (name, shape, low, high) in blocks {
        if boxes.iter().any(|(other, _)| *other == name) {
            return Err(errors::value(format!("the observation has {name:?} twice; accepted are different names")));
        }
        boxes.push((name, BoxSpace::new(&shape, low, high).map_err(errors::value)?));
    }
    Ok(DictSpace::new(boxes.iter().map(|(name, space)| (&name[..], space.clone())).collect()))
}
