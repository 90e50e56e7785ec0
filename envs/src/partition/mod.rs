//! Cuts of layer graphs: which layers stay on the device, what that costs, and which cuts are worth keeping.
//!
//! A [`Cut`] is a set of layers closed under predecessors; everything else runs on a server. [`Frontier`] holds
//! the cuts that some state of the system could make best, [`best_cut`] (CDLP) picks the best of them for the
//! present state, and [`Partitioner`] has it beside the published schemes to compare with.

mod cut;
pub use cut::{Cut, CutCost, CutError};

mod ideals;
pub use ideals::count_cuts;

mod min_cut;

mod rivals;
pub use rivals::{IdleSystem, Split, dads, device_only, edge_only, neurosurgeon};

mod search;

mod frontier;
pub use frontier::Frontier;

mod dads_heavy;
pub use dads_heavy::dads_heavy;

mod exhaustive;
pub use exhaustive::exhaustive;

mod cdlp;
pub use cdlp::{Choice, QueueState, best_cut, completion, local_choice};

mod partitioner;
pub use partitioner::{Partitioner, Problem, latency};

mod summary;
pub use summary::{ModelSummary, REFERENCE_DEVICE, REFERENCE_SERVER, summarise};

mod set;
pub use set::{
    CutTable, DeviceBacklog, Optimum, PendingTask, Placement, Plan, Planner, ServerBacklog, TargetCut, TaskSet,
    TaskSetError, Timeline, TooManyTasks, Uplink, optimum,
};
