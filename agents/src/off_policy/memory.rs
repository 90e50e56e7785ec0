//! [`Memory`]: the experience of a learner, and how many updates it allows.

use mec_envs::rng::Prng;

use super::appraisal::Appraisal;
use crate::agent::{ConfigError, Metrics, TrainError};
use crate::checkpoint::CheckpointError;
use crate::nn::{Normalizer, Scaling};
use crate::offender::Offender;
use crate::replay::{Batch, Replay, ReplayConfig};
use crate::spec::EnvSpec;
use crate::state::StateDict;
use crate::transition::Transitions;

/// Most transitions per update: memory that is not there would end the process.
const MAX_BATCH: usize = 1 << 20;

/// What a [`Memory`] keeps, draws and allows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MemoryConfig {
    /// The replay; its discount is below 1, and its capacity at least `batch_size` and `learning_starts`.
    pub replay: ReplayConfig,
    /// Transitions per update, 1 to 2^20.
    pub batch_size: usize,
    /// Transitions before the first update, 1 or more.
    pub learning_starts: usize,
    /// Updates per environment step after that, above 0 and at most 1,000.
    pub replay_ratio: f64,
    /// Rewards are multiplied by this, above 0, in `f32` too.
    pub reward_scale: f64,
    /// Whether observations are brought to mean 0 and variance 1 by running statistics.
    pub normalize_observations: bool,
}

impl MemoryConfig {
    /// Refuses values out of range.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] with the field, its value and what is accepted.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let (gamma, capacity) = (self.replay.gamma, self.replay.capacity);
        let (batch, starts) = (self.batch_size, self.learning_starts);
        ConfigError::check((0.0..1.0).contains(&gamma), "gamma", gamma, "0 or more and below 1")?;
        ConfigError::check((1..=MAX_BATCH).contains(&batch), "batch_size", batch, "1 to 2^20")?;
        ConfigError::check(starts > 0, "learning_starts", starts, "1 or more")?;
        let enough = capacity >= batch.max(starts);
        ConfigError::check(enough, "buffer_capacity", capacity, "at least batch_size and learning_starts")?;
        let ratio = self.replay_ratio;
        ConfigError::check(ratio > 0.0 && ratio <= 1e3, "replay_ratio", ratio, "above 0 and at most 1000")?;
        ConfigError::check_reward_scale(self.reward_scale)?;
        self.replay.validate()
    }
}

/// A replay, the statistics of its observations, and the books of the learner that it belongs to.
#[derive(Debug)]
pub struct Memory {
    config: MemoryConfig,
    replay: Replay,
    normalizer: Option<Normalizer>,
    counters: Counters,
    /// Reused from one draw to the next.
    batch: Batch,
}

#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Counters {
    /// Transitions taken in.
    added: u64,
    /// Of those, the ones that allow updates: taken in when the replay had enough.
    counted: u64,
    updates: u64,
    version: u64,
    /// The largest absolute reward taken in.
    reward_max: f32,
}

/// The books of a [`Memory`], as a checkpoint holds them.
#[derive(Debug)]
pub struct Books {
    normalizer: Option<Normalizer>,
    counters: Counters,
}

impl Memory {
    /// An empty memory for environments of this shape.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] for a value out of range, and for a capacity that the system has no memory for.
    pub fn new(config: MemoryConfig, spec: &EnvSpec) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            replay: Replay::new(&config.replay, spec)?,
            normalizer: config.normalize_observations.then(|| Normalizer::new(spec)),
            counters: Counters::default(),
            batch: Batch::default(),
            config,
        })
    }

    /// Transitions that it holds.
    pub fn len(&self) -> usize {
        self.replay.len()
    }

    /// Whether it has nothing to draw.
    pub fn is_empty(&self) -> bool {
        self.replay.is_empty()
    }

    /// Whether it has enough for updates.
    pub fn is_ready(&self) -> bool {
        self.replay.len() >= self.config.learning_starts
    }

    /// Transitions taken in so far.
    pub fn added(&self) -> u64 {
        self.counters.added
    }

    /// Updates done so far.
    pub fn updates(&self) -> u64 {
        self.counters.updates
    }

    /// The version of the policy.
    pub fn version(&self) -> u64 {
        self.counters.version
    }

    /// Counts a change of the policy: by an update, or because it acts otherwise from now on.
    pub fn count_change(&mut self) {
        self.counters.version += 1;
    }

    /// What happens to observations before a network sees them.
    pub fn scaling(&self) -> Option<Scaling> {
        self.normalizer.as_ref().map(Normalizer::scaling)
    }

    /// Takes experience in; the policy changes where its statistics do.
    pub fn add(&mut self, experience: &Transitions) {
        let was_ready = self.is_ready();
        self.replay.extend(experience);
        if let Some(normalizer) = self.normalizer.as_mut().filter(|_| !experience.is_empty()) {
            normalizer.observe(&experience.observations);
            self.counters.version += 1;
        }
        let largest = experience.rewards.iter().fold(0.0, |max: f32, reward| max.max(reward.abs()));
        self.counters.reward_max = self.counters.reward_max.max(largest);
        let rows = experience.len() as u64;
        self.counters.added += rows;
        if was_ready {
            self.counters.counted += rows;
        } else if self.is_ready() {
            let excess = self.replay.len() - self.config.learning_starts;
            self.counters.counted += rows.min(excess as u64);
        }
    }

    /// How many updates the experience so far allows that were not done yet.
    pub fn updates_due(&self) -> usize {
        if !self.is_ready() {
            return 0;
        }
        let allowed = (self.counters.counted as f64 * self.config.replay_ratio) as u64;
        usize::try_from(allowed.saturating_sub(self.counters.updates)).unwrap_or(usize::MAX)
    }

    /// The batch of one update, to be given to [`learned`](Self::learned).
    ///
    /// # Panics
    /// When the memory is empty.
    pub fn draw(&mut self, rng: &mut Prng) -> Batch {
        let mut batch = std::mem::take(&mut self.batch);
        let beta = self.config.replay.priority.map_or(0.0, |priority| priority.beta_at(self.counters.updates));
        self.replay.sample(self.config.batch_size, beta, rng, &mut batch);
        if let Some(scaling) = self.scaling() {
            for observations in [&mut batch.observations, &mut batch.next_observations] {
                *observations = scaling.apply(observations);
            }
        }
        let scale = self.config.reward_scale as f32;
        batch.rewards.iter_mut().for_each(|reward| *reward *= scale);
        batch
    }

    /// Ends an update with this batch, of which the critics are appraised so, and counts it; whether the policy changed
    /// with it is for [`count_change`](Self::count_change) to say.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] when the loss of the critics, or that of the actor if it had its turn, is infinite or no
    /// number: with the column of the batch that is, or else the `tensor` to blame. The update then does not count.
    pub fn learned(
        &mut self,
        batch: Batch,
        appraisal: &Appraisal,
        actor_loss: Option<f64>,
        tensor: impl FnOnce() -> Option<Offender>,
    ) -> Result<(), TrainError> {
        let figures = [("train/critic_loss", Some(appraisal.loss)), ("train/actor_loss", actor_loss)];
        let mut known = figures.into_iter().filter_map(|(metric, value)| Some((metric, value?)));
        if let Some((metric, value)) = known.find(|(_, value)| !value.is_finite()) {
            let tensor = batch.broken().or_else(tensor);
            return Err(TrainError::NotFinite { metric, value, update: self.counters.updates, tensor });
        }
        self.replay.update_priorities(&batch.slots, &appraisal.errors);
        self.batch = batch;
        self.counters.updates += 1;
        Ok(())
    }

    /// What |Q| cannot exceed when the critics are right: the largest reward, and what `bonus` adds to it, at every step
    /// for ever.
    pub fn q_bound(&self, bonus: f64) -> f64 {
        let reward = f64::from(self.counters.reward_max) * self.config.reward_scale;
        (reward + bonus) / (1.0 - self.config.replay.gamma)
    }

    /// Figures of the last update.
    pub fn metrics(&self, appraisal: Option<&Appraisal>, learning_rate: f64) -> Metrics {
        let number = |read: fn(&Appraisal) -> f64| appraisal.map_or(f64::NAN, read);
        Metrics::new(vec![
            ("train/critic_loss", number(|appraisal| appraisal.loss)),
            ("train/td_error", number(Appraisal::error)),
            ("train/q_mean", number(|appraisal| appraisal.q_mean)),
            ("train/q_max", number(|appraisal| appraisal.q_max)),
            ("train/q_bound", self.q_bound(0.0)),
            ("train/learning_rate", learning_rate),
            ("train/n_updates", self.counters.updates as f64),
        ])
    }

    /// Adds the experience to `state`, as `memory/replay/...`.
    pub fn write(&self, state: &mut StateDict) {
        self.replay.write("memory/replay", state);
    }

    /// Takes the experience back that [`write`](Self::write) added.
    ///
    /// # Errors
    /// [`CheckpointError`] when it is missing or of another shape; nothing is then changed.
    pub fn read(&mut self, state: &StateDict) -> Result<(), CheckpointError> {
        self.replay.read("memory/replay", state)
    }

    /// Adds the books to `state`, as `counters` and `normalizer/...`.
    pub fn write_books(&self, state: &mut StateDict) {
        if let Some(normalizer) = &self.normalizer {
            normalizer.write(state);
        }
        state.insert_value("counters", self.counters);
    }

    /// The books that [`write_books`](Self::write_books) added.
    ///
    /// # Errors
    /// [`CheckpointError`] when they are missing or of another shape.
    pub fn books(&self, state: &StateDict) -> Result<Books, CheckpointError> {
        let normalizer = Normalizer::read_like(self.normalizer.as_ref(), state)?;
        Ok(Books { normalizer, counters: state.value("counters")? })
    }

    /// Goes on with these books and without experience: acting fills the replay anew before updates go on.
    pub fn open(&mut self, books: Books) {
        self.normalizer = books.normalizer;
        self.counters = books.counters;
        self.replay.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::Storage;
    use mec_envs::gym::probe::{Probe, Rung};
    use mec_envs::rng::stream;

    fn memory(normalize_observations: bool) -> Memory {
        let replay = ReplayConfig { capacity: 50, n_step: 1, gamma: 0.5, storage: Storage::F32, priority: None };
        let config = MemoryConfig {
            replay,
            batch_size: 4,
            learning_starts: 10,
            replay_ratio: 0.5,
            reward_scale: 3.0,
            normalize_observations,
        };
        Memory::new(config, &EnvSpec::of(&Probe::discrete(Rung::Match))).unwrap()
    }

    /// Observations 1 and 3 in turn, rewards 2.
    fn rows(count: usize) -> Transitions {
        let observations: Vec<f32> = (0..count).map(|row| [1.0, 3.0][row % 2]).collect();
        Transitions {
            next_observations: observations.clone(),
            observations,
            actions: vec![0.0; count],
            rewards: vec![2.0; count],
            terminated: vec![true; count],
            truncated: vec![false; count],
            env: vec![0; count],
            ..Transitions::default()
        }
    }

    /// Of 14 rows, 4 came when there were 10: two updates at a ratio of one half.
    #[test]
    fn experience_from_the_start_of_learning_on_allows_updates_at_the_ratio() {
        let mut memory = memory(false);
        memory.add(&rows(9));
        assert_eq!((memory.is_ready(), memory.updates_due(), memory.version()), (false, 0, 0));
        memory.add(&rows(5));
        assert_eq!((memory.is_ready(), memory.updates_due(), memory.added()), (true, 2, 14));
        let batch = memory.draw(&mut stream(1, "test"));
        assert_eq!(batch.rewards, [6.0; 4]);
        let appraisal = Appraisal::new(0.0, &[vec![0.0; 4]], &[0.0; 4]);
        memory.learned(batch, &appraisal, None, || None).unwrap();
        assert_eq!((memory.updates_due(), memory.updates(), memory.version()), (1, 1, 0));
    }

    /// Mean 2 and variance 1; s' = 1 is -1 and 3 is 1. Statistics belong to the policy, so its version grows.
    #[test]
    fn batches_are_normal_and_the_books_can_be_taken_over() {
        let mut first = memory(true);
        first.add(&rows(40));
        assert_eq!(first.version(), 1);
        let batch = first.draw(&mut stream(1, "test"));
        for entry in batch.observations.iter().chain(&batch.next_observations) {
            assert!((entry.abs() - 1.0).abs() < 1e-2, "{entry}");
        }
        let mut state = StateDict::new("test");
        first.write_books(&mut state);
        let mut second = memory(true);
        second.add(&rows(20));
        let books = second.books(&state).unwrap();
        second.open(books);
        assert_eq!((second.added(), second.scaling()), (40, first.scaling()));
        assert!(second.is_empty(), "a checkpoint holds no experience");
        assert!(second.books(&StateDict::new("test")).is_err());
    }
}
