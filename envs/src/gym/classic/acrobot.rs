//! [`Acrobot`].

use std::f64::consts::PI;

use rand::RngExt;

use super::{assert_finite, overwrite};
use crate::gym::{BoxSpace, Discrete, Env, EnvError, Space, Step, TimeLimit};
use crate::rng::{Prng, stream};

// All constants are those of Gymnasium 1.4, `gymnasium/envs/classic_control/acrobot.py`; both links are alike.
const GRAVITY_M_S2: f64 = 9.8;
const MASS_KG: f64 = 1.0;
const LENGTH_M: f64 = 1.0;
/// From a link's joint to its centre of mass.
const CENTRE_M: f64 = 0.5;
/// About the centre of mass.
const INERTIA_KG_M2: f64 = 1.0;
const STEP_S: f64 = 0.2;
const TORQUES_N_M: [f64; 3] = [-1.0, 0.0, 1.0];
const MAX_SPEEDS_RAD_S: [f64; 2] = [4.0 * PI, 9.0 * PI];
const GOAL_HEIGHT_M: f64 = 1.0;
const START: f64 = 0.1;
/// No step turns a link this far: see [`wrapped`].
const MANY_TURNS_RAD: f64 = 2_000.0 * PI;

/// Gymnasium's `Acrobot-v1`: swing the tip of two links up, with a motor between the links only.
///
/// # Description
/// Two links hang from a fixed joint; only the joint between them has a motor. The tip is to rise one length above the
/// fixed joint. The task of Sutton, "Generalization in reinforcement learning: successful examples using sparse coarse
/// coding" (NIPS 8, 1996), with the equations of Sutton and Barto, "Reinforcement learning: an introduction" (1998),
/// which Gymnasium calls `book`: the paper's lack a term. A step is one of the fourth-order Runge-Kutta method, 0.2 s
/// long. Links of 1 kg and 1 m, with the centre of mass in the middle and a moment of inertia of 1 kg m^2 about it;
/// gravity 9.8 m/s^2. The torque has no noise.
///
/// # Action Space
/// `Discrete(3)`: a torque of -1, 0 or 1 N m between the links.
///
/// # Observation Space
/// `Box([6])`:
///
/// | entry | what | range | unit |
/// |---|---|---|---|
/// | 0 | cosine of the first angle | -1 to 1 | |
/// | 1 | sine of the first angle | -1 to 1 | |
/// | 2 | cosine of the second angle | -1 to 1 | |
/// | 3 | sine of the second angle | -1 to 1 | |
/// | 4 | first angular velocity, clipped | -4 pi to 4 pi (12.566371) | rad/s |
/// | 5 | second angular velocity, clipped | -9 pi to 9 pi (28.274334) | rad/s |
///
/// The first angle is that of the first link from hanging straight down, the second that of the second link from the
/// direction of the first.
///
/// # Rewards
/// -1 for each step, but 0 for the one that reaches the goal.
///
/// # Starting State
/// Angles and angular velocities uniform in [-0.1, 0.1] rad and rad/s, rounded to 32 bits.
///
/// # Episode End
/// Termination: -cos(first) - cos(first + second) > 1. Truncation: [`v1`](Self::v1) ends an episode after 500 steps.
///
/// # Deviations
/// None beside those that stand at [the module](super).
///
/// # Version History
/// - v1: 500 steps, sines and cosines observed; v0 had 200, and observed the angles.
#[derive(Clone, Debug)]
pub struct Acrobot {
    observation_space: BoxSpace,
    action_space: Discrete,
    rng: Prng,
    state: Option<AcrobotState>,
}

/// The state of an [`Acrobot`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AcrobotState {
    /// Angle of the first link from hanging down, and of the second from the direction of the first, rad; -pi to pi
    /// after a step.
    pub angles_rad: [f64; 2],
    /// Their velocities, rad/s; up to 4 pi and 9 pi after a step.
    pub velocities_rad_s: [f64; 2],
}

impl Acrobot {
    /// Steps after which Gymnasium truncates an episode.
    pub const MAX_EPISODE_STEPS: usize = 500;

    /// The task without a time limit.
    pub fn new() -> Self {
        let [first, second] = MAX_SPEEDS_RAD_S.map(|speed| speed as f32);
        let high = vec![1.0, 1.0, 1.0, 1.0, first, second];
        let low = high.iter().map(|bound| -bound).collect();
        Self {
            observation_space: BoxSpace::new(&[6], low, high).expect("every low is minus a positive high"),
            action_space: Discrete::new(TORQUES_N_M.len()),
            rng: stream(0, "acrobot"),
            state: None,
        }
    }

    /// `Acrobot-v1` as registered: truncated after 500 steps.
    pub fn v1() -> TimeLimit<Self> {
        TimeLimit::new(Self::new(), Self::MAX_EPISODE_STEPS)
    }

    /// The state; `None` when no episode is running.
    pub fn state(&self) -> Option<AcrobotState> {
        self.state
    }

    /// Continues the episode from this state, or starts one there; returns its observation. Any state is accepted, and
    /// the next step brings it into its bounds; until then its observation may lie outside the space.
    ///
    /// # Panics
    /// When a number of the state is not finite.
    pub fn set_state(&mut self, state: AcrobotState) -> Vec<f32> {
        assert_finite(&state.numbers());
        self.state = Some(state);
        state.observation().to_vec()
    }

    /// Draws the state that an episode starts from.
    fn start(&mut self, seed: Option<u64>) -> AcrobotState {
        if let Some(seed) = seed {
            self.rng = stream(seed, "acrobot");
        }
        // Rounded to 32 bits, as in Gymnasium.
        let mut draw = || f64::from(self.rng.random_range(-START..=START) as f32);
        let (angles_rad, velocities_rad_s) = ([draw(), draw()], [draw(), draw()]);
        let state = AcrobotState { angles_rad, velocities_rad_s };
        self.state = Some(state);
        state
    }

    fn checked_step(&mut self, action: &usize) -> Result<Step<[f32; 6]>, EnvError> {
        let state = self.state.ok_or(EnvError::ResetNeeded)?;
        if !self.action_space.contains(action) {
            return Err(EnvError::outside(action, &self.action_space));
        }
        let next = state.after(TORQUES_N_M[*action]);
        let terminated = next.height() > GOAL_HEIGHT_M;
        let reward = if terminated { 0.0 } else { -1.0 };
        self.state = (!terminated).then_some(next);
        Ok(Step { observation: next.observation(), reward, terminated, truncated: false, info: () })
    }
}

impl Default for Acrobot {
    fn default() -> Self {
        Self::new()
    }
}

impl AcrobotState {
    fn numbers(self) -> [f64; 4] {
        let ([first, second], [first_speed, second_speed]) = (self.angles_rad, self.velocities_rad_s);
        [first, second, first_speed, second_speed]
    }

    fn observation(self) -> [f32; 6] {
        let [first, second, first_speed, second_speed] = self.numbers();
        [first.cos(), first.sin(), second.cos(), second.sin(), first_speed, second_speed].map(|entry| entry as f32)
    }

    /// Height of the tip above the fixed joint, in lengths of a link.
    fn height(self) -> f64 {
        let [first, second] = self.angles_rad;
        -first.cos() - (second + first).cos()
    }

    fn after(self, torque: f64) -> Self {
        let [first, second, first_speed, second_speed] = runge_kutta(self.numbers(), torque);
        let [first_bound, second_bound] = MAX_SPEEDS_RAD_S;
        Self {
            angles_rad: [wrapped(first), wrapped(second)],
            velocities_rad_s: [
                first_speed.clamp(-first_bound, first_bound),
                second_speed.clamp(-second_bound, second_bound),
            ],
        }
    }
}

/// One step of the fourth-order Runge-Kutta method.
fn runge_kutta(state: [f64; 4], torque: f64) -> [f64; 4] {
    let ahead = |step: f64, slope: [f64; 4]| std::array::from_fn(|i| state[i] + step * slope[i]);
    let half = STEP_S / 2.0;
    let k1 = derivative(state, torque);
    let k2 = derivative(ahead(half, k1), torque);
    let k3 = derivative(ahead(half, k2), torque);
    let k4 = derivative(ahead(STEP_S, k3), torque);
    ahead(STEP_S / 6.0, std::array::from_fn(|i| k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]))
}

/// The derivative of the state (two angles, two velocities) by time: Sutton and Barto, "Reinforcement learning: an
/// introduction" (1998), section 11.3, figure 11.5, for links that are alike.
fn derivative([first, second, first_speed, second_speed]: [f64; 4], torque: f64) -> [f64; 4] {
    let (sin, cos) = (second.sin(), second.cos());
    let centre_squared = CENTRE_M.powi(2);
    let d1 = MASS_KG * centre_squared
        + MASS_KG * (LENGTH_M.powi(2) + centre_squared + 2.0 * LENGTH_M * CENTRE_M * cos)
        + INERTIA_KG_M2
        + INERTIA_KG_M2;
    let d2 = MASS_KG * (centre_squared + LENGTH_M * CENTRE_M * cos) + INERTIA_KG_M2;
    let phi2 = MASS_KG * CENTRE_M * GRAVITY_M_S2 * (first + second - PI / 2.0).cos();
    let coupling = MASS_KG * LENGTH_M * CENTRE_M;
    let phi1 = -coupling * second_speed.powi(2) * sin - 2.0 * coupling * second_speed * first_speed * sin
        + (MASS_KG * CENTRE_M + MASS_KG * LENGTH_M) * GRAVITY_M_S2 * (first - PI / 2.0).cos()
        + phi2;
    let second_acceleration = (torque + d2 / d1 * phi1 - coupling * first_speed.powi(2) * sin - phi2)
        / (MASS_KG * centre_squared + INERTIA_KG_M2 - d2.powi(2) / d1);
    let first_acceleration = -(d2 * second_acceleration + phi1) / d1;
    [first_speed, second_speed, first_acceleration, second_acceleration]
}

/// The angle in [-pi, pi], turn by turn as Gymnasium's `wrap`; angles that only `set_state` can reach are first brought
/// near, where the turns would take for ever.
fn wrapped(mut angle: f64) -> f64 {
    if angle.abs() > MANY_TURNS_RAD {
        angle %= 2.0 * PI;
    }
    while angle > PI {
        angle -= 2.0 * PI;
    }
    while angle < -PI {
        angle += 2.0 * PI;
    }
    angle
}

impl Env for Acrobot {
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

    const STATES: [[f64; 4]; 4] =
        [[0.3, -0.2, 1.0, -2.0], [2.0, 1.5, -3.0, 5.0], [-3.0, 0.1, 0.0, 0.0], [1.2, -2.8, 6.0, 4.0]];

    /// Energy of two uniformly heavy links, from the velocities of their centres of mass.
    fn energy([first, second, first_speed, second_speed]: [f64; 4]) -> f64 {
        let (both, both_speed) = (first + second, first_speed + second_speed);
        let elbow = [LENGTH_M * first_speed * first.cos(), LENGTH_M * first_speed * first.sin()];
        let second_centre =
            [elbow[0] + CENTRE_M * both_speed * both.cos(), elbow[1] + CENTRE_M * both_speed * both.sin()];
        let moving = (CENTRE_M * first_speed).powi(2) + second_centre[0].powi(2) + second_centre[1].powi(2);
        let turning = first_speed.powi(2) + both_speed.powi(2);
        let heights = -CENTRE_M * first.cos() - LENGTH_M * first.cos() - CENTRE_M * both.cos();
        0.5 * MASS_KG * moving + 0.5 * INERTIA_KG_M2 * turning + MASS_KG * GRAVITY_M_S2 * heights
    }

    #[test]
    fn the_energy_changes_by_the_work_of_the_motor_and_by_nothing_else() {
        for state in STATES {
            for torque in TORQUES_N_M {
                let slope = derivative(state, torque);
                let h = 1e-5;
                let at = |time: f64| energy(std::array::from_fn(|i| state[i] + time * slope[i]));
                let power = (at(h) - at(-h)) / (2.0 * h);
                assert!((power - torque * state[3]).abs() < 1e-6, "{power} W, the motor gives {}", torque * state[3]);
            }
        }
    }

    #[test]
    fn a_link_that_hangs_at_rest_stays_so() {
        let rest = AcrobotState { angles_rad: [0.0; 2], velocities_rad_s: [0.0; 2] };
        let after = rest.after(0.0).numbers();
        assert!(after.iter().all(|entry| entry.abs() < 1e-15), "{after:?}");
    }

    #[test]
    fn the_goal_is_a_tip_more_than_a_length_above_the_joint() {
        let state = |first, second| AcrobotState { angles_rad: [first, second], velocities_rad_s: [0.0; 2] };
        assert!((state(PI, 0.0).height() - 2.0).abs() < 1e-12);
        assert!((state(0.0, PI).height()).abs() < 1e-12);
        let mut env = Acrobot::new();
        env.set_state(state(PI, 0.0));
        let step = env.step(&1).unwrap();
        assert_eq!((step.terminated, step.reward, env.state()), (true, 0.0, None));
        env.set_state(state(0.0, 0.0));
        let step = env.step(&1).unwrap();
        assert_eq!((step.terminated, step.reward), (false, -1.0));
    }

    #[test]
    fn velocities_are_clipped_and_angles_wrapped() {
        let wild = AcrobotState { angles_rad: [1e300, -7.0], velocities_rad_s: [1e3, -1e3] }.after(0.0);
        assert!(wild.angles_rad.iter().all(|angle| angle.abs() <= PI), "{wild:?}");
        assert!((wrapped(7.0) - (7.0 - 2.0 * PI)).abs() < 1e-15);
        assert!((wrapped(-1e5 * PI)).abs() < 1e-9);
    }
}
