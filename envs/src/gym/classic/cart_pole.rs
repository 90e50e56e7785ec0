//! [`CartPole`].

use std::f64::consts::PI;

use rand::RngExt;

use super::{assert_finite, overwrite};
use crate::gym::{BoxSpace, Discrete, Env, EnvError, Space, Step, TimeLimit};
use crate::rng::{Prng, stream};

// All constants are those of Gymnasium 1.4, `gymnasium/envs/classic_control/cartpole.py`.
const GRAVITY_M_S2: f64 = 9.8;
const CART_MASS_KG: f64 = 1.0;
const POLE_MASS_KG: f64 = 0.1;
const TOTAL_MASS_KG: f64 = POLE_MASS_KG + CART_MASS_KG;
const HALF_POLE_M: f64 = 0.5;
const POLE_MOMENT_KG_M: f64 = POLE_MASS_KG * HALF_POLE_M;
const FORCE_N: f64 = 10.0;
const STEP_S: f64 = 0.02;
const MAX_POSITION_M: f64 = 2.4;
/// 12 degrees.
const MAX_ANGLE_RAD: f64 = 12.0 * 2.0 * PI / 360.0;
const START: f64 = 0.05;

/// Gymnasium's `CartPole-v1`: keep a pole upright on a cart by pushing the cart left or right.
///
/// # Description
/// A pole stands on a cart, on a joint without motor or friction; the cart moves along a track without friction. The
/// task of Barto, Sutton and Anderson, "Neuronlike adaptive elements that can solve difficult learning control
/// problems" (IEEE Transactions on Systems, Man, and Cybernetics 13(5), 1983), with the equations of Florian, "Correct
/// equations for the dynamics of the cart-pole system" (2007), less friction. A step is one of explicit Euler, 0.02 s
/// long. Cart 1 kg, pole 0.1 kg and 1 m, gravity 9.8 m/s^2.
///
/// # Action Space
/// `Discrete(2)`: 0 pushes the cart to the left, 1 to the right, with 10 N.
///
/// # Observation Space
/// `Box([4])`, the state:
///
/// | entry | what | range | unit |
/// |---|---|---|---|
/// | 0 | position of the cart | -4.8 to 4.8 | m |
/// | 1 | velocity of the cart | unbounded | m/s |
/// | 2 | angle of the pole from upright | -0.41887903 to 0.41887903 (24 degrees) | rad |
/// | 3 | angular velocity of the pole | unbounded | rad/s |
///
/// The bounds are twice those of an episode, so that the observation of a termination lies within.
///
/// # Rewards
/// 1 for each step, the terminating one included.
///
/// # Starting State
/// Each entry of the state uniform in [-0.05, 0.05].
///
/// # Episode End
/// Termination: the cart is beyond 2.4 m, or the pole beyond 12 degrees (0.20943951 rad), to either side. Truncation:
/// [`v1`](Self::v1) ends an episode after 500 steps.
///
/// # Deviations
/// None beside those that stand at [the module](super).
///
/// # Version History
/// - v1: 500 steps; v0 had 200.
#[derive(Clone, Debug)]
pub struct CartPole {
    observation_space: BoxSpace,
    action_space: Discrete,
    rng: Prng,
    state: Option<CartPoleState>,
}

/// The state of a [`CartPole`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CartPoleState {
    /// Position of the cart, m; 0 is the middle of the track.
    pub position_m: f64,
    /// Velocity of the cart, m/s.
    pub velocity_m_s: f64,
    /// Angle of the pole from upright, rad; positive to the right.
    pub angle_rad: f64,
    /// Angular velocity of the pole, rad/s.
    pub angular_velocity_rad_s: f64,
}

impl CartPole {
    /// Steps after which Gymnasium truncates an episode.
    pub const MAX_EPISODE_STEPS: usize = 500;

    /// The task without a time limit.
    pub fn new() -> Self {
        let high = vec![2.0 * MAX_POSITION_M as f32, f32::INFINITY, (2.0 * MAX_ANGLE_RAD) as f32, f32::INFINITY];
        let low = high.iter().map(|bound| -bound).collect();
        Self {
            observation_space: BoxSpace::new(&[4], low, high).expect("every low is minus a positive high"),
            action_space: Discrete::new(2),
            rng: stream(0, "cart-pole"),
            state: None,
        }
    }

    /// `CartPole-v1` as registered: truncated after 500 steps.
    pub fn v1() -> TimeLimit<Self> {
        TimeLimit::new(Self::new(), Self::MAX_EPISODE_STEPS)
    }

    /// The state; `None` when no episode is running.
    pub fn state(&self) -> Option<CartPoleState> {
        self.state
    }

    /// Continues the episode from this state, or starts one there; returns its observation. Any state is accepted: one
    /// beyond the bounds terminates at the next step unless that brings it back.
    ///
    /// # Panics
    /// When a number of the state is not finite.
    pub fn set_state(&mut self, state: CartPoleState) -> Vec<f32> {
        assert_finite(&state.numbers());
        self.state = Some(state);
        state.observation().to_vec()
    }

    /// Draws the state that an episode starts from.
    fn start(&mut self, seed: Option<u64>) -> CartPoleState {
        if let Some(seed) = seed {
            self.rng = stream(seed, "cart-pole");
        }
        let mut draw = || self.rng.random_range(-START..=START);
        let (position_m, velocity_m_s) = (draw(), draw());
        let (angle_rad, angular_velocity_rad_s) = (draw(), draw());
        let state = CartPoleState { position_m, velocity_m_s, angle_rad, angular_velocity_rad_s };
        self.state = Some(state);
        state
    }

    fn checked_step(&mut self, action: &usize) -> Result<Step<[f32; 4]>, EnvError> {
        let state = self.state.ok_or(EnvError::ResetNeeded)?;
        if !self.action_space.contains(action) {
            return Err(EnvError::outside(action, &self.action_space));
        }
        let next = state.after(if *action == 1 { FORCE_N } else { -FORCE_N });
        let terminated = next.is_out_of_bounds();
        self.state = (!terminated).then_some(next);
        Ok(Step { observation: next.observation(), reward: 1.0, terminated, truncated: false, info: () })
    }
}

impl Default for CartPole {
    fn default() -> Self {
        Self::new()
    }
}

impl CartPoleState {
    fn numbers(self) -> [f64; 4] {
        [self.position_m, self.velocity_m_s, self.angle_rad, self.angular_velocity_rad_s]
    }

    fn observation(self) -> [f32; 4] {
        self.numbers().map(|entry| entry as f32)
    }

    fn is_out_of_bounds(self) -> bool {
        self.position_m.abs() > MAX_POSITION_M || self.angle_rad.abs() > MAX_ANGLE_RAD
    }

    /// Accelerations of cart, m/s^2, and pole, rad/s^2, under a force, N: Florian (2007), for no friction.
    fn accelerations(self, force: f64) -> (f64, f64) {
        let (sin, cos) = (self.angle_rad.sin(), self.angle_rad.cos());
        let push = (force + POLE_MOMENT_KG_M * self.angular_velocity_rad_s.powi(2) * sin) / TOTAL_MASS_KG;
        let inertia = HALF_POLE_M * (4.0 / 3.0 - POLE_MASS_KG * cos.powi(2) / TOTAL_MASS_KG);
        let pole = (GRAVITY_M_S2 * sin - cos * push) / inertia;
        (push - POLE_MOMENT_KG_M * pole * cos / TOTAL_MASS_KG, pole)
    }

    /// One step of explicit Euler.
    fn after(self, force: f64) -> Self {
        let (cart, pole) = self.accelerations(force);
        Self {
            position_m: self.position_m + STEP_S * self.velocity_m_s,
            velocity_m_s: self.velocity_m_s + STEP_S * cart,
            angle_rad: self.angle_rad + STEP_S * self.angular_velocity_rad_s,
            angular_velocity_rad_s: self.angular_velocity_rad_s + STEP_S * pole,
        }
    }
}

impl Env for CartPole {
    type ObservationSpace = BoxSpace;
    type ActionSpace = Discrete;
    type Info = ();

    fn observation_space(&self) -> &BoxSpace {
        &self.observation_space
    }

    fn action_space(&self) -> &Discrete {
        &self.action_space
    }

    fn reset(&mut self, seed: Option<u64>) -> Vec<f32> {
        self.start(seed).observation().to_vec()
    }

    fn reset_into(&mut self, seed: Option<u64>, observation: &mut Vec<f32>) {
        overwrite(observation, &self.start(seed).observation());
    }

    fn step(&mut self, action: &usize) -> Result<Step<Vec<f32>>, EnvError> {
        Ok(self.checked_step(action)?.map(|observation| observation.to_vec()))
    }

    fn step_into(&mut self, action: &usize, observation: &mut Vec<f32>) -> Result<Step<()>, EnvError> {
        Ok(self.checked_step(action)?.map(|next| overwrite(observation, &next)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOVING: CartPoleState =
        CartPoleState { position_m: 0.5, velocity_m_s: -1.0, angle_rad: 0.7, angular_velocity_rad_s: 3.0 };

    /// Newton for the whole: (M + m) x'' + m l (a'' cos a - a'^2 sin a) = F, and for the turning of a uniform pole of
    /// half length l about its joint: 4/3 l a'' + x'' cos a = g sin a.
    #[test]
    fn the_accelerations_fulfil_the_equations_of_motion() {
        for (angle_rad, force) in [(0.7, 10.0), (-0.1, -10.0), (2.5, 0.0), (0.0, 10.0)] {
            let state = CartPoleState { angle_rad, ..MOVING };
            let (cart, pole) = state.accelerations(force);
            let (sin, cos) = (angle_rad.sin(), angle_rad.cos());
            let swing = pole * cos - state.angular_velocity_rad_s.powi(2) * sin;
            let momentum = (CART_MASS_KG + POLE_MASS_KG) * cart + POLE_MASS_KG * HALF_POLE_M * swing;
            assert!((momentum - force).abs() < 1e-12, "{momentum} N, pushed with {force} N");
            let turning = 4.0 / 3.0 * HALF_POLE_M * pole + cart * cos;
            assert!((turning - GRAVITY_M_S2 * sin).abs() < 1e-12);
        }
    }

    #[test]
    fn positions_move_with_the_velocities_before_the_step() {
        let mut env = CartPole::new();
        env.set_state(CartPoleState { angle_rad: 0.1, ..MOVING });
        env.step(&1).unwrap();
        let state = env.state().unwrap();
        assert!((state.position_m - 0.48).abs() < 1e-15 && (state.angle_rad - 0.16).abs() < 1e-15);
    }

    #[test]
    fn the_mirror_image_of_a_push_has_the_mirror_image_of_its_effect() {
        let mirror = CartPoleState {
            position_m: -MOVING.position_m,
            velocity_m_s: -MOVING.velocity_m_s,
            angle_rad: -MOVING.angle_rad,
            angular_velocity_rad_s: -MOVING.angular_velocity_rad_s,
        };
        let (left, right) = (MOVING.after(-FORCE_N), mirror.after(FORCE_N));
        assert_eq!(left.numbers(), right.numbers().map(|entry| -entry));
    }

    #[test]
    fn an_episode_ends_beyond_the_track_or_beyond_12_degrees_and_pays_its_last_step() {
        let still = CartPoleState { position_m: 0.0, velocity_m_s: 0.0, angle_rad: 0.0, angular_velocity_rad_s: 0.0 };
        let ends = |state| {
            let mut env = CartPole::new();
            env.set_state(state);
            let step = env.step(&0).unwrap();
            assert_eq!(step.reward, 1.0);
            assert_eq!(env.state().is_none(), step.terminated);
            step.terminated
        };
        assert!(!ends(CartPoleState { position_m: 2.4, ..still }));
        assert!(ends(CartPoleState { position_m: -2.4, velocity_m_s: -0.1, ..still }));
        assert!(!ends(CartPoleState { angle_rad: -0.2094, ..still }));
        assert!(ends(CartPoleState { angle_rad: 0.2095, ..still }));
    }
}
