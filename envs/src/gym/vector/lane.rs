//! [`Lane`]: one environment of a vector, with its part of the results.

use super::config::AutoresetMode;
use crate::gym::{Act, ActionSpace, Env, EnvError, Metric, Obs, Space};

/// One environment of a vector.
pub(super) struct Lane<E: Env> {
    pub env: E,
    phase: Phase,
    /// The present observation as the environment gives it; a buffer.
    observation: Option<Obs<E>>,
    /// Its flat form; a buffer.
    flat: Vec<f32>,
    /// The info of the last call, if that was a step.
    pub info: Option<E::Info>,
    /// Whether the last call ended an episode; the two fields below are of the last one that did.
    ended: bool,
    final_observation: Vec<f32>,
    final_metrics: Vec<Metric>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Never reset.
    New,
    Running,
    Ended,
}

/// The row of an environment in the results.
pub(super) struct Row<'a> {
    pub observation: &'a mut [f32],
    pub reward: &'a mut f64,
    pub terminated: &'a mut bool,
    pub truncated: &'a mut bool,
}

/// What is left of an episode that ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ended<'a> {
    /// The flat form of its last observation, `[flat_dim]`.
    pub observation: &'a [f32],
    /// Its figures ([`Env::metrics`]).
    pub metrics: &'a [Metric],
}

impl<E: Env> Lane<E> {
    pub fn new(env: E) -> Self {
        let dim = env.observation_space().flat_dim();
        Self {
            env,
            phase: Phase::New,
            observation: None,
            flat: Vec::with_capacity(dim),
            info: None,
            ended: false,
            final_observation: Vec::with_capacity(dim),
            final_metrics: Vec::new(),
        }
    }

    pub fn ended(&self) -> Option<Ended<'_>> {
        let (observation, metrics) = (&self.final_observation[..], &self.final_metrics[..]);
        self.ended.then_some(Ended { observation, metrics })
    }

    /// Whether [`step`](Self::step) would take this action; asked of all environments before any of them steps.
    pub fn check(&self, action: &Act<E>, autoreset: AutoresetMode) -> Result<(), EnvError> {
        match self.phase {
            Phase::Ended if autoreset == AutoresetMode::NextStep => return Ok(()),
            Phase::New | Phase::Ended => return Err(EnvError::ResetNeeded),
            Phase::Running => {}
        }
        let space = self.env.action_space();
        if !space.contains(action) {
            return Err(EnvError::outside(action, space));
        }
        match self.env.action_mask() {
            Some(mask) if !space.is_open(action, mask) => Err(EnvError::closed(action, space)),
            _ => Ok(()),
        }
    }

    pub fn reset(&mut self, seed: Option<u64>, row: Row<'_>) {
        self.restart(seed);
        row.observation.copy_from_slice(&self.flat);
        (*row.reward, *row.terminated, *row.truncated) = (0.0, false, false);
        self.info = None;
        self.ended = false;
    }

    /// Writes the present observation into the row; zeros before the first reset.
    pub fn show(&self, row: Row<'_>) {
        match self.phase {
            Phase::New => row.observation.fill(0.0),
            _ => row.observation.copy_from_slice(&self.flat),
        }
    }

    pub fn step(&mut self, action: &Act<E>, autoreset: AutoresetMode, row: Row<'_>) -> Result<(), EnvError> {
        if self.phase == Phase::Ended && autoreset == AutoresetMode::NextStep {
            self.reset(None, row);
            return Ok(());
        }
        let observation = self.observation.as_mut().ok_or(EnvError::ResetNeeded)?;
        let step = self.env.step_into(action, observation)?;
        self.ended = step.is_last();
        (*row.reward, *row.terminated, *row.truncated) = (step.reward, step.terminated, step.truncated);
        self.info = Some(step.info);
        self.flatten();
        if self.ended {
            self.phase = Phase::Ended;
            self.final_observation.clone_from(&self.flat);
            self.final_metrics = self.env.metrics();
            if autoreset == AutoresetMode::SameStep {
                self.restart(None);
            }
        }
        row.observation.copy_from_slice(&self.flat);
        Ok(())
    }

    fn restart(&mut self, seed: Option<u64>) {
        match &mut self.observation {
            Some(observation) => self.env.reset_into(seed, observation),
            observation => *observation = Some(self.env.reset(seed)),
        }
        self.phase = Phase::Running;
        self.flatten();
    }

    fn flatten(&mut self) {
        self.flat.clear();
        if let Some(observation) = &self.observation {
            self.env.observation_space().flatten_into(observation, &mut self.flat);
        }
    }
}
