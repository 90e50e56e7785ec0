//! The FIFO schedule as it was first written: everything is rescheduled at every change.

use mec_envs::system::server::{Job, Scheduled};

struct Pending {
    job: Job,
    start: f64,
    end: f64,
}

#[derive(Clone, Copy, Default)]
struct Executor {
    free_at: f64,
    expected_free_at: f64,
}

/// A server without foreign jobs and memory.
pub struct Before {
    executors: Vec<Executor>,
    pending: Vec<Pending>,
}

impl Before {
    pub fn new(executors: usize) -> Self {
        Self { executors: vec![Executor::default(); executors], pending: Vec::new() }
    }

    pub fn advance(&mut self, now: f64) {
        let started = self.pending.iter().take_while(|pending| pending.start <= now).count();
        for pending in self.pending.drain(..started) {
            let executor = self.executors.iter_mut().min_by(|a, b| a.free_at.total_cmp(&b.free_at)).unwrap();
            executor.free_at = pending.end;
            executor.expected_free_at = pending.start + pending.job.expected;
        }
    }

    pub fn insert(&mut self, job: Job, changed: &mut Vec<Scheduled>) {
        let index = self.pending.partition_point(|pending| pending.job.arrival <= job.arrival);
        self.pending.insert(index, Pending { job, start: f64::NAN, end: f64::NAN });
        self.reschedule(changed);
    }

    pub fn remove(&mut self, task: usize, changed: &mut Vec<Scheduled>) -> Option<Job> {
        let index = self.pending.iter().position(|pending| pending.job.task == Some(task))?;
        let removed = self.pending.remove(index);
        self.reschedule(changed);
        Some(removed.job)
    }

    /// Out and in again, as it was done.
    pub fn move_to(&mut self, task: usize, arrival: f64, changed: &mut Vec<Scheduled>) -> bool {
        let job = self.remove(task, changed);
        job.iter().for_each(|job| self.insert(Job { arrival, ..*job }, changed));
        job.is_some()
    }

    pub fn remaining(&self, now: f64) -> (Vec<f64>, usize) {
        let left = |executor: &Executor| {
            if executor.free_at > now { (executor.expected_free_at - now).max(0.0) } else { 0.0 }
        };
        let mut left: Vec<f64> = self.executors.iter().map(left).collect();
        for pending in self.pending.iter().filter(|pending| pending.job.arrival <= now) {
            *left.iter_mut().min_by(|a, b| a.total_cmp(b)).unwrap() += pending.job.expected;
        }
        (left, self.executors.iter().filter(|executor| executor.free_at <= now).count())
    }

    fn reschedule(&mut self, changed: &mut Vec<Scheduled>) {
        let mut free_at: Vec<f64> = self.executors.iter().map(|executor| executor.free_at).collect();
        for pending in &mut self.pending {
            let free = free_at.iter_mut().min_by(|a, b| a.total_cmp(b)).unwrap();
            let start = free.max(pending.job.arrival);
            let end = start + pending.job.service;
            *free = end;
            if start != pending.start || end != pending.end {
                (pending.start, pending.end) = (start, end);
                changed.extend(pending.job.task.map(|task| Scheduled { task, start, loading: 0.0, end }));
            }
        }
    }
}
