//! Deep Q-networks (DQN) for discrete and multi-discrete actions.
//!
//! Papers: Mnih et al. 2015, "Human-level control through deep reinforcement learning" (Nature 518, 529); van Hasselt,
//! Guez and Silver 2016 (arXiv:1509.06461: double Q-learning), Wang et al. 2016 (arXiv:1511.06581: dueling streams),
//! Schaul et al. 2016 (arXiv:1511.05952: prioritised replay), Hessel et al. 2018 (arXiv:1710.02298: n-step returns, all
//! of these together).
//!
//! With several categorical heads h the value is a sum, Q(s, a) = sum_h Q_h(s, a_h), as in value decomposition networks
//! (Sunehag et al. 2017, arXiv:1706.05296), so that the best joint action is the best choice of each head, and the cost
//! grows with the sum of the choices and not with their product. Each head explores by itself, as each agent does there.
//! Tavakoli et al. 2018 (arXiv:1711.08946) branch the same way but give each head a target of its own.
//!
//! # Deviations from the papers
//! - The streams of a dueling network part at its output layer: one more output, no hidden layer of their own. See
//!   [`dueling`].
//! - Adam in place of RMSProp, and defaults for vectors instead of frames, as in stable-baselines3.
//! - Mnih et al. act uniformly until `learning_starts`; here epsilon falls from the first step on.
//! - With n-step returns the actions on the way are not corrected for, as in Rainbow.

mod config;
pub mod dueling;
mod export;
mod learner;
pub mod losses;
mod model;
mod policy;

pub use config::DqnConfig;
pub use export::exported;
pub use learner::DqnLearner;
pub use losses::TdLoss;
pub use policy::DqnPolicy;
