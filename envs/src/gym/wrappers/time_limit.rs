//! [`TimeLimit`]: the only place that truncates by step count.

use serde_json::Value;

use crate::gym::{Act, Env, EnvError, Metric, Obs, Step};

/// Truncates an episode after a number of steps, as Gymnasium's wrapper of that name.
#[derive(Clone, Debug)]
pub struct TimeLimit<E> {
    env: E,
    max_steps: usize,
    elapsed: Option<usize>,
}

impl<E: Env> TimeLimit<E> {
    /// Wraps `env`, whose episodes then have at most `max_steps` steps.
    ///
    /// # Panics
    /// When `max_steps` is 0.
    pub fn new(env: E, max_steps: usize) -> Self {
        assert!(max_steps > 0, "a time limit of 0 steps leaves no episode");
        Self { env, max_steps, elapsed: None }
    }

    /// The wrapped environment.
    pub fn inner(&self) -> &E {
        &self.env
    }

    /// The wrapped environment, for what the interface does not offer, such as a state to start from. Steps and resets
    /// of it are not counted.
    pub fn inner_mut(&mut self) -> &mut E {
        &mut self.env
    }

    fn counted<O>(&mut self, elapsed: usize, mut step: Step<O, E::Info>) -> Step<O, E::Info> {
        step.truncated |= elapsed + 1 >= self.max_steps && !step.terminated;
        self.elapsed = (!step.is_last()).then_some(elapsed + 1);
        step
    }
}

impl<E: Env> Env for TimeLimit<E> {
    type ObservationSpace = E::ObservationSpace;
    type ActionSpace = E::ActionSpace;
    type Info = E::Info;

    fn observation_space(&self) -> &Self::ObservationSpace {
        self.env.observation_space()
    }

    fn action_space(&self) -> &Self::ActionSpace {
        self.env.action_space()
    }

    fn reset(&mut self, seed: Option<u64>) -> Obs<Self> {
        self.elapsed = Some(0);
        self.env.reset(seed)
    }

    fn step(&mut self, action: &Act<Self>) -> Result<Step<Obs<Self>, Self::Info>, EnvError> {
        let elapsed = self.elapsed.ok_or(EnvError::ResetNeeded)?;
        let step = self.env.step(action)?;
        Ok(self.counted(elapsed, step))
    }

    fn reset_into(&mut self, seed: Option<u64>, observation: &mut Obs<Self>) {
        self.elapsed = Some(0);
        self.env.reset_into(seed, observation);
    }

    fn step_into(&mut self, action: &Act<Self>, observation: &mut Obs<Self>) -> Result<Step<(), Self::Info>, EnvError> {
        let elapsed = self.elapsed.ok_or(EnvError::ResetNeeded)?;
        let step = self.env.step_into(action, observation)?;
        Ok(self.counted(elapsed, step))
    }

    fn action_mask(&self) -> Option<&[bool]> {
        self.env.action_mask()
    }

    fn metrics(&self) -> Vec<Metric> {
        self.env.metrics()
    }

    fn memory(&self) -> Option<Value> {
        self.env.memory()
    }

    fn set_memory(&mut self, memory: Option<&Value>) -> Result<(), EnvError> {
        self.env.set_memory(memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gym::probe::{Probe, Rung};

    #[test]
    fn the_limit_truncates_and_never_terminates() {
        let mut env = TimeLimit::new(Probe::discrete(Rung::Endless), 3);
        env.reset(Some(0));
        let ends: Vec<_> =
            (0..3).map(|_| env.step(&0).map(|step| (step.terminated, step.truncated)).unwrap()).collect();
        assert_eq!(ends, [(false, false), (false, false), (false, true)]);
        assert_eq!(env.step(&0).unwrap_err(), EnvError::ResetNeeded);
    }
}
