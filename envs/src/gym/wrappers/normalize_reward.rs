//! [`NormalizeReward`].

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::running_moments::{EPSILON, MomentsError, RunningMoments, Updates, positive};
use crate::gym::env::{from_memory, to_memory};
use crate::gym::{Act, Env, EnvError, Metric, Obs, Step};

/// Divides rewards by the running standard deviation of the discounted return, as Gymnasium's wrapper of that name:
/// reward / sqrt(variance + 1e-8). Rewards are not centred.
///
/// # Design
/// What counts is Gymnasium's rolling sum to the digit, oddities included, because published runs have it: the sum so
/// far is multiplied by gamma and, if the step terminates, by 0, and then the reward is added. So the terminating
/// reward stands alone and is carried into the next episode, and a truncated episode is carried on, too: it did not
/// end. `reset` changes nothing, seeded or not.
#[derive(Clone, Debug)]
pub struct NormalizeReward<E> {
    env: E,
    moments: RunningMoments,
    discounted_return: f64,
    gamma: f64,
    epsilon: f64,
    updates: Updates,
}

/// What outlives an episode.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Memory {
    moments: RunningMoments,
    discounted_return: f64,
    env: Option<Value>,
}

impl<E: Env> NormalizeReward<E> {
    /// Wraps `env` for a method that discounts by `gamma`, with statistics that know nothing yet.
    ///
    /// # Panics
    /// When `gamma` is not between 0 and 1.
    pub fn new(env: E, gamma: f64) -> Self {
        assert!((0.0..=1.0).contains(&gamma), "gamma is {gamma}; it must lie between 0 and 1");
        let moments = RunningMoments::new(1);
        Self { env, moments, discounted_return: 0.0, gamma, epsilon: EPSILON, updates: Updates::Running }
    }

    /// Wraps `env`, with statistics that were saved.
    ///
    /// # Errors
    /// [`MomentsError::WrongLength`] when they are not of one number.
    ///
    /// # Panics
    /// When `gamma` is not between 0 and 1.
    pub fn with_moments(env: E, gamma: f64, moments: RunningMoments) -> Result<Self, MomentsError> {
        Ok(Self { moments: moments.of_entries(1)?, ..Self::new(env, gamma) })
    }

    /// The same with another term under the root than 1e-8.
    ///
    /// # Panics
    /// When it is not a finite number above 0.
    pub fn with_epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = positive(epsilon);
        self
    }

    /// Whether rewards to come change the statistics.
    pub fn set_updates(&mut self, updates: Updates) {
        self.updates = updates;
    }

    /// The statistics of the discounted return so far, one entry.
    pub fn moments(&self) -> &RunningMoments {
        &self.moments
    }

    /// The wrapped environment.
    pub fn inner(&self) -> &E {
        &self.env
    }

    /// The wrapped environment; rewards that it gives there are neither counted nor normalised.
    pub fn inner_mut(&mut self) -> &mut E {
        &mut self.env
    }

    fn normalized<O>(&mut self, mut step: Step<O, E::Info>) -> Step<O, E::Info> {
        let before = if step.terminated { 0.0 } else { self.discounted_return * self.gamma };
        self.discounted_return = before + step.reward;
        if self.updates == Updates::Running {
            self.moments.update(&[self.discounted_return]);
        }
        step.reward /= (self.moments.variance()[0] + self.epsilon).sqrt();
        step
    }
}

impl<E: Env> Env for NormalizeReward<E> {
    type ObservationSpace = E::ObservationSpace;
    type ActionSpace = E::ActionSpace;
    type Info = E::Info;

    fn observation_space(&self) -> &E::ObservationSpace {
        self.env.observation_space()
    }

    fn action_space(&self) -> &E::ActionSpace {
        self.env.action_space()
    }

    fn reset(&mut self, seed: Option<u64>) -> Obs<E> {
        self.env.reset(seed)
    }

    fn step(&mut self, action: &Act<E>) -> Result<Step<Obs<E>, E::Info>, EnvError> {
        let step = self.env.step(action)?;
        Ok(self.normalized(step))
    }

    fn reset_into(&mut self, seed: Option<u64>, observation: &mut Obs<E>) {
        self.env.reset_into(seed, observation);
    }

    fn step_into(&mut self, action: &Act<E>, observation: &mut Obs<E>) -> Result<Step<(), E::Info>, EnvError> {
        let step = self.env.step_into(action, observation)?;
        Ok(self.normalized(step))
    }

    fn action_mask(&self) -> Option<&[bool]> {
        self.env.action_mask()
    }

    fn metrics(&self) -> Vec<Metric> {
        self.env.metrics()
    }

    fn memory(&self) -> Option<Value> {
        let (moments, discounted_return) = (self.moments.clone(), self.discounted_return);
        to_memory(Memory { moments, discounted_return, env: self.env.memory() })
    }

    fn set_memory(&mut self, memory: Option<&Value>) -> Result<(), EnvError> {
        let Memory { moments, discounted_return, env } = from_memory(memory)?;
        let foreign = |error: MomentsError| EnvError::ForeignMemory { reason: error.to_string() };
        let moments = moments.of_entries(1).map_err(foreign)?;
        self.env.set_memory(env.as_ref())?;
        (self.moments, self.discounted_return) = (moments, discounted_return);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gym::classic::{CartPole, MountainCarContinuous};
    use crate::gym::probe::{Probe, Rung};
    use crate::gym::{TimeLimit, check_env};

    #[test]
    fn normal_rewards_keep_the_contract() {
        check_env(|| NormalizeReward::new(MountainCarContinuous::v0(), 0.99), 1, 500).unwrap();
        check_env(|| NormalizeReward::new(CartPole::v1(), 0.0).with_epsilon(1.0), 2, 500).unwrap();
        for rung in Rung::ALL {
            check_env(|| NormalizeReward::new(TimeLimit::new(Probe::discrete(rung), 5), 1.0), 3, 50).unwrap();
        }
    }

    #[test]
    fn frozen_statistics_stay_and_serve() {
        let moments = RunningMoments::from_parts(vec![3.0], vec![4.0], 10.0).unwrap();
        let mut env = NormalizeReward::with_moments(CartPole::v1(), 0.9, moments.clone()).unwrap();
        env.set_updates(Updates::Frozen);
        env.reset(Some(1));
        assert!((env.step(&0).unwrap().reward - 0.5).abs() < 1e-8);
        assert_eq!(env.moments(), &moments);
        assert!(NormalizeReward::with_moments(CartPole::v1(), 0.9, RunningMoments::new(2)).is_err());
    }

    #[test]
    #[should_panic(expected = "gamma is 1.5")]
    fn a_discount_above_one_is_a_bug_of_the_caller() {
        NormalizeReward::new(CartPole::v1(), 1.5);
    }
}
