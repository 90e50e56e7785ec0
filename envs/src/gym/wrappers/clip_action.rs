//! [`ClipAction`].

use super::transform_action::{ActionTransform, TransformAction};
use crate::gym::{BoxSpace, Env};

/// Takes any finite action and clips it into the box of the wrapped environment, as Gymnasium's wrapper of that name.
pub type ClipAction<E> = TransformAction<E, Clip>;

/// Entries outside count as the bound.
#[derive(Clone, Copy, Debug)]
pub struct Clip;

impl ActionTransform for Clip {
    fn entry(&self, entry: f32, low: f32, high: f32) -> f32 {
        entry.clamp(low, high)
    }
}

impl<E: Env<ActionSpace = BoxSpace>> ClipAction<E> {
    /// Wraps `env`; the action space is then without bounds.
    pub fn new(env: E) -> Self {
        let action_space = BoxSpace::uniform(env.action_space().shape(), f32::NEG_INFINITY, f32::INFINITY);
        Self::with(env, action_space, Clip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gym::EnvError;
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
