//! Twin delayed deep deterministic policy gradient (TD3) for continuous actions; [`ddpg`](crate::ddpg) is another
//! [`Recipe`] for the same learner.
//!
//! Papers: Fujimoto, van Hoof and Meger 2018, "Addressing Function Approximation Error in Actor-Critic Methods"
//! (arXiv:1802.09477: the smaller of two critics, smoothed target actions, delayed updates of the actor), on Lillicrap
//! et al. 2016 (arXiv:1509.02971).
//!
//! The actor's outputs go through tanh, and noise is added to actions in [-1, 1], whatever the bounds of the space.
//! Options: n-step returns, prioritised replay, normal observations.
//!
//! # Deviations from the paper
//! - Each critic's loss is half the squared error, as in [`sac::losses`](crate::sac::losses): Adam's step is the same.
//! - Hidden layers are those of the body, 256 and 256 by default, where the paper has 400 and 300.
//! - The number of actions taken at random at first is `learning_starts`; the paper has 1,000 or 10,000.

mod config;
mod export;
mod learner;
pub mod losses;
mod networks;
mod policy;
mod recipe;
mod update;

pub use config::Td3Config;
pub use export::{exported, exported_actor};
pub use learner::Td3Learner;
pub use policy::Td3Policy;
pub use recipe::{Recipe, Smoothing};
