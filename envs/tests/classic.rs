//! The classic control tasks against episodes of Gymnasium (`scripts/make_classic_fixtures.py`).

use mec_envs::gym::classic::{
    Acrobot, AcrobotState, CartPole, CartPoleState, MountainCarContinuous, MountainCarState, Pendulum, PendulumState,
};
use mec_envs::gym::{Act, BoxSpace, Env, EnvError, Space, Step, TimeLimit};

/// Two units in the last place of the 32-bit observations.
const OBSERVATION_TOLERANCE: f64 = 2.5e-7;
/// Absolute and relative; sine, cosine and squares may differ in their last bit.
const REWARD_TOLERANCE: f64 = 1e-7;
/// The files give the state again before rounding errors of 1e-15 have grown to 1e-9.
const STATE_TOLERANCE: f64 = 1e-8;

/// A task as the files see it: states, actions and observations are rows of numbers.
trait Task: Env<ObservationSpace = BoxSpace, Info = ()> {
    /// Numbers of its state.
    const STATE: usize;

    fn start_from(&mut self, state: &[f64]) -> Vec<f32>;

    fn numbers(&self) -> Option<Vec<f64>>;

    fn action(text: &str) -> Act<Self>;

    fn step_as_gymnasium(&mut self, action: &Act<Self>) -> Result<Step<Vec<f32>>, EnvError> {
        self.step(action)
    }
}

impl Task for Pendulum {
    const STATE: usize = 2;

    fn start_from(&mut self, state: &[f64]) -> Vec<f32> {
        self.set_state(PendulumState { angle_rad: state[0], velocity_rad_s: state[1] })
    }

    fn numbers(&self) -> Option<Vec<f64>> {
        self.state().map(|state| vec![state.angle_rad, state.velocity_rad_s])
    }

    fn action(text: &str) -> Vec<f32> {
        vec![text.parse().unwrap()]
    }

    fn step_as_gymnasium(&mut self, action: &Vec<f32>) -> Result<Step<Vec<f32>>, EnvError> {
        self.step_clipped(action[0])
    }
}

impl Task for CartPole {
    const STATE: usize = 4;

    fn start_from(&mut self, state: &[f64]) -> Vec<f32> {
        let (position_m, velocity_m_s) = (state[0], state[1]);
        let (angle_rad, angular_velocity_rad_s) = (state[2], state[3]);
        self.set_state(CartPoleState { position_m, velocity_m_s, angle_rad, angular_velocity_rad_s })
    }

    fn numbers(&self) -> Option<Vec<f64>> {
        let numbers = |state: CartPoleState| {
            vec![state.position_m, state.velocity_m_s, state.angle_rad, state.angular_velocity_rad_s]
        };
        self.state().map(numbers)
    }

    fn action(text: &str) -> usize {
        text.parse().unwrap()
    }
}

impl Task for MountainCarContinuous {
    const STATE: usize = 2;

    fn start_from(&mut self, state: &[f64]) -> Vec<f32> {
        self.set_state(MountainCarState { position_m: state[0], velocity_m_step: state[1] })
    }

    fn numbers(&self) -> Option<Vec<f64>> {
        self.state().map(|state| vec![state.position_m, state.velocity_m_step])
    }

    fn action(text: &str) -> Vec<f32> {
        vec![text.parse().unwrap()]
    }

    fn step_as_gymnasium(&mut self, action: &Vec<f32>) -> Result<Step<Vec<f32>>, EnvError> {
        self.step_clipped(action[0])
    }
}

impl Task for Acrobot {
    const STATE: usize = 4;

    fn start_from(&mut self, state: &[f64]) -> Vec<f32> {
        self.set_state(AcrobotState { angles_rad: [state[0], state[1]], velocities_rad_s: [state[2], state[3]] })
    }

    fn numbers(&self) -> Option<Vec<f64>> {
        self.state().map(|state| [state.angles_rad, state.velocities_rad_s].concat())
    }

    fn action(text: &str) -> usize {
        text.parse().unwrap()
    }
}

/// A line of a file.
struct Row<'a> {
    /// Episode and step, for messages.
    place: String,
    step: usize,
    /// Empty where the file does not give it.
    state: Vec<f64>,
    action: &'a str,
    observation: Vec<f64>,
    /// Reward, terminated, truncated; empty at a start.
    outcome: &'a [&'a str],
}

fn numbers(fields: &[&str]) -> Vec<f64> {
    fields.iter().filter(|field| !field.is_empty()).map(|field| field.parse().unwrap()).collect()
}

fn row<'a, E: Task>(fields: &'a [&'a str]) -> Row<'a> {
    let (state, rest) = fields[2..].split_at(E::STATE);
    let (observation, outcome) = rest[1..].split_at(rest.len() - 4);
    Row {
        place: format!("episode {}, step {}", fields[0], fields[1]),
        step: fields[1].parse().unwrap(),
        state: numbers(state),
        action: rest[0],
        // 32-bit numbers, which 64 bits hold.
        observation: observation.iter().map(|entry| f64::from(entry.parse::<f32>().unwrap())).collect(),
        outcome,
    }
}

fn assert_close(place: &str, what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{place}: numbers of the {what}");
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let difference = (found - expected).abs();
        assert!(
            difference <= tolerance * expected.abs().max(1.0),
            "{place}: entry {index} of the {what} is {found}, Gymnasium's is {expected}"
        );
    }
}

fn assert_observation(row: &Row, found: &[f32]) {
    let found: Vec<f64> = found.iter().copied().map(f64::from).collect();
    assert_close(&row.place, "observation", &found, &row.observation, OBSERVATION_TOLERANCE);
}

/// The step in `env`; an action outside the space must be refused, and is then taken as Gymnasium takes it.
fn step_in<E: Task>(env: &mut TimeLimit<E>, action: &Act<E>) -> Step<Vec<f32>> {
    if env.action_space().contains(action) {
        return env.step(action).unwrap();
    }
    assert!(matches!(env.step(action), Err(EnvError::InvalidAction { .. })), "{action:?} was not refused");
    env.inner_mut().step_as_gymnasium(action).unwrap()
}

/// Replays all episodes of a file, and returns the length of the longest.
fn replay<E: Task>(mut env: TimeLimit<E>, file: &str) -> usize {
    let mut longest = 0;
    for line in file.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let row = row::<E>(&fields);
        if row.step == 0 {
            env.reset(Some(0));
        } else {
            let step = step_in(&mut env, &E::action(row.action));
            assert_observation(&row, &step.observation);
            assert_close(&row.place, "reward", &[step.reward], &numbers(&row.outcome[..1]), REWARD_TOLERANCE);
            let ends = [step.terminated, step.truncated].map(|flag| if flag { "1" } else { "0" });
            assert_eq!(ends, row.outcome[1..], "{}: terminated, truncated", row.place);
            longest = longest.max(row.step);
        }
        if !row.state.is_empty() {
            if row.step > 0 {
                let state = env.inner().numbers().unwrap();
                assert_close(&row.place, "state", &state, &row.state, STATE_TOLERANCE);
            }
            let observation = env.inner_mut().start_from(&row.state);
            assert_observation(&row, &observation);
        }
    }
    longest
}

#[test]
fn pendulum_repeats_the_episodes_of_gymnasium() {
    let longest = replay(Pendulum::v1(), include_str!("data/classic/pendulum.csv"));
    assert_eq!(longest, Pendulum::MAX_EPISODE_STEPS);
}

#[test]
fn cart_pole_repeats_the_episodes_of_gymnasium() {
    let longest = replay(CartPole::v1(), include_str!("data/classic/cart_pole.csv"));
    assert_eq!(longest, CartPole::MAX_EPISODE_STEPS);
}

#[test]
fn mountain_car_continuous_repeats_the_episodes_of_gymnasium() {
    let longest = replay(MountainCarContinuous::v0(), include_str!("data/classic/mountain_car_continuous.csv"));
    assert_eq!(longest, MountainCarContinuous::MAX_EPISODE_STEPS);
}

#[test]
fn acrobot_repeats_the_episodes_of_gymnasium() {
    let longest = replay(Acrobot::v1(), include_str!("data/classic/acrobot.csv"));
    assert_eq!(longest, Acrobot::MAX_EPISODE_STEPS);
}
