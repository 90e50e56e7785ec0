//! [`Actor`]: steps environments with a policy and records what happens.

use std::time::Instant;

use mec_envs::gym::{ActionSpace, Env, EnvError, Metric, Space};
use mec_envs::rng::{Prng, derive_seed, stream};
use thiserror::Error;

use crate::agent::{ActMode, ObservationBatch, Policy};
use crate::transition::Transitions;

/// A finished episode.
#[derive(Clone, Debug, PartialEq)]
pub struct EpisodeReport {
    /// Which environment stream.
    pub env: usize,
    /// Which episode of that stream, from 0.
    pub episode: u64,
    /// Sum of the rewards, undiscounted.
    pub episode_return: f64,
    /// Number of steps.
    pub length: u64,
    /// When its last step was taken.
    pub ended: Instant,
    /// Ended by termination (else by truncation).
    pub terminated: bool,
    /// The environment's own figures of the episode.
    pub metrics: Vec<Metric>,
}

/// An environment refused a step of an actor.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("environment stream {env}, step {step}: {source}")]
pub struct ActorError {
    /// Which stream.
    pub env: usize,
    /// Steps of that stream before.
    pub step: u64,
    /// The environment's error.
    pub source: EnvError,
}

/// An environment that runs without end: after an episode it starts the next one.
///
/// Stream i of a run draws the actions of its policy from `stream(seed, "actor/i")` and seeds its environment with
/// `derive_seed(seed, "env/i")`, so it goes the same way whoever steps it.
pub struct EnvStream<E: Env> {
    env: E,
    index: usize,
    rng: Prng,
    observation: Vec<f32>,
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
}

impl Episode {
    fn start(index: u64) -> Self {
        Self { index, episode_return: 0.0, length: 0 }
    }
}

impl<E: Env> EnvStream<E> {
    /// Stream `index` of the run with this `seed`, at the start of its first episode.
    pub fn new(mut env: E, index: usize, seed: u64) -> Self {
        let first = env.reset(Some(derive_seed(seed, &format!("env/{index}"))));
        let observation = env.observation_space().flatten(&first);
        let choices = env.action_space().layout().choices();
        let mut stream = Self {
            mask: vec![true; choices],
            next_mask: vec![true; choices],
            rng: stream(seed, &format!("actor/{index}")),
            env,
            index,
            observation,
            masked: false,
            steps: 0,
            episode: Episode::start(0),
        };
        stream.read_mask();
        std::mem::swap(&mut stream.mask, &mut stream.next_mask);
        stream
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

    /// Takes the action of these codes and appends the transition to `out`; a finished episode is reported.
    fn step(&mut self, codes: &[f32], out: &mut Transitions) -> Result<Option<EpisodeReport>, ActorError> {
        let action = self.env.action_space().decode(codes);
        let fail = |source| ActorError { env: self.index, step: self.steps, source };
        let step = self.env.step(&action).map_err(fail)?;
        out.observations.append(&mut self.observation);
        self.env.observation_space().flatten_into(&step.observation, &mut self.observation);
        out.next_observations.extend_from_slice(&self.observation);
        out.actions.extend_from_slice(codes);
        out.rewards.push(step.reward as f32);
        out.terminated.push(step.terminated);
        out.truncated.push(step.truncated);
        out.env.push(u32::try_from(self.index).expect("runtimes refuse more than 2^32 streams"));
        // After an end no action follows, so an environment may leave any mask; what it left is kept.
        self.read_mask();
        self.record_masks(out);
        std::mem::swap(&mut self.mask, &mut self.next_mask);
        self.steps += 1;
        self.episode.episode_return += step.reward;
        self.episode.length += 1;
        Ok(step.is_last().then(|| self.finish(step.terminated)))
    }

    fn finish(&mut self, terminated: bool) -> EpisodeReport {
        let report = EpisodeReport {
            env: self.index,
            episode: self.episode.index,
            episode_return: self.episode.episode_return,
            length: self.episode.length,
            ended: Instant::now(),
            terminated,
            metrics: self.env.metrics(),
        };
        self.episode = Episode::start(self.episode.index + 1);
        let first = self.env.reset(None);
        self.observation.clear();
        self.env.observation_space().flatten_into(&first, &mut self.observation);
        self.read_mask();
        std::mem::swap(&mut self.mask, &mut self.next_mask);
        report
    }
}

/// What an actor brings back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Experience {
    /// The transitions.
    pub transitions: Transitions,
    /// The episodes that ended, in order.
    pub episodes: Vec<EpisodeReport>,
}

/// Steps one or several environment streams with a policy.
pub struct Actor<E: Env> {
    streams: Vec<EnvStream<E>>,
    rng: Prng,
    observations: Vec<f32>,
    masks: Vec<bool>,
    actions: Vec<f32>,
}

impl<E: Env> Actor<E> {
    /// An actor for these streams, at least one. `rng` is for batched acting, where one draw serves several streams.
    ///
    /// # Panics
    /// When there is no stream.
    pub fn new(streams: Vec<EnvStream<E>>, rng: Prng) -> Self {
        assert!(!streams.is_empty(), "an actor needs at least one environment stream");
        Self { streams, rng, observations: Vec::new(), masks: Vec::new(), actions: Vec::new() }
    }

    /// Number of streams.
    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    /// Lets stream `stream` go `steps` steps on its own generator, one observation per inference: what it brings back
    /// does not depend on which other streams this actor has.
    ///
    /// # Errors
    /// [`ActorError`] of the environment.
    pub fn advance_one<P: Policy>(
        &mut self,
        stream: usize,
        steps: usize,
        policy: &mut P,
    ) -> Result<Experience, ActorError> {
        let mut experience = Experience::default();
        let stream = &mut self.streams[stream];
        for _ in 0..steps {
            let batch = ObservationBatch {
                rows: 1,
                observations: &stream.observation,
                masks: stream.masked.then_some(&stream.mask[..]),
            };
            policy.act(&batch, ActMode::Explore, &mut stream.rng, &mut self.actions);
            experience.episodes.extend(stream.step(&self.actions, &mut experience.transitions)?);
        }
        Ok(experience)
    }

    /// Lets all streams go `steps` steps side by side, all observations in one inference.
    ///
    /// # Errors
    /// [`ActorError`] of an environment.
    pub fn advance_all<P: Policy>(&mut self, steps: usize, policy: &mut P) -> Result<Experience, ActorError> {
        let mut experience = Experience::default();
        for _ in 0..steps {
            let masked = self.streams.iter().any(|stream| stream.masked);
            self.observations.clear();
            self.masks.clear();
            for stream in &self.streams {
                self.observations.extend_from_slice(&stream.observation);
                self.masks.extend_from_slice(&stream.mask);
            }
            let batch = ObservationBatch {
                rows: self.streams.len(),
                observations: &self.observations,
                masks: masked.then_some(&self.masks[..]),
            };
            policy.act(&batch, ActMode::Explore, &mut self.rng, &mut self.actions);
            let codes = self.actions.len() / self.streams.len();
            for (stream, codes) in self.streams.iter_mut().zip(self.actions.chunks_exact(codes)) {
                experience.episodes.extend(stream.step(codes, &mut experience.transitions)?);
            }
        }
        Ok(experience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Algorithm;
    use crate::agent::Learner;
    use crate::device::Device;
    use crate::random::{RandomConfig, RandomPolicy};
    use crate::replay::Replay;
    use crate::spec::EnvSpec;
    use mec_envs::gym::probe::{Probe, Rung};
    use mec_envs::gym::{BoxSpace, Discrete, Step, TimeLimit};

    fn policy<E: Env>(env: &E) -> RandomPolicy {
        RandomConfig::default().build(&EnvSpec::of(env), &Device::flex(), 0).unwrap().policy()
    }

    #[test]
    fn the_last_transition_of_an_episode_holds_its_true_last_observation() {
        let env = Probe::discrete(Rung::Delayed);
        let mut policy = policy(&env);
        let mut actor = Actor::new(vec![EnvStream::new(env, 0, 1)], stream(1, "test"));
        let Experience { transitions, episodes } = actor.advance_one(0, 4, &mut policy).unwrap();
        // Two episodes of observations 0, 1 and then the end at 1.
        assert_eq!(transitions.observations, [0.0, 1.0, 0.0, 1.0]);
        assert_eq!(transitions.next_observations, [1.0, 1.0, 1.0, 1.0]);
        assert_eq!(transitions.terminated, [false, true, false, true]);
        assert_eq!(
            episodes.iter().map(|episode| (episode.episode, episode.length)).collect::<Vec<_>>(),
            [(0, 2), (1, 2)]
        );
        assert!(episodes.iter().all(|episode| episode.episode_return == 1.0 && episode.terminated));
    }

    #[test]
    fn truncation_is_kept_apart_from_termination() {
        let env = TimeLimit::new(Probe::discrete(Rung::Endless), 3);
        let mut policy = policy(&env);
        let mut actor = Actor::new(vec![EnvStream::new(env, 0, 1)], stream(1, "test"));
        let experience = actor.advance_one(0, 6, &mut policy).unwrap();
        assert_eq!(experience.transitions.truncated, [false, false, true, false, false, true]);
        assert_eq!(experience.transitions.terminated, [false; 6]);
        assert!(experience.episodes.iter().all(|episode| !episode.terminated));
    }

    /// A probe that names its open choices (the last one is closed) from its second step on, and not at every step.
    struct LateMask {
        env: TimeLimit<Probe<Discrete>>,
        starts_at: usize,
        steps: usize,
    }

    const LATE: [bool; 3] = [true, true, false];

    impl LateMask {
        fn at(starts_at: usize) -> Self {
            Self { env: TimeLimit::new(Probe::discrete(Rung::Endless), 7), starts_at, steps: 0 }
        }

        fn masks_after(&self, steps: usize) -> bool {
            steps >= self.starts_at && !(steps - self.starts_at).is_multiple_of(3)
        }
    }

    impl Env for LateMask {
        type ObservationSpace = BoxSpace;
        type ActionSpace = Discrete;
        type Info = ();

        fn observation_space(&self) -> &BoxSpace {
            self.env.observation_space()
        }

        fn action_space(&self) -> &Discrete {
            self.env.action_space()
        }

        fn reset(&mut self, seed: Option<u64>) -> Vec<f32> {
            self.env.reset(seed)
        }

        fn step(&mut self, action: &usize) -> Result<Step<Vec<f32>>, EnvError> {
            assert!(!self.masks_after(self.steps) || *action < 2, "the policy took a closed choice");
            self.steps += 1;
            self.env.step(action)
        }

        fn action_mask(&self) -> Option<&[bool]> {
            self.masks_after(self.steps).then_some(&LATE)
        }
    }

    #[test]
    fn masks_that_come_late_and_go_again_leave_whole_columns() {
        let env = LateMask::at(1);
        let mut policy = policy(&env);
        let mut replay = Replay::new(50, &EnvSpec::of(&env));
        let mut actor = Actor::new(vec![EnvStream::new(env, 0, 1)], stream(1, "test"));
        for _ in 0..30 {
            let rows = actor.advance_one(0, 4, &mut policy).unwrap().transitions;
            assert_eq!((rows.len(), rows.masks.len() % 12), (4, 0));
            assert_eq!(rows.masks.len(), rows.next_masks.len());
            replay.extend(&rows);
        }
        let env = LateMask::at(1);
        let mut first = Actor::new(vec![EnvStream::new(env, 0, 1)], stream(1, "test"));
        let rows = first.advance_one(0, 4, &mut policy).unwrap().transitions;
        let open = [true; 3];
        // Steps 2 and 3 have a mask, steps 0, 1 and 4 have none.
        assert_eq!(rows.masks, [open, open, LATE, LATE].concat());
        assert_eq!(rows.next_masks, [open, LATE, LATE, open].concat());
    }

    #[test]
    fn streams_that_differ_in_masks_can_act_side_by_side() {
        let mut policy = policy(&LateMask::at(0));
        let streams = (0..3).map(|index| EnvStream::new(LateMask::at(2 + 3 * index), index, 1)).collect();
        let mut actor = Actor::new(streams, stream(1, "test"));
        let rows = actor.advance_all(20, &mut policy).unwrap().transitions;
        assert_eq!((rows.masks.len(), rows.next_masks.len()), (60 * 3, 60 * 3));
        for row in 0..60 {
            let (index, step) = (row % 3, row / 3);
            let expected = if LateMask::at(2 + 3 * index).masks_after(step) { LATE } else { [true; 3] };
            assert_eq!(rows.masks[3 * row..][..3], expected, "stream {index}, step {step}");
        }
    }

    #[test]
    fn masks_reach_the_policy_and_the_transitions() {
        let env = Probe::multi_discrete(Rung::Masked);
        let mut policy = policy(&env);
        let streams = (0..3).map(|index| EnvStream::new(Probe::multi_discrete(Rung::Masked), index, 1)).collect();
        let mut actor = Actor::new(streams, stream(1, "test"));
        let experience = actor.advance_all(50, &mut policy).unwrap();
        assert_eq!(experience.transitions.len(), 150);
        assert_eq!(experience.transitions.masks.len(), 150 * 6);
        assert_eq!(experience.transitions.next_masks[..6], [true, true, false, true, true, false]);
        assert!(experience.transitions.actions.iter().all(|&action| action < 2.0));
    }
}
