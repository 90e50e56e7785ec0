//! Batteries: what devices that have one have spent.

use crate::offload::energy::energy_between;
use crate::offload::record::{Interval, TaskRecord};
use crate::offload::setting::Setting;

/// The batteries of an episode.
#[derive(Clone, Debug, Default)]
pub(in crate::offload) struct Batteries {
    /// Battery of each device that has one; empty when none has.
    of_user: Vec<Option<Battery>>,
    /// Devices with a battery and tasks in flight.
    busy: Vec<usize>,
    /// Up to when everything is spent, s.
    at: f64,
    empty: usize,
    scratch: Vec<Interval>,
}

/// The battery of one device.
#[derive(Clone, Debug)]
struct Battery {
    capacity: f64,
    spent: f64,
    /// Its tasks in flight at the last check.
    tasks: Vec<usize>,
}

impl Batteries {
    /// Full batteries.
    pub(super) fn new(setting: &Setting) -> Self {
        let battery = |capacity: f64| Battery { capacity, spent: 0.0, tasks: Vec::new() };
        let any = setting.devices.iter().any(|device| device.battery.is_some());
        let of_user = setting.devices.iter().map(|device| device.battery.map(|joules| battery(joules.0)));
        Self { of_user: if any { of_user.collect() } else { Vec::new() }, ..Self::default() }
    }

    /// Fills them again.
    pub(super) fn reset(&mut self) {
        for battery in self.of_user.iter_mut().flatten() {
            battery.spent = 0.0;
            battery.tasks.clear();
        }
        self.busy.clear();
        (self.at, self.empty) = (0.0, 0);
    }

    /// How many are empty.
    pub(super) fn empty(&self) -> usize {
        self.empty
    }

    /// Share of its battery that a device has spent; 0 without one.
    pub(in crate::offload) fn drained(&self, user: usize) -> f64 {
        let battery = self.of_user.get(user).and_then(Option::as_ref);
        battery.map_or(0.0, |battery| (battery.spent / battery.capacity).min(1.0))
    }

    /// A task of a device has been decided.
    pub(super) fn follow(&mut self, user: usize, task: usize) {
        if let Some(Some(battery)) = self.of_user.get_mut(user) {
            if battery.tasks.is_empty() {
                self.busy.push(user);
            }
            battery.tasks.push(task);
        }
    }

    /// Spends up to `now`; tasks that devices with an empty battery have neither computed nor sent are lost.
    /// `docs/model.md`, equation 36.
    pub(super) fn check(&mut self, setting: &Setting, tasks: &mut [TaskRecord], now: f64) {
        let (from, mut busy) = (std::mem::replace(&mut self.at, now), std::mem::take(&mut self.busy));
        busy.retain(|&user| {
            let Some(battery) = &mut self.of_user[user] else { return false };
            let of_device = battery.tasks.iter().map(|&task| &tasks[task]);
            battery.spent += energy_between(setting, user, of_device, (from, now), &mut self.scratch);
            if battery.spent >= battery.capacity {
                self.empty += 1;
                for &task in &battery.tasks {
                    lose(setting, &mut tasks[task], now);
                }
            }
            battery.tasks.retain(|&task| tasks[task].completion > now);
            !battery.tasks.is_empty()
        });
        self.busy = busy;
    }
}

/// The device of a task is dead from `now` on: what it has not sent by then, or computed for itself, never completes.
fn lose(setting: &Setting, task: &mut TaskRecord, now: f64) {
    let leaves = if task.target > 0 { task.upload.end } else { task.device.end };
    if leaves > now {
        task.device = task.device.until(now);
        task.upload = task.upload.until(now);
        (task.server, task.server_arrival) = (Interval::NONE, f64::INFINITY);
        task.completion = f64::INFINITY;
        let (device, processor) = (&setting.devices[task.user], setting.device_processor(task.user));
        let sending = device.transmit_power.0 + processor.idle_power.0;
        task.energy = processor.compute_power.0 * task.device.length() + sending * task.upload.length();
    }
}
