//! [`Job`]: a piece of work, and [`Scheduled`], its place in a schedule.

/// One piece of work for an executor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Job {
    /// The task it belongs to; `None` for a foreign job.
    pub task: Option<usize>,
    /// The model it needs in memory, as an index into [`ServerParameters::model_bytes`]; `None` needs none.
    ///
    /// [`ServerParameters::model_bytes`]: super::ServerParameters::model_bytes
    pub model: Option<usize>,
    /// When it reaches the server, s.
    pub arrival: f64,
    /// How long it really takes an executor of its own, without loading its model, s; finite.
    pub service: f64,
    /// How long it is expected to take, s.
    pub expected: f64,
}

/// A task's new place in a server's schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scheduled {
    /// The task.
    pub task: usize,
    /// When its job starts to occupy the server, s: FIFO when it gets an executor, processor sharing when it arrives.
    pub start: f64,
    /// Time for its model, s: FIFO from `start` until the model is loaded, by this job or another one; processor
    /// sharing the work of loading.
    pub loading: f64,
    /// When its job ends, s.
    pub end: f64,
}
