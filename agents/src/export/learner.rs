//! [`exported`]: the network that acts out of a stored learner.

use super::{ExportedPolicy, Network, StoredWeights};
use crate::agent::ConfigError;
use crate::checkpoint::CheckpointError;
use crate::identity::stored_spec;
use crate::nn::Normalizer;
use crate::spec::EnvSpec;
use crate::state::StateDict;

/// The greedy policy of a stored learner whose acting network is stored as `prefix/...`, which `network` reads or refuses.
///
/// # Errors
/// [`CheckpointError`] when the state lacks something, or the network has what an exported policy cannot have.
pub(crate) fn exported(
    state: &StateDict,
    prefix: &str,
    normal: bool,
    network: impl FnOnce(&EnvSpec, &mut StoredWeights<'_>) -> Result<Network, CheckpointError>,
) -> Result<ExportedPolicy, CheckpointError> {
    let spec = stored_spec(state)?;
    let normalizer = normal.then(|| Normalizer::new(&spec).read(state)).transpose()?;
    let mut weights = StoredWeights::new(state, prefix);
    let network = network(&spec, &mut weights)?;
    weights.finish()?;
    let scaling = normalizer.map(|normalizer| normalizer.scaling());
    Ok(ExportedPolicy { kind: state.kind.clone(), spec, scaling, network })
}

/// What a stored configuration or environment is refused for.
pub(crate) fn unfit(error: ConfigError) -> CheckpointError {
    CheckpointError::Value { name: "config".to_owned(), found: "unfit".to_owned(), reason: error.to_string() }
}
