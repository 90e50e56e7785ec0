//! What nobody can know: the true queues of this moment, and what is to come. For bounds alone.

use super::World;
use crate::offload::belief::ServerBelief;
use crate::offload::record::TaskRecord;
use crate::partition::Frontier;
use crate::system::link::Sent;
use crate::system::place::MobilityModel;
use crate::system::server::Job;

/// The last work on a task that is alone, times in s.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alone {
    /// The server that does it; `None` for the device.
    pub(crate) server: Option<usize>,
    /// When it begins, where it is done in one go; where servers share, so that it ends at `start + work`.
    pub(crate) start: f64,
    /// How long it takes.
    pub(crate) work: f64,
    /// From its end to the completion.
    pub(crate) rest: f64,
}

impl World {
    /// The cuts of the next task.
    pub(crate) fn next_frontier(&self) -> &Frontier {
        let task = &self.tasks[self.decided];
        self.setting.frontier(task.model, task.user)
    }

    /// What would be believed of server `m` with a report made now: its true queue, and the book of what is on its way
    /// there.
    pub(in crate::offload) fn oracle_belief(&self, m: usize) -> ServerBelief {
        let mut belief = self.watches[m].belief.clone();
        let mut report = belief.blank_report(self.now);
        report.idle = self.servers[m].remaining(self.now, &mut report.remaining);
        self.servers[m].resident(&mut report.resident);
        belief.send(report);
        belief.deliver(self.now, |task| self.tasks[task].server_arrival);
        belief
    }

    /// When the next task would in truth complete on `target` with this cut, given all decisions so far, s. Sees
    /// fading, noise, movement and foreign load to come, which no scheme can know.
    pub(crate) fn oracle_completion(&self, target: usize, candidate: usize) -> f64 {
        let task = &self.tasks[self.decided];
        let frontier = self.next_frontier();
        let device = &self.devices[task.user];
        let device_time = frontier.device_time(candidate).0 * task.device_noise;
        let ready = if device_time > 0.0 { device.free_at().max(self.now) + device_time } else { self.now };
        if target == 0 {
            return ready;
        }
        let m = self.server_behind(task.user, target);
        let bytes = frontier.upload(candidate).0;
        let sent = self.radio.oracle_send(task.user, self.now, ready, bytes);
        let arrival = sent.end + self.path_delay(sent.station, m, bytes);
        let service = frontier.edge_time(candidate, self.setting.servers[m].class).0 * task.server_noise;
        let job = Job { task: None, model: Some(task.model), arrival, service, expected: service };
        self.servers[m].clone().oracle_end(job) + self.return_delay(task, sent.station, m)
    }

    /// How the next task would complete on `target` with this cut if it were the only task of the episode, its network in
    /// every memory; to be asked of a world in which every task before was [left out](Self::leave_out).
    ///
    /// The upload of a device that moves is received by the executing server itself: where it waits for its turn, a later
    /// one may be.
    pub(crate) fn alone(&mut self, target: usize, candidate: usize) -> Alone {
        let TaskRecord { user, model, device_noise, server_noise, .. } = self.tasks[self.decided];
        let frontier = self.setting.frontier(model, user);
        let computing = frontier.device_time(candidate).0 * device_noise;
        if target == 0 {
            return Alone { server: None, start: self.now, work: computing, rest: 0.0 };
        }
        let (m, bytes) = (self.server_behind(user, target), frontier.upload(candidate).0);
        let service = frontier.edge_time(candidate, self.setting.servers[m].class).0 * server_noise;
        let Sent { end, station } = self.radio.alone(user, self.now + computing, bytes);
        let moves = !matches!(self.setting.mobility[self.setting.devices[user].group], MobilityModel::Static);
        let station = if moves { m } else { station };
        let arrival = end + self.path_delay(station, m, bytes);
        let job = Job { task: None, model: None, arrival, service, expected: service };
        let start = self.servers[m].oracle_end(job) - service;
        let rest = self.return_delay(&self.tasks[self.decided], station, m);
        Alone { server: Some(m), start, work: service, rest }
    }

    /// Passes over the next task, as if it had never arrived.
    pub(crate) fn leave_out(&mut self) {
        self.decided += 1;
        if self.decided == self.tasks.len() {
            self.advance();
        }
    }
}
