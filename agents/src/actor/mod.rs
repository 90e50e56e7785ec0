//! Actors: who steps environments with a policy, and records what happens.
//!
//! An [`EnvStream`] is one environment that runs without end, an [`Actor`] steps several of them, and a [`Worker`] is an
//! actor with a policy of its own.

mod env_stream;
mod episode_report;
mod experience;
mod stream_state;
mod worker;

pub use env_stream::EnvStream;
pub use episode_report::EpisodeReport;
pub use experience::Experience;
pub use stream_state::StreamState;
pub use worker::Worker;

pub use crate::actor_error::ActorError;

use mec_envs::gym::Env;
use mec_envs::rng::Prng;

use crate::agent::{ActMode, ObservationBatch, Policy};

/// Steps one or several environment streams with a policy.
pub struct Actor<E: Env> {
    streams: Vec<EnvStream<E>>,
    rng: Prng,
    observations: Vec<f32>,
    masks: Vec<bool>,
    actions: Vec<f32>,
    /// What happened since the last hand-over: here, so that a panic does not lose it.
    experience: Experience,
}

impl<E: Env> Actor<E> {
    /// An actor for these streams, at least one. `rng` is for batched acting, where one draw serves several streams.
    ///
    /// # Panics
    /// When there is no stream.
    pub fn new(streams: Vec<EnvStream<E>>, rng: Prng) -> Self {
        assert!(!streams.is_empty(), "an actor needs at least one environment stream");
        Self {
            streams,
            rng,
            observations: Vec::new(),
            masks: Vec::new(),
            actions: Vec::new(),
            experience: Experience::default(),
        }
    }

    /// Number of streams.
    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    /// Puts new environments in the place of all, as after a panic; each stream goes on with its next episode. Rows of
    /// stream `index` are from now on those of stream `row_stream(index)`, because they do not follow from the ones
    /// before.
    ///
    /// # Errors
    /// [`ActorError`] when an environment does not take the memory of the one before.
    pub fn replace_all(
        &mut self,
        make_env: impl Fn(usize) -> E,
        row_stream: impl Fn(usize) -> u32,
    ) -> Result<(), ActorError> {
        for stream in &mut self.streams {
            let index = stream.index();
            stream.replace(make_env(index), row_stream(index))?;
        }
        Ok(())
    }

    /// What happened before a panic and was not handed over.
    pub fn salvage(&mut self) -> Experience {
        std::mem::take(&mut self.experience)
    }

    /// Where each stream is.
    pub fn states(&self) -> impl Iterator<Item = StreamState> + '_ {
        self.streams.iter().map(EnvStream::state)
    }

    /// The generator of batched acting: stored with the [`states`](Self::states), an actor that is made anew with both goes
    /// on as if it had never stopped.
    pub fn rng(&self) -> &Prng {
        &self.rng
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
        let stream = &mut self.streams[stream];
        for _ in 0..steps {
            let (rng, observations, masks) = stream.acting();
            let batch = ObservationBatch { rows: 1, observations, masks };
            policy.act(&batch, ActMode::Explore, rng, &mut self.actions);
            let ended = stream.step(&self.actions, &mut self.experience.transitions)?;
            self.experience.episodes.extend(ended);
        }
        Ok(std::mem::take(&mut self.experience))
    }

    /// Lets all streams go `steps` steps side by side, all observations in one inference.
    ///
    /// # Errors
    /// [`ActorError`] of an environment.
    pub fn advance_all<P: Policy>(&mut self, steps: usize, policy: &mut P) -> Result<Experience, ActorError> {
        for _ in 0..steps {
            let masked = self.streams.iter().any(EnvStream::is_masked);
            self.observations.clear();
            self.masks.clear();
            for stream in &self.streams {
                self.observations.extend_from_slice(stream.observation());
                self.masks.extend_from_slice(stream.mask());
            }
            let batch = ObservationBatch {
                rows: self.streams.len(),
                observations: &self.observations,
                masks: masked.then_some(&self.masks[..]),
            };
            policy.act(&batch, ActMode::Explore, &mut self.rng, &mut self.actions);
            let codes = self.actions.len() / self.streams.len();
            for (stream, codes) in self.streams.iter_mut().zip(self.actions.chunks_exact(codes)) {
                let ended = stream.step(codes, &mut self.experience.transitions)?;
                self.experience.episodes.extend(ended);
            }
        }
        Ok(std::mem::take(&mut self.experience))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::{Algorithm, Learner};
    use crate::device::Device;
    use crate::random::{RandomConfig, RandomPolicy};
    use crate::replay::{Replay, ReplayConfig};
    use crate::spec::EnvSpec;
    use mec_envs::gym::probe::{Probe, Rung};
    use mec_envs::gym::{BoxSpace, Discrete, EnvError, Step, TimeLimit};
    use mec_envs::rng::stream;

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
        let mut replay =
            Replay::new(&ReplayConfig { capacity: 50, ..ReplayConfig::default() }, &EnvSpec::of(&env)).unwrap();
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
