//! Servers as plain event loops that are told of arrivals as they happen.

use std::collections::VecDeque;

use mec_envs::system::server::{Discipline, ServerParameters};

/// Work that counts as done, s.
const DONE: f64 = 1e-11;

/// A model in memory.
struct Held {
    model: usize,
    loaded: f64,
    users: usize,
    last_use: f64,
}

/// A job at a server.
#[derive(Clone, Copy)]
pub struct Job {
    /// `None` for another tenant's.
    pub task: Option<usize>,
    /// The model it needs in memory.
    pub model: Option<usize>,
    /// Work left, s.
    pub left: f64,
}

/// One server.
pub struct Plant {
    parameters: ServerParameters,
    waiting: VecDeque<Job>,
    /// Jobs in service; `left` is the time left of first come, first served, the work left of processor sharing.
    running: Vec<Job>,
    held: Vec<Held>,
}

impl Plant {
    pub fn new(parameters: ServerParameters) -> Self {
        Self { parameters, waiting: VecDeque::new(), running: Vec::new(), held: Vec::new() }
    }

    fn shares(&self) -> bool {
        self.parameters.discipline == Discipline::ProcessorSharing
    }

    /// Service per second of each job in service.
    fn speed(&self) -> f64 {
        if self.shares() { (self.parameters.executors as f64 / self.running.len() as f64).min(1.0) } else { 1.0 }
    }

    /// From now until the next job ends if none arrives, s.
    pub fn until_next_end(&self) -> f64 {
        self.running.iter().map(|job| job.left / self.speed()).fold(f64::INFINITY, f64::min)
    }

    pub fn pass(&mut self, seconds: f64) {
        let speed = self.speed();
        self.running.iter_mut().for_each(|job| job.left -= seconds * speed);
    }

    /// Tasks that end now.
    pub fn ended(&mut self, now: f64) -> Vec<usize> {
        let ended: Vec<Job> = self.running.iter().filter(|job| job.left <= DONE).copied().collect();
        self.running.retain(|job| job.left > DONE);
        for job in &ended {
            if let Some(held) = self.held.iter_mut().find(|held| Some(held.model) == job.model && held.users > 0) {
                held.users -= 1;
                held.last_use = now;
            }
        }
        ended.iter().filter_map(|job| job.task).collect()
    }

    pub fn arrive(&mut self, job: Job) {
        self.waiting.push_back(job);
    }

    /// Tasks that start now.
    pub fn start(&mut self, now: f64) -> Vec<usize> {
        let mut started = Vec::new();
        while self.shares() || self.running.len() < self.parameters.executors {
            let Some(mut job) = self.waiting.pop_front() else { break };
            job.left += match job.model {
                Some(model) if self.shares() => self.load_shared(model),
                Some(model) => self.load(model, now),
                None => 0.0,
            };
            self.running.push(job);
            started.extend(job.task);
        }
        started
    }

    fn seconds(&self, model: usize) -> f64 {
        self.parameters.memory.map_or(0.0, |memory| self.parameters.model_bytes[model].0 / memory.load_bytes_per_s.0)
    }

    /// Whether this model does not fit beside those held.
    fn is_full(&self, model: usize) -> bool {
        let bytes = |model: usize| self.parameters.model_bytes[model].0;
        let held: f64 = self.held.iter().map(|held| bytes(held.model)).sum();
        self.parameters.memory.is_some_and(|memory| held + bytes(model) > memory.capacity_bytes.0)
    }

    /// Until a model is in memory for a job that starts now, s.
    fn load(&mut self, model: usize, now: f64) -> f64 {
        if self.parameters.memory.is_none() {
            return 0.0;
        }
        if let Some(held) = self.held.iter_mut().find(|held| held.model == model) {
            held.users += 1;
            return (held.loaded - now).max(0.0);
        }
        while self.is_full(model) {
            let unused = (0..self.held.len()).filter(|&index| self.held[index].users == 0);
            let last_use = |index: &usize| self.held[*index].last_use;
            let oldest = unused.min_by(|a, b| last_use(a).total_cmp(&last_use(b))).unwrap();
            self.held.remove(oldest);
        }
        let seconds = self.seconds(model);
        self.held.push(Held { model, loaded: now + seconds, users: 1, last_use: now });
        seconds
    }

    /// Work of loading a model for a job that arrives now, s; the model that was asked for longest ago is first.
    fn load_shared(&mut self, model: usize) -> f64 {
        if self.parameters.memory.is_none() {
            return 0.0;
        }
        let found = self.held.iter().position(|held| held.model == model);
        let held = found.map(|index| self.held.remove(index));
        while self.is_full(model) {
            self.held.remove(0);
        }
        let seconds = if held.is_some() { 0.0 } else { self.seconds(model) };
        self.held.push(Held { model, loaded: 0.0, users: 0, last_use: 0.0 });
        seconds
    }
}
