//! [`Body`]: the network between an observation and one number per choice (or per output).

use burn::tensor::{Device, Tensor};
use mec_envs::rng::Prng;
use serde::{Deserialize, Serialize};

use super::mlp::Mlp;
use super::parameters::{Parameters, matrix};
use super::scorer::{OptionFeatures, Scorer};
use crate::agent::{ConfigError, ObservationBatch};
use crate::spec::EnvSpec;

/// Which network, and how large.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum BodyConfig {
    /// [`Mlp`] on the flat observation.
    Mlp {
        /// Hidden layer sizes, each 1 or more.
        #[serde(default = "mlp_hidden")]
        hidden: Vec<usize>,
    },
    /// [`Scorer`]: shared weights per option, for discrete actions.
    Scorer {
        /// Hidden layer sizes, at least one, each 1 or more.
        #[serde(default = "scorer_hidden")]
        hidden: Vec<usize>,
        /// Logits start as this times the observation's `prior`. Finite; default 1.
        #[serde(default = "one")]
        prior_scale: f32,
        /// Q values start as this times the observation's `prior`. Finite; default 1.
        #[serde(default = "one")]
        q_prior_scale: f32,
    },
}

fn mlp_hidden() -> Vec<usize> {
    vec![256, 256]
}

fn scorer_hidden() -> Vec<usize> {
    vec![64, 64]
}

fn one() -> f32 {
    1.0
}

impl Default for BodyConfig {
    fn default() -> Self {
        Self::Mlp { hidden: mlp_hidden() }
    }
}

impl BodyConfig {
    /// Refuses values out of range.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] with the field.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let (Self::Mlp { hidden } | Self::Scorer { hidden, .. }) = self;
        let filled = !hidden.contains(&0) && !hidden.is_empty();
        ConfigError::check(filled, "body.hidden", format!("{hidden:?}"), "at least one layer, each of 1 or more")?;
        if let Self::Scorer { prior_scale, q_prior_scale, .. } = self {
            ConfigError::check(prior_scale.is_finite(), "body.prior_scale", prior_scale, "a finite number")?;
            ConfigError::check(q_prior_scale.is_finite(), "body.q_prior_scale", q_prior_scale, "a finite number")?;
        }
        Ok(())
    }

    /// The network that gives one logit per choice.
    ///
    /// # Errors
    /// [`ConfigError`] when the observation lacks what the network needs.
    pub fn logits(&self, spec: &EnvSpec) -> Result<Body, ConfigError> {
        self.per_choice(spec, |prior_scale, _| prior_scale)
    }

    /// The network that gives one Q value per choice.
    ///
    /// # Errors
    /// As [`logits`](Self::logits).
    pub fn q_values(&self, spec: &EnvSpec) -> Result<Body, ConfigError> {
        self.per_choice(spec, |_, q_prior_scale| q_prior_scale)
    }

    fn per_choice(&self, spec: &EnvSpec, pick: impl Fn(f32, f32) -> f32) -> Result<Body, ConfigError> {
        match self {
            Self::Mlp { hidden } => Ok(Body::Mlp(Mlp::new(spec.obs_dim(), hidden, spec.action.choices()))),
            Self::Scorer { hidden, prior_scale, q_prior_scale } => {
                Scorer::new(spec, hidden, pick(*prior_scale, *q_prior_scale)).map(Body::Scorer)
            }
        }
    }

    /// The network from `inputs` numbers to `outputs` numbers, for methods with continuous actions.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] for the scorer, which needs choices to score.
    pub fn dense(&self, inputs: usize, outputs: usize) -> Result<Mlp, ConfigError> {
        match self {
            Self::Mlp { hidden } => Ok(Mlp::new(inputs, hidden, outputs)),
            Self::Scorer { .. } => {
                let accepted = "mlp: continuous actions have no options to score";
                Err(ConfigError::OutOfRange { field: "body.kind", found: "scorer".to_owned(), accepted })
            }
        }
    }
}

/// A network that gives one number per choice.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// On the flat observation.
    Mlp(Mlp),
    /// Per option, with shared weights.
    Scorer(Scorer),
}

/// What a [`Body`] reads of a batch, on its device.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // a burn tensor alone is 256 bytes, and two of these live per update
pub enum Features {
    /// Flat observations, `[batch, obs_dim]`.
    Flat(Tensor<2>),
    /// Options, for a scorer.
    Options(OptionFeatures),
}

impl Body {
    /// Initial parameters.
    pub fn init(&self, rng: &mut Prng, device: &Device) -> Parameters {
        match self {
            Self::Mlp(mlp) => mlp.init(rng, device),
            Self::Scorer(scorer) => scorer.init(rng, device),
        }
    }

    /// What the network reads of a batch.
    pub fn features(&self, batch: &ObservationBatch<'_>, device: &Device) -> Features {
        match self {
            Self::Mlp(_) => {
                let dim = batch.observations.len() / batch.rows.max(1);
                Features::Flat(matrix(batch.observations.to_vec(), [batch.rows, dim], device))
            }
            Self::Scorer(scorer) => Features::Options(scorer.features(batch, device)),
        }
    }

    /// # Shapes
    /// Result `[batch, choices]`.
    ///
    /// # Panics
    /// When the features are those of another kind of body.
    pub fn forward(&self, weights: &[Tensor<2>], features: &Features) -> Tensor<2> {
        match (self, features) {
            (Self::Mlp(mlp), Features::Flat(input)) => mlp.forward(weights, input.clone()),
            (Self::Scorer(scorer), Features::Options(options)) => scorer.forward(weights, options),
            _ => panic!("the features of a batch must come from the same kind of body"),
        }
    }
}
