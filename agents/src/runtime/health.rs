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

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(health: &mut Health) -> [f64; 5] {
        let mut metrics = Metrics::default();
        health.drain_into(&mut metrics);
        ["dist/policy_lag", "dist/replay_ratio", "dist/queue_depth", "dist/actor_idle", "dist/learner_idle"]
            .map(|name| metrics.get(name))
    }

    #[test]
    fn figures_are_those_worked_by_hand_and_start_anew_after_a_report() {
        let seconds = Duration::from_secs;
        let mut health = Health::since(30, 10);
        // Eight seconds ago, of which the learner waits for two.
        health.since = Instant::now().checked_sub(seconds(8)).unwrap();
        health.steps += 50;
        health.updates += 30;
        for (lag, waited, total) in [(0, 0, 2), (2, 1, 4), (7, 3, 4)] {
            health.chunk(lag, seconds(waited), seconds(total));
        }
        for chunks in [0, 4, 4, 0, 2] {
            health.queue(chunks);
        }
        health.learner_waited(Duration::from_millis(500));
        health.learner_waited(Duration::from_millis(1_500));
        let [lag, ratio, depth, actor_idle, learner_idle] = figures(&mut health);
        // 9 versions in 3 chunks, 40 updates in 80 steps, 10 chunks at 5 looks, 4 of 10 seconds.
        assert_eq!((lag, ratio, depth, actor_idle), (3.0, 0.5, 2.0, 0.4));
        // A quarter, less what the test itself takes; a second of it would make it 2 / 9.
        assert!((2.0 / 9.0..=0.25).contains(&learner_idle), "{learner_idle}");
        let [lag, ratio, depth, actor_idle, learner_idle] = figures(&mut health);
        assert!([lag, ratio, depth, actor_idle].iter().all(|figure| figure.is_nan()), "nothing was seen since");
        assert_eq!(learner_idle, 0.0);
    }
}
