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
pub use foreign::{ForeignConfig, ForeignModel};
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
    /// The memory that models are loaded into; `None`: every model is always resident. See
    /// [`memory_suffices`](Self::memory_suffices).
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

impl ServerParameters {
    /// What the memory must hold at once: the largest model, under [`Discipline::Fifo`] once per executor.
    pub fn least_memory(&self) -> Bytes {
        let copies = match self.discipline {
            Discipline::Fifo => self.executors as f64,
            Discipline::ProcessorSharing => 1.0,
        };
        self.model_bytes.iter().copied().fold(Bytes::ZERO, Bytes::max) * copies
    }

    /// Whether the memory holds [what it must](Self::least_memory); true without memory.
    pub fn memory_suffices(&self) -> bool {
        self.memory.as_ref().is_none_or(|memory| self.least_memory() <= memory.capacity_bytes)
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
    /// An idle server at time 0 with no model resident; `seed` and `name` make the stream of its foreign jobs. There
    /// must be an executor, and [enough memory](ServerParameters::memory_suffices).
    ///
    /// # Design
    /// The memory starts cold: any other first content would need a rule of its own, and one load per model is soon
    /// forgotten.
    pub fn new(parameters: &ServerParameters, foreign: Option<&ForeignModel>, seed: u64, name: &str) -> Self {
        let executors = parameters.executors;
        debug_assert!(executors > 0, "a server has an executor");
        debug_assert!(parameters.memory_suffices(), "the memory is too small for what is needed at once");
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
    /// FIFO: all jobs that have arrived, spread over the executors in order. Processor sharing: with fewer jobs than
    /// executors each on one of its own, otherwise the sum over all jobs in equal parts. Loading of models counts as work.
    /// A job that takes longer than expected has no work left.
    /// `docs/model.md`, equation 38.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::BytesPerSecond;

    fn job(task: usize, arrival: f64, service: f64) -> Job {
        Job { task: Some(task), model: None, arrival, service, expected: service }
    }

    fn server(executors: usize, discipline: Discipline) -> Server {
        Server::new(&ServerParameters { executors, discipline, ..ServerParameters::default() }, None, 0, "s")
    }

    /// Two models of 4 and 6 bytes, of which the memory holds `capacity` bytes and loads 2 bytes per second.
    fn server_with_memory(executors: usize, discipline: Discipline, capacity: f64) -> Server {
        let memory = ModelMemory { capacity_bytes: Bytes(capacity), load_bytes_per_s: BytesPerSecond(2.0) };
        let model_bytes = vec![Bytes(4.0), Bytes(6.0)];
        Server::new(&ServerParameters { executors, discipline, memory: Some(memory), model_bytes }, None, 0, "s")
    }

    /// Task, start, loading and end, in order of tasks.
    fn places(changed: &mut Vec<Scheduled>) -> Vec<(usize, f64, f64, f64)> {
        let mut places: Vec<_> = changed.drain(..).map(|s| (s.task, s.start, s.loading, s.end)).collect();
        places.sort_by_key(|place| place.0);
        places
    }

    fn resident(server: &mut Server, now: f64) -> Vec<bool> {
        let mut resident = Vec::new();
        server.advance(now);
        server.resident(&mut resident);
        resident
    }

    #[test]
    fn jobs_start_in_order_of_arrival_not_of_sending() {
        let (mut server, mut changed) = (server(1, Discipline::Fifo), Vec::new());
        server.insert(job(0, 5.0, 2.0), &mut changed);
        assert_eq!(places(&mut changed), [(0, 5.0, 0.0, 7.0)]);
        server.insert(job(1, 4.0, 3.0), &mut changed);
        assert_eq!(places(&mut changed), [(0, 7.0, 0.0, 9.0), (1, 4.0, 0.0, 7.0)]);
        assert!(server.move_to(1, 4.5, &mut changed));
        assert_eq!(places(&mut changed), [(0, 7.5, 0.0, 9.5), (1, 4.5, 0.0, 7.5)]);
        assert_eq!(server.remove(1, &mut changed).map(|job| job.arrival), Some(4.5));
        assert_eq!(places(&mut changed), [(0, 5.0, 0.0, 7.0)]);
    }

    #[test]
    fn two_executors_serve_two_jobs_at_once() {
        let (mut server, mut changed) = (server(2, Discipline::Fifo), Vec::new());
        for (task, arrival) in [0.0, 0.0, 0.5].into_iter().enumerate() {
            server.insert(job(task, arrival, 2.0), &mut changed);
        }
        let ends: Vec<f64> = changed.iter().map(|scheduled| scheduled.end).collect();
        assert_eq!(ends, [2.0, 2.0, 4.0]);
        server.advance(1.0);
        let mut left = Vec::new();
        assert_eq!(server.remaining(1.0, &mut left), 0);
        left.sort_by(f64::total_cmp);
        assert_eq!(left, [1.0, 3.0]);
        assert_eq!(server.population(), Population { own: 3, foreign: 0 });
    }

    #[test]
    fn a_started_job_cannot_be_overtaken_moved_or_removed() {
        let (mut server, mut changed) = (server(1, Discipline::Fifo), Vec::new());
        server.insert(job(0, 1.0, 4.0), &mut changed);
        server.advance(2.0);
        assert_eq!(server.remove(0, &mut changed), None);
        assert!(!server.move_to(0, 3.0, &mut changed));
        changed.clear();
        server.insert(job(1, 2.0, 1.0), &mut changed);
        assert_eq!(places(&mut changed), [(1, 5.0, 0.0, 6.0)]);
    }

    #[test]
    fn a_late_job_slows_those_in_service_under_processor_sharing() {
        let (mut server, mut changed) = (server(1, Discipline::ProcessorSharing), Vec::new());
        server.insert(job(0, 0.0, 3.0), &mut changed);
        server.advance(1.0);
        changed.clear();
        // From 1 s on both run at half speed: 1 s of work takes until 3 s, when 1 s of the other is left.
        server.insert(job(1, 1.0, 1.0), &mut changed);
        assert_eq!(places(&mut changed), [(0, 0.0, 0.0, 4.0), (1, 1.0, 0.0, 3.0)]);
        server.advance(2.0);
        let mut left = Vec::new();
        assert_eq!((server.remaining(2.0, &mut left), left), (0, vec![2.0]));
        assert_eq!(server.remove(1, &mut changed), None);
    }

    #[test]
    fn a_job_has_no_more_than_one_executor_under_processor_sharing() {
        let (mut server, mut changed) = (server(2, Discipline::ProcessorSharing), Vec::new());
        server.insert(job(0, 0.0, 3.0), &mut changed);
        server.insert(job(1, 1.0, 1.0), &mut changed);
        assert_eq!(places(&mut changed), [(0, 0.0, 0.0, 3.0), (1, 1.0, 0.0, 2.0)]);
        server.advance(0.5);
        let mut left = Vec::new();
        assert_eq!((server.remaining(0.5, &mut left), left), (1, vec![2.5, 0.0]));
    }

    #[test]
    fn fifo_waits_for_a_load_and_the_model_unused_for_longest_gives_way() {
        let (mut server, mut changed) = (server_with_memory(1, Discipline::Fifo, 9.0), Vec::new());
        let models = [0, 0, 1, 0];
        for (task, model) in models.into_iter().enumerate() {
            server.insert(Job { model: Some(model), ..job(task, 0.0, 1.0) }, &mut changed);
        }
        let expected = [(0, 0.0, 2.0, 3.0), (1, 3.0, 0.0, 4.0), (2, 4.0, 3.0, 8.0), (3, 8.0, 2.0, 11.0)];
        assert_eq!(places(&mut changed), expected);
        assert_eq!(resident(&mut server, 1.0), [false, false], "model 0 is being loaded");
        assert_eq!(resident(&mut server, 2.0), [true, false]);
        assert_eq!(resident(&mut server, 7.0), [false, true], "both do not fit");
        server.reset(0);
        assert_eq!(resident(&mut server, 1.0), [false, false], "an episode starts cold");
    }

    #[test]
    fn fifo_needs_memory_for_every_executor_and_sharing_for_one_model() {
        let memory = ModelMemory { capacity_bytes: Bytes(11.0), load_bytes_per_s: BytesPerSecond(2.0) };
        let parameters = |executors, discipline| {
            let model_bytes = vec![Bytes(4.0), Bytes(6.0)];
            ServerParameters { executors, discipline, memory: Some(memory), model_bytes }
        };
        assert!(parameters(1, Discipline::Fifo).memory_suffices());
        assert!(!parameters(2, Discipline::Fifo).memory_suffices());
        assert!(parameters(2, Discipline::ProcessorSharing).memory_suffices());
    }

    #[test]
    fn an_executor_waits_for_what_another_one_loads() {
        let (mut server, mut changed) = (server_with_memory(2, Discipline::Fifo, 12.0), Vec::new());
        server.insert(Job { model: Some(1), ..job(0, 0.0, 1.0) }, &mut changed);
        server.insert(Job { model: Some(1), ..job(1, 1.0, 1.0) }, &mut changed);
        assert_eq!(places(&mut changed), [(0, 0.0, 3.0, 4.0), (1, 1.0, 2.0, 4.0)]);
    }

    #[test]
    fn loading_is_work_under_processor_sharing() {
        let (mut server, mut changed) = (server_with_memory(1, Discipline::ProcessorSharing, 6.0), Vec::new());
        server.insert(Job { model: Some(0), ..job(0, 0.0, 1.0) }, &mut changed);
        server.insert(Job { model: Some(0), ..job(1, 0.0, 1.0) }, &mut changed);
        // 3 s and 1 s of work at half speed each: 2 s for the second, and 2 s more for the first.
        changed.remove(0);
        assert_eq!(places(&mut changed), [(0, 0.0, 2.0, 4.0), (1, 0.0, 0.0, 2.0)]);
    }

    #[test]
    fn asking_when_a_job_would_end_leaves_the_schedule_as_it_is() {
        for discipline in [Discipline::Fifo, Discipline::ProcessorSharing] {
            let (mut server, mut changed) = (server(2, discipline), Vec::new());
            (0..5).for_each(|task| server.insert(job(task, 0.3 * task as f64, 1.1), &mut changed));
            let (mut untouched, probe) = (server.clone(), Job { task: None, ..job(9, 0.5, 0.7) });
            let end = server.oracle_end(probe);
            let (mut after, mut before) = (Vec::new(), Vec::new());
            server.insert(Job { task: Some(9), ..probe }, &mut after);
            untouched.insert(Job { task: Some(9), ..probe }, &mut before);
            assert_eq!(after, before);
            assert_eq!(after.iter().find(|scheduled| scheduled.task == 9).map(|scheduled| scheduled.end), Some(end));
        }
    }
}
