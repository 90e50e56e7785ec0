//! [`RescaleAction`].

use crate::gym::{BoxSpace, Env, EnvError, Metric, Obs, Space, Step};

/// Takes actions between two numbers and stretches them to the box of the wrapped environment, as Gymnasium's wrapper
/// of that name.
#[derive(Clone, Debug)]
pub struct RescaleAction<E> {
    env: E,
    action_space: BoxSpace,
    low: f64,
    high: f64,
    /// The action after stretching; a buffer.
    rescaled: Vec<f32>,
}

impl<E: Env<ActionSpace = BoxSpace>> RescaleAction<E> {
    /// Wraps `env`; every entry of an action then lies between `low` and `high`.
    ///
    /// # Panics
    /// When `low` is not below `high`, or one of them or a bound of the wrapped action space is not finite.
    pub fn new(env: E, low: f32, high: f32) -> Self {
        assert!(low < high && low.is_finite() && high.is_finite(), "actions cannot lie between {low} and {high}");
        let bounded = env.action_space().bounds().all(|(low, high)| low.is_finite() && high.is_finite());
        assert!(bounded, "an action space without bounds cannot be rescaled: {:?}", env.action_space());
        let action_space = BoxSpace::uniform(env.action_space().shape(), low, high);
        Self { env, action_space, low: low.into(), high: high.into(), rescaled: Vec::new() }
    }

    /// The wrapped environment.
    pub fn inner(&self) -> &E {
        &self.env
    }

    /// The wrapped environment; actions that it is given there are not rescaled.
    pub fn inner_mut(&mut self) -> &mut E {
        &mut self.env
    }

    fn rescale(&mut self, action: &Vec<f32>) -> Result<(), EnvError> {
        if !self.action_space.contains(action) {
            return Err(EnvError::outside(action, &self.action_space));
        }
        let (from, width) = (self.low, self.high - self.low);
        self.rescaled.clear();
        self.rescaled.extend(action.iter().zip(self.env.action_space().bounds()).map(|(&entry, (low, high))| {
            let share = (f64::from(entry) - from) / width;
            let stretched = f64::from(low) + share * (f64::from(high) - f64::from(low));
            (stretched as f32).clamp(low, high)
        }));
        Ok(())
    }
}

impl<E: Env<ActionSpace = BoxSpace>> Env for RescaleAction<E> {
    type ObservationSpace = E::ObservationSpace;
    type ActionSpace = BoxSpace;
    type Info = E::Info;

    fn observation_space(&self) -> &E::ObservationSpace {
        self.env.observation_space()
    }

    fn action_space(&self) -> &BoxSpace {
        &self.action_space
    }

    fn reset(&mut self, seed: Option<u64>) -> Obs<E> {
        self.env.reset(seed)
    }

    fn step(&mut self, action: &Vec<f32>) -> Result<Step<Obs<E>, E::Info>, EnvError> {
        self.rescale(action)?;
        self.env.step(&self.rescaled)
    }

    fn reset_into(&mut self, seed: Option<u64>, observation: &mut Obs<E>) {
        self.env.reset_into(seed, observation);
    }

    fn step_into(&mut self, action: &Vec<f32>, observation: &mut Obs<E>) -> Result<Step<(), E::Info>, EnvError> {
        self.rescale(action)?;
        self.env.step_into(&self.rescaled, observation)
    }

    fn action_mask(&self) -> Option<&[bool]> {
        self.env.action_mask()
    }

    fn metrics(&self) -> Vec<Metric> {
        self.env.metrics()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gym::check_env;
    use crate::gym::classic::Pendulum;
    use crate::gym::probe::{Probe, Rung};

    #[test]
    fn rescaled_actions_keep_the_contract() {
        check_env(|| RescaleAction::new(Pendulum::v1(), -1.0, 1.0), 1, 500).unwrap();
        check_env(|| RescaleAction::new(Probe::continuous(Rung::Match), 5.0, 6.0), 2, 50).unwrap();
    }

    #[test]
    fn the_bounds_become_the_bounds_and_the_middle_the_middle() {
        for (action, torque) in [(3.0, -2.0), (3.5, -1.0), (4.0, 0.0), (5.0, 2.0)] {
            let (mut rescaled, mut original) = (RescaleAction::new(Pendulum::v1(), 3.0, 5.0), Pendulum::v1());
            rescaled.reset(Some(1));
            original.reset(Some(1));
            assert_eq!(rescaled.step(&vec![action]).unwrap(), original.step(&vec![torque]).unwrap());
        }
    }

    #[test]
    #[should_panic(expected = "cannot be rescaled")]
    fn an_unbounded_space_cannot_be_rescaled() {
        RescaleAction::new(super::super::ClipAction::new(Pendulum::v1()), -1.0, 1.0);
    }
}
