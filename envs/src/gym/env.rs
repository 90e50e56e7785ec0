//! [`Env`]: the environment contract, and what a step returns.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

use super::space::{ActionSpace, Space};

/// The observations of environment `E`.
pub type Obs<E> = <<E as Env>::ObservationSpace as Space>::Element;

/// The actions of environment `E`.
pub type Act<E> = <<E as Env>::ActionSpace as Space>::Element;

/// One named figure of an episode, for example `("latency_mean_s", 0.31)`.
pub type Metric = (&'static str, f64);

/// A partially observable decision process with Gymnasium's interface.
///
/// ```
/// use mec_envs::gym::{ActionSpace, Env, Space, probe::{Probe, Rung}};
/// use mec_envs::rng::stream;
///
/// let mut rng = stream(0, "policy");
/// let mut env = Probe::discrete(Rung::Match);
/// let mut observation = env.reset(Some(7));
/// loop {
///     let action = env.action_space().sample(&mut rng);
///     let step = env.step(&action)?;
///     observation = step.observation;
///     if step.terminated || step.truncated {
///         break;
///     }
/// }
/// # Ok::<(), mec_envs::gym::EnvError>(())
/// ```
///
/// # Design
/// - Configuration is validated when an environment is made, so `reset` cannot fail.
/// - `info` is a type of the environment, not a map: its readers are checked by the compiler.
/// - Action masks are a method, because an agent needs them before it acts and Gymnasium has no formal place for
///   them (its convention is `info["action_mask"]` after both `reset` and `step`).
pub trait Env {
    /// The set of observations.
    type ObservationSpace: Space;
    /// The set of actions.
    type ActionSpace: ActionSpace;
    /// What a step tells beside the observation.
    type Info;

    /// The set that every observation lies in.
    fn observation_space(&self) -> &Self::ObservationSpace;

    /// The set that every action must lie in.
    fn action_space(&self) -> &Self::ActionSpace;

    /// Starts an episode. `Some(seed)` re-creates the environment's generators, `None` continues their streams.
    fn reset(&mut self, seed: Option<u64>) -> Obs<Self>;

    /// Advances by one decision. Nothing can interrupt a step, so an environment that may hang (a device, a link) needs a
    /// time limit of its own within it.
    ///
    /// # Errors
    /// [`EnvError::ResetNeeded`] before the first `reset` and after an episode's end,
    /// [`EnvError::InvalidAction`] for an action outside the space or masked out. The state is then unchanged.
    fn step(&mut self, action: &Act<Self>) -> Result<Step<Obs<Self>, Self::Info>, EnvError>;

    /// [`reset`](Env::reset) that writes the first observation over `observation`, whatever that held.
    ///
    /// Environments whose observations live on the heap override it and [`step_into`](Env::step_into), so that a loop
    /// with one buffer allocates nothing.
    fn reset_into(&mut self, seed: Option<u64>, observation: &mut Obs<Self>) {
        *observation = self.reset(seed);
    }

    /// [`step`](Env::step) that writes the next observation over `observation`, whatever that held; the returned step
    /// has all the rest.
    ///
    /// ```
    /// use mec_envs::gym::Env;
    /// use mec_envs::gym::classic::CartPole;
    ///
    /// let mut env = CartPole::v1();
    /// let mut observation = env.reset(Some(7));
    /// for action in [0, 1].into_iter().cycle().take(1_000) {
    ///     if env.step_into(&action, &mut observation)?.is_last() {
    ///         env.reset_into(None, &mut observation);
    ///     }
    /// }
    /// # Ok::<(), mec_envs::gym::EnvError>(())
    /// ```
    ///
    /// # Errors
    /// As [`step`](Env::step); `observation` is then unchanged, too.
    fn step_into(&mut self, action: &Act<Self>, observation: &mut Obs<Self>) -> Result<Step<(), Self::Info>, EnvError> {
        Ok(self.step(action)?.map(|next| *observation = next))
    }

    /// Which choices are open now: one flag per choice, all heads of the [`ActionLayout`](super::ActionLayout) one
    /// after another; `None` when every action of the space is. Each head has at least one open choice.
    fn action_mask(&self) -> Option<&[bool]> {
        None
    }

    /// Figures of the current episode so far, in SI units, with the same names in the same order at every call.
    fn metrics(&self) -> Vec<Metric> {
        Vec::new()
    }

    /// What outlives an episode: all that a seeded `reset` does not set anew, such as the running statistics of
    /// [`NormalizeObservation`](super::NormalizeObservation). `None` for an environment that remembers nothing, as most
    /// do; wrappers hand on what they wrap.
    ///
    /// Taken before the `reset` that starts an episode, it makes the state within that episode a function of little: an
    /// equal environment that is given the memory, reset with the seed and stepped with the same actions has come to
    /// the same point. So an episode can be stored, and resumed, without a form of its own for every environment.
    fn memory(&self) -> Option<Value> {
        None
    }

    /// Puts back what [`memory`](Env::memory) of an equal environment gave; the next call must be `reset`.
    ///
    /// # Errors
    /// [`EnvError::ForeignMemory`] when it is not one of such an environment; nothing is then changed.
    fn set_memory(&mut self, memory: Option<&Value>) -> Result<(), EnvError> {
        match memory {
            None => Ok(()),
            Some(_) => Err(EnvError::ForeignMemory { reason: "this environment remembers nothing".to_owned() }),
        }
    }
}

/// The memory of a wrapper that has one of its own.
pub(super) fn to_memory(own: impl Serialize) -> Option<Value> {
    Some(serde_json::to_value(own).expect("memories are plain structs, which have a JSON form"))
}

/// Reads what [`to_memory`] wrote.
pub(super) fn from_memory<T: DeserializeOwned>(memory: Option<&Value>) -> Result<T, EnvError> {
    let refuse = |reason: String| EnvError::ForeignMemory { reason };
    let memory = memory.ok_or_else(|| refuse("there is none, and this environment has one".to_owned()))?;
    T::deserialize(memory).map_err(|error| refuse(error.to_string()))
}

/// What [`Env::step`] returns.
#[derive(Clone, Debug, PartialEq)]
pub struct Step<O, I = ()> {
    /// The observation after the action.
    pub observation: O,
    /// The reward of the action.
    pub reward: f64,
    /// The process has ended: no future reward exists.
    pub terminated: bool,
    /// The episode was cut short from outside (a time limit): future reward exists but is not seen.
    pub truncated: bool,
    /// What else the environment tells.
    pub info: I,
}

impl<O, I> Step<O, I> {
    /// The episode is over, for either reason; the next call must be `reset`.
    pub fn is_last(&self) -> bool {
        self.terminated || self.truncated
    }

    /// The same step with another form of its observation.
    pub fn map<P>(self, form: impl FnOnce(O) -> P) -> Step<P, I> {
        let Self { observation, reward, terminated, truncated, info } = self;
        Step { observation: form(observation), reward, terminated, truncated, info }
    }

    /// The same step with another form of its info.
    pub fn map_info<J>(self, form: impl FnOnce(I) -> J) -> Step<O, J> {
        let Self { observation, reward, terminated, truncated, info } = self;
        Step { observation, reward, terminated, truncated, info: form(info) }
    }
}

/// A misuse of an environment.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum EnvError {
    /// `step` without a running episode.
    #[error("step needs a running episode: call reset first, and again after each terminated or truncated step")]
    ResetNeeded,
    /// The action is not one of the open ones.
    #[error("action {action} is not open here: {reason}; accepted is {accepted}")]
    InvalidAction {
        /// The action as given.
        action: String,
        /// Why it was refused.
        reason: String,
        /// What the space accepts.
        accepted: String,
    },
    /// [`Env::set_memory`] with what no such environment remembers.
    #[error("this is not the memory of such an environment: {reason}")]
    ForeignMemory {
        /// What is wrong with it.
        reason: String,
    },
}

impl EnvError {
    /// The refusal of an action that is not in the action space.
    pub fn outside(action: &impl Debug, space: &impl Debug) -> Self {
        Self::refusal(action, "it lies outside the action space", format!("{space:?}"))
    }

    /// The refusal of an action that the mask closes.
    pub fn closed(action: &impl Debug, space: &impl Debug) -> Self {
        Self::refusal(action, "the mask closes it", format!("what the mask leaves open of {space:?}"))
    }

    pub(super) fn refusal(action: &impl Debug, reason: &str, accepted: String) -> Self {
        Self::InvalidAction { action: format!("{action:?}"), reason: reason.to_owned(), accepted }
    }
}
