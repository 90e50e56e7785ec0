//! [`NormalizeObservation`].

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::running_moments::{EPSILON, MomentsError, RunningMoments, Updates, positive};
use crate::gym::env::{from_memory, to_memory};
use crate::gym::{Act, BoxSpace, Env, EnvError, Metric, Space, Step};

/// Brings each entry of the observation to mean 0 and variance 1 by its running statistics, as Gymnasium's wrapper of
/// that name: (value - mean) / sqrt(variance + 1e-8).
///
/// Every observation counts before it is normalised, those of `reset` included. A seeded `reset` leaves the statistics:
/// they belong to a training and not to an episode. For other observations than boxes, put a
/// [`FlattenObservation`](super::FlattenObservation) between.
///
/// ```
/// use mec_envs::gym::classic::CartPole;
/// use mec_envs::gym::{Env, NormalizeObservation, RunningMoments, Updates};
///
/// let mut training = NormalizeObservation::new(CartPole::v1());
/// training.reset(Some(1));
/// training.step(&0)?;
/// let saved = toml::to_string(training.moments()).unwrap();
///
/// let moments: RunningMoments = toml::from_str(&saved).unwrap();
/// let mut evaluation = NormalizeObservation::with_moments(CartPole::v1(), moments)?;
/// evaluation.set_updates(Updates::Frozen);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Deviations
/// The statistics have 64 bits, Gymnasium's 32: see [`RunningMoments`].
#[derive(Clone, Debug)]
pub struct NormalizeObservation<E> {
    env: E,
    observation_space: BoxSpace,
    moments: RunningMoments,
    epsilon: f64,
    updates: Updates,
}

/// What outlives an episode.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Memory {
    moments: RunningMoments,
    env: Option<Value>,
}

impl<E: Env<ObservationSpace = BoxSpace>> NormalizeObservation<E> {
    /// Wraps `env`, with statistics that know nothing yet.
    pub fn new(env: E) -> Self {
        let entries = env.observation_space().flat_dim();
        Self::of(env, RunningMoments::new(entries))
    }

    /// Wraps `env`, with statistics that were saved.
    ///
    /// # Errors
    /// [`MomentsError::WrongLength`] when they are of another observation.
    pub fn with_moments(env: E, moments: RunningMoments) -> Result<Self, MomentsError> {
        let entries = env.observation_space().flat_dim();
        Ok(Self::of(env, moments.of_entries(entries)?))
    }

    fn of(env: E, moments: RunningMoments) -> Self {
        let observation_space = BoxSpace::uniform(env.observation_space().shape(), f32::NEG_INFINITY, f32::INFINITY);
        Self { env, observation_space, moments, epsilon: EPSILON, updates: Updates::Running }
    }

    /// The same with another term under the root than 1e-8.
    ///
    /// # Panics
    /// When it is not a finite number above 0.
    pub fn with_epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = positive(epsilon);
        self
    }

    /// Whether observations to come change the statistics.
    pub fn set_updates(&mut self, updates: Updates) {
        self.updates = updates;
    }

    /// The statistics of the observations so far.
    pub fn moments(&self) -> &RunningMoments {
        &self.moments
    }

    /// The wrapped environment.
    pub fn inner(&self) -> &E {
        &self.env
    }

    /// The wrapped environment; observations that it gives there are neither counted nor normalised.
    pub fn inner_mut(&mut self) -> &mut E {
        &mut self.env
    }

    fn normalize(&mut self, observation: &mut [f32]) {
        if self.updates == Updates::Running {
            self.moments.update(observation);
        }
        self.moments.normalize(observation, self.epsilon);
    }
}

impl<E: Env<ObservationSpace = BoxSpace>> Env for NormalizeObservation<E> {
    type ObservationSpace = BoxSpace;
    type ActionSpace = E::ActionSpace;
    type Info = E::Info;

    fn observation_space(&self) -> &BoxSpace {
        &self.observation_space
    }

    fn action_space(&self) -> &E::ActionSpace {
        self.env.action_space()
    }

    fn reset(&mut self, seed: Option<u64>) -> Vec<f32> {
        let mut observation = self.env.reset(seed);
        self.normalize(&mut observation);
        observation
    }

    fn step(&mut self, action: &Act<E>) -> Result<Step<Vec<f32>, E::Info>, EnvError> {
        let mut step = self.env.step(action)?;
        self.normalize(&mut step.observation);
        Ok(step)
    }

    fn reset_into(&mut self, seed: Option<u64>, observation: &mut Vec<f32>) {
        self.env.reset_into(seed, observation);
        self.normalize(observation);
    }

    fn step_into(&mut self, action: &Act<E>, observation: &mut Vec<f32>) -> Result<Step<(), E::Info>, EnvError> {
        let step = self.env.step_into(action, observation)?;
        self.normalize(observation);
        Ok(step)
    }

    fn action_mask(&self) -> Option<&[bool]> {
        self.env.action_mask()
    }

    fn metrics(&self) -> Vec<Metric> {
        self.env.metrics()
    }

    fn memory(&self) -> Option<Value> {
        to_memory(Memory { moments: self.moments.clone(), env: self.env.memory() })
    }

    fn set_memory(&mut self, memory: Option<&Value>) -> Result<(), EnvError> {
        let Memory { moments, env } = from_memory(memory)?;
        let foreign = |error: MomentsError| EnvError::ForeignMemory { reason: error.to_string() };
        let moments = moments.of_entries(self.env.observation_space().flat_dim()).map_err(foreign)?;
        self.env.set_memory(env.as_ref())?;
        self.moments = moments;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gym::classic::{CartPole, Pendulum};
    use crate::gym::probe::{Probe, Rung};
    use crate::gym::{TimeLimit, check_env};

    #[test]
    fn normal_observations_keep_the_contract() {
        check_env(|| NormalizeObservation::new(Pendulum::v1()), 1, 500).unwrap();
        check_env(|| NormalizeObservation::new(CartPole::v1()).with_epsilon(1e-3), 2, 500).unwrap();
        for rung in Rung::ALL {
            check_env(|| NormalizeObservation::new(TimeLimit::new(Probe::multi_discrete(rung), 5)), 3, 50).unwrap();
        }
    }

    #[test]
    fn a_refused_action_is_not_counted() {
        let mut env = NormalizeObservation::new(Pendulum::v1());
        env.reset(Some(1));
        let before = env.moments().clone();
        assert!(env.step(&vec![f32::NAN]).is_err());
        assert_eq!(env.moments(), &before);
    }

    #[test]
    fn frozen_statistics_stay_and_serve() {
        let mut env = NormalizeObservation::new(Pendulum::v1());
        env.reset(Some(1));
        env.set_updates(Updates::Frozen);
        let before = env.moments().clone();
        let mut expected = env.inner().clone().step(&vec![1.0]).unwrap().observation;
        before.normalize(&mut expected, 1e-8);
        assert_eq!(env.step(&vec![1.0]).unwrap().observation, expected);
        assert_eq!(env.moments(), &before);
    }

    #[test]
    fn statistics_of_another_observation_are_refused() {
        let error = NormalizeObservation::with_moments(CartPole::v1(), RunningMoments::new(3)).unwrap_err();
        assert_eq!(error.to_string(), "the mean of running statistics has 3 entries, expected 4");
    }
}
