//! [`TaskRecord`]: the whole life of one task.

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
    /// 0 for the device itself, m for server m.
    pub target: usize,
    /// Which cut, as an index into the frontier of network and device.
    pub candidate: usize,
    /// Time on the device's processor.
    pub device: Interval,
    /// Time on the uplink.
    pub upload: Interval,
    /// When the tensor reaches the executing server; infinite before it was sent there.
    pub server_arrival: f64,
    /// Time on an executor of the server.
    pub server: Interval,
    /// When the result is back; infinite before the decision.
    pub completion: f64,
    /// Longest time it may take, s.
    pub deadline: f64,
    /// Energy attributed to the task, J: computing, sending, and idle power while it waits; NaN before the decision.
    pub energy: f64,
}

impl TaskRecord {
    /// From arrival to completion, the wait for the decision included, s.
    pub fn latency(&self) -> f64 {
        self.completion - self.arrival
    }

    /// Whether it was within its deadline.
    pub fn success(&self) -> bool {
        self.latency() <= self.deadline
    }
}
