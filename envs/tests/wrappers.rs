//! Wrappers against Gymnasium's own (`scripts/make_gym_fixtures.py`), and around the offloading environments.

use std::sync::Arc;

use mec_envs::gym::classic::{Acrobot, CartPole, MountainCarContinuous, Pendulum};
use mec_envs::gym::{
    ActionSpace, BoxSpace, ClipAction, Discrete, Env, EnvError, EpisodeStatistics, FlattenObservation,
    NormalizeObservation, NormalizeReward, RecordEpisodeStatistics, Recorded, RescaleAction, Space, Step, TimeLimit,
    Updates, check_env,
};
use mec_envs::offload::{OffloadBoxEnv, OffloadEnv, OffloadForm, OffloadSetEnv, Scenario, Setting};
use mec_envs::rng::stream;

/// Discount and first frozen row of the file.
const GAMMA: f64 = 0.9;
const FROZEN: usize = 50;
/// Gymnasium keeps the statistics of observations in 32 bits; the second entry lies around 100.
const SINGLE_TOLERANCE: f64 = 1e-4;

/// A line of `wrappers.csv`, after its event, by column.
struct Row {
    event: &'static str,
    numbers: Vec<Option<f64>>,
}

impl Row {
    fn all() -> Vec<Self> {
        let lines = include_str!("data/gym/wrappers.csv").lines().skip(1);
        let row = |line: &'static str| {
            let (event, numbers) = line.split_once(',').unwrap();
            let number = |field: &str| (!field.is_empty()).then(|| field.parse().unwrap());
            Self { event, numbers: numbers.split(',').map(number).collect() }
        };
        lines.map(row).collect()
    }

    /// Numbers from this column on, which counts from the one after the event.
    fn three(&self, column: usize) -> [f64; 3] {
        std::array::from_fn(|index| self.numbers[column + index].unwrap())
    }

    fn one(&self, column: usize) -> f64 {
        self.numbers[column].unwrap()
    }
}

/// Gives what the rows say, one after another.
struct Scripted {
    rows: std::vec::IntoIter<Row>,
    observation_space: BoxSpace,
    action_space: Discrete,
}

impl Scripted {
    fn next(&mut self, event: &str) -> Row {
        let row = self.rows.next().unwrap();
        assert_eq!(row.event, event);
        row
    }
}

impl Env for Scripted {
    type ObservationSpace = BoxSpace;
    type ActionSpace = Discrete;
    type Info = ();

    fn observation_space(&self) -> &BoxSpace {
        &self.observation_space
    }

    fn action_space(&self) -> &Discrete {
        &self.action_space
    }

    fn reset(&mut self, _seed: Option<u64>) -> Vec<f32> {
        self.next("reset").three(0).map(|entry| entry as f32).to_vec()
    }

    fn step(&mut self, _action: &usize) -> Result<Step<Vec<f32>>, EnvError> {
        let row = self.next("step");
        let observation = row.three(0).map(|entry| entry as f32).to_vec();
        let [reward, terminated, truncated] = row.three(3);
        Ok(Step { observation, reward, terminated: terminated == 1.0, truncated: truncated == 1.0, info: () })
    }
}

type Wrapped = NormalizeObservation<NormalizeReward<RecordEpisodeStatistics<Scripted>>>;

fn wrapped() -> Wrapped {
    let infinity = f32::INFINITY;
    let scripted = Scripted {
        rows: Row::all().into_iter(),
        observation_space: BoxSpace::uniform(&[3], -infinity, infinity),
        action_space: Discrete::new(1),
    };
    NormalizeObservation::new(NormalizeReward::new(RecordEpisodeStatistics::remembering(scripted, 5), GAMMA))
}

fn close(row: usize, found: &[f64], expected: &[f64], tolerance: f64) {
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let difference = (found - expected).abs();
        let allowed = tolerance * expected.abs().max(1.0);
        assert!(difference <= allowed, "row {row}, entry {index}: {found}, Gymnasium's is {expected}");
    }
}

/// The observation in Gymnasium's 32 bits to their rounding, and that in 64 to the last bit of 32.
fn assert_observation(index: usize, row: &Row, env: &Wrapped, observation: &[f32]) {
    let observation: Vec<f64> = observation.iter().copied().map(f64::from).collect();
    close(index, &observation, &row.three(6), SINGLE_TOLERANCE);
    close(index, &observation, &row.three(9), f64::from(f32::EPSILON));
    close(index, env.moments().mean(), &row.three(12), 1e-14);
    close(index, env.moments().variance(), &row.three(15), 1e-14);
}

fn assert_episode(index: usize, row: &Row, episode: Option<EpisodeStatistics>) {
    let expected = row.numbers[20].zip(row.numbers[21]);
    let found = episode.map(|episode| (episode.episode_return, episode.length as f64));
    assert_eq!(found, expected, "row {index}: return and length of the episode");
}

#[test]
fn wrappers_give_the_numbers_of_gymnasium() {
    let mut env = wrapped();
    let mut ends = 0;
    for (index, row) in Row::all().iter().enumerate() {
        if index == FROZEN {
            env.set_updates(Updates::Frozen);
            env.inner_mut().set_updates(Updates::Frozen);
        }
        if row.event == "reset" {
            let observation = env.reset(None);
            assert_observation(index, row, &env, &observation);
            continue;
        }
        let step: Step<Vec<f32>, Recorded<()>> = env.step(&0).unwrap();
        assert_observation(index, row, &env, &step.observation);
        // The same operations in the same order: equal to the bit.
        assert_eq!((step.reward, env.inner().moments().variance()[0]), (row.one(18), row.one(19)), "row {index}");
        assert_episode(index, row, step.info.episode);
        let recorded = env.inner().inner();
        ends += usize::from(step.info.episode.is_some());
        for (mean, column) in [(recorded.mean_return(), 22), (recorded.mean_length(), 23)] {
            assert_eq!(mean.is_some(), row.numbers[column].is_some(), "row {index}");
            close(index, mean.as_slice(), row.numbers[column].as_slice(), 1e-14);
        }
    }
    assert!(ends > 5, "the file has {ends} ends");
}

fn setting() -> Arc<Setting> {
    let text = "preset = 'default'\nhorizon_s = 2.0";
    Arc::new(Setting::new(Scenario::from_table(text.parse().unwrap()).unwrap()).unwrap())
}

/// Every wrapper that fits any environment, alone and all at once.
fn keeps_the_contract<E: Env>(make: impl Fn() -> E) {
    check_env(|| TimeLimit::new(make(), 3), 1, 40).unwrap();
    check_env(|| RecordEpisodeStatistics::new(make()), 2, 40).unwrap();
    check_env(|| NormalizeReward::new(make(), 0.99), 3, 40).unwrap();
    check_env(|| FlattenObservation::new(make()), 4, 40).unwrap();
    let all = || TimeLimit::new(NormalizeReward::new(RecordEpisodeStatistics::new(make()), 0.99), 5);
    check_env(|| NormalizeObservation::new(FlattenObservation::new(all())), 5, 40).unwrap();
}

#[test]
fn wrapped_offloading_keeps_the_contract_in_all_three_forms() {
    let setting = setting();
    keeps_the_contract(|| OffloadEnv::new(Arc::clone(&setting)));
    keeps_the_contract(|| OffloadSetEnv::new(Arc::clone(&setting)));
    keeps_the_contract(|| OffloadBoxEnv::new(Arc::clone(&setting)));
    check_env(|| ClipAction::new(OffloadBoxEnv::new(Arc::clone(&setting))), 1, 40).unwrap();
    check_env(|| RescaleAction::new(OffloadBoxEnv::new(Arc::clone(&setting)), 0.0, 1.0), 1, 40).unwrap();
}

#[test]
fn wrappers_pass_masks_metrics_and_infos_on() {
    let make = || OffloadSetEnv::new(setting());
    let mut plain = make();
    let mut wrapped = RecordEpisodeStatistics::new(NormalizeReward::new(FlattenObservation::new(make()), 0.99));
    plain.reset(Some(1));
    wrapped.reset(Some(1));
    let mut rng = stream(1, "test");
    loop {
        assert_eq!(plain.action_mask(), wrapped.action_mask());
        let action = plain.action_space().sample_masked(plain.action_mask(), &mut rng);
        let (expected, step) = (plain.step(&action).unwrap(), wrapped.step(&action).unwrap());
        assert_eq!(step.info.info, expected.info);
        assert_eq!(wrapped.metrics(), plain.metrics());
        if expected.is_last() {
            break;
        }
    }
}

#[test]
fn scores_that_are_not_finite_are_no_action() {
    let mut env = OffloadBoxEnv::new(setting());
    env.reset(Some(1));
    for score in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut action = vec![0.0; env.action_space().flat_dim()];
        action[1] = score;
        assert!(matches!(env.step(&action), Err(EnvError::InvalidAction { .. })), "{score}");
    }
    assert_eq!(env.offload().world().unwrap().decided(), 0);
}

/// Steps an environment through its episodes with one buffer, which must stay where it is.
fn keeps_its_buffer<E: Env<ObservationSpace: Space<Element = Vec<f32>>>>(mut env: E) {
    let mut rng = stream(1, "test");
    let mut observation = env.reset(Some(1));
    let place = observation.as_ptr();
    for _ in 0..500 {
        let action = env.action_space().sample(&mut rng);
        if env.step_into(&action, &mut observation).unwrap().is_last() {
            env.reset_into(None, &mut observation);
        }
        assert_eq!(observation.as_ptr(), place, "the observation moved to new memory");
    }
}

#[test]
fn stepping_into_a_buffer_keeps_its_memory() {
    keeps_its_buffer(Pendulum::v1());
    keeps_its_buffer(CartPole::v1());
    keeps_its_buffer(MountainCarContinuous::v0());
    keeps_its_buffer(Acrobot::v1());
    keeps_its_buffer(ClipAction::new(RescaleAction::new(Pendulum::v1(), -1.0, 1.0)));
    let recorded = RecordEpisodeStatistics::new(NormalizeReward::new(CartPole::v1(), 0.99));
    keeps_its_buffer(NormalizeObservation::new(FlattenObservation::new(recorded)));
}
