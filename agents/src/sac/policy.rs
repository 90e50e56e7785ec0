//! [`SacPolicy`]: acts with a snapshot of the actor.

use burn::tensor::Device;
use mec_envs::rng::Prng;
use rand::RngExt;
use rand_distr::StandardNormal;

use super::networks::Model;
use crate::agent::{ActMode, ObservationBatch, Policy};
use crate::checkpoint::CheckpointError;
use crate::nn::{Body, Heads, LOG_STD_MAX, LOG_STD_MIN, Mlp, Parameters, host, matrix};
use crate::state::StateDict;

/// A snapshot of the actor of a [`SacLearner`](super::SacLearner), on the CPU.
#[derive(Clone, Debug)]
pub struct SacPolicy {
    actor: Actor,
    weights: Parameters,
    /// Explore uniformly at random: no update has been done yet.
    uniform: bool,
}

#[derive(Clone, Debug)]
enum Actor {
    Discrete(Body, Heads),
    Continuous(Mlp, usize),
}

impl SacPolicy {
    pub(super) fn new(model: &Model, weights: &Parameters, uniform: bool) -> Self {
        let actor = match model {
            Model::Discrete { actor, heads, .. } => Actor::Discrete(actor.clone(), heads.clone()),
            Model::Continuous { actor, dim, .. } => Actor::Continuous(actor.clone(), *dim),
        };
        Self { actor, weights: weights.to_device(&Device::flex()), uniform }
    }

    /// The outputs of the network: logits per choice, or means and log standard deviations, row by row.
    pub fn outputs(&self, batch: &ObservationBatch<'_>) -> Vec<f32> {
        let device = Device::flex();
        host(match &self.actor {
            Actor::Discrete(body, _) => body.forward(self.weights.tensors(), &body.features(batch, &device)),
            Actor::Continuous(mlp, _) => {
                let dim = batch.observations.len() / batch.rows.max(1);
                let input = matrix(batch.observations.to_vec(), [batch.rows, dim], &device);
                mlp.forward(self.weights.tensors(), input)
            }
        })
    }
}

impl Policy for SacPolicy {
    fn act(&mut self, batch: &ObservationBatch<'_>, mode: ActMode, rng: &mut Prng, actions: &mut Vec<f32>) {
        actions.clear();
        let uniform = self.uniform && mode == ActMode::Explore;
        let outputs = if uniform { Vec::new() } else { self.outputs(batch) };
        for row in 0..batch.rows {
            match &self.actor {
                Actor::Discrete(_, heads) => {
                    let choices = heads.choices();
                    let of_row = row * choices..(row + 1) * choices;
                    let mask = batch.masks.map(|masks| &masks[of_row.clone()]);
                    match mode {
                        _ if uniform => heads.uniform(mask, rng, actions),
                        ActMode::Explore => heads.sample(&outputs[of_row], mask, rng, actions),
                        ActMode::Greedy => heads.greedy(&outputs[of_row], mask, actions),
                    }
                }
                Actor::Continuous(_, dim) if uniform => {
                    actions.extend((0..*dim).map(|_| rng.random_range(-1.0..=1.0_f32)));
                }
                Actor::Continuous(_, dim) => {
                    let (mean, log_std) = outputs[2 * row * dim..2 * (row + 1) * dim].split_at(*dim);
                    actions.extend(mean.iter().zip(log_std).map(|(&mean, &log_std)| match mode {
                        ActMode::Greedy => mean.tanh(),
                        ActMode::Explore => {
                            let noise: f32 = rng.sample(StandardNormal);
                            (mean + log_std.clamp(LOG_STD_MIN, LOG_STD_MAX).exp() * noise).tanh()
                        }
                    }));
                }
            }
        }
    }
    fn state(&self) -> StateDict {
        let mut state = StateDict::new("sac policy");
        self.weights.write("actor", &mut state);
        state.insert_value("uniform", self.uniform);
        state
    }

    fn load_state(&mut self, state: &StateDict) -> Result<(), CheckpointError> {
        state.expect_kind("sac policy")?;
        let (weights, uniform) = (self.weights.read("actor", state)?, state.value("uniform")?);
        (self.weights, self.uniform) = (weights, uniform);
        Ok(())
    }
}
