//! Statistics of results: location and spread, and what Agarwal et al. propose for few runs, all with 95 % bootstrap
//! intervals.
//!
//! Scores come by task: `scores[task][run]`, where a task is a held-out episode and a run a training seed. Intervals are
//! stratified: runs are drawn again within each task, so that they tell what other seeds would give on the same
//! episodes, and nothing of other episodes.
//!
//! Reference: Agarwal, Schwarzer, Castro, Courville, Bellemare, "Deep Reinforcement Learning at the Edge of the
//! Statistical Precipice", NeurIPS 2021. `experiments/tests/rliable.rs` holds all of it against their library.
//!
//! Inputs must not be empty, nor NaN; both are asserted.

mod bootstrap;
mod estimate;
mod improvement;
mod iqm;
mod mean;
mod optimality_gap;
mod paired_difference;
mod profile;

pub use bootstrap::{bootstrap, bootstrap_curve};
pub use estimate::Estimate;
pub use improvement::{improvement, improvement_interval};
pub use iqm::iqm;
pub use mean::{mean, std_dev};
pub use optimality_gap::optimality_gap;
pub use paired_difference::paired_difference;
pub use profile::{performance_profile, share_above};

/// Resamples of an interval, where nothing else is said: enough for two digits of its ends.
pub const RESAMPLES: usize = 2000;

/// In ascending order.
fn sorted(values: &[f64]) -> Vec<f64> {
    assert!(!values.is_empty(), "the order of no values does not exist");
    assert!(values.iter().all(|value| !value.is_nan()), "NaN has no place in an order");
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}
