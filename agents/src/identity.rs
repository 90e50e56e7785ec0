//! What a stored learner is, so that only one that is alike takes its state over: [`write_spec`] and [`expect_like`].

use mec_envs::gym::{ActionLayout, Part};
use serde::{Deserialize, Serialize};

use crate::checkpoint::CheckpointError;
use crate::nn::BodyConfig;
use crate::spec::EnvSpec;
use crate::state::StateDict;

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
pub(crate) fn stored_spec(state: &StateDict) -> Result<EnvSpec, CheckpointError> {
    let parts: Vec<(String, Vec<usize>)> = state.value("observation")?;
    let (heads, continuous) = state.value("action")?;
    let observation = parts.iter().map(|(name, shape)| Part::new(name, shape)).collect();
    Ok(EnvSpec { observation, action: ActionLayout { heads, continuous } })
}
