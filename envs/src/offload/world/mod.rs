//! [`World`]: the state of one episode, and the only place where it changes.
//!
//! # Dynamics
//! Time is continuous; decisions fall at the ends of slots in which tasks arrived, one task after another in order of
//! arrival. A decided task passes, event by event:
//!
//! 1. the device's processor, one task at a time, first come first served, for the cut's device time a(D) times its
//!    noise ([`Device`]). A cut without layers on the device needs no processor and skips this queue;
//! 2. the uplink, one tensor at a time, in the order in which tensors become ready: B(D) bytes at a rate that changes
//!    in steps ([`Link`]), alone or on a band that devices share ([`Radio`]), plus propagation;
//! 3. the backhaul, when another server executes than the one whose radio received the end of the tensor: a delay, and
//!    B(D) over its rate, without queueing;
//! 4. an executor of the server, first come first served among own and foreign jobs or shared with all of them, for s(D)
//!    times its noise, once the network is in memory ([`Server`]);
//! 5. the return of the result: its bytes over the downlink rate, plus propagation and backhaul delay.
//!
//! Latency counts from the arrival, so the wait for the decision is in it. The energy attributed to a task is compute
//! power x time on the processor + idle power x the rest until completion + transmit power x time on the uplink. Tasks
//! that wait on one device at the same time each have its idle power, so these do not add up to the energy of devices,
//! which [`EpisodeMetrics`](super::EpisodeMetrics) and batteries work out with idle time counted once.
//!
//! A device moves while its tensors are under way: what receives their end decides the path. A battery that has run empty
//! is noticed at the next decision, and ends the episode: tasks that its device has not computed or sent by then, and
//! tasks that wait for a decision, are lost.
//!
//! # Design
//! Everything random about an episode is drawn from streams of its own (tasks, each link, each server's foreign
//! jobs), so decisions change no draw and schemes meet the same episode. Each resource is a schedule of what is
//! known; a decision changes the schedules that it touches and nothing else, so its exact outcome, and what it inflicts
//! on tasks decided before, is known at once and can be its reward. Tasks in flight at the end have their completion.
//!
//! `docs/model.md` has every equation.
//!
//! Servers are moved on when somebody looks at them or sends to them, reports included, so a server that no waiting task
//! can reach costs nothing.

mod battery;
mod decide;
mod oracle;
mod telemetry;

use std::sync::Arc;

use rand::RngExt;

use super::record::TaskRecord;
use super::setting::Setting;
use crate::rng::{Prng, numbered_stream, stream};
use crate::system::arrival::{Arrival, Arrivals};
use crate::system::device::Device;
use crate::system::link::{Link, Roaming, Whereabouts};
use crate::system::place::{MobilityModel, Point, Walker};
use crate::system::radio::{Radio, Upload};
use crate::system::server::{Scheduled, Server};
use battery::Batteries;
pub use decide::DeviceWaits;
pub(super) use decide::Way;
use telemetry::Watch;

/// Time constant of [`World::load`], s.
const LOAD_WINDOW_S: f64 = 2.0;

/// Least rate that a device reports, B/s: in an outage it expects an upload to take long, and not for ever.
/// `docs/model.md`, equation 18.
const LEAST_MEASURED: f64 = 1e3;

/// What came of a decision, given all decisions so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcome {
    /// The task.
    pub task: usize,
    /// 0 for the device itself, m for server m, whatever the reach.
    pub target: usize,
    /// Its latency, s.
    pub latency_s: f64,
    /// How much later tasks decided before complete because of it, summed, s.
    pub inflicted_s: f64,
    /// By how much the work left per executor of its server exceeded the mean of the servers in reach, s; 0 on the device,
    /// and where the reward does not count it.
    pub imbalance_s: f64,
    /// Energy its device spends on it, J.
    pub energy_j: f64,
    /// Whether it is within its deadline.
    pub success: bool,
    /// Batteries that were found empty right after it.
    pub empty_batteries: usize,
}

/// One episode of a setting under way.
#[derive(Clone, Debug)]
pub struct World {
    pub(super) setting: Arc<Setting>,
    pub(super) now: f64,
    arrivals: Arrivals,
    upcoming: Arrival,
    pub(super) devices: Vec<Device>,
    pub(super) radio: Radio,
    pub(super) rates: Vec<f64>,
    pub(super) servers: Vec<Server>,
    pub(super) watches: Vec<Watch>,
    pub(super) tasks: Vec<TaskRecord>,
    pub(super) decided: usize,
    load: f64,
    total_rate: f64,
    pub(super) batteries: Batteries,
    changed_uploads: Vec<Upload>,
    changed_jobs: Vec<Scheduled>,
    work_left: Vec<f64>,
}

impl World {
    /// A new episode; everything random in it comes from `seed`. It stands at the first decision.
    pub fn new(setting: Arc<Setting>, seed: u64) -> Self {
        let rates: Vec<f64> = setting.devices.iter().map(|device| device.rate_hz).collect();
        let weights: Vec<f64> = setting.models.iter().map(|model| model.weight).collect();
        let mut arrivals = Arrivals::new(&setting.arrivals, &rates, &weights, setting.scenario.noise_cv, seed);
        let measurement_s = setting.scenario.network.measurement_s.0;
        let links = Starts::new(&setting, seed).enumerate().map(|(user, whereabouts)| {
            Link::new(&setting.link, whereabouts, measurement_s, numbered_stream(seed, "link-", user))
        });
        let servers = (0..setting.servers.len())
            .map(|m| Server::new(&setting.server_parameters(m), Some(&setting.foreign), seed, &format!("server-{m}")));
        let watches = setting.servers.iter().map(|spec| Watch::new(spec.executors));
        let mut world = Self {
            now: 0.0,
            upcoming: arrivals.draw(),
            arrivals,
            devices: vec![Device::default(); rates.len()],
            radio: Radio::new(links, setting.scenario.network.band, setting.servers.len()),
            rates: vec![0.0; rates.len()],
            servers: servers.collect(),
            watches: watches.collect(),
            tasks: Vec::with_capacity(setting.expected_tasks()),
            decided: 0,
            load: 1.0,
            total_rate: rates.iter().sum(),
            batteries: Batteries::new(&setting),
            changed_uploads: Vec::new(),
            changed_jobs: Vec::new(),
            work_left: Vec::new(),
            setting,
        };
        world.begin(seed);
        world
    }

    /// Another episode of the same setting, as after [`new`](Self::new) with this seed, without allocating.
    pub fn reset(&mut self, seed: u64) {
        self.arrivals.reset(seed);
        self.upcoming = self.arrivals.draw();
        self.devices.iter_mut().for_each(Device::reset);
        let setting = &self.setting;
        let mut starts = Starts::new(setting, seed);
        self.radio.reset(|user, link| {
            let whereabouts = starts.next().expect("there is one for every device");
            link.reset(&setting.link, whereabouts, numbered_stream(seed, "link-", user));
        });
        self.servers.iter_mut().for_each(|server| server.reset(seed));
        self.batteries.reset();
        self.tasks.clear();
        (self.now, self.decided, self.load) = (0.0, 0, 1.0);
        self.begin(seed);
    }

    /// From an idle system at time 0 to the first decision.
    fn begin(&mut self, seed: u64) {
        let mut phases = stream(seed, "report-phases");
        let period = self.setting.scenario.telemetry.period_s.0;
        self.watches.iter_mut().for_each(|watch| watch.reset(phases.random::<f64>() * period));
        self.advance();
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

    /// The tasks that the episode answers for so far: those with a decision, and when it has terminated also those that
    /// will never have one.
    pub fn accounted(&self) -> &[TaskRecord] {
        if self.is_terminated() { &self.tasks } else { &self.tasks[..self.decided] }
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
    /// `docs/model.md`, equation 53.
    pub fn load(&self) -> f64 {
        self.load
    }

    /// Whether the episode is over.
    pub fn is_over(&self) -> bool {
        self.is_terminated() || self.is_truncated()
    }

    /// Whether a battery has run empty.
    pub fn is_terminated(&self) -> bool {
        self.batteries.empty() > 0 && !self.is_truncated()
    }

    /// Whether every task of the horizon is decided.
    pub fn is_truncated(&self) -> bool {
        self.now > self.setting.scenario.horizon_s.0 + 1e-9
    }

    /// The server behind a target of a device, which must not be 0.
    pub(super) fn server_behind(&self, user: usize, target: usize) -> usize {
        self.setting.server_behind(target, self.radio.station(user))
    }

    /// Moves on to the end of the next slot in which a task arrives.
    /// `docs/model.md`, equation 7.
    fn advance(&mut self) {
        let slot = self.setting.scenario.slot_s.0;
        let mut k = (self.upcoming.time / slot) as u64 + 1;
        // At the very end of a slot the quotient may be rounded down.
        if k as f64 * slot <= self.upcoming.time {
            k += 1;
        }
        let before = std::mem::replace(&mut self.now, k as f64 * slot);
        let first = self.tasks.len();
        while self.upcoming.time < self.now {
            let deadline = self.setting.models[self.upcoming.model].deadline.0;
            self.tasks.push(TaskRecord::new(&self.upcoming, deadline));
            self.upcoming = self.arrivals.draw();
        }
        self.load *= (-(self.now - before) / LOAD_WINDOW_S).exp();
        self.load += (self.tasks.len() - first) as f64 / (self.total_rate * LOAD_WINDOW_S);
        for index in first..self.tasks.len() {
            let user = self.tasks[index].user;
            self.devices[user].advance(self.now);
            self.rates[user] = self.radio.advance(user, self.now).max(LEAST_MEASURED);
            for target in 1..self.setting.targets() {
                self.touch(self.server_behind(user, target));
            }
        }
        if !self.is_truncated() {
            self.batteries.check(&self.setting, &mut self.tasks[..self.decided], self.now);
        }
    }
}

/// Where each device starts: places and ways come from the seed of the episode.
struct Starts<'a> {
    setting: &'a Setting,
    seed: u64,
    places: Prng,
    user: usize,
}

impl<'a> Starts<'a> {
    fn new(setting: &'a Setting, seed: u64) -> Self {
        Self { setting, seed, places: stream(seed, "places"), user: 0 }
    }
}

impl Iterator for Starts<'_> {
    type Item = Whereabouts;

    fn next(&mut self) -> Option<Whereabouts> {
        let Self { setting, seed, places, user } = self;
        let device = setting.devices.get(*user)?;
        let side = setting.scenario.area_m;
        let start = Point { x: places.random::<f64>() * side.0, y: places.random::<f64>() * side.0 };
        let rng = numbered_stream(*seed, "walker-", *user);
        *user += 1;
        Some(match &setting.mobility[device.group] {
            MobilityModel::Static => {
                let nearest = setting.sites.nearest(&start);
                Whereabouts::Fixed(nearest, setting.sites.point(nearest).distance(&start))
            }
            moving => {
                let walker = Walker::new(moving, start, side, rng);
                let handover = setting.scenario.network.handover;
                Whereabouts::Roaming(Roaming::new(walker, Arc::clone(&setting.sites), handover))
            }
        })
    }
}
