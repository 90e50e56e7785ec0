//! [`Trained`]: weights that an optimiser changes.

use burn::tensor::{Device, Tensor};

use super::adam::{Adam, AdamConfig, Rates};
use super::matrix::Matrix;
use super::parameters::Parameters;
use crate::checkpoint::CheckpointError;
use crate::state::StateDict;

/// Weights with their optimiser.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The weights.
    pub weights: Parameters,
    adam: Adam,
}

impl Trained {
    /// These weights before their first step.
    pub fn new(weights: Parameters, config: AdamConfig) -> Self {
        Self { adam: Adam::new(config, &weights), weights }
    }

    /// One optimiser step along the gradients of the weights.
    pub fn step(&mut self, gradients: &[Matrix]) {
        self.step_share(gradients, 1.0);
    }

    /// The same by this share of the step size, 0 to 1.
    pub fn step_share(&mut self, gradients: &[Matrix], share: f64) {
        self.adam.step(&mut self.weights, gradients, share);
    }

    /// The same, if the loss that the gradients are of is a number: a step along what is none would hide where that came
    /// from.
    pub fn step_along(&mut self, loss: f64, gradients: &[Matrix], share: f64) {
        if loss.is_finite() {
            self.step_share(gradients, share);
        }
    }

    /// Counts a step of this share of the step size; what [`step_on_device`](Self::step_on_device) then takes it with.
    pub(crate) fn begin(&mut self, share: f64) -> Rates {
        self.adam.begin(share)
    }

    /// The step begun, with its rates on the device, `[1, 1]` each.
    pub(crate) fn step_on_device(&mut self, gradients: &[Matrix], rates: &[Tensor<2>; 2]) {
        let times = rates.each_ref().map(|rate| move |x: Tensor<2>| x * rate.clone());
        self.adam.step_on_device(&mut self.weights, gradients, &times);
    }

    /// Networks that take their steps together on a device, stacked.
    pub(crate) fn stacked<'a>(members: impl Iterator<Item = &'a Self> + Clone, device: &Device) -> Self {
        let weights = members.clone().map(|member| &member.weights);
        let adam = members.map(|member| &member.adam);
        Self { weights: Parameters::stacked(weights, device), adam: Adam::stacked(adam, device) }
    }

    /// The members of stacked networks, in host memory.
    pub(crate) fn apart(&self) -> Vec<Self> {
        let optimisers = self.adam.apart();
        let weights = self.weights.apart(optimisers.len());
        weights.into_iter().zip(optimisers).map(|(weights, adam)| Self { weights, adam }).collect()
    }

    /// Weights and moments on a device.
    pub(crate) fn tensors_mut(&mut self) -> impl Iterator<Item = &mut Tensor<2>> {
        self.weights.tensors_mut().chain(self.adam.moments_mut())
    }

    /// Adds the weights as `name/...` and the moments as `adam/name/...`.
    pub fn write(&self, name: &str, state: &mut StateDict) {
        self.weights.write(name, state);
        self.adam.write(&format!("adam/{name}"), state);
    }

    /// What [`write`](Self::write) added.
    ///
    /// # Errors
    /// [`CheckpointError`] when an array is missing or of another shape.
    pub fn read(&self, name: &str, state: &StateDict) -> Result<Self, CheckpointError> {
        let weights = self.weights.read(name, state)?;
        Ok(Self { weights, adam: self.adam.read(&format!("adam/{name}"), state)? })
    }
}
