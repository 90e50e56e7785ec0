//! [`World`]: the state of one episode, and the only place where it changes.
//!
//! # Dynamics
//! Time is continuous; decisions fall at the ends of slots in which tasks arrived, one task after another in order of
//! arrival. A decided task passes, event by event:
//!
//! 1. the device's processor, one task at a time, first come first served, for the cut's device time a(D) times its
//!    noise ([`Device`]). A cut without layers on the device needs no processor and skips this queue;
//! 2. the uplink, one tensor at a time, in the order in which tensors become ready: B(D) bytes at a rate that changes
//!    block by block ([`Link`]), plus propagation;
//! 3. the backhaul, when another server than the nearest executes: a delay, and B(D) over its rate, without queueing;
//! 4. an executor of the server, first come first served among own and foreign jobs, for s(D) times its noise
//!    ([`Server`]);
//! 5. the return of the result: its bytes over the downlink rate, plus propagation and backhaul delay.
//!
//! Latency counts from the arrival, so the wait for the decision is in it. The energy attributed to a task is compute
//! power x time on the processor + transmit power x time on the uplink + idle power x the rest until completion. Tasks
//! that wait on one device at the same time each have its idle power, so these do not add up to the energy of devices,
//! which [`EpisodeMetrics`](super::EpisodeMetrics) works out with idle time counted once.
//!
//! # Design
//! Everything random about an episode is drawn from streams of its own (tasks, each link, each server's foreign
//! jobs), so decisions change no draw and schemes meet the same episode. Each resource is a schedule of what is
//! known; a decision changes the schedules that it touches and nothing else, so its exact outcome, and what it inflicts
//! on tasks decided before, is known at once and can be its reward. Tasks in flight at the end have their completion.

use std::sync::Arc;

use rand::RngExt;

use super::belief::{Report, ServerBelief};
use super::record::{Interval, TaskRecord};
use super::setting::Setting;
use crate::partition::{Choice, Frontier, QueueState};
use crate::rng::stream;
use crate::system::arrival::{Arrival, Arrivals};
use crate::system::device::{Device, DeviceWaits, Upload};
use crate::system::link::Link;
use crate::system::server::{Job, Scheduled, Server, ServerParameters};
use crate::units::{BytesPerSecond, Metres, Seconds};

/// Time constant of [`World::load`], s.
const LOAD_WINDOW_S: f64 = 2.0;

/// What came of a decision, given all decisions so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcome {
    /// The task.
    pub task: usize,
    /// Its target.
    pub target: usize,
    /// Its latency, s.
    pub latency_s: f64,
    /// How much later tasks decided before complete because of it, summed, s.
    pub inflicted_s: f64,
    /// Energy its device spends on it, J.
    pub energy_j: f64,
    /// Whether it is within its deadline.
    pub success: bool,
}

/// One episode of a setting under way.
#[derive(Clone, Debug)]
pub struct World {
    pub(super) setting: Arc<Setting>,
    pub(super) now: f64,
    arrivals: Arrivals,
    upcoming: Arrival,
    pub(super) devices: Vec<Device>,
    pub(super) rates: Vec<f64>,
    pub(super) nearest: Vec<usize>,
    pub(super) servers: Vec<Server>,
    next_report: Vec<f64>,
    pub(super) beliefs: Vec<ServerBelief>,
    pub(super) tasks: Vec<TaskRecord>,
    pub(super) decided: usize,
    load: f64,
    total_rate: f64,
    changed_uploads: Vec<Upload>,
    changed_jobs: Vec<Scheduled>,
}

impl World {
    /// A new episode; everything random in it comes from `seed`. It stands at the first decision.
    pub fn new(setting: Arc<Setting>, seed: u64) -> Self {
        let scenario = &setting.scenario;
        let rates: Vec<f64> = setting.devices.iter().map(|device| device.rate_hz).collect();
        let weights: Vec<f64> = setting.models.iter().map(|model| model.weight).collect();
        let mut arrivals = Arrivals::new(&scenario.arrivals, &rates, &weights, scenario.noise_cv, seed);
        let upcoming = arrivals.draw();
        let places = Places::new(&setting, seed);
        let link = |user: usize| {
            let rng = stream(seed, &format!("link-{user}"));
            Device::new(Link::new(&scenario.link, places.distance[user], scenario.network.measurement_s.0, rng))
        };
        let server = |(m, spec): (usize, &super::setting::ServerSpec)| {
            let parameters = ServerParameters { executors: spec.executors, ..ServerParameters::default() };
            Server::new(&parameters, Some(&scenario.foreign), seed, &format!("server-{m}"))
        };
        let mut phases = stream(seed, "report-phases");
        let period = scenario.telemetry.period_s.0;
        let mut world = Self {
            now: 0.0,
            arrivals,
            upcoming,
            devices: (0..rates.len()).map(link).collect(),
            rates: vec![0.0; rates.len()],
            nearest: places.nearest,
            servers: setting.servers.iter().enumerate().map(server).collect(),
            next_report: setting.servers.iter().map(|_| phases.random::<f64>() * period).collect(),
            beliefs: setting.servers.iter().map(|spec| ServerBelief::new(spec.executors)).collect(),
            tasks: Vec::new(),
            decided: 0,
            load: 1.0,
            total_rate: rates.iter().sum(),
            changed_uploads: Vec::new(),
            changed_jobs: Vec::new(),
            setting,
        };
        world.advance();
        world
    }

    /// The setting.
    pub fn setting(&self) -> &Setting {
        &self.setting
    }

    /// Every task that has arrived in a slot that is over, in order of arrival; those from index
    /// [`decided`](Self::decided) on wait for a decision.
    pub fn tasks(&self) -> &[TaskRecord] {
        &self.tasks
    }

    /// Number of tasks with a decision.
    pub fn decided(&self) -> usize {
        self.decided
    }

    /// Number of tasks that wait for a decision now; at least 1.
    pub fn waiting(&self) -> usize {
        self.tasks.len() - self.decided
    }

    /// Time now, s.
    pub fn now(&self) -> f64 {
        self.now
    }

    /// Arrival rate over the last seconds, over its long-run mean: an exponential average that starts at 1.
    pub fn load(&self) -> f64 {
        self.load
    }

    /// Whether every task of the horizon is decided.
    pub fn is_over(&self) -> bool {
        self.now > self.setting.scenario.horizon_s.0 + 1e-9
    }

    /// Moves on to the end of the next slot in which a task arrives.
    fn advance(&mut self) {
        let slot = self.setting.scenario.slot_s.0;
        let k = (self.upcoming.time / slot) as u64 + 1;
        let before = std::mem::replace(&mut self.now, k as f64 * slot);
        let first = self.tasks.len();
        while self.upcoming.time < self.now {
            let Arrival { time, user, model, device_noise, server_noise } = self.upcoming;
            self.tasks.push(TaskRecord {
                user,
                model,
                arrival: time,
                device_noise,
                server_noise,
                decision: f64::NAN,
                target: 0,
                candidate: 0,
                device: Interval::NONE,
                upload: Interval::NONE,
                server_arrival: f64::INFINITY,
                server: Interval::NONE,
                completion: f64::INFINITY,
                deadline: self.setting.models[model].deadline.0,
                energy: f64::NAN,
            });
            self.upcoming = self.arrivals.draw();
        }
        self.load *= (-(self.now - before) / LOAD_WINDOW_S).exp();
        self.load += (self.tasks.len() - first) as f64 / (self.total_rate * LOAD_WINDOW_S);
        for m in 0..self.servers.len() {
            self.advance_server(m);
        }
        for index in self.decided..self.tasks.len() {
            let user = self.tasks[index].user;
            self.rates[user] = self.devices[user].advance(self.now);
        }
    }

    /// Makes the reports that are due, moves the server on, and delivers what has had time to arrive.
    fn advance_server(&mut self, m: usize) {
        let telemetry = self.setting.scenario.telemetry;
        if telemetry.period_s.0 == 0.0 {
            self.next_report[m] = self.now;
        }
        while self.next_report[m] <= self.now {
            let time = self.next_report[m];
            self.servers[m].advance(time);
            let mut remaining = Vec::with_capacity(self.setting.servers[m].executors);
            let idle = self.servers[m].remaining(time, &mut remaining);
            self.beliefs[m].send(Report { time, remaining, idle });
            self.next_report[m] = if telemetry.period_s.0 == 0.0 { f64::INFINITY } else { time + telemetry.period_s.0 };
        }
        self.servers[m].advance(self.now);
        let tasks = &self.tasks;
        self.beliefs[m].deliver(self.now - telemetry.delay_s.0, |task| tasks[task].server_arrival);
    }

    /// From the end of an upload until the tensor is at server `m`, s.
    fn path_delay(&self, user: usize, m: usize, bytes: f64) -> f64 {
        let network = &self.setting.scenario.network;
        let backhaul = if self.nearest[user] == m { 0.0 } else { network.backhaul_s.0 + bytes / network.backhaul().0 };
        network.propagation_s.0 + backhaul
    }

    /// What the device of the task at `index` knows of its own queues.
    pub(super) fn device_waits(&self, index: usize) -> DeviceWaits {
        let user = self.tasks[index].user;
        self.devices[user].waits(self.now, self.rates[user])
    }

    /// The queues that a task meets on its way to server `m`, as CDLP wants them. The rate to a remote server is that
    /// of uplink and backhaul one after the other, so the end of an upload is then that of both.
    pub(super) fn queue_state(&self, index: usize, m: usize, waits: &DeviceWaits, server_wait: Seconds) -> QueueState {
        let task = &self.tasks[index];
        let network = &self.setting.scenario.network;
        let radio = BytesPerSecond(self.rates[task.user]);
        let remote = self.nearest[task.user] != m;
        let rate = if remote { BytesPerSecond(1.0 / (1.0 / radio.0 + 1.0 / network.backhaul().0)) } else { radio };
        let backhaul = if remote { network.backhaul_s } else { Seconds::ZERO };
        QueueState {
            device_wait: Seconds(waits.processor),
            uplink_wait: Seconds(waits.radio),
            rate,
            propagation: network.propagation_s + backhaul,
            server_wait,
            return_time: self.setting.models[task.model].return_time + backhaul,
        }
    }

    /// Decides the first waiting task: `target` 0 runs it on the device, m on server m with the cut of `choice`, which
    /// also tells what is expected.
    pub(super) fn decide(&mut self, target: usize, choice: &Choice) -> Outcome {
        let candidate = choice.candidate;
        let index = self.decided;
        self.decided += 1;
        let frontier = self.setting.frontier(self.tasks[index].model, self.tasks[index].user);
        let device_time = frontier.device_time(candidate).0;
        let bytes = frontier.upload(candidate).0;
        let task = &mut self.tasks[index];
        (task.decision, task.target, task.candidate) = (self.now, target, candidate);
        let (mut ready, mut expected_ready) = (self.now, self.now);
        if device_time > 0.0 {
            let waits = self.devices[task.user].waits(self.now, self.rates[task.user]);
            expected_ready += waits.processor + device_time;
            let (start, end) = self.devices[task.user].compute(self.now, device_time * task.device_noise, device_time);
            task.device = Interval { start, end };
            ready = end;
        }
        let inflicted_s = if target == 0 {
            task.completion = ready;
            0.0
        } else {
            let service = frontier.edge_time(candidate, self.setting.servers[target - 1].class).0;
            // What is expected of a remote server has the bytes' time on the backhaul in its rate already.
            let path = self.path_delay(self.tasks[index].user, target - 1, 0.0);
            self.beliefs[target - 1].book(index, self.now + choice.upload_end.0 + path, service);
            self.send(Upload { task: index, ready, expected_ready, bytes, start: f64::NAN, end: f64::NAN })
        };
        self.settle(index);
        let task = &self.tasks[index];
        let outcome = Outcome {
            task: index,
            target,
            latency_s: task.latency(),
            inflicted_s,
            energy_j: task.energy,
            success: task.success(),
        };
        if self.decided == self.tasks.len() {
            self.advance();
        }
        outcome
    }

    /// The cuts of the next task.
    pub(crate) fn next_frontier(&self) -> &Frontier {
        let task = &self.tasks[self.decided];
        self.setting.frontier(task.model, task.user)
    }

    /// Seconds until an executor of server `m` is free by a report made now and the book of what is on its way there.
    pub(super) fn oracle_wait(&self, m: usize) -> f64 {
        let mut remaining = Vec::new();
        let idle = self.servers[m].remaining(self.now, &mut remaining);
        let mut belief = self.beliefs[m].clone();
        belief.send(Report { time: self.now, remaining, idle });
        belief.deliver(self.now, |task| self.tasks[task].server_arrival);
        belief.booked_wait(self.now)
    }

    /// When the next task would in truth complete on `target` with this cut, given all decisions so far, s. Sees
    /// fading, noise and foreign load to come, which no scheme can know.
    pub(crate) fn oracle_completion(&self, target: usize, candidate: usize) -> f64 {
        let task = &self.tasks[self.decided];
        let frontier = self.next_frontier();
        let device = &self.devices[task.user];
        let device_time = frontier.device_time(candidate).0 * task.device_noise;
        let ready = if device_time > 0.0 { device.free_at().max(self.now) + device_time } else { self.now };
        if target == 0 {
            return ready;
        }
        let m = target - 1;
        let bytes = frontier.upload(candidate).0;
        let mut link = device.clone();
        let sent = link.oracle_upload_end(self.now, ready, bytes);
        let arrival = sent + self.path_delay(task.user, m, bytes);
        let service = frontier.edge_time(candidate, self.setting.servers[m].class).0 * task.server_noise;
        let job = Job { task: None, model: None, arrival, service, expected: service };
        let network = &self.setting.scenario.network;
        let backhaul = if self.nearest[task.user] == m { 0.0 } else { network.backhaul_s.0 };
        self.servers[m].clone().oracle_end(job) + self.setting.models[task.model].return_time.0 + backhaul
    }

    /// Puts a tensor on its device's radio and carries every change on to the servers; returns the delay inflicted
    /// on other tasks, s.
    fn send(&mut self, upload: Upload) -> f64 {
        let user = self.tasks[upload.task].user;
        let mut inflicted = 0.0;
        let mut changed = std::mem::take(&mut self.changed_uploads);
        changed.clear();
        self.devices[user].upload(self.now, upload, &mut changed);
        for moved in &changed {
            inflicted += self.resend(moved, upload.task);
        }
        self.changed_uploads = changed;
        inflicted
    }

    /// The upload of a task is new or has moved: so does its job.
    fn resend(&mut self, upload: &Upload, cause: usize) -> f64 {
        let task = &mut self.tasks[upload.task];
        task.upload = Interval { start: upload.start, end: upload.end };
        let (user, m, model) = (task.user, task.target - 1, task.model);
        let class = self.setting.servers[m].class;
        let expected = self.setting.frontier(model, user).edge_time(task.candidate, class).0;
        let service = expected * task.server_noise;
        let arrival = upload.end + self.path_delay(user, m, upload.bytes);
        self.tasks[upload.task].server_arrival = arrival;
        let mut changed = std::mem::take(&mut self.changed_jobs);
        changed.clear();
        self.servers[m].remove(upload.task, &mut changed);
        let job = Job { task: Some(upload.task), model: None, arrival, service, expected };
        self.servers[m].insert(job, &mut changed);
        let inflicted = changed.iter().map(|scheduled| self.reschedule(scheduled, cause)).sum();
        self.changed_jobs = changed;
        inflicted
    }

    /// Notes a task's new place on its server; returns how much later it completes, unless it is the cause itself.
    fn reschedule(&mut self, scheduled: &Scheduled, cause: usize) -> f64 {
        let task = &mut self.tasks[scheduled.task];
        let before = task.completion;
        task.server = Interval { start: scheduled.start, end: scheduled.end };
        let model = &self.setting.models[task.model];
        let network = &self.setting.scenario.network;
        let remote = self.nearest[task.user] != task.target - 1;
        let backhaul = if remote { network.backhaul_s } else { Seconds::ZERO };
        task.completion = scheduled.end + (model.return_time + backhaul).0;
        let later = task.completion - before;
        if scheduled.task == cause {
            return 0.0;
        }
        self.settle(scheduled.task);
        later
    }

    /// Works out the energy attributed to a task from its times: computing, sending, and waiting for the rest.
    fn settle(&mut self, index: usize) {
        let task = &mut self.tasks[index];
        let device = &self.setting.devices[task.user];
        let processor = &self.setting.device_processors[device.class];
        let (computing, sending) = (task.device.length(), task.upload.length());
        let idle = (task.completion - task.decision - computing - sending).max(0.0);
        task.energy =
            processor.compute_power.0 * computing + device.transmit_power.0 * sending + processor.idle_power.0 * idle;
    }
}

/// Where devices and servers stand in an episode.
struct Places {
    /// Server whose radio receives each device.
    nearest: Vec<usize>,
    /// Distance of each device to it.
    distance: Vec<Metres>,
}

impl Places {
    /// Servers on the middles of a regular grid, devices anywhere with equal probability.
    fn new(setting: &Setting, seed: u64) -> Self {
        let side = setting.scenario.area_m.0;
        let columns = (setting.servers.len() as f64).sqrt().ceil() as usize;
        let rows = setting.servers.len().div_ceil(columns);
        let server = |m: usize| {
            let (row, column) = (m / columns, m % columns);
            ((column as f64 + 0.5) / columns as f64 * side, (row as f64 + 0.5) / rows as f64 * side)
        };
        let mut rng = stream(seed, "places");
        let mut place = |_| {
            let (x, y) = (rng.random::<f64>() * side, rng.random::<f64>() * side);
            let distances = (0..setting.servers.len()).map(|m| (server(m).0 - x).hypot(server(m).1 - y));
            let nearest = distances.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
            nearest.expect("a validated scenario has a server")
        };
        let (nearest, distance) = (0..setting.devices.len()).map(&mut place).map(|(m, d)| (m, Metres(d))).unzip();
        Self { nearest, distance }
    }
}
