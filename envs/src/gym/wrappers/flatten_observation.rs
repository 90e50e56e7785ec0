//! [`FlattenObservation`].

use serde_json::Value;

use crate::gym::{Act, BoxSpace, Env, EnvError, Metric, Obs, Space, Step};

/// Shows any observation as one row of numbers, as Gymnasium's wrapper of that name.
///
/// The row is the flat form of the space ([`Space::flatten`]), in the box of its bounds ([`Space::flattened`]).
#[derive(Clone, Debug)]
pub struct FlattenObservation<E: Env> {
    env: E,
    observation_space: BoxSpace,
    /// The observation before it is flattened; a buffer.
    original: Option<Obs<E>>,
}

impl<E: Env> FlattenObservation<E> {
    /// Wraps `env`.
    pub fn new(env: E) -> Self {
        let observation_space = env.observation_space().flattened();
        Self { env, observation_space, original: None }
    }

    /// The wrapped environment.
    pub fn inner(&self) -> &E {
        &self.env
    }

    /// The wrapped environment; observations that it gives there are not flattened.
    pub fn inner_mut(&mut self) -> &mut E {
        &mut self.env
    }
}

impl<E: Env> Env for FlattenObservation<E> {
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
        let mut observation = Vec::with_capacity(self.observation_space.flat_dim());
        self.reset_into(seed, &mut observation);
        observation
    }

    fn step(&mut self, action: &Act<E>) -> Result<Step<Vec<f32>, E::Info>, EnvError> {
        let mut observation = Vec::with_capacity(self.observation_space.flat_dim());
        Ok(self.step_into(action, &mut observation)?.map(|()| observation))
    }

    fn reset_into(&mut self, seed: Option<u64>, observation: &mut Vec<f32>) {
        match &mut self.original {
            Some(original) => self.env.reset_into(seed, original),
            original => *original = Some(self.env.reset(seed)),
        }
        observation.clear();
        if let Some(original) = &self.original {
            self.env.observation_space().flatten_into(original, observation);
        }
    }

    fn step_into(&mut self, action: &Act<E>, observation: &mut Vec<f32>) -> Result<Step<(), E::Info>, EnvError> {
        let original = self.original.as_mut().ok_or(EnvError::ResetNeeded)?;
        let step = self.env.step_into(action, original)?;
        observation.clear();
        self.env.observation_space().flatten_into(original, observation);
        Ok(step)
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
    use crate::gym::classic::Acrobot;
    use crate::gym::probe::{Probe, Rung};
    use crate::gym::{Discrete, MultiDiscrete, NormalizeObservation, TimeLimit, check_env};

    /// Tells the step of its episode and the last action, as numbers and not as a row.
    #[derive(Clone, Debug)]
    struct Counter {
        observation_space: (Discrete, MultiDiscrete),
        action_space: Discrete,
        step: Option<usize>,
    }

    impl Counter {
        fn new() -> Self {
            let observation_space = (Discrete::new(4), MultiDiscrete::new(&[2, 3]).unwrap());
            Self { observation_space, action_space: Discrete::new(3), step: None }
        }
    }

    impl Env for Counter {
        type ObservationSpace = (Discrete, MultiDiscrete);
        type ActionSpace = Discrete;
        type Info = ();

        fn observation_space(&self) -> &Self::ObservationSpace {
            &self.observation_space
        }

        fn action_space(&self) -> &Discrete {
            &self.action_space
        }

        fn reset(&mut self, _seed: Option<u64>) -> Obs<Self> {
            self.step = Some(0);
            (0, vec![0, 0])
        }

        fn step(&mut self, action: &usize) -> Result<Step<Obs<Self>>, EnvError> {
            let step = self.step.ok_or(EnvError::ResetNeeded)? + 1;
            if !self.action_space.contains(action) {
                return Err(EnvError::outside(action, &self.action_space));
            }
            self.step = (step < 3).then_some(step);
            let observation = (step, vec![step % 2, *action]);
            Ok(Step { observation, reward: 0.0, terminated: step == 3, truncated: false, info: () })
        }
    }

    #[test]
    fn flat_observations_keep_the_contract() {
        check_env(|| FlattenObservation::new(Counter::new()), 1, 50).unwrap();
        check_env(|| NormalizeObservation::new(FlattenObservation::new(Counter::new())), 1, 50).unwrap();
        check_env(|| FlattenObservation::new(Acrobot::v1()), 1, 500).unwrap();
        for rung in Rung::ALL {
            check_env(|| FlattenObservation::new(TimeLimit::new(Probe::discrete(rung), 5)), 2, 50).unwrap();
        }
    }

    #[test]
    fn the_row_is_the_flat_form_of_the_observation() {
        let mut env = FlattenObservation::new(Counter::new());
        assert_eq!(env.reset(None), [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
        assert_eq!(env.step(&2).unwrap().observation, [0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0]);
        assert_eq!(env.observation_space(), &BoxSpace::uniform(&[9], 0.0, 1.0));
    }
}
