//! [`Seeded`]: an environment whose episodes all have seeds that can be told.

use mec_gym::envs::gym::{Act, Env, EnvError, Metric, Obs, Step};
use mec_gym::envs::rng::derive_seed;

/// An environment whose episodes all have seeds that can be told, below 2^63: the one that a `reset` is given, and after
/// it those that follow from it by their number. So the state within an episode is a function of two numbers and the
/// actions since.
pub struct Seeded<E> {
    env: E,
    origin: Origin,
    primed: Option<Origin>,
}

/// Where the seed of an episode comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The last seed that was given.
    pub base: u64,
    /// Episodes since then.
    pub episode: u64,
}

impl Origin {
    /// The first episode after a seed.
    pub fn first(base: u64) -> Self {
        Self { base, episode: 0 }
    }

    /// The seed of the episode.
    pub fn seed(self) -> u64 {
        match self.episode {
            0 => self.base,
            number => derive_seed(self.base, &format!("episode/{number}")) >> 1,
        }
    }

    fn next(self) -> Self {
        Self { episode: self.episode + 1, ..self }
    }
}

impl<E> Seeded<E> {
    pub fn new(env: E) -> Self {
        Self { env, origin: Origin::default(), primed: None }
    }

    pub fn inner(&self) -> &E {
        &self.env
    }

    /// Where the seed of the present episode comes from.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// Says which episode the next `reset` without a seed starts.
    pub fn prime(&mut self, origin: Origin) {
        self.primed = Some(origin);
    }

    fn begin(&mut self, seed: Option<u64>) -> Option<u64> {
        let primed = self.primed.take();
        self.origin = seed.map(Origin::first).or(primed).unwrap_or_else(|| self.origin.next());
        Some(self.origin.seed())
    }
}

impl<E: Env> Env for Seeded<E> {
    type ObservationSpace = E::ObservationSpace;
    type ActionSpace = E::ActionSpace;
    type Info = E::Info;

    fn observation_space(&self) -> &E::ObservationSpace {
        self.env.observation_space()
    }

    fn action_space(&self) -> &E::ActionSpace {
        self.env.action_space()
    }

    fn reset(&mut self, seed: Option<u64>) -> Obs<E> {
        let seed = self.begin(seed);
        self.env.reset(seed)
    }

    fn step(&mut self, action: &Act<E>) -> Result<Step<Obs<E>, E::Info>, EnvError> {
        self.env.step(action)
    }

    fn reset_into(&mut self, seed: Option<u64>, observation: &mut Obs<E>) {
        let seed = self.begin(seed);
        self.env.reset_into(seed, observation);
    }

    fn step_into(&mut self, action: &Act<E>, observation: &mut Obs<E>) -> Result<Step<(), E::Info>, EnvError> {
        self.env.step_into(action, observation)
    }

    fn action_mask(&self) -> Option<&[bool]> {
        self.env.action_mask()
    }

    fn metrics(&self) -> Vec<Metric> {
        self.env.metrics()
    }
}
