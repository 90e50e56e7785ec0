//! Edge servers: parallel executors behind one FIFO queue, shared with jobs of other tenants.
//!
//! # Design
//! A server is a schedule, not a heap of events. Jobs are known when they are sent, arrive later, and start in the
//! order of their arrival, so the schedule of all known jobs is exact, and it changes only when another job is put
//! in before some of them. That gives two things that an event loop cannot: the exact completion of a task at the
//! moment of its decision, given all decisions so far, and the exact delay that it inflicts on others.

use rand::RngExt;
use rand_distr::Exp1;
use serde::{Deserialize, Serialize};

use super::arrival::{ArrivalConfig, PointProcess};
use crate::rng::{Prng, stream};

/// Load from other tenants of a server, which no scheme is told about.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForeignConfig {
    /// Share of the server's capacity that foreign jobs take in the long run, in [0, 1).
    pub utilisation: f64,
    /// Mean service time of a foreign job, s (exponential).
    pub mean_service_s: f64,
    /// How they arrive.
    pub arrivals: ArrivalConfig,
}

/// One piece of work for an executor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Job {
    /// The task it belongs to; `None` for a foreign job.
    pub task: Option<usize>,
    /// When it reaches the server, s.
    pub arrival: f64,
    /// How long it really takes, s.
    pub service: f64,
    /// How long it is expected to take, s.
    pub expected: f64,
}

/// A job that has not started, with its place in the schedule.
#[derive(Clone, Copy, Debug)]
struct Pending {
    job: Job,
    start: f64,
    end: f64,
}

/// One executor: until when it is taken by jobs that have started.
#[derive(Clone, Copy, Debug, Default)]
struct Executor {
    free_at: f64,
    expected_free_at: f64,
}

/// A task's new place in a server's schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scheduled {
    /// The task.
    pub task: usize,
    /// When its job starts, s.
    pub start: f64,
    /// When its job ends, s.
    pub end: f64,
}

/// The schedule of one server.
#[derive(Clone, Debug)]
pub struct Server {
    executors: Vec<Executor>,
    pending: Vec<Pending>,
    foreign: Option<Foreign>,
    scratch: Vec<f64>,
}

impl Server {
    /// An idle server with `executors` parallel executors; `seed` and `name` make the stream of its foreign jobs.
    pub fn new(executors: usize, foreign: Option<&ForeignConfig>, seed: u64, name: &str) -> Self {
        let foreign = foreign.filter(|config| config.utilisation > 0.0);
        Self {
            executors: vec![Executor::default(); executors],
            pending: Vec::new(),
            foreign: foreign.map(|config| Foreign::new(config, executors, seed, name)),
            scratch: Vec::new(),
        }
    }

    /// Moves on to `now`: jobs whose start has come are taken out of the schedule for good.
    pub fn advance(&mut self, now: f64) {
        self.admit_foreign(now);
        let started = self.pending.iter().take_while(|pending| pending.start <= now).count();
        for pending in self.pending.drain(..started) {
            let executor = self.executors.iter_mut().min_by(|a, b| a.free_at.total_cmp(&b.free_at));
            let executor = executor.expect("a validated server has an executor");
            executor.free_at = pending.end;
            executor.expected_free_at = pending.start + pending.job.expected;
        }
    }

    /// Puts a job into the schedule; it may not arrive before the last `advance`. Every task whose place is new or
    /// has changed is appended to `changed`.
    pub fn insert(&mut self, job: Job, changed: &mut Vec<Scheduled>) {
        self.admit_foreign(job.arrival);
        self.place(job);
        self.reschedule(changed);
    }

    /// When a job would in truth end, s.
    pub(crate) fn oracle_end(&mut self, job: Job) -> f64 {
        let mut changed = Vec::new();
        self.insert(Job { task: Some(usize::MAX), ..job }, &mut changed);
        changed.iter().find(|scheduled| scheduled.task == usize::MAX).map_or(f64::INFINITY, |scheduled| scheduled.end)
    }

    /// Takes the job of `task` out again, if it has not started; `changed` as for [`insert`](Self::insert).
    pub fn remove(&mut self, task: usize, changed: &mut Vec<Scheduled>) -> Option<Job> {
        let index = self.pending.iter().position(|pending| pending.job.task == Some(task))?;
        let removed = self.pending.remove(index);
        self.reschedule(changed);
        Some(removed.job)
    }

    /// Expected work left at `now` on each executor, s, once all jobs that have arrived are spread over them in
    /// order; `now` must be that of the last `advance`. Returns the number of executors without work.
    pub fn remaining(&self, now: f64, left: &mut Vec<f64>) -> usize {
        left.clear();
        left.extend(
            self.executors
                .iter()
                .map(|executor| if executor.free_at > now { (executor.expected_free_at - now).max(0.0) } else { 0.0 }),
        );
        for pending in self.pending.iter().filter(|pending| pending.job.arrival <= now) {
            let first = left.iter_mut().min_by(|a, b| a.total_cmp(b)).expect("a validated server has an executor");
            *first += pending.job.expected;
        }
        self.executors.iter().filter(|executor| executor.free_at <= now).count()
    }

    /// Foreign jobs up to `until` must be known before a job that arrives then can be placed.
    fn admit_foreign(&mut self, until: f64) {
        let mut admitted = false;
        while let Some(job) = self.foreign.as_mut().and_then(|foreign| foreign.next_until(until)) {
            self.place(job);
            admitted = true;
        }
        if admitted {
            // Foreign jobs arrive after all jobs placed so far or lie after their arrival: no task moves.
            self.reschedule(&mut Vec::new());
        }
    }

    fn place(&mut self, job: Job) {
        let index = self.pending.partition_point(|pending| pending.job.arrival <= job.arrival);
        self.pending.insert(index, Pending { job, start: f64::NAN, end: f64::NAN });
    }

    /// First come, first served: each job in order of arrival takes the executor that is free first.
    fn reschedule(&mut self, changed: &mut Vec<Scheduled>) {
        self.scratch.clear();
        self.scratch.extend(self.executors.iter().map(|executor| executor.free_at));
        for pending in &mut self.pending {
            let free =
                self.scratch.iter_mut().min_by(|a, b| a.total_cmp(b)).expect("a validated server has an executor");
            let start = free.max(pending.job.arrival);
            let end = start + pending.job.service;
            *free = end;
            if start != pending.start || end != pending.end {
                (pending.start, pending.end) = (start, end);
                changed.extend(pending.job.task.map(|task| Scheduled { task, start, end }));
            }
        }
    }
}

/// The stream of foreign jobs of one server.
#[derive(Clone, Debug)]
struct Foreign {
    times: PointProcess,
    rng: Prng,
    mean_service_s: f64,
    next: f64,
}

impl Foreign {
    fn new(config: &ForeignConfig, executors: usize, seed: u64, name: &str) -> Self {
        let rate = config.utilisation * executors as f64 / config.mean_service_s;
        let mut times = PointProcess::new(&config.arrivals, rate, stream(seed, &format!("{name}/foreign-arrivals")));
        let next = times.next();
        let rng = stream(seed, &format!("{name}/foreign-services"));
        Self { times, rng, mean_service_s: config.mean_service_s, next }
    }

    fn next_until(&mut self, until: f64) -> Option<Job> {
        if self.next > until {
            return None;
        }
        let service = self.mean_service_s * self.rng.sample::<f64, _>(Exp1);
        let job = Job { task: None, arrival: self.next, service, expected: service };
        self.next = self.times.next();
        Some(job)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(task: usize, arrival: f64, service: f64) -> Job {
        Job { task: Some(task), arrival, service, expected: service }
    }

    #[test]
    fn jobs_start_in_order_of_arrival_not_of_sending() {
        let mut server = Server::new(1, None, 0, "s");
        let mut changed = Vec::new();
        server.insert(job(0, 5.0, 2.0), &mut changed);
        assert_eq!(changed, [Scheduled { task: 0, start: 5.0, end: 7.0 }]);
        changed.clear();
        server.insert(job(1, 4.0, 3.0), &mut changed);
        assert_eq!(changed, [Scheduled { task: 1, start: 4.0, end: 7.0 }, Scheduled { task: 0, start: 7.0, end: 9.0 }]);
        changed.clear();
        assert_eq!(server.remove(1, &mut changed).map(|job| job.arrival), Some(4.0));
        assert_eq!(changed, [Scheduled { task: 0, start: 5.0, end: 7.0 }]);
    }

    #[test]
    fn two_executors_serve_two_jobs_at_once() {
        let mut server = Server::new(2, None, 0, "s");
        let mut changed = Vec::new();
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
    }

    #[test]
    fn a_started_job_cannot_be_overtaken_or_removed() {
        let mut server = Server::new(1, None, 0, "s");
        let mut changed = Vec::new();
        server.insert(job(0, 1.0, 4.0), &mut changed);
        server.advance(2.0);
        assert_eq!(server.remove(0, &mut changed), None);
        changed.clear();
        server.insert(job(1, 2.0, 1.0), &mut changed);
        assert_eq!(changed, [Scheduled { task: 1, start: 5.0, end: 6.0 }]);
    }

    /// Pollaczek-Khinchine with exponential service is M/M/1: mean sojourn 1 / (mu - lambda).
    #[test]
    fn poisson_arrivals_and_exponential_services_wait_as_in_m_m_1() {
        let (utilisation, mean_service_s) = (0.7, 0.1);
        let config = ForeignConfig { utilisation, mean_service_s, arrivals: ArrivalConfig::Poisson };
        let mut source = Foreign::new(&config, 1, 5, "s");
        let mut server = Server::new(1, None, 0, "s");
        let (n, mut sojourn, mut changed) = (200_000, 0.0, Vec::new());
        for task in 0..n {
            let job = source.next_until(f64::INFINITY).unwrap();
            server.advance(job.arrival);
            server.insert(Job { task: Some(task), ..job }, &mut changed);
            sojourn += changed.drain(..).map(|scheduled| scheduled.end - job.arrival).sum::<f64>();
        }
        let expected = 1.0 / (1.0 / mean_service_s - utilisation / mean_service_s);
        let mean = sojourn / n as f64;
        assert!((mean / expected - 1.0).abs() < 0.04, "{mean} against {expected}");
    }
}
