//! The networks of on-policy methods and their optimisers.

use burn::tensor::Device;
use mec_envs::rng::stream;

use super::recipe::Recipe;
use crate::agent::{ConfigError, ObservationBatch};
use crate::checkpoint::CheckpointError;
use crate::nn::{AdamConfig, Matrix, Network, Trained};
use crate::offender::Offender;
use crate::spec::EnvSpec;
use crate::state::StateDict;
use crate::stochastic::ActorModel;

/// How much smaller than other layers the last one of the policy starts: Andrychowicz et al. 2021 (arXiv:2006.05990,
/// section 3.2).
const LAST_LAYER_SCALE: f32 = 0.01;

/// V(s): the output of a perceptron, or the mean of a scorer's scores over the open choices, which the order of options
/// does not change and which the same weights give for any number of them.
#[derive(Clone, Debug)]
pub(super) struct ValueModel {
    pub(super) network: Network,
    /// Scores per row.
    outputs: usize,
}

impl ValueModel {
    fn new(recipe: &Recipe, spec: &EnvSpec) -> Result<Self, ConfigError> {
        use crate::nn::{BodyConfig, Mlp};
        match &recipe.body {
            BodyConfig::Mlp { hidden, activation } => {
                let mlp = Mlp::new(spec.obs_dim(), hidden, 1).activated(*activation);
                Ok(Self { network: Network::Mlp(mlp), outputs: 1 })
            }
            scorer @ BodyConfig::Scorer { .. } => {
                Ok(Self { network: scorer.critic(spec)?, outputs: spec.action.choices() })
            }
        }
    }

    /// V(s) from the outputs of the network, `[batch]`.
    pub(super) fn values(&self, outputs: &[f32], masks: Option<&[bool]>) -> Vec<f32> {
        let rows = outputs.chunks_exact(self.outputs).enumerate();
        rows.map(|(row, outputs)| self.shares(row, masks).zip(outputs).map(|(share, output)| share * output).sum())
            .collect()
    }

    /// The gradient at the outputs, from that at the values.
    pub(super) fn gradient(&self, of_values: &[f32], masks: Option<&[bool]>) -> Vec<f32> {
        let rows = of_values.iter().enumerate();
        rows.flat_map(|(row, of_value)| self.shares(row, masks).map(move |share| share * of_value)).collect()
    }

    /// What each output of a row counts.
    fn shares<'a>(&self, row: usize, masks: Option<&'a [bool]>) -> impl Iterator<Item = f32> + use<'a> {
        let outputs = self.outputs;
        let is_open = move |output: usize| outputs == 1 || masks.is_none_or(|masks| masks[row * outputs + output]);
        let open = (0..outputs).filter(|&output| is_open(output)).count().max(1) as f32;
        (0..outputs).map(move |output| if is_open(output) { 1.0 / open } else { 0.0 })
    }
}

/// The architectures.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) actor: ActorModel,
    pub(super) value: ValueModel,
}

impl Model {
    pub(super) fn new(recipe: &Recipe, spec: &EnvSpec) -> Result<Self, ConfigError> {
        Ok(Self { actor: ActorModel::new(recipe.name, &recipe.body, spec)?, value: ValueModel::new(recipe, spec)? })
    }
}

/// All that updates change.
#[derive(Clone, Debug)]
pub(super) struct Networks {
    pub(super) actor: Trained,
    pub(super) value: Trained,
}

impl Networks {
    pub(super) fn new(model: &Model, recipe: &Recipe, device: &Device, seed: u64) -> Self {
        let adam = |learning_rate| AdamConfig { learning_rate, max_grad_norm: recipe.max_grad_norm };
        let mut actor = model.actor.network.init(&mut stream(seed, "on_policy/actor"), device);
        let last = actor.matrices().len().saturating_sub(2);
        for matrix in &mut actor.matrices_mut()[last..] {
            let smaller = matrix.to_vec().into_iter().map(|weight| weight * LAST_LAYER_SCALE).collect();
            *matrix = Matrix::new(smaller, matrix.shape(), device);
        }
        let value = model.value.network.init(&mut stream(seed, "on_policy/value"), device);
        Self { actor: Trained::new(actor, adam(recipe.actor_lr)), value: Trained::new(value, adam(recipe.value_lr)) }
    }

    /// V(s), `[batch]`.
    pub(super) fn values(&self, model: &Model, batch: &ObservationBatch<'_>, device: &Device) -> Vec<f32> {
        if batch.rows == 0 {
            return Vec::new();
        }
        let network = &model.value.network;
        let outputs = network.predict(&self.value.weights, &network.inputs(batch, &[], device), None);
        model.value.values(&outputs, batch.masks)
    }

    /// The tensor to blame.
    pub(super) fn offender(&self) -> Option<Offender> {
        Offender::worst(self.actor.weights.offenders("actor").chain(self.value.weights.offenders("value")))
    }

    pub(super) fn write(&self, state: &mut StateDict) {
        self.actor.write("actor", state);
        self.value.write("value", state);
    }

    pub(super) fn read(&self, state: &StateDict) -> Result<Self, CheckpointError> {
        Ok(Self { actor: self.actor.read("actor", state)?, value: self.value.read("value", state)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Mlp;

    /// Scores 1, 2, 6 with the second closed: (1 + 6) / 2; all open: 3.
    #[test]
    fn the_value_is_the_mean_of_the_open_scores() {
        let value = ValueModel { network: Network::Mlp(Mlp::new(1, &[1], 3)), outputs: 3 };
        let masks = [true, false, true, true, true, true];
        assert_eq!(value.values(&[1.0, 2.0, 6.0, 1.0, 2.0, 6.0], Some(&masks)), [3.5, 3.0]);
        let gradient = value.gradient(&[1.0, 3.0], Some(&masks));
        assert_eq!(gradient, [0.5, 0.0, 0.5, 1.0, 1.0, 1.0]);
    }
}
