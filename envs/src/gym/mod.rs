//! The contract between environments and agents, in Gymnasium's words.
//!
//! Nothing here knows what an edge server is: agents import this module (and [`crate::rng`]) and no other.

mod check;
pub mod classic;
mod env;
pub mod probe;
mod space;
mod vector;
mod wrappers;

pub use check::{CheckError, check_env};
pub use env::{Act, Env, EnvError, Metric, Obs, Step};
pub use space::{ActionLayout, ActionSpace, BoxSpace, DictSpace, Discrete, MultiDiscrete, Part, Space, SpaceError};
pub use vector::{
    AutoresetMode, Ended, ParallelEnv, VectorConfig, VectorEnv, VectorError, VectorStep, check_vector_env,
};
pub use wrappers::{
    ActionTransform, Clip, ClipAction, DiscretizeAction, EpisodeStatistics, FlattenObservation, MomentsError,
    NormalizeObservation, NormalizeReward, RecordEpisodeStatistics, Recorded, Rescale, RescaleAction, RunningMoments,
    TimeLimit, TransformAction, Updates,
};
