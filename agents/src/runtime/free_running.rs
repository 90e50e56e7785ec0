//! Actors and learner at their own speeds.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use mec_envs::gym::Env;
use mec_envs::rng::stream;

use super::observer::Observer;
use super::run::Run;
use crate::actor::{Actor, EnvStream, Experience};
use crate::agent::{Learner, Policy, TrainError};
use crate::device::panic_message;

/// How often a learner without work asks whether to stop.
const PATIENCE: Duration = Duration::from_millis(20);

/// Updates between looks at the queue and publications of the policy.
const SLICE: usize = 8;

/// The newest policy and its version.
struct Published<P> {
    policy: P,
    version: u64,
}

/// What an actor sends.
struct Chunk {
    experience: Experience,
    /// The version of the policy that acted.
    version: u64,
    /// How long the actor waited to send the chunk before, of the time since then.
    waited: Duration,
    total: Duration,
}

/// What actors share with the learner.
struct Shared<'a, P> {
    newest: &'a ArcSwap<Published<P>>,
    /// Steps that actors have begun or done; no chunk starts at or past the wanted number.
    claimed: &'a AtomicU64,
    steps: u64,
    round: usize,
    seed: u64,
}

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
    seed: u64,
) -> Result<(), TrainError> {
    let (envs, actors) = (run.config.envs, run.config.actors.min(run.config.envs));
    let newest = ArcSwap::from_pointee(snapshot(run.learner));
    let claimed = AtomicU64::new(0);
    let (chunks, incoming) = bounded(run.config.queue);
    thread::scope(|scope| {
        for actor in 0..actors {
            let chunks = chunks.clone();
            let of_actor: Vec<usize> = (actor..envs).step_by(actors).collect();
            let (steps, round) = (run.config.steps, run.config.round);
            let shared = Shared { newest: &newest, claimed: &claimed, steps, round, seed };
            scope.spawn(move || {
                let work = AssertUnwindSafe(|| act(make_env, &of_actor, &shared, &chunks));
                if let Err(panic) = catch_unwind(work) {
                    let message = panic_message(panic.as_ref());
                    // Nobody listens any more only when the run is over.
                    let _ = chunks.send(Err(TrainError::ActorPanicked { actor, message }));
                }
            });
        }
        drop(chunks);
        // Returning drops `incoming`, on which actors that wait to send give up; the scope then joins them.
        learn(run, incoming, &newest)
    })
}

fn snapshot<L: Learner>(learner: &L) -> Published<L::Policy> {
    Published { policy: learner.policy(), version: learner.version() }
}

fn learn<L: Learner, O: Observer<L>>(
    run: &mut Run<'_, L, O>,
    incoming: Receiver<Result<Chunk, TrainError>>,
    newest: &ArcSwap<Published<L::Policy>>,
) -> Result<(), TrainError> {
    run.report()?;
    let mut open = true;
    while run.goes_on() && open {
        run.health.queue(incoming.len());
        while open && run.env_steps < run.config.steps && run.learner.updates_due() <= run.config.max_updates_behind {
            let idle = run.learner.updates_due() == 0;
            match next_chunk(run, &incoming, idle) {
                Ok(chunk) => take(run, chunk?)?,
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => open = false,
            }
        }
        run.learn(SLICE)?;
        publish(run.learner, newest);
        run.report()?;
    }
    // The last experience allows updates like any other.
    while !run.stopped() && run.learn(SLICE)? > 0 {
        publish(run.learner, newest);
    }
    run.report()
}

/// The next chunk: waits for it only when there is nothing else to do.
fn next_chunk<L: Learner, O: Observer<L>>(
    run: &mut Run<'_, L, O>,
    incoming: &Receiver<Result<Chunk, TrainError>>,
    idle: bool,
) -> Result<Result<Chunk, TrainError>, RecvTimeoutError> {
    let start = Instant::now();
    let chunk = incoming.recv_timeout(if idle { PATIENCE } else { Duration::ZERO });
    if idle {
        run.health.learner_waited(start.elapsed());
    }
    chunk
}

fn take<L: Learner, O: Observer<L>>(run: &mut Run<'_, L, O>, chunk: Chunk) -> Result<(), TrainError> {
    let lag = run.learner.version().saturating_sub(chunk.version);
    run.health.chunk(lag, chunk.waited, chunk.total);
    run.take(&chunk.experience)
}

fn publish<L: Learner>(learner: &L, newest: &ArcSwap<Published<L::Policy>>) {
    if newest.load().version != learner.version() {
        newest.store(snapshot(learner).into());
    }
}

/// The loop of an actor thread.
fn act<P: Policy, E: Env>(
    make_env: &impl Fn(usize) -> E,
    indices: &[usize],
    shared: &Shared<'_, P>,
    chunks: &Sender<Result<Chunk, TrainError>>,
) {
    let streams = indices.iter().map(|&index| EnvStream::new(make_env(index), index, shared.seed)).collect();
    let mut actor = Actor::new(streams, stream(shared.seed, &format!("actor of {}", indices[0])));
    let rows = (shared.round * indices.len()) as u64;
    let (mut waited, mut since) = (Duration::ZERO, Instant::now());
    let mut published = shared.newest.load_full();
    let mut policy = published.policy.clone();
    while shared.claimed.fetch_add(rows, Ordering::Relaxed) < shared.steps {
        let newest = shared.newest.load_full();
        if newest.version != published.version {
            policy = newest.policy.clone();
            published = newest;
        }
        let chunk = actor.advance_all(shared.round, &mut policy).map_err(TrainError::from).map(|experience| {
            let total = since.elapsed();
            since = Instant::now();
            Chunk { experience, version: published.version, waited, total }
        });
        let failed = chunk.is_err();
        let start = Instant::now();
        if chunks.send(chunk).is_err() || failed {
            return;
        }
        waited = start.elapsed();
    }
}
