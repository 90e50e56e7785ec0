//! The networks of soft actor-critic and their optimisers.

use burn::tensor::{Device, Tensor};
use mec_envs::rng::stream;

use super::config::SacConfig;
use crate::agent::ConfigError;
use crate::checkpoint::CheckpointError;
use crate::nn::{Adam, AdamConfig, Body, Heads, Mlp, Parameters, gradients, matrix};
use crate::spec::EnvSpec;
use crate::state::StateDict;

/// The architectures, by kind of action.
#[derive(Clone, Debug)]
pub(super) enum Model {
    /// Logits and Q values per choice.
    Discrete { actor: Body, critic: Body, heads: Heads },
    /// Means and log standard deviations from s; one Q value from (s, a).
    Continuous { actor: Mlp, critic: Mlp, dim: usize },
}

impl Model {
    pub(super) fn new(config: &SacConfig, spec: &EnvSpec) -> Result<Self, ConfigError> {
        let (heads, dim) = (&spec.action.heads, spec.action.continuous);
        match (heads.is_empty(), dim) {
            (false, 0) => Ok(Self::Discrete {
                actor: config.body.logits(spec)?,
                critic: config.body.q_values(spec)?,
                heads: Heads::new(heads),
            }),
            (true, 1..) => Ok(Self::Continuous {
                actor: config.body.dense(spec.obs_dim(), 2 * dim)?,
                critic: config.body.dense(spec.obs_dim() + dim, 1)?,
                dim,
            }),
            _ => Err(ConfigError::UnsupportedAction {
                method: "sac",
                found: format!("heads {heads:?} and {dim} continuous entries"),
                accepted: "either categorical heads or continuous entries, not both and not none",
            }),
        }
    }
}

/// A network with its optimiser.
#[derive(Clone, Debug)]
pub(super) struct Trained {
    pub(super) parameters: Parameters,
    adam: Adam,
}

impl Trained {
    fn new(parameters: Parameters, config: AdamConfig) -> Self {
        Self { adam: Adam::new(config, &parameters), parameters }
    }

    /// One optimiser step down `loss`, which was computed with `leaves` of these parameters. Returns the loss.
    ///
    /// Both are taken by value: the graph has to be gone before the step, or the parameters would be copied.
    pub(super) fn descend(&mut self, leaves: Vec<Tensor<2>>, loss: Tensor<1>) -> Tensor<1> {
        let gradients = gradients(&leaves, loss.backward());
        drop(leaves);
        let loss = loss.inner();
        self.adam.step(&mut self.parameters, gradients);
        loss
    }

    /// One optimiser step along a gradient known in closed form.
    pub(super) fn step(&mut self, gradient: Tensor<2>) {
        self.adam.step(&mut self.parameters, vec![gradient]);
    }

    fn write(&self, name: &str, state: &mut StateDict) {
        self.parameters.write(name, state);
        self.adam.write(&format!("adam/{name}"), &self.parameters, state);
    }

    fn read(&self, name: &str, state: &StateDict) -> Result<Self, CheckpointError> {
        let parameters = self.parameters.read(name, state)?;
        let adam = self.adam.read(&format!("adam/{name}"), &parameters, state)?;
        Ok(Self { parameters, adam })
    }
}

/// All that gradient updates change.
#[derive(Clone, Debug)]
pub(super) struct Networks {
    pub(super) actor: Trained,
    pub(super) critics: [Trained; 2],
    pub(super) targets: [Parameters; 2],
    /// log alpha, `[1, 1]`.
    pub(super) log_alpha: Trained,
}

impl Networks {
    pub(super) fn new(model: &Model, config: &SacConfig, device: &Device, seed: u64) -> Self {
        let draw = |name: &str, actor: bool| {
            let mut rng = stream(seed, name);
            match model {
                Model::Discrete { actor: body, .. } if actor => body.init(&mut rng, device),
                Model::Discrete { critic, .. } => critic.init(&mut rng, device),
                Model::Continuous { actor: mlp, .. } if actor => mlp.init(&mut rng, device),
                Model::Continuous { critic, .. } => critic.init(&mut rng, device),
            }
        };
        let adam = |learning_rate| AdamConfig { learning_rate, max_grad_norm: config.max_grad_norm };
        let critics =
            ["sac/critic_1", "sac/critic_2"].map(|name| Trained::new(draw(name, false), adam(config.critic_lr)));
        let log_alpha = matrix(vec![config.initial_alpha.ln() as f32], [1, 1], device);
        let log_alpha = Parameters::new(vec![("value".to_owned(), log_alpha)]);
        Self {
            actor: Trained::new(draw("sac/actor", true), adam(config.actor_lr)),
            targets: critics.clone().map(|critic| critic.parameters),
            critics,
            log_alpha: Trained::new(log_alpha, AdamConfig { learning_rate: config.alpha_lr, max_grad_norm: None }),
        }
    }

    /// The temperature, `[1, 1]`.
    pub(super) fn alpha(&self) -> Tensor<2> {
        self.log_alpha.parameters.tensors()[0].clone().exp()
    }

    pub(super) fn write(&self, state: &mut StateDict) {
        self.actor.write("actor", state);
        self.log_alpha.write("log_alpha", state);
        for (index, (critic, target)) in self.critics.iter().zip(&self.targets).enumerate() {
            critic.write(&format!("critic_{}", index + 1), state);
            target.write(&format!("target_{}", index + 1), state);
        }
    }

    pub(super) fn read(&self, state: &StateDict) -> Result<Self, CheckpointError> {
        let [critic_1, critic_2] = &self.critics;
        let [target_1, target_2] = &self.targets;
        Ok(Self {
            actor: self.actor.read("actor", state)?,
            critics: [critic_1.read("critic_1", state)?, critic_2.read("critic_2", state)?],
            targets: [target_1.read("target_1", state)?, target_2.read("target_2", state)?],
            log_alpha: self.log_alpha.read("log_alpha", state)?,
        })
    }
}
