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
//! Mixed actions have both: the policy is the product of its heads and a Gaussian, a critic reads the continuous
//! entries and gives a value per choice, and each kind has a temperature of its own (Delalleau et al. 2019,
//! arXiv:1912.11077, section 3).
//!
//! Options: n-step returns, prioritised replay, normal observations, any number of critics with a random subset in the
//! target (REDQ), layer normalisation and dropout in them (DroQ), and an actor that takes its turn after several updates of
//! the critics, as both of these have it.
//!
//! In host memory an update is kernels on plain numbers; on any other device it is the same equations in tensors, of
//! which nothing is read back before its end. Tests hold the two against each other.
//!
//! # Deviations from the papers
//! - With several heads, the smaller of the critics is taken of the expected Q and not per choice: see
//!   [`losses::shares`].
//! - The critic of several heads is a sum over them, which cannot tell which choices go together; value decomposition
//!   networks (Sunehag et al. 2018, arXiv:1706.05296) and decoupled Q-networks (Seyde et al. 2022, arXiv:2210.12566) have
//!   the same form.
//! - Without continuous entries, the actor's loss takes Q from the critics' forward pass of the same update, that is,
//!   from before their step: one forward pass of all critics less.
//! - The target entropy of heads is a share of the largest entropy *of the state* (the choices its mask leaves open),
//!   and the share can fall linearly: see [`SacConfig::target_entropy_scale`].
//! - Delalleau et al. let the heads see no continuous entries of their own choice; here all choices share one set of
//!   continuous entries, drawn from the state alone.
//! - The share is 0.3 unless asked otherwise, where Christodoulou has 0.98.
//! - The temperature's loss is log alpha (H - target), as in the authors' code, where equation 18 has alpha; returns of
//!   several steps leave entropies on the way out and are not corrected for their actions: see [`losses`] and
//!   [`SacConfig::n_step`].
//! - Logarithms of standard deviations are cut to a range, with no gradient beyond it, as in the authors' code; entropies of
//!   continuous entries are those of entries in [-1, 1], whatever the bounds of the action space.
//! - Logits and Q values may start from a prior that the observation brings: the network then learns what is missing, as in
//!   residual policy learning (Silver et al. 2018, arXiv:1812.06298).
//! - A learned temperature stays within [`ALPHA_MIN`] and [`ALPHA_MAX`].

mod config;
mod decision;
mod export;
mod learner;
pub mod losses;
mod networks;
mod recording;
mod temperature;
mod tensor_update;
mod tensors;
mod update;
mod update_on_device;

pub use config::{SacConfig, Warmup};
pub use export::exported;
pub use learner::SacLearner;
pub use losses::Ensemble;
pub use temperature::{ALPHA_MAX, ALPHA_MIN};
