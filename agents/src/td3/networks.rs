//! The networks of TD3 and their optimisers.

use burn::tensor::Device;
use mec_envs::rng::stream;

use super::recipe::Recipe;
use crate::agent::ConfigError;
use crate::checkpoint::CheckpointError;
use crate::identity::Identity;
use crate::nn::{AdamConfig, BodyConfig, Mlp, Network};
use crate::off_policy::{Followed, described};
use crate::offender::Offender;
use crate::spec::EnvSpec;
use crate::state::StateDict;

/// The architectures.
#[derive(Clone, Debug)]
pub(super) struct Model {
    /// From s to the action before tanh.
    pub(super) actor: Network,
    /// From s and a to Q.
    pub(super) critic: Network,
    /// Entries of an action.
    pub(super) dim: usize,
    pub(super) identity: Identity,
}

impl Model {
    pub(super) fn new(recipe: &Recipe, spec: &EnvSpec) -> Result<Self, ConfigError> {
        let dim = spec.action.continuous;
        if !spec.action.heads.is_empty() || dim == 0 {
            return Err(ConfigError::UnsupportedAction {
                method: recipe.name,
                found: described(&spec.action),
                accepted: "continuous entries alone, such as those of the form \"box\"",
            });
        }
        let actor = match &recipe.body {
            BodyConfig::Mlp { hidden, activation } => {
                Network::Mlp(Mlp::new(spec.obs_dim(), hidden, dim).activated(*activation))
            }
            scorer @ BodyConfig::Scorer { .. } => scorer.actor(spec)?,
        };
        let identity = Identity::new(&recipe.body, spec);
        Ok(Self { actor, critic: recipe.body.critic(spec)?, dim, identity })
    }
}

/// All that gradient updates change.
#[derive(Clone, Debug)]
pub(super) struct Networks {
    pub(super) actor: Followed,
    pub(super) critics: Vec<Followed>,
}

impl Networks {
    pub(super) fn new(model: &Model, recipe: &Recipe, device: &Device, seed: u64) -> Self {
        let followed = |network: &Network, name: String, learning_rate| {
            let weights = network.init(&mut stream(seed, &format!("{}/{name}", recipe.name)), device);
            Followed::new(weights, AdamConfig { learning_rate, max_grad_norm: recipe.max_grad_norm })
        };
        let critic = |index| followed(&model.critic, critic_name(index), recipe.critic_lr);
        Self {
            actor: followed(&model.actor, "actor".to_owned(), recipe.actor_lr),
            critics: (0..recipe.critics).map(critic).collect(),
        }
    }

    /// Lets all slow copies take over this share.
    pub(super) fn follow(&mut self, tau: f64) {
        self.actor.follow(tau);
        self.critics.iter_mut().for_each(|critic| critic.follow(tau));
    }

    /// The tensor to blame.
    pub(super) fn offender(&self) -> Option<Offender> {
        let critics = self.critics.iter().enumerate();
        let of_critics = critics.flat_map(|(index, critic)| critic.offenders(&critic_name(index)));
        Offender::worst(self.actor.offenders("actor").into_iter().chain(of_critics))
    }

    pub(super) fn write(&self, state: &mut StateDict) {
        self.actor.write("actor", state);
        self.critics.iter().enumerate().for_each(|(index, critic)| critic.write(&critic_name(index), state));
    }

    pub(super) fn read(&self, state: &StateDict) -> Result<Self, CheckpointError> {
        let critics = self.critics.iter().enumerate();
        let critics = critics.map(|(index, critic)| critic.read(&critic_name(index), state));
        Ok(Self { actor: self.actor.read("actor", state)?, critics: critics.collect::<Result<_, _>>()? })
    }
}

/// The name of a critic in checkpoints.
fn critic_name(index: usize) -> String {
    format!("critic_{}", index + 1)
}
