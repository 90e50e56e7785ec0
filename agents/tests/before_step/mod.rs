//! [`BeforeStep`]: an environment in which a test has its say before every step.

use mec_envs::gym::{Act, Env, EnvError, Obs, Step};

/// The environment, with what happens before a step: told how many steps it has made in all episodes, `before` may panic,
/// wait, or refuse the step.
pub struct BeforeStep<E, F> {
    env: E,
    steps: usize,
    before: F,
}

impl<E: Env, F: FnMut(usize) -> Result<(), EnvError>> BeforeStep<E, F> {
    pub fn new(env: E, before: F) -> Self {
        Self { env, steps: 0, before }
    }
}

impl<E: Env, F: FnMut(usize) -> Result<(), EnvError>> Env for BeforeStep<E, F> {
    type ObservationSpace = E::ObservationSpace;
    type ActionSpace = E::ActionSpace;
    type Info = ();

    fn observation_space(&self) -> &E::ObservationSpace {
        self.env.observation_space()
    }

    fn action_space(&self) -> &E::ActionSpace {
        self.env.action_space()
    }

    fn reset(&mut self, seed: Option<u64>) -> Obs<Self> {
        self.env.reset(seed)
    }

    fn step(&mut self, action: &Act<Self>) -> Result<Step<Obs<Self>>, EnvError> {
        (self.before)(self.steps)?;
        self.steps += 1;
        Ok(self.env.step(action)?.map_info(|_| ()))
    }
}
