//! Networks and distributions that methods are made of.
//!
//! A network is split in two: its architecture ([`Network`]: an [`Mlp`] or a [`Scorer`]), a plain value, and its
//! [`Parameters`], a list of named matrices. [`Network::predict`] computes outputs; [`Network::record`] keeps what the
//! way back needs, and [`Tape::backward`] takes it, from a gradient at the outputs to those of the weights. Losses are
//! then functions of plain numbers that return a value and a gradient. [`Threads`] share the work of a learner out.
//!
//! On a device every pass then reads its outputs back. Soft actor-critic therefore has its losses in tensors, too, and
//! uses `Network::on_device` and `gradients` there.
//!
//! # Design
//! On the CPU both ways are kernels of this module on faer's matrix product; on every other device they are burn's
//! tensors and autodiff. Tests hold the two against each other. burn's `Module` derives the list of parameters from a
//! struct; the explicit one makes what a learner does on every update (average, optimise, store) one short loop each,
//! and keeps the names in checkpoints ours.

mod activation;
mod adam;
mod body;
mod buffer;
mod categorical;
mod dense;
mod dense_on_device;
mod feed;
mod hidden;
mod init;
mod layer_norm;
mod matrix;
mod mlp;
mod network;
mod normalizer;
mod parameters;
mod polyak;
mod recorded;
mod schedule;
mod scorer;
mod scorer_pass;
mod squashed_gaussian;
mod threads;
mod trained;
mod turns;

pub use activation::Activation;
pub use adam::{Adam, AdamConfig};
pub use body::BodyConfig;
pub use buffer::Buffer;
pub use categorical::{Categorical, Heads};
pub(crate) use dense_on_device::total;
pub(crate) use feed::{Feed, parts};
pub use hidden::Norm;
pub use init::fan_in_uniform;
pub use matrix::{Matrix, is_host, read, tensor};
pub(crate) use matrix::{apart, joined};
pub use mlp::Mlp;
pub(crate) use network::gradients;
pub use network::{Inputs, Network, Tape, Track};
pub use normalizer::{Normalizer, Scaling};
pub use parameters::Parameters;
pub use polyak::polyak_update;
pub(crate) use recorded::{Recorded, overwrite};
pub use schedule::share_left;
pub use scorer::{OptionInputs, Scorer};
pub use squashed_gaussian::{LOG_STD_MAX, LOG_STD_MIN, SQUASHED_ENTROPY_MAX, Sample, SquashedGaussian};
pub use threads::{Helpers, Threads};
pub use trained::Trained;
pub(crate) use turns::shared;
