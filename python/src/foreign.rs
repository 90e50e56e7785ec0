//! [`ForeignEnv`]: an environment of Python behind our interface.

use std::sync::{Arc, Mutex, PoisonError};

use mec_gym::envs::gym::{Act, ActionSpace, BoxSpace, DictSpace, Env, EnvError, MultiDiscrete, Step};
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

/// The first exception that an environment of Python raised.
#[derive(Clone, Default)]
pub struct Fault(Arc<Mutex<Option<PyErr>>>);

impl Fault {
    fn set(&self, error: PyErr) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    fn is_set(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// The exception, once.
    pub fn take(&self) -> Option<PyErr> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A space of actions that can be handed to Python as an array.
pub trait ForeignSpace: ActionSpace {
    /// The action as an array of one axis.
    fn array<'py>(action: &Self::Element, py: Python<'py>) -> Bound<'py, PyAny>;
}

impl ForeignSpace for MultiDiscrete {
    fn array<'py>(action: &Vec<usize>, py: Python<'py>) -> Bound<'py, PyAny> {
        PyArray1::from_iter(py, action.iter().map(|&choice| choice as i64)).into_any()
    }
}

impl ForeignSpace for BoxSpace {
    fn array<'py>(action: &Vec<f32>, py: Python<'py>) -> Bound<'py, PyAny> {
        PyArray1::from_slice(py, action).into_any()
    }
}

/// An environment of Python behind our interface. What it raises is kept for whoever trains on it, and ends the training.
///
/// Its other side has `reset(seed)`, which returns a flat observation and a mask or `None`, and `step(action)`, which
/// returns a flat observation, reward, terminated, truncated and a mask or `None`; arrays are of `float32` and `bool`.
pub struct ForeignEnv<A> {
    env: Py<PyAny>,
    observation_space: DictSpace,
    action_space: A,
    dim: usize,
    choices: usize,
    mask: Option<Vec<bool>>,
    fault: Fault,
}

type Shown = (Vec<f32>, Option<Vec<bool>>);

impl<A: ForeignSpace> ForeignEnv<A> {
    pub fn new(env: Py<PyAny>, observation_space: DictSpace, action_space: A, fault: Fault) -> Self {
        use mec_gym::envs::gym::Space;
        let (dim, choices) = (observation_space.flat_dim(), action_space.layout().choices());
        Self { env, observation_space, action_space, dim, choices, mask: None, fault }
    }

    fn try_reset(&self, seed: Option<u64>) -> PyResult<Shown> {
        Python::attach(|py| {
            let (observation, mask) = self.env.bind(py).call_method1("reset", (seed,))?.extract()?;
            self.shown(observation, mask)
        })
    }

    fn try_step(&self, action: &Act<Self>) -> PyResult<Step<Shown>> {
        Python::attach(|py| {
            let told = self.env.bind(py).call_method1("step", (A::array(action, py),))?;
            let (observation, reward, terminated, truncated, mask) = told.extract()?;
            Ok(Step { observation: self.shown(observation, mask)?, reward, terminated, truncated, info: () })
        })
    }

    fn shown(
        &self,
        observation: PyReadonlyArray1<'_, f32>,
        mask: Option<PyReadonlyArray1<'_, bool>>,
    ) -> PyResult<Shown> {
        let observation = observation.as_slice()?.to_vec();
        let mask = mask.map(|mask| mask.as_slice().map(<[bool]>::to_vec)).transpose()?;
        let found = (observation.len(), mask.as_ref().map_or(self.choices, Vec::len));
        match found == (self.dim, self.choices) {
            true => Ok((observation, mask)),
            false => Err(crate::errors::value(format!(
                "the environment gave {} numbers and {} flags; accepted are the {} and {} of its spaces",
                found.0, found.1, self.dim, self.choices
            ))),
        }
    }
}

impl<A: ForeignSpace> Env for ForeignEnv<A> {
    type ObservationSpace = DictSpace;
    type ActionSpace = A;
    type Info = ();

    fn observation_space(&self) -> &DictSpace {
        &self.observation_space
    }

    fn action_space(&self) -> &A {
        &self.action_space
    }

    /// After an exception: zeros, and the next step says so.
    fn reset(&mut self, seed: Option<u64>) -> Vec<f32> {
        let shown = if self.fault.is_set() { Ok((vec![0.0; self.dim], None)) } else { self.try_reset(seed) };
        let (observation, mask) = shown.unwrap_or_else(|error| {
            self.fault.set(error);
            (vec![0.0; self.dim], None)
        });
        self.mask = mask;
        observation
    }

    fn step(&mut self, action: &Act<Self>) -> Result<Step<Vec<f32>>, EnvError> {
        let step = match self.fault.is_set() {
            false => self.try_step(action).map_err(|error| self.fault.set(error)).ok(),
            true => None,
        };
        let step = step.ok_or(EnvError::ResetNeeded)?;
        let (observation, mask) = step.observation;
        self.mask = mask;
        Ok(Step { observation, reward: step.reward, terminated: step.terminated, truncated: step.truncated, info: () })
    }

    fn action_mask(&self) -> Option<&[bool]> {
        self.mask.as_deref()
    }
}
