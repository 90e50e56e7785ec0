//! Policies that leave for other programs: a stored actor as plain numbers, and as an ONNX or safetensors file.
//!
//! A method that can export reads its stored state into an [`ExportedPolicy`] by way of [`StoredWeights`], as
//! [`sac::exported`](crate::sac::exported) does; what the files hold is then the same for all methods, and
//! `docs/export.md` tells it to their users.

mod learner;
mod network;
mod policy;
mod scaling;
mod stored;

pub(crate) use learner::{exported, unfit};
pub use network::{Layer, Network, OptionNetwork};
pub use policy::ExportedPolicy;
pub use stored::{Matrix, StoredWeights};
