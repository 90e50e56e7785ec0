//! Runtimes: who steps the environments and when the learner learns.
//!
//! [`train`] runs a learner in one of three modes. [`Mode::Serial`] is the reference loop; [`Mode::Lockstep`] gives
//! the same result to the bit with any number of actor threads; [`Mode::FreeRunning`] lets actors and learner run at
//! their own speeds, held together by the learner's [`updates_due`](crate::agent::Learner::updates_due).
//!
//! [`resume`] goes on from a [`Checkpoint`], in the first two modes as if the run had never been interrupted.

mod checkpoint;
mod config;
mod crew;
mod free_running;
mod health;
mod lockstep;
mod observer;
mod run;
mod serial;

pub use checkpoint::Checkpoint;
pub use config::{Mode, RuntimeConfig};
pub use observer::{Observer, ObserverError, Outcome, Progress};

use mec_envs::gym::{ActionSpace, Env};

use crate::actor::{ActorError, EnvStream};
use crate::agent::{Learner, TrainError};
use crate::state::StateDict;
use checkpoint::Start;
use run::Run;

/// Trains `learner` on the environments that `make_env` builds (one per stream, called with the stream's index in the
/// thread that steps it) until [`RuntimeConfig::steps`] environment steps are done or the observer asks to stop.
///
/// Stream i is seeded from (`seed`, i) alone. The run ends with the first round or chunk at or past the wanted steps.
///
/// # Errors
/// [`TrainError`]: the first error of the configuration, an environment, an actor thread, the learner or the
/// observer. No thread is left behind.
///
/// # Design
/// A step of an environment that never returns cannot be interrupted, because a thread cannot be killed: the run then
/// neither stops nor ends, nor does it write a checkpoint, and an error of its other parts is not returned. The observer
/// is told of it ([`on_silence`](Observer::on_silence)), `serial` aside. An environment that may hang, as one that asks
/// another process does, needs a time limit of its own and an error beyond it.
pub fn train<L, E, F, O>(
    learner: &mut L,
    make_env: F,
    config: &RuntimeConfig,
    seed: u64,
    observer: &mut O,
) -> Result<Outcome, TrainError>
where
    L: Learner,
    E: Env,
    F: Fn(usize) -> E + Sync,
    O: Observer<L>,
{
    config.validate()?;
    let start = Start::new(seed, config.progress_every);
    go(Run::new(learner, config, observer, &start), make_env, &start)
}

/// Goes on with a run from the [`state`](Checkpoint::state) of a checkpoint. `learner` is one that was built as that of
/// the run was; `make_env` builds the environments that it had.
///
/// In `serial` and `lockstep` the rest of the run is the same to the bit as that of a run that was never interrupted,
/// whatever the number of actors; the observer is told what the other one was told from the checkpoint on. In
/// `free_running` nothing is lost or done twice, but what comes depends on timing as ever, and what actors
/// draw for several environments at once comes from new generators.
///
/// # Errors
/// As [`train`]; [`TrainError::Checkpoint`] when the state is not of such a run, and
/// [`ActorError::NotRepeatable`] when an environment does not repeat its episode.
pub fn resume<L, E, F, O>(
    learner: &mut L,
    make_env: F,
    config: &RuntimeConfig,
    state: &StateDict,
    observer: &mut O,
) -> Result<Outcome, TrainError>
where
    L: Learner,
    E: Env,
    F: Fn(usize) -> E + Sync,
    O: Observer<L>,
{
    config.validate()?;
    let start = Start::read(state, config.envs, learner)?;
    go(Run::new(learner, config, observer, &start), make_env, &start)
}

fn go<L, E, F, O>(mut run: Run<'_, L, O>, make_env: F, start: &Start) -> Result<Outcome, TrainError>
where
    L: Learner,
    E: Env,
    F: Fn(usize) -> E + Sync,
    O: Observer<L>,
{
    match run.config.mode {
        Mode::Serial => serial::train(&mut run, &make_env, start)?,
        Mode::Lockstep => lockstep::train(&mut run, &make_env, start)?,
        Mode::FreeRunning => free_running::train(&mut run, &make_env, start)?,
    }
    run.finish()
}

/// The streams of these indices, each where the run begins.
fn streams_of<E: Env>(
    make_env: &impl Fn(usize) -> E,
    indices: &[usize],
    start: &Start,
) -> Result<Vec<EnvStream<E>>, TrainError> {
    let stream = |&index: &usize| {
        let env = make_env(index);
        if let Some(entry) = env.action_space().unbounded() {
            return Err(ActorError::Unbounded { env: index, entry }.into());
        }
        match start.streams.get(index) {
            None => Ok(EnvStream::new(env, index, start.seed)),
            Some(state) => Ok(EnvStream::resume(env, start.seed, state.clone())?),
        }
    };
    indices.iter().map(stream).collect()
}
