//! [`RecordEpisodeStatistics`].

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::gym::env::{from_memory, to_memory};
use crate::gym::{Act, Env, EnvError, Metric, Obs, Step};

/// Episodes that are remembered unless said otherwise, as in Gymnasium.
const EPISODES: usize = 100;

/// Records return, length and wall time of every episode, as Gymnasium's wrapper of that name.
///
/// The step that ends an episode has its statistics in [`Recorded::episode`]; those of the last 100 episodes stand in
/// [`finished`](Self::finished), Gymnasium's `return_queue`, `length_queue` and `time_queue` in one. An episode that
/// `reset` cuts short is not recorded.
///
/// ```
/// use mec_envs::gym::classic::Pendulum;
/// use mec_envs::gym::{Env, RecordEpisodeStatistics};
///
/// let mut env = RecordEpisodeStatistics::new(Pendulum::v1());
/// env.reset(Some(1));
/// let episode = loop {
///     if let Some(episode) = env.step(&vec![0.5])?.info.episode {
///         break episode;
///     }
/// };
/// assert_eq!(episode.length, 200);
/// assert_eq!(env.mean_return(), Some(episode.episode_return));
/// # Ok::<(), mec_envs::gym::EnvError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RecordEpisodeStatistics<E> {
    env: E,
    started: Instant,
    running: EpisodeStatistics,
    finished: VecDeque<EpisodeStatistics>,
    remembered: usize,
    episodes: u64,
}

/// What a wrapped step tells: the environment's info, and the episode that the step ended.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Recorded<I> {
    /// The info of the wrapped environment.
    pub info: I,
    /// The episode that this step ended.
    pub episode: Option<EpisodeStatistics>,
}

/// Statistics of an episode. Two that differ in wall time only are equal: equal seeds give equal statistics.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpisodeStatistics {
    /// Sum of its rewards, undiscounted.
    pub episode_return: f64,
    /// Its steps.
    pub length: u64,
    /// Wall time from its `reset` to its last step so far.
    pub wall_time: Duration,
}

impl PartialEq for EpisodeStatistics {
    fn eq(&self, other: &Self) -> bool {
        (self.episode_return, self.length) == (other.episode_return, other.length)
    }
}

/// What outlives an episode.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Memory {
    finished: VecDeque<EpisodeStatistics>,
    episodes: u64,
    env: Option<Value>,
}

impl<E: Env> RecordEpisodeStatistics<E> {
    /// Wraps `env`, and remembers the last 100 episodes.
    pub fn new(env: E) -> Self {
        Self::remembering(env, EPISODES)
    }

    /// Wraps `env`, and remembers this many episodes, 0 or more.
    pub fn remembering(env: E, episodes: usize) -> Self {
        let finished = VecDeque::with_capacity(episodes);
        let running = EpisodeStatistics::default();
        Self { env, started: Instant::now(), running, finished, remembered: episodes, episodes: 0 }
    }

    /// The episode so far, or the last one after its end.
    pub fn running(&self) -> EpisodeStatistics {
        self.running
    }

    /// The last episodes that ended, oldest first.
    pub fn finished(&self) -> &VecDeque<EpisodeStatistics> {
        &self.finished
    }

    /// How many episodes have ended, those no longer remembered included.
    pub fn episodes(&self) -> u64 {
        self.episodes
    }

    /// Mean return of the remembered episodes; `None` before the first end.
    pub fn mean_return(&self) -> Option<f64> {
        self.mean(|episode| episode.episode_return)
    }

    /// Mean length of the remembered episodes, steps; `None` before the first end.
    pub fn mean_length(&self) -> Option<f64> {
        self.mean(|episode| episode.length as f64)
    }

    fn mean(&self, figure: impl Fn(&EpisodeStatistics) -> f64) -> Option<f64> {
        let episodes = self.finished.len();
        (episodes > 0).then(|| self.finished.iter().map(figure).sum::<f64>() / episodes as f64)
    }

    /// The wrapped environment.
    pub fn inner(&self) -> &E {
        &self.env
    }

    /// The wrapped environment; steps of it are not recorded.
    pub fn inner_mut(&mut self) -> &mut E {
        &mut self.env
    }

    fn start(&mut self) {
        self.started = Instant::now();
        self.running = EpisodeStatistics::default();
    }

    fn recorded<O>(&mut self, step: Step<O, E::Info>) -> Step<O, Recorded<E::Info>> {
        self.running.episode_return += step.reward;
        self.running.length += 1;
        self.running.wall_time = self.started.elapsed();
        let episode = step.is_last().then_some(self.running);
        if let Some(episode) = episode {
            self.finish(episode);
        }
        step.map_info(|info| Recorded { info, episode })
    }

    fn finish(&mut self, episode: EpisodeStatistics) {
        self.episodes += 1;
        if self.remembered == 0 {
            return;
        }
        if self.finished.len() == self.remembered {
            self.finished.pop_front();
        }
        self.finished.push_back(episode);
    }
}

impl<E: Env> Env for RecordEpisodeStatistics<E> {
    type ObservationSpace = E::ObservationSpace;
    type ActionSpace = E::ActionSpace;
    type Info = Recorded<E::Info>;

    fn observation_space(&self) -> &E::ObservationSpace {
        self.env.observation_space()
    }

    fn action_space(&self) -> &E::ActionSpace {
        self.env.action_space()
    }

    fn reset(&mut self, seed: Option<u64>) -> Obs<E> {
        let observation = self.env.reset(seed);
        self.start();
        observation
    }

    fn step(&mut self, action: &Act<E>) -> Result<Step<Obs<E>, Self::Info>, EnvError> {
        let step = self.env.step(action)?;
        Ok(self.recorded(step))
    }

    fn reset_into(&mut self, seed: Option<u64>, observation: &mut Obs<E>) {
        self.env.reset_into(seed, observation);
        self.start();
    }

    fn step_into(&mut self, action: &Act<E>, observation: &mut Obs<E>) -> Result<Step<(), Self::Info>, EnvError> {
        let step = self.env.step_into(action, observation)?;
        Ok(self.recorded(step))
    }

    fn action_mask(&self) -> Option<&[bool]> {
        self.env.action_mask()
    }

    fn metrics(&self) -> Vec<Metric> {
        self.env.metrics()
    }

    fn memory(&self) -> Option<Value> {
        to_memory(Memory { finished: self.finished.clone(), episodes: self.episodes, env: self.env.memory() })
    }

    fn set_memory(&mut self, memory: Option<&Value>) -> Result<(), EnvError> {
        let Memory { finished, episodes, env } = from_memory(memory)?;
        self.env.set_memory(env.as_ref())?;
        (self.finished, self.episodes) = (finished, episodes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gym::classic::CartPole;
    use crate::gym::probe::{Probe, Rung};
    use crate::gym::{TimeLimit, check_env};

    #[test]
    fn recorded_episodes_keep_the_contract() {
        check_env(|| RecordEpisodeStatistics::new(CartPole::v1()), 1, 500).unwrap();
        for rung in Rung::ALL {
            check_env(|| RecordEpisodeStatistics::new(TimeLimit::new(Probe::continuous(rung), 5)), 2, 50).unwrap();
        }
    }

    #[test]
    fn the_last_episodes_are_remembered_and_all_are_counted() {
        let mut env = RecordEpisodeStatistics::remembering(TimeLimit::new(Probe::discrete(Rung::Endless), 3), 2);
        for length in [3, 1, 3, 3] {
            env.reset(Some(length));
            let steps: Vec<_> = (0..length).map(|_| env.step(&0).unwrap().info.episode).collect();
            assert!(steps[..steps.len() - 1].iter().all(Option::is_none));
            assert_eq!(steps.last().unwrap().is_some(), length == 3);
        }
        let three = EpisodeStatistics { episode_return: 3.0, length: 3, wall_time: Duration::from_secs(9) };
        assert_eq!(env.finished(), &[three, three]);
        assert_eq!((env.episodes(), env.mean_return(), env.mean_length()), (3, Some(3.0), Some(3.0)));
        env.reset(None);
        assert_eq!(env.running(), EpisodeStatistics::default());
    }

    #[test]
    fn nothing_is_remembered_where_nothing_was_asked_for() {
        let mut env = RecordEpisodeStatistics::remembering(Probe::discrete(Rung::Constant), 0);
        env.reset(Some(0));
        assert!(env.step(&0).unwrap().info.episode.is_some());
        assert_eq!((env.finished().len(), env.episodes(), env.mean_return()), (0, 1, None));
    }
}
