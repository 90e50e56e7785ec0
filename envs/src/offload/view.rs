//! [`View`]: what a scheme may see when it decides, and nothing more.

use super::belief::ServerBelief;
use super::prospect::Prospect;
use super::scenario::Cuts;
use super::setting::Setting;
use super::world::{DeviceWaits, Way, World};
use crate::partition::{Choice, Frontier, QueueState, best_cut, completion, local_choice};
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
    frontier: &'a Frontier,
    waits: DeviceWaits,
    /// To the server whose radio receives the device, and to any other.
    ways: [Way; 2],
    /// What other waiting tasks are supposed to have been decided.
    supposed: Option<&'a Prospect<'a>>,
}

/// What to expect of a target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Offer {
    /// CDLP's best cut, times from now; for target 0 the whole network on the device.
    pub choice: Choice,
    /// Until an executor of the server is believed free, from now; 0 for the device.
    pub server_wait: Seconds,
    /// Time to load the network first, as far as the server is believed to have to; 0 for the device.
    pub loading: Seconds,
}

impl<'a> View<'a> {
    /// The view on the `ahead`-th of the waiting tasks (0: the one to decide next).
    pub(super) fn new(world: &'a World, ahead: usize) -> Self {
        let index = world.decided + ahead;
        let task = &world.tasks[index];
        let frontier = world.setting.frontier(task.model, task.user);
        Self { world, index, frontier, waits: world.device_waits(index), ways: world.ways(index), supposed: None }
    }

    /// The same if decisions had been taken that are only supposed.
    pub(super) fn supposing(self, prospect: &'a Prospect<'a>) -> Self {
        let waits = prospect.device_waits(self.user()).unwrap_or(self.waits);
        Self { waits, supposed: Some(prospect), ..self }
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

    /// Number of targets: the device (0) and every server in reach (1, 2, ...).
    pub fn targets(&self) -> usize {
        self.setting().targets()
    }

    /// The server behind `target`, which must not be 0, as an index into [`Setting::servers`].
    pub fn server_behind(&self, target: usize) -> usize {
        self.world.server_behind(self.user(), target)
    }

    /// The server whose radio receives this device, as an index into [`Setting::servers`].
    pub fn station(&self) -> usize {
        self.world.radio.station(self.user())
    }

    /// The server whose radio receives this device, as a target.
    pub fn nearest(&self) -> usize {
        if self.setting().scenario.reach.is_some() { 1 } else { self.station() + 1 }
    }

    /// Share of its battery that the device has spent; 0 without one.
    pub fn drained(&self) -> f64 {
        self.world.batteries.drained(self.user())
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
        self.frontier
    }

    /// What is believed of the server behind `target`, which must not be 0.
    pub fn server(&self, target: usize) -> &'a ServerBelief {
        self.belief(self.server_behind(target))
    }

    fn belief(&self, m: usize) -> &'a ServerBelief {
        let supposed = self.supposed.and_then(|prospect| prospect.belief(m));
        supposed.unwrap_or(&self.world.watches[m].belief)
    }

    /// Age of the last report of that server.
    pub fn report_age(&self, target: usize) -> Seconds {
        Seconds(self.world.now - self.server(target).report().time)
    }

    /// Seconds until an executor of the server behind `target` is believed free, after all that was sent before.
    pub fn server_wait(&self, target: usize, knowledge: Knowledge) -> Seconds {
        self.wait_of(self.server_behind(target), knowledge, f64::INFINITY)
    }

    /// Seconds until an executor of server `m` is believed free for work that arrives then, s.
    fn wait_of(&self, m: usize, knowledge: Knowledge, arrival: f64) -> Seconds {
        let (belief, now) = (self.belief(m), self.world.now);
        Seconds(match knowledge {
            Knowledge::Idle => 0.0,
            Knowledge::Reported => belief.reported_wait(now),
            Knowledge::Booked => belief.booked_wait(now, arrival),
            Knowledge::Forecast(factor) => belief.forecast_wait(now, arrival, factor),
            Knowledge::Oracle => self.world.oracle_belief(m).booked_wait(now, arrival),
        })
    }

    /// Time for the server behind `target` to load the network first, as far as it is believed to have to.
    pub fn loading(&self, target: usize, knowledge: Knowledge) -> Seconds {
        self.loading_of(self.server_behind(target), knowledge)
    }

    fn loading_of(&self, server: usize, knowledge: Knowledge) -> Seconds {
        let (world, model) = (self.world, self.model());
        let loading = self.setting().loading_time(server, model);
        if loading.0 == 0.0 {
            return loading;
        }
        let belief = self.belief(server);
        let resident = match knowledge {
            Knowledge::Idle => true,
            Knowledge::Reported => belief.is_reported_resident(model),
            Knowledge::Booked | Knowledge::Forecast(_) => belief.is_resident(model),
            Knowledge::Oracle => world.oracle_belief(server).is_resident(model),
        };
        if resident { Seconds::ZERO } else { loading }
    }

    /// CDLP's best cut for a target and what to expect of it, times from now; for target 0 the whole network on the
    /// device.
    pub fn option(&self, target: usize, knowledge: Knowledge) -> Choice {
        self.offer(target, knowledge).choice
    }

    /// What to expect of a target.
    ///
    /// A server that shares its processor is expected to finish its backlog first, as a first-come-first-served one
    /// does: without later arrivals that is the longest it can take.
    ///
    /// # Design
    /// How long a cut waits for an executor depends on what is booked to arrive before it, and so on the cut. The first
    /// choice lets all come before; where it waits for what comes later, the choice is made again with the wait of the first
    /// one's arrival, and what is told is what the second one meets.
    /// `docs/model.md`, equation 49.
    #[inline(always)]
    pub fn offer(&self, target: usize, knowledge: Knowledge) -> Offer {
        let waits = self.waits(knowledge);
        if target == 0 {
            let choice = local_choice(self.frontier, Seconds(waits.processor));
            return Offer { choice, server_wait: Seconds::ZERO, loading: Seconds::ZERO };
        }
        let m = self.server_behind(target);
        let loading = self.loading_of(m, knowledge);
        if let Some(candidate) = self.fixed_cut(m) {
            return self.offer_of(m, candidate, loading, knowledge);
        }
        let last = self.wait_of(m, knowledge, f64::INFINITY);
        let choice = self.best_cut_for(m, last, loading, &waits);
        let server_wait = self.wait_of(m, knowledge, self.arrival(m, &choice));
        let waits_in_vain = server_wait.0 < last.0 && choice.server_start <= last;
        if !waits_in_vain {
            return Offer { choice, server_wait, loading };
        }
        let again = self.best_cut_for(m, server_wait, loading, &waits);
        let server_wait = self.wait_of(m, knowledge, self.arrival(m, &again));
        let choice = self.completion_on(m, again.candidate, (server_wait, loading), &waits);
        Offer { choice, server_wait, loading }
    }

    /// What to expect of a given cut on a target, times from now; for target 0 the whole network on the device.
    pub fn expect(&self, target: usize, candidate: usize, knowledge: Knowledge) -> Choice {
        if target == 0 {
            return self.option(0, knowledge);
        }
        let m = self.server_behind(target);
        self.offer_of(m, candidate, self.loading_of(m, knowledge), knowledge).choice
    }

    /// What to expect of a given cut on server `m`.
    fn offer_of(&self, m: usize, candidate: usize, loading: Seconds, knowledge: Knowledge) -> Offer {
        let waits = self.waits(knowledge);
        let idle = self.completion_on(m, candidate, (Seconds::ZERO, loading), &waits);
        let server_wait = self.wait_of(m, knowledge, self.arrival(m, &idle));
        let choice = self.completion_on(m, candidate, (server_wait, loading), &waits);
        Offer { choice, server_wait, loading }
    }

    /// The cut for server `m`, where the scenario leaves CDLP no choice.
    fn fixed_cut(&self, m: usize) -> Option<usize> {
        match self.setting().scenario.cuts {
            Cuts::Cdlp => None,
            Cuts::Idle => Some(self.best_cut_for(m, Seconds::ZERO, Seconds::ZERO, &DeviceWaits::default()).candidate),
            Cuts::Whole => Some(0),
        }
    }

    /// When a choice is expected to reach server `m`, s.
    pub(super) fn arrival(&self, m: usize, choice: &Choice) -> f64 {
        self.world.now + (choice.upload_end + self.way(m).propagation).0
    }

    fn way(&self, m: usize) -> &Way {
        &self.ways[usize::from(m != self.station())]
    }

    #[inline(always)]
    fn best_cut_for(&self, m: usize, server_wait: Seconds, loading: Seconds, waits: &DeviceWaits) -> Choice {
        let (class, queued) = (self.setting().servers[m].class, self.queue_state(m, waits, server_wait, loading));
        let choice = best_cut(self.frontier, class, &queued);
        // A whole network's input needs no processor and goes to the radio at once; if nothing waits, that is the same.
        if waits.processor > 0.0 || waits.radio > waits.radio_now {
            let whole = completion(self.frontier, 0, class, &direct(&queued, waits));
            return if whole.completion.0 <= choice.completion.0 { whole } else { choice };
        }
        choice
    }

    #[inline(always)]
    fn completion_on(&self, m: usize, candidate: usize, server: (Seconds, Seconds), waits: &DeviceWaits) -> Choice {
        let queued = self.queue_state(m, waits, server.0, server.1);
        let needs_processor = self.frontier.device_time(candidate).0 > 0.0;
        let state = if needs_processor { queued } else { direct(&queued, waits) };
        completion(self.frontier, candidate, self.setting().servers[m].class, &state)
    }

    fn waits(&self, knowledge: Knowledge) -> DeviceWaits {
        if knowledge == Knowledge::Idle { DeviceWaits::default() } else { self.waits }
    }

    /// The queues met on server `m` by a cut with layers on the device.
    fn queue_state(&self, m: usize, waits: &DeviceWaits, server_wait: Seconds, loading: Seconds) -> QueueState {
        let &Way { rate, propagation, return_time } = self.way(m);
        QueueState {
            device_wait: Seconds(waits.processor),
            uplink_wait: Seconds(waits.radio),
            rate,
            propagation,
            server_wait,
            // Loading comes between the start and the service, so it delays every cut alike.
            return_time: return_time + loading,
        }
    }

    /// The best option of all targets under this knowledge: target and what to expect.
    pub fn best(&self, knowledge: Knowledge) -> (usize, Choice) {
        let options = (0..self.targets()).map(|target| (target, self.option(target, knowledge)));
        let best = options.min_by(|a, b| a.1.completion.0.total_cmp(&b.1.completion.0));
        best.expect("target 0 always exists")
    }
}

/// The queues met by the whole network on the server.
fn direct(queued: &QueueState, waits: &DeviceWaits) -> QueueState {
    QueueState { device_wait: Seconds::ZERO, uplink_wait: Seconds(waits.radio_now), ..*queued }
}
