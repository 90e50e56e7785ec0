//! The runtimes end when they should, keep acting and learning in step, and report what goes wrong.

mod before_step;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use mec_agents::actor::ActorError;
use mec_agents::agent::{Algorithm, Learner, TrainError};
use mec_agents::device::Device;
use mec_agents::nn::BodyConfig;
use mec_agents::random::RandomConfig;
use mec_agents::runtime::{Mode, Observer, ObserverError, Outcome, Progress, RuntimeConfig, train};
use mec_agents::sac::{SacConfig, SacLearner};
use mec_agents::spec::EnvSpec;
use mec_envs::gym::probe::{Probe, Rung};
use mec_envs::gym::{Env, EnvError, TimeLimit};

use before_step::BeforeStep;

const MODES: [Mode; 3] = [Mode::Serial, Mode::Lockstep, Mode::FreeRunning];

/// An environment that breaks after a number of steps: with an error, or with a panic.
fn breaking_after(steps_left: usize, panics: bool) -> impl Env {
    BeforeStep::new(TimeLimit::new(Probe::discrete(Rung::Endless), 5), move |steps| {
        if steps < steps_left {
            return Ok(());
        }
        assert!(!panics, "the environment is broken");
        Err(EnvError::ResetNeeded)
    })
}

fn sac(replay_ratio: f64) -> SacLearner {
    let config = SacConfig {
        batch_size: 8,
        learning_starts: 20,
        buffer_capacity: 1_000,
        replay_ratio,
        body: BodyConfig::mlp(&[8]),
        ..SacConfig::default()
    };
    config.build(&EnvSpec::of(&breaking_after(0, false)), &Device::flex(), 1).unwrap()
}

fn runtime(mode: Mode) -> RuntimeConfig {
    RuntimeConfig { mode, actors: 3, envs: 5, steps: 1_000, round: 4, progress_every: 100, ..RuntimeConfig::default() }
}

fn run<E: Env>(mode: Mode, make_env: impl Fn(usize) -> E + Sync) -> Result<Outcome, TrainError> {
    train(&mut sac(0.5), make_env, &runtime(mode), 1, &mut ())
}

#[test]
fn every_mode_ends_and_keeps_the_replay_ratio() {
    for mode in MODES {
        let outcome = run(mode, |_| breaking_after(usize::MAX, false)).unwrap();
        assert!((1_000..1_060).contains(&outcome.env_steps) && !outcome.stopped, "{mode:?} {outcome:?}");
        let due = (outcome.env_steps - 20) / 2;
        assert_eq!(outcome.updates, due, "{mode:?} {outcome:?}");
        // Episodes of 5 steps; each of the 5 streams may be within one.
        assert!(
            (outcome.env_steps / 5 - 5..=outcome.env_steps / 5).contains(&outcome.episodes),
            "{mode:?} {outcome:?}"
        );
    }
}

#[test]
fn an_error_of_an_environment_ends_the_run_with_its_place() {
    for mode in [Mode::Serial, Mode::Lockstep] {
        let error = run(mode, |index| breaking_after(if index == 3 { 90 } else { usize::MAX }, false)).unwrap_err();
        assert!(matches!(error, TrainError::Actor(ActorError::Refused { env: 3, step: 90, .. })), "{mode:?} {error}");
    }
    // Which stream comes that far first depends on timing; one of five must in 1,000 steps.
    let error = run(Mode::FreeRunning, |_| breaking_after(90, false)).unwrap_err();
    assert!(matches!(error, TrainError::Actor(ActorError::Refused { step: 90, .. })), "{error}");
}

#[test]
fn a_panic_in_an_actor_ends_the_run_with_its_message() {
    for mode in [Mode::Lockstep, Mode::FreeRunning] {
        let make_env = |_| breaking_after(90, true);
        let config = RuntimeConfig { replacements: 0, steps: u64::MAX, ..runtime(mode) };
        let error = train(&mut sac(0.5), make_env, &config, 1, &mut ()).unwrap_err();
        let TrainError::ActorPanicked { message, .. } = &error else { panic!("{mode:?} {error}") };
        assert_eq!(message, "the environment is broken");
    }
}

#[test]
fn a_panic_while_an_environment_is_made_ends_the_run_too() {
    for mode in [Mode::Lockstep, Mode::FreeRunning] {
        let make_env = |index: usize| {
            assert!(index != 2, "no such environment");
            breaking_after(usize::MAX, false)
        };
        // More steps than the other actors do before the news is out.
        let config = RuntimeConfig { steps: u64::MAX, ..runtime(mode) };
        let outcome = train(&mut sac(0.5), make_env, &config, 1, &mut ());
        assert!(matches!(outcome, Err(TrainError::ActorPanicked { .. })), "{mode:?}");
    }
}

#[derive(Default)]
struct Stopper {
    stop: AtomicBool,
    stop_at: Option<u64>,
    fail_at: Option<u64>,
    progress: Vec<Progress>,
}

impl<L: Learner> Observer<L> for Stopper {
    fn on_progress(&mut self, progress: &Progress) -> Result<(), ObserverError> {
        self.progress.push(progress.clone());
        if self.stop_at.is_some_and(|at| progress.env_steps >= at) {
            self.stop.store(true, Ordering::Relaxed);
        }
        match self.fail_at {
            Some(at) if progress.env_steps >= at => Err("the disk is full".into()),
            _ => Ok(()),
        }
    }

    fn should_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

#[test]
fn the_stop_flag_ends_every_mode_with_what_it_has() {
    for mode in MODES {
        let mut stopper = Stopper { stop_at: Some(200), ..Stopper::default() };
        let make_env = |_| breaking_after(usize::MAX, false);
        let outcome = train(&mut sac(0.5), make_env, &runtime(mode), 1, &mut stopper).unwrap();
        assert!(outcome.stopped && (200..500).contains(&outcome.env_steps), "{mode:?} {outcome:?}");
    }
}

#[test]
fn an_error_of_the_observer_ends_the_run() {
    for mode in MODES {
        let mut stopper = Stopper { fail_at: Some(300), ..Stopper::default() };
        let make_env = |_| breaking_after(usize::MAX, false);
        let error = train(&mut sac(0.5), make_env, &runtime(mode), 1, &mut stopper).unwrap_err();
        assert_eq!(error.to_string(), "the observer of the run failed: the disk is full", "{mode:?}");
    }
}

/// The learner is far slower than the actors: they must wait for it, and no report may show them running away.
#[test]
fn free_actors_wait_for_a_slow_learner() {
    let mut stopper = Stopper::default();
    let config = RuntimeConfig { queue: 2, max_updates_behind: 16, ..runtime(Mode::FreeRunning) };
    let mut learner = sac(2.0);
    let outcome = train(&mut learner, |_| breaking_after(usize::MAX, false), &config, 1, &mut stopper).unwrap();
    assert_eq!(outcome.updates, 2 * (outcome.env_steps - 20));
    for progress in &stopper.progress[1..] {
        // What may be due: 16 updates, and those of the largest chunk (2 streams x 4 steps).
        let owed = 2 * (progress.env_steps - 20) - progress.updates;
        assert!(owed <= 16 + 16, "{owed} updates are due at {} steps", progress.env_steps);
        let metrics = &progress.metrics;
        assert!(metrics.get("dist/queue_depth") <= 2.0);
        assert!((0.0..=1.0).contains(&metrics.get("dist/learner_idle")));
    }
    let middle = &stopper.progress[5].metrics;
    assert!((1.5..2.5).contains(&middle.get("dist/replay_ratio")), "{middle:?}");
    assert!(middle.get("dist/policy_lag") >= 0.0 && middle.get("dist/actor_idle") > 0.0, "{middle:?}");
}

#[test]
fn a_method_that_learns_nothing_runs_in_every_mode() {
    for mode in MODES {
        let made = AtomicUsize::new(0);
        let make_env = |_| {
            made.fetch_add(1, Ordering::Relaxed);
            breaking_after(usize::MAX, false)
        };
        let spec = EnvSpec::of(&breaking_after(0, false));
        let mut learner = RandomConfig::default().build(&spec, &Device::flex(), 0).unwrap();
        let outcome = train(&mut learner, make_env, &runtime(mode), 1, &mut ()).unwrap();
        assert_eq!((outcome.updates, made.into_inner()), (0, 5), "{mode:?}");
    }
}

#[test]
fn a_run_without_environments_is_refused() {
    let config = RuntimeConfig { envs: 0, ..RuntimeConfig::default() };
    let error = train(&mut sac(1.0), |_| breaking_after(0, false), &config, 1, &mut ()).unwrap_err();
    assert_eq!(error.to_string(), "runtime.envs is 0; accepted is 1 to 100000");
}

#[test]
fn more_actors_than_a_system_has_threads_for_are_refused() {
    let config = |actors| RuntimeConfig { actors, ..runtime(Mode::Lockstep) };
    config(1_024).validate().unwrap();
    for actors in [1_025, 100_000, usize::MAX] {
        let error = train(&mut sac(1.0), |_| breaking_after(0, false), &config(actors), 1, &mut ()).unwrap_err();
        assert_eq!(error.to_string(), format!("runtime.actors is {actors}; accepted is 1 to 1024"));
    }
}
