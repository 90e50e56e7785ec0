#![doc = include_str!("../README.md")]
//!
//! # Modules
//!
//! This crate is a facade: it re-exports the three crates that do the work.
//!
//! - [`envs`]: layer graphs of real networks, their cuts, the simulator, the gym environments, schemes.
//! - [`agents`]: soft actor-critic, replay, actors and distributed runtimes on burn.
//! - [`experiments`]: configurations, runs, evaluation, results, pictures.

pub use mec_agents as agents;
pub use mec_envs as envs;
pub use mec_experiments as experiments;
