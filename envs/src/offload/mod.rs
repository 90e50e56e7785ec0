//! The offloading problem: a scenario, its dynamics, what may be seen of it, and its environments.

pub mod belief;
pub mod env;
pub mod metrics;
pub mod observation;
pub mod record;
pub mod scenario;
pub mod setting;
pub mod view;
pub mod world;

pub use env::{Decision, Offload, OffloadBoxEnv, OffloadEnv, OffloadForm, OffloadSetEnv};
pub use metrics::EpisodeMetrics;
pub use record::TaskRecord;
pub use scenario::{RewardConfig, Scenario, ScenarioError};
pub use setting::Setting;
pub use view::{Knowledge, View};
pub use world::{Outcome, World};
