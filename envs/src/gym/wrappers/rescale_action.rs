//! [`RescaleAction`].

use super::transform_action::{ActionTransform, TransformAction};
use crate::gym::{BoxSpace, Env};

/// Takes actions between two numbers and stretches them to the box of the wrapped environment, as Gymnasium's wrapper
/// of that name.
pub type RescaleAction<E> = TransformAction<E, Rescale>;

/// From between these two numbers to between the bounds.
#[derive(Clone, Copy, Debug)]
pub struct Rescale {
    low: f64,
    high: f64,
}

impl ActionTransform for Rescale {
    fn entry(&self, entry: f32, low: f32, high: f32) -> f32 {
        let share = (f64::from(entry) - self.low) / (self.high - self.low);
        let stretched = f64::from(low) + share * (f64::from(high) - f64::from(low));
        (stretched as f32).clamp(low, high)
    }
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
        Self::with(env, action_space, Rescale { low: low.into(), high: high.into() })
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
