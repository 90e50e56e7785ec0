//! A whole episode again, from decisions alone: a plain loop from event to event that keeps no schedules.

use std::collections::VecDeque;

use mec_envs::offload::{Setting, TaskRecord};
use mec_envs::system::radio::Band;

use super::links::Stretch;
use super::plant::{Job, Plant};

/// Bytes that count as none.
const NOTHING: f64 = 1e-5;
/// Times that are one moment up to rounding, s.
const MOMENT: f64 = 1e-9;

/// What happens to a task when, s; NaN where it does not.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    pub device: (f64, f64),
    pub upload: (f64, f64),
    pub station: usize,
    pub server_arrival: f64,
    pub server: (f64, f64),
    pub completion: f64,
}

const UNBORN: Life = Life {
    device: (f64::NAN, f64::NAN),
    upload: (f64::NAN, f64::NAN),
    station: 0,
    server_arrival: f64::NAN,
    server: (f64::NAN, f64::NAN),
    completion: f64::NAN,
};

/// Tasks that wait for something, and what is left of the first one: seconds or bytes.
#[derive(Clone, Default)]
struct Line {
    tasks: VecDeque<usize>,
    left: f64,
}

/// The loop.
pub struct Rebuild<'a> {
    setting: &'a Setting,
    tasks: &'a [TaskRecord],
    links: &'a [Vec<Stretch>],
    /// Arrival and service of other tenants' jobs to come at each server.
    foreign: Vec<VecDeque<(f64, f64)>>,
    time: f64,
    lives: Vec<Life>,
    decided: usize,
    processors: Vec<Line>,
    radios: Vec<Line>,
    /// Arrivals at servers to come.
    travelling: Vec<(f64, usize)>,
    /// Returns of results to come.
    returning: Vec<(f64, usize)>,
    plants: Vec<Plant>,
    /// Integral of the number of decided tasks that are not complete, s.
    pub area: f64,
}

impl<'a> Rebuild<'a> {
    /// The lives of these tasks over these links, and the integral of their number.
    pub fn run(
        setting: &'a Setting,
        tasks: &'a [TaskRecord],
        links: &'a [Vec<Stretch>],
        foreign: Vec<VecDeque<(f64, f64)>>,
    ) -> (Vec<Life>, f64) {
        let mut rebuild = Self {
            setting,
            tasks,
            links,
            foreign,
            time: 0.0,
            lives: vec![UNBORN; tasks.len()],
            decided: 0,
            processors: vec![Line::default(); setting.devices.len()],
            radios: vec![Line::default(); setting.devices.len()],
            travelling: Vec::new(),
            returning: Vec::new(),
            plants: (0..setting.servers.len()).map(|m| Plant::new(setting.server_parameters(m))).collect(),
            area: 0.0,
        };
        loop {
            let next = rebuild.next_event();
            if rebuild.lives.iter().all(|life| life.completion.is_finite()) {
                return (rebuild.lives, rebuild.area);
            }
            rebuild.pass(next);
            rebuild.end_computations();
            rebuild.end_uploads();
            rebuild.end_services();
            rebuild.decide();
            rebuild.receive();
        }
    }

    fn next_event(&self) -> f64 {
        let decision = self.tasks.get(self.decided).map_or(f64::INFINITY, |task| task.decision);
        let busy = self.processors.iter().filter(|line| !line.tasks.is_empty());
        let computed = busy.map(|line| self.time + line.left);
        let sending = (0..self.radios.len()).filter(|&user| !self.radios[user].tasks.is_empty());
        let sent = sending.map(|user| {
            let change = self.stretch(user).until;
            change.min(self.time + self.radios[user].left / self.share(user))
        });
        let served = self.plants.iter().map(|plant| self.time + plant.until_next_end());
        let foreign = self.foreign.iter().filter_map(VecDeque::front).map(|(time, _)| *time);
        let moving = self.travelling.iter().chain(&self.returning).map(|(time, _)| *time).chain(foreign);
        computed.chain(sent).chain(served).chain(moving).fold(decision, f64::min)
    }

    /// What holds of a link right after now.
    fn stretch(&self, user: usize) -> Stretch {
        let index = self.links[user].partition_point(|stretch| stretch.until <= self.time);
        *self.links[user].get(index).expect("links are known for long enough")
    }

    /// Bytes per second that a device which sends has.
    fn share(&self, user: usize) -> f64 {
        let own = self.stretch(user);
        if self.setting.scenario.network.band == Band::Separate || own.rate == 0.0 {
            return own.rate;
        }
        let sending = (0..self.radios.len()).filter(|&other| !self.radios[other].tasks.is_empty());
        let same = sending.map(|other| self.stretch(other)).filter(|it| it.station == own.station && it.rate > 0.0);
        own.rate / same.count() as f64
    }

    fn pass(&mut self, time: f64) {
        let shares: Vec<f64> = (0..self.radios.len())
            .map(|user| if self.radios[user].tasks.is_empty() { 0.0 } else { self.share(user) })
            .collect();
        let elapsed = time - self.time;
        self.processors.iter_mut().for_each(|line| line.left -= elapsed);
        self.radios.iter_mut().zip(shares).for_each(|(line, share)| line.left -= elapsed * share);
        self.plants.iter_mut().for_each(|plant| plant.pass(elapsed));
        let present = self.lives[..self.decided].iter().filter(|life| life.completion.is_nan()).count();
        self.area += present as f64 * elapsed;
        // Where an upload ends, its station is that before the moment: `station` notes it here.
        for user in 0..self.radios.len() {
            if let Some(&task) = self.radios[user].tasks.front() {
                self.lives[task].station = self.stretch(user).station;
            }
        }
        self.time = time;
    }

    fn end_computations(&mut self) {
        for user in 0..self.processors.len() {
            while !self.processors[user].tasks.is_empty() && self.processors[user].left <= 1e-12 {
                let task = self.processors[user].tasks.pop_front().unwrap();
                self.lives[task].device.1 = self.time;
                self.start_computation(user);
                if self.tasks[task].target == 0 {
                    self.lives[task].completion = self.time;
                } else {
                    self.queue_upload(task);
                }
            }
        }
    }

    fn start_computation(&mut self, user: usize) {
        if let Some(&task) = self.processors[user].tasks.front() {
            self.lives[task].device.0 = self.time;
            self.processors[user].left = self.device_time(task);
        }
    }

    fn device_time(&self, task: usize) -> f64 {
        let task = &self.tasks[task];
        self.setting.frontier(task.model, task.user).device_time(task.candidate).0 * task.device_noise
    }

    fn bytes(&self, task: usize) -> f64 {
        let task = &self.tasks[task];
        self.setting.frontier(task.model, task.user).upload(task.candidate).0
    }

    fn queue_upload(&mut self, task: usize) {
        let user = self.tasks[task].user;
        self.radios[user].tasks.push_back(task);
        if self.radios[user].tasks.len() == 1 {
            self.start_upload(user);
        }
    }

    fn start_upload(&mut self, user: usize) {
        if let Some(&task) = self.radios[user].tasks.front() {
            self.lives[task].upload.0 = self.time;
            self.radios[user].left = self.bytes(task);
        }
    }

    fn end_uploads(&mut self) {
        for user in 0..self.radios.len() {
            if !self.radios[user].tasks.is_empty() && self.radios[user].left <= NOTHING {
                let task = self.radios[user].tasks.pop_front().unwrap();
                self.lives[task].upload.1 = self.time;
                let network = &self.setting.scenario.network;
                let remote = self.lives[task].station != self.tasks[task].target - 1;
                let cable = network.backhaul_s.0 + self.bytes(task) * 8.0 / (network.backhaul_mbit * 1e6);
                let arrival = self.time + network.propagation_s.0 + if remote { cable } else { 0.0 };
                self.lives[task].server_arrival = arrival;
                self.travelling.push((arrival, task));
                self.start_upload(user);
            }
        }
    }

    fn end_services(&mut self) {
        for m in 0..self.plants.len() {
            for task in self.plants[m].ended(self.time) {
                self.lives[task].server.1 = self.time;
                let remote = self.lives[task].station != m;
                let backhaul = if remote { self.setting.scenario.network.backhaul_s.0 } else { 0.0 };
                self.returning.push((self.time + self.return_time(task) + backhaul, task));
            }
        }
    }

    /// Time for the result to return, s: its bytes over the downlink and the propagation.
    fn return_time(&self, task: usize) -> f64 {
        let network = &self.setting.scenario.network;
        let bytes = self.setting.models[self.tasks[task].model].graph.output_bytes().0;
        bytes * 8.0 / (network.downlink_mbit * 1e6) + network.propagation_s.0
    }

    fn decide(&mut self) {
        while self.tasks.get(self.decided).is_some_and(|task| task.decision <= self.time) {
            let task = self.decided;
            self.decided += 1;
            if self.device_time(task) == 0.0 {
                self.queue_upload(task);
                continue;
            }
            let user = self.tasks[task].user;
            self.processors[user].tasks.push_back(task);
            if self.processors[user].tasks.len() == 1 {
                self.start_computation(user);
            }
        }
    }

    /// Of tensors that arrive at one moment, any may be first: the record says which started first, and under processor
    /// sharing it is the one decided first.
    fn receive(&mut self) {
        let mut due: Vec<usize> = take_due(&mut self.travelling, self.time + MOMENT);
        due.sort_by(|&a, &b| self.tasks[a].server.start.total_cmp(&self.tasks[b].server.start).then(a.cmp(&b)));
        for task in due {
            let record = &self.tasks[task];
            let class = self.setting.servers[record.target - 1].class;
            let service = self.setting.frontier(record.model, record.user).edge_time(record.candidate, class).0;
            let job = Job { task: Some(task), model: Some(record.model), left: service * record.server_noise };
            self.plants[record.target - 1].arrive(job);
        }
        for m in 0..self.plants.len() {
            while self.foreign[m].front().is_some_and(|(time, _)| *time <= self.time) {
                let (_, left) = self.foreign[m].pop_front().unwrap();
                self.plants[m].arrive(Job { task: None, model: None, left });
            }
            for task in self.plants[m].start(self.time) {
                self.lives[task].server.0 = self.time;
            }
        }
        for task in take_due(&mut self.returning, self.time) {
            self.lives[task].completion = self.time;
        }
    }
}

/// Takes what is due by `time` out, in order.
fn take_due(list: &mut Vec<(f64, usize)>, time: f64) -> Vec<usize> {
    list.sort_by(|a, b| a.0.total_cmp(&b.0));
    let due = list.partition_point(|(at, _)| *at <= time);
    list.drain(..due).map(|(_, task)| task).collect()
}
