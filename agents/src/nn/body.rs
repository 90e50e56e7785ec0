//! [`BodyConfig`]: which network a method uses, and how large.

use serde::{Deserialize, Serialize};

use super::activation::Activation;
use super::mlp::Mlp;
use super::network::Network;
use super::scorer::Scorer;
use crate::agent::ConfigError;
use crate::spec::EnvSpec;

/// Most weights of a network, 256 MiB: memory that is not there would end the process.
const MAX_WEIGHTS: f64 = (1 << 26) as f64;

/// Which network, and how large.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum BodyConfig {
    /// [`Mlp`] on the flat observation.
    Mlp {
        /// Hidden layer sizes, each 1 or more.
        #[serde(default = "mlp_hidden")]
        hidden: Vec<usize>,
        /// What lies between the layers: "relu" or "tanh"; default "relu".
        #[serde(default)]
        activation: Activation,
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
        Self::mlp(&mlp_hidden())
    }
}

impl BodyConfig {
    /// A perceptron with these hidden layers and ReLU between them.
    pub fn mlp(hidden: &[usize]) -> Self {
        Self::Mlp { hidden: hidden.to_vec(), activation: Activation::Relu }
    }

    /// The same with tanh.
    pub fn tanh(hidden: &[usize]) -> Self {
        Self::Mlp { hidden: hidden.to_vec(), activation: Activation::Tanh }
    }

    /// Refuses values out of range.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] with the field.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let (Self::Mlp { hidden, .. } | Self::Scorer { hidden, .. }) = self;
        let filled = !hidden.contains(&0) && !hidden.is_empty();
        ConfigError::check(filled, "body.hidden", format!("{hidden:?}"), "at least one layer, each of 1 or more")?;
        if let Self::Scorer { prior_scale, q_prior_scale, .. } = self {
            ConfigError::check(prior_scale.is_finite(), "body.prior_scale", prior_scale, "a finite number")?;
            ConfigError::check(q_prior_scale.is_finite(), "body.q_prior_scale", q_prior_scale, "a finite number")?;
        }
        Ok(())
    }

    /// The network of an actor: one logit per choice, then mean and log standard deviation per continuous entry.
    ///
    /// # Errors
    /// [`ConfigError`] when the observation lacks what the network needs, or for a scorer with continuous entries.
    pub fn actor(&self, spec: &EnvSpec) -> Result<Network, ConfigError> {
        let outputs = spec.action.choices() + 2 * spec.action.continuous;
        self.network(spec, (spec.obs_dim(), outputs), |prior_scale, _| prior_scale)
    }

    /// The network of a critic: from observation and continuous entries to one Q value per choice, or to a single one
    /// when there are no choices.
    ///
    /// # Errors
    /// As [`actor`](Self::actor).
    pub fn critic(&self, spec: &EnvSpec) -> Result<Network, ConfigError> {
        let (inputs, outputs) = (spec.obs_dim() + spec.action.continuous, spec.action.choices().max(1));
        self.network(spec, (inputs, outputs), |_, q_prior_scale| q_prior_scale)
    }

    /// A perceptron of this width at either end, or a scorer with the one of its two scales that is asked for.
    fn network(
        &self,
        spec: &EnvSpec,
        (inputs, outputs): (usize, usize),
        scale: impl FnOnce(f32, f32) -> f32,
    ) -> Result<Network, ConfigError> {
        let (Self::Mlp { hidden, .. } | Self::Scorer { hidden, .. }) = self;
        let network = match self {
            Self::Mlp { activation, .. } => Network::Mlp(Mlp::new(inputs, hidden, outputs).activated(*activation)),
            Self::Scorer { prior_scale, q_prior_scale, .. } => {
                scorer(spec, hidden, scale(*prior_scale, *q_prior_scale))?
            }
        };
        let weights = network.count_weights();
        let found = format!("{hidden:?}, which makes {weights:.1e} weights");
        ConfigError::check(weights <= MAX_WEIGHTS, "body.hidden", found, "at most 2^26 weights per network")?;
        Ok(network)
    }
}

fn scorer(spec: &EnvSpec, hidden: &[usize], prior_scale: f32) -> Result<Network, ConfigError> {
    if spec.action.continuous > 0 {
        let accepted = "mlp: continuous actions have no options to score";
        return Err(ConfigError::OutOfRange { field: "body.kind", found: "scorer".to_owned(), accepted });
    }
    Scorer::new(spec, hidden, prior_scale).map(Network::Scorer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mec_envs::gym::{ActionLayout, Part};

    #[test]
    fn networks_that_no_memory_holds_are_refused() {
        let action = ActionLayout { heads: vec![3], continuous: 0 };
        let spec = EnvSpec { observation: vec![Part::new("options", &[3, 2])], action };
        let scorer = |hidden| BodyConfig::Scorer { hidden, prior_scale: 1.0, q_prior_scale: 1.0 };
        for body in [BodyConfig::mlp(&[8192, 8192]), scorer(vec![10_000_000, 10_000_000]), scorer(vec![usize::MAX])] {
            let errors = [body.actor(&spec), body.critic(&spec)].map(|network| network.unwrap_err().to_string());
            let [of_actor, of_critic] = errors;
            assert!(of_actor.starts_with("body.hidden is [") && of_actor.ends_with("per network"), "{of_actor}");
            assert_eq!(of_critic.split(',').next(), of_actor.split(',').next());
        }
        assert!(BodyConfig::mlp(&[8000, 8000]).critic(&spec).is_ok());
    }
}
