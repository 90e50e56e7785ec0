//! [`NativeEnv`]: one environment, stepped by Python.

use std::sync::Arc;

use mec_gym::envs::gym::{ActionSpace, BoxSpace, Env, Metric, Step};
use mec_gym::envs::offload::{self, FrameStyle, Timeline, World, frame};
use numpy::{IntoPyArray, PyArray1, PyArray3};
use pyo3::prelude::*;

use crate::errors::{self, ResetNeeded};
use crate::form::{self, Figures, Form, FormVisitor, Numbers, check_len};
use crate::picture;
use crate::seeded::{Origin, Seeded};
use crate::setting::Setting;

/// A block of the observation: name, shape, lower and upper bounds row by row.
pub type Block = (String, Vec<usize>, Vec<f32>, Vec<f32>);

/// The blocks of a space of named boxes.
pub fn blocks(entries: &[(String, BoxSpace)]) -> Vec<Block> {
    let block = |(name, space): &(String, BoxSpace)| {
        (name.clone(), space.shape().to_vec(), space.low().to_vec(), space.high().to_vec())
    };
    entries.iter().map(block).collect()
}

/// A step without its observation: reward, terminated, truncated and what it told.
type Outcome = (f64, bool, bool, Figures);

/// One episode after another, behind an interface that does not name the form.
trait Episodes: Send + Sync {
    fn blocks(&self) -> Vec<Block>;
    fn heads(&self) -> Vec<usize>;
    fn width(&self) -> usize;
    fn reset(&mut self, origin: Option<Origin>);
    fn step(&mut self, numbers: &Numbers) -> PyResult<Outcome>;
    fn observation(&self) -> &[f32];
    fn mask(&self) -> Option<&[bool]>;
    fn metrics(&self) -> Vec<Metric>;
    fn world(&self) -> Option<&World>;
    fn origin(&self) -> Origin;
}

/// An environment of one form with its present observation.
struct Running<F> {
    env: Seeded<F>,
    observation: Vec<f32>,
}

impl<F: Form> Episodes for Running<F> {
    fn blocks(&self) -> Vec<Block> {
        blocks(self.env.observation_space().entries())
    }

    fn heads(&self) -> Vec<usize> {
        self.env.action_space().layout().heads
    }

    fn width(&self) -> usize {
        self.env.inner().width()
    }

    fn reset(&mut self, origin: Option<Origin>) {
        if let Some(origin) = origin {
            self.env.prime(origin);
        }
        self.env.reset_into(None, &mut self.observation);
    }

    fn step(&mut self, numbers: &Numbers) -> PyResult<Outcome> {
        check_len(numbers, self.width())?;
        let action = self.env.inner().action(numbers, 0).map_err(errors::value)?;
        let step = self.env.step_into(&action, &mut self.observation).map_err(errors::refused)?;
        let Step { reward, terminated, truncated, info, .. } = step;
        Ok((reward, terminated, truncated, F::figures(&info)))
    }

    fn observation(&self) -> &[f32] {
        &self.observation
    }

    fn mask(&self) -> Option<&[bool]> {
        self.env.action_mask()
    }

    fn metrics(&self) -> Vec<Metric> {
        self.env.metrics()
    }

    fn world(&self) -> Option<&World> {
        self.env.inner().offload().world()
    }

    fn origin(&self) -> Origin {
        self.env.origin()
    }
}

struct Make {
    setting: Arc<offload::Setting>,
}

impl FormVisitor for Make {
    type Output = Box<dyn Episodes>;

    fn visit<F: Form>(self) -> Box<dyn Episodes> {
        Box::new(Running { env: Seeded::new(F::new(self.setting)), observation: Vec::new() })
    }
}

/// One environment, stepped by Python.
#[pyclass(module = "mec_gym._native")]
pub struct NativeEnv {
    episodes: Box<dyn Episodes>,
    /// The numbers of all actions of the present episode.
    taken: Option<Numbers>,
    /// Whether pictures will be asked for.
    film: bool,
    timeline: Option<Timeline>,
}

impl NativeEnv {
    fn begun(&mut self, origin: Option<Origin>) {
        self.episodes.reset(origin);
        self.taken = None;
        self.timeline = self.episodes.world().filter(|_| self.film).map(Timeline::new);
    }

    fn take(&mut self, numbers: Numbers) -> PyResult<Outcome> {
        let outcome = self.episodes.step(&numbers)?;
        match &mut self.taken {
            Some(taken) => taken.extend(&numbers),
            none => *none = Some(numbers),
        }
        if let (Some(timeline), Some(world)) = (&mut self.timeline, self.episodes.world()) {
            timeline.watch(world);
        }
        Ok(outcome)
    }

    fn world(&self) -> PyResult<&World> {
        self.episodes.world().ok_or_else(|| ResetNeeded::new_err("render needs an episode: call reset first"))
    }
}

#[pymethods]
impl NativeEnv {
    #[new]
    fn new(setting: &Setting, form: &str, film: bool) -> PyResult<Self> {
        let episodes = form::accept(form, Make { setting: Arc::clone(&setting.setting) })?;
        Ok(Self { episodes, taken: None, film, timeline: None })
    }

    /// The blocks of the flat observation in order: name, shape, lower and upper bounds row by row.
    fn blocks(&self) -> Vec<Block> {
        self.episodes.blocks()
    }

    /// The number of choices of each head of the action; empty for the form `box`.
    fn heads(&self) -> Vec<usize> {
        self.episodes.heads()
    }

    /// Starts an episode and returns its first observation: that of this seed, or the one that follows from the last
    /// seed.
    #[pyo3(signature = (seed=None))]
    fn reset<'py>(&mut self, py: Python<'py>, seed: Option<u64>) -> Bound<'py, PyArray1<f32>> {
        self.begun(seed.map(Origin::first));
        PyArray1::from_slice(py, self.episodes.observation())
    }

    /// Takes an action: the observation after it, reward, terminated, truncated, and five figures.
    #[allow(clippy::type_complexity)]
    fn step<'py>(
        &mut self,
        py: Python<'py>,
        action: &Bound<'py, PyAny>,
    ) -> PyResult<(Bound<'py, PyArray1<f32>>, f64, bool, bool, Figures)> {
        let (reward, terminated, truncated, figures) = self.take(Numbers::of(action)?)?;
        Ok((PyArray1::from_slice(py, self.episodes.observation()), reward, terminated, truncated, figures))
    }

    /// The present observation.
    fn observation<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f32>> {
        PyArray1::from_slice(py, self.episodes.observation())
    }

    /// Which choices are open, all heads one after another; `None` for the form `box` and where all are.
    fn mask<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<bool>>> {
        self.episodes.mask().map(|mask| PyArray1::from_slice(py, mask))
    }

    /// The figures of the episode so far.
    fn metrics(&self) -> Vec<Metric> {
        self.episodes.metrics()
    }

    /// The seed of the present episode.
    #[getter]
    fn episode_seed(&self) -> u64 {
        self.episodes.origin().seed()
    }

    /// What the present episode follows from: the last seed, the number of the episode since, and the numbers of its
    /// actions.
    fn state<'py>(&self, py: Python<'py>) -> (u64, u64, Option<Bound<'py, PyAny>>) {
        let Origin { base, episode } = self.episodes.origin();
        let taken = self.taken.clone().map(|taken| match taken {
            Numbers::Whole(numbers) => numbers.into_pyarray(py).into_any(),
            Numbers::Real(numbers) => numbers.into_pyarray(py).into_any(),
        });
        (base, episode, taken)
    }

    /// Comes to the state that another environment of this kind told, by taking its steps again.
    #[pyo3(signature = (base, episode, taken))]
    fn restore(&mut self, base: u64, episode: u64, taken: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        self.begun(Some(Origin { base, episode }));
        let Some(taken) = taken else { return Ok(()) };
        let (taken, width) = (Numbers::of(taken)?, self.episodes.width());
        (0..taken.len() / width).try_for_each(|row| self.take(taken.row(row, width)).map(drop))
    }

    /// The moment as text, 80 columns wide.
    fn frame(&self, heading: &str) -> PyResult<String> {
        Ok(frame(self.world()?, heading, FrameStyle::Coloured))
    }

    /// The last seconds as a picture, `[height, width, 3]`.
    fn picture<'py>(&self, py: Python<'py>, heading: &str) -> PyResult<Bound<'py, PyArray3<u8>>> {
        let world = self.world()?;
        let timeline = self.timeline.as_ref();
        let timeline =
            timeline.ok_or_else(|| errors::runtime("pictures need render_mode 'rgb_array' from the start"))?;
        picture::draw(py, timeline, world, heading)
    }
}
