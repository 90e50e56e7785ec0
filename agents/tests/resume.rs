//! A run goes on from a checkpoint as if it had never been interrupted.

mod recorder;

use std::path::Path;

use mec_agents::actor::EpisodeReport;
use mec_agents::agent::{Algorithm, Learner, Policy, TrainError};
use mec_agents::checkpoint::{CheckpointError, parse, to_bytes};
use mec_agents::device::Device;
use mec_agents::nn::{BodyConfig, Norm};
use mec_agents::replay::{PriorityConfig, Storage};
use mec_agents::runtime::{Checkpoint, Mode, Observer, ObserverError, Progress, RuntimeConfig, resume, train};
use mec_agents::sac::{SacConfig, SacLearner};
use mec_agents::spec::EnvSpec;
use mec_agents::state::StateDict;
use mec_envs::gym::classic::Pendulum;
use mec_envs::gym::probe::{Probe, ProbeSpace, Rung};
use mec_envs::gym::{ActionLayout, Env, NormalizeObservation, Part, TimeLimit};
use recorder::Recorder;

/// What an observer was told, times aside, and the checkpoints it was given as files are, with the length of the log then.
#[derive(Default)]
struct Log {
    lines: Vec<String>,
    checkpoints: Vec<(usize, u64, Vec<u8>)>,
    /// Stops after so many rounds or chunks were asked about.
    stop_after: Option<usize>,
    asked: std::cell::Cell<usize>,
}

impl<L: Learner> Observer<L> for Log {
    fn on_episode(&mut self, episode: &EpisodeReport) -> Result<(), ObserverError> {
        let EpisodeReport { env, episode, episode_return, length, .. } = episode;
        self.lines.push(format!("episode {env} {episode} {episode_return} {length}"));
        Ok(())
    }

    fn on_progress(&mut self, progress: &Progress) -> Result<(), ObserverError> {
        let Progress { env_steps, updates, episodes, metrics, .. } = progress;
        let figures = ["train/critic_loss", "train/entropy", "dist/replay_ratio"].map(|name| metrics.get(name));
        self.lines.push(format!("progress {env_steps} {updates} {episodes} {figures:?}"));
        Ok(())
    }

    fn on_evaluate(&mut self, steps: u64, _policy: &L::Policy, learner: &L) -> Result<(), ObserverError> {
        self.lines.push(format!("evaluate {steps} {}", learner.state().checksum()));
        Ok(())
    }

    fn on_checkpoint(&mut self, checkpoint: &Checkpoint<'_, L>) -> Result<(), ObserverError> {
        self.checkpoints.push((self.lines.len(), checkpoint.env_steps(), to_bytes(&checkpoint.state())));
        Ok(())
    }

    fn should_stop(&self) -> bool {
        self.asked.set(self.asked.get() + 1);
        self.stop_after.is_some_and(|after| self.asked.get() > after)
    }
}

fn config() -> SacConfig {
    SacConfig {
        batch_size: 16,
        buffer_capacity: 150,
        learning_starts: 50,
        replay_ratio: 0.3,
        body: BodyConfig::mlp(&[16]),
        ..SacConfig::default()
    }
}

fn sac<E: Env>(env: &E, seed: u64) -> SacLearner {
    built(&config(), env, seed)
}

fn built<E: Env>(config: &SacConfig, env: &E, seed: u64) -> SacLearner {
    config.build(&EnvSpec::of(env), &Device::flex(), seed).unwrap()
}

fn runtime(mode: Mode, actors: usize) -> RuntimeConfig {
    RuntimeConfig {
        mode,
        actors,
        envs: 3,
        steps: 360,
        round: 3,
        progress_every: 50,
        evaluate_every: 120,
        checkpoint_every: 45,
        ..RuntimeConfig::default()
    }
}

/// The learner with its memory, in a checksum.
fn checksum<L: Learner>(learner: &L) -> String {
    let mut state = learner.state();
    learner.write_memory(&mut state);
    state.checksum()
}

fn state(bytes: &[u8]) -> StateDict {
    parse(bytes, Path::new("memory")).unwrap()
}

/// Runs with the usual configuration; see [`resumes_with`].
fn resumes_from_everywhere<E: Env>(make: impl Fn() -> E + Sync) {
    resumes_with(&config(), make);
}

/// Runs without an interruption, then goes on from every checkpoint of that run with other threads and another learner.
fn resumes_with<E: Env>(config: &SacConfig, make: impl Fn() -> E + Sync) {
    let mut whole = Log::default();
    let mut learner = built(config, &make(), 3);
    let outcome = train(&mut learner, |_| make(), &runtime(Mode::Serial, 1), 3, &mut whole).unwrap();
    let steps: Vec<u64> = whole.checkpoints.iter().map(|(_, steps, _)| *steps).collect();
    assert_eq!(steps, [45, 90, 135, 180, 225, 270, 315, 360]);
    for (number, (lines, steps, bytes)) in whole.checkpoints.iter().enumerate() {
        let (mode, actors) = [(Mode::Serial, 1), (Mode::Lockstep, 1), (Mode::Lockstep, 3)][number % 3];
        let mut resumed = built(config, &make(), 99);
        let mut log = Log::default();
        let end = resume(&mut resumed, |_| make(), &runtime(mode, actors), &state(bytes), &mut log).unwrap();
        assert_eq!(log.lines, whole.lines[*lines..], "from {steps} steps");
        assert_eq!(checksum(&resumed), checksum(&learner), "from {steps} steps");
        assert_eq!((end.env_steps, end.updates, end.episodes), (outcome.env_steps, outcome.updates, outcome.episodes));
        assert!(end.seconds > 0.0);
        // Checkpoints after the interruption are those of the run that had none; the seconds of it aside.
        for (found, expected) in log.checkpoints.iter().zip(&whole.checkpoints[number + 1..]) {
            assert_eq!(timeless(&found.2), timeless(&expected.2), "from {steps} steps");
        }
    }
}

fn timeless(bytes: &[u8]) -> String {
    let mut state = state(bytes);
    let mut counters: serde_json::Value = state.value("run/counters").unwrap();
    counters["seconds"] = 0.into();
    state.insert_value("run/counters", counters);
    state.checksum()
}

#[test]
fn discrete_runs_resume_to_the_bit_from_any_checkpoint_in_any_thread_layout() {
    resumes_from_everywhere(|| TimeLimit::new(Probe::multi_discrete(Rung::Masked), 5));
}

#[test]
fn continuous_runs_resume_to_the_bit_within_episodes_and_with_running_statistics() {
    resumes_from_everywhere(|| NormalizeObservation::new(Pendulum::v1()));
}

/// Returns over several steps reach back to rows from before the checkpoint, priorities are sums of all that were drawn,
/// and the statistics of observations are the learner's own.
#[test]
fn every_option_of_the_learner_resumes_to_the_bit() {
    let all = SacConfig {
        n_step: 3,
        replay_storage: Storage::F16,
        priority: Some(PriorityConfig::default()),
        normalize_observations: true,
        critics: 3,
        target_critics: Some(2),
        critic_norm: Norm::Layer,
        critic_dropout: 0.1,
        max_grad_norm: Some(1.0),
        ..config()
    };
    resumes_with(&all, Pendulum::v1);
    resumes_with(&all, || TimeLimit::new(Probe::mixed(Rung::Masked), 5));
}

#[test]
fn a_stopped_run_resumes_where_it_stopped() {
    let make = || Pendulum::v1();
    let mut whole = Log::default();
    let mut learner = sac(&make(), 3);
    train(&mut learner, |_| make(), &runtime(Mode::Lockstep, 2), 3, &mut whole).unwrap();
    for rounds in [0, 1, 7, 39] {
        let mut stopped = Log { stop_after: Some(rounds), ..Log::default() };
        let config = runtime(Mode::Lockstep, 2);
        let outcome = train(&mut sac(&make(), 3), |_| make(), &config, 3, &mut stopped).unwrap();
        assert!(outcome.stopped);
        let (lines, steps, bytes) = stopped.checkpoints.last().unwrap();
        assert_eq!((*steps, outcome.env_steps), (9 * rounds as u64, 9 * rounds as u64));
        let mut resumed = sac(&make(), 5);
        let mut log = Log::default();
        resume(&mut resumed, |_| make(), &config, &state(bytes), &mut log).unwrap();
        // What the stopped run said after its checkpoint is said by the resumed one in its time.
        let said = [&stopped.lines[..*lines], &log.lines].concat();
        assert_eq!(said, whole.lines, "stopped after {rounds} rounds");
        assert_eq!(checksum(&resumed), checksum(&learner), "stopped after {rounds} rounds");
    }
}

/// Of 180 updates per round some are done, and the others after the run was resumed.
#[test]
fn a_run_that_is_stopped_between_updates_resumes_with_those_left() {
    let make = || Pendulum::v1();
    let many = SacConfig { replay_ratio: 20.0, learning_starts: 20, policy_delay: 150, ..config() };
    for mode in [Mode::Serial, Mode::Lockstep] {
        let config = RuntimeConfig { steps: 45, progress_every: 9, evaluate_every: 9, ..runtime(mode, 2) };
        let (mut whole, mut learner) = (Log::default(), built(&many, &make(), 3));
        train(&mut learner, |_| make(), &config, 3, &mut whole).unwrap();
        let mut between = 0;
        for asked in 3..9 {
            let mut stopped = Log { stop_after: Some(asked), ..Log::default() };
            let mut first = built(&many, &make(), 3);
            assert!(train(&mut first, |_| make(), &config, 3, &mut stopped).unwrap().stopped);
            between += usize::from(first.updates_due() > 0);
            let steps = stopped.checkpoints.iter().map(|(_, steps, _)| steps).collect::<Vec<_>>();
            assert!(steps.windows(2).all(|pair| pair[0] < pair[1]), "twice at the same step: {steps:?}");
            let (lines, _, bytes) = stopped.checkpoints.last().unwrap();
            let (mut resumed, mut log) = (built(&many, &make(), 5), Log::default());
            resume(&mut resumed, |_| make(), &config, &state(bytes), &mut log).unwrap();
            assert_eq!([&stopped.lines[..*lines], &log.lines].concat(), whole.lines, "{mode:?}, asked {asked} times");
            assert_eq!(checksum(&resumed), checksum(&learner), "{mode:?}, asked {asked} times");
        }
        assert!(between > 2, "{between}");
    }
}

#[test]
fn a_run_can_go_on_for_longer_than_it_was_meant_to() {
    let make = || Probe::discrete(Rung::Match);
    let mut short = Log::default();
    let config = RuntimeConfig { steps: 180, ..runtime(Mode::Serial, 1) };
    train(&mut sac(&make(), 3), |_| make(), &config, 3, &mut short).unwrap();
    let mut resumed = sac(&make(), 3);
    let last = &short.checkpoints.last().unwrap().2;
    resume(&mut resumed, |_| make(), &runtime(Mode::Serial, 1), &state(last), &mut ()).unwrap();
    let mut whole = sac(&make(), 3);
    train(&mut whole, |_| make(), &runtime(Mode::Serial, 1), 3, &mut ()).unwrap();
    assert_eq!(checksum(&resumed), checksum(&whole));
}

/// Actors run on while the checkpoint is taken, and nothing of what they do is lost or there twice.
#[test]
fn a_free_run_resumes_without_a_gap_in_any_stream() {
    let make = |_| Pendulum::v1();
    for actors in [1, 2, 3] {
        let config = RuntimeConfig { steps: 3_000, checkpoint_every: 500, ..runtime(Mode::FreeRunning, actors) };
        let mut log = Log::default();
        let mut first = Recorder::default();
        let outcome = train(&mut first, make, &config, 1, &mut log).unwrap();
        first.assert_whole(outcome.env_steps as usize, 3);
        assert_eq!(log.checkpoints.len(), 6, "no point is passed over");
        for (_, steps, bytes) in &log.checkpoints {
            let mut resumed = Recorder::default();
            let outcome = resume(&mut resumed, make, &config, &state(bytes), &mut ()).unwrap();
            assert!((3_000..3_030).contains(&outcome.env_steps), "{outcome:?}");
            resumed.assert_whole(outcome.env_steps as usize, 3);
            assert_eq!(resumed.rows()[..*steps as usize], first.rows()[..*steps as usize], "the same until then");
        }
    }
}

#[test]
fn a_stopped_free_run_resumes_too() {
    let make = |_| Pendulum::v1();
    let config = RuntimeConfig { steps: 100_000, ..runtime(Mode::FreeRunning, 2) };
    let mut log = Log { stop_after: Some(40), ..Log::default() };
    let outcome = train(&mut Recorder::default(), make, &config, 1, &mut log).unwrap();
    assert!(outcome.stopped);
    let (_, steps, bytes) = log.checkpoints.last().unwrap();
    let mut resumed = Recorder::default();
    let config = RuntimeConfig { steps: steps + 600, ..config };
    let outcome = resume(&mut resumed, make, &config, &state(bytes), &mut ()).unwrap();
    resumed.assert_whole(outcome.env_steps as usize, 3);
}

#[test]
fn what_does_not_belong_to_the_run_is_refused() {
    let make = |_| Probe::discrete(Rung::Match);
    let mut log = Log::default();
    let config = runtime(Mode::Serial, 1);
    train(&mut sac(&make(0), 3), make, &config, 3, &mut log).unwrap();
    let stored = state(&log.checkpoints[0].2);
    let refused = |state: &StateDict, config: &RuntimeConfig| {
        let error = resume(&mut sac(&make(0), 3), make, config, state, &mut ()).unwrap_err();
        assert!(matches!(error, TrainError::Checkpoint(_)), "{error}");
        error.to_string()
    };
    let error = refused(&stored, &RuntimeConfig { envs: 4, ..config.clone() });
    assert_eq!(error, "value \"run/envs\" is 3: the run to go on has 4 environment streams");
    let error = refused(&sac(&make(0), 3).state(), &config);
    assert_eq!(error, "this is the state of a \"sac\" learner; expected \"run\"");
    let other = sac(&Pendulum::v1(), 3);
    let mut mixed = stored.clone();
    mixed.insert_state("learner", other.state());
    assert!(refused(&mixed, &config).contains("here environments are"));
    let mut small = SacConfig { buffer_capacity: 20, batch_size: 4, learning_starts: 5, ..SacConfig::default() };
    small.body = BodyConfig::mlp(&[16]);
    let mut small = small.build(&EnvSpec::of(&make(0)), &Device::flex(), 3).unwrap();
    let error = resume(&mut small, make, &config, &stored, &mut ()).unwrap_err();
    assert!(
        matches!(error, TrainError::Checkpoint(CheckpointError::Value { .. } | CheckpointError::Shape { .. })),
        "{error}"
    );
}

/// An environment that is another one at its second making.
#[test]
fn an_environment_that_goes_another_way_is_refused() {
    let mut log = Log::default();
    let config = RuntimeConfig { steps: 90, ..runtime(Mode::Serial, 1) };
    train(&mut sac(&Pendulum::v1(), 3), |_| Pendulum::v1(), &config, 3, &mut log).unwrap();
    for mode in [Mode::Serial, Mode::Lockstep, Mode::FreeRunning] {
        let config = RuntimeConfig { mode, ..config.clone() };
        let shorter = |_| TimeLimit::new(Pendulum::v1(), 10);
        let error = resume(&mut sac(&Pendulum::v1(), 3), shorter, &config, &state(&log.checkpoints[0].2), &mut ());
        let error = error.unwrap_err().to_string();
        assert!(error.contains("cannot be brought back to its step 15") && error.contains("ended sooner"), "{error}");
    }
}

/// The probes differ in their actions; their memory is nothing, which is what they say.
#[test]
fn probes_remember_nothing() {
    fn memory<A: ProbeSpace>(mut probe: Probe<A>) -> Option<serde_json::Value> {
        probe.reset(Some(1));
        probe.memory()
    }
    assert_eq!(memory(Probe::discrete(Rung::Match)).or(memory(Probe::continuous(Rung::Match))), None);
}

/// What these have in common with the learner whose state it is are all names and shapes of arrays.
#[test]
fn the_state_of_a_learner_that_was_made_otherwise_is_refused() {
    let spec = |heads: &[usize]| {
        let action = ActionLayout { heads: heads.to_vec(), continuous: 0 };
        EnvSpec { observation: vec![Part::new("", &[4])], action }
    };
    let build = |config: &SacConfig, heads: &[usize]| config.build(&spec(heads), &Device::flex(), 0).unwrap();
    let plain = config();
    let normal = SacConfig { normalize_observations: true, ..config() };
    let mut learner = build(&plain, &[2, 3]);
    learner.load_state(&build(&plain, &[2, 3]).state()).unwrap();
    let before = learner.state();
    for (other, heads, place) in [
        (normal.clone(), &[2, 3][..], "normalizer/"),
        (SacConfig { body: BodyConfig::tanh(&[16]), ..config() }, &[2, 3], "config/body"),
        (SacConfig { critics: 3, ..config() }, &[2, 3], "config/critics"),
        (SacConfig { critic_norm: Norm::Layer, ..config() }, &[2, 3], "config/critic_norm"),
        (config(), &[3, 2], "observation"),
    ] {
        let error = learner.load_state(&build(&other, heads).state()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("value \"{place}")), "{error}");
        assert_eq!(learner.state(), before);
    }
    let mut policy = learner.policy();
    for (other, heads, place) in [
        (normal, &[2, 3][..], "scaling/mean"),
        (SacConfig { body: BodyConfig::tanh(&[16]), ..config() }, &[2, 3], "config/body"),
        (config(), &[3, 2], "observation"),
    ] {
        let error = policy.load_state(&build(&other, heads).policy().state()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("value \"{place}")), "{error}");
    }
    policy.load_state(&learner.policy().state()).unwrap();
}

/// Three features and two global ones make rows of inputs as long as four and one do.
#[test]
fn a_scorer_takes_over_what_read_other_numbers_of_options_but_not_other_options() {
    let of = |choices: usize, features: usize, global: usize, prior: bool| {
        let mut observation = vec![Part::new("global", &[global]), Part::new("options", &[choices, features])];
        observation.extend(prior.then(|| Part::new("prior", &[choices])));
        let body = BodyConfig::Scorer { hidden: vec![4], prior_scale: 1.0, q_prior_scale: 1.0 };
        let action = ActionLayout { heads: vec![choices], continuous: 0 };
        SacConfig { body, ..config() }.build(&EnvSpec { observation, action }, &Device::flex(), 0).unwrap()
    };
    let (mut learner, more) = (of(5, 3, 2, true), of(7, 3, 2, true));
    learner.load_state(&more.state()).unwrap();
    learner.policy().load_state(&more.policy().state()).unwrap();
    for other in [of(5, 4, 1, true), of(5, 3, 2, false)] {
        let errors = [learner.load_state(&other.state()), learner.policy().load_state(&other.policy().state())];
        for error in errors.map(|result| result.unwrap_err().to_string()) {
            assert!(error.starts_with("value \"observation\"") && error.contains("here environments are"), "{error}");
        }
    }
}
