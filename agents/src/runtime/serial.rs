//! The reference loop: one thread.

use mec_envs::gym::Env;
use mec_envs::rng::stream;

use super::observer::Observer;
use super::run::Run;
use crate::actor::{Actor, EnvStream};
use crate::agent::{Learner, TrainError};

/// Rounds of: every stream makes its steps with one policy, the learner takes them in stream order, and learns.
pub(super) fn train<L: Learner, E: Env, O: Observer<L>>(
    run: &mut Run<'_, L, O>,
    make_env: &impl Fn(usize) -> E,
    seed: u64,
) -> Result<(), TrainError> {
    let streams = (0..run.config.envs).map(|index| EnvStream::new(make_env(index), index, seed)).collect();
    let mut actor = Actor::new(streams, stream(seed, "actor"));
    run.report()?;
    while run.goes_on() {
        let mut policy = run.learner.policy();
        let round = (0..actor.streams()).map(|index| actor.advance_one(index, run.config.round, &mut policy));
        let round: Vec<_> = round.collect::<Result<_, _>>()?;
        for experience in &round {
            run.take(experience)?;
        }
        run.learn(usize::MAX)?;
        run.report()?;
    }
    Ok(())
}
