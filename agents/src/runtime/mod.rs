//! Runtimes: who steps the environments and when the learner learns.
//!
//! [`train`] runs a learner in one of three modes. [`Mode::Serial`] is the reference loop; [`Mode::Lockstep`] gives
//! the same result to the bit with any number of actor threads; [`Mode::FreeRunning`] lets actors and learner run at
//! their own speeds, held together by the learner's [`updates_due`](crate::agent::Learner::updates_due).

mod config;
mod free_running;
mod health;
mod lockstep;
mod observer;
mod run;
mod serial;

pub use config::{Mode, RuntimeConfig};
pub use observer::{Observer, ObserverError, Outcome, Progress};

use mec_envs::gym::Env;

use crate::agent::{Learner, TrainError};
use run::Run;

/// Trains `learner` on the environments that `make_env` builds (one per stream, called with the stream's index in the
/// thread that steps it) until [`RuntimeConfig::steps`] environment steps are done or the observer asks to stop.
///
/// Stream i is seeded from (`seed`, i) alone. The run ends with the first round or chunk at or past the wanted steps.
///
/// # Errors
/// [`TrainError`]: the first error of the configuration, an environment, an actor thread, the learner or the
/// observer. No thread is left behind.
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
    let mut run = Run::new(learner, config, observer);
    match config.mode {
        Mode::Serial => serial::train(&mut run, &make_env, seed)?,
        Mode::Lockstep => lockstep::train(&mut run, &make_env, seed)?,
        Mode::FreeRunning => free_running::train(&mut run, &make_env, seed)?,
    }
    run.finish()
}
