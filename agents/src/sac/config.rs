//! [`SacConfig`].

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::learner::SacLearner;
use super::losses::Ensemble;
use super::temperature::{ALPHA_MAX, ALPHA_MIN};
use crate::agent::{Algorithm, ConfigError};
use crate::nn::{BodyConfig, Norm};
use crate::off_policy::MemoryConfig;
use crate::replay::{PriorityConfig, ReplayConfig, Storage};
use crate::spec::EnvSpec;

/// How to act before the first update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Warmup {
    /// Uniformly at random among the open actions.
    #[default]
    Uniform,
    /// With the untrained policy; sensible when it starts from a prior.
    Policy,
}

/// Configuration of soft actor-critic. Defaults are those of stable-baselines3 where it has the field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SacConfig {
    /// Discount per step, in [0, 1). Default 0.99.
    pub gamma: f64,
    /// Share of the online critics that the target critics take over per target update, in (0, 1]. Default 0.005.
    pub tau: f64,
    /// Updates between target updates, 1 or more. Default 1.
    pub target_update_every: u64,
    /// Updates between steps of the actor and the temperature, 1 or more. Default 1.
    pub policy_delay: u64,
    /// Step size of the actor, above 0. Default 3e-4.
    pub actor_lr: f64,
    /// Step size of the critics, above 0. Default 3e-4.
    pub critic_lr: f64,
    /// Step size of the logarithm of the temperature, above 0. Default 3e-4.
    pub alpha_lr: f64,
    /// Environment steps over which all three step sizes fall linearly to 0, where they stay; 1 or more. They stay as they
    /// are by default.
    pub decay_steps: Option<u64>,
    /// Gradients of a network are scaled down to this norm, above 0; none by default.
    pub max_grad_norm: Option<f64>,
    /// Transitions per update, 1 to 2^20. Default 256.
    pub batch_size: usize,
    /// Transitions kept, at least `batch_size` and `learning_starts`. Default 1,000,000.
    pub buffer_capacity: usize,
    /// Rewards summed before the bootstrap, 1 or more; their entropies are left out, and their actions are not
    /// corrected for, as in Rainbow (Hessel et al. 2018). Default 1.
    pub n_step: usize,
    /// How the replay stores observations. Default f32.
    pub replay_storage: Storage,
    /// Prioritised replay; none by default.
    pub priority: Option<PriorityConfig>,
    /// Transitions before the first update, 1 or more. Default 100.
    pub learning_starts: usize,
    /// Updates per environment step after that, above 0 and at most 1,000. Default 1.
    pub replay_ratio: f64,
    /// How to act before the first update.
    pub warmup: Warmup,
    /// The network of actor and critics.
    pub body: BodyConfig,
    /// Rewards are multiplied by this, above 0. Default 1.
    pub reward_scale: f64,
    /// The temperature alpha, or where it starts when it is learned; above 0. Default 1.
    pub initial_alpha: f64,
    /// Whether the temperature is learned (Haarnoja et al. 2018, section 5). Default true.
    pub learn_alpha: bool,
    /// Discrete actions: the target entropy of a state is this times the sum over heads of ln(open choices), in
    /// [0, 1]. Christodoulou has 0.98; the default is 0.3, which leaves a policy that has something to exploit.
    pub target_entropy_scale: f64,
    /// Discrete actions: the scale falls (or rises) linearly to this one, in [0, 1]; stays by default.
    pub target_entropy_final_scale: Option<f64>,
    /// Updates, those of the critics, that a change of the target takes, 1 or more. Default 20,000.
    pub target_entropy_anneal_updates: u64,
    /// Continuous actions: the target entropy in nats, -1e6 to 1e6; minus the number of entries by default.
    pub target_entropy: Option<f64>,
    /// Continuous actions: the target changes linearly to this one, in nats, within `target_entropy_anneal_updates`; stays
    /// by default.
    pub target_entropy_final: Option<f64>,
    /// Whether observations are brought to mean 0 and variance 1 by running statistics, which travel with the policy.
    /// A `prior` is left as it is. Default false.
    pub normalize_observations: bool,
    /// Critics, 1 to 100. Default 2.
    pub critics: usize,
    /// Critics drawn anew for each update whose smallest value makes the target, 1 to `critics`; all by default.
    /// REDQ (Chen et al. 2021, arXiv:2101.05982, algorithm 1) has 2 of 10, with a `replay_ratio` and a `policy_delay` of 20
    /// and `actor_critics` "mean".
    pub target_critics: Option<usize>,
    /// The value of the critics that the actor climbs. Default "min".
    pub actor_critics: Ensemble,
    /// Normalisation of the critics' hidden layers. DroQ (Hiraoka et al. 2022, arXiv:2110.02034) has "layer" with a
    /// `critic_dropout` of 0.01, a `replay_ratio` and a `policy_delay` of 20, and `actor_critics` "mean". Default "none".
    pub critic_norm: Norm,
    /// Share of the critics' hidden units that is dropped, 0 or more and below 1. Default 0.
    pub critic_dropout: f64,
    /// CPU threads of an update, 1 to `critics`, among which the critics, the policies in s and s', and the two sides of
    /// the actor's way back are shared out. The result does not depend on it. Leave it at 1 when actors need the other
    /// cores: helpers stay awake during an update. On another device than the CPU it has no effect. Default 1.
    pub threads: usize,
}

impl Default for SacConfig {
    fn default() -> Self {
        Self {
            gamma: 0.99,
            tau: 0.005,
            target_update_every: 1,
            policy_delay: 1,
            actor_lr: 3e-4,
            critic_lr: 3e-4,
            alpha_lr: 3e-4,
            decay_steps: None,
            max_grad_norm: None,
            batch_size: 256,
            buffer_capacity: 1_000_000,
            n_step: 1,
            replay_storage: Storage::F32,
            priority: None,
            learning_starts: 100,
            replay_ratio: 1.0,
            warmup: Warmup::Uniform,
            body: BodyConfig::default(),
            reward_scale: 1.0,
            initial_alpha: 1.0,
            learn_alpha: true,
            target_entropy_scale: 0.3,
            target_entropy_final_scale: None,
            target_entropy_anneal_updates: 20_000,
            target_entropy: None,
            target_entropy_final: None,
            normalize_observations: false,
            critics: 2,
            target_critics: None,
            actor_critics: Ensemble::Min,
            critic_norm: Norm::None,
            critic_dropout: 0.0,
            threads: 1,
        }
    }
}

impl SacConfig {
    /// Refuses values out of range.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] with the field, its value and what is accepted.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let check = ConfigError::check;
        let positive = |field, value: f64| check(value > 0.0 && value.is_finite(), field, value, "above 0");
        let share = |field, value: f64| check((0.0..=1.0).contains(&value), field, value, "0 to 1");
        self.memory().validate()?;
        check(self.tau > 0.0 && self.tau <= 1.0, "tau", self.tau, "above 0 and at most 1")?;
        positive("actor_lr", self.actor_lr)?;
        positive("critic_lr", self.critic_lr)?;
        positive("alpha_lr", self.alpha_lr)?;
        positive("max_grad_norm", self.max_grad_norm.unwrap_or(1.0))?;
        let possible = (ALPHA_MIN..=ALPHA_MAX).contains(&self.initial_alpha);
        check(possible, "initial_alpha", self.initial_alpha, "1e-8 to 1e4")?;
        check(
            (0.0..1.0).contains(&self.critic_dropout),
            "critic_dropout",
            self.critic_dropout,
            "0 or more and below 1",
        )?;
        share("target_entropy_scale", self.target_entropy_scale)?;
        share("target_entropy_final_scale", self.target_entropy_final_scale.unwrap_or(0.0))?;
        for (field, target) in
            [("target_entropy", self.target_entropy), ("target_entropy_final", self.target_entropy_final)]
        {
            let target = target.unwrap_or(0.0);
            check(target.abs() <= 1e6, field, target, "-1e6 to 1e6")?;
        }
        self.validate_counts()?;
        self.body.validate()
    }

    fn validate_counts(&self) -> Result<(), ConfigError> {
        let check = |holds, field, found: u64, accepted| ConfigError::check(holds, field, found, accepted);
        check(self.target_update_every > 0, "target_update_every", self.target_update_every, "1 or more")?;
        check(self.policy_delay > 0, "policy_delay", self.policy_delay, "1 or more")?;
        check(self.decay_steps != Some(0), "decay_steps", 0, "1 or more")?;
        let anneal = self.target_entropy_anneal_updates;
        check(anneal > 0, "target_entropy_anneal_updates", anneal, "1 or more")?;
        check((1..=100).contains(&self.critics), "critics", self.critics as u64, "1 to 100")?;
        let of_target = self.target_critics.unwrap_or(1);
        check((1..=self.critics).contains(&of_target), "target_critics", of_target as u64, "1 to critics")?;
        check((1..=self.critics).contains(&self.threads), "threads", self.threads as u64, "1 to critics")
    }

    /// The target entropy of this many continuous entries after that many updates; minus their number by default
    /// (Haarnoja et al. 2018, appendix D).
    pub fn target_entropy_at(&self, dim: usize, updates: u64) -> f64 {
        let first = self.target_entropy.unwrap_or(-(dim as f64));
        self.changing(first, self.target_entropy_final, updates)
    }

    /// The memory that it asks for.
    pub(super) fn memory(&self) -> MemoryConfig {
        MemoryConfig {
            replay: ReplayConfig {
                capacity: self.buffer_capacity,
                n_step: self.n_step,
                gamma: self.gamma,
                storage: self.replay_storage,
                priority: self.priority,
            },
            batch_size: self.batch_size,
            learning_starts: self.learning_starts,
            replay_ratio: self.replay_ratio,
            reward_scale: self.reward_scale,
            normalize_observations: self.normalize_observations,
        }
    }

    /// The target entropy scale after that many updates.
    pub fn entropy_scale_at(&self, updates: u64) -> f64 {
        self.changing(self.target_entropy_scale, self.target_entropy_final_scale, updates)
    }

    /// A number on its linear way from one to another.
    fn changing(&self, first: f64, last: Option<f64>, updates: u64) -> f64 {
        let progress = (updates as f64 / self.target_entropy_anneal_updates as f64).min(1.0);
        first + (last.unwrap_or(first) - first) * progress
    }
}

impl Algorithm for SacConfig {
    type Learner = SacLearner;

    fn build(&self, spec: &EnvSpec, device: &Device, seed: u64) -> Result<SacLearner, ConfigError> {
        self.validate()?;
        SacLearner::new(self.clone(), spec, device, seed)
    }

    fn name(&self) -> &'static str {
        "sac"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_out_of_range_are_refused_with_field_value_and_range() {
        assert_eq!(SacConfig::default().validate(), Ok(()));
        let error = SacConfig { gamma: 1.0, ..SacConfig::default() }.validate().unwrap_err();
        assert_eq!(error.to_string(), "gamma is 1; accepted is 0 or more and below 1");
        for wrong in [
            SacConfig { tau: f64::NAN, ..SacConfig::default() },
            SacConfig { batch_size: 0, ..SacConfig::default() },
            SacConfig { n_step: 0, ..SacConfig::default() },
            SacConfig { policy_delay: 0, ..SacConfig::default() },
            SacConfig { decay_steps: Some(0), ..SacConfig::default() },
            SacConfig { buffer_capacity: 10, ..SacConfig::default() },
            SacConfig { target_entropy_final_scale: Some(1.5), ..SacConfig::default() },
            SacConfig { body: BodyConfig::mlp(&[]), ..SacConfig::default() },
        ] {
            assert!(wrong.validate().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_misspelt_field_is_refused_and_missing_ones_take_their_defaults() {
        let parse = serde_json::from_str::<SacConfig>;
        assert!(parse(r#"{"gama": 0.9}"#).unwrap_err().to_string().contains("gamma"));
        let config = parse(r#"{"body": {"kind": "scorer"}, "warmup": "policy"}"#).unwrap();
        let body = BodyConfig::Scorer { hidden: vec![64, 64], prior_scale: 1.0, q_prior_scale: 1.0 };
        assert_eq!(config, SacConfig { body, warmup: Warmup::Policy, ..SacConfig::default() });
        assert!(parse(r#"{"body": {"kind": "scorer", "hiden": [3]}}"#).is_err());
    }

    #[test]
    fn the_target_entropy_falls_linearly_and_stays() {
        let config = SacConfig {
            target_entropy_final_scale: Some(0.1),
            target_entropy_final: Some(-4.0),
            target_entropy_anneal_updates: 100,
            ..SacConfig::default()
        };
        assert_eq!(config.entropy_scale_at(0), 0.3);
        assert!((config.entropy_scale_at(50) - 0.2).abs() < 1e-12);
        assert!((config.entropy_scale_at(1000) - 0.1).abs() < 1e-12);
        assert_eq!([0, 50, 1000].map(|updates| config.target_entropy_at(2, updates)), [-2.0, -3.0, -4.0]);
        assert_eq!(SacConfig::default().target_entropy_at(3, 1000), -3.0);
    }
}
