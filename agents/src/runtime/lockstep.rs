//! Rounds in several threads, with the result of the serial loop to the bit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use mec_envs::gym::Env;
use mec_envs::rng::stream;

use super::observer::Observer;
use super::run::Run;
use crate::actor::{Actor, EnvStream, Experience};
use crate::agent::{Learner, TrainError};
use crate::device::panic_message;

/// What one stream brought back from a round, or what went wrong.
type StreamRound = Result<(usize, Experience), TrainError>;

/// Rounds of: every actor makes the steps of its streams with an equal policy; the learner waits for all, takes the
/// experience in stream order, and learns.
///
/// # Design
/// Each stream infers with one observation at a time and draws from its own generator, so that nothing depends on
/// which streams share an actor. Larger batches would be faster and round differently.
pub(super) fn train<L: Learner, E: Env, O: Observer<L>>(
    run: &mut Run<'_, L, O>,
    make_env: &(impl Fn(usize) -> E + Sync),
    seed: u64,
) -> Result<(), TrainError> {
    let (envs, round) = (run.config.envs, run.config.round);
    let actors = run.config.actors.min(envs);
    let (results, incoming) = unbounded();
    thread::scope(|scope| {
        let mut orders: Vec<Sender<L::Policy>> = Vec::with_capacity(actors);
        for actor in 0..actors {
            let (order, policies) = bounded(1);
            orders.push(order);
            let results = results.clone();
            let of_actor: Vec<usize> = (actor..envs).step_by(actors).collect();
            scope.spawn(move || {
                let work = AssertUnwindSafe(|| act(make_env, (&of_actor, round, seed), &policies, &results));
                if let Err(panic) = catch_unwind(work) {
                    let message = panic_message(panic.as_ref());
                    // Nobody listens any more only when the run is over.
                    let _ = results.send(Err(TrainError::ActorPanicked { actor, message }));
                }
            });
        }
        drop(results);
        // Returning drops `orders`, which ends the actors; the scope then joins them.
        rounds(run, &orders, &incoming)
    })
}

fn rounds<L: Learner, O: Observer<L>>(
    run: &mut Run<'_, L, O>,
    orders: &[Sender<L::Policy>],
    incoming: &Receiver<StreamRound>,
) -> Result<(), TrainError> {
    let envs = run.config.envs;
    run.report()?;
    while run.goes_on() {
        let policy = run.learner.policy();
        for order in orders {
            // An actor that is gone has sent its reason, which the loop below finds.
            let _ = order.send(policy.clone());
        }
        let mut round: Vec<Option<Experience>> = vec![None; envs];
        for _ in 0..envs {
            let (index, experience) = incoming.recv().expect("an actor sends its results or its reason")?;
            round[index] = Some(experience);
        }
        for experience in round.iter().flatten() {
            run.take(experience)?;
        }
        run.learn(usize::MAX)?;
        run.report()?;
    }
    Ok(())
}

/// The loop of an actor thread: a policy comes in, the results of its streams go out, until either end closes.
fn act<P: crate::agent::Policy, E: Env>(
    make_env: &impl Fn(usize) -> E,
    (indices, round, seed): (&[usize], usize, u64),
    policies: &Receiver<P>,
    results: &Sender<StreamRound>,
) {
    let streams = indices.iter().map(|&index| EnvStream::new(make_env(index), index, seed)).collect();
    let mut actor = Actor::new(streams, stream(seed, "actor"));
    for mut policy in policies {
        for (own, &index) in indices.iter().enumerate() {
            let result = actor.advance_one(own, round, &mut policy);
            let failed = result.is_err();
            let result = result.map(|experience| (index, experience)).map_err(TrainError::from);
            if results.send(result).is_err() || failed {
                return;
            }
        }
    }
}
