//! Stochastic policies from a network's outputs: categorical heads and squashed Gaussian entries.
//!
//! [`StochasticPolicy`] acts, and [`exported`] takes its network out of a stored learner. Soft actor-critic and the
//! on-policy methods share both.

mod export;
mod policy;

pub use export::exported;
pub use policy::{ActorModel, StochasticPolicy};
