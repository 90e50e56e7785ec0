//! [`ServerBelief`]: what the control plane believes of a server between two reports.

use std::collections::VecDeque;

/// What a server tells of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// When it was made, s.
    pub time: f64,
    /// Expected work left on each executor once everything that had arrived is spread over them, s.
    pub remaining: Vec<f64>,
    /// Executors without work.
    pub idle: usize,
    /// Whether each network of the mix was in memory; empty when the server needs none.
    pub resident: Vec<bool>,
}

impl Report {
    /// Work left per executor, s.
    pub fn backlog(&self) -> f64 {
        self.remaining.iter().sum::<f64>() / self.remaining.len() as f64
    }
}

/// Own work sent to a server, as expected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Work {
    /// The task.
    pub(super) task: usize,
    /// Its network, as an index into the mix.
    pub(super) model: usize,
    /// When it arrives, s.
    pub(super) arrival: f64,
    /// How long it takes, s.
    pub(super) service: f64,
}

/// What the control plane knows of one server: its last report that has arrived, and a book of the own work sent
/// since. Foreign jobs appear only in reports.
#[derive(Clone, Debug)]
pub struct ServerBelief {
    report: Report,
    on_the_way: VecDeque<Report>,
    /// Reports of the past, to be filled anew.
    blank: Vec<Report>,
    change: f64,
    growth: f64,
    /// Work not known to have arrived, in order of its arrival.
    booked: Vec<Work>,
    /// When an executor is free after the first 0, 1, 2, ... of the booked work, s.
    first_free: Vec<f64>,
    /// When each executor is free after all of it, s.
    free_at: Vec<f64>,
    sent: f64,
}

impl ServerBelief {
    /// An idle server with a report of time 0.
    pub fn new(executors: usize) -> Self {
        Self {
            report: Report { remaining: vec![0.0; executors], idle: executors, ..Report::default() },
            on_the_way: VecDeque::new(),
            blank: Vec::new(),
            change: 0.0,
            growth: 0.0,
            booked: Vec::new(),
            first_free: vec![0.0],
            free_at: vec![0.0; executors],
            sent: 0.0,
        }
    }

    /// The same for a plan, which no further report reaches.
    pub(super) fn for_a_plan(&self) -> Self {
        Self {
            report: self.report.clone(),
            on_the_way: VecDeque::new(),
            blank: Vec::new(),
            booked: self.booked.clone(),
            first_free: self.first_free.clone(),
            free_at: self.free_at.clone(),
            ..*self
        }
    }

    /// Back to an idle server with a report of time 0.
    pub(super) fn reset(&mut self) {
        self.blank.extend(self.on_the_way.drain(..));
        let Report { time, remaining, idle, resident } = &mut self.report;
        (*time, *idle) = (0.0, self.free_at.len());
        remaining.clear();
        remaining.resize(self.free_at.len(), 0.0);
        resident.clear();
        self.booked.clear();
        self.free_at.fill(0.0);
        self.first_free.clear();
        self.first_free.push(0.0);
        (self.change, self.growth, self.sent) = (0.0, 0.0, 0.0);
    }

    /// The last report that has arrived.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Change of the reported backlog over the last two reports, s.
    pub fn change(&self) -> f64 {
        self.change
    }

    /// Growth of the backlog between the last two reports that own work does not explain, seconds of work per second.
    pub fn foreign_growth(&self) -> f64 {
        self.growth
    }

    /// Own work sent and not in the last report, seconds per executor.
    pub fn own_sent(&self) -> f64 {
        self.sent
    }

    /// Seconds from `now` until an executor is believed free for work that arrives at `arrival`, by report and book: work
    /// booked to arrive later does not come before it. With an infinite `arrival` all that is booked does.
    /// `docs/model.md`, equation 41.
    pub fn booked_wait(&self, now: f64, arrival: f64) -> f64 {
        (self.free_for(arrival) - now).max(0.0)
    }

    /// The same by the last report alone, its backlog worked off since.
    /// `docs/model.md`, equation 40.
    pub fn reported_wait(&self, now: f64) -> f64 {
        let first = self.report.remaining.iter().copied().fold(f64::INFINITY, f64::min);
        (first - (now - self.report.time)).max(0.0)
    }

    /// As [`booked_wait`](Self::booked_wait), plus `factor` times the foreign growth over the report's age.
    /// `docs/model.md`, equation 43.
    pub fn forecast_wait(&self, now: f64, arrival: f64, factor: f64) -> f64 {
        let age = now - self.report.time;
        (self.free_for(arrival) + factor * self.growth * age - now).max(0.0)
    }

    fn free_for(&self, arrival: f64) -> f64 {
        // Most work arrives after all that was sent before it.
        let later = self.booked.iter().rev().take_while(|work| work.arrival > arrival).count();
        let before = self.booked.len() - later;
        self.first_free[before]
    }

    /// Whether a network was in memory at the last report.
    pub fn is_reported_resident(&self, model: usize) -> bool {
        self.report.resident.get(model).is_some_and(|resident| *resident)
    }

    /// Whether a network is believed to be in memory: it was in the last report, or a task sent since brings it there.
    /// What has been displaced since is not known.
    pub fn is_resident(&self, model: usize) -> bool {
        self.is_reported_resident(model) || self.booked.iter().any(|work| work.model == model)
    }

    /// Books work, first come, first served by its expected arrival.
    pub(super) fn book(&mut self, work: Work) {
        self.sent += work.service / self.free_at.len() as f64;
        let index = self.booked.partition_point(|other| other.arrival <= work.arrival);
        self.booked.insert(index, work);
        self.rebuild(index);
    }

    /// Each executor is free after the report's work.
    fn start_over(&mut self) {
        release(&mut self.free_at, &self.report);
        self.first_free.clear();
        self.first_free.push(earliest(&self.free_at));
    }

    /// Works out when executors are free from booked work `from` on; what comes before is as it was.
    fn rebuild(&mut self, from: usize) {
        let appended = self.first_free.len() == from + 1;
        let from = match &mut self.free_at[..] {
            // One executor is free when the first one is.
            [only] => {
                *only = self.first_free[from];
                from
            }
            _ if appended => from,
            _ => {
                self.start_over();
                0
            }
        };
        self.first_free.truncate(from + 1);
        for work in &self.booked[from..] {
            occupy(&mut self.free_at, work);
            self.first_free.push(earliest(&self.free_at));
        }
    }

    /// A report of that time to be filled in and sent.
    pub(super) fn blank_report(&mut self, time: f64) -> Report {
        Report { time, ..self.blank.pop().unwrap_or_default() }
    }

    /// A report leaves the server.
    pub(super) fn send(&mut self, report: Report) {
        self.on_the_way.push_back(report);
    }

    /// Reports made up to `made_by` arrive. `received` tells when a task really reached the server (infinity: not
    /// yet): reports say which of the own tasks they count.
    pub(super) fn deliver(&mut self, made_by: f64, received: impl Fn(usize) -> f64) {
        while self.on_the_way.front().is_some_and(|report| report.time <= made_by) {
            if let Some(report) = self.on_the_way.pop_front() {
                self.take(report, &received);
            }
        }
    }

    /// A report takes the place of the last one.
    /// `docs/model.md`, equation 42.
    fn take(&mut self, report: Report, received: &impl Fn(usize) -> f64) {
        let time = report.time;
        let interval = time - self.report.time;
        if interval > 0.0 {
            release(&mut self.free_at, &self.report);
            let arrived = self.booked.iter().filter(|work| received(work.task) <= time);
            arrived.for_each(|work| occupy(&mut self.free_at, work));
            let explained =
                self.free_at.iter().map(|free| (free - time).max(0.0)).sum::<f64>() / self.free_at.len() as f64;
            self.growth = (report.backlog() - explained) / interval;
        }
        self.change = report.backlog() - self.report.backlog();
        self.blank.push(std::mem::replace(&mut self.report, report));
        self.booked.retain(|work| received(work.task) > time);
        for work in &mut self.booked {
            work.arrival = work.arrival.max(time);
        }
        self.start_over();
        self.rebuild(0);
        self.sent = self.booked.iter().map(|work| work.service).sum::<f64>() / self.free_at.len() as f64;
    }
}

/// Each executor is free after a report's work.
fn release(free_at: &mut [f64], report: &Report) {
    for (free, remaining) in free_at.iter_mut().zip(&report.remaining) {
        *free = report.time + remaining;
    }
}

/// Work takes the executor that is free first.
/// `docs/model.md`, equation 39.
fn occupy(free_at: &mut [f64], work: &Work) {
    if let Some(first) = free_at.iter_mut().min_by(|a, b| a.total_cmp(b)) {
        *first = first.max(work.arrival) + work.service;
    }
}

fn earliest(free_at: &[f64]) -> f64 {
    free_at.iter().copied().fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(time: f64, backlog: f64) -> Report {
        Report { time, remaining: vec![backlog], idle: usize::from(backlog == 0.0), resident: Vec::new() }
    }

    fn work(task: usize, arrival: f64, service: f64) -> Work {
        Work { task, model: 0, arrival, service }
    }

    #[test]
    fn work_that_arrives_sooner_is_not_held_up_by_what_was_sent_before() {
        let mut belief = ServerBelief::new(1);
        belief.book(work(0, 5.0, 2.0));
        assert_eq!((belief.booked_wait(1.0, 4.0), belief.booked_wait(1.0, 5.0)), (0.0, 6.0));
        belief.book(work(1, 4.0, 3.0));
        // First the one from 4 to 7 s, then the other to 9 s.
        assert_eq!((belief.booked_wait(1.0, 3.0), belief.booked_wait(1.0, 4.5)), (0.0, 6.0));
        assert_eq!(belief.booked_wait(1.0, f64::INFINITY), 8.0);
    }

    #[test]
    fn a_booked_task_counts_until_a_report_counts_it() {
        let mut belief = ServerBelief::new(1);
        belief.book(work(0, 1.0, 2.0));
        assert_eq!(belief.booked_wait(0.5, f64::INFINITY), 2.5);
        assert_eq!(belief.own_sent(), 2.0);
        belief.send(report(0.9, 0.0));
        belief.deliver(0.9, |_| 1.0);
        assert_eq!((belief.booked_wait(0.9, f64::INFINITY), belief.own_sent()), (2.1, 2.0));
        belief.send(report(2.0, 1.0));
        belief.deliver(2.0, |_| 1.0);
        assert_eq!((belief.booked_wait(2.0, f64::INFINITY), belief.own_sent()), (1.0, 0.0));
        assert_eq!(belief.foreign_growth(), 0.0);
    }

    #[test]
    fn growth_that_own_work_does_not_explain_is_foreign() {
        let mut belief = ServerBelief::new(1);
        belief.book(work(0, 0.0, 3.0));
        belief.send(report(2.0, 2.0));
        belief.deliver(1.9, |_| 0.0);
        assert_eq!(belief.report().time, 0.0, "the report is still on the way");
        belief.deliver(2.0, |_| 0.0);
        // Own work explains 3 - 2 = 1 s of the 2 s reported: 1 s grew in 2 s.
        assert_eq!(belief.foreign_growth(), 0.5);
        assert_eq!(belief.forecast_wait(3.0, f64::INFINITY, 1.0), 1.5);
        assert_eq!(belief.reported_wait(3.0), 1.0);
    }
}
