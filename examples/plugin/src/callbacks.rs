//! Callbacks: an observer that keeps a custom metric, makes the task harder, and ends the training early.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use mec_gym::agents::actor::EpisodeReport;
use mec_gym::agents::agent::Learner;
use mec_gym::agents::runtime::{Observer, ObserverError};

/// Episodes that a mean is taken over.
const WINDOW: usize = 40;

/// The hardest level of the curriculum.
const HARDEST: u32 = 3;

/// Raises the level of the environments while the mean return is above a goal, and stops at the hardest one.
///
/// The observer is called in the learner's thread, between rounds: in serial and lockstep mode the level changes at the same
/// step in every run of a seed.
pub struct Coach {
    level: Arc<AtomicU32>,
    goal: f64,
    returns: VecDeque<f64>,
    longest_queue_s: f64,
    done: bool,
}

impl Coach {
    pub fn new(level: Arc<AtomicU32>, goal: f64) -> Self {
        Self { level, goal, returns: VecDeque::new(), longest_queue_s: 0.0, done: false }
    }

    pub fn summary(&self) -> String {
        let level = self.level.load(Ordering::Relaxed);
        format!("level {level}, mean return {:.1}, longest queue {:.1} s", self.mean(), self.longest_queue_s)
    }

    fn mean(&self) -> f64 {
        self.returns.iter().sum::<f64>() / self.returns.len() as f64
    }
}

impl<L: Learner> Observer<L> for Coach {
    fn on_episode(&mut self, episode: &EpisodeReport) -> Result<(), ObserverError> {
        // The custom metric of the environment.
        for (_, value) in episode.metrics.iter().filter(|(name, _)| *name == "longest_queue_s") {
            self.longest_queue_s = self.longest_queue_s.max(*value);
        }
        self.returns.push_back(episode.episode_return);
        if self.returns.len() < WINDOW {
            return Ok(());
        }
        if self.mean() >= self.goal {
            let level = self.level.load(Ordering::Relaxed);
            self.done = level == HARDEST;
            if !self.done {
                // Curriculum: harder, and judged anew.
                self.level.store(level + 1, Ordering::Relaxed);
                self.returns.clear();
            }
        } else {
            self.returns.pop_front();
        }
        Ok(())
    }

    /// Early stop.
    fn should_stop(&self) -> bool {
        self.done
    }
}
