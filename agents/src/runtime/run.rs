//! [`Run`]: the learner's side of a run, the same in all modes.

use std::time::{Duration, Instant};

use super::checkpoint::{Checkpoint, Counters, Start};
use super::config::RuntimeConfig;
use super::health::Health;
use super::observer::{Observer, ObserverError, Outcome, Progress};
use crate::actor::{Experience, StreamState};
use crate::agent::{Learner, TrainError};

/// Updates between questions whether to stop.
const SLICE: usize = 64;

/// A learner under training: takes experience in, trains, and tells the observer.
pub(super) struct Run<'a, L: Learner, O> {
    pub(super) learner: &'a mut L,
    pub(super) config: &'a RuntimeConfig,
    pub(super) observer: &'a mut O,
    pub(super) health: Health,
    counters: Counters,
    seed: u64,
    next_checkpoint: u64,
    stopped: bool,
    /// Whether a checkpoint holds where the run was stopped.
    saved_stop: bool,
    start: Instant,
    evaluating: Duration,
}

pub(super) fn observer_error(error: ObserverError) -> TrainError {
    TrainError::Observer(error)
}

impl<'a, L: Learner, O: Observer<L>> Run<'a, L, O> {
    pub(super) fn new(learner: &'a mut L, config: &'a RuntimeConfig, observer: &'a mut O, start: &Start) -> Self {
        let counters = start.counters.clone();
        let (steps, updates) = counters.since_report;
        Self {
            learner,
            config,
            observer,
            health: Health::since(steps, updates),
            next_checkpoint: next_point(counters.env_steps, config.checkpoint_every.max(1)),
            counters,
            seed: start.seed,
            stopped: false,
            saved_stop: false,
            start: Instant::now(),
            evaluating: Duration::ZERO,
        }
    }

    /// Environment steps so far.
    pub(super) fn env_steps(&self) -> u64 {
        self.counters.env_steps
    }

    /// Whether to go on: steps are left and the observer does not ask to stop.
    pub(super) fn goes_on(&mut self) -> bool {
        let done = self.counters.env_steps >= self.config.steps;
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
        self.counters.env_steps += rows;
        self.health.steps += rows;
        self.learner.add(&experience.transitions);
        for episode in &experience.episodes {
            self.counters.episodes += 1;
            self.observer.on_episode(episode).map_err(observer_error)?;
        }
        Ok(())
    }

    /// Does at most `limit` of the updates due and returns how many.
    pub(super) fn learn(&mut self, limit: usize) -> Result<usize, TrainError> {
        let updates = self.learner.updates_due().min(limit);
        if updates > 0 {
            self.counters.metrics.renew(self.learner.train(updates)?);
            self.counters.updates += updates as u64;
            self.health.updates += updates as u64;
        }
        Ok(updates)
    }

    /// Does all updates due and reports. An observer that stops the run on the way leaves the rest to whoever resumes it.
    pub(super) fn learn_all(&mut self) -> Result<(), TrainError> {
        while self.learn(SLICE)? == SLICE {
            if self.stopped() {
                return Ok(());
            }
        }
        self.report()
    }

    /// Reports and evaluates when it is time to.
    pub(super) fn report(&mut self) -> Result<(), TrainError> {
        self.evaluate()?;
        if self.config.progress_every > 0 && self.counters.env_steps >= self.counters.next_progress {
            self.counters.next_progress = next_point(self.counters.env_steps, self.config.progress_every);
            self.report_progress()?;
        }
        Ok(())
    }

    /// Evaluates when the run has come to a point of the grid.
    fn evaluate(&mut self) -> Result<(), TrainError> {
        let every = self.config.evaluate_every;
        if every == 0 || self.counters.env_steps < self.counters.next_evaluation {
            return Ok(());
        }
        let start = Instant::now();
        let point = self.counters.env_steps / every * every;
        self.counters.next_evaluation = point + every;
        let policy = self.learner.policy();
        self.observer.on_evaluate(point, &policy, self.learner).map_err(observer_error)?;
        self.evaluating += start.elapsed();
        Ok(())
    }

    /// Whether a checkpoint is due: its step has come, or the observer has stopped the run and there was none since.
    pub(super) fn checkpoint_due(&self) -> bool {
        let unsaved_stop = self.stopped && !self.saved_stop;
        self.config.checkpoint_every > 0 && (unsaved_stop || self.counters.env_steps >= self.next_checkpoint)
    }

    /// Hands a checkpoint to the observer; `streams` is where all of them are now.
    pub(super) fn checkpoint(&mut self, mut streams: Vec<StreamState>) -> Result<(), TrainError> {
        self.next_checkpoint = next_point(self.counters.env_steps, self.config.checkpoint_every);
        self.saved_stop = self.stopped;
        streams.sort_by_key(|stream| stream.index);
        let counters = Counters {
            seconds: self.seconds(),
            since_report: (self.health.steps, self.health.updates),
            ..self.counters.clone()
        };
        let checkpoint = Checkpoint { learner: &*self.learner, counters, seed: self.seed, streams };
        self.observer.on_checkpoint(&checkpoint).map_err(observer_error)
    }

    fn report_progress(&mut self) -> Result<(), TrainError> {
        self.counters.reported = Some(self.counters.env_steps);
        let mut metrics = self.counters.metrics.clone();
        self.health.drain_into(&mut metrics);
        let progress = Progress {
            env_steps: self.counters.env_steps,
            updates: self.counters.updates,
            episodes: self.counters.episodes,
            seconds: self.seconds(),
            metrics,
        };
        self.observer.on_progress(&progress).map_err(observer_error)
    }

    fn seconds(&self) -> f64 {
        self.counters.seconds + self.start.elapsed().saturating_sub(self.evaluating).as_secs_f64()
    }

    pub(super) fn finish(mut self) -> Result<Outcome, TrainError> {
        if self.config.progress_every > 0 && self.counters.reported != Some(self.counters.env_steps) {
            self.report_progress()?;
        }
        Ok(Outcome {
            env_steps: self.counters.env_steps,
            updates: self.counters.updates,
            episodes: self.counters.episodes,
            seconds: self.seconds(),
            stopped: self.stopped,
        })
    }
}

/// The first point after `steps` of the grid 0, `every`, 2 `every`, ...
fn next_point(steps: u64, every: u64) -> u64 {
    (steps / every + 1) * every
}
