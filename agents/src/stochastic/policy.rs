//! [`StochasticPolicy`]: acts with a snapshot of an actor.

use std::borrow::Cow;
use std::sync::Arc;

use burn::tensor::Device;
use mec_envs::rng::Prng;
use rand::RngExt;
use rand_distr::StandardNormal;

use crate::agent::{ActMode, ConfigError, ObservationBatch, Policy};
use crate::checkpoint::CheckpointError;
use crate::identity::Identity;
use crate::nn::{BodyConfig, Heads, Network, Parameters, Scaling, SquashedGaussian};
use crate::spec::EnvSpec;
use crate::state::StateDict;

/// The network of an actor, and the actions it decides on.
#[derive(Clone, Debug)]
pub struct ActorModel {
    /// Logits per choice, then the means of the continuous entries, then their log standard deviations.
    pub network: Network,
    /// The categorical heads.
    pub heads: Heads,
    /// Continuous entries.
    pub dim: usize,
    pub(crate) identity: Identity,
}

impl ActorModel {
    /// The actor of `method` with this body.
    ///
    /// # Errors
    /// [`ConfigError`] when there is no action to decide on, or the body does not fit the environment.
    pub fn new(method: &'static str, body: &BodyConfig, spec: &EnvSpec) -> Result<Self, ConfigError> {
        let (heads, dim) = (&spec.action.heads, spec.action.continuous);
        if heads.is_empty() && dim == 0 {
            let accepted = "categorical heads, continuous entries, or both";
            return Err(ConfigError::UnsupportedAction { method, found: "no action at all".to_owned(), accepted });
        }
        let (network, identity) = (body.actor(spec)?, Identity::new(body, spec));
        Ok(Self { network, heads: Heads::new(heads), dim, identity })
    }

    /// Outputs per row.
    pub fn width(&self) -> usize {
        self.heads.choices() + 2 * self.dim
    }
}

/// A snapshot of an actor, on the CPU. Clones share the weights.
#[derive(Clone, Debug)]
pub struct StochasticPolicy {
    /// The kind of its states.
    kind: &'static str,
    snapshot: Arc<Snapshot>,
    /// Explore uniformly at random.
    uniform: bool,
}

#[derive(Debug)]
struct Snapshot {
    model: ActorModel,
    weights: Parameters,
    scaling: Option<Scaling>,
}

impl StochasticPolicy {
    /// A snapshot whose states are of this kind, for example `sac policy`.
    pub fn new(kind: &'static str, model: &ActorModel, weights: &Parameters, scaling: Option<Scaling>) -> Self {
        let snapshot = Snapshot { model: model.clone(), weights: weights.to_host(), scaling };
        Self { kind, snapshot: Arc::new(snapshot), uniform: false }
    }

    /// The same, exploring uniformly at random where `uniform` is true.
    #[must_use]
    pub fn exploring_uniformly(self, uniform: bool) -> Self {
        Self { uniform, ..self }
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
        model.network.predict(weights, &model.network.inputs(&batch, &[], &Device::flex()), None)
    }
}

impl Policy for StochasticPolicy {
    fn act(&mut self, batch: &ObservationBatch<'_>, mode: ActMode, rng: &mut Prng, actions: &mut Vec<f32>) {
        actions.clear();
        let uniform = self.uniform && mode == ActMode::Explore;
        let outputs = if uniform { Vec::new() } else { self.outputs(batch) };
        let ActorModel { heads, dim, .. } = &self.snapshot.model;
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
        let mut state = StateDict::new(self.kind);
        self.snapshot.weights.write("actor", &mut state);
        if let Some(scaling) = &self.snapshot.scaling {
            scaling.write("scaling", &mut state);
        }
        state.insert_value("uniform", self.uniform);
        self.snapshot.model.identity.write_alone(&mut state);
        state
    }

    fn load_state(&mut self, state: &StateDict) -> Result<(), CheckpointError> {
        state.expect_kind(self.kind)?;
        let Snapshot { model, weights, scaling } = &*self.snapshot;
        model.identity.expect(state)?;
        let weights = weights.read("actor", state)?;
        let scaling = Scaling::read_like(scaling.as_ref(), "scaling", state)?;
        let uniform = state.value("uniform")?;
        let snapshot = Arc::new(Snapshot { model: model.clone(), weights, scaling });
        *self = Self { kind: self.kind, snapshot, uniform };
        Ok(())
    }
}
