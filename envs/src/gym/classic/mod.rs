//! Four control tasks that everyone knows, step for step as in Gymnasium 1.4: what a learning algorithm reaches here
//! can be compared with what others publish.
//!
//! | task | Gymnasium's id | actions | time limit |
//! |---|---|---|---|
//! | [`Pendulum`] | `Pendulum-v1` | `Box` | 200 steps |
//! | [`CartPole`] | `CartPole-v1` | `Discrete` | 500 steps |
//! | [`MountainCarContinuous`] | `MountainCarContinuous-v0` | `Box` | 999 steps |
//! | [`Acrobot`] | `Acrobot-v1` | `Discrete` | 500 steps |
//!
//! `new` makes a task without the time limit, and the constructor named after the version makes it within the
//! [`TimeLimit`](super::TimeLimit) that Gymnasium registers. An episode starts as Gymnasium draws it, by
//! [`reset`](super::Env::reset), or from a state of one's choice, by `set_state`:
//!
//! ```
//! use mec_envs::gym::Env;
//! use mec_envs::gym::classic::{Pendulum, PendulumState};
//!
//! let mut env = Pendulum::v1();
//! env.reset(Some(7));
//! let hanging = PendulumState { angle_rad: std::f64::consts::PI, velocity_rad_s: 0.0 };
//! let observation = env.inner_mut().set_state(hanging);
//! assert_eq!(observation[0], -1.0);
//! let step = env.step(&vec![2.0])?;
//! assert!(step.reward < -9.0 && !step.truncated);
//! # Ok::<(), mec_envs::gym::EnvError>(())
//! ```
//!
//! Gymnasium's trajectories are repeated bit for bit, but for the rounding of sine, cosine and squares on the platform
//! (`envs/tests/classic.rs`): the order of the operations is Gymnasium's, and so is each that it does in 32 bits.
//!
//! # Deviations
//! From Gymnasium, in all four:
//! - Starting states have its distributions, but are drawn from our generators: equal seeds start elsewhere.
//! - `step` refuses an action outside the space, where the tasks with `Box` actions clip it there; `step_clipped` does
//!   what theirs does.
//! - `step` after a termination is refused; there it goes on, with a warning or without.
//! - A termination in the last step of the time limit is no truncation; there the step is both.
//! - No rendering, no keyword arguments of `gymnasium.make`, no options of `reset`.

mod acrobot;
mod cart_pole;
mod mountain_car_continuous;
mod pendulum;

pub use acrobot::{Acrobot, AcrobotState};
pub use cart_pole::{CartPole, CartPoleState};
pub use mountain_car_continuous::{MountainCarContinuous, MountainCarState};
pub use pendulum::{Pendulum, PendulumState};

use crate::gym::EnvError;

/// The action, unless it is a number that no clipping makes an action of.
fn finite(action: f32) -> Result<f32, EnvError> {
    if action.is_finite() {
        Ok(action)
    } else {
        Err(EnvError::refusal(&action, "it is not finite", "a finite number".to_owned()))
    }
}

/// Writes an observation over a buffer; allocates only where the buffer has no room.
fn overwrite(buffer: &mut Vec<f32>, observation: &[f32]) {
    buffer.clear();
    buffer.extend_from_slice(observation);
}

fn assert_finite(numbers: &[f64]) {
    assert!(numbers.iter().all(|number| number.is_finite()), "a state needs finite numbers, found {numbers:?}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gym::{Env, TimeLimit, check_env};

    /// Bare, within the registered limit, and within one that is sure to truncate.
    fn keeps_the_contract<E: Env>(bare: fn() -> E, registered: fn() -> TimeLimit<E>) {
        check_env(bare, 1, 2_000).unwrap();
        check_env(registered, 2, 2_000).unwrap();
        check_env(|| TimeLimit::new(bare(), 7), 3, 200).unwrap();
    }

    #[test]
    fn every_classic_task_passes_the_environment_check() {
        keeps_the_contract(Pendulum::new, Pendulum::v1);
        keeps_the_contract(CartPole::new, CartPole::v1);
        keeps_the_contract(MountainCarContinuous::new, MountainCarContinuous::v0);
        keeps_the_contract(Acrobot::new, Acrobot::v1);
    }

    /// Smallest and largest value of each entry over many resets.
    fn extremes<E: Env>(mut env: E, state: impl Fn(&E) -> Vec<f64>) -> Vec<(f64, f64)> {
        let mut found = Vec::new();
        for episode in 0..2_000 {
            env.reset((episode == 0).then_some(1));
            let state = state(&env);
            found.resize(state.len(), (f64::INFINITY, f64::NEG_INFINITY));
            for ((low, high), entry) in found.iter_mut().zip(state) {
                (*low, *high) = (low.min(entry), high.max(entry));
            }
        }
        found
    }

    fn fill(found: &[(f64, f64)], ranges: &[(f64, f64)]) {
        for (&(low, high), &(from, to)) in found.iter().zip(ranges) {
            let slack = 0.01 * (to - from);
            assert!(from <= low && low <= from + slack, "starts from {low}, expected {from}");
            assert!(to - slack <= high && high <= to, "starts up to {high}, expected {to}");
        }
    }

    #[test]
    fn starting_states_fill_the_ranges_of_gymnasium() {
        let pi = std::f64::consts::PI;
        let found = extremes(Pendulum::new(), |env| {
            let state = env.state().unwrap();
            vec![state.angle_rad, state.velocity_rad_s]
        });
        fill(&found, &[(-pi, pi), (-1.0, 1.0)]);
        let found = extremes(CartPole::new(), |env| {
            let state = env.state().unwrap();
            vec![state.position_m, state.velocity_m_s, state.angle_rad, state.angular_velocity_rad_s]
        });
        fill(&found, &[(-0.05, 0.05); 4]);
        let found = extremes(MountainCarContinuous::new(), |env| {
            let state = env.state().unwrap();
            vec![state.position_m, state.velocity_m_step]
        });
        fill(&found, &[(-0.6, -0.4), (0.0, 0.0)]);
        let found = extremes(Acrobot::new(), |env| {
            let state = env.state().unwrap();
            [state.angles_rad, state.velocities_rad_s].concat()
        });
        // Rounded to 32 bits, as there.
        let bound = f64::from(0.1_f32);
        fill(&found, &[(-bound, bound); 4]);
    }

    #[test]
    #[should_panic(expected = "a state needs finite numbers")]
    fn a_state_that_is_not_finite_is_a_bug_of_the_caller() {
        Pendulum::new().set_state(PendulumState { angle_rad: f64::NAN, velocity_rad_s: 0.0 });
    }

    #[test]
    fn actions_outside_the_space_are_refused_and_change_nothing() {
        let mut env = MountainCarContinuous::new();
        env.reset(Some(1));
        let before = env.state();
        for action in [vec![1.5], vec![f32::NAN], vec![], vec![0.0, 0.0]] {
            let error = env.step(&action).unwrap_err();
            assert!(matches!(error, EnvError::InvalidAction { .. }), "{action:?}: {error}");
        }
        for force in [f32::NAN, f32::INFINITY] {
            assert!(matches!(env.step_clipped(force), Err(EnvError::InvalidAction { .. })));
        }
        assert_eq!(env.state(), before);
        assert!(matches!(Pendulum::new().step_clipped(0.0), Err(EnvError::ResetNeeded)));
        let mut env = CartPole::new();
        env.reset(Some(1));
        assert!(matches!(env.step(&2), Err(EnvError::InvalidAction { .. })));
    }
}
