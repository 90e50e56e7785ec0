//! [`VectorEnv`].

use std::fmt;
use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::config::VectorConfig;
use super::error::VectorError;
use super::lane::{Ended, Lane, Row};
use super::pace::Pace;
use crate::gym::{Act, ActionSpace, Env, EnvError, Space};

/// An environment that any thread may step: whatever may be sent to another thread is one.
pub trait ParallelEnv:
    Env<ObservationSpace: Space<Element: Send>, ActionSpace: ActionSpace<Element: Sync>, Info: Send> + Send
{
}

impl<E> ParallelEnv for E where
    E: Env<ObservationSpace: Space<Element: Send>, ActionSpace: ActionSpace<Element: Sync>, Info: Send> + Send
{
}

/// Copies of an environment side by side, stepped in parallel by the threads of the current rayon pool.
///
/// Observations come in their flat form ([`Space::flatten`]), one row for each environment in one buffer of shape
/// `[n, flat_dim]`. Results do not depend on the number of threads. A step is all or nothing: if one environment would
/// refuse its action, none is stepped. Steps allocate what the environments allocate in [`step_into`](Env::step_into)
/// and, at ends of episodes, in [`metrics`](Env::metrics); where several threads take part, rayon's queue grows now and
/// then.
///
/// ```
/// use mec_envs::gym::classic::CartPole;
/// use mec_envs::gym::{AutoresetMode, VectorConfig, VectorEnv};
///
/// let config = VectorConfig::with_autoreset(AutoresetMode::SameStep);
/// let mut vector = VectorEnv::new((0..8).map(|_| CartPole::v1()), config)?;
/// let observations = vector.reset(Some(7));
/// assert_eq!(observations.len(), 8 * 4);
/// for _ in 0..100 {
///     let step = vector.step(&[1; 8])?;
///     for index in (0..8).filter(|&index| step.terminated[index]) {
///         let last = step.ended(index).expect("a termination ends an episode").observation;
///         assert!(last != step.observation(index), "the row shows the next episode already");
///     }
/// }
/// # Ok::<(), mec_envs::gym::VectorError>(())
/// ```
///
/// # Design
/// Statistics that all environments share, as in Gymnasium's vector wrappers, are
/// [`RunningMoments`](crate::gym::RunningMoments) of the caller: `update_rows` with the observations of a step, then
/// `normalize`. A [`NormalizeObservation`](crate::gym::NormalizeObservation) inside has statistics of its own for each
/// environment, which would otherwise wait for each other.
///
/// # Deviations
/// From Gymnasium: observations are always flat; a step with an action that one environment would refuse leaves all as
/// they were; [`reset_where`](Self::reset_where) may be asked to reset none.
pub struct VectorEnv<E: Env> {
    lanes: Vec<Lane<E>>,
    config: VectorConfig,
    pace: Pace,
    dim: usize,
    choices: usize,
    observations: Vec<f32>,
    rewards: Vec<f64>,
    terminated: Vec<bool>,
    truncated: Vec<bool>,
}

/// What a step of all environments shows: one row for each, in order.
pub struct VectorStep<'a, E: Env> {
    /// Flat observations to act on next, `[n, flat_dim]`; see [`AutoresetMode`](super::AutoresetMode) for those of
    /// ended episodes.
    pub observations: &'a [f32],
    /// Rewards, `[n]`.
    pub rewards: &'a [f64],
    /// Which episodes this step terminated, `[n]`.
    pub terminated: &'a [bool],
    /// Which episodes this step truncated, `[n]`.
    pub truncated: &'a [bool],
    lanes: &'a [Lane<E>],
}

impl<'a, E: Env> VectorStep<'a, E> {
    /// The row of one environment, `[flat_dim]`.
    ///
    /// # Panics
    /// When there is no such environment; so do the methods below.
    pub fn observation(&self, index: usize) -> &'a [f32] {
        let dim = self.observations.len() / self.lanes.len();
        &self.observations[index * dim..(index + 1) * dim]
    }

    /// What the step of an environment told; `None` if it was reset instead.
    pub fn info(&self, index: usize) -> Option<&'a E::Info> {
        self.lanes[index].info.as_ref()
    }

    /// The episode that the step of an environment ended, in every mode.
    pub fn ended(&self, index: usize) -> Option<Ended<'a>> {
        self.lanes[index].ended()
    }
}

impl<E: Env> fmt::Debug for VectorStep<'_, E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("VectorStep")
            .field("observations", &self.observations)
            .field("rewards", &self.rewards)
            .field("terminated", &self.terminated)
            .field("truncated", &self.truncated)
            .finish_non_exhaustive()
    }
}

impl<E: Env> fmt::Debug for VectorEnv<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = formatter.debug_struct("VectorEnv");
        fields.field("config", &self.config).field("num_envs", &self.lanes.len()).finish_non_exhaustive()
    }
}

impl<E: ParallelEnv> VectorEnv<E> {
    /// These environments side by side, none of them reset yet.
    ///
    /// # Errors
    /// [`VectorError`] when there is none, they differ in their spaces, their observations are empty, or `min_work_s`
    /// is negative or not a number.
    pub fn new(envs: impl IntoIterator<Item = E>, config: VectorConfig) -> Result<Self, VectorError> {
        if config.min_work_s.is_nan() || config.min_work_s < 0.0 {
            return Err(VectorError::InvalidMinWork { found: config.min_work_s });
        }
        let lanes: Vec<Lane<E>> = envs.into_iter().map(Lane::new).collect();
        let first = &lanes.first().ok_or(VectorError::NoEnvironment)?.env;
        for (index, lane) in lanes.iter().enumerate().skip(1) {
            same_spaces(first, &lane.env, index)?;
        }
        let (n, dim) = (lanes.len(), first.observation_space().flat_dim());
        if dim == 0 {
            return Err(VectorError::NoObservation);
        }
        Ok(Self {
            choices: first.action_space().layout().choices(),
            lanes,
            config,
            pace: Pace::new(config.min_work_s),
            dim,
            observations: vec![0.0; n * dim],
            rewards: vec![0.0; n],
            terminated: vec![false; n],
            truncated: vec![false; n],
        })
    }

    /// Number of environments, n.
    pub fn num_envs(&self) -> usize {
        self.lanes.len()
    }

    /// Length of one flat observation.
    pub fn flat_dim(&self) -> usize {
        self.dim
    }

    /// One of the environments.
    ///
    /// # Panics
    /// When there is no such environment.
    pub fn env(&self, index: usize) -> &E {
        &self.lanes[index].env
    }

    /// One of the environments, for what the interface does not offer. Steps and resets of it go unnoticed.
    ///
    /// # Panics
    /// When there is no such environment.
    pub fn env_mut(&mut self, index: usize) -> &mut E {
        &mut self.lanes[index].env
    }

    /// Writes which choices are open now over `out`, `[n, choices]`; all of them where an environment names none (see
    /// [`Env::action_mask`]).
    pub fn action_masks(&self, out: &mut Vec<bool>) {
        out.clear();
        for lane in &self.lanes {
            match lane.env.action_mask() {
                Some(mask) => out.extend_from_slice(mask),
                None => out.resize(out.len() + self.choices, true),
            }
        }
    }

    /// The results of the last call; zeros before the first.
    pub fn last(&self) -> VectorStep<'_, E> {
        VectorStep {
            observations: &self.observations,
            rewards: &self.rewards,
            terminated: &self.terminated,
            truncated: &self.truncated,
            lanes: &self.lanes,
        }
    }

    /// Starts an episode in every environment, and returns the flat observations, `[n, flat_dim]`. `Some(seed)` seeds
    /// environment i with `seed + i`, as in Gymnasium; `None` continues all streams.
    pub fn reset(&mut self, seed: Option<u64>) -> &[f32] {
        self.reset_lanes(|index| Some(nth(seed, index)));
        &self.observations
    }

    /// [`reset`](Self::reset) with a seed for each environment.
    ///
    /// # Errors
    /// [`VectorError::WrongLength`] when there are not n seeds.
    pub fn reset_each(&mut self, seeds: &[Option<u64>]) -> Result<&[f32], VectorError> {
        self.one_for_each("seeds", seeds.len())?;
        self.reset_lanes(|index| Some(seeds[index]));
        Ok(&self.observations)
    }

    /// [`reset`](Self::reset) of those environments that `which` marks; the others keep their episodes and rows.
    /// Environment i is seeded with `seed + i`, whichever others are.
    ///
    /// # Errors
    /// [`VectorError::WrongLength`] when there are not n marks.
    pub fn reset_where(&mut self, which: &[bool], seed: Option<u64>) -> Result<&[f32], VectorError> {
        self.one_for_each("marks", which.len())?;
        self.reset_lanes(|index| which[index].then(|| nth(seed, index)));
        Ok(&self.observations)
    }

    /// [`reset_where`](Self::reset_where) with the rows of all environments written over `observations`; zeros for those
    /// that were never reset.
    ///
    /// # Errors
    /// As [`reset_where`](Self::reset_where).
    ///
    /// # Panics
    /// When `observations` is not `[n, flat_dim]`.
    pub fn reset_where_into(
        &mut self,
        which: &[bool],
        seed: Option<u64>,
        observations: &mut [f32],
    ) -> Result<(), VectorError> {
        self.one_for_each("marks", which.len())?;
        self.run(observations, |index, lane, row| {
            match which[index] {
                true => lane.reset(nth(seed, index), row),
                false => lane.show(row),
            }
            Ok(())
        });
        Ok(())
    }

    /// Advances every environment by its action, `[n]`; see [`AutoresetMode`](super::AutoresetMode) for those whose
    /// episode has ended.
    ///
    /// # Errors
    /// [`VectorError::WrongLength`] when there are not n actions, and [`VectorError::Env`] with the first environment
    /// that needs a reset or an action in the space and open. All environments are then unchanged. An environment that
    /// refuses what it offered is named as well, but the others have then gone on.
    pub fn step(&mut self, actions: &[Act<E>]) -> Result<VectorStep<'_, E>, VectorError> {
        let mut observations = std::mem::take(&mut self.observations);
        let stepped = self.advance(actions, &mut observations);
        self.observations = observations;
        stepped.map(|()| self.last())
    }

    /// [`step`](Self::step) that writes the observations straight into memory of the caller, `[n, flat_dim]`, such as an
    /// array of another language; [`last`](Self::last) then has the other results alone.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    ///
    /// # Panics
    /// When `observations` is not `[n, flat_dim]`.
    pub fn step_into<'a>(
        &'a mut self,
        actions: &[Act<E>],
        observations: &'a mut [f32],
    ) -> Result<VectorStep<'a, E>, VectorError> {
        self.advance(actions, observations)?;
        Ok(VectorStep { observations, ..self.last() })
    }

    fn advance(&mut self, actions: &[Act<E>], observations: &mut [f32]) -> Result<(), VectorError> {
        self.one_for_each("actions", actions.len())?;
        let autoreset = self.config.autoreset;
        for (index, (lane, action)) in self.lanes.iter().zip(actions).enumerate() {
            lane.check(action, autoreset).map_err(|source| VectorError::Env { index, source })?;
        }
        let report = self.run(observations, |index, lane, row| lane.step(&actions[index], autoreset, row));
        self.pace.learn(report.work, self.lanes.len());
        match report.failure {
            Some((index, source)) => Err(VectorError::Env { index, source }),
            None => Ok(()),
        }
    }

    fn one_for_each(&self, what: &'static str, found: usize) -> Result<(), VectorError> {
        match self.lanes.len() {
            expected if expected == found => Ok(()),
            expected => Err(VectorError::WrongLength { what, found, expected }),
        }
    }

    /// Resets the environments for which there is a seed, or a `None` to go on with.
    fn reset_lanes(&mut self, seed: impl Fn(usize) -> Option<Option<u64>> + Sync) {
        let mut observations = std::mem::take(&mut self.observations);
        self.run(&mut observations, |index, lane, row| {
            if let Some(seed) = seed(index) {
                lane.reset(seed, row);
            }
            Ok(())
        });
        self.observations = observations;
    }

    /// Does something to all lanes, in pieces on several threads where that pays.
    fn run<A>(&mut self, observations: &mut [f32], act: A) -> Report
    where
        A: Fn(usize, &mut Lane<E>, Row<'_>) -> Result<(), EnvError> + Sync,
    {
        assert_eq!(observations.len(), self.lanes.len() * self.dim, "observations need a row for each environment");
        let size = self.pace.piece(self.lanes.len());
        let rows = size * self.dim;
        if size == self.lanes.len() {
            let piece = Piece {
                first: 0,
                dim: self.dim,
                lanes: &mut self.lanes,
                observations,
                rewards: &mut self.rewards,
                ends: (&mut self.terminated, &mut self.truncated),
            };
            return piece.run(&act);
        }
        let ends = self.terminated.par_chunks_mut(size).zip(self.truncated.par_chunks_mut(size));
        let lanes = self.lanes.par_chunks_mut(size).zip(observations.par_chunks_mut(rows));
        let pieces = lanes.zip(self.rewards.par_chunks_mut(size)).zip(ends).enumerate();
        let dim = self.dim;
        pieces
            .map(|(piece, (((lanes, observations), rewards), ends))| {
                Piece { first: piece * size, dim, lanes, observations, rewards, ends }.run(&act)
            })
            .reduce(Report::default, Report::and)
    }
}

/// The seed of environment `index`.
fn nth(seed: Option<u64>, index: usize) -> Option<u64> {
    seed.map(|seed| seed.wrapping_add(index as u64))
}

fn same_spaces<E: Env>(first: &E, other: &E, index: usize) -> Result<(), VectorError> {
    let (observations, actions) = (other.observation_space(), other.action_space());
    // Spaces need not be comparable, but all can be shown.
    let differ = |what, one: String, found: String| match one == found {
        true => Ok(()),
        false => Err(VectorError::DifferentSpace { index, what, found }),
    };
    differ("observation space", format!("{:?}", first.observation_space()), format!("{observations:?}"))?;
    differ("action space", format!("{:?}", first.action_space()), format!("{actions:?}"))
}

/// Neighbouring lanes and their rows, which one thread takes.
struct Piece<'a, E: Env> {
    first: usize,
    dim: usize,
    lanes: &'a mut [Lane<E>],
    observations: &'a mut [f32],
    rewards: &'a mut [f64],
    /// Terminated and truncated.
    ends: (&'a mut [bool], &'a mut [bool]),
}

/// How long something took, and the first lane that refused.
#[derive(Default)]
struct Report {
    work: Duration,
    failure: Option<(usize, EnvError)>,
}

impl Report {
    /// Both; of two failures the one of the lower index, whichever came first.
    fn and(self, other: Self) -> Self {
        let failures = self.failure.into_iter().chain(other.failure);
        Self { work: self.work + other.work, failure: failures.min_by_key(|(index, _)| *index) }
    }
}

impl<E: Env> Piece<'_, E> {
    fn run(self, act: &impl Fn(usize, &mut Lane<E>, Row<'_>) -> Result<(), EnvError>) -> Report {
        let started = Instant::now();
        let mut failure = None;
        let ends = self.ends.0.iter_mut().zip(self.ends.1);
        let rows = self.observations.chunks_exact_mut(self.dim).zip(self.rewards).zip(ends);
        for (index, (lane, row)) in self.lanes.iter_mut().zip(rows).enumerate() {
            let ((observation, reward), (terminated, truncated)) = row;
            let index = self.first + index;
            if let Err(error) = act(index, lane, Row { observation, reward, terminated, truncated }) {
                failure = failure.or(Some((index, error)));
            }
        }
        Report { work: started.elapsed(), failure }
    }
}
