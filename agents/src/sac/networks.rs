//! The networks of soft actor-critic and their optimisers.

use std::borrow::Cow;

use burn::tensor::Device;
use mec_envs::rng::stream;

use super::config::SacConfig;
use super::recording::Recording;
use super::temperature::Temperature;
use crate::agent::ConfigError;
use crate::checkpoint::CheckpointError;
use crate::identity::Identity;
use crate::nn::{AdamConfig, Heads, Network, Parameters, Trained, is_host};
use crate::off_policy::Followed;
use crate::offender::Offender;
use crate::spec::EnvSpec;
use crate::state::StateDict;
use crate::stochastic::ActorModel;

/// The architectures, and the actions they decide on.
#[derive(Clone, Debug)]
pub(super) struct Model {
    /// Logits per choice, then a mean and a log standard deviation per continuous entry.
    pub(super) actor: Network,
    /// One Q value per choice, or one in all when there are no choices, from s and the continuous entries.
    pub(super) critic: Network,
    pub(super) heads: Heads,
    /// Continuous entries.
    pub(super) dim: usize,
    pub(super) identity: Identity,
}

impl Model {
    pub(super) fn new(config: &SacConfig, spec: &EnvSpec) -> Result<Self, ConfigError> {
        let ActorModel { network: actor, heads, dim, identity } = ActorModel::new("sac", &config.body, spec)?;
        let critic = config.body.critic(spec)?.regularized(config.critic_norm, config.critic_dropout as f32);
        Ok(Self { actor, critic, heads, dim, identity })
    }

    /// The part that acts.
    pub(super) fn of_actor(&self) -> ActorModel {
        let (network, heads) = (self.actor.clone(), self.heads.clone());
        ActorModel { network, heads, dim: self.dim, identity: self.identity.clone() }
    }

    /// Columns of Q: the choices, or 1 without heads.
    pub(super) fn choices(&self) -> usize {
        self.heads.choices().max(1)
    }
}

/// All that gradient updates change.
pub(super) struct Networks {
    pub(super) actor: Trained,
    /// In host memory one after the other, on a device stacked in one.
    pub(super) critics: Vec<Followed>,
    /// Of the categorical heads and of the continuous entries, where there are any.
    pub(super) temperatures: [Option<Temperature>; 2],
    /// Of updates on a device.
    pub(super) recording: Recording,
}

impl Networks {
    pub(super) fn new(model: &Model, config: &SacConfig, device: &Device, seed: u64) -> Self {
        let adam = |learning_rate| AdamConfig { learning_rate, max_grad_norm: config.max_grad_norm };
        let draw = |name: &str, network: &Network, device: &Device| network.init(&mut stream(seed, name), device);
        let critic = |index: usize| {
            let weights = draw(&format!("sac/critic_{index}"), &model.critic, &Device::flex());
            Followed::new(weights, adam(config.critic_lr))
        };
        let temperature = || Temperature::new(config.initial_alpha, config.alpha_lr);
        Self {
            actor: Trained::new(draw("sac/actor", &model.actor, device), adam(config.actor_lr)),
            critics: placed((1..=config.critics).map(critic).collect(), device),
            temperatures: [!model.heads.sizes().is_empty(), model.dim > 0].map(|has| has.then(temperature)),
            recording: Recording::default(),
        }
    }

    /// No networks.
    pub(super) fn none() -> Self {
        let adam = AdamConfig { learning_rate: 0.0, max_grad_norm: None };
        Self {
            actor: Trained::new(Parameters::new(vec![]), adam),
            critics: vec![],
            temperatures: [None, None],
            recording: Recording::default(),
        }
    }

    /// The critics one by one, in host memory.
    pub(super) fn each_critic(&self) -> Cow<'_, [Followed]> {
        if self.actor.weights.on_host() {
            Cow::Borrowed(&self.critics)
        } else {
            Cow::Owned(self.critics.iter().flat_map(Followed::apart).collect())
        }
    }

    /// Both alphas; 0 where there is no such action.
    pub(super) fn alphas(&self) -> [f32; 2] {
        self.temperatures.each_ref().map(|temperature| temperature.as_ref().map_or(0.0, |own| own.alpha() as f32))
    }

    /// The alpha that figures report: that of the heads, or without heads that of the continuous entries.
    pub(super) fn first_alpha(&self) -> f64 {
        self.temperatures.iter().flatten().next().map_or(f64::NAN, Temperature::alpha)
    }

    /// The tensor to blame. On a device, where all networks step before anybody looks, it is the first in order.
    pub(super) fn offender(&self) -> Option<Offender> {
        let temperatures = self.temperatures.iter().zip(self.temperature_names());
        let of_alphas = temperatures.filter_map(|(own, name)| own.as_ref().map(|own| own.offender(name)));
        let of_critics = self.each_critic();
        let of_critics = of_critics.iter().enumerate().flat_map(|(index, critic)| {
            let online: Vec<_> = critic.online.weights.offenders(&format!("critic_{}", index + 1)).collect();
            online.into_iter().chain(critic.target.offenders(&format!("target_{}", index + 1)).collect::<Vec<_>>())
        });
        Offender::worst(of_alphas.chain(self.actor.weights.offenders("actor")).chain(of_critics))
    }

    /// Names of the temperatures in checkpoints.
    fn temperature_names(&self) -> [&'static str; 2] {
        ["log_alpha", if self.temperatures[0].is_some() { "log_alpha_continuous" } else { "log_alpha" }]
    }

    pub(super) fn write(&self, state: &mut StateDict) {
        self.actor.write("actor", state);
        for (temperature, name) in self.temperatures.iter().zip(self.temperature_names()) {
            if let Some(temperature) = temperature {
                temperature.write(name, state);
            }
        }
        for (index, critic) in self.each_critic().iter().enumerate() {
            critic.online.write(&format!("critic_{}", index + 1), state);
            critic.target.write(&format!("target_{}", index + 1), state);
        }
    }

    pub(super) fn read(&self, state: &StateDict) -> Result<Self, CheckpointError> {
        let read = |index: usize, critic: &Followed| {
            let online = critic.online.read(&format!("critic_{}", index + 1), state)?;
            Ok(Followed { online, target: critic.target.read(&format!("target_{}", index + 1), state)? })
        };
        let critics: Result<_, CheckpointError> =
            self.each_critic().iter().enumerate().map(|(index, critic)| read(index, critic)).collect();
        let critics = placed(critics?, &self.actor.weights.device());
        let mut temperatures = self.temperatures.clone();
        for (temperature, name) in temperatures.iter_mut().zip(self.temperature_names()) {
            if let Some(temperature) = temperature {
                *temperature = temperature.read(name, state)?;
            }
        }
        Ok(Self { actor: self.actor.read("actor", state)?, critics, temperatures, recording: Recording::default() })
    }
}

/// These critics where their updates happen.
fn placed(critics: Vec<Followed>, device: &Device) -> Vec<Followed> {
    if is_host(device) { critics } else { vec![Followed::stacked(critics.iter(), device)] }
}
