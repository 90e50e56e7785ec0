//! An actor that panics is replaced, or the run ends with its message; nothing hangs.

mod before_step;
mod recorder;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use before_step::BeforeStep;
use mec_agents::agent::{Learner, TrainError};
use mec_agents::runtime::{Mode, Observer, ObserverError, Outcome, RuntimeConfig, train};
use mec_envs::gym::Env;
use mec_envs::gym::classic::Pendulum;
use recorder::Recorder;

/// Pendulum that panics before its step number `at` of all episodes.
fn fragile(at: usize) -> impl Env {
    BeforeStep::new(Pendulum::v1(), move |steps| {
        assert!(steps != at, "the spring broke");
        Ok(())
    })
}

#[derive(Default)]
struct Heard(Vec<String>);

impl<L: Learner> Observer<L> for Heard {
    fn on_replacement(&mut self, _actor: usize, message: &str) -> Result<(), ObserverError> {
        self.0.push(message.to_owned());
        Ok(())
    }
}

fn config(mode: Mode) -> RuntimeConfig {
    RuntimeConfig { mode, actors: 2, envs: 4, steps: 2_000, round: 5, queue: 1, ..RuntimeConfig::default() }
}

/// More steps than the actors that are well do before the others are given up.
fn endless(mode: Mode) -> RuntimeConfig {
    RuntimeConfig { steps: u64::MAX, ..config(mode) }
}

fn run<E: Env>(
    config: &RuntimeConfig,
    make_env: impl Fn(usize) -> E + Sync,
) -> (Result<Outcome, TrainError>, Recorder, Vec<String>) {
    let (mut learner, mut heard) = (Recorder::default(), Heard::default());
    let outcome = train(&mut learner, make_env, config, 1, &mut heard);
    (outcome, learner, heard.0)
}

#[test]
fn a_free_run_outlives_a_panic_wherever_it_comes_and_loses_no_order() {
    for at in [0, 1, 4, 5, 123, 199, 200] {
        let broke = AtomicBool::new(false);
        let only_once = |steps| {
            assert!(steps != at || broke.swap(true, Ordering::Relaxed), "the spring broke");
            Ok(())
        };
        let make_env = |_| BeforeStep::new(Pendulum::v1(), only_once);
        let (mut learner, mut heard) = (Recorder::default(), Heard::default());
        let outcome = train(&mut learner, make_env, &config(Mode::FreeRunning), 1, &mut heard).unwrap();
        assert_eq!(heard.0, ["the spring broke"], "at {at}");
        assert!((2_000..2_040).contains(&outcome.env_steps), "at {at}: {outcome:?}");
        // The two streams of the actor that broke go on under new numbers, and had rows before unless it broke at once.
        // Which actor that was, and whether the other one had a turn, depends on timing.
        let streams: BTreeSet<u32> = learner.rows().iter().map(|row| row.stream).collect();
        learner.assert_whole(outcome.env_steps as usize, streams.len());
        assert!(streams.contains(&4) && streams.contains(&5), "at {at}: {streams:?}");
        let before = [[0, 2], [1, 3]].iter().any(|pair| pair.iter().all(|stream| streams.contains(stream)));
        assert!(at == 0 || before, "at {at}: {streams:?}");
    }
}

#[test]
fn panics_are_counted_and_one_too_many_ends_the_run() {
    let always = |index| fragile(if index == 2 { 20 } else { usize::MAX });
    for replacements in [0, 1, 4] {
        let (outcome, _, heard) = run(&RuntimeConfig { replacements, ..endless(Mode::FreeRunning) }, always);
        let error = outcome.unwrap_err();
        assert_eq!(error.to_string(), "actor 0 panicked: the spring broke");
        assert_eq!(heard.len(), replacements);
    }
}

#[test]
fn the_other_modes_end_with_the_message() {
    for mode in [Mode::Serial, Mode::Lockstep] {
        for at in [0, 7, 123] {
            let (outcome, _, heard) = run(&config(mode), |index| fragile(if index == 2 { at } else { usize::MAX }));
            assert_eq!(outcome.unwrap_err().to_string(), "actor 0 panicked: the spring broke", "{mode:?} at {at}");
            assert!(heard.is_empty());
        }
    }
}

#[test]
fn an_environment_that_cannot_be_made_ends_every_mode() {
    for mode in [Mode::Serial, Mode::Lockstep, Mode::FreeRunning] {
        let made = AtomicUsize::new(0);
        let make_env = |index: usize| {
            made.fetch_add(usize::from(index == 3), Ordering::Relaxed);
            assert!(index != 3, "there is no spring");
            fragile(usize::MAX)
        };
        let (outcome, _, _) = run(&endless(mode), make_env);
        let error = outcome.unwrap_err();
        assert!(
            matches!(&error, TrainError::ActorPanicked { message, .. } if message == "there is no spring"),
            "{error}"
        );
        assert_eq!(
            made.into_inner(),
            if mode == Mode::FreeRunning { 4 } else { 1 },
            "{mode:?}: tried as often as allowed"
        );
    }
}

/// Both actors at once, again and again: the run ends, and soon.
#[test]
fn nothing_hangs_when_every_actor_is_gone() {
    for replacements in [0, 5] {
        let config = RuntimeConfig { replacements, ..endless(Mode::FreeRunning) };
        let (outcome, _, _) = run(&config, |_| fragile(3));
        assert!(matches!(outcome, Err(TrainError::ActorPanicked { .. })));
    }
}
