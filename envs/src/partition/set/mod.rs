//! CDLP for the tasks of a set: cuts and placements under the state and the contention that they share.

mod placement;
pub use placement::Placement;

mod task_set;
pub use task_set::{DeviceBacklog, PendingTask, ServerBacklog, TaskSet, TaskSetError, Uplink};

mod parts;

mod timeline;
pub use timeline::Timeline;

mod queues;

mod cut_table;
pub use cut_table::{CutTable, TargetCut};

mod improvement;

mod planner;
pub use planner::{Plan, Planner};

mod domains;

mod relaxation;

mod optimum;
pub use optimum::{Optimum, TooManyTasks, optimum};
