//! What on-policy methods share: a learner that uses each rollout once, by a [`Recipe`].
//!
//! PPO, A2C and REINFORCE are recipes: what is collected, how
//! returns are estimated, and how often and within which bounds the policy follows its gradient. One update, in the
//! words of [`Learner`](crate::agent::Learner), is all that is done with one rollout.
//!
//! In `serial` and `lockstep` modes a rollout is exactly on-policy: the weights change only where it ends.
//!
//! # Deviations
//! - Policy and value are networks of their own, each with an optimiser, so there is no coefficient between their
//!   losses; Andrychowicz et al. 2021 (arXiv:2006.05990, section 3.2) find separate networks better.
//! - Hidden layers are those of [`BodyConfig`](crate::nn::BodyConfig), with uniform initial weights, where the reference
//!   implementations have orthogonal ones. The last layer of the policy starts 100 times smaller
//!   (section 3.2 there).
//! - In `free_running` mode actors may act with weights some versions old: log-probabilities of what they did are
//!   computed under the weights with which the update begins.
//! - A rollout is used when it has at least the steps asked for: rounds and chunks are not cut.
//! - Continuous entries are squashed Gaussians with a standard deviation that depends on the state, as those of our
//!   soft actor-critic, so that actions keep within [-1, 1]; their entropy bonus is that of the Gaussian before the
//!   squashing, whose own entropy has no closed form.

mod learner;
mod likelihood;
pub mod losses;
mod networks;
mod recipe;
mod update;

pub use learner::OnPolicyLearner;
pub use likelihood::Likelihood;
pub use recipe::{Portion, Recipe};
