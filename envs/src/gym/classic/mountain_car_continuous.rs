//! [`MountainCarContinuous`].

use rand::RngExt;

use super::{assert_finite, finite, overwrite};
use crate::gym::{BoxSpace, Env, EnvError, Space, Step, TimeLimit};
use crate::rng::{Prng, stream};

// All constants are those of Gymnasium 1.4, `gymnasium/envs/classic_control/continuous_mountain_car.py`.
const MAX_ACTION: f32 = 1.0;
const MIN_POSITION_M: f64 = -1.2;
const MAX_POSITION_M: f64 = 0.6;
const MAX_SPEED_M_STEP: f64 = 0.07;
const GOAL_POSITION_M: f64 = 0.45;
const GOAL_VELOCITY_M_STEP: f64 = 0.0;
const POWER_M_STEP2: f64 = 0.0015;
const GRAVITY_M_STEP2: f64 = 0.0025;
const GOAL_REWARD: f64 = 100.0;
const ACTION_COST: f64 = 0.1;
const START_M: std::ops::RangeInclusive<f64> = -0.6..=-0.4;

/// Gymnasium's `MountainCarContinuous-v0`: drive a weak car out of a valley, by way of the other side.
///
/// # Description
/// A car in a valley of height sin(3 position) is too weak to climb the right hill without a swing. The task of Moore,
/// "Efficient memory-based learning for robot control" (University of Cambridge, UCAM-CL-TR-209, 1990), with a
/// continuous force. A step adds 0.0015 force - 0.0025 cos(3 position) to the velocity and then the velocity to the
/// position; both are clipped, and the left wall stops the car.
///
/// # Action Space
/// `Box(-1, 1, [1])`: the force to the right, as a share of the car's power.
///
/// # Observation Space
/// `Box([-1.2, -0.07], [0.6, 0.07], [2])`, the state:
///
/// | entry | what | range | unit |
/// |---|---|---|---|
/// | 0 | position | -1.2 to 0.6 | m |
/// | 1 | velocity | -0.07 to 0.07 | m per step |
///
/// # Rewards
/// -0.1 action^2 for each step, and 100 more for the one that reaches the goal. An action that is
/// [clipped](Self::step_clipped) is paid for as given.
///
/// # Starting State
/// Position uniform in [-0.6, -0.4] m, velocity 0.
///
/// # Episode End
/// Termination: the car is at 0.45 m or beyond, and does not move to the left. Truncation: [`v0`](Self::v0) ends an
/// episode after 999 steps.
///
/// # Deviations
/// [`Env::step`] refuses forces outside the space; [`step_clipped`](Self::step_clipped) clips them as Gymnasium does.
/// The other deviations stand at [the module](super).
///
/// # Version History
/// - v0: first form.
#[derive(Clone, Debug)]
pub struct MountainCarContinuous {
    observation_space: BoxSpace,
    action_space: BoxSpace,
    rng: Prng,
    state: Option<MountainCarState>,
    precision: Precision,
}

/// The state of a [`MountainCarContinuous`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MountainCarState {
    /// Position along the track, m; the bottom of the valley is at -pi / 6. -1.2 to 0.6 after a step.
    pub position_m: f64,
    /// Velocity, m per step; -0.07 to 0.07 after a step.
    pub velocity_m_step: f64,
}

/// How Gymnasium keeps the state: in 64 bits at the start of an episode, in 32 from the first step on. With 64 bits
/// throughout, positions would come to differ by several units in their last place.
#[derive(Clone, Copy, Debug)]
enum Precision {
    Double,
    Single,
}

impl Precision {
    /// What an operation on the state gives in this precision, from its result in 64 bits.
    fn round(self, number: f64) -> f64 {
        match self {
            Self::Double => number,
            Self::Single => f64::from(number as f32),
        }
    }
}

impl MountainCarContinuous {
    /// Steps after which Gymnasium truncates an episode.
    pub const MAX_EPISODE_STEPS: usize = 999;

    /// The task without a time limit.
    pub fn new() -> Self {
        let speed = MAX_SPEED_M_STEP as f32;
        let (low, high) = (vec![MIN_POSITION_M as f32, -speed], vec![MAX_POSITION_M as f32, speed]);
        Self {
            observation_space: BoxSpace::new(&[2], low, high).expect("every low is below its high"),
            action_space: BoxSpace::uniform(&[1], -MAX_ACTION, MAX_ACTION),
            rng: stream(0, "mountain-car"),
            state: None,
            precision: Precision::Double,
        }
    }

    /// `MountainCarContinuous-v0` as registered: truncated after 999 steps.
    pub fn v0() -> TimeLimit<Self> {
        TimeLimit::new(Self::new(), Self::MAX_EPISODE_STEPS)
    }

    /// The state; `None` when no episode is running.
    pub fn state(&self) -> Option<MountainCarState> {
        self.state
    }

    /// Continues the episode from this state, or starts one there; returns its observation. Any state is accepted, and
    /// the next step clips it; until then its observation may lie outside the space.
    ///
    /// # Panics
    /// When a number of the state is not finite.
    pub fn set_state(&mut self, state: MountainCarState) -> Vec<f32> {
        assert_finite(&[state.position_m, state.velocity_m_step]);
        self.state = Some(state);
        self.precision = Precision::Double;
        state.observation().to_vec()
    }

    /// [`Env::step`] that clips the force into the space, as Gymnasium's does; the reward counts the action as given.
    ///
    /// # Errors
    /// [`EnvError::ResetNeeded`] when no episode is running, [`EnvError::InvalidAction`] for an action that is not
    /// finite.
    pub fn step_clipped(&mut self, action: f32) -> Result<Step<Vec<f32>>, EnvError> {
        let state = self.state.ok_or(EnvError::ResetNeeded)?;
        Ok(self.advance(state, finite(action)?).map(|observation| observation.to_vec()))
    }

    fn advance(&mut self, state: MountainCarState, action: f32) -> Step<[f32; 2]> {
        let next = state.after(action, self.precision);
        let goal = self.precision.round(GOAL_POSITION_M);
        let terminated = next.position_m >= goal && next.velocity_m_step >= GOAL_VELOCITY_M_STEP;
        let reward = if terminated { GOAL_REWARD } else { 0.0 } - f64::from(action).powi(2) * ACTION_COST;
        self.precision = Precision::Single;
        self.state = (!terminated).then_some(MountainCarState {
            position_m: self.precision.round(next.position_m),
            velocity_m_step: self.precision.round(next.velocity_m_step),
        });
        Step { observation: next.observation(), reward, terminated, truncated: false, info: () }
    }

    /// Draws the state that an episode starts from.
    fn start(&mut self, seed: Option<u64>) -> MountainCarState {
        if let Some(seed) = seed {
            self.rng = stream(seed, "mountain-car");
        }
        let position_m = self.rng.random_range(START_M);
        let state = MountainCarState { position_m, velocity_m_step: 0.0 };
        self.state = Some(state);
        self.precision = Precision::Double;
        state
    }

    fn checked_step(&mut self, action: &Vec<f32>) -> Result<Step<[f32; 2]>, EnvError> {
        let state = self.state.ok_or(EnvError::ResetNeeded)?;
        if !self.action_space.contains(action) {
            return Err(EnvError::outside(action, &self.action_space));
        }
        Ok(self.advance(state, action[0]))
    }
}

impl Default for MountainCarContinuous {
    fn default() -> Self {
        Self::new()
    }
}

impl MountainCarState {
    fn observation(self) -> [f32; 2] {
        [self.position_m as f32, self.velocity_m_step as f32]
    }

    fn after(self, action: f32, precision: Precision) -> Self {
        let round = |number| precision.round(number);
        let pull = GRAVITY_M_STEP2 * round(3.0 * self.position_m).cos();
        let top_speed = round(MAX_SPEED_M_STEP);
        let mut velocity = round(self.velocity_m_step + round(acceleration(action, pull)));
        velocity = velocity.clamp(-top_speed, top_speed);
        let wall = round(MIN_POSITION_M);
        let position = round(self.position_m + velocity).clamp(wall, round(MAX_POSITION_M));
        if position == wall && velocity < 0.0 {
            velocity = 0.0;
        }
        Self { position_m: position, velocity_m_step: velocity }
    }
}

/// The change of velocity per step. Gymnasium computes it in 32 bits, but in 64 for a force that it has clipped.
fn acceleration(action: f32, pull: f64) -> f64 {
    if action.abs() <= MAX_ACTION {
        f64::from(action * POWER_M_STEP2 as f32 - pull as f32)
    } else {
        f64::from(MAX_ACTION.copysign(action)) * POWER_M_STEP2 - pull
    }
}

impl Env for MountainCarContinuous {
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

    fn at(position_m: f64, velocity_m_step: f64) -> MountainCarContinuous {
        let mut env = MountainCarContinuous::new();
        env.set_state(MountainCarState { position_m, velocity_m_step });
        env
    }

    #[test]
    fn a_step_worked_by_hand() {
        let mut env = at(-0.5, 0.01);
        let step = env.step(&vec![1.0]).unwrap();
        let state = env.state().unwrap();
        // 0.01 + 0.0015 - 0.0025 * cos(-1.5), whose cosine is 0.0707372.
        assert!((state.velocity_m_step - 0.011_323_157).abs() < 1e-8);
        assert!((state.position_m + 0.488_676_843).abs() < 1e-7);
        assert_eq!((step.reward, step.terminated), (-0.1, false));
    }

    #[test]
    fn the_bottom_of_the_valley_is_a_place_to_rest() {
        let mut env = at(-std::f64::consts::FRAC_PI_6, 0.0);
        for _ in 0..100 {
            env.step(&vec![0.0]).unwrap();
        }
        let state = env.state().unwrap();
        assert!((state.position_m + std::f64::consts::FRAC_PI_6).abs() < 1e-6, "{state:?}");
        assert!(state.velocity_m_step.abs() < 1e-6, "{state:?}");
    }

    #[test]
    fn the_left_wall_stops_the_car() {
        let mut env = at(-1.15, -0.07);
        assert_eq!(env.step(&vec![-1.0]).unwrap().observation, [-1.2, 0.0]);
    }

    #[test]
    fn the_goal_is_reached_from_the_left_only() {
        let step = at(0.44, 0.05).step(&vec![0.5]).unwrap();
        assert!(step.terminated);
        assert_eq!(step.reward, 100.0 - 0.025);
        assert!(!at(0.6, -0.05).step(&vec![0.0]).unwrap().terminated);
    }

    #[test]
    fn a_clipped_action_moves_as_the_bound_and_costs_as_given() {
        let (mut clipped, mut bound) = (at(-0.5, 0.0), at(-0.5, 0.0));
        let (clipped_step, bound_step) = (clipped.step_clipped(3.0).unwrap(), bound.step(&vec![1.0]).unwrap());
        let difference = clipped_step.observation[1] - bound_step.observation[1];
        assert!(difference.abs() < 1e-9, "{difference}");
        assert!((clipped_step.reward + 0.9).abs() < 1e-12);
    }
}
