//! A decision is carried out: what it books, sends and moves.

use super::{Outcome, World};
use crate::offload::belief::Work;
use crate::offload::record::{Interval, TaskRecord};
use crate::partition::Choice;
use crate::system::radio::Upload;
use crate::system::server::{Job, Scheduled};
use crate::units::{BytesPerSecond, Seconds};

/// What a device knows of its own queues, all from now, s.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DeviceWaits {
    /// Until the processor is expected to be free.
    pub processor: f64,
    /// Until the radio is expected to be free of tensors that are ready now.
    pub radio_now: f64,
    /// Until the radio is expected to be free of all tensors decided so far.
    pub radio: f64,
}

/// The way of a task to a server and of its result back, as believed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::offload) struct Way {
    /// Rate of the tensor.
    pub(in crate::offload) rate: BytesPerSecond,
    /// Time besides its bytes.
    pub(in crate::offload) propagation: Seconds,
    /// From the end of the service until the result is back.
    pub(in crate::offload) return_time: Seconds,
}

impl World {
    /// From the end of an upload at `station` until the tensor is at server `m`, s.
    /// `docs/model.md`, equation 25.
    pub(super) fn path_delay(&self, station: usize, m: usize, bytes: f64) -> f64 {
        let network = &self.setting.scenario.network;
        let backhaul = if station == m { 0.0 } else { network.backhaul_s.0 + bytes / network.backhaul().0 };
        network.propagation_s.0 + backhaul
    }

    /// From the end of the service on server `m` until the result is back over `station`, s.
    /// `docs/model.md`, equation 31.
    pub(super) fn return_delay(&self, task: &TaskRecord, station: usize, m: usize) -> f64 {
        let backhaul = if station == m { Seconds::ZERO } else { self.setting.scenario.network.backhaul_s };
        (self.setting.models[task.model].return_time + backhaul).0
    }

    /// Time for server `m` to load a network first, as far as the control plane believes it has to, s.
    /// `docs/model.md`, equation 44.
    pub(in crate::offload) fn believed_loading(&self, m: usize, model: usize) -> Seconds {
        let loading = self.setting.loading_time(m, model);
        if loading.0 == 0.0 || self.watches[m].belief.is_resident(model) { Seconds::ZERO } else { loading }
    }

    /// What the device of the task at `index` knows of its own queues.
    pub(in crate::offload) fn device_waits(&self, index: usize) -> DeviceWaits {
        let user = self.tasks[index].user;
        let radio = self.radio.waits(user, self.now, self.rates[user]);
        DeviceWaits { processor: self.devices[user].wait(self.now), radio_now: radio.now, radio: radio.all }
    }

    /// What the way of a task to a server adds to its queues: to the one whose radio receives its device, and to any
    /// other. The rate to another is that of uplink and backhaul one after the other, so the end of an upload is then that
    /// of both.
    /// `docs/model.md`, equation 47.
    pub(in crate::offload) fn ways(&self, index: usize) -> [Way; 2] {
        let task = &self.tasks[index];
        let network = &self.setting.scenario.network;
        let rate = self.rates[task.user];
        let near = Way {
            rate: BytesPerSecond(rate),
            propagation: network.propagation_s,
            return_time: self.setting.models[task.model].return_time,
        };
        let far = Way {
            rate: BytesPerSecond(1.0 / (1.0 / rate + 1.0 / network.backhaul().0)),
            propagation: near.propagation + network.backhaul_s,
            return_time: near.return_time + network.backhaul_s,
        };
        [near, far]
    }

    /// Decides the first waiting task: `target` 0 runs it on the device, another sends the cut of `choice` to the server
    /// behind it; `choice` also tells what is expected.
    pub(in crate::offload) fn decide(&mut self, target: usize, choice: &Choice) -> Outcome {
        let index = self.decided;
        self.decided += 1;
        let user = self.tasks[index].user;
        let server = (target > 0).then(|| self.server_behind(user, target));
        let imbalance_s = server.map_or(0.0, |m| self.imbalance(user, m));
        let (ready, expected_ready) = self.compute(index, choice.candidate);
        let inflicted_s = match server {
            None => {
                self.tasks[index].completion = ready;
                0.0
            }
            Some(m) => {
                let bytes = self.book(index, m, choice);
                self.send(Upload::new(index, bytes, ready, expected_ready))
            }
        };
        self.settle(index);
        self.batteries.follow(user, index);
        let task = &self.tasks[index];
        let mut outcome = Outcome {
            task: index,
            target: task.target,
            latency_s: task.latency(),
            inflicted_s,
            imbalance_s,
            energy_j: task.energy,
            success: task.success(),
            empty_batteries: 0,
        };
        if self.decided == self.tasks.len() {
            self.advance();
            outcome.empty_batteries = self.batteries.empty();
        }
        outcome
    }

    /// Books a cut of the task at `index` on server `m`; returns what is to be sent there, B.
    fn book(&mut self, index: usize, m: usize, choice: &Choice) -> f64 {
        let task = &mut self.tasks[index];
        task.target = m + 1;
        let (user, model) = (task.user, task.model);
        let frontier = self.setting.frontier(model, user);
        let service = frontier.edge_time(choice.candidate, self.setting.servers[m].class).0;
        task.service = service * task.server_noise;
        let bytes = frontier.upload(choice.candidate).0;
        // What is expected of a remote server has the bytes' time on the backhaul in its rate already.
        let arrival = self.now + choice.upload_end.0 + self.path_delay(self.radio.station(user), m, 0.0);
        let service = service + self.believed_loading(m, model).0;
        self.watches[m].belief.book(Work { task: index, model, arrival, service });
        bytes
    }

    /// By how much the work left per executor of server `m` exceeds the mean of the servers in reach of a device, s.
    /// `docs/model.md`, equation 51.
    fn imbalance(&mut self, user: usize, m: usize) -> f64 {
        if self.setting.scenario.reward.imbalance == 0.0 {
            return 0.0;
        }
        let mut left = std::mem::take(&mut self.work_left);
        let mut work = |m: usize| {
            self.servers[m].remaining(self.now, &mut left);
            left.iter().sum::<f64>() / left.len() as f64
        };
        let own = work(m);
        let servers = 1..self.setting.targets();
        let total: f64 = servers.clone().map(|target| work(self.server_behind(user, target))).sum();
        self.work_left = left;
        own - total / servers.len() as f64
    }

    /// Puts the device's part of a cut on its processor, if there is one; returns when it is done and when that is
    /// expected, s.
    fn compute(&mut self, index: usize, candidate: usize) -> (f64, f64) {
        let task = &mut self.tasks[index];
        (task.decision, task.candidate) = (self.now, candidate);
        let time = self.setting.frontier(task.model, task.user).device_time(candidate).0;
        if time <= 0.0 {
            return (self.now, self.now);
        }
        let device = &mut self.devices[task.user];
        let expected = self.now + (device.wait(self.now) + time);
        let (start, end) = device.compute(self.now, time * task.device_noise, time);
        task.device = Interval { start, end };
        (end, expected)
    }

    /// Puts a tensor on its device's radio and carries every change on to the servers; returns the delay inflicted
    /// on other tasks, s.
    fn send(&mut self, upload: Upload) -> f64 {
        let user = self.tasks[upload.task].user;
        let mut inflicted = 0.0;
        let mut changed = std::mem::take(&mut self.changed_uploads);
        changed.clear();
        self.radio.send(user, self.now, upload, &mut changed);
        for moved in &changed {
            inflicted += self.resend(moved, upload.task);
        }
        self.changed_uploads = changed;
        inflicted
    }

    /// The upload of a task is new or has moved: so does its job.
    fn resend(&mut self, upload: &Upload, cause: usize) -> f64 {
        let task = &self.tasks[upload.task];
        let m = task.target - 1;
        let expected = {
            let frontier = self.setting.frontier(task.model, task.user);
            frontier.edge_time(task.candidate, self.setting.servers[m].class).0
        };
        let arrival = upload.end + self.path_delay(upload.station, m, upload.bytes);
        self.touch(m);
        let task = &mut self.tasks[upload.task];
        let was_sent = task.server_arrival.is_finite();
        task.upload = Interval { start: upload.start, end: upload.end };
        (task.station, task.server_arrival) = (upload.station, arrival);
        let (service, model) = (task.service, task.model);
        let mut changed = std::mem::take(&mut self.changed_jobs);
        changed.clear();
        if was_sent {
            self.servers[m].move_to(upload.task, arrival, &mut changed);
        } else {
            let job = Job { task: Some(upload.task), model: Some(model), arrival, service, expected };
            self.servers[m].insert(job, &mut changed);
        }
        let mut inflicted: f64 = changed.iter().map(|scheduled| self.reschedule(scheduled, cause)).sum();
        if was_sent {
            // A job that keeps its turn is not reported, but its sending and its way back may have changed.
            let Interval { start, end } = self.tasks[upload.task].server;
            inflicted += self.reschedule(&Scheduled { task: upload.task, start, loading: 0.0, end }, cause);
        }
        self.changed_jobs = changed;
        inflicted
    }

    /// Notes a task's new place on its server; returns how much later it completes, unless it is the cause itself.
    /// `docs/model.md`, equation 52.
    fn reschedule(&mut self, scheduled: &Scheduled, cause: usize) -> f64 {
        let task = &self.tasks[scheduled.task];
        let completion = scheduled.end + self.return_delay(task, task.station, task.target - 1);
        let task = &mut self.tasks[scheduled.task];
        task.server = Interval { start: scheduled.start, end: scheduled.end };
        let later = completion - task.completion;
        task.completion = completion;
        if scheduled.task == cause {
            return 0.0;
        }
        self.settle(scheduled.task);
        later
    }

    /// Works out the energy attributed to a task from its times: computing, idle power for the rest, and sending on top.
    /// `docs/model.md`, equation 34.
    fn settle(&mut self, index: usize) {
        let task = &mut self.tasks[index];
        let device = &self.setting.devices[task.user];
        let processor = &self.setting.device_processors[device.class];
        let (computing, sending) = (task.device.length(), task.upload.length());
        let idle = (task.completion - task.decision - computing).max(0.0);
        task.energy =
            processor.compute_power.0 * computing + device.transmit_power.0 * sending + processor.idle_power.0 * idle;
    }
}
