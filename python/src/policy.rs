//! [`NativePolicy`]: a trained agent that acts.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mec_gym::agents::agent::{ActMode, Algorithm, Learner, ObservationBatch, Policy};
use mec_gym::agents::checkpoint;
use mec_gym::agents::device::Device;
use mec_gym::agents::spec::EnvSpec;
use mec_gym::agents::state::StateDict;
use mec_gym::envs::gym::EnvError;
use mec_gym::envs::offload::{self, OffloadForm};
use mec_gym::envs::rng::{Prng, stream};
use mec_gym::experiments::contest;
use mec_gym::experiments::evaluate::{HeldOut, policy_episodes};
use mec_gym::experiments::files::{Checkpoint, RunFolder};
use mec_gym::experiments::plan::Plan;
use mec_gym::experiments::registry::{AlgorithmConfig, AlgorithmVisitor, Form, FormVisitor, exported};
use mec_gym::experiments::reporter::Reporter;
use mec_gym::experiments::table::json_table;
use numpy::{IntoPyArray, PyArray2, PyArrayMethods, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors;
use crate::scheme::{Row, rows, seeds};
use crate::setting::Setting;

/// A policy of any method.
trait Actor: Send + Sync {
    fn act(&mut self, batch: &ObservationBatch<'_>, mode: ActMode, rng: &mut Prng) -> Vec<f32>;

    fn episodes(
        &self,
        form: Form,
        setting: &Arc<offload::Setting>,
        seeds: Range<u64>,
    ) -> Result<Vec<HeldOut>, EnvError>;
}

impl<P: Policy> Actor for P {
    fn act(&mut self, batch: &ObservationBatch<'_>, mode: ActMode, rng: &mut Prng) -> Vec<f32> {
        let mut codes = Vec::new();
        Policy::act(self, batch, mode, rng, &mut codes);
        codes
    }

    fn episodes(
        &self,
        form: Form,
        setting: &Arc<offload::Setting>,
        seeds: Range<u64>,
    ) -> Result<Vec<HeldOut>, EnvError> {
        form.accept(OnForm { policy: self, setting, seeds })
    }
}

struct OnForm<'a, P> {
    policy: &'a P,
    setting: &'a Arc<offload::Setting>,
    seeds: Range<u64>,
}

impl<P: Policy> FormVisitor for OnForm<'_, P> {
    type Output = Result<Vec<HeldOut>, EnvError>;

    fn visit<E: OffloadForm>(self) -> Self::Output {
        policy_episodes::<E, P>(self.policy, self.setting, self.seeds)
    }
}

/// The shape of an environment of a form.
struct SpecOf<'a>(&'a Arc<offload::Setting>);

impl FormVisitor for SpecOf<'_> {
    type Output = EnvSpec;

    fn visit<E: OffloadForm>(self) -> EnvSpec {
        EnvSpec::of(&E::new(Arc::clone(self.0)))
    }
}

/// A trained agent that acts.
#[pyclass(module = "mec_gym._native")]
pub struct NativePolicy {
    actor: Box<dyn Actor>,
    spec: EnvSpec,
    state: StateDict,
    rng: Prng,
}

impl NativePolicy {
    /// The policy of a learner's state; `place` is named in errors.
    pub fn of_state(state: StateDict, place: &str) -> PyResult<Self> {
        let refuse = |error: &dyn std::fmt::Display| errors::value(format!("{place}: {error}"));
        let spec = exported(&state).map_err(|error| refuse(&error))?.spec;
        let config = AlgorithmConfig::of_state(&state).map_err(|error| refuse(&error))?;
        let actor = config.accept(Restore { state: &state, spec: &spec }).map_err(|error| refuse(&error))?;
        Ok(Self { actor, spec, state, rng: stream(0, "python/policy") })
    }

    /// Which form of the environment it acts in.
    fn form(&self) -> Form {
        match &self.spec.action.heads[..] {
            [] => Form::Box,
            [_] => Form::Task,
            _ => Form::Set,
        }
    }
}

struct Restore<'a> {
    state: &'a StateDict,
    spec: &'a EnvSpec,
}

impl AlgorithmVisitor for Restore<'_> {
    type Output = Result<Box<dyn Actor>, String>;

    fn visit<A: Algorithm>(self, algorithm: &A) -> Self::Output {
        let mut learner = algorithm.build(self.spec, &Device::flex(), 0).map_err(|error| error.to_string())?;
        learner.load_state(self.state).map_err(|error| error.to_string())?;
        Ok(Box::new(learner.policy()))
    }
}

#[pymethods]
impl NativePolicy {
    /// The agent in a checkpoint file.
    #[staticmethod]
    fn load(path: PathBuf) -> PyResult<Self> {
        let bytes = std::fs::read(&path).map_err(errors::unreadable(&path))?;
        Self::of_state(checkpoint::parse(&bytes, &path).map_err(errors::value)?, &path.display().to_string())
    }

    /// The agent whose bytes [`to_bytes`](Self::to_bytes) gave.
    #[staticmethod]
    fn from_bytes(bytes: &[u8]) -> PyResult<Self> {
        let place = "a pickled agent";
        Self::of_state(checkpoint::parse(bytes, Path::new(place)).map_err(errors::value)?, place)
    }

    /// The bytes of its checkpoint.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &checkpoint::to_bytes(&self.state))
    }

    /// Writes its checkpoint, whole or not at all.
    fn save(&self, path: PathBuf) -> PyResult<()> {
        checkpoint::save(&path, &self.state).map_err(|error| pyo3::exceptions::PyOSError::new_err(error.to_string()))
    }

    /// The kind of learner that it is from.
    #[getter]
    fn kind(&self) -> &str {
        &self.state.kind
    }

    /// A note that is kept in its checkpoint; `None` where there is none.
    #[getter]
    fn note(&self) -> Option<String> {
        self.state.value(NOTE).ok()
    }

    #[setter]
    fn set_note(&mut self, note: &str) {
        self.state.insert_value(NOTE, note);
    }

    /// Names and shapes of the blocks of its observations.
    fn blocks(&self) -> Vec<(String, Vec<usize>)> {
        self.spec.observation.iter().map(|part| (part.name.clone(), part.shape.clone())).collect()
    }

    /// The number of choices of each head of its actions.
    fn heads(&self) -> Vec<usize> {
        self.spec.action.heads.clone()
    }

    /// The number of continuous entries of its actions.
    fn continuous(&self) -> usize {
        self.spec.action.continuous
    }

    /// Starts the generator of its random actions anew.
    fn seed(&mut self, seed: u64) {
        self.rng = stream(seed, "python/policy");
    }

    /// The codes of its actions, `[n, codes]`, for observations `[n, dim]` and masks `[n, choices]`.
    #[pyo3(signature = (observations, masks, deterministic))]
    fn act<'py>(
        &mut self,
        py: Python<'py>,
        observations: PyReadonlyArray2<'py, f32>,
        masks: Option<PyReadonlyArray2<'py, bool>>,
        deterministic: bool,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let (rows, dim) = (observations.shape()[0], observations.shape()[1]);
        if dim != self.spec.obs_dim() {
            let expected = self.spec.obs_dim();
            return Err(errors::value(format!("an observation has {dim} numbers; accepted are {expected}")));
        }
        let flat = observations.as_slice()?;
        if let Some(at) = flat.iter().position(|entry| !entry.is_finite()) {
            let (row, entry) = (at / dim, at % dim);
            let found = flat[at];
            return Err(errors::value(format!(
                "entry {entry} of observation {row} is {found}; accepted is a finite number"
            )));
        }
        let masks = masks.as_ref().map(|masks| masks.as_slice()).transpose()?;
        masks.map_or(Ok(()), |masks| self.check_masks(masks, rows))?;
        let batch = ObservationBatch { rows, observations: flat, masks };
        let mode = if deterministic { ActMode::Greedy } else { ActMode::Explore };
        self.actor.act(&batch, mode, &mut self.rng).into_pyarray(py).reshape([rows, self.spec.action.codes()])
    }

    /// Its episodes of these seeds, by its best actions, in parallel.
    fn simulate(&self, py: Python<'_>, setting: &Setting, seed: u64, episodes: u64) -> PyResult<Vec<Row>> {
        let (setting, form, seeds) = (&setting.setting, self.form(), seeds(seed, episodes)?);
        let spec = form.accept(SpecOf(setting));
        // An agent that was trained on flat observations does not know their blocks.
        if (spec.obs_dim(), &spec.action) != (self.spec.obs_dim(), &self.spec.action) {
            let name = &setting.scenario.name;
            return Err(errors::value(format!(
                "the agent acts on {} numbers and chooses among {:?}; scenario {name:?} has {} and {:?}",
                self.spec.obs_dim(),
                self.spec.action.heads,
                spec.obs_dim(),
                spec.action.heads
            )));
        }
        let episodes = py.detach(|| self.actor.episodes(form, setting, seeds)).map_err(errors::refused)?;
        Ok(rows(&episodes))
    }
}

/// The name of the note among the values of a state.
const NOTE: &str = "python";

impl NativePolicy {
    /// Refuses masks of another size, and those that leave a head without a choice.
    fn check_masks(&self, masks: &[bool], rows: usize) -> PyResult<()> {
        let choices = self.spec.action.choices();
        if masks.len() != rows * choices {
            let found = masks.len() / rows.max(1);
            return Err(errors::value(format!("a mask has {found} flags; accepted are {choices}")));
        }
        for (row, mask) in masks.chunks_exact(choices.max(1)).enumerate() {
            let mut offset = 0;
            for (head, &choices) in self.spec.action.heads.iter().enumerate() {
                if !mask[offset..offset + choices].contains(&true) {
                    return Err(errors::value(format!(
                        "mask {row} closes all choices of head {head}; accepted is one open choice or more"
                    )));
                }
                offset += choices;
            }
        }
        Ok(())
    }
}

fn which(checkpoint: &str) -> PyResult<Checkpoint> {
    match checkpoint {
        "best" => Ok(Checkpoint::Best),
        "last" => Ok(Checkpoint::Last),
        other => Err(errors::value(format!("checkpoint is {other:?}; accepted is \"best\" or \"last\""))),
    }
}

/// The file of an agent of a run folder.
#[pyfunction]
#[pyo3(signature = (folder, seed, checkpoint))]
pub fn checkpoint_of_run(folder: PathBuf, seed: Option<u64>, checkpoint: &str) -> PyResult<PathBuf> {
    let (which, run) = (which(checkpoint)?, RunFolder::open(&folder).map_err(errors::value)?);
    let place = folder.display();
    let Plan::Experiment(config) = Plan::read(&run.config(), &[]).map_err(errors::value)? else {
        let runs = folder.join("runs");
        return Err(errors::value(format!("{place} holds many runs; choose one of those in {}", runs.display())));
    };
    let seed = match (seed, &config.seeds[..]) {
        (Some(seed), seeds) if seeds.contains(&seed) => seed,
        (None, &[seed]) => seed,
        (Some(seed), seeds) => {
            return Err(errors::value(format!("seed is {seed}; the run in {place} has the trainings {seeds:?}")));
        }
        (None, seeds) => {
            return Err(errors::value(format!(
                "the run in {place} has the trainings {seeds:?}; choose one by its seed"
            )));
        }
    };
    let path = run.checkpoint(config.algorithm.name(), seed, which);
    match path.exists() {
        true => Ok(path),
        false => Err(errors::value(format!(
            "the training with seed {seed} in {place} has left no agent: there is no {}",
            path.display()
        ))),
    }
}

/// Compares the agents of a run folder with its schemes again; a JSON list with an object for each.
#[pyfunction]
pub fn evaluate_run(py: Python<'_>, folder: PathBuf, checkpoint: &str, changes: Vec<String>) -> PyResult<String> {
    let which = which(checkpoint)?;
    let compared = py.detach(|| contest::evaluate(&folder, which, &changes, &mut Reporter::quiet()));
    compared.map(|schemes| json_table(&schemes)).map_err(errors::value)
}
