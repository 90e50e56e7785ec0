//! Rounds in several threads, with the result of the serial loop to the bit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use mec_envs::gym::Env;
use mec_envs::rng::stream;

use super::checkpoint::Start;
use super::crew::Crew;
use super::observer::Observer;
use super::run::Run;
use super::streams_of;
use crate::actor::{Actor, Experience, StreamState};
use crate::agent::{Learner, Policy, TrainError};
use crate::device::panic_message;

/// What an actor is asked for.
#[derive(Clone)]
enum Order<P> {
    /// A round of each of its streams with this policy.
    Round(P),
    /// Where each of its streams is.
    States,
}

/// What one stream answers.
enum Answer {
    /// What it brought back from a round.
    Round(Experience),
    /// Where it is.
    State(StreamState),
}

/// The number of the stream and its answer, or what went wrong.
type Answered = Result<(usize, Answer), TrainError>;

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
    let count = run.config.actors.min(envs);
    let (answers, incoming) = unbounded();
    thread::scope(|scope| {
        let mut actors = Actors { orders: Vec::with_capacity(count), incoming, crew: Crew::default() };
        for actor in 0..count {
            let (order, ordered) = bounded(1);
            actors.orders.push(order);
            let answers = answers.clone();
            let of_actor: Vec<usize> = (actor..envs).step_by(count).collect();
            actors.crew.spawn(scope, move || {
                let work = AssertUnwindSafe(|| act(make_env, (&of_actor, round, start), &ordered, &answers));
                let failed = match catch_unwind(work) {
                    Ok(Ok(())) => return,
                    Ok(Err(error)) => error,
                    Err(panic) => TrainError::ActorPanicked { actor, message: panic_message(panic.as_ref()) },
                };
                // Nobody listens any more only when the run is over.
                let _ = answers.send(Err(failed));
            })?;
        }
        drop(answers);
        let done = rounds(run, &mut actors);
        // Without orders the actors end.
        drop(actors.orders);
        actors.crew.end(run);
        done
    })
}

fn rounds<L: Learner, O: Observer<L>>(
    run: &mut Run<'_, L, O>,
    actors: &mut Actors<'_, L::Policy>,
) -> Result<(), TrainError> {
    run.learn_all()?;
    while run.goes_on() {
        let order = Order::Round(run.learner.policy());
        for answer in actors.ask(run, &order)? {
            if let Answer::Round(experience) = answer {
                run.take(&experience)?;
            }
        }
        run.learn_all()?;
        if run.checkpoint_due() {
            actors.checkpoint(run)?;
        }
    }
    if run.checkpoint_due() {
        actors.checkpoint(run)?;
    }
    Ok(())
}

/// The actors, as the learner sees them.
struct Actors<'scope, P> {
    orders: Vec<Sender<Order<P>>>,
    incoming: Receiver<Answered>,
    crew: Crew<'scope>,
}

impl<P: Clone> Actors<'_, P> {
    /// Gives all actors an order and waits for the answers of all streams, which are in the order of the streams.
    fn ask<L: Learner, O: Observer<L>>(
        &mut self,
        run: &mut Run<'_, L, O>,
        order: &Order<P>,
    ) -> Result<Vec<Answer>, TrainError> {
        for orders in &self.orders {
            // An actor that is gone has sent its reason, which the loop below finds.
            let _ = orders.send(order.clone());
        }
        let (envs, actors) = (run.config.envs, self.orders.len());
        let mut answers: Vec<Option<Answer>> = (0..envs).map(|_| None).collect();
        for _ in 0..envs {
            let awaited = |actor: usize| answers[actor..].iter().step_by(actors).any(Option::is_none);
            let (stream, answer) = self.crew.receive(run, &self.incoming, awaited)?;
            self.crew.heard(stream % actors);
            answers[stream] = Some(answer);
        }
        Ok(answers.into_iter().flatten().collect())
    }

    /// Hands a checkpoint to the observer; the actors wait for orders.
    fn checkpoint<L: Learner, O: Observer<L>>(&mut self, run: &mut Run<'_, L, O>) -> Result<(), TrainError> {
        let state = |answer| match answer {
            Answer::State(state) => Some(state),
            Answer::Round(_) => None,
        };
        let states = self.ask(run, &Order::States)?.into_iter().filter_map(state).collect();
        run.checkpoint(states)
    }
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
                    if answers.send(Ok((index, Answer::Round(experience)))).is_err() {
                        return Ok(());
                    }
                }
            }
            Order::States => {
                for state in actor.states() {
                    if answers.send(Ok((state.index, Answer::State(state)))).is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }
    Ok(())
}
