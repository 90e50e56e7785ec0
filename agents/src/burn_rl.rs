//! Adapters to burn-rl: [`ForBurn`] lets its users, and burn-train's, drive our environments; [`FromBurn`] lets our agents
//! learn in theirs. Feature `burn-rl`.

use burn_rl::{Environment, StepResult};
use mec_envs::gym::{ActionSpace, BoxSpace, Env, EnvError, Obs, Space, Step};

/// What [`ForBurn`] shows: a flat observation and the choices that are open.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FlatState {
    /// `[obs_dim]`.
    pub observation: Vec<f32>,
    /// `[choices]`, all heads one after another; `None` when all are open.
    pub mask: Option<Vec<bool>>,
}

/// One of our environments as burn-rl's. Its actions are codes: the index per categorical head, then the continuous
/// entries in [-1, 1], as [`ActionLayout`](mec_envs::gym::ActionLayout) orders them.
///
/// `done` is termination. Episodes have no largest number of steps but those of the environment, which truncates them
/// itself.
///
/// # Panics
/// [`Environment::step`] cannot refuse: an action that the mask closes, and a step after an episode's end, panic with
/// the environment's sentence.
pub struct ForBurn<E: Env> {
    env: E,
    state: FlatState,
}

impl<E: Env> ForBurn<E> {
    /// Wraps `env`, and begins its first episode with this seed. Later ones go on with its generators.
    pub fn new(mut env: E, seed: u64) -> Self {
        let observation = env.reset(Some(seed));
        let mut adapter = Self { env, state: FlatState::default() };
        adapter.show(&observation);
        adapter
    }

    /// The wrapped environment.
    pub fn inner(&self) -> &E {
        &self.env
    }

    fn show(&mut self, observation: &Obs<E>) {
        self.state.observation.clear();
        self.env.observation_space().flatten_into(observation, &mut self.state.observation);
        self.state.mask = self.env.action_mask().map(<[bool]>::to_vec);
    }
}

impl<E: Env> Environment for ForBurn<E> {
    type State = FlatState;
    type Action = Vec<f32>;

    const MAX_STEPS: usize = usize::MAX;

    fn state(&self) -> FlatState {
        self.state.clone()
    }

    fn step(&mut self, action: Vec<f32>) -> StepResult<FlatState> {
        let action = self.env.action_space().decode(&action);
        let step = self.env.step(&action).unwrap_or_else(|error| panic!("{error}"));
        self.show(&step.observation);
        let Step { reward, terminated, truncated, .. } = step;
        StepResult { next_state: self.state(), reward, done: terminated, truncated }
    }

    fn reset(&mut self) {
        let observation = self.env.reset(None);
        self.show(&observation);
    }
}

/// What [`FromBurn`] has to know of an environment of burn-rl, whose traits speak neither of spaces nor of seeds.
pub trait BurnTask {
    /// The environment.
    type Environment: Environment;
    /// The space of its actions.
    type ActionSpace: ActionSpace;

    /// A new environment whose randomness comes from this seed alone.
    fn make(&self, seed: u64) -> Self::Environment;

    /// The box that observations lie in.
    fn observation_space(&self) -> BoxSpace;

    /// The actions.
    fn action_space(&self) -> Self::ActionSpace;

    /// A state as an observation.
    fn observe(&self, state: &<Self::Environment as Environment>::State) -> Vec<f32>;

    /// An action of the space as one of the environment.
    fn action(&self, action: &<Self::ActionSpace as Space>::Element) -> <Self::Environment as Environment>::Action;
}

/// An environment of burn-rl as one of ours. An episode that reaches [`Environment::MAX_STEPS`] is truncated there.
pub struct FromBurn<T: BurnTask> {
    task: T,
    observation_space: BoxSpace,
    action_space: T::ActionSpace,
    env: Option<T::Environment>,
    /// Steps of the running episode; none when there is none.
    steps: Option<usize>,
}

impl<T: BurnTask> FromBurn<T> {
    /// The environment of this task.
    pub fn new(task: T) -> Self {
        let (observation_space, action_space) = (task.observation_space(), task.action_space());
        Self { task, observation_space, action_space, env: None, steps: None }
    }
}

impl<T: BurnTask> Env for FromBurn<T> {
    type ObservationSpace = BoxSpace;
    type ActionSpace = T::ActionSpace;
    type Info = ();

    fn observation_space(&self) -> &BoxSpace {
        &self.observation_space
    }

    fn action_space(&self) -> &T::ActionSpace {
        &self.action_space
    }

    fn reset(&mut self, seed: Option<u64>) -> Vec<f32> {
        let made = match seed {
            Some(seed) => Some(self.task.make(seed)),
            None => self.env.take(),
        };
        let env = self.env.insert(made.unwrap_or_else(|| self.task.make(0)));
        env.reset();
        self.steps = Some(0);
        self.task.observe(&env.state())
    }

    fn step(&mut self, action: &<T::ActionSpace as Space>::Element) -> Result<Step<Vec<f32>>, EnvError> {
        let (Some(env), Some(steps)) = (&mut self.env, self.steps) else { return Err(EnvError::ResetNeeded) };
        if !self.action_space.contains(action) {
            return Err(EnvError::outside(action, &self.action_space));
        }
        let StepResult { next_state, reward, done, truncated } = env.step(self.task.action(action));
        let cut = steps + 1 >= T::Environment::MAX_STEPS;
        let step = Step {
            observation: self.task.observe(&next_state),
            reward,
            terminated: done,
            truncated: !done && (truncated || cut),
            info: (),
        };
        self.steps = (!step.is_last()).then_some(steps + 1);
        Ok(step)
    }
}
