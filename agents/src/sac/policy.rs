//! [`SacPolicy`]: acts with a snapshot of the actor.

use std::borrow::Cow;
use std::sync::Arc;

use burn::tensor::Device;
use mec_envs::rng::Prng;
use rand::RngExt;
use rand_distr::StandardNormal;

use super::networks::Model;
use crate::agent::{ActMode, ObservationBatch, Policy};
use crate::checkpoint::CheckpointError;
use crate::nn::{Parameters, Scaling, SquashedGaussian};
use crate::state::StateDict;

/// A snapshot of the actor of a [`SacLearner`](super::SacLearner), on the CPU. Clones share the weights.
#[derive(Clone, Debug)]
pub struct SacPolicy {
    snapshot: Arc<Snapshot>,
    /// Explore uniformly at random: no update has been done yet.
    uniform: bool,
}

#[derive(Debug)]
struct Snapshot {
    model: Model,
    weights: Parameters,
    scaling: Option<Scaling>,
}

impl SacPolicy {
    pub(super) fn new(model: &Model, weights: &Parameters, scaling: Option<Scaling>, uniform: bool) -> Self {
        let snapshot = Snapshot { model: model.clone(), weights: weights.to_host(), scaling };
        Self { snapshot: Arc::new(snapshot), uniform }
    }

    /// The outputs of the network, row by row: logits per choice, then the means of the continuous entries, then their
    /// log standard deviations.
    pub fn outputs(&self, batch: &ObservationBatch<'_>) -> Vec<f32> {
        let Snapshot { model, weights, scaling } = &*self.snapshot;
        let observations = match scaling {
            Some(scaling) => Cow::Owned(scaling.apply(batch.observations)),
            None => Cow::Borrowed(batch.observations),
        };
        let batch = ObservationBatch { observations: &observations, ..*batch };
        model.actor.predict(weights, &model.actor.inputs(&batch, &[], &Device::flex()), None)
    }
}

impl Policy for SacPolicy {
    fn act(&mut self, batch: &ObservationBatch<'_>, mode: ActMode, rng: &mut Prng, actions: &mut Vec<f32>) {
        actions.clear();
        let uniform = self.uniform && mode == ActMode::Explore;
        let outputs = if uniform { Vec::new() } else { self.outputs(batch) };
        let Model { heads, dim, .. } = &self.snapshot.model;
        let choices = heads.choices();
        for row in 0..batch.rows {
            let mask = batch.masks.map(|masks| &masks[row * choices..(row + 1) * choices]);
            if uniform {
                heads.uniform(mask, rng, actions);
                actions.extend((0..*dim).map(|_| rng.random_range(-1.0..=1.0_f32)));
                continue;
            }
            let (logits, gaussians) =
                outputs[row * (choices + 2 * dim)..(row + 1) * (choices + 2 * dim)].split_at(choices);
            let (means, log_stds) = gaussians.split_at(*dim);
            let entries = means.iter().zip(log_stds).map(|(&mean, &log_std)| SquashedGaussian::new(mean, log_std));
            match mode {
                ActMode::Explore => {
                    heads.sample(logits, mask, rng, actions);
                    actions.extend(entries.map(|entry| entry.sample(rng.sample(StandardNormal)).action));
                }
                ActMode::Greedy => {
                    heads.greedy(logits, mask, actions);
                    actions.extend(entries.map(|entry| entry.mode()));
                }
            }
        }
    }

    fn state(&self) -> StateDict {
        let mut state = StateDict::new("sac policy");
        self.snapshot.weights.write("actor", &mut state);
        if let Some(scaling) = &self.snapshot.scaling {
            scaling.write("scaling", &mut state);
        }
        state.insert_value("uniform", self.uniform);
        state
    }

    fn load_state(&mut self, state: &StateDict) -> Result<(), CheckpointError> {
        state.expect_kind("sac policy")?;
        let Snapshot { model, weights, scaling } = &*self.snapshot;
        let weights = weights.read("actor", state)?;
        let scaling = scaling.as_ref().map(|scaling| scaling.read("scaling", state)).transpose()?;
        let uniform = state.value("uniform")?;
        let snapshot = Arc::new(Snapshot { model: model.clone(), weights, scaling });
        *self = Self { snapshot, uniform };
        Ok(())
    }
}
