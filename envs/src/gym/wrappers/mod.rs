//! Wrappers: environments that change what another one shows, pays or takes, as in Gymnasium.
//!
//! Each forwards masks, metrics and infos, and allocates nothing in `step_into` beyond what the wrapped environment
//! does. They nest: `NormalizeObservation::new(FlattenObservation::new(env))`. Order matters:
//! [`RecordEpisodeStatistics`] inside of [`NormalizeReward`] records the rewards as they were.

mod clip_action;
mod discretize_action;
mod flatten_observation;
mod normalize_observation;
mod normalize_reward;
mod record_episode_statistics;
mod rescale_action;
mod running_moments;
mod time_limit;
mod transform_action;

pub use clip_action::{Clip, ClipAction};
pub use discretize_action::DiscretizeAction;
pub use flatten_observation::FlattenObservation;
pub use normalize_observation::NormalizeObservation;
pub use normalize_reward::NormalizeReward;
pub use record_episode_statistics::{EpisodeStatistics, RecordEpisodeStatistics, Recorded};
pub use rescale_action::{Rescale, RescaleAction};
pub use running_moments::{MomentsError, RunningMoments, Updates};
pub use time_limit::TimeLimit;
pub use transform_action::{ActionTransform, TransformAction};
