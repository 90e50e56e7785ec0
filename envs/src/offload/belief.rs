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
}

impl Report {
    /// Work left per executor, s.
    pub fn backlog(&self) -> f64 {
        self.remaining.iter().sum::<f64>() / self.remaining.len() as f64
    }
}

/// A task sent to a server and not known to have arrived.
#[derive(Clone, Copy, Debug)]
struct Booked {
    task: usize,
    arrival: f64,
    service: f64,
}

/// What the control plane knows of one server: its last report that has arrived, and a book of the own work sent
/// since. Foreign jobs appear only in reports.
#[derive(Clone, Debug)]
pub struct ServerBelief {
    report: Report,
    on_the_way: VecDeque<Report>,
    change: f64,
    growth: f64,
    booked: Vec<Booked>,
    free_at: Vec<f64>,
    sent: f64,
}

impl ServerBelief {
    /// An idle server with a report of time 0.
    pub fn new(executors: usize) -> Self {
        Self {
            report: Report { time: 0.0, remaining: vec![0.0; executors], idle: executors },
            on_the_way: VecDeque::new(),
            change: 0.0,
            growth: 0.0,
            booked: Vec::new(),
            free_at: vec![0.0; executors],
            sent: 0.0,
        }
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

    /// Seconds from `now` until an executor is believed free, by report and book.
    pub fn booked_wait(&self, now: f64) -> f64 {
        self.earliest(now)
    }

    /// The same by the last report alone, its backlog worked off since.
    pub fn reported_wait(&self, now: f64) -> f64 {
        let first = self.report.remaining.iter().copied().fold(f64::INFINITY, f64::min);
        (first - (now - self.report.time)).max(0.0)
    }

    /// The same by report and book, plus `factor` times the foreign growth over the report's age.
    pub fn forecast_wait(&self, now: f64, factor: f64) -> f64 {
        let age = now - self.report.time;
        let free = self.free_at.iter().copied().fold(f64::INFINITY, f64::min);
        (free + factor * self.growth * age - now).max(0.0)
    }

    fn earliest(&self, now: f64) -> f64 {
        (self.free_at.iter().copied().fold(f64::INFINITY, f64::min) - now).max(0.0)
    }

    /// Books a task that is expected to arrive then and to take that long.
    pub(super) fn book(&mut self, task: usize, arrival: f64, service: f64) {
        self.booked.push(Booked { task, arrival, service });
        self.sent += service / self.free_at.len() as f64;
        occupy(&mut self.free_at, arrival, service);
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

    fn take(&mut self, report: Report, received: &impl Fn(usize) -> f64) {
        let time = report.time;
        let interval = time - self.report.time;
        if interval > 0.0 {
            let arrived = |booked: &&Booked| received(booked.task) <= time;
            free_from(&mut self.free_at, &self.report, self.booked.iter().filter(arrived));
            let explained =
                self.free_at.iter().map(|free| (free - time).max(0.0)).sum::<f64>() / self.free_at.len() as f64;
            self.growth = (report.backlog() - explained) / interval;
        }
        self.change = report.backlog() - self.report.backlog();
        self.report = report;
        self.booked.retain(|booked| received(booked.task) > time);
        for booked in &mut self.booked {
            booked.arrival = booked.arrival.max(time);
        }
        free_from(&mut self.free_at, &self.report, self.booked.iter());
        self.sent = self.booked.iter().map(|booked| booked.service).sum::<f64>() / self.free_at.len() as f64;
    }
}

/// When each executor is free after a report's work and the booked tasks, in the order in which they were sent.
fn free_from<'a>(free_at: &mut [f64], report: &Report, booked: impl Iterator<Item = &'a Booked>) {
    for (free, remaining) in free_at.iter_mut().zip(&report.remaining) {
        *free = report.time + remaining;
    }
    for booked in booked {
        occupy(free_at, booked.arrival, booked.service);
    }
}

fn occupy(free_at: &mut [f64], arrival: f64, service: f64) {
    if let Some(first) = free_at.iter_mut().min_by(|a, b| a.total_cmp(b)) {
        *first = first.max(arrival) + service;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(time: f64, backlog: f64) -> Report {
        Report { time, remaining: vec![backlog], idle: usize::from(backlog == 0.0) }
    }

    #[test]
    fn a_booked_task_counts_until_a_report_counts_it() {
        let mut belief = ServerBelief::new(1);
        belief.book(0, 1.0, 2.0);
        assert_eq!(belief.booked_wait(0.5), 2.5);
        assert_eq!(belief.own_sent(), 2.0);
        belief.send(report(0.9, 0.0));
        belief.deliver(0.9, |_| 1.0);
        assert_eq!((belief.booked_wait(0.9), belief.own_sent()), (2.1, 2.0));
        belief.send(report(2.0, 1.0));
        belief.deliver(2.0, |_| 1.0);
        assert_eq!((belief.booked_wait(2.0), belief.own_sent()), (1.0, 0.0));
        assert_eq!(belief.foreign_growth(), 0.0);
    }

    #[test]
    fn growth_that_own_work_does_not_explain_is_foreign() {
        let mut belief = ServerBelief::new(1);
        belief.book(0, 0.0, 3.0);
        belief.send(report(2.0, 2.0));
        belief.deliver(1.9, |_| 0.0);
        assert_eq!(belief.report().time, 0.0, "the report is still on the way");
        belief.deliver(2.0, |_| 0.0);
        // Own work explains 3 - 2 = 1 s of the 2 s reported: 1 s grew in 2 s.
        assert_eq!(belief.foreign_growth(), 0.5);
        assert_eq!(belief.forecast_wait(3.0, 1.0), 1.5);
        assert_eq!(belief.reported_wait(3.0), 1.0);
    }
}
