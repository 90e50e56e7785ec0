//! Soft actor-critic and its distributed runtimes on burn; knows no MEC.
//!
//! The modules stand in data-flow order and import only earlier ones: what an agent sees ([`spec`], [`transition`]),
//! where it computes ([`device`]), how it is stored ([`mod@array`], [`state`], [`checkpoint`]), what it is ([`agent`], and
//! worth: [`mod@evaluate_policy`]), what
//! it is made of ([`nn`], [`replay`]), how it leaves ([`onnx`], [`export`]), the methods ([`random`]; [`sac`] on
//! [`stochastic`] and [`off_policy`]; [`dqn`], [`td3`] and [`ddpg`] on [`off_policy`]; [`ppo`], [`a2c`] and [`reinforce`]
//! on [`rollout`] and [`on_policy`]; [`es`]), and who runs them ([`actor`], [`runtime`]).
//!
//! A new method implements [`agent::Policy`], [`agent::Learner`] and [`agent::Algorithm`]; actors, runtimes and
//! checkpoints then work unchanged. `examples/custom_algorithm.rs` is a whole method in one file.
//!
//! All randomness comes from [`mec_envs::rng::Prng`]; nothing here draws from burn's process-wide generator.

pub mod spec;

pub mod transition;

pub mod device;

pub mod checkpoint_error;

pub mod array;

pub mod state;

pub mod checkpoint;

pub mod actor_error;

pub mod offender;

pub mod agent;

pub mod evaluate_policy;

pub mod nn;

pub(crate) mod identity;

pub mod onnx;

pub mod export;

pub mod replay;

pub mod random;

pub mod stochastic;

pub mod off_policy;

pub mod sac;

pub mod dqn;

pub mod td3;

pub mod ddpg;

pub mod rollout;

pub mod on_policy;

pub mod ppo;

pub mod a2c;

pub mod reinforce;

pub mod es;

pub mod actor;

pub mod runtime;

#[cfg(feature = "burn-rl")]
pub mod burn_rl;
