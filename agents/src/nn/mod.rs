//! Networks and distributions that methods are made of.
//!
//! A network is split in two: its architecture ([`Mlp`], [`Scorer`], or either as a [`Body`]), a plain value with a
//! pure `forward`, and its [`Parameters`], a list of named tensors. Whether a pass records gradients is decided by the
//! tensors handed in: [`Parameters::leaves`] does, [`Parameters::tensors`] does not.
//!
//! # Design
//! burn's `Module` derives the same from a struct. The explicit list makes what a learner does on every update (copy,
//! average, optimise, store) one short loop each, keeps weight names in checkpoints ours, and lets the optimiser
//! work on the parameters in place.

mod adam;
mod body;
mod categorical;
mod init;
mod mlp;
mod parameters;
mod polyak;
mod scorer;
mod squashed_gaussian;

pub use adam::{Adam, AdamConfig};
pub use body::{Body, BodyConfig, Features};
pub use categorical::{Categorical, Heads};
pub use init::fan_in_uniform;
pub use mlp::Mlp;
pub use parameters::{Parameters, gradients, host, matrix};
pub use polyak::polyak_update;
pub use scorer::{OptionFeatures, Scorer};
pub use squashed_gaussian::{LOG_STD_MAX, LOG_STD_MIN, SquashedGaussian};
