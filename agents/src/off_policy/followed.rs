//! [`Followed`]: a network and the slow copy that targets are made with.

use burn::tensor::Tensor;

use crate::checkpoint::CheckpointError;
use crate::nn::{AdamConfig, Parameters, Trained, polyak_update};
use crate::state::StateDict;

/// A network and its slow copy.
#[derive(Clone, Debug)]
pub struct Followed {
    /// What gradients change.
    pub online: Trained,
    /// What targets are made with.
    pub target: Parameters,
}

impl Followed {
    /// These weights before their first step, and an equal copy.
    pub fn new(weights: Parameters, adam: AdamConfig) -> Self {
        Self { target: weights.clone(), online: Trained::new(weights, adam) }
    }

    /// Lets the copy take over this share of the weights, in (0, 1].
    pub fn follow(&mut self, tau: f64) {
        polyak_update(&mut self.target, &self.online.weights, tau as f32);
    }

    /// All that changes, on a device.
    pub(crate) fn tensors_mut(&mut self) -> impl Iterator<Item = &mut Tensor<2>> {
        self.online.tensors_mut().chain(self.target.tensors_mut())
    }

    /// The first tensor with an entry that is infinite or no number, by the name under which it is stored.
    pub fn not_finite(&self, name: &str) -> Option<String> {
        let online = self.online.weights.not_finite().map(|matrix| format!("{name}/{matrix}"));
        online.or_else(|| self.target.not_finite().map(|matrix| format!("target_{name}/{matrix}")))
    }

    /// Adds the weights as `name/...`, the copy as `target_name/...` and the moments as `adam/name/...`.
    pub fn write(&self, name: &str, state: &mut StateDict) {
        self.online.write(name, state);
        self.target.write(&format!("target_{name}"), state);
    }

    /// What [`write`](Self::write) added.
    ///
    /// # Errors
    /// [`CheckpointError`] when an array is missing or of another shape.
    pub fn read(&self, name: &str, state: &StateDict) -> Result<Self, CheckpointError> {
        let online = self.online.read(name, state)?;
        Ok(Self { online, target: self.target.read(&format!("target_{name}"), state)? })
    }
}
