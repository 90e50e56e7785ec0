//! [`ActorThread`]: steps environments at its own speed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, Sender};
use mec_envs::gym::Env;
use mec_envs::rng::stream;

use crate::actor::{Actor, Experience, StreamState};
use crate::agent::{Policy, TrainError};
use crate::device::panic_message;
use crate::runtime::checkpoint::Start;
use crate::runtime::streams_of;

/// The newest policy and its version.
pub(super) struct Published<P> {
    pub(super) policy: P,
    pub(super) version: u64,
}

/// Where are your streams?
pub(super) struct Question {
    /// 0 before the first one, which needs no answer.
    pub(super) number: u64,
    /// Nothing comes of it: it closes when the actor may go on, also when the learner is gone.
    pub(super) release: Receiver<()>,
}

/// What actors share with the learner.
pub(super) struct Shared<'a, P> {
    pub(super) newest: ArcSwap<Published<P>>,
    /// Steps that actors have begun or done; no chunk starts at or past the wanted number.
    pub(super) claimed: AtomicU64,
    /// What the learner has asked last.
    pub(super) question: ArcSwap<Question>,
    /// Actors that panicked so far.
    pub(super) panics: AtomicUsize,
    /// The number for the rows of the next stream whose environment is replaced.
    pub(super) next_row_stream: AtomicU32,
    pub(super) steps: u64,
    pub(super) round: usize,
    pub(super) replacements: usize,
    pub(super) start: &'a Start,
}

/// What an actor brings.
pub(super) struct Chunk {
    pub(super) experience: Experience,
    /// The version of the policy that acted.
    pub(super) version: u64,
    /// How long the actor waited to send the chunk before, of the time since then.
    pub(super) waited: Duration,
    pub(super) total: Duration,
}

/// What an actor sends.
pub(super) enum Message {
    /// Its streams went on.
    Chunk(Chunk),
    /// Where its streams are, after all that it has sent before.
    States(Vec<StreamState>),
    /// It panicked with this message, and had this experience; it goes on with new environments.
    Replaced(String, Experience),
    /// It is done, and this is where its streams are.
    Ended(Vec<StreamState>),
}

/// The number of the actor and what it sends, or why it cannot go on.
pub(super) type Sent = Result<(usize, Message), TrainError>;

/// An actor in a thread of its own, which replaces it should it panic.
pub(super) struct ActorThread<'a, E: Env, P, F> {
    number: usize,
    /// Its streams.
    indices: Vec<usize>,
    make_env: &'a F,
    shared: &'a Shared<'a, P>,
    sender: Sender<Sent>,
    actor: Option<Actor<E>>,
    broken: bool,
    /// Steps claimed for the chunk at hand.
    claimed: u64,
    /// The number of the last question that it has answered.
    answered: u64,
}

impl<'a, E: Env, P: Policy, F: Fn(usize) -> E> ActorThread<'a, E, P, F> {
    pub(super) fn new(
        number: usize,
        indices: Vec<usize>,
        make_env: &'a F,
        shared: &'a Shared<'a, P>,
        sender: Sender<Sent>,
    ) -> Self {
        Self { number, indices, make_env, shared, sender, actor: None, broken: false, claimed: 0, answered: 0 }
    }

    /// Works until the steps are done or nobody listens any more, which is so only when the run is over.
    pub(super) fn run(mut self) {
        loop {
            match catch_unwind(AssertUnwindSafe(|| self.work())) {
                Ok(Ok(())) => return,
                Ok(Err(error)) => return drop(self.sender.send(Err(error))),
                Err(panic) => {
                    if !self.recover(panic_message(panic.as_ref())) {
                        return;
                    }
                }
            }
        }
    }

    fn work(&mut self) -> Result<(), TrainError> {
        self.prepare()?;
        let (mut waited, mut since) = (Duration::ZERO, Instant::now());
        let mut published = self.shared.newest.load_full();
        let mut policy = published.policy.clone();
        while self.answers() && self.claims() {
            let newest = self.shared.newest.load_full();
            if newest.version != published.version {
                policy = newest.policy.clone();
                published = newest;
            }
            let actor = self.actor.as_mut().expect("it was prepared");
            let experience = actor.advance_all(self.shared.round, &mut policy)?;
            let total = since.elapsed();
            since = Instant::now();
            let chunk = Chunk { experience, version: published.version, waited, total };
            let start = Instant::now();
            if !self.send(Message::Chunk(chunk)) {
                return Ok(());
            }
            self.claimed = 0;
            waited = start.elapsed();
        }
        let states = self.states();
        self.send(Message::Ended(states));
        Ok(())
    }

    /// Builds the actor, or gives it new environments after a panic.
    fn prepare(&mut self) -> Result<(), TrainError> {
        let (shared, make_env) = (self.shared, self.make_env);
        match &mut self.actor {
            None => {
                let streams = streams_of(make_env, &self.indices, shared.start)?;
                let name = format!("{} of {}", shared.start.generator("actor"), self.indices[0]);
                self.actor = Some(Actor::new(streams, stream(shared.start.seed, &name)));
            }
            Some(actor) if self.broken => {
                actor.replace_all(make_env, |_| shared.next_row_stream.fetch_add(1, Ordering::Relaxed))?;
            }
            Some(_) => {}
        }
        self.broken = false;
        Ok(())
    }

    fn states(&self) -> Vec<StreamState> {
        self.actor.iter().flat_map(Actor::states).collect()
    }

    /// Says where its streams are if the learner has asked, and waits until it may go on; `false` when nobody listens any
    /// more.
    fn answers(&mut self) -> bool {
        let question = self.shared.question.load();
        if question.number == self.answered {
            return true;
        }
        self.answered = question.number;
        let heard = self.send(Message::States(self.states()));
        // The channel holds nothing: this returns when it closes.
        let _ = question.release.recv();
        heard
    }

    /// Claims the steps of a chunk; `false` when none are left.
    fn claims(&mut self) -> bool {
        let rows = (self.shared.round * self.indices.len()) as u64;
        let more = |claimed| (claimed < self.shared.steps).then_some(claimed + rows);
        let claimed = self.shared.claimed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        self.claimed = if claimed.is_ok() { rows } else { 0 };
        claimed.is_ok()
    }

    fn send(&self, message: Message) -> bool {
        self.sender.send(Ok((self.number, message))).is_ok()
    }

    /// After a panic: whether the actor goes on with new environments.
    fn recover(&mut self, message: String) -> bool {
        if self.shared.panics.fetch_add(1, Ordering::Relaxed) >= self.shared.replacements {
            drop(self.sender.send(Err(TrainError::ActorPanicked { actor: self.number, message })));
            return false;
        }
        self.broken = true;
        let experience = self.actor.as_mut().map(Actor::salvage).unwrap_or_default();
        let lost = self.claimed - (experience.transitions.len() as u64).min(self.claimed);
        self.shared.claimed.fetch_sub(lost, Ordering::Relaxed);
        self.claimed = 0;
        self.send(Message::Replaced(message, experience))
    }
}
