//! [`Fifo`]: the schedule of executors that serve jobs in the order of their arrival.

use std::collections::VecDeque;

use super::foreign::Foreign;
use super::memory::{Models, Residency};
use super::{Job, Population, Scheduled};

/// When a job has its executor.
#[derive(Clone, Copy, Debug)]
struct Turn {
    start: f64,
    loading: f64,
    end: f64,
}

/// The turn of a job that has none yet: unequal to every other.
const UNSET: Turn = Turn { start: f64::NAN, loading: f64::NAN, end: f64::NAN };

/// A job that has not started, with its place in the schedule.
#[derive(Clone, Copy, Debug)]
struct Pending {
    job: Job,
    turn: Turn,
}

impl Pending {
    /// Gives the job this turn; reports it if that is another one.
    #[inline]
    fn take(&mut self, turn: Turn, changed: &mut Vec<Scheduled>) {
        if turn.start != self.turn.start || turn.end != self.turn.end {
            self.turn = turn;
            let Turn { start, loading, end } = turn;
            changed.extend(self.job.task.map(|task| Scheduled { task, start, loading, end }));
        }
    }
}

/// The executors at one point of the schedule: when each is free, and what is in memory.
#[derive(Clone, Debug)]
struct Executors {
    free_at: Vec<f64>,
    residency: Residency,
}

impl Executors {
    fn clear(&mut self) {
        self.free_at.fill(0.0);
        self.residency.clear();
    }

    fn copy_from(&mut self, other: &Self) {
        self.free_at.copy_from_slice(&other.free_at);
        self.residency.copy_from(&other.residency);
    }

    /// Gives the next job to the executor that is free first, and tells which one that is.
    /// `docs/model.md`, equation 26.
    #[inline]
    fn serve(&mut self, job: &Job, models: Option<&Models>) -> (usize, Turn) {
        let executor = first_least(&self.free_at);
        let start = self.free_at[executor].max(job.arrival);
        let ready = match (models, job.model) {
            (Some(models), Some(model)) => self.load(models, model, start),
            _ => start,
        };
        let end = ready + job.service;
        if let (Some(_), Some(model)) = (models, job.model) {
            self.residency.use_until(model, end);
        }
        self.free_at[executor] = end;
        (executor, Turn { start, loading: ready - start, end })
    }

    /// When `model` is in memory for a job that wants it at `start`.
    fn load(&mut self, models: &Models, model: usize, start: f64) -> f64 {
        if !self.residency.holds(model) {
            let ready = start + models.load_s(model);
            self.residency.take_in(models, model, start, ready);
        }
        self.residency.ready(model).max(start)
    }
}

/// What an executor serves or has served last.
#[derive(Clone, Copy, Debug)]
struct Serving {
    /// When it is expected to be free, s.
    expected_free_at: f64,
    own: bool,
}

const NOTHING: Serving = Serving { expected_free_at: 0.0, own: false };

/// A schedule in order of arrival.
///
/// # Design
/// `tail` is the state after all jobs of the schedule, so that a job at the end, the common case, costs one step. One
/// executor without memory needs no state at all: a job starts when the one before it ends.
#[derive(Clone, Debug)]
pub(super) struct Fifo {
    models: Option<Models>,
    /// After all jobs that have started.
    started: Executors,
    serving: Vec<Serving>,
    /// Jobs that have not started, in order of arrival.
    pending: VecDeque<Pending>,
    tail: Executors,
}

impl Fifo {
    pub(super) fn new(executors: usize, models: Option<Models>) -> Self {
        let free = Executors { free_at: vec![0.0; executors], residency: Residency::new(models.as_ref()) };
        let serving = vec![NOTHING; executors];
        Self { models, started: free.clone(), serving, pending: VecDeque::new(), tail: free }
    }

    pub(super) fn reset(&mut self) {
        self.started.clear();
        self.serving.fill(NOTHING);
        self.pending.clear();
        self.tail.clear();
    }

    /// When the next job starts, s.
    pub(super) fn next_event(&self) -> f64 {
        self.pending.front().map_or(f64::INFINITY, |pending| pending.turn.start)
    }

    /// Takes the jobs out of the schedule for good whose start has come.
    pub(super) fn advance(&mut self, now: f64, foreign: &mut Foreign) {
        self.admit(foreign, now);
        while self.next_event() <= now {
            let Some(Pending { job, .. }) = self.pending.pop_front() else { return };
            let (executor, turn) = self.started.serve(&job, self.models.as_ref());
            let expected_free_at = turn.start + turn.loading + job.expected;
            self.serving[executor] = Serving { expected_free_at, own: job.task.is_some() };
        }
    }

    pub(super) fn insert(&mut self, job: Job, foreign: &mut Foreign, changed: &mut Vec<Scheduled>) {
        self.admit(foreign, job.arrival);
        if self.pending.back().is_none_or(|last| last.job.arrival <= job.arrival) {
            let Turn { start, loading, end } = self.append(job);
            changed.extend(job.task.map(|task| Scheduled { task, start, loading, end }));
        } else {
            let index = self.place(Pending { job, turn: UNSET });
            self.schedule(index, index, changed);
        }
    }

    pub(super) fn remove(&mut self, task: usize, changed: &mut Vec<Scheduled>) -> Option<Job> {
        let index = self.find(task)?;
        let removed = self.pending.remove(index)?;
        self.schedule(index, index, changed);
        Some(removed.job)
    }

    pub(super) fn move_to(
        &mut self,
        task: usize,
        arrival: f64,
        foreign: &mut Foreign,
        changed: &mut Vec<Scheduled>,
    ) -> bool {
        let Some(from) = self.find(task) else { return false };
        // Foreign jobs that become known lie behind all others, so `from` stays right.
        self.admit(foreign, arrival);
        let Some(mut pending) = self.pending.remove(from) else { return false };
        pending.job.arrival = arrival;
        let to = self.place(pending);
        self.schedule(from.min(to), from.max(to), changed);
        true
    }

    pub(super) fn remaining(&self, now: f64, left: &mut Vec<f64>) -> usize {
        let executors = self.started.free_at.iter().zip(&self.serving);
        left.clear();
        left.extend(executors.map(|(&free_at, serving)| match free_at > now {
            true => (serving.expected_free_at - now).max(0.0),
            false => 0.0,
        }));
        for pending in self.arrived(now) {
            let first = first_least(left);
            left[first] += pending.turn.loading + pending.job.expected;
        }
        self.started.free_at.iter().filter(|&&free_at| free_at <= now).count()
    }

    pub(super) fn population(&self, now: f64) -> Population {
        let busy = self.started.free_at.iter().zip(&self.serving).filter(|(free_at, _)| **free_at > now);
        let in_service = busy.map(|(_, serving)| serving.own);
        let mut population = Population::default();
        for own in in_service.chain(self.arrived(now).map(|pending| pending.job.task.is_some())) {
            *if own { &mut population.own } else { &mut population.foreign } += 1;
        }
        population
    }

    /// What is in memory after all jobs that have started.
    pub(super) fn residency(&self) -> &Residency {
        &self.started.residency
    }

    fn arrived(&self, now: f64) -> impl Iterator<Item = &Pending> {
        self.pending.iter().take_while(move |pending| pending.job.arrival <= now)
    }

    /// Foreign jobs up to `until` must be known before a job that arrives then can be placed. They arrive after all
    /// jobs placed so far, so no task moves.
    #[inline]
    fn admit(&mut self, foreign: &mut Foreign, until: f64) {
        while let Some(job) = foreign.next_until(until) {
            self.append(job);
        }
    }

    /// Puts a job behind all others, which takes one step; returns its turn.
    #[inline]
    fn append(&mut self, job: Job) -> Turn {
        let turn = if self.is_single_file() {
            let start = self.pending.back().map_or(self.started.free_at[0], |last| last.turn.end).max(job.arrival);
            Turn { start, loading: 0.0, end: start + job.service }
        } else {
            self.tail.serve(&job, self.models.as_ref()).1
        };
        self.pending.push_back(Pending { job, turn });
        turn
    }

    /// The place of a task's job; tasks that are still looked for were mostly sent last.
    fn find(&self, task: usize) -> Option<usize> {
        self.pending.iter().rposition(|pending| pending.job.task == Some(task))
    }

    /// Puts a job behind all that arrive no later.
    fn place(&mut self, pending: Pending) -> usize {
        let index = self.pending.partition_point(|other| other.job.arrival <= pending.job.arrival);
        self.pending.insert(index, pending);
        index
    }

    /// Whether a job starts when the one before it ends, whatever else.
    #[inline]
    fn is_single_file(&self) -> bool {
        self.started.free_at.len() == 1 && self.models.is_none()
    }

    /// Works out the turns from `first` on, where jobs up to `last` were put in, moved or taken out. O(jobs x
    /// executors).
    fn schedule(&mut self, first: usize, last: usize, changed: &mut Vec<Scheduled>) {
        if self.is_single_file() {
            return self.schedule_single_file(first, last, changed);
        }
        let models = self.models.as_ref();
        self.tail.copy_from(&self.started);
        for pending in self.pending.range(..first) {
            self.tail.serve(&pending.job, models);
        }
        for pending in self.pending.range_mut(first..) {
            let (_, turn) = self.tail.serve(&pending.job, models);
            pending.take(turn, changed);
        }
    }

    /// The same for one executor without memory: behind `last`, nothing changes after a job that ends as before.
    #[inline]
    fn schedule_single_file(&mut self, first: usize, last: usize, changed: &mut Vec<Scheduled>) {
        let before = first.checked_sub(1).map(|before| self.pending[before].turn.end);
        let mut free_at = before.unwrap_or(self.started.free_at[0]);
        for (index, pending) in (first..).zip(self.pending.range_mut(first..)) {
            let start = free_at.max(pending.job.arrival);
            let end = start + pending.job.service;
            if index > last && end == pending.turn.end && start == pending.turn.start {
                return;
            }
            pending.take(Turn { start, loading: 0.0, end }, changed);
            free_at = end;
        }
    }
}

/// Index of the least value, of several the first.
#[inline]
fn first_least(values: &[f64]) -> usize {
    let mut least = 0;
    for (index, value) in values.iter().enumerate().skip(1) {
        if *value < values[least] {
            least = index;
        }
    }
    least
}
