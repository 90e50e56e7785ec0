//! Vector environments against Gymnasium's (`scripts/make_gym_fixtures.py`), and against themselves on other threads.

use std::sync::Arc;

use mec_envs::gym::classic::{Acrobot, CartPole, MountainCarContinuous, Pendulum};
use mec_envs::gym::probe::{Probe, Rung};
use mec_envs::gym::{
    Act, AutoresetMode, BoxSpace, Discrete, Env, EnvError, NormalizeObservation, NormalizeReward, ParallelEnv,
    RecordEpisodeStatistics, Space, Step, TimeLimit, VectorConfig, VectorEnv, VectorError, check_env, check_vector_env,
};
use mec_envs::offload::{OffloadBoxEnv, OffloadEnv, OffloadForm, OffloadSetEnv, Scenario, Setting};

/// The counter of the script: episode k of seed s takes (s + k) % 3 + 1 steps, and every second one is truncated.
struct Counter {
    observation_space: BoxSpace,
    action_space: Discrete,
    seed: u64,
    episode: u64,
    step: Option<u64>,
}

impl Counter {
    fn new() -> Self {
        let observation_space = BoxSpace::uniform(&[3], -1000.0, 1000.0);
        Self { observation_space, action_space: Discrete::new(5), seed: 0, episode: 0, step: None }
    }

    fn observation(&self, step: u64) -> Vec<f32> {
        [self.seed, self.episode, step].map(|entry| entry as f32).to_vec()
    }
}

impl Env for Counter {
    type ObservationSpace = BoxSpace;
    type ActionSpace = Discrete;
    type Info = usize;

    fn observation_space(&self) -> &BoxSpace {
        &self.observation_space
    }

    fn action_space(&self) -> &Discrete {
        &self.action_space
    }

    fn reset(&mut self, seed: Option<u64>) -> Vec<f32> {
        self.episode += 1;
        if let Some(seed) = seed {
            (self.seed, self.episode) = (seed, 0);
        }
        self.step = Some(0);
        self.observation(0)
    }

    fn step(&mut self, action: &usize) -> Result<Step<Vec<f32>, usize>, EnvError> {
        let step = self.step.ok_or(EnvError::ResetNeeded)? + 1;
        if !self.action_space.contains(action) {
            return Err(EnvError::outside(action, &self.action_space));
        }
        let over = step > (self.seed + self.episode) % 3;
        let even = self.episode.is_multiple_of(2);
        self.step = (!over).then_some(step);
        let reward = (100 * self.episode + 10 * step) as f64 + *action as f64;
        let observation = self.observation(step);
        Ok(Step { observation, reward, terminated: over && even, truncated: over && !even, info: *action })
    }
}

/// What the file says about one environment after a call.
struct Row {
    argument: Option<u64>,
    observation: Vec<f32>,
    reward: f64,
    ends: [bool; 2],
    info: Option<usize>,
    final_observation: Option<Vec<f32>>,
}

impl Row {
    fn of(fields: &[&str]) -> Self {
        let number = |column: usize| fields[column].parse::<f32>().ok();
        let numbers = |columns: std::ops::Range<usize>| columns.map(number).collect::<Option<Vec<_>>>();
        Self {
            argument: fields[2].parse().ok(),
            observation: numbers(4..7).unwrap(),
            reward: fields[7].parse().unwrap(),
            ends: [fields[8], fields[9]].map(|flag| flag == "1"),
            info: fields[10].parse().ok(),
            final_observation: numbers(11..14),
        }
    }
}

/// Replays the calls of one mode.
fn replay(autoreset: AutoresetMode) {
    let lines: Vec<Vec<&str>> =
        include_str!("data/gym/vector.csv").lines().map(|line| line.split(',').collect()).collect();
    let name = format!("{autoreset:?}");
    let rows: Vec<_> = lines.iter().filter(|fields| fields[0] == name).collect();
    let mut vector = VectorEnv::new((0..3).map(|_| Counter::new()), VectorConfig::with_autoreset(autoreset)).unwrap();
    assert!(rows.len() >= 48);
    for (call, rows) in rows.chunks(3).enumerate() {
        let name = rows[0][1];
        let rows: Vec<Row> = rows.iter().map(|fields| Row::of(fields)).collect();
        let place = format!("{autoreset:?}, call {call}: {name}");
        if name == "step" {
            let actions: Vec<usize> = rows.iter().map(|row| row.argument.unwrap() as usize).collect();
            vector.step(&actions).unwrap();
            assert_step(&place, &vector, &rows);
        } else if name == "reset" {
            vector.reset(rows[0].argument);
        } else {
            let which: Vec<bool> = rows.iter().map(|row| row.argument == Some(1)).collect();
            vector.reset_where(&which, None).unwrap();
        }
        for (index, row) in rows.iter().enumerate() {
            assert_eq!(vector.last().observation(index), row.observation, "{place}, environment {index}");
        }
    }
}

fn assert_step(place: &str, vector: &VectorEnv<Counter>, rows: &[Row]) {
    let step = vector.last();
    for (index, row) in rows.iter().enumerate() {
        let place = format!("{place}, environment {index}");
        assert_eq!(step.rewards[index], row.reward, "{place}");
        assert_eq!([step.terminated[index], step.truncated[index]], row.ends, "{place}");
        assert_eq!(step.info(index).copied(), row.info, "{place}");
        let ended = step.ended(index).map(|ended| ended.observation.to_vec());
        assert_eq!(ended.is_some(), row.ends[0] || row.ends[1], "{place}");
        if row.final_observation.is_some() {
            assert_eq!(ended, row.final_observation, "{place}");
        }
    }
}

#[test]
fn episodes_follow_each_other_as_in_gymnasium_in_every_mode() {
    check_env(Counter::new, 1, 50).unwrap();
    AutoresetMode::ALL.into_iter().for_each(replay);
}

fn in_pool<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

/// In every mode, on one thread, and with every environment a piece of work of its own.
fn agrees_with_its_environments<E: ParallelEnv<Info: PartialEq>>(make: impl Fn() -> E + Sync, steps: usize) {
    for autoreset in AutoresetMode::ALL {
        for min_work_s in [0.0, f64::INFINITY] {
            let config = VectorConfig { autoreset, min_work_s };
            in_pool(2, || check_vector_env(&make, 5, config, 7, steps)).unwrap();
        }
    }
}

fn setting() -> Arc<Setting> {
    let text = "preset = 'default'\nhorizon_s = 1.0";
    Arc::new(Setting::new(Scenario::from_table(text.parse().unwrap()).unwrap()).unwrap())
}

#[test]
fn vectors_of_probes_agree_with_their_environments() {
    for rung in Rung::ALL {
        agrees_with_its_environments(|| TimeLimit::new(Probe::discrete(rung), 3), 30);
        agrees_with_its_environments(|| TimeLimit::new(Probe::multi_discrete(rung), 3), 30);
        agrees_with_its_environments(|| TimeLimit::new(Probe::continuous(rung), 3), 30);
    }
}

#[test]
fn vectors_of_control_tasks_agree_with_their_environments() {
    agrees_with_its_environments(CartPole::v1, 200);
    agrees_with_its_environments(|| TimeLimit::new(Acrobot::new(), 11), 50);
    agrees_with_its_environments(|| TimeLimit::new(MountainCarContinuous::new(), 11), 50);
    agrees_with_its_environments(|| TimeLimit::new(Pendulum::new(), 11), 50);
}

#[test]
fn vectors_of_wrapped_environments_agree_with_their_environments() {
    agrees_with_its_environments(|| RecordEpisodeStatistics::new(CartPole::v1()), 100);
    agrees_with_its_environments(|| NormalizeReward::new(NormalizeObservation::new(CartPole::v1()), 0.99), 100);
}

#[test]
fn vectors_of_offloading_agree_with_their_environments() {
    let setting = setting();
    agrees_with_its_environments(|| OffloadEnv::new(Arc::clone(&setting)), 25);
    agrees_with_its_environments(|| OffloadSetEnv::new(Arc::clone(&setting)), 12);
    agrees_with_its_environments(|| OffloadBoxEnv::new(Arc::clone(&setting)), 12);
}

/// All rows of a run as bits.
fn bits<E: ParallelEnv>(make: impl Fn() -> E, config: VectorConfig, action: impl Fn(usize) -> Act<E>) -> Vec<u64> {
    let mut vector = VectorEnv::new((0..37).map(|_| make()), config).unwrap();
    vector.reset(Some(3));
    let mut bits = Vec::new();
    for round in 0..60 {
        let actions: Vec<_> = (0..37).map(|index| action(round * 5 + index)).collect();
        let step = vector.step(&actions).unwrap();
        bits.extend(step.observations.iter().map(|entry| u64::from(entry.to_bits())));
        bits.extend(step.rewards.iter().map(|reward| reward.to_bits()));
        bits.extend(step.terminated.iter().chain(step.truncated).map(|&flag| u64::from(flag)));
    }
    bits
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let config = VectorConfig { autoreset: AutoresetMode::SameStep, min_work_s: 0.0 };
    let poles = |config| bits(|| NormalizeObservation::new(CartPole::v1()), config, |number| number * number % 3 % 2);
    let setting = setting();
    let offloading = |config| bits(|| OffloadEnv::new(Arc::clone(&setting)), config, |number| number % 3);
    let alone = VectorConfig { min_work_s: f64::INFINITY, ..config };
    let expected = (poles(alone), offloading(alone));
    for threads in [1, 2, 4] {
        assert!(in_pool(threads, || (poles(config), offloading(config))) == expected, "{threads} threads");
    }
    let default = VectorConfig { autoreset: AutoresetMode::SameStep, ..VectorConfig::default() };
    assert!((poles(default), offloading(default)) == expected, "the default, outside of any pool");
}

#[test]
fn an_action_that_one_environment_refuses_moves_none() {
    let mut vector = VectorEnv::new((0..4).map(|_| Pendulum::v1()), VectorConfig::default()).unwrap();
    vector.reset(Some(1));
    let states = |vector: &VectorEnv<TimeLimit<Pendulum>>| -> Vec<_> {
        (0..4).map(|index| vector.env(index).inner().state()).collect()
    };
    let before = states(&vector);
    let error = vector.step(&[vec![0.0], vec![0.0], vec![f32::NAN], vec![9.0]]).unwrap_err();
    assert!(matches!(error, VectorError::Env { index: 2, source: EnvError::InvalidAction { .. } }), "{error}");
    assert!(error.to_string().starts_with("environment 2: action [NaN] is not open here"), "{error}");
    let error = vector.step(&vec![vec![0.0]; 5]).unwrap_err();
    assert_eq!(error.to_string(), "found 5 actions for 4 environments; accepted is one for each");
    assert_eq!(states(&vector), before);
}

#[test]
fn a_closed_choice_is_refused_before_any_environment_moves() {
    let mut vector = VectorEnv::new((0..3).map(|_| Probe::discrete(Rung::Masked)), VectorConfig::default()).unwrap();
    vector.reset(Some(1));
    let error = vector.step(&[0, 2, 2]).unwrap_err();
    assert!(matches!(error, VectorError::Env { index: 1, source: EnvError::InvalidAction { .. } }), "{error}");
    vector.step(&[0, 1, 0]).unwrap();
    let mut masks = Vec::new();
    vector.action_masks(&mut masks);
    assert_eq!(masks, [true, true, false].repeat(3));
}

#[test]
fn vectors_that_cannot_be_are_refused() {
    let make = |spaces: &[usize], config| {
        VectorEnv::new(spaces.iter().map(|&n| Narrow(Discrete::new(n), BoxSpace::uniform(&[1], 0.0, 0.0))), config)
    };
    let default = VectorConfig::default();
    assert_eq!(make(&[], default).unwrap_err(), VectorError::NoEnvironment);
    let error = make(&[2, 2, 3], default).unwrap_err();
    assert!(error.to_string().contains("environment 2 has another action space"), "{error}");
    for found in [-1.0, f64::NAN] {
        let error = make(&[2], VectorConfig { min_work_s: found, ..default }).unwrap_err();
        assert!(matches!(error, VectorError::InvalidMinWork { .. }), "{error}");
    }
}

/// An environment with as many choices as one likes.
struct Narrow(Discrete, BoxSpace);

impl Env for Narrow {
    type ObservationSpace = BoxSpace;
    type ActionSpace = Discrete;
    type Info = ();

    fn observation_space(&self) -> &BoxSpace {
        &self.1
    }

    fn action_space(&self) -> &Discrete {
        &self.0
    }

    fn reset(&mut self, _seed: Option<u64>) -> Vec<f32> {
        vec![0.0]
    }

    fn step(&mut self, _action: &usize) -> Result<Step<Vec<f32>>, EnvError> {
        Ok(Step { observation: vec![0.0], reward: 0.0, terminated: false, truncated: false, info: () })
    }
}

/// An environment that takes what it is not to take, or the reverse, is found out.
struct Stubborn(Probe<Discrete>, bool);

impl Env for Stubborn {
    type ObservationSpace = BoxSpace;
    type ActionSpace = Discrete;
    type Info = ();

    fn observation_space(&self) -> &BoxSpace {
        self.0.observation_space()
    }

    fn action_space(&self) -> &Discrete {
        self.0.action_space()
    }

    fn reset(&mut self, seed: Option<u64>) -> Vec<f32> {
        self.0.reset(seed)
    }

    fn step(&mut self, action: &usize) -> Result<Step<Vec<f32>>, EnvError> {
        if self.1 { Err(EnvError::closed(action, self.0.action_space())) } else { self.0.step(action) }
    }
}

#[test]
fn an_environment_that_breaks_its_word_is_named() {
    let probe = |_| Probe::discrete(Rung::Endless);
    let envs = (0..4).map(|index| Stubborn(probe(index), index >= 2));
    let mut vector = VectorEnv::new(envs, VectorConfig { min_work_s: 0.0, ..VectorConfig::default() }).unwrap();
    vector.reset(Some(1));
    let error = in_pool(2, || vector.step(&[0; 4]).map(drop)).unwrap_err();
    assert!(matches!(error, VectorError::Env { index: 2, .. }), "{error}");
    let error = check_vector_env(|| Stubborn(probe(0), true), 2, VectorConfig::default(), 1, 3).unwrap_err();
    assert!(error.problem.contains("refused"), "{error}");
}

#[test]
fn seeds_can_be_given_one_by_one() {
    let make = || VectorEnv::new((0..2).map(|_| CartPole::v1()), VectorConfig::default()).unwrap();
    let (mut counted, mut listed) = (make(), make());
    assert_eq!(counted.reset(Some(8)), listed.reset_each(&[Some(8), Some(9)]).unwrap());
    assert_eq!(
        listed.reset_each(&[None]).unwrap_err().to_string(),
        "found 1 seeds for 2 environments; accepted is one for each"
    );
    let kept = counted.last().observation(0).to_vec();
    let alone = CartPole::v1().reset(Some(21));
    counted.reset_where(&[false, true], Some(20)).unwrap();
    assert_eq!((counted.last().observation(0), counted.last().observation(1)), (&kept[..], &alone[..]));
}

#[test]
fn seeds_go_round_at_the_largest_number() {
    let mut vector = VectorEnv::new((0..2).map(|_| CartPole::v1()), VectorConfig::default()).unwrap();
    vector.reset(Some(u64::MAX));
    assert_eq!(vector.last().observation(1), CartPole::v1().reset(Some(0)));
}

#[test]
fn observations_in_the_callers_memory_are_those_of_the_own_buffer() {
    let make = |min_work_s| {
        let config = VectorConfig { autoreset: AutoresetMode::Disabled, min_work_s };
        VectorEnv::new((0..4).map(|_| Counter::new()), config).unwrap()
    };
    for min_work_s in [0.0, f64::INFINITY] {
        let (mut own, mut lent) = (make(min_work_s), make(min_work_s));
        let mut rows = vec![f32::NAN; 4 * 3];
        let some = [false, true, false, true];
        own.reset_where(&some, Some(5)).unwrap();
        lent.reset_where_into(&some, Some(5), &mut rows).unwrap();
        assert_eq!(rows[..3], [0.0; 3], "never reset");
        let mut ended = [true; 4];
        for _ in 0..12 {
            let first = own.reset_where(&ended, None).unwrap().to_vec();
            rows.fill(f32::NAN);
            lent.reset_where_into(&ended, None, &mut rows).unwrap();
            assert_eq!(rows, first);
            rows.fill(f32::NAN);
            let (expected, found) = (own.step(&[0; 4]).unwrap(), lent.step_into(&[0; 4], &mut rows).unwrap());
            assert_eq!(format!("{found:?}"), format!("{expected:?}"));
            ended = std::array::from_fn(|index| expected.terminated[index] || expected.truncated[index]);
        }
    }
}
