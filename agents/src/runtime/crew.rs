//! [`Crew`]: the threads of the actors, and how long the run has waited for each of them.

use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::observer::Observer;
use super::run::Run;
use crate::agent::{Learner, TrainError};

/// How long a run waits for actors before it looks around.
pub(super) const LOOK: Duration = Duration::from_millis(20);

/// How often a run that is over looks whether its actors have ended.
const LAST_LOOK: Duration = Duration::from_millis(1);

/// The threads of the actors.
#[derive(Default)]
pub(super) struct Crew<'scope> {
    threads: Vec<ScopedJoinHandle<'scope, ()>>,
    silences: Vec<Silence>,
}

/// What the run knows of an actor since it has heard of it.
#[derive(Clone, Copy, Default)]
struct Silence {
    /// How long the run has waited for it. Time that the learner spends otherwise does not count, since the actor may have
    /// spoken meanwhile.
    waited: Duration,
    /// How often the observer was told.
    told: u32,
}

impl<'scope> Crew<'scope> {
    /// Lets the next actor work in a thread of its own.
    ///
    /// # Errors
    /// [`TrainError::NoThread`] when the system refuses one.
    pub(super) fn spawn(
        &mut self,
        scope: &'scope Scope<'scope, '_>,
        work: impl FnOnce() + Send + 'scope,
    ) -> Result<(), TrainError> {
        let actor = self.threads.len();
        let thread = thread::Builder::new().name(format!("actor {actor}")).spawn_scoped(scope, work);
        self.threads.push(thread.map_err(|source| TrainError::NoThread { actor, source })?);
        self.silences.push(Silence::default());
        Ok(())
    }

    /// The actor has said something.
    pub(super) fn heard(&mut self, actor: usize) {
        self.silences[actor] = Silence::default();
    }

    /// The run has waited that long for these actors, in vain: tells the observer of those that are silent for long.
    pub(super) fn waited<L: Learner, O: Observer<L>>(
        &mut self,
        run: &mut Run<'_, L, O>,
        time: Duration,
        awaited: impl Fn(usize) -> bool,
    ) {
        let patience = run.observer.patience();
        for (actor, silence) in self.silences.iter_mut().enumerate().filter(|&(actor, _)| awaited(actor)) {
            silence.waited += time;
            if silence.waited >= patience.saturating_mul(1 << silence.told.min(31)) {
                silence.told += 1;
                run.observer.on_silence(actor, silence.waited);
            }
        }
    }

    /// The next message, for which the run waits as long as it takes; `awaited` tells of which actors.
    pub(super) fn receive<T, L: Learner, O: Observer<L>>(
        &mut self,
        run: &mut Run<'_, L, O>,
        incoming: &Receiver<T>,
        awaited: impl Fn(usize) -> bool,
    ) -> T {
        loop {
            match incoming.recv_timeout(LOOK) {
                Ok(message) => return message,
                Err(RecvTimeoutError::Timeout) => self.waited(run, LOOK, &awaited),
                Err(RecvTimeoutError::Disconnected) => {
                    unreachable!("an actor answers, or says why not, before it ends")
                }
            }
        }
    }

    /// Returns when all actors have ended, which nothing can hasten where one is within a step.
    pub(super) fn end<L: Learner, O: Observer<L>>(mut self, run: &mut Run<'_, L, O>) {
        self.silences.fill(Silence::default());
        let threads = std::mem::take(&mut self.threads);
        while threads.iter().any(|thread| !thread.is_finished()) {
            thread::sleep(LAST_LOOK);
            self.waited(run, LAST_LOOK, |actor| !threads[actor].is_finished());
        }
    }
}
