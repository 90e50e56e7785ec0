//! [`View`]: what a scheme may see when it decides, and nothing more.

use super::belief::ServerBelief;
use super::setting::Setting;
use super::world::World;
use crate::partition::{Choice, Frontier, QueueState, best_cut, completion, local_choice};
use crate::system::device::DeviceWaits;
use crate::units::{BytesPerSecond, Seconds};

/// How much of what is known a scheme puts into its expectations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Knowledge {
    /// The system is taken to be idle: queues are ignored (contention-blind splits such as Neurosurgeon's and DADS').
    Idle,
    /// The device's own queues and each server's last report, as a device by itself can know.
    Reported,
    /// Also the own work that all devices have sent since the last report, as a central controller can know.
    Booked,
    /// Also a forecast of foreign load: its last growth, times the report's age, times this factor.
    Forecast(f64),
    /// The true queues of this moment, as if reports came at once. No scheme can know this: for bounds alone.
    Oracle,
}

/// The task to decide now, and the believed state of everything it may meet.
#[derive(Clone, Copy)]
pub struct View<'a> {
    world: &'a World,
    index: usize,
    waits: DeviceWaits,
}

impl<'a> View<'a> {
    /// The view on the `ahead`-th of the waiting tasks (0: the one to decide next).
    pub(super) fn new(world: &'a World, ahead: usize) -> Self {
        let index = world.decided + ahead;
        Self { world, index, waits: world.device_waits(index) }
    }

    /// The setting, which everybody knows.
    pub fn setting(&self) -> &'a Setting {
        &self.world.setting
    }

    /// Time now, s.
    pub fn now(&self) -> Seconds {
        Seconds(self.world.now)
    }

    /// Number of the task, in order of arrival.
    pub fn task(&self) -> usize {
        self.index
    }

    /// The device that asks.
    pub fn user(&self) -> usize {
        self.world.tasks[self.index].user
    }

    /// Which network of the mix.
    pub fn model(&self) -> usize {
        self.world.tasks[self.index].model
    }

    /// How long the task has waited for this decision.
    pub fn waited(&self) -> Seconds {
        Seconds(self.world.now - self.world.tasks[self.index].arrival)
    }

    /// How long the task may take from its arrival on.
    pub fn deadline(&self) -> Seconds {
        Seconds(self.world.tasks[self.index].deadline)
    }

    /// Tasks that wait for a decision at this moment, this one included.
    pub fn waiting(&self) -> usize {
        self.world.tasks.len() - self.index
    }

    /// Number of targets: the device (0) and every server (1, 2, ...).
    pub fn targets(&self) -> usize {
        self.world.servers.len() + 1
    }

    /// The server whose radio receives this device, as a target.
    pub fn nearest(&self) -> usize {
        self.world.nearest[self.user()] + 1
    }

    /// Queues of the device, as it expects them.
    pub fn device(&self) -> DeviceWaits {
        self.waits
    }

    /// Measured uplink rate of the device.
    pub fn rate(&self) -> BytesPerSecond {
        BytesPerSecond(self.world.rates[self.user()])
    }

    /// The cuts to choose from.
    pub fn frontier(&self) -> &'a Frontier {
        self.world.setting.frontier(self.model(), self.user())
    }

    /// What is believed of the server behind `target`, which must not be 0.
    pub fn server(&self, target: usize) -> &'a ServerBelief {
        &self.world.beliefs[target - 1]
    }

    /// Age of the last report of that server.
    pub fn report_age(&self, target: usize) -> Seconds {
        Seconds(self.world.now - self.server(target).report().time)
    }

    /// Seconds until an executor of that server is believed free.
    pub fn server_wait(&self, target: usize, knowledge: Knowledge) -> Seconds {
        let (belief, now) = (self.server(target), self.world.now);
        Seconds(match knowledge {
            Knowledge::Idle => 0.0,
            Knowledge::Reported => belief.reported_wait(now),
            Knowledge::Booked => belief.booked_wait(now),
            Knowledge::Forecast(factor) => belief.forecast_wait(now, factor),
            Knowledge::Oracle => self.world.oracle_wait(target - 1),
        })
    }

    /// CDLP's best cut for a target and what to expect of it, times from now; for target 0 the whole network on the
    /// device.
    pub fn option(&self, target: usize, knowledge: Knowledge) -> Choice {
        if target == 0 {
            return local_choice(self.frontier(), Seconds(self.waits(knowledge).processor));
        }
        let class = self.setting().servers[target - 1].class;
        let (queued, direct) = self.queue_states(target, knowledge);
        let (cut, whole) = (best_cut(self.frontier(), class, &queued), completion(self.frontier(), 0, class, &direct));
        if whole.completion.0 <= cut.completion.0 { whole } else { cut }
    }

    /// What to expect of a given cut on a target, times from now; for target 0 the whole network on the device.
    pub fn expect(&self, target: usize, candidate: usize, knowledge: Knowledge) -> Choice {
        if target == 0 {
            return self.option(0, knowledge);
        }
        let class = self.setting().servers[target - 1].class;
        let (queued, direct) = self.queue_states(target, knowledge);
        let needs_processor = self.frontier().device_time(candidate).0 > 0.0;
        completion(self.frontier(), candidate, class, if needs_processor { &queued } else { &direct })
    }

    fn waits(&self, knowledge: Knowledge) -> DeviceWaits {
        if knowledge == Knowledge::Idle { DeviceWaits::default() } else { self.waits }
    }

    /// The queues met by a cut with layers on the device, and by the whole network on the server, whose input needs
    /// no processor and goes to the radio at once.
    fn queue_states(&self, target: usize, knowledge: Knowledge) -> (QueueState, QueueState) {
        let waits = self.waits(knowledge);
        let server_wait = self.server_wait(target, knowledge);
        let queued = self.world.queue_state(self.index, target - 1, &waits, server_wait);
        let direct = QueueState { device_wait: Seconds::ZERO, uplink_wait: Seconds(waits.radio_now), ..queued };
        (queued, direct)
    }

    /// The best option of all targets under this knowledge: target and what to expect.
    pub fn best(&self, knowledge: Knowledge) -> (usize, Choice) {
        let options = (0..self.targets()).map(|target| (target, self.option(target, knowledge)));
        let best = options.min_by(|a, b| a.1.completion.0.total_cmp(&b.1.completion.0));
        best.expect("target 0 always exists")
    }
}
