//! Edge servers: parallel executors shared with jobs of other tenants, first come first served or all at once, with
//! or without a memory for models.
//!
//! # Design
//! A server is a schedule, not a heap of events. Jobs are known when they are sent and arrive later, so the schedule
//! of all known jobs is exact, and it changes only when a job is put in, moved or taken out. That gives two things
//! that an event loop cannot: the exact completion of a task at the moment of its decision, given all decisions so
//! far, and the exact delay that it inflicts on others.
//!
//! What has happened by the last [`Server::advance`] is settled and kept as a state; everything later is worked out
//! from that state whenever it changes. Foreign jobs have a stream of their own, drawn only as far as they matter, and
//! nothing that is decided changes a draw.

use crate::units::Bytes;

mod discipline;
mod fifo;
mod foreign;
mod job;
mod memory;
mod sharing;

pub use discipline::Discipline;
pub use foreign::ForeignConfig;
pub use job::{Job, Scheduled};
pub use memory::ModelMemory;

use fifo::Fifo;
use foreign::Foreign;
use memory::Models;
use sharing::Sharing;

/// What a server is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerParameters {
    /// Parallel executors, at least 1.
    pub executors: usize,
    /// How jobs share them.
    pub discipline: Discipline,
    /// The memory that models are loaded into; `None`: every model is always resident.
    ///
    /// Its capacity must hold the largest model once, and under [`Discipline::Fifo`] once per executor.
    pub memory: Option<ModelMemory>,
    /// Size of each model that a job may name; unused without `memory`.
    pub model_bytes: Vec<Bytes>,
}

impl Default for ServerParameters {
    /// One executor, first come first served, without memory.
    fn default() -> Self {
        Self { executors: 1, discipline: Discipline::Fifo, memory: None, model_bytes: Vec::new() }
    }
}

/// Jobs in a server's queue and in service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Population {
    /// Those of tasks.
    pub own: usize,
    /// Those of other tenants.
    pub foreign: usize,
}

/// The schedule of one server.
///
/// # Example
/// ```
/// use mec_envs::system::server::{Job, Server, ServerParameters};
///
/// let mut server = Server::new(&ServerParameters::default(), None, 0, "server");
/// let mut changed = Vec::new();
/// let job = Job { task: Some(0), arrival: 1.0, service: 2.0, expected: 2.0, model: None };
/// server.insert(job, &mut changed);
/// server.insert(Job { task: Some(1), arrival: 0.5, ..job }, &mut changed);
/// let ends: Vec<_> = changed.iter().map(|scheduled| (scheduled.task, scheduled.end)).collect();
/// assert_eq!(ends, [(0, 3.0), (1, 2.5), (0, 4.5)]);
/// ```
#[derive(Clone, Debug)]
pub struct Server {
    now: f64,
    /// Nothing happens before that time, s.
    next_event: f64,
    foreign: Foreign,
    schedule: Schedule,
    probed: Vec<Scheduled>,
}

/// The schedule by discipline.
#[derive(Clone, Debug)]
enum Schedule {
    Fifo(Fifo),
    Sharing(Sharing),
}

impl Server {
    /// An idle server at time 0 with no model resident; `seed` and `name` make the stream of its foreign jobs.
    ///
    /// # Design
    /// The memory starts cold: any other first content would need a rule of its own, and one load per model is soon
    /// forgotten.
    pub fn new(parameters: &ServerParameters, foreign: Option<&ForeignConfig>, seed: u64, name: &str) -> Self {
        let executors = parameters.executors;
        debug_assert!(executors > 0, "a server has an executor");
        let models = parameters.memory.map(|memory| Models::new(&memory, &parameters.model_bytes));
        let schedule = match parameters.discipline {
            Discipline::Fifo => Schedule::Fifo(Fifo::new(executors, models)),
            Discipline::ProcessorSharing => Schedule::Sharing(Sharing::new(executors, models)),
        };
        let foreign = Foreign::new(foreign, executors, seed, name);
        let next_event = foreign.arrival(0);
        Self { now: 0.0, next_event, foreign, schedule, probed: Vec::new() }
    }

    /// Back to time 0 as after [`new`](Self::new) with this seed, without allocating.
    pub fn reset(&mut self, seed: u64) {
        self.now = 0.0;
        self.foreign.reset(seed);
        match &mut self.schedule {
            Schedule::Fifo(fifo) => fifo.reset(),
            Schedule::Sharing(sharing) => sharing.reset(),
        }
        self.next_event = self.foreign.arrival(0);
    }

    /// Time of the last `advance`, s.
    pub fn now(&self) -> f64 {
        self.now
    }

    /// Moves on to `now`, s, not before the last time: what has happened by then is settled for good. Costs next to
    /// nothing while nothing happens.
    #[inline]
    pub fn advance(&mut self, now: f64) {
        self.now = now;
        if now >= self.next_event {
            match &mut self.schedule {
                Schedule::Fifo(fifo) => fifo.advance(now, &mut self.foreign),
                Schedule::Sharing(sharing) => sharing.advance(now, &mut self.foreign),
            }
            self.await_next_event();
        }
    }

    /// Puts a job into the schedule; it may not arrive before the last `advance`. Every task whose place is new or
    /// has changed is appended to `changed`, in no particular order.
    pub fn insert(&mut self, job: Job, changed: &mut Vec<Scheduled>) {
        debug_assert!(job.arrival >= self.now, "a job arrives at {} s, before now, {} s", job.arrival, self.now);
        match &mut self.schedule {
            Schedule::Fifo(fifo) => fifo.insert(job, &mut self.foreign, changed),
            Schedule::Sharing(sharing) => sharing.insert(job, &mut self.foreign, changed),
        }
        self.await_next_event();
    }

    /// Takes the job of `task` out again; `changed` as for [`insert`](Self::insert).
    ///
    /// `None`, and no change, once its service has started (FIFO) or it has arrived (processor sharing) by the last
    /// `advance`.
    pub fn remove(&mut self, task: usize, changed: &mut Vec<Scheduled>) -> Option<Job> {
        let removed = match &mut self.schedule {
            Schedule::Fifo(fifo) => fifo.remove(task, changed),
            Schedule::Sharing(sharing) => sharing.remove(task, &mut self.foreign, changed),
        };
        self.await_next_event();
        removed
    }

    /// Lets the job of `task` arrive at another time, not before the last `advance`: as to remove it and put it in
    /// again, but cheaper, and a job that keeps its place is not reported. Returns whether it could still be moved.
    pub fn move_to(&mut self, task: usize, arrival: f64, changed: &mut Vec<Scheduled>) -> bool {
        debug_assert!(arrival >= self.now, "a job moves to {arrival} s, before now, {} s", self.now);
        let moved = match &mut self.schedule {
            Schedule::Fifo(fifo) => fifo.move_to(task, arrival, &mut self.foreign, changed),
            Schedule::Sharing(sharing) => sharing.move_to(task, arrival, &mut self.foreign, changed),
        };
        self.await_next_event();
        moved
    }

    /// When a job would in truth end, s, given all that is known; the schedule stays as it is.
    pub(crate) fn oracle_end(&mut self, job: Job) -> f64 {
        const PROBE: usize = usize::MAX;
        let mut changed = std::mem::take(&mut self.probed);
        self.insert(Job { task: Some(PROBE), ..job }, &mut changed);
        let end = changed.iter().find(|scheduled| scheduled.task == PROBE).map(|scheduled| scheduled.end);
        self.remove(PROBE, &mut changed);
        changed.clear();
        self.probed = changed;
        end.unwrap_or(f64::INFINITY)
    }

    /// Expected work left at `now` on each executor, s; `now` must be that of the last `advance`. Returns the number of
    /// executors without work.
    ///
    /// FIFO: all jobs that have arrived, spread over the executors in order. Processor sharing: the sum over all jobs
    /// that have arrived in equal parts, since no job belongs to one executor; with n jobs on c executors max(c - n, 0)
    /// are idle. Loading of models counts as work. A job that takes longer than expected has no work left.
    pub fn remaining(&self, now: f64, left: &mut Vec<f64>) -> usize {
        debug_assert!(now == self.now, "asked for {now} s after moving on to {} s", self.now);
        match &self.schedule {
            Schedule::Fifo(fifo) => fifo.remaining(now, left),
            Schedule::Sharing(sharing) => sharing.remaining(now, left),
        }
    }

    /// How many jobs have arrived and not ended by the last `advance`.
    pub fn population(&self) -> Population {
        match &self.schedule {
            Schedule::Fifo(fifo) => fifo.population(self.now),
            Schedule::Sharing(sharing) => sharing.population(),
        }
    }

    /// Which models are in memory at the last `advance`, one entry per model; empty without memory. A model still being
    /// loaded is not; under processor sharing it counts from the arrival of the job that loads it.
    pub fn resident(&self, resident: &mut Vec<bool>) {
        resident.clear();
        match &self.schedule {
            Schedule::Fifo(fifo) => resident.extend(fifo.residency().at(self.now)),
            Schedule::Sharing(sharing) => resident.extend(sharing.residency().at(self.now)),
        }
    }

    fn await_next_event(&mut self) {
        let own = match &self.schedule {
            Schedule::Fifo(fifo) => fifo.next_event(),
            Schedule::Sharing(sharing) => sharing.next_event(),
        };
        self.next_event = own.min(self.foreign.arrival(0));
    }
}
