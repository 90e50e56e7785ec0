//! [`Form`]: what Python has to know of each form of the environment.

use mec_gym::envs::gym::{Act, ActionSpace, BoxSpace, DictSpace, Env};
use mec_gym::envs::offload::env::SetOutcome;
use mec_gym::envs::offload::{OffloadBoxEnv, OffloadEnv, OffloadForm, OffloadSetEnv, Outcome};
use numpy::{PyArrayDyn, PyArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::errors;

/// The numbers of an action, or of those of all environments of a vector, row by row.
#[derive(Clone, Debug)]
pub enum Numbers {
    Whole(Vec<i64>),
    Real(Vec<f32>),
}

impl Numbers {
    /// Those of an array of 64-bit integers or 32-bit floats.
    pub fn of(array: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(whole) = array.cast::<PyArrayDyn<i64>>() {
            return Ok(Self::Whole(whole.try_readonly()?.as_slice()?.to_vec()));
        }
        if let Ok(real) = array.cast::<PyArrayDyn<f32>>() {
            return Ok(Self::Real(real.try_readonly()?.as_slice()?.to_vec()));
        }
        let found = array.get_type();
        Err(PyTypeError::new_err(format!("actions are a {found}; accepted is an array of int64 or float32")))
    }

    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::Whole(numbers) => numbers.len(),
            Self::Real(numbers) => numbers.len(),
        }
    }

    /// Adds others of the same kind.
    pub fn extend(&mut self, others: &Self) {
        match (self, others) {
            (Self::Whole(all), Self::Whole(others)) => all.extend(others),
            (Self::Real(all), Self::Real(others)) => all.extend(others),
            (all, others) => *all = others.clone(),
        }
    }

    /// Row `row` of rows of this width.
    pub fn row(&self, row: usize, width: usize) -> Self {
        let range = row * width..(row + 1) * width;
        match self {
            Self::Whole(numbers) => Self::Whole(numbers[range].to_vec()),
            Self::Real(numbers) => Self::Real(numbers[range].to_vec()),
        }
    }
}

/// What a step tells: tasks decided, their latencies (s), the delay they inflicted (s), the energy of their devices (J),
/// and how many were in time, each summed over the tasks.
pub type Figures = [f64; 5];

/// The names of [`Figures`].
pub const FIGURES: [&str; 5] = ["tasks", "latency_s", "inflicted_s", "energy_j", "successes"];

/// A form of the environment, as Python sees it.
pub trait Form:
    OffloadForm<
        ObservationSpace = DictSpace,
        ActionSpace: ActionSpace<Element: Send + Sync> + Send + Sync,
        Info: Send + Sync,
    > + Send
    + Sync
    + 'static
{
    /// Length of the numbers of one action.
    fn width(&self) -> usize {
        self.action_space().layout().codes()
    }

    /// The action that row `row` of the numbers is; choices that the mask closes, which are those of rows of padding, count
    /// as the open one.
    fn action(&self, numbers: &Numbers, row: usize) -> Result<Act<Self>, String>;

    /// What a step told.
    fn figures(info: &Self::Info) -> Figures;
}

fn choice(place: impl FnOnce() -> String, number: i64, choices: usize) -> Result<usize, String> {
    let within = usize::try_from(number).ok().filter(|&choice| choice < choices);
    within.ok_or_else(|| format!("{} is {number}; accepted is an integer from 0 to {}", place(), choices - 1))
}

fn whole(numbers: &Numbers) -> Result<&[i64], String> {
    match numbers {
        Numbers::Whole(numbers) => Ok(numbers),
        Numbers::Real(_) => Err("the action has floats; accepted are integers".to_owned()),
    }
}

fn figures_of(outcome: &Outcome) -> Figures {
    let success = f64::from(u8::from(outcome.success));
    [1.0, outcome.latency_s, outcome.inflicted_s, outcome.energy_j, success]
}

impl Form for OffloadEnv {
    fn action(&self, numbers: &Numbers, row: usize) -> Result<usize, String> {
        choice(|| "the action".to_owned(), whole(numbers)?[row], self.action_space().n())
    }

    fn figures(info: &Outcome) -> Figures {
        figures_of(info)
    }
}

impl Form for OffloadSetEnv {
    fn action(&self, numbers: &Numbers, row: usize) -> Result<Vec<usize>, String> {
        let heads = self.action_space().heads();
        let numbers = &whole(numbers)?[row * heads.len()..(row + 1) * heads.len()];
        let mask = self.action_mask().unwrap_or_default();
        let mut offset = 0;
        let mut action = Vec::with_capacity(heads.len());
        for (entry, (&number, &choices)) in numbers.iter().zip(heads).enumerate() {
            let chosen = choice(|| format!("entry {entry} of the action"), number, choices)?;
            action.push(if mask.get(offset + chosen).is_none_or(|open| *open) { chosen } else { 0 });
            offset += choices;
        }
        Ok(action)
    }

    fn figures(info: &SetOutcome) -> Figures {
        let SetOutcome { tasks, latency_s, inflicted_s, energy_j, successes } = *info;
        [tasks as f64, latency_s, inflicted_s, energy_j, successes as f64]
    }
}

impl Form for OffloadBoxEnv {
    fn action(&self, numbers: &Numbers, row: usize) -> Result<Vec<f32>, String> {
        let space: &BoxSpace = self.action_space();
        let width = space.low().len();
        let Numbers::Real(numbers) = numbers else {
            return Err("the action has integers; accepted are floats".to_owned());
        };
        let action = &numbers[row * width..(row + 1) * width];
        let outside = |(value, (low, high)): (&f32, (f32, f32))| !(low..=high).contains(value);
        match action.iter().zip(space.bounds()).position(outside) {
            Some(entry) => {
                let found = action[entry];
                let clip = if found.is_nan() { "" } else { ", and gymnasium.wrappers.ClipAction clips what is beyond" };
                Err(format!("entry {entry} of the action is {found}; accepted is a number from -1 to 1{clip}"))
            }
            None => Ok(action.to_vec()),
        }
    }

    fn figures(info: &Outcome) -> Figures {
        figures_of(info)
    }
}

/// What an environment of one form is to be made into.
pub trait FormVisitor {
    /// What comes of it.
    type Output;

    /// Makes it.
    fn visit<F: Form>(self) -> Self::Output;
}

/// Calls the visitor with the form of this name.
pub fn accept<V: FormVisitor>(form: &str, visitor: V) -> PyResult<V::Output> {
    match form {
        "task" => Ok(visitor.visit::<OffloadEnv>()),
        "set" => Ok(visitor.visit::<OffloadSetEnv>()),
        "box" => Ok(visitor.visit::<OffloadBoxEnv>()),
        other => Err(errors::value(format!("form is {other:?}; accepted is \"task\", \"set\" or \"box\""))),
    }
}

/// Refuses numbers that are not so many.
pub fn check_len(numbers: &Numbers, expected: usize) -> PyResult<()> {
    match numbers.len() {
        found if found == expected => Ok(()),
        found => Err(errors::value(format!("the action has {found} numbers; accepted is {expected}"))),
    }
}
