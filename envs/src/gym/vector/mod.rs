//! Vector environments: copies of an environment side by side, stepped in parallel, as in Gymnasium.
//!
//! [`VectorEnv`] steps, [`VectorConfig`] says what happens when an episode ends, and [`check_vector_env`] holds a
//! vector environment against its environments stepped alone.

mod check;
mod config;
mod error;
mod lane;
mod pace;
mod vector_env;

pub use check::check_vector_env;
pub use config::{AutoresetMode, VectorConfig};
pub use error::VectorError;
pub use lane::Ended;
pub use vector_env::{ParallelEnv, VectorEnv, VectorStep};
