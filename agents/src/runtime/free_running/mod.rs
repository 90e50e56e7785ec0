//! Actors and learner at their own speeds.

mod actor_thread;

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize};
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, RecvTimeoutError, bounded, never};
use mec_envs::gym::Env;

use super::checkpoint::Start;
use super::crew::{Crew, LOOK};
use super::observer::Observer;
use super::run::{Run, observer_error};
use crate::actor::StreamState;
use crate::agent::{Learner, TrainError};
use actor_thread::{ActorThread, Message, Published, Question, Sent, Shared};

/// Updates between looks at the queue and publications of the policy.
const SLICE: usize = 8;

/// Actors step all their environments side by side with the newest policy and send chunks through a bounded queue;
/// the learner takes chunks while not too many updates are due, and does the updates due.
///
/// # Design
/// This is the samples-per-insert limiter of Reverb (Cassirer et al. 2021, arXiv:2102.04736) with no state of its own:
/// a learner that is behind leaves the queue full, on which actors wait; a learner that is ahead has no update due, and
/// waits for the queue. Actors read the policy by swapping a pointer, so they never hold the learner up.
pub(super) fn train<L: Learner, E: Env, O: Observer<L>>(
    run: &mut Run<'_, L, O>,
    make_env: &(impl Fn(usize) -> E + Sync),
    start: &Start,
) -> Result<(), TrainError> {
    let (envs, actors) = (run.config.envs, run.config.actors.min(run.config.envs));
    let used = start.streams.iter().map(StreamState::row_stream).max().unwrap_or(0);
    let streams = u32::try_from(envs).expect("the configuration was validated");
    let shared = Shared {
        newest: ArcSwap::from_pointee(snapshot(run.learner)),
        claimed: AtomicU64::new(run.env_steps()),
        question: ArcSwap::from_pointee(Question { number: 0, release: never() }),
        panics: AtomicUsize::new(0),
        next_row_stream: AtomicU32::new(streams.max(used + 1)),
        steps: run.config.steps,
        round: run.config.round,
        replacements: run.config.replacements,
        start,
    };
    let (sender, incoming) = bounded(run.config.queue);
    thread::scope(|scope| {
        let (streams, ended) = (vec![None; actors], vec![false; actors]);
        let mut intake = Intake { incoming, shared: &shared, streams, ended, crew: Crew::default() };
        for actor in 0..actors {
            let of_actor: Vec<usize> = (actor..envs).step_by(actors).collect();
            let (shared, sender) = (&shared, sender.clone());
            // Made in its thread: environments need not be able to change theirs.
            intake.crew.spawn(scope, move || ActorThread::new(actor, of_actor, make_env, shared, sender).run())?;
        }
        drop(sender);
        let done = learn(run, &mut intake);
        // Actors that wait to send give up when nobody listens.
        drop(intake.incoming);
        intake.crew.end(run);
        done
    })
}

fn snapshot<L: Learner>(learner: &L) -> Published<L::Policy> {
    Published { policy: learner.policy(), version: learner.version() }
}

fn learn<L: Learner, O: Observer<L>>(
    run: &mut Run<'_, L, O>,
    intake: &mut Intake<'_, '_, L::Policy>,
) -> Result<(), TrainError> {
    run.report()?;
    let mut open = true;
    while run.goes_on() && open {
        run.health.queue(intake.incoming.len());
        open = intake.fill(run)?;
        run.learn(SLICE)?;
        publish(run.learner, &intake.shared.newest);
        run.report()?;
        if run.checkpoint_due() {
            intake.checkpoint(run)?;
        }
    }
    if run.checkpoint_due() {
        intake.checkpoint(run)?;
    }
    // The last experience allows updates like any other.
    while !run.stopped() && run.learn(SLICE)? > 0 {
        publish(run.learner, &intake.shared.newest);
    }
    run.report()
}

fn publish<L: Learner>(learner: &L, newest: &ArcSwap<Published<L::Policy>>) {
    if newest.load().version != learner.version() {
        newest.store(snapshot(learner).into());
    }
}

/// What comes from the actors.
struct Intake<'a, 'scope, P> {
    incoming: Receiver<Sent>,
    shared: &'a Shared<'a, P>,
    /// Where the streams of each actor are, as it has said last.
    streams: Vec<Option<Vec<StreamState>>>,
    ended: Vec<bool>,
    crew: Crew<'scope>,
}

impl<P> Intake<'_, '_, P> {
    /// Takes what is there, as long as not too many updates are due; `false` when no more will come.
    fn fill<L: Learner, O: Observer<L>>(&mut self, run: &mut Run<'_, L, O>) -> Result<bool, TrainError> {
        // No more than a queue at a time, so that a learner without updates reports and stops as others do.
        for _ in 0..run.config.queue {
            let due = run.learner.updates_due();
            if due > run.config.max_updates_behind || run.env_steps() >= run.config.steps {
                break;
            }
            match self.next(run, due == 0) {
                Ok(sent) => self.take(run, sent?)?,
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return Ok(false),
            }
        }
        Ok(true)
    }

    /// The next message: waits for it only when there is nothing else to do.
    fn next<L: Learner, O: Observer<L>>(
        &mut self,
        run: &mut Run<'_, L, O>,
        idle: bool,
    ) -> Result<Sent, RecvTimeoutError> {
        let start = Instant::now();
        let sent = self.incoming.recv_timeout(if idle { LOOK } else { Duration::ZERO });
        if idle {
            run.health.learner_waited(start.elapsed());
        }
        if idle && matches!(sent, Err(RecvTimeoutError::Timeout)) {
            self.crew.waited(run, LOOK, |actor| !self.ended[actor]);
        }
        sent
    }

    fn take<L: Learner, O: Observer<L>>(
        &mut self,
        run: &mut Run<'_, L, O>,
        (actor, message): (usize, Message),
    ) -> Result<(), TrainError> {
        self.crew.heard(actor);
        match message {
            Message::Chunk(chunk) => {
                let lag = run.learner.version().saturating_sub(chunk.version);
                run.health.chunk(lag, chunk.waited, chunk.total);
                run.take(&chunk.experience)
            }
            Message::Replaced(message, experience) => {
                run.take(&experience)?;
                run.observer.on_replacement(actor, &message).map_err(observer_error)
            }
            Message::States(streams) => {
                self.streams[actor] = Some(streams);
                Ok(())
            }
            Message::Ended(streams) => {
                self.streams[actor] = Some(streams);
                self.ended[actor] = true;
                Ok(())
            }
        }
    }

    /// Asks every actor where its streams are, and hands a checkpoint to the observer that holds all they did before
    /// they answered, and nothing they did after: the snapshot of Chandy and Lamport (1985) on channels of one
    /// direction. An actor that has answered waits until all have.
    fn checkpoint<L: Learner, O: Observer<L>>(&mut self, run: &mut Run<'_, L, O>) -> Result<(), TrainError> {
        for (streams, ended) in self.streams.iter_mut().zip(&self.ended) {
            if !ended {
                *streams = None;
            }
        }
        let (hold, release) = bounded(0);
        let number = self.shared.question.load().number + 1;
        self.shared.question.store(Question { number, release }.into());
        while self.streams.iter().any(Option::is_none) {
            let sent = self.crew.receive(run, &self.incoming, |actor| self.streams[actor].is_none())?;
            self.take(run, sent)?;
        }
        drop(hold);
        run.checkpoint(self.streams.iter().flatten().flatten().cloned().collect())
    }
}
