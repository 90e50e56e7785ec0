//! Probe environments: a ladder of tiny problems with known answers that tells which part of an agent is broken.
//!
//! Climb it from the bottom: an agent that fails [`Rung::Value`] cannot learn [`Rung::Match`]. Each rung comes with
//! `Discrete`, `MultiDiscrete`, `Box` and mixed actions.

use rand::RngExt;

use super::env::{Env, EnvError, Step};
use super::space::{ActionSpace, BoxSpace, Discrete, MultiDiscrete};
use crate::rng::{Prng, stream};

/// What a probe asks of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rung {
    /// One step, observation 0, reward 1. Fails: the critic's loss or optimiser.
    Constant,
    /// One step, observation -1 or 1 at random, reward = observation. Fails: the critic does not see observations.
    Value,
    /// Two steps, observations 0 and 1, reward 1 at the second. Fails: bootstrapping; the first value is gamma.
    Delayed,
    /// One step, observation 0, reward = how well the action hits 1. Fails: the actor's loss.
    Action,
    /// One step, reward = how well the action hits the observation, -1 or 1. Fails: the actor does not see it.
    Match,
    /// Reward 1 at every step, never ends by itself. Within a [`TimeLimit`](super::TimeLimit) the value is
    /// 1 / (1 - gamma) only for agents that bootstrap through truncation.
    Endless,
    /// [`Rung::Match`] with the last choice of each categorical head closed by a mask.
    Masked,
}

impl Rung {
    /// All rungs, lowest first.
    pub const ALL: [Rung; 7] =
        [Self::Constant, Self::Value, Self::Delayed, Self::Action, Self::Match, Self::Endless, Self::Masked];
}

/// An action space in which probes can say how well an action hits a target.
pub trait ProbeSpace: ActionSpace {
    /// 0 for a perfect hit of `target` (-1 or 1), down to -1 (per head or entry, on average).
    fn score(&self, action: &Self::Element, target: f32) -> f64;
}

fn hit(choice: usize, target: f32) -> f64 {
    if choice == usize::from(target > 0.0) { 0.0 } else { -1.0 }
}

impl ProbeSpace for Discrete {
    fn score(&self, action: &usize, target: f32) -> f64 {
        hit(*action, target)
    }
}

impl ProbeSpace for MultiDiscrete {
    /// The heads must hit the target and its opposite in turn.
    fn score(&self, action: &Vec<usize>, target: f32) -> f64 {
        let hits =
            action.iter().enumerate().map(|(head, &choice)| hit(choice, if head % 2 == 0 { target } else { -target }));
        hits.sum::<f64>() / action.len() as f64
    }
}

impl ProbeSpace for BoxSpace {
    /// The entries must come close to half the target: the squared distance counts.
    fn score(&self, action: &Vec<f32>, target: f32) -> f64 {
        let distances = action.iter().map(|&entry| f64::from(entry - 0.5 * target).powi(2));
        -distances.sum::<f64>() / action.len() as f64
    }
}

impl<A: ProbeSpace, B: ProbeSpace> ProbeSpace for (A, B) {
    /// Both must hit: the mean of their scores.
    fn score(&self, action: &Self::Element, target: f32) -> f64 {
        0.5 * (self.0.score(&action.0, target) + self.1.score(&action.1, target))
    }
}

/// A probe environment.
///
/// # Action Space
/// `Discrete(3)`, `MultiDiscrete([3, 3])`, `Box(-1, 1, [2])` or a pair of the first and the last, by constructor.
///
/// # Observation Space
/// `Box(-1, 1, [1])`.
///
/// # Rewards, Starting State, Episode End
/// See [`Rung`]. All ends are terminations; [`Rung::Endless`] has none.
#[derive(Clone, Debug)]
pub struct Probe<A> {
    rung: Rung,
    action_space: A,
    observation_space: BoxSpace,
    mask: Option<Vec<bool>>,
    rng: Prng,
    state: Option<State>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    observation: f32,
    steps: usize,
}

impl Probe<Discrete> {
    /// A probe with one categorical choice of three.
    pub fn discrete(rung: Rung) -> Self {
        Self::new(rung, Discrete::new(3))
    }
}

impl Probe<MultiDiscrete> {
    /// A probe with two categorical choices of three.
    pub fn multi_discrete(rung: Rung) -> Self {
        Self::new(rung, MultiDiscrete::new(&[3, 3]).expect("both heads have choices"))
    }
}

impl Probe<BoxSpace> {
    /// A probe with two continuous entries.
    pub fn continuous(rung: Rung) -> Self {
        Self::new(rung, BoxSpace::uniform(&[2], -1.0, 1.0))
    }
}

impl Probe<(Discrete, BoxSpace)> {
    /// A probe with one categorical choice of three and two continuous entries.
    pub fn mixed(rung: Rung) -> Self {
        Self::new(rung, (Discrete::new(3), BoxSpace::uniform(&[2], -1.0, 1.0)))
    }
}

impl<A: ProbeSpace> Probe<A> {
    fn new(rung: Rung, action_space: A) -> Self {
        let heads = action_space.layout().heads;
        let closed_last =
            || heads.iter().flat_map(|&choices| (0..choices).map(move |choice| choice + 1 < choices)).collect();
        let mask = (rung == Rung::Masked && !heads.is_empty()).then(closed_last);
        let observation_space = BoxSpace::uniform(&[1], -1.0, 1.0);
        Self { rung, action_space, observation_space, mask, rng: stream(0, "probe"), state: None }
    }

    /// Which rung this is.
    pub fn rung(&self) -> Rung {
        self.rung
    }

    fn check(&self, action: &A::Element) -> Result<(), EnvError> {
        if !self.action_space.contains(action) {
            return Err(EnvError::outside(action, &self.action_space));
        }
        match &self.mask {
            Some(mask) if !self.action_space.is_open(action, mask) => Err(EnvError::closed(action, &self.action_space)),
            _ => Ok(()),
        }
    }
}

impl<A: ProbeSpace> Env for Probe<A> {
    type ObservationSpace = BoxSpace;
    type ActionSpace = A;
    type Info = ();

    fn observation_space(&self) -> &BoxSpace {
        &self.observation_space
    }

    fn action_space(&self) -> &A {
        &self.action_space
    }

    fn reset(&mut self, seed: Option<u64>) -> Vec<f32> {
        if let Some(seed) = seed {
            self.rng = stream(seed, "probe");
        }
        let observation = match self.rung {
            Rung::Value | Rung::Match | Rung::Masked => {
                if self.rng.random() {
                    1.0
                } else {
                    -1.0
                }
            }
            Rung::Constant | Rung::Delayed | Rung::Action | Rung::Endless => 0.0,
        };
        self.state = Some(State { observation, steps: 0 });
        vec![observation]
    }

    fn step(&mut self, action: &A::Element) -> Result<Step<Vec<f32>>, EnvError> {
        let state = self.state.ok_or(EnvError::ResetNeeded)?;
        self.check(action)?;
        let steps = state.steps + 1;
        let (reward, terminated) = match self.rung {
            Rung::Constant => (1.0, true),
            Rung::Value => (f64::from(state.observation), true),
            Rung::Delayed => (f64::from(u8::from(steps == 2)), steps == 2),
            Rung::Action => (self.action_space.score(action, 1.0), true),
            Rung::Match | Rung::Masked => (self.action_space.score(action, state.observation), true),
            Rung::Endless => (1.0, false),
        };
        let observation = if self.rung == Rung::Delayed { 1.0 } else { state.observation };
        self.state = (!terminated).then_some(State { observation, steps });
        Ok(Step { observation: vec![observation], reward, terminated, truncated: false, info: () })
    }

    fn action_mask(&self) -> Option<&[bool]> {
        self.mask.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{TimeLimit, check_env};
    use super::*;

    #[test]
    fn every_probe_passes_the_environment_check() {
        for rung in Rung::ALL {
            check_env(|| TimeLimit::new(Probe::discrete(rung), 5), 1, 200).unwrap();
            check_env(|| TimeLimit::new(Probe::multi_discrete(rung), 5), 2, 200).unwrap();
            check_env(|| TimeLimit::new(Probe::continuous(rung), 5), 3, 200).unwrap();
            check_env(|| TimeLimit::new(Probe::mixed(rung), 5), 4, 200).unwrap();
        }
    }

    #[test]
    fn a_closed_choice_is_refused_and_changes_nothing() {
        let mut env = Probe::discrete(Rung::Masked);
        env.reset(Some(1));
        assert!(matches!(env.step(&2), Err(EnvError::InvalidAction { .. })));
        assert!(env.step(&1).is_ok());
    }
}
