//! A step that does not return holds a run up, and the observer is told by whom.

mod before_step;
mod recorder;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use before_step::BeforeStep;
use mec_agents::actor::ActorError;
use mec_agents::agent::{Learner, TrainError};
use mec_agents::runtime::{Checkpoint, Mode, Observer, ObserverError, Outcome, RuntimeConfig, train};
use mec_envs::gym::EnvError;
use mec_envs::gym::classic::Pendulum;
use recorder::Recorder;

const PATIENCE: Duration = Duration::from_millis(400);

/// What hangs, and whether it may go on.
#[derive(Default)]
struct Gate {
    reached: AtomicBool,
    open: AtomicBool,
}

/// What happens at the eighth step of a [`Pendulum`].
#[derive(Clone, Copy, PartialEq)]
enum Eighth {
    /// A step like any other.
    Returns,
    /// It returns when the gate is open.
    Hangs,
    /// It returns when another one hangs, so that no actor is through before.
    Follows,
    /// It is refused, when another one hangs.
    Fails,
}

fn wait_for(flag: &AtomicBool) {
    let start = Instant::now();
    while !flag.load(Ordering::Relaxed) {
        assert!(start.elapsed() < Duration::from_secs(60), "nobody was told");
        sleep(Duration::from_millis(1));
    }
}

/// What the environment does before a step.
fn before(steps: usize, eighth: Eighth, gate: &Gate) -> Result<(), EnvError> {
    if steps != 7 || eighth == Eighth::Returns {
        return Ok(());
    }
    gate.reached.fetch_or(eighth == Eighth::Hangs, Ordering::Relaxed);
    wait_for(if eighth == Eighth::Hangs { &gate.open } else { &gate.reached });
    if eighth == Eighth::Fails { Err(EnvError::ResetNeeded) } else { Ok(()) }
}

/// Opens the gate when it was told twice.
struct Listener<'a> {
    gate: &'a Gate,
    told: Vec<(usize, Duration)>,
    checkpoints: usize,
    /// Whether to stop the run when an environment hangs.
    stops: bool,
}

impl<L: Learner> Observer<L> for Listener<'_> {
    fn on_checkpoint(&mut self, _checkpoint: &Checkpoint<'_, L>) -> Result<(), ObserverError> {
        self.checkpoints += 1;
        Ok(())
    }

    fn on_silence(&mut self, actor: usize, waited: Duration) {
        self.told.push((actor, waited));
        self.gate.open.store(self.told.len() == 2, Ordering::Relaxed);
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }

    fn should_stop(&self) -> bool {
        self.stops && self.gate.reached.load(Ordering::Relaxed)
    }
}

/// A run of two actors with two streams each, of which the last one hangs; `first` is what the first one does. Its end, the
/// checkpoints, and what the observer was told. All rows that came follow from each other.
fn run(
    config: RuntimeConfig,
    first: Eighth,
    stops: bool,
) -> (Result<Outcome, TrainError>, usize, Vec<(usize, Duration)>) {
    let gate = Gate::default();
    let eighths = [first, Eighth::Returns, Eighth::Returns, Eighth::Hangs];
    let make_env = |index: usize| {
        let (eighth, gate) = (eighths[index], &gate);
        BeforeStep::new(Pendulum::v1(), move |steps| before(steps, eighth, gate))
    };
    let config = RuntimeConfig { actors: 2, envs: 4, steps: 400, round: 5, ..config };
    let mut learner = Recorder::default();
    let mut listener = Listener { gate: &gate, told: Vec::new(), checkpoints: 0, stops };
    let outcome = train(&mut learner, make_env, &config, 1, &mut listener);
    if let Ok(outcome) = &outcome {
        let streams: BTreeSet<u32> = learner.rows().iter().map(|row| row.stream).collect();
        learner.assert_whole(outcome.env_steps as usize, streams.len());
    }
    (outcome, listener.checkpoints, listener.told)
}

/// That the observer was told of actor 1 when its patience was over, and again after twice the time.
fn assert_told(told: &[(usize, Duration)]) {
    let [(first, once), (second, twice)] = told else { panic!("told {told:?}") };
    assert_eq!((*first, *second), (1, 1));
    let expected = PATIENCE..PATIENCE + Duration::from_millis(20);
    assert!(expected.contains(once) && expected.contains(&(*twice - PATIENCE)), "{told:?}");
}

#[test]
fn a_run_that_waits_for_a_step_says_so_and_goes_on_when_it_returns() {
    for mode in [Mode::Lockstep, Mode::FreeRunning] {
        for checkpoint_every in [0, 30] {
            let config = RuntimeConfig { mode, checkpoint_every, ..RuntimeConfig::default() };
            let (outcome, checkpoints, told) = run(config, Eighth::Follows, false);
            assert!((400..440).contains(&outcome.unwrap().env_steps), "{mode:?}");
            assert_eq!(checkpoints > 1, checkpoint_every > 0, "{mode:?}");
            assert_told(&told);
        }
    }
}

#[test]
fn a_stop_and_an_error_wait_for_a_step_that_does_not_return_and_say_so() {
    let config = RuntimeConfig { mode: Mode::FreeRunning, checkpoint_every: 0, ..RuntimeConfig::default() };
    let (outcome, _, told) = run(config, Eighth::Follows, true);
    assert!(outcome.unwrap().stopped);
    assert_told(&told);
    for mode in [Mode::Lockstep, Mode::FreeRunning] {
        let config = RuntimeConfig { mode, ..RuntimeConfig::default() };
        let (outcome, _, told) = run(config, Eighth::Fails, false);
        assert!(matches!(outcome, Err(TrainError::Actor(ActorError::Refused { env: 0, step: 7, .. }))), "{mode:?}");
        assert_told(&told);
    }
}
