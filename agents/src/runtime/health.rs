//! [`Health`]: how well acting and learning keep pace, between two progress reports.

use std::time::{Duration, Instant};

use crate::agent::Metrics;

/// Sums since the last report.
#[derive(Debug)]
pub(super) struct Health {
    pub(super) steps: u64,
    pub(super) updates: u64,
    /// Versions that the acting policies were behind the learner, per chunk.
    lag: Mean,
    /// Chunks that waited, each time the learner looked.
    queue: Mean,
    /// Time that actors waited, and time that they had.
    actor: (Duration, Duration),
    learner_waited: Duration,
    since: Instant,
}

#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    sum: f64,
    count: u64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }

    /// NaN when nothing was added.
    fn value(self) -> f64 {
        self.sum / self.count as f64
    }
}

impl Default for Health {
    fn default() -> Self {
        Self {
            steps: 0,
            updates: 0,
            lag: Mean::default(),
            queue: Mean::default(),
            actor: (Duration::ZERO, Duration::ZERO),
            learner_waited: Duration::ZERO,
            since: Instant::now(),
        }
    }
}

impl Health {
    /// With so many steps and updates since the last report, before an interruption.
    pub(super) fn since(steps: u64, updates: u64) -> Self {
        Self { steps, updates, ..Self::default() }
    }

    /// A chunk came in from a policy that was `lag` versions behind; its actor waited for `waited` of `total`.
    pub(super) fn chunk(&mut self, lag: u64, waited: Duration, total: Duration) {
        self.lag.add(lag as f64);
        self.actor.0 += waited;
        self.actor.1 += total;
    }

    /// The learner found that many chunks waiting.
    pub(super) fn queue(&mut self, chunks: usize) {
        self.queue.add(chunks as f64);
    }

    /// The learner had nothing to do for that long.
    pub(super) fn learner_waited(&mut self, time: Duration) {
        self.learner_waited += time;
    }

    /// Adds the figures since the last call to `metrics`; NaN where nothing was seen.
    pub(super) fn drain_into(&mut self, metrics: &mut Metrics) {
        let health = std::mem::take(self);
        metrics.set("dist/policy_lag", health.lag.value());
        metrics.set("dist/replay_ratio", health.updates as f64 / health.steps as f64);
        metrics.set("dist/queue_depth", health.queue.value());
        metrics.set("dist/actor_idle", health.actor.0.as_secs_f64() / health.actor.1.as_secs_f64());
        metrics.set("dist/learner_idle", health.learner_waited.as_secs_f64() / health.since.elapsed().as_secs_f64());
    }
}
