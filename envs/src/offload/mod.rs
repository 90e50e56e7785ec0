//! The offloading problem: a scenario, its dynamics, what may be seen of it, and its environments.

pub mod scenario;

pub mod setting;

mod steps;

pub mod record;

mod energy;

pub mod belief;

pub mod world;

pub mod view;

mod prospect;

pub mod metrics;

pub mod observation;

pub mod episodes;

pub mod timeline;

pub mod render;

pub mod env;

pub use env::{OffloadBoxEnv, OffloadEnv, OffloadForm, OffloadSetEnv};
pub use episodes::{Decision, Offload};
pub use metrics::EpisodeMetrics;
pub use prospect::Prospect;
pub use record::{Interval, TaskRecord};
pub use render::{FrameStyle, frame};
pub use scenario::{Cuts, RewardConfig, Scenario, ScenarioError};
pub use setting::Setting;
pub use timeline::{ReportTrip, Timeline};
pub use view::{Knowledge, Offer, View};
pub use world::{DeviceWaits, Outcome, World};
