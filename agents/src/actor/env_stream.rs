//! [`EnvStream`]: one environment that runs without end.

use std::time::Instant;

use mec_envs::gym::{ActionSpace, Env, Space};
use mec_envs::rng::{Prng, derive_seed, stream};

use super::episode_report::EpisodeReport;
use super::stream_state::{StreamState, StreamValues};
use crate::actor_error::ActorError;
use crate::transition::Transitions;

/// An environment that runs without end: after an episode it starts the next one.
///
/// Stream i of a run draws the actions of its policy from `stream(seed, "actor/i")` and seeds its episode k with
/// `derive_seed(seed, "env/i/k")`, so it goes the same way whoever steps it, and an episode can be repeated without
/// those before it.
pub struct EnvStream<E: Env> {
    env: E,
    index: usize,
    seed: u64,
    /// When it was made or resumed.
    began: Instant,
    /// What [`Transitions::env`] says of its rows: the index, or another number once an environment was replaced.
    row_stream: u32,
    rng: Prng,
    observation: Vec<f32>,
    /// The one after, while a step is recorded.
    next_observation: Vec<f32>,
    /// Open choices of the current observation, all of them while the environment names none.
    mask: Vec<bool>,
    /// Those of the next one, while a step is recorded.
    next_mask: Vec<bool>,
    /// Whether the environment has ever named its open choices.
    masked: bool,
    steps: u64,
    episode: Episode,
}

struct Episode {
    index: u64,
    episode_return: f64,
    length: u64,
    /// Codes of its actions, `[length, codes]`.
    actions: Vec<f32>,
    /// What the environment remembered before it.
    memory: Option<serde_json::Value>,
}

impl<E: Env> EnvStream<E> {
    /// Stream `index` of the run with this `seed`, at the start of its first episode.
    pub fn new(env: E, index: usize, seed: u64) -> Self {
        Self::of(env, index, seed).started(0)
    }

    /// The stream of the run with this `seed` that was in `state`: takes the steps of its episode again.
    ///
    /// # Errors
    /// [`ActorError::NotRepeatable`] when they do not lead to the same observation: the environment is another one, or
    /// its episodes are not functions of [`memory`](Env::memory), seed and actions.
    pub fn resume(mut env: E, seed: u64, state: StreamState) -> Result<Self, ActorError> {
        let StreamState { index, values, actions, observation } = state;
        let fail = |reason: String| ActorError::NotRepeatable { env: index, step: values.steps, reason };
        env.set_memory(values.memory.as_ref()).map_err(|error| fail(error.to_string()))?;
        let mut stream = Self::of(env, index, seed).started(values.episode);
        stream.masked |= values.masked;
        let layout = stream.env.action_space().layout();
        if !actions.len().is_multiple_of(layout.codes().max(1)) {
            return Err(fail(format!("its {} numbers are no actions of {}", actions.len(), layout.codes())));
        }
        for codes in actions.chunks_exact(layout.codes().max(1)) {
            let ended = stream.step(codes, &mut Transitions::default()).map_err(|error| fail(error.to_string()))?;
            if ended.is_some() {
                return Err(fail("the episode ended sooner this time".to_owned()));
            }
        }
        let same = |(found, stored): (&f32, &f32)| found.to_bits() == stored.to_bits();
        let differs = !stream.observation.iter().zip(&observation).all(same);
        if differs || stream.observation.len() != observation.len() {
            let reason = "the same seed and actions led to another observation, so its episodes do not repeat";
            return Err(fail(reason.to_owned()));
        }
        stream.steps = values.steps;
        stream.row_stream = values.row_stream;
        stream.rng = values.rng;
        Ok(stream)
    }

    fn of(env: E, index: usize, seed: u64) -> Self {
        let choices = env.action_space().layout().choices();
        Self {
            rng: stream(seed, &format!("actor/{index}")),
            env,
            row_stream: u32::try_from(index).expect("runtimes refuse more than 2^32 streams"),
            index,
            seed,
            began: Instant::now(),
            observation: Vec::new(),
            next_observation: Vec::new(),
            mask: vec![true; choices],
            next_mask: vec![true; choices],
            masked: false,
            steps: 0,
            episode: Episode { index: 0, episode_return: 0.0, length: 0, actions: Vec::new(), memory: None },
        }
    }

    fn started(mut self, episode: u64) -> Self {
        self.begin(episode);
        self
    }

    /// Which stream of the run this is.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Puts a new environment in the place of one that broke, at the start of the next episode. Rows are from now on
    /// those of stream `row_stream`, because they do not follow from the ones before.
    ///
    /// # Errors
    /// [`ActorError::Refused`] when it does not take the memory of the old one.
    pub fn replace(&mut self, mut env: E, row_stream: u32) -> Result<(), ActorError> {
        let refused = |source| ActorError::Refused { env: self.index, step: self.steps, source };
        env.set_memory(self.episode.memory.as_ref()).map_err(refused)?;
        self.env = env;
        self.row_stream = row_stream;
        self.begin(self.episode.index + 1);
        Ok(())
    }

    /// Where it is, to [`resume`](Self::resume) from.
    pub fn state(&self) -> StreamState {
        let values = StreamValues {
            episode: self.episode.index,
            steps: self.steps,
            row_stream: self.row_stream,
            masked: self.masked,
            rng: self.rng.clone(),
            memory: self.episode.memory.clone(),
        };
        let (actions, observation) = (self.episode.actions.clone(), self.observation.clone());
        StreamState { index: self.index, values, actions, observation }
    }

    /// The present observation, `[obs_dim]`.
    pub(super) fn observation(&self) -> &[f32] {
        &self.observation
    }

    /// Which choices are open now, `[choices]`.
    pub(super) fn mask(&self) -> &[bool] {
        &self.mask
    }

    /// Whether the environment has ever named its open choices.
    pub(super) fn is_masked(&self) -> bool {
        self.masked
    }

    /// The generator of the policy's actions, with the observation and the mask to act on.
    pub(super) fn acting(&mut self) -> (&mut Prng, &[f32], Option<&[bool]>) {
        (&mut self.rng, &self.observation, self.masked.then_some(&self.mask[..]))
    }

    /// Takes the action of these codes and appends the transition to `out`; a finished episode is reported.
    pub(super) fn step(&mut self, codes: &[f32], out: &mut Transitions) -> Result<Option<EpisodeReport>, ActorError> {
        if self.episode.length == 0 {
            self.check_finite(0.0, &self.observation)?;
        }
        let action = self.env.action_space().decode(codes);
        let refused = |source| ActorError::Refused { env: self.index, step: self.steps, source };
        let step = self.env.step(&action).map_err(refused)?;
        self.next_observation.clear();
        self.env.observation_space().flatten_into(&step.observation, &mut self.next_observation);
        self.check_finite(step.reward, &self.next_observation)?;
        // After an end no action follows, so an environment may leave any mask; what it left is kept.
        self.read_mask();
        // From here on the environment is not asked: should it panic, rows are whole.
        out.observations.extend_from_slice(&self.observation);
        out.next_observations.extend_from_slice(&self.next_observation);
        out.actions.extend_from_slice(codes);
        out.rewards.push(step.reward as f32);
        out.terminated.push(step.terminated);
        out.truncated.push(step.truncated);
        out.env.push(self.row_stream);
        self.record_masks(out);
        std::mem::swap(&mut self.observation, &mut self.next_observation);
        std::mem::swap(&mut self.mask, &mut self.next_mask);
        self.steps += 1;
        self.episode.episode_return += step.reward;
        self.episode.length += 1;
        self.episode.actions.extend_from_slice(codes);
        Ok(step.is_last().then(|| self.finish(step.terminated)))
    }

    /// Copies the open choices of the environment's present state into `next_mask`.
    fn read_mask(&mut self) {
        match self.env.action_mask() {
            Some(mask) => {
                self.masked = true;
                self.next_mask.copy_from_slice(mask);
            }
            None => self.next_mask.fill(true),
        }
    }

    /// Records both masks of the newest row. An environment may name its open choices from any step on: the rows
    /// before the first such step, of any stream, had all choices open.
    fn record_masks(&self, out: &mut Transitions) {
        if self.masked || !out.masks.is_empty() {
            let before = (out.len() - 1) * self.mask.len();
            out.masks.resize(before, true);
            out.next_masks.resize(before, true);
            out.masks.extend_from_slice(&self.mask);
            out.next_masks.extend_from_slice(&self.next_mask);
        }
    }

    fn check_finite(&self, reward: f64, observation: &[f32]) -> Result<(), ActorError> {
        let not_finite =
            |what: String, value: f64| ActorError::NotFinite { env: self.index, step: self.steps, what, value };
        if !(reward as f32).is_finite() {
            return Err(not_finite("the reward".to_owned(), reward));
        }
        match observation.iter().position(|entry| !entry.is_finite()) {
            Some(at) => Err(not_finite(format!("entry {at} of the observation"), observation[at].into())),
            None => Ok(()),
        }
    }

    fn finish(&mut self, terminated: bool) -> EpisodeReport {
        let report = EpisodeReport {
            env: self.index,
            episode: self.episode.index,
            episode_return: self.episode.episode_return,
            length: self.episode.length,
            ended_s: self.began.elapsed().as_secs_f64(),
            terminated,
            metrics: self.env.metrics().into_iter().map(|(name, value)| (name.into(), value)).collect(),
        };
        self.begin(self.episode.index + 1);
        report
    }

    /// Starts episode `index`.
    fn begin(&mut self, index: u64) {
        let memory = self.env.memory();
        let first = self.env.reset(Some(derive_seed(self.seed, &format!("env/{}/{index}", self.index))));
        self.observation.clear();
        self.env.observation_space().flatten_into(&first, &mut self.observation);
        self.read_mask();
        std::mem::swap(&mut self.mask, &mut self.next_mask);
        self.episode.actions.clear();
        let actions = std::mem::take(&mut self.episode.actions);
        self.episode = Episode { index, episode_return: 0.0, length: 0, actions, memory };
    }
}

#[cfg(test)]
mod tests {
    use mec_envs::gym::classic::{CartPole, Pendulum};
    use mec_envs::gym::probe::{Probe, Rung};
    use mec_envs::gym::{BoxSpace, EnvError, NormalizeObservation, NormalizeReward, Step, TimeLimit};

    use super::*;
    use crate::agent::{ActMode, Algorithm, Learner, ObservationBatch, Policy};
    use crate::device::Device;
    use crate::random::{RandomConfig, RandomPolicy};
    use crate::spec::EnvSpec;
    use crate::state::StateDict;

    fn policy<E: Env>(env: &E) -> RandomPolicy {
        RandomConfig::default().build(&EnvSpec::of(env), &Device::flex(), 0).unwrap().policy()
    }

    /// Steps at random: the rows, and number, return and figures of the episodes that ended.
    fn go<E: Env>(stream: &mut EnvStream<E>, steps: usize) -> (Transitions, Vec<String>) {
        let mut policy = policy(&stream.env);
        let (mut rows, mut episodes, mut codes) = (Transitions::default(), Vec::new(), Vec::new());
        for _ in 0..steps {
            let (rng, observations, masks) = stream.acting();
            policy.act(&ObservationBatch { rows: 1, observations, masks }, ActMode::Explore, rng, &mut codes);
            let ended = stream.step(&codes, &mut rows).unwrap();
            episodes.extend(ended.map(|EpisodeReport { episode, episode_return, length, metrics, .. }| {
                format!("{episode} {episode_return} {length} {metrics:?}")
            }));
        }
        (rows, episodes)
    }

    /// Stores a stream after so many steps, and holds the resumed one against the one that went on.
    fn resumes_after<E: Env>(make: impl Fn() -> E, steps: &[usize]) {
        for &before in steps {
            let mut stream = EnvStream::new(make(), 3, 7);
            go(&mut stream, before);
            let mut stored = StateDict::new("test");
            stream.state().write(&mut stored);
            let state = StreamState::read(3, &stored).unwrap();
            assert_eq!((state.steps(), &state), (before as u64, &stream.state()));
            let mut resumed = EnvStream::resume(make(), 7, state).unwrap();
            assert_eq!(resumed.state(), stream.state(), "after {before} steps");
            assert_eq!(go(&mut resumed, 300), go(&mut stream, 300), "after {before} steps");
            assert_eq!(resumed.state(), stream.state(), "after {before} and 300 steps");
        }
    }

    #[test]
    fn a_resumed_stream_goes_on_as_if_it_had_never_stopped() {
        // Pendulum's episodes have 200 steps: at the start, within the first, at an end, just behind, much later.
        resumes_after(Pendulum::v1, &[0, 1, 150, 200, 201, 777]);
        resumes_after(CartPole::v1, &[0, 9, 100]);
        resumes_after(|| TimeLimit::new(Probe::multi_discrete(Rung::Masked), 5), &[0, 1, 4]);
    }

    #[test]
    fn what_outlives_episodes_is_resumed_too() {
        let make = || NormalizeObservation::new(NormalizeReward::new(Pendulum::v1(), 0.9));
        resumes_after(make, &[0, 150, 200, 450]);
    }

    #[test]
    fn an_episode_is_a_function_of_its_number() {
        let mut stream = EnvStream::new(CartPole::v1(), 2, 5);
        while stream.episode.index < 4 {
            go(&mut stream, 1);
        }
        let first = CartPole::v1().reset(Some(derive_seed(5, "env/2/4")));
        assert_eq!(stream.observation(), first);
    }

    /// Pays and shows what it is told to at its third step.
    struct Broken {
        env: Probe<BoxSpace>,
        steps: usize,
        reward: f64,
        shows: f32,
    }

    impl Broken {
        fn new(reward: f64, shows: f32) -> Self {
            Self { env: Probe::continuous(Rung::Endless), steps: 0, reward, shows }
        }
    }

    impl Env for Broken {
        type ObservationSpace = BoxSpace;
        type ActionSpace = BoxSpace;
        type Info = ();

        fn observation_space(&self) -> &BoxSpace {
            self.env.observation_space()
        }

        fn action_space(&self) -> &BoxSpace {
            self.env.action_space()
        }

        fn reset(&mut self, seed: Option<u64>) -> Vec<f32> {
            self.env.reset(seed)
        }

        fn step(&mut self, action: &Vec<f32>) -> Result<Step<Vec<f32>>, EnvError> {
            self.steps += 1;
            let step = self.env.step(action)?;
            Ok(if self.steps == 3 { Step { reward: self.reward, observation: vec![self.shows], ..step } } else { step })
        }
    }

    #[test]
    fn numbers_that_are_none_are_refused_with_their_place() {
        for (env, message) in [
            (
                Broken::new(f64::NAN, 0.0),
                "environment stream 1, step 2: the reward is NaN; accepted is a finite 32-bit number",
            ),
            (
                Broken::new(-1e39, 0.0),
                "environment stream 1, step 2: the reward is -1000000000000000000000000000000000000000;",
            ),
            (Broken::new(0.0, f32::INFINITY), "environment stream 1, step 2: entry 0 of the observation is inf;"),
        ] {
            let mut stream = EnvStream::new(env, 1, 7);
            let mut rows = Transitions::default();
            assert!(stream.step(&[0.0, 0.0], &mut rows).is_ok() && stream.step(&[0.0, 0.0], &mut rows).is_ok());
            let error = stream.step(&[0.0, 0.0], &mut rows).unwrap_err();
            assert!(error.to_string().starts_with(message), "{error}");
            assert_eq!(rows.len(), 2);
        }
    }

    #[test]
    fn an_environment_that_does_not_repeat_itself_is_found_out() {
        let mut stream = EnvStream::new(Broken::new(0.0, 0.5), 1, 7);
        go(&mut stream, 3);
        let error = EnvStream::resume(Broken::new(0.0, 0.25), 7, stream.state()).map(|_| ()).unwrap_err();
        let expected = "environment stream 1 cannot be brought back to its step 3: the same seed and actions led to \
                        another observation, so its episodes do not repeat";
        assert_eq!(error.to_string(), expected);
        let mut stream = EnvStream::new(TimeLimit::new(Probe::continuous(Rung::Endless), 9), 0, 7);
        go(&mut stream, 5);
        let shorter = TimeLimit::new(Probe::continuous(Rung::Endless), 4);
        let error = EnvStream::resume(shorter, 7, stream.state()).map(|_| ()).unwrap_err();
        assert!(error.to_string().ends_with("the episode ended sooner this time"), "{error}");
        let plain = EnvStream::new(NormalizeObservation::new(Pendulum::v1()), 0, 7).state();
        let error = EnvStream::resume(Pendulum::v1(), 7, plain).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("this environment remembers nothing"), "{error}");
    }

    #[test]
    fn a_replaced_environment_starts_the_next_episode_with_the_memory_of_the_old_one() {
        let make = || NormalizeObservation::new(Pendulum::v1());
        let mut stream = EnvStream::new(make(), 0, 7);
        go(&mut stream, 250);
        let memory = stream.state().values.memory;
        stream.replace(make(), 9).unwrap();
        let state = stream.state();
        assert_eq!((state.values.episode, state.steps(), state.values.memory), (2, 250, memory));
        assert!(state.actions.is_empty());
        assert_eq!(go(&mut stream, 250).0.env, [9; 250]);
        assert_eq!(stream.index(), 0);
    }
}
