//! One line per network: what `mec-gym models` shows.

use serde::Serialize;

use super::{Frontier, count_cuts};
use crate::dnn::LayerGraph;
use crate::processor::{UnknownProcessor, named};
use crate::units::Bytes;

/// The device for which [`ModelSummary::candidates`] is counted.
pub const REFERENCE_DEVICE: &str = "phone";

/// The server for which [`ModelSummary::candidates`] is counted.
pub const REFERENCE_SERVER: &str = "nvidia-t4";

/// A network at a glance.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelSummary {
    /// Name.
    pub name: String,
    /// Number of layers.
    pub layers: usize,
    /// Work of one inference, 10^9 FLOP.
    pub gflop: f64,
    /// Parameters as stored, MB (10^6 bytes).
    pub params_mb: f64,
    /// Size of the input as captured.
    pub input_bytes: Bytes,
    /// Number of cuts ([`count_cuts`]); `None` if the graph is too wide to count them.
    pub cuts: Option<u128>,
    /// Number of cuts left after pruning, from [`REFERENCE_DEVICE`] to [`REFERENCE_SERVER`].
    pub candidates: usize,
}

/// Sums a network up.
///
/// # Errors
/// [`UnknownProcessor`] if a reference processor left the catalogue: a fault of this crate.
pub fn summarise(graph: &LayerGraph) -> Result<ModelSummary, UnknownProcessor> {
    let frontier = Frontier::new(graph, named(REFERENCE_DEVICE)?, &[named(REFERENCE_SERVER)?]);
    Ok(ModelSummary {
        name: graph.name().into(),
        layers: graph.len(),
        gflop: graph.flop().0 / 1e9,
        params_mb: graph.param_bytes().0 / 1e6,
        input_bytes: graph.input_bytes(),
        cuts: count_cuts(graph),
        candidates: frontier.len(),
    })
}
