//! [`exported`]: the network that acts out of a stored learner, and the shape of its environments.

use mec_envs::gym::{ActionLayout, Part};
use serde::{Deserialize, Serialize};

use super::{ExportedPolicy, Network, StoredWeights};
use crate::agent::ConfigError;
use crate::checkpoint::CheckpointError;
use crate::nn::{BodyConfig, Normalizer};
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

/// Adds the shape of the environments that a learner is for, as `observation` and `action`.
pub(crate) fn write_spec(spec: &EnvSpec, state: &mut StateDict) {
    let parts: Vec<_> = spec.observation.iter().map(|part| (&part.name, &part.shape)).collect();
    state.insert_value("observation", parts);
    state.insert_value("action", (&spec.action.heads, spec.action.continuous));
}

/// Refuses the state of a learner whose numbers mean something else here: with another body, or for environments of another
/// shape. A scorer serves any number of options, so that its shapes are left to the arrays.
pub(crate) fn expect_like(state: &StateDict, body: &BodyConfig, spec: &EnvSpec) -> Result<(), CheckpointError> {
    /// What all configurations have.
    #[derive(Deserialize)]
    struct OfAnyMethod {
        body: BodyConfig,
    }

    let OfAnyMethod { body: stored } = state.value("config")?;
    expect_setting("body", &stored, body)?;
    let stored = stored_spec(state)?;
    if matches!(body, BodyConfig::Scorer { .. }) || stored == *spec {
        return Ok(());
    }
    let reason = format!("this learner is for environments of {spec:?}");
    Err(CheckpointError::Value { name: "observation".to_owned(), found: format!("{stored:?}"), reason })
}

/// Refuses the state of a learner that was configured with another value of this field.
pub(crate) fn expect_setting<T: Serialize + PartialEq>(
    field: &str,
    stored: &T,
    own: &T,
) -> Result<(), CheckpointError> {
    if stored == own {
        return Ok(());
    }
    let json = |value: &T| serde_json::to_string(value).expect("settings have a JSON form");
    let reason = format!("this learner has {}", json(own));
    Err(CheckpointError::Value { name: format!("config/{field}"), found: json(stored), reason })
}

/// What [`write_spec`] added.
fn stored_spec(state: &StateDict) -> Result<EnvSpec, CheckpointError> {
    let parts: Vec<(String, Vec<usize>)> = state.value("observation")?;
    let (heads, continuous) = state.value("action")?;
    let observation = parts.iter().map(|(name, shape)| Part::new(name, shape)).collect();
    Ok(EnvSpec { observation, action: ActionLayout { heads, continuous } })
}
