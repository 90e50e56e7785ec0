//! [`Pendulum`].

use std::f64::consts::PI;

use rand::RngExt;

use super::{assert_finite, finite, overwrite};
use crate::gym::{BoxSpace, Env, EnvError, Space, Step, TimeLimit};
use crate::rng::{Prng, stream};

// All constants are those of Gymnasium 1.4, `gymnasium/envs/classic_control/pendulum.py`.
const GRAVITY_M_S2: f64 = 10.0;
const MASS_KG: f64 = 1.0;
const LENGTH_M: f64 = 1.0;
const STEP_S: f64 = 0.05;
const MAX_TORQUE_N_M: f32 = 2.0;
const MAX_SPEED_RAD_S: f64 = 8.0;
const VELOCITY_COST: f64 = 0.1;
const TORQUE_COST: f32 = 0.001;
const START_ANGLE_RAD: f64 = PI;
const START_VELOCITY_RAD_S: f64 = 1.0;

/// Gymnasium's `Pendulum-v1`: swing a rod up with too little torque, and keep it there.
///
/// # Description
/// A rod hangs on a motor at one end, under gravity, and is to stand upright; the motor is too weak to lift it without
/// a swing. The swing-up with limited torque is a task of Doya, "Reinforcement learning in continuous time and space"
/// (Neural Computation 12(1), 2000); Gymnasium names no source for its numbers. A step is one of semi-implicit Euler,
/// 0.05 s long, of
/// angle'' = 3 g / (2 l) sin(angle) + 3 torque / (m l^2), with g = 10 m/s^2, m = 1 kg, l = 1 m.
///
/// # Action Space
/// `Box(-2, 2, [1])`: the torque, N m, counter-clockwise.
///
/// # Observation Space
/// `Box([-1, -1, -8], [1, 1, 8], [3])`:
///
/// | entry | what | range | unit |
/// |---|---|---|---|
/// | 0 | cosine of the angle, 1 upright | -1 to 1 | |
/// | 1 | sine of the angle | -1 to 1 | |
/// | 2 | angular velocity, clipped | -8 to 8 | rad/s |
///
/// # Rewards
/// -(angle^2 + 0.1 velocity^2 + 0.001 torque^2), with the angle in [-pi, pi) and all as before the step: 0 at the top
/// at rest, -16.2736044 at worst.
///
/// # Starting State
/// Angle uniform in [-pi, pi] rad, velocity uniform in [-1, 1] rad/s.
///
/// # Episode End
/// There is no termination; [`v1`](Self::v1) truncates after 200 steps.
///
/// # Deviations
/// [`Env::step`] refuses torques outside the space; [`step_clipped`](Self::step_clipped) clips them as Gymnasium does.
/// The other deviations stand at [the module](super).
///
/// # Version History
/// - v1: Gymnasium's form of the formulas; v0 is the same task.
#[derive(Clone, Debug)]
pub struct Pendulum {
    observation_space: BoxSpace,
    action_space: BoxSpace,
    rng: Prng,
    state: Option<PendulumState>,
}

/// The state of a [`Pendulum`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PendulumState {
    /// Angle from upright, rad; counts whole turns.
    pub angle_rad: f64,
    /// Angular velocity, rad/s; -8 to 8 after a step.
    pub velocity_rad_s: f64,
}

impl Pendulum {
    /// Steps after which Gymnasium truncates an episode.
    pub const MAX_EPISODE_STEPS: usize = 200;

    /// The task without a time limit.
    pub fn new() -> Self {
        let high = vec![1.0, 1.0, MAX_SPEED_RAD_S as f32];
        let low = high.iter().map(|bound| -bound).collect();
        Self {
            observation_space: BoxSpace::new(&[3], low, high).expect("every low is minus a positive high"),
            action_space: BoxSpace::uniform(&[1], -MAX_TORQUE_N_M, MAX_TORQUE_N_M),
            rng: stream(0, "pendulum"),
            state: None,
        }
    }

    /// `Pendulum-v1` as registered: truncated after 200 steps.
    pub fn v1() -> TimeLimit<Self> {
        TimeLimit::new(Self::new(), Self::MAX_EPISODE_STEPS)
    }

    /// The state; `None` when no episode is running.
    pub fn state(&self) -> Option<PendulumState> {
        self.state
    }

    /// Continues the episode from this state, or starts one there; returns its observation. Any angle and velocity is
    /// accepted; an observation of more than 8 rad/s lies outside the space.
    ///
    /// # Panics
    /// When a number of the state is not finite.
    pub fn set_state(&mut self, state: PendulumState) -> Vec<f32> {
        assert_finite(&[state.angle_rad, state.velocity_rad_s]);
        self.state = Some(state);
        state.observation().to_vec()
    }

    /// [`Env::step`] that clips the torque into the space first, as Gymnasium's does.
    ///
    /// # Errors
    /// [`EnvError::ResetNeeded`] when no episode is running, [`EnvError::InvalidAction`] for a torque that is not
    /// finite.
    pub fn step_clipped(&mut self, torque_n_m: f32) -> Result<Step<Vec<f32>>, EnvError> {
        let state = self.state.ok_or(EnvError::ResetNeeded)?;
        let torque = finite(torque_n_m)?.clamp(-MAX_TORQUE_N_M, MAX_TORQUE_N_M);
        Ok(self.advance(state, torque).map(|observation| observation.to_vec()))
    }

    fn advance(&mut self, state: PendulumState, torque: f32) -> Step<[f32; 3]> {
        let PendulumState { angle_rad: angle, velocity_rad_s: velocity } = state;
        // What depends on the torque alone has 32 bits, as in Gymnasium.
        let torque_cost = f64::from(TORQUE_COST * (torque * torque));
        let cost = normalised(angle).powi(2) + VELOCITY_COST * velocity.powi(2) + torque_cost;
        let torque_pull = f64::from((3.0 / (MASS_KG * LENGTH_M.powi(2))) as f32 * torque);
        let pull = 3.0 * GRAVITY_M_S2 / (2.0 * LENGTH_M) * angle.sin() + torque_pull;
        let velocity = (velocity + pull * STEP_S).clamp(-MAX_SPEED_RAD_S, MAX_SPEED_RAD_S);
        let next = PendulumState { angle_rad: angle + velocity * STEP_S, velocity_rad_s: velocity };
        self.state = Some(next);
        Step { observation: next.observation(), reward: -cost, terminated: false, truncated: false, info: () }
    }

    /// Draws the state that an episode starts from.
    fn start(&mut self, seed: Option<u64>) -> PendulumState {
        if let Some(seed) = seed {
            self.rng = stream(seed, "pendulum");
        }
        let angle_rad = self.rng.random_range(-START_ANGLE_RAD..=START_ANGLE_RAD);
        let velocity_rad_s = self.rng.random_range(-START_VELOCITY_RAD_S..=START_VELOCITY_RAD_S);
        let state = PendulumState { angle_rad, velocity_rad_s };
        self.state = Some(state);
        state
    }

    fn checked_step(&mut self, action: &Vec<f32>) -> Result<Step<[f32; 3]>, EnvError> {
        let state = self.state.ok_or(EnvError::ResetNeeded)?;
        if !self.action_space.contains(action) {
            return Err(EnvError::outside(action, &self.action_space));
        }
        Ok(self.advance(state, action[0]))
    }
}

impl Default for Pendulum {
    fn default() -> Self {
        Self::new()
    }
}

impl PendulumState {
    fn observation(self) -> [f32; 3] {
        [self.angle_rad.cos(), self.angle_rad.sin(), self.velocity_rad_s].map(|entry| entry as f32)
    }
}

/// The angle in [-pi, pi), Gymnasium's `angle_normalize`.
fn normalised(angle: f64) -> f64 {
    (angle + PI).rem_euclid(2.0 * PI) - PI
}

impl Env for Pendulum {
    type ObservationSpace = BoxSpace;
    type ActionSpace = BoxSpace;
    type Info = ();

    fn observation_space(&self) -> &BoxSpace {
        &self.observation_space
    }

    fn action_space(&self) -> &BoxSpace {
        &self.action_space
    }

    fn reset(&mut self, seed: Option<u64>) -> Vec<f32> {
        self.start(seed).observation().to_vec()
    }

    fn reset_into(&mut self, seed: Option<u64>, observation: &mut Vec<f32>) {
        overwrite(observation, &self.start(seed).observation());
    }

    fn step(&mut self, action: &Vec<f32>) -> Result<Step<Vec<f32>>, EnvError> {
        Ok(self.checked_step(action)?.map(|observation| observation.to_vec()))
    }

    fn step_into(&mut self, action: &Vec<f32>, observation: &mut Vec<f32>) -> Result<Step<()>, EnvError> {
        Ok(self.checked_step(action)?.map(|next| overwrite(observation, &next)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(angle_rad: f64, velocity_rad_s: f64, torque: f32) -> (PendulumState, f64) {
        let mut env = Pendulum::new();
        env.set_state(PendulumState { angle_rad, velocity_rad_s });
        let reward = env.step(&vec![torque]).unwrap().reward;
        (env.state().unwrap(), reward)
    }

    #[test]
    fn a_step_worked_by_hand() {
        let (state, reward) = after(PI / 2.0, 1.0, 0.5);
        // 1 + (15 * 1 + 3 * 0.5) * 0.05, and the angle moves by the new velocity.
        assert!((state.velocity_rad_s - 1.825).abs() < 1e-12);
        assert!((state.angle_rad - (PI / 2.0 + 0.09125)).abs() < 1e-12);
        assert!((reward + PI * PI / 4.0 + 0.1 + 0.00025).abs() < 1e-9);
    }

    #[test]
    fn the_top_is_a_fixed_point_of_reward_0_and_the_worst_reward_is_the_published_one() {
        let top = PendulumState { angle_rad: 0.0, velocity_rad_s: 0.0 };
        assert_eq!(after(0.0, 0.0, 0.0), (top, 0.0));
        assert!((after(-PI, 8.0, 2.0).1 + 16.273_604_4).abs() < 1e-7);
        assert!((after(5.0 * PI, -8.0, -2.0).1 + 16.273_604_4).abs() < 1e-7);
    }

    #[test]
    fn the_mirror_image_of_a_state_has_the_mirror_image_of_its_successor() {
        for (angle, velocity, torque) in [(0.3, 2.0, 1.5), (2.9, -7.9, -2.0), (-1.0, 0.5, 0.25)] {
            let ((left, left_reward), (right, right_reward)) =
                (after(angle, velocity, torque), after(-angle, -velocity, -torque));
            assert_eq!((left.angle_rad, left.velocity_rad_s), (-right.angle_rad, -right.velocity_rad_s));
            assert!((left_reward - right_reward).abs() < 1e-12);
        }
    }

    /// For a linear oscillator x'' = -k x, v^2 + k x^2 - h k v x never changes under semi-implicit Euler with steps of
    /// h; a swing of 1e-4 rad is linear to 1e-8.
    #[test]
    fn a_small_swing_keeps_the_invariant_of_semi_implicit_euler() {
        let k = 3.0 * GRAVITY_M_S2 / (2.0 * LENGTH_M);
        let invariant = |state: PendulumState| {
            let (x, v) = (state.angle_rad - PI, state.velocity_rad_s);
            v * v + k * x * x - STEP_S * k * v * x
        };
        let mut env = Pendulum::new();
        env.set_state(PendulumState { angle_rad: PI + 1e-4, velocity_rad_s: 0.0 });
        let start = invariant(env.state().unwrap());
        for _ in 0..1_000 {
            env.step(&vec![0.0]).unwrap();
            assert!((invariant(env.state().unwrap()) / start - 1.0).abs() < 1e-7);
        }
    }

    #[test]
    fn torques_outside_the_space_count_as_its_bound() {
        let mut env = Pendulum::new();
        let start = PendulumState { angle_rad: 1.0, velocity_rad_s: 0.0 };
        env.set_state(start);
        let step = env.step_clipped(-17.0).unwrap();
        env.set_state(start);
        assert_eq!(step, env.step(&vec![-2.0]).unwrap());
    }
}
