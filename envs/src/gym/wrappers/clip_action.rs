//! [`ClipAction`].

use crate::gym::{BoxSpace, Env, EnvError, Metric, Obs, Space, Step};

/// Takes any finite action and clips it into the box of the wrapped environment, as Gymnasium's wrapper of that name.
#[derive(Clone, Debug)]
pub struct ClipAction<E> {
    env: E,
    action_space: BoxSpace,
    /// The action after clipping; a buffer.
    clipped: Vec<f32>,
}

impl<E: Env<ActionSpace = BoxSpace>> ClipAction<E> {
    /// Wraps `env`; the action space is then without bounds.
    pub fn new(env: E) -> Self {
        let action_space = BoxSpace::uniform(env.action_space().shape(), f32::NEG_INFINITY, f32::INFINITY);
        Self { env, action_space, clipped: Vec::new() }
    }

    /// The wrapped environment.
    pub fn inner(&self) -> &E {
        &self.env
    }

    /// The wrapped environment; actions that it is given there are not clipped.
    pub fn inner_mut(&mut self) -> &mut E {
        &mut self.env
    }

    fn clip(&mut self, action: &Vec<f32>) -> Result<(), EnvError> {
        if !self.action_space.contains(action) {
            return Err(EnvError::outside(action, &self.action_space));
        }
        self.clipped.clear();
        let bounds = self.env.action_space().bounds();
        self.clipped.extend(action.iter().zip(bounds).map(|(entry, (low, high))| entry.clamp(low, high)));
        Ok(())
    }
}

impl<E: Env<ActionSpace = BoxSpace>> Env for ClipAction<E> {
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
        self.clip(action)?;
        self.env.step(&self.clipped)
    }

    fn reset_into(&mut self, seed: Option<u64>, observation: &mut Obs<E>) {
        self.env.reset_into(seed, observation);
    }

    fn step_into(&mut self, action: &Vec<f32>, observation: &mut Obs<E>) -> Result<Step<(), E::Info>, EnvError> {
        self.clip(action)?;
        self.env.step_into(&self.clipped, observation)
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
    fn clipped_actions_keep_the_contract() {
        check_env(|| ClipAction::new(Pendulum::v1()), 1, 500).unwrap();
        check_env(|| ClipAction::new(Probe::continuous(Rung::Match)), 2, 50).unwrap();
    }

    #[test]
    fn actions_outside_count_as_the_bound() {
        let (mut clipping, mut strict) = (ClipAction::new(Pendulum::v1()), Pendulum::v1());
        clipping.reset(Some(1));
        strict.reset(Some(1));
        assert_eq!(clipping.step(&vec![1e9]).unwrap(), strict.step(&vec![2.0]).unwrap());
        assert_eq!(clipping.step(&vec![0.5]).unwrap(), strict.step(&vec![0.5]).unwrap());
        assert!(matches!(clipping.step(&vec![f32::INFINITY]), Err(EnvError::InvalidAction { .. })));
    }
}
