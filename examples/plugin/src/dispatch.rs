//! An environment: work arrives, and each piece is sent to one of two queues.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use mec_gym::envs::gym::{BoxSpace, Discrete, Env, EnvError, Metric, Space, Step};
use mec_gym::envs::rng::rand::RngExt;
use mec_gym::envs::rng::{Prng, stream};

/// The longest that a queue can be, s.
const LONGEST_S: f32 = 20.0;

/// Two queues that each do one second of work per step. A piece of work joins one of them; the reward is minus the time
/// until it is done. `level` says how much arrives: 1 leaves the queues idle at times, 3 does not. An episode keeps the
/// level that it began with.
pub struct Dispatch {
    observation_space: BoxSpace,
    action_space: Discrete,
    level: Arc<AtomicU32>,
    size_max_s: f32,
    rng: Prng,
    /// The work in each queue, s; none before the first reset.
    queues_s: Option<[f32; 2]>,
    longest_s: f32,
}

impl Dispatch {
    pub fn new(level: Arc<AtomicU32>) -> Self {
        Self {
            observation_space: BoxSpace::uniform(&[2], 0.0, LONGEST_S),
            action_space: Discrete::new(2),
            level,
            size_max_s: 0.0,
            rng: stream(0, "dispatch"),
            queues_s: None,
            longest_s: 0.0,
        }
    }
}

impl Env for Dispatch {
    type ObservationSpace = BoxSpace;
    type ActionSpace = Discrete;
    type Info = ();

    fn observation_space(&self) -> &BoxSpace {
        &self.observation_space
    }

    fn action_space(&self) -> &Discrete {
        &self.action_space
    }

    fn reset(&mut self, seed: Option<u64>) -> Vec<f32> {
        if let Some(seed) = seed {
            self.rng = stream(seed, "dispatch");
        }
        self.size_max_s = 1.0 + 0.8 * self.level.load(Ordering::Relaxed) as f32;
        self.longest_s = 0.0;
        let queues_s = [(); 2].map(|()| self.rng.random_range(0.0..4.0_f32));
        self.queues_s = Some(queues_s);
        queues_s.to_vec()
    }

    fn step(&mut self, action: &usize) -> Result<Step<Vec<f32>>, EnvError> {
        let mut queues_s = self.queues_s.ok_or(EnvError::ResetNeeded)?;
        if !self.action_space.contains(action) {
            return Err(EnvError::outside(action, &self.action_space));
        }
        let joined = &mut queues_s[*action];
        *joined = (*joined + self.rng.random_range(0.0..self.size_max_s)).min(LONGEST_S);
        let reward = -f64::from(*joined);
        self.longest_s = self.longest_s.max(*joined);
        let queues_s = queues_s.map(|queue_s| (queue_s - 1.0).max(0.0));
        self.queues_s = Some(queues_s);
        Ok(Step { observation: queues_s.to_vec(), reward, terminated: false, truncated: false, info: () })
    }

    /// A custom metric: observers, monitors and evaluations get it with every episode.
    fn metrics(&self) -> Vec<Metric> {
        vec![("longest_queue_s", f64::from(self.longest_s))]
    }
}
