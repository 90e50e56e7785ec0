//! Soft actor-critic (SAC) for discrete, multi-discrete and continuous actions.
//!
//! Papers: Haarnoja et al. 2018, "Soft Actor-Critic Algorithms and Applications" (arXiv:1812.05905: twin critics,
//! learned temperature) and Christodoulou 2019, "Soft Actor-Critic for Discrete Action Settings" (arXiv:1910.07207:
//! expectations over choices instead of samples).
//!
//! With several categorical heads h the policy is a product of one categorical per head, and the critic a sum:
//! Q(s, a) = sum_h Q_h(s, a_h). Both expectations then split into sums over heads, so their cost grows with the sum of
//! the choices and not with their product. With one head this is Christodoulou's method.
//!
//! # Deviations from the papers
//! - With several heads, the smaller of the two critics is taken of the expected Q and not per choice: see
//!   [`losses::expected_q`].
//! - The actor's loss takes min Q from the critics' forward pass of the same update, that is, from before their
//!   step (discrete actions only): one forward pass of both critics less.
//! - The target entropy is a share of the largest entropy *of the state* (the choices its mask leaves open), and the
//!   share can fall linearly: see [`SacConfig::target_entropy_scale`].

mod config;
mod learner;
pub mod losses;
mod networks;
mod policy;
mod update;

pub use config::{SacConfig, Warmup};
pub use learner::SacLearner;
pub use policy::SacPolicy;
