//! [`Sharing`]: the schedule of executors that serve all jobs at once, in equal shares.

use std::collections::VecDeque;

use super::foreign::Foreign;
use super::memory::{Models, Residency};
use super::{Job, Population, Scheduled};

/// What the schedule says of a job: the work of loading its model, s, and when it leaves, s.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    loading: f64,
    end: f64,
}

/// The place of a job that has none yet: unequal to every other.
const UNSET: Place = Place { loading: f64::NAN, end: f64::NAN };

/// A job that is being served.
#[derive(Clone, Copy, Debug)]
struct Present {
    task: Option<usize>,
    arrival: f64,
    /// Expected work with the loading of its model, s.
    expected: f64,
    /// The flow's service when it arrived and when it leaves, s.
    from: f64,
    to: f64,
    /// Foreign jobs have no end here.
    place: Place,
    /// Its index among all jobs of the schedule when that is worked out anew.
    index: usize,
}

/// A job that has not arrived.
#[derive(Clone, Copy, Debug)]
struct Pending {
    job: Job,
    place: Place,
}

/// The jobs present at one point of the schedule.
///
/// # Design
/// `service` is what a job that is always present has been served, the virtual time of fair queueing (Parekh and
/// Gallager 1993): every job leaves when it has grown by that job's work since its arrival, so an event costs one
/// step however many jobs are present. It is 0 whenever there are none, so that no error adds up. Only events move it:
/// states that meet the same events are equal to the bit, whenever somebody looked at them in between.
#[derive(Clone, Debug)]
struct Flow {
    executors: f64,
    time: f64,
    service: f64,
    /// The one that leaves first is last.
    present: Vec<Present>,
    residency: Residency,
}

impl Flow {
    fn clear(&mut self) {
        (self.time, self.service) = (0.0, 0.0);
        self.present.clear();
        self.residency.clear();
    }

    fn copy_from(&mut self, other: &Self) {
        (self.time, self.service) = (other.time, other.service);
        self.present.clone_from(&other.present);
        self.residency.copy_from(&other.residency);
    }

    /// Seconds per second of service: n / c, at least 1.
    /// `docs/model.md`, equation 27.
    fn stretch(&self) -> f64 {
        (self.present.len() as f64 / self.executors).max(1.0)
    }

    fn service_at(&self, time: f64) -> f64 {
        if self.present.is_empty() { 0.0 } else { self.service + (time - self.time) / self.stretch() }
    }

    /// When the next job leaves if none arrives, s.
    fn departure(&self) -> f64 {
        let left = |first: &Present| (first.to - self.service).max(0.0);
        self.present.last().map_or(f64::INFINITY, |first| self.time + left(first) * self.stretch())
    }

    /// Lets the next job leave, if it does by `until`; says which and when.
    fn leave(&mut self, until: f64) -> Option<(Present, f64)> {
        let time = self.departure();
        if time > until {
            return None;
        }
        let first = self.present.pop()?;
        self.time = time;
        self.service = if self.present.is_empty() { 0.0 } else { first.to };
        Some((first, time))
    }

    /// Lets a job arrive; O(jobs present).
    fn arrive(&mut self, job: &Job, models: Option<&Models>, index: usize, end: f64) {
        self.service = self.service_at(job.arrival);
        self.time = job.arrival;
        let loading = match (models, job.model) {
            (Some(models), Some(model)) => self.load(models, model),
            _ => 0.0,
        };
        let (task, arrival, expected) = (job.task, job.arrival, loading + job.expected);
        let place = Place { loading, end };
        let (from, to) = (self.service, self.service + loading + job.service);
        // Of jobs that leave together the first to come is the first to go.
        let order = self.present.partition_point(|other| other.to > to);
        self.present.insert(order, Present { task, arrival, expected, from, to, place, index });
    }

    /// Work of loading `model` for a job that arrives now, s. Models in use give way too: what is being computed may
    /// finish.
    fn load(&mut self, models: &Models, model: usize) -> f64 {
        let resident = self.residency.holds(model);
        if !resident {
            self.residency.take_in(models, model, self.time, self.time);
        }
        self.residency.use_until(model, self.time);
        if resident { 0.0 } else { models.load_s(model) }
    }
}

/// A schedule of shares.
///
/// # Design
/// A job that arrives later slows all that are still present, foreign jobs included, so the exact end of a job takes
/// the stream of foreign jobs up to that end. Every change is followed by one pass over the events from the last
/// settled one until no task is left: O(events x jobs present).
///
/// Memory: what is resident is decided at arrival, and nothing is held for jobs in service, whose number has no bound.
/// A job that finds its model being loaded does not load it again.
#[derive(Clone, Debug)]
pub(super) struct Sharing {
    models: Option<Models>,
    executors: usize,
    /// After the last event that is settled.
    settled: Flow,
    ahead: Flow,
    /// Jobs that have not arrived, in order of arrival.
    pending: VecDeque<Pending>,
}

impl Sharing {
    pub(super) fn new(executors: usize, models: Option<Models>) -> Self {
        let residency = Residency::new(models.as_ref());
        let flow = Flow { executors: executors as f64, time: 0.0, service: 0.0, present: Vec::new(), residency };
        Self { models, executors, settled: flow.clone(), ahead: flow, pending: VecDeque::new() }
    }

    pub(super) fn reset(&mut self) {
        self.settled.clear();
        self.pending.clear();
    }

    /// When the next own job arrives or any job leaves, s.
    pub(super) fn next_event(&self) -> f64 {
        self.next_pending(0).min(self.settled.departure())
    }

    /// Settles what happens up to `now`.
    pub(super) fn advance(&mut self, now: f64, foreign: &mut Foreign) {
        loop {
            let own = self.next_pending(0);
            let arrival = own.min(foreign.arrival(0));
            if self.settled.leave(arrival.min(now)).is_some() {
                continue;
            }
            if arrival > now {
                return;
            }
            if let Some(job) = foreign.next_until(arrival) {
                self.settled.arrive(&job, self.models.as_ref(), 0, f64::NAN);
            } else if let Some(pending) = self.pending.pop_front() {
                self.settled.arrive(&pending.job, self.models.as_ref(), 0, pending.place.end);
            }
        }
    }

    pub(super) fn insert(&mut self, job: Job, foreign: &mut Foreign, changed: &mut Vec<Scheduled>) {
        self.place(Pending { job, place: UNSET });
        self.look_ahead(foreign, changed);
    }

    pub(super) fn remove(&mut self, task: usize, foreign: &mut Foreign, changed: &mut Vec<Scheduled>) -> Option<Job> {
        let removed = self.take(task)?;
        self.look_ahead(foreign, changed);
        Some(removed.job)
    }

    pub(super) fn move_to(
        &mut self,
        task: usize,
        arrival: f64,
        foreign: &mut Foreign,
        changed: &mut Vec<Scheduled>,
    ) -> bool {
        let Some(mut moved) = self.take(task) else { return false };
        if moved.job.arrival != arrival {
            moved.job.arrival = arrival;
            moved.place = UNSET;
        }
        self.place(moved);
        self.look_ahead(foreign, changed);
        true
    }

    pub(super) fn remaining(&self, now: f64, left: &mut Vec<f64>) -> usize {
        let service = self.settled.service_at(now);
        let work = self.settled.present.iter().map(|job| (job.expected - (service - job.from)).max(0.0));
        left.clear();
        let idle = self.executors.saturating_sub(self.settled.present.len());
        if idle > 0 {
            left.extend(work);
            left.resize(self.executors, 0.0);
        } else {
            left.resize(self.executors, work.sum::<f64>().max(0.0) / self.executors as f64);
        }
        idle
    }

    pub(super) fn population(&self) -> Population {
        let own = self.settled.present.iter().filter(|job| job.task.is_some()).count();
        Population { own, foreign: self.settled.present.len() - own }
    }

    /// What is in memory after all jobs that have arrived.
    pub(super) fn residency(&self) -> &Residency {
        &self.settled.residency
    }

    /// Arrival of the own job that comes after `skipped` others, s; infinite when there are no more.
    fn next_pending(&self, skipped: usize) -> f64 {
        self.pending.get(skipped).map_or(f64::INFINITY, |pending| pending.job.arrival)
    }

    /// Puts a job behind all that arrive no later.
    fn place(&mut self, pending: Pending) {
        let index = self.pending.partition_point(|other| other.job.arrival <= pending.job.arrival);
        self.pending.insert(index, pending);
    }

    fn take(&mut self, task: usize) -> Option<Pending> {
        let index = self.pending.iter().rposition(|pending| pending.job.task == Some(task))?;
        self.pending.remove(index)
    }

    /// Works out the ends of all tasks from the settled state on.
    fn look_ahead(&mut self, foreign: &mut Foreign, changed: &mut Vec<Scheduled>) {
        self.ahead.copy_from(&self.settled);
        for (index, job) in self.ahead.present.iter_mut().enumerate() {
            job.index = index;
        }
        let mut tasks = self.population().own + self.pending.len();
        let (mut own, mut others) = (0, 0);
        while tasks > 0 {
            let arrival = self.next_pending(own).min(foreign.arrival(others));
            if let Some((job, end)) = self.ahead.leave(arrival) {
                if job.task.is_some() {
                    tasks -= 1;
                    self.set_end(&job, end, changed);
                }
            } else if foreign.arrival(others) <= arrival {
                self.ahead.arrive(&foreign.peek(others), self.models.as_ref(), 0, f64::NAN);
                others += 1;
            } else {
                let index = self.settled.present.len() + own;
                self.ahead.arrive(&self.pending[own].job, self.models.as_ref(), index, f64::NAN);
                own += 1;
            }
        }
    }

    /// Notes when a job leaves; reports it if that is another time.
    fn set_end(&mut self, job: &Present, end: f64, changed: &mut Vec<Scheduled>) {
        let place = match job.index.checked_sub(self.settled.present.len()) {
            None => &mut self.settled.present[job.index].place,
            Some(pending) => &mut self.pending[pending].place,
        };
        let new = Place { loading: job.place.loading, end };
        if *place != new {
            *place = new;
            let (start, loading) = (job.arrival, new.loading);
            changed.extend(job.task.map(|task| Scheduled { task, start, loading, end }));
        }
    }
}
