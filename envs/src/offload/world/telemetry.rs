//! Reports of servers: when they are made, and when they arrive.

use std::borrow::Cow;

use super::World;
use crate::offload::belief::ServerBelief;

/// One server as the control plane follows it.
#[derive(Clone, Debug)]
pub(in crate::offload) struct Watch {
    pub(in crate::offload) belief: ServerBelief,
    /// When the next report is made, s.
    next_report: f64,
    /// Up to when everything is carried out, s.
    at: f64,
}

impl Watch {
    pub(super) fn new(executors: usize) -> Self {
        Self { belief: ServerBelief::new(executors), next_report: 0.0, at: 0.0 }
    }

    /// An idle server whose first report is made at that time, s.
    pub(super) fn reset(&mut self, first_report: f64) {
        self.belief.reset();
        (self.next_report, self.at) = (first_report, 0.0);
    }
}

impl World {
    /// The same moment with every server moved on to it, also those that no waiting task can reach.
    pub(in crate::offload) fn caught_up(&self) -> Cow<'_, Self> {
        if self.watches.iter().all(|watch| watch.at == self.now) {
            return Cow::Borrowed(self);
        }
        let mut world = self.clone();
        (0..world.servers.len()).for_each(|m| world.touch(m));
        Cow::Owned(world)
    }

    /// Moves server `m` on to now: makes the reports that were due, and delivers what has had time to arrive. Must be
    /// done before anything else is done with a server.
    /// `docs/model.md`, equation 37.
    pub(super) fn touch(&mut self, m: usize) {
        let (watch, server, now) = (&mut self.watches[m], &mut self.servers[m], self.now);
        if watch.at == now {
            return;
        }
        watch.at = now;
        let telemetry = self.setting.scenario.telemetry;
        if telemetry.period_s.0 == 0.0 {
            watch.next_report = now;
        }
        while watch.next_report <= now {
            let time = watch.next_report;
            server.advance(time);
            let mut report = watch.belief.blank_report(time);
            report.idle = server.remaining(time, &mut report.remaining);
            server.resident(&mut report.resident);
            watch.belief.send(report);
            watch.next_report = if telemetry.period_s.0 == 0.0 { f64::INFINITY } else { time + telemetry.period_s.0 };
        }
        server.advance(now);
        let tasks = &self.tasks;
        watch.belief.deliver(now - telemetry.delay_s.0, |task| tasks[task].server_arrival);
    }
}
