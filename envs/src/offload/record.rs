//! [`TaskRecord`]: the whole life of one task.

use crate::system::arrival::Arrival;

/// Start and end of one stage, s; NaN when the task does not pass through it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// When it starts.
    pub start: f64,
    /// When it ends.
    pub end: f64,
}

impl Interval {
    /// A stage that is not passed.
    pub const NONE: Self = Self { start: f64::NAN, end: f64::NAN };

    /// The part of it before `time`, s.
    pub fn until(&self, time: f64) -> Self {
        if self.start < time { Self { start: self.start, end: self.end.min(time) } } else { Self::NONE }
    }

    /// Its length; 0 when the stage is not passed.
    pub fn length(&self) -> f64 {
        if self.start.is_nan() { 0.0 } else { self.end - self.start }
    }
}

/// The life of a task, from its arrival to the return of its result. All times in s since the episode's start.
///
/// Before the decision only arrival, user and model are known. After it every time is exact given the decisions so
/// far; a later decision may still move what has not begun.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TaskRecord {
    /// The device that asks.
    pub user: usize,
    /// The network, as an index into the mix.
    pub model: usize,
    /// When it asks.
    pub arrival: f64,
    /// Factor on its device time.
    pub device_noise: f64,
    /// Factor on its service time.
    pub server_noise: f64,
    /// When its target was chosen; NaN before.
    pub decision: f64,
    /// 0 for the device itself, m for server m, whatever the reach.
    pub target: usize,
    /// Which cut, as an index into the frontier of network and device.
    pub candidate: usize,
    /// Time on the device's processor.
    pub device: Interval,
    /// Time on the uplink.
    pub upload: Interval,
    /// The server whose radio received the end of the upload, from 0 on.
    pub station: usize,
    /// When the tensor reaches the executing server; infinite before it was sent there.
    pub server_arrival: f64,
    /// From the start of its service (and of loading its network, if that was not in memory) to its end.
    pub server: Interval,
    /// Work on the server, s of one executor.
    pub service: f64,
    /// When the result is back; infinite before the decision, and for ever when its device's battery ran empty first.
    pub completion: f64,
    /// Longest time it may take, s.
    pub deadline: f64,
    /// Energy attributed to the task, J: computing, sending, and idle power while it waits, which a lost task is not
    /// counted to do; NaN before the decision.
    pub energy: f64,
}

impl TaskRecord {
    /// A task that has just arrived.
    pub fn new(arrival: &Arrival, deadline: f64) -> Self {
        Self {
            user: arrival.user,
            model: arrival.model,
            arrival: arrival.time,
            device_noise: arrival.device_noise,
            server_noise: arrival.server_noise,
            decision: f64::NAN,
            target: 0,
            candidate: 0,
            device: Interval::NONE,
            upload: Interval::NONE,
            station: 0,
            server_arrival: f64::INFINITY,
            server: Interval::NONE,
            service: 0.0,
            completion: f64::INFINITY,
            deadline,
            energy: f64::NAN,
        }
    }

    /// From arrival to completion, the wait for the decision included, s.
    /// `docs/model.md`, equation 32.
    pub fn latency(&self) -> f64 {
        self.completion - self.arrival
    }

    /// Whether it was within its deadline.
    /// `docs/model.md`, equation 33.
    pub fn success(&self) -> bool {
        self.latency() <= self.deadline
    }
}
