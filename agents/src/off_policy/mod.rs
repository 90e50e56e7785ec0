//! What value-based methods share that learn from any experience: the memory that they draw batches from, networks with
//! slow copies, and what an update says of itself.
//!
//! [`Memory`] is a replay with the books of a learner: how many updates it allows, and which version the policy has.
//! What it draws is ready for networks: observations are normal, and rewards scaled, where that is asked for.

mod appraisal;
mod followed;
mod memory;

pub use appraisal::Appraisal;
pub use followed::Followed;
pub use memory::{Books, Memory, MemoryConfig};

use mec_envs::gym::ActionLayout;

use crate::agent::ObservationBatch;
use crate::replay::Batch;

/// s and s' of a batch.
pub(crate) fn states(batch: &Batch) -> [ObservationBatch<'_>; 2] {
    let Batch { observations, masks, next_observations, next_masks, .. } = batch;
    [(observations, masks), (next_observations, next_masks)].map(|(observations, masks)| ObservationBatch {
        rows: batch.len(),
        observations,
        masks: (!masks.is_empty()).then_some(masks),
    })
}

/// The kinds of an action, for a method that cannot act with them.
pub(crate) fn described(action: &ActionLayout) -> String {
    let counted = |count: usize, name: &str, plural: &str| match count {
        0 => None,
        1 => Some(format!("1 {name}")),
        _ => Some(format!("{count} {plural}")),
    };
    let heads = counted(action.heads.len(), "categorical head", "categorical heads");
    let entries = counted(action.continuous, "continuous entry", "continuous entries");
    match (heads, entries) {
        (Some(heads), Some(entries)) => format!("{heads} and {entries}"),
        (heads, entries) => heads.or(entries).unwrap_or_else(|| "no action at all".to_owned()),
    }
}
