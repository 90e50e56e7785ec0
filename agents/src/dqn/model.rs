//! [`Model`]: the architecture of a Q-network, and what its outputs mean.

use super::config::DqnConfig;
use super::dueling;
use crate::agent::ConfigError;
use crate::identity::Identity;
use crate::nn::{BodyConfig, Heads, Mlp, Network};
use crate::off_policy::described;
use crate::spec::EnvSpec;

/// A network whose outputs are Q values, or advantages and a value.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) network: Network,
    pub(super) heads: Heads,
    pub(super) identity: Identity,
    dueling: bool,
}

impl Model {
    pub(super) fn new(config: &DqnConfig, spec: &EnvSpec) -> Result<Self, ConfigError> {
        if spec.action.heads.is_empty() || spec.action.continuous > 0 {
            return Err(ConfigError::UnsupportedAction {
                method: "dqn",
                found: described(&spec.action),
                accepted: "categorical heads alone, such as those of the forms \"task\" and \"set\", or of a box within \
                           the wrapper DiscretizeAction",
            });
        }
        let network = match &config.body {
            BodyConfig::Mlp { hidden, activation } if config.dueling => {
                Network::Mlp(Mlp::new(spec.obs_dim(), hidden, spec.action.choices() + 1).activated(*activation))
            }
            body => body.critic(spec)?,
        };
        let identity = Identity::new(&config.body, spec);
        Ok(Self { network, heads: Heads::new(&spec.action.heads), identity, dueling: config.dueling })
    }

    /// Q, `[batch, choices]`, from the outputs of the network.
    pub(super) fn q(&self, outputs: Vec<f32>, masks: Option<&[bool]>) -> Vec<f32> {
        if self.dueling { dueling::q(&outputs, masks, &self.heads) } else { outputs }
    }

    /// The gradient at the outputs, from the one at Q.
    pub(super) fn gradient(&self, of_q: Vec<f32>, masks: Option<&[bool]>) -> Vec<f32> {
        if self.dueling { dueling::gradient(&of_q, masks, &self.heads) } else { of_q }
    }
}
