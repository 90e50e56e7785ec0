//! [`TransformAction`].

use serde_json::Value;

use crate::gym::{BoxSpace, Env, EnvError, Metric, Obs, Space, Step};

/// What becomes of an action before the wrapped environment takes it.
pub trait ActionTransform {
    /// One entry of the wrapped action, which must lie between `low` and `high`.
    fn entry(&self, entry: f32, low: f32, high: f32) -> f32;
}

/// Takes the actions of one box and hands those of another to the wrapped environment; [`ClipAction`](super::ClipAction)
/// and [`RescaleAction`](super::RescaleAction) are two of it.
#[derive(Clone, Debug)]
pub struct TransformAction<E, T> {
    env: E,
    transform: T,
    action_space: BoxSpace,
    /// The action of the wrapped environment; a buffer.
    transformed: Vec<f32>,
}

impl<E: Env<ActionSpace = BoxSpace>, T: ActionTransform> TransformAction<E, T> {
    /// Wraps `env`, whose actions then come from `action_space`, of the same shape as its own.
    pub fn with(env: E, action_space: BoxSpace, transform: T) -> Self {
        Self { env, transform, action_space, transformed: Vec::new() }
    }

    /// The wrapped environment.
    pub fn inner(&self) -> &E {
        &self.env
    }

    /// The wrapped environment; actions that it is given there are taken as they are.
    pub fn inner_mut(&mut self) -> &mut E {
        &mut self.env
    }

    fn transform(&mut self, action: &Vec<f32>) -> Result<(), EnvError> {
        if !self.action_space.contains(action) {
            return Err(EnvError::outside(action, &self.action_space));
        }
        let entries = action.iter().zip(self.env.action_space().bounds());
        self.transformed.clear();
        self.transformed.extend(entries.map(|(&entry, (low, high))| self.transform.entry(entry, low, high)));
        Ok(())
    }
}

impl<E: Env<ActionSpace = BoxSpace>, T: ActionTransform> Env for TransformAction<E, T> {
    type ObservationSpace = E::ObservationSpace;
    type ActionSpace = BoxSpace;
    type Info = E::Info;

    fn observation_space(&self) -> &E::ObservationSpace {
        self.env.observation_space()
    }

    fn action_space(&self) -> &BoxSpace {
        &self.action_space
    }

    fn reset(&mut self, seed: Option<u64>) -> Obs<E> {
        self.env.reset(seed)
    }

    fn step(&mut self, action: &Vec<f32>) -> Result<Step<Obs<E>, E::Info>, EnvError> {
        self.transform(action)?;
        self.env.step(&self.transformed)
    }

    fn reset_into(&mut self, seed: Option<u64>, observation: &mut Obs<E>) {
        self.env.reset_into(seed, observation);
    }

    fn step_into(&mut self, action: &Vec<f32>, observation: &mut Obs<E>) -> Result<Step<(), E::Info>, EnvError> {
        self.transform(action)?;
        self.env.step_into(&self.transformed, observation)
    }

    fn action_mask(&self) -> Option<&[bool]> {
        self.env.action_mask()
    }

    fn metrics(&self) -> Vec<Metric> {
        self.env.metrics()
    }

    fn memory(&self) -> Option<Value> {
        self.env.memory()
    }

    fn set_memory(&mut self, memory: Option<&Value>) -> Result<(), EnvError> {
        self.env.set_memory(memory)
    }
}
