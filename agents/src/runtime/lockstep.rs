//! Rounds in several threads, with the result of the serial loop to the bit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use mec_envs::gym::Env;
use mec_envs::rng::stream;

use super::checkpoint::Start;
use super::observer::Observer;
use super::run::Run;
use super::streams_of;
use crate::actor::{Actor, Experience, StreamState};
use crate::agent::{Learner, Policy, TrainError};
use crate::device::panic_message;

/// What an actor is asked for.
enum Order<P> {
    /// A round of each of its streams with this policy.
    Round(P),
    /// Where each of its streams is.
    States,
}

/// What one stream answers.
enum Answer {
    /// What it brought back from a round.
    Round(usize, Experience),
    /// Where it is.
    State(StreamState),
}

/// An answer, or what went wrong.
type Answered = Result<Answer, TrainError>;

/// Rounds of: every actor makes the steps of its streams with an equal policy; the learner waits for all, takes the
/// experience in stream order, and learns.
///
/// # Design
/// Each stream infers with one observation at a time and draws from its own generator, so that nothing depends on
/// which streams share an actor. Larger batches would be faster and round differently.
pub(super) fn train<L: Learner, E: Env, O: Observer<L>>(
    run: &mut Run<'_, L, O>,
    make_env: &(impl Fn(usize) -> E + Sync),
    start: &Start,
) -> Result<(), TrainError> {
    let (envs, round) = (run.config.envs, run.config.round);
    let actors = run.config.actors.min(envs);
    let (answers, incoming) = unbounded();
    thread::scope(|scope| {
        let mut orders: Vec<Sender<Order<L::Policy>>> = Vec::with_capacity(actors);
        for actor in 0..actors {
            let (order, ordered) = bounded(1);
            orders.push(order);
            let answers = answers.clone();
            let of_actor: Vec<usize> = (actor..envs).step_by(actors).collect();
            scope.spawn(move || {
                let work = AssertUnwindSafe(|| act(make_env, (&of_actor, round, start), &ordered, &answers));
                let failed = match catch_unwind(work) {
                    Ok(Ok(())) => return,
                    Ok(Err(error)) => error,
                    Err(panic) => TrainError::ActorPanicked { actor, message: panic_message(panic.as_ref()) },
                };
                // Nobody listens any more only when the run is over.
                let _ = answers.send(Err(failed));
            });
        }
        drop(answers);
        // Returning drops `orders`, which ends the actors; the scope then joins them.
        rounds(run, &orders, &incoming)
    })
}

fn rounds<L: Learner, O: Observer<L>>(
    run: &mut Run<'_, L, O>,
    orders: &[Sender<Order<L::Policy>>],
    incoming: &Receiver<Answered>,
) -> Result<(), TrainError> {
    let envs = run.config.envs;
    run.learn_all()?;
    while run.goes_on() {
        let policy = run.learner.policy();
        for order in orders {
            // An actor that is gone has sent its reason, which the loop below finds.
            let _ = order.send(Order::Round(policy.clone()));
        }
        let mut round: Vec<Option<Experience>> = vec![None; envs];
        for _ in 0..envs {
            if let Answer::Round(index, experience) = receive(incoming)? {
                round[index] = Some(experience);
            }
        }
        for experience in round.iter().flatten() {
            run.take(experience)?;
        }
        run.learn_all()?;
        if run.checkpoint_due() {
            run.checkpoint(states(envs, orders, incoming)?)?;
        }
    }
    if run.checkpoint_due() {
        run.checkpoint(states(envs, orders, incoming)?)?;
    }
    Ok(())
}

/// Where all streams are, in any order; the actors wait for orders.
fn states<P>(
    envs: usize,
    orders: &[Sender<Order<P>>],
    incoming: &Receiver<Answered>,
) -> Result<Vec<StreamState>, TrainError> {
    for order in orders {
        let _ = order.send(Order::States);
    }
    let mut states = Vec::with_capacity(envs);
    for _ in 0..envs {
        if let Answer::State(state) = receive(incoming)? {
            states.push(state);
        }
    }
    Ok(states)
}

fn receive(incoming: &Receiver<Answered>) -> Answered {
    incoming.recv().expect("an actor sends its results or its reason")
}

/// The loop of an actor thread: an order comes in, the answers of its streams go out, until either end closes.
fn act<P: Policy, E: Env>(
    make_env: &impl Fn(usize) -> E,
    (indices, round, start): (&[usize], usize, &Start),
    orders: &Receiver<Order<P>>,
    answers: &Sender<Answered>,
) -> Result<(), TrainError> {
    let streams = streams_of(make_env, indices, start)?;
    let mut actor = Actor::new(streams, stream(start.seed, "actor"));
    for order in orders {
        match order {
            Order::Round(mut policy) => {
                for (own, &index) in indices.iter().enumerate() {
                    let experience = actor.advance_one(own, round, &mut policy)?;
                    if answers.send(Ok(Answer::Round(index, experience))).is_err() {
                        return Ok(());
                    }
                }
            }
            Order::States => {
                for state in actor.states() {
                    if answers.send(Ok(Answer::State(state))).is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }
    Ok(())
}
