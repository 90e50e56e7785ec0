//! [`NativeVectorEnv`]: environments side by side, stepped by Rust's threads while the interpreter does other things.

use std::sync::Arc;

use mec_gym::envs::gym::{Act, ActionSpace, AutoresetMode, Env, Metric, VectorConfig, VectorEnv, VectorError};
use mec_gym::envs::offload;
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;

use crate::env::{Block, blocks};
use crate::errors;
use crate::form::{self, FIGURES, Form, FormVisitor, Numbers, check_len};
use crate::seeded::{Origin, Seeded};
use crate::setting::Setting;

/// What a call left besides observations, one entry for each environment.
struct Results {
    rewards: Vec<f64>,
    terminated: Vec<bool>,
    truncated: Vec<bool>,
    /// Which environments took a step, and were not reset instead.
    stepped: Vec<bool>,
    /// What the steps told; zeros where none was taken.
    figures: [Vec<f64>; FIGURES.len()],
}

/// An environment whose episode a step ended: its index, its last observation and its figures.
type Ended = (usize, Vec<f32>, Vec<Metric>);

/// Environments of one form, behind an interface that does not name it.
trait Lanes: Send + Sync {
    fn count(&self) -> usize;
    fn dim(&self) -> usize;
    fn blocks(&self) -> Vec<Block>;
    fn heads(&self) -> Vec<usize>;
    /// Resets those that are marked, those with a seed from it on.
    fn reset(&mut self, marks: &[bool], observations: &mut [f32]) -> Result<(), VectorError>;
    fn prime(&mut self, index: usize, seed: u64);
    /// Takes in the actions of the next step.
    fn prepare(&mut self, numbers: &Numbers) -> PyResult<()>;
    fn step(&mut self, observations: &mut [f32]) -> Result<(), VectorError>;
    fn results(&self) -> Results;
    fn ended(&self) -> Vec<Ended>;
    fn masks(&self) -> Vec<bool>;
    fn seeds(&self) -> Vec<u64>;
}

/// A vector environment, with a buffer for the actions of a step.
struct Vector<F: Form> {
    lanes: VectorEnv<Seeded<F>>,
    actions: Vec<Act<F>>,
}

impl<F: Form> Lanes for Vector<F> {
    fn count(&self) -> usize {
        self.lanes.num_envs()
    }

    fn dim(&self) -> usize {
        self.lanes.flat_dim()
    }

    fn blocks(&self) -> Vec<Block> {
        blocks(self.lanes.env(0).observation_space().entries())
    }

    fn heads(&self) -> Vec<usize> {
        self.lanes.env(0).action_space().layout().heads
    }

    fn reset(&mut self, marks: &[bool], observations: &mut [f32]) -> Result<(), VectorError> {
        self.lanes.reset_where_into(marks, None, observations)
    }

    fn prime(&mut self, index: usize, seed: u64) {
        self.lanes.env_mut(index).prime(Origin::first(seed));
    }

    fn prepare(&mut self, numbers: &Numbers) -> PyResult<()> {
        check_len(numbers, self.count() * self.lanes.env(0).inner().width())?;
        self.actions.clear();
        for index in 0..self.count() {
            let action = self.lanes.env(index).inner().action(numbers, index);
            self.actions.push(action.map_err(|error| errors::value(format!("environment {index}: {error}")))?);
        }
        Ok(())
    }

    fn step(&mut self, observations: &mut [f32]) -> Result<(), VectorError> {
        self.lanes.step_into(&self.actions, observations).map(drop)
    }

    fn results(&self) -> Results {
        let (last, count) = (self.lanes.last(), self.count());
        let mut figures = FIGURES.map(|_| vec![0.0; count]);
        let mut stepped = vec![false; count];
        for (index, stepped) in stepped.iter_mut().enumerate() {
            let Some(info) = last.info(index) else { continue };
            *stepped = true;
            for (column, figure) in figures.iter_mut().zip(F::figures(info)) {
                column[index] = figure;
            }
        }
        Results {
            rewards: last.rewards.to_vec(),
            terminated: last.terminated.to_vec(),
            truncated: last.truncated.to_vec(),
            stepped,
            figures,
        }
    }

    fn ended(&self) -> Vec<Ended> {
        let last = self.lanes.last();
        let ended = (0..self.count()).filter_map(|index| Some((index, last.ended(index)?)));
        ended.map(|(index, end)| (index, end.observation.to_vec(), end.metrics.to_vec())).collect()
    }

    fn masks(&self) -> Vec<bool> {
        let mut masks = Vec::new();
        if self.lanes.env(0).action_mask().is_some() {
            self.lanes.action_masks(&mut masks);
        }
        masks
    }

    fn seeds(&self) -> Vec<u64> {
        (0..self.count()).map(|index| self.lanes.env(index).origin().seed()).collect()
    }
}

struct Make {
    setting: Arc<offload::Setting>,
    count: usize,
    config: VectorConfig,
}

impl FormVisitor for Make {
    type Output = Result<Box<dyn Lanes>, VectorError>;

    fn visit<F: Form>(self) -> Self::Output {
        let env = || Seeded::new(F::new(Arc::clone(&self.setting)));
        let lanes = VectorEnv::new((0..self.count).map(|_| env()), self.config)?;
        Ok(Box::new(Vector { lanes, actions: Vec::new() }))
    }
}

fn autoreset(mode: &str) -> PyResult<AutoresetMode> {
    match mode {
        "NextStep" => Ok(AutoresetMode::NextStep),
        "SameStep" => Ok(AutoresetMode::SameStep),
        "Disabled" => Ok(AutoresetMode::Disabled),
        other => Err(errors::value(format!("autoreset_mode is {other:?}; accepted is NextStep, SameStep or Disabled"))),
    }
}

fn misuse(error: VectorError) -> PyErr {
    match error {
        VectorError::Env { index, source } => {
            let refused = errors::refused(source);
            Python::attach(|py| {
                let message = format!("environment {index}: {}", refused.value(py));
                PyErr::from_type(refused.get_type(py), message)
            })
        }
        other => errors::value(other),
    }
}

/// Environments side by side, stepped by Rust's threads while the interpreter does other things.
#[pyclass(module = "mec_gym._native")]
pub struct NativeVectorEnv {
    lanes: Box<dyn Lanes>,
}

/// Observations, rewards, terminated, truncated, stepped, the columns of figures, and whether an episode ended and all took
/// a step.
type Told<'py> = (
    Bound<'py, PyArray2<f32>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<bool>>,
    Bound<'py, PyArray1<bool>>,
    Bound<'py, PyArray1<bool>>,
    [Bound<'py, PyArray1<f64>>; FIGURES.len()],
    (bool, bool),
);

#[pymethods]
impl NativeVectorEnv {
    #[new]
    fn new(py: Python<'_>, setting: &Setting, form: &str, num_envs: usize, autoreset_mode: &str) -> PyResult<Self> {
        let config = VectorConfig::with_autoreset(autoreset(autoreset_mode)?);
        let make = Make { setting: Arc::clone(&setting.setting), count: num_envs, config };
        Ok(Self { lanes: py.detach(|| form::accept(form, make))?.map_err(misuse)? })
    }

    /// The blocks of a flat observation in order: name, shape, lower and upper bounds row by row.
    fn blocks(&self) -> Vec<Block> {
        self.lanes.blocks()
    }

    /// The number of choices of each head of an action; empty for the form `box`.
    fn heads(&self) -> Vec<usize> {
        self.lanes.heads()
    }

    /// Starts episodes in the environments that are marked, in those with a seed that of the seed, and returns all
    /// present observations, `[n, dim]`.
    fn reset<'py>(
        &mut self,
        py: Python<'py>,
        seeds: Vec<Option<u64>>,
        marks: Vec<bool>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        if seeds.len() != self.lanes.count() {
            return Err(errors::value(format!(
                "{} seeds were given; accepted is one for each of {} environments",
                seeds.len(),
                self.lanes.count()
            )));
        }
        for (index, seed) in seeds.into_iter().enumerate().filter(|(index, _)| marks.get(*index) == Some(&true)) {
            if let Some(seed) = seed {
                self.lanes.prime(index, seed);
            }
        }
        let (array, lanes) = (self.array(py), &mut self.lanes);
        let mut rows = array.try_readwrite()?;
        let rows = rows.as_slice_mut()?;
        py.detach(|| lanes.reset(&marks, rows)).map_err(misuse)?;
        Ok(array)
    }

    /// Takes a step of all environments. Rust's threads write the observations, `[n, dim]`, straight into their array.
    fn step<'py>(&mut self, py: Python<'py>, actions: &Bound<'py, PyAny>) -> PyResult<Told<'py>> {
        self.lanes.prepare(&Numbers::of(actions)?)?;
        let (array, lanes) = (self.array(py), &mut self.lanes);
        let mut rows = array.try_readwrite()?;
        let slice = rows.as_slice_mut()?;
        py.detach(|| lanes.step(slice)).map_err(misuse)?;
        drop(rows);
        let Results { rewards, terminated, truncated, stepped, figures } = self.lanes.results();
        let ended = terminated.contains(&true) || truncated.contains(&true);
        let all = !stepped.contains(&false);
        let (terminated, truncated) = (terminated.into_pyarray(py), truncated.into_pyarray(py));
        let figures = figures.map(|column| column.into_pyarray(py));
        Ok((array, rewards.into_pyarray(py), terminated, truncated, stepped.into_pyarray(py), figures, (ended, all)))
    }

    /// The environments whose episode the last call ended: index, last observation and figures.
    fn ended<'py>(&self, py: Python<'py>) -> Vec<(usize, Bound<'py, PyArray1<f32>>, Vec<Metric>)> {
        let ended = self.lanes.ended().into_iter();
        ended.map(|(index, observation, metrics)| (index, observation.into_pyarray(py), metrics)).collect()
    }

    /// Which choices are open, `[n, choices]`, all heads one after another; `None` where all are.
    fn masks<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyArray2<bool>>>> {
        let masks = self.lanes.masks();
        let choices = masks.len() / self.lanes.count();
        let shaped = |masks: Vec<bool>| masks.into_pyarray(py).reshape([self.lanes.count(), choices]);
        (!masks.is_empty()).then(|| shaped(masks)).transpose()
    }

    /// The seeds of the present episodes.
    fn episode_seeds<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<u64>> {
        self.lanes.seeds().into_pyarray(py)
    }
}

impl NativeVectorEnv {
    /// Room for all observations.
    fn array<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray2<f32>> {
        PyArray2::zeros(py, [self.lanes.count(), self.lanes.dim()], false)
    }
}
