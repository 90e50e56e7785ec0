//! [`Run`]: the learner's side of a run, the same in all modes.

use std::time::{Duration, Instant};

use super::config::RuntimeConfig;
use super::health::Health;
use super::observer::{Observer, ObserverError, Outcome, Progress};
use crate::actor::Experience;
use crate::agent::{Learner, Metrics, TrainError};

/// A learner under training: takes experience in, trains, and tells the observer.
pub(super) struct Run<'a, L: Learner, O> {
    pub(super) learner: &'a mut L,
    pub(super) config: &'a RuntimeConfig,
    pub(super) observer: &'a mut O,
    pub(super) health: Health,
    pub(super) env_steps: u64,
    updates: u64,
    episodes: u64,
    stopped: bool,
    start: Instant,
    evaluating: Duration,
    next_progress: u64,
    next_evaluation: u64,
    reported: Option<u64>,
    metrics: Metrics,
}

fn observer_error(error: ObserverError) -> TrainError {
    TrainError::Observer(error)
}

impl<'a, L: Learner, O: Observer<L>> Run<'a, L, O> {
    pub(super) fn new(learner: &'a mut L, config: &'a RuntimeConfig, observer: &'a mut O) -> Self {
        Self {
            learner,
            config,
            observer,
            health: Health::default(),
            env_steps: 0,
            updates: 0,
            episodes: 0,
            stopped: false,
            start: Instant::now(),
            evaluating: Duration::ZERO,
            next_progress: config.progress_every,
            next_evaluation: 0,
            reported: None,
            metrics: Metrics::default(),
        }
    }

    /// Whether to go on: steps are left and the observer does not ask to stop.
    pub(super) fn goes_on(&mut self) -> bool {
        let done = self.env_steps >= self.config.steps;
        self.stopped |= !done && self.observer.should_stop();
        !done && !self.stopped
    }

    /// Whether the observer asked to stop, now or before.
    pub(super) fn stopped(&mut self) -> bool {
        self.stopped |= self.observer.should_stop();
        self.stopped
    }

    /// Takes what an actor brought.
    pub(super) fn take(&mut self, experience: &Experience) -> Result<(), TrainError> {
        let rows = experience.transitions.len() as u64;
        self.env_steps += rows;
        self.health.steps += rows;
        self.learner.add(&experience.transitions);
        for episode in &experience.episodes {
            self.episodes += 1;
            self.observer.on_episode(episode).map_err(observer_error)?;
        }
        Ok(())
    }

    /// Does at most `limit` of the updates due and returns how many.
    pub(super) fn learn(&mut self, limit: usize) -> Result<usize, TrainError> {
        let updates = self.learner.updates_due().min(limit);
        if updates > 0 {
            self.metrics = self.learner.train(updates)?;
            self.updates += updates as u64;
            self.health.updates += updates as u64;
        }
        Ok(updates)
    }

    /// Reports and evaluates when it is time to.
    pub(super) fn report(&mut self) -> Result<(), TrainError> {
        self.evaluate()?;
        if self.config.progress_every > 0 && self.env_steps >= self.next_progress {
            self.next_progress = next_point(self.env_steps, self.config.progress_every);
            self.report_progress()?;
        }
        Ok(())
    }

    /// Evaluates when the run has come to a point of the grid.
    pub(super) fn evaluate(&mut self) -> Result<(), TrainError> {
        let every = self.config.evaluate_every;
        if every == 0 || self.env_steps < self.next_evaluation {
            return Ok(());
        }
        let start = Instant::now();
        let point = self.env_steps / every * every;
        self.next_evaluation = point + every;
        let policy = self.learner.policy();
        self.observer.on_evaluate(point, &policy, self.learner).map_err(observer_error)?;
        self.evaluating += start.elapsed();
        Ok(())
    }

    fn report_progress(&mut self) -> Result<(), TrainError> {
        self.reported = Some(self.env_steps);
        let mut metrics = self.metrics.clone();
        self.health.drain_into(&mut metrics);
        let progress = Progress {
            env_steps: self.env_steps,
            updates: self.updates,
            episodes: self.episodes,
            seconds: self.seconds(),
            metrics,
        };
        self.observer.on_progress(&progress).map_err(observer_error)
    }

    fn seconds(&self) -> f64 {
        self.start.elapsed().saturating_sub(self.evaluating).as_secs_f64()
    }

    pub(super) fn finish(mut self) -> Result<Outcome, TrainError> {
        if self.config.progress_every > 0 && self.reported != Some(self.env_steps) {
            self.report_progress()?;
        }
        Ok(Outcome {
            env_steps: self.env_steps,
            updates: self.updates,
            episodes: self.episodes,
            seconds: self.seconds(),
            stopped: self.stopped,
        })
    }
}

/// The first point after `steps` of the grid 0, `every`, 2 `every`, ...
fn next_point(steps: u64, every: u64) -> u64 {
    (steps / every + 1) * every
}
