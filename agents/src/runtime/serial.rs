//! The reference loop: one thread.

use std::panic::{AssertUnwindSafe, catch_unwind};

use mec_envs::gym::Env;
use mec_envs::rng::stream;

use super::checkpoint::Start;
use super::observer::Observer;
use super::run::Run;
use super::streams_of;
use crate::actor::{Actor, Experience};
use crate::agent::{Learner, TrainError};
use crate::device::panic_message;

/// Rounds of: every stream makes its steps with one policy, the learner takes them in stream order, and learns.
pub(super) fn train<L: Learner, E: Env, O: Observer<L>>(
    run: &mut Run<'_, L, O>,
    make_env: &impl Fn(usize) -> E,
    start: &Start,
) -> Result<(), TrainError> {
    let indices: Vec<usize> = (0..run.config.envs).collect();
    let streams = caught(|| streams_of(make_env, &indices, start))?;
    let mut actor = Actor::new(streams, stream(start.seed, "actor"));
    run.learn_all()?;
    while run.goes_on() {
        let mut policy = run.learner.policy();
        let mut advance = |index| actor.advance_one(index, run.config.round, &mut policy);
        let round: Vec<Experience> =
            caught(|| Ok(indices.iter().map(|&index| advance(index)).collect::<Result<_, _>>()?))?;
        for experience in &round {
            run.take(experience)?;
        }
        run.learn_all()?;
        if run.checkpoint_due() {
            run.checkpoint(actor.states().collect())?;
        }
    }
    if run.checkpoint_due() {
        run.checkpoint(actor.states().collect())?;
    }
    Ok(())
}

/// A panic of an environment or a policy as an error, as the other modes report it.
fn caught<T>(work: impl FnOnce() -> Result<T, TrainError>) -> Result<T, TrainError> {
    let panicked = |panic: Box<dyn std::any::Any + Send>| TrainError::ActorPanicked {
        actor: 0,
        message: panic_message(panic.as_ref()),
    };
    // Nothing of what it may leave half-done is used again.
    catch_unwind(AssertUnwindSafe(work)).map_err(panicked)?
}
