//! [`DiscretizeAction`].

use serde_json::Value;

use crate::gym::{BoxSpace, Env, EnvError, Metric, MultiDiscrete, Obs, Space, Step};

/// Takes a choice of so many levels for each entry of a box, for methods that can only choose: level i of n is the
/// centre of the i-th of n equal parts of what lies between the bounds, as in Gymnasium's wrapper of that name with
/// `multidiscrete=True`.
///
/// # Deviations
/// Gymnasium's default is one `Discrete` space of all combinations, whose number grows with the power of the entries;
/// for a box of one entry both mean the same.
#[derive(Clone, Debug)]
pub struct DiscretizeAction<E> {
    env: E,
    levels: usize,
    action_space: MultiDiscrete,
    /// The action of the wrapped environment; a buffer.
    continuous: Vec<f32>,
}

impl<E: Env<ActionSpace = BoxSpace>> DiscretizeAction<E> {
    /// Wraps `env`; every entry of an action is then one of `levels` choices.
    ///
    /// # Panics
    /// When `levels` is 0, or a bound of the wrapped action space is not finite.
    pub fn new(env: E, levels: usize) -> Self {
        let bounded = env.action_space().bounds().all(|(low, high)| low.is_finite() && high.is_finite());
        assert!(bounded, "an action space without bounds has no equal parts: {:?}", env.action_space());
        let heads = vec![levels; env.action_space().low().len()];
        let action_space = MultiDiscrete::new(&heads).expect("an entry needs at least one level");
        Self { env, levels, action_space, continuous: Vec::new() }
    }

    /// The wrapped environment.
    pub fn inner(&self) -> &E {
        &self.env
    }

    /// The wrapped environment; actions that it is given there are taken as they are.
    pub fn inner_mut(&mut self) -> &mut E {
        &mut self.env
    }

    fn fill(&mut self, action: &Vec<usize>) -> Result<(), EnvError> {
        if !self.action_space.contains(action) {
            return Err(EnvError::outside(action, &self.action_space));
        }
        let entries = action.iter().zip(self.env.action_space().bounds());
        self.continuous.clear();
        self.continuous.extend(entries.map(|(&level, (low, high))| centre(level, self.levels, [low, high])));
        Ok(())
    }
}

/// The centre of part `level` of `levels` equal ones.
fn centre(level: usize, levels: usize, [low, high]: [f32; 2]) -> f32 {
    let share = (level as f64 + 0.5) / levels as f64;
    let value = f64::from(low) * (1.0 - share) + f64::from(high) * share;
    (value as f32).clamp(low, high)
}

impl<E: Env<ActionSpace = BoxSpace>> Env for DiscretizeAction<E> {
    type ObservationSpace = E::ObservationSpace;
    type ActionSpace = MultiDiscrete;
    type Info = E::Info;

    fn observation_space(&self) -> &E::ObservationSpace {
        self.env.observation_space()
    }

    fn action_space(&self) -> &MultiDiscrete {
        &self.action_space
    }

    fn reset(&mut self, seed: Option<u64>) -> Obs<E> {
        self.env.reset(seed)
    }

    fn step(&mut self, action: &Vec<usize>) -> Result<Step<Obs<E>, E::Info>, EnvError> {
        self.fill(action)?;
        self.env.step(&self.continuous)
    }

    fn reset_into(&mut self, seed: Option<u64>, observation: &mut Obs<E>) {
        self.env.reset_into(seed, observation);
    }

    fn step_into(&mut self, action: &Vec<usize>, observation: &mut Obs<E>) -> Result<Step<(), E::Info>, EnvError> {
        self.fill(action)?;
        self.env.step_into(&self.continuous, observation)
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
    use crate::gym::check_env;
    use crate::gym::classic::Pendulum;
    use crate::gym::probe::{Probe, Rung};

    #[test]
    fn discretized_actions_keep_the_contract() {
        check_env(|| DiscretizeAction::new(Pendulum::v1(), 5), 1, 500).unwrap();
        check_env(|| DiscretizeAction::new(Probe::continuous(Rung::Match), 1), 2, 50).unwrap();
    }

    /// Torques from -2 to 2 in four parts: centres -1.5, -0.5, 0.5 and 1.5.
    #[test]
    fn levels_are_the_centres_of_equal_parts() {
        for (level, torque) in [(0, -1.5), (1, -0.5), (2, 0.5), (3, 1.5)] {
            let (mut levelled, mut original) = (DiscretizeAction::new(Pendulum::v1(), 4), Pendulum::v1());
            levelled.reset(Some(1));
            original.reset(Some(1));
            assert_eq!(levelled.step(&vec![level]).unwrap(), original.step(&vec![torque]).unwrap());
        }
        assert_eq!(centre(0, 1, [f32::MIN, f32::MAX]), 0.0);
    }

    #[test]
    #[should_panic(expected = "has no equal parts")]
    fn an_unbounded_space_cannot_be_discretized() {
        DiscretizeAction::new(super::super::ClipAction::new(Pendulum::v1()), 3);
    }
}
