//! [`exported`]: the actor out of a stored learner.

use mec_envs::gym::{ActionLayout, Part};

use crate::checkpoint::CheckpointError;
use crate::export::{ExportedPolicy, Network, StoredWeights};
use crate::nn::{BodyConfig, Normalizer};
use crate::spec::EnvSpec;
use crate::state::StateDict;

/// The greedy policy of a stored learner of any method whose state has its actor as `actor`, with this body, and the
/// shape of its environments as [`StochasticPolicy`](super::StochasticPolicy)'s learners store it.
///
/// # Errors
/// [`CheckpointError`] when the state lacks something, or its actor has what an exported policy
/// cannot have.
pub fn exported(
    state: &StateDict,
    body: &BodyConfig,
    normalize_observations: bool,
) -> Result<ExportedPolicy, CheckpointError> {
    let unfit = |name: &str, reason: String| {
        let found = state.values().get(name).map_or_else(String::new, ToString::to_string);
        CheckpointError::Value { name: name.to_owned(), found, reason }
    };
    body.validate().map_err(|error| unfit("config", error.to_string()))?;
    let spec = stored_spec(state)?;
    let (choices, dim) = (spec.action.choices(), spec.action.continuous);
    if spec.action.codes() == 0 {
        return Err(unfit("action", "an action needs heads or continuous entries".to_owned()));
    }
    let normalizer = normalize_observations.then(|| Normalizer::new(&spec).read(state)).transpose()?;
    let mut weights = StoredWeights::new(state, "actor");
    let network = match body {
        BodyConfig::Mlp { hidden, .. } => {
            Network::dense(&mut weights, &[&[spec.obs_dim()], &hidden[..], &[choices + 2 * dim]].concat())?
        }
        BodyConfig::Scorer { .. } if dim > 0 => {
            return Err(unfit("action", "a scorer has no outputs for continuous entries".to_owned()));
        }
        BodyConfig::Scorer { hidden, prior_scale, .. } => Network::options(&mut weights, &spec, hidden, *prior_scale)?,
    };
    weights.finish()?;
    Ok(ExportedPolicy {
        kind: state.kind.clone(),
        scaling: normalizer.map(|normalizer| normalizer.scaling()),
        spec,
        network,
    })
}

/// Adds the shape of the environments that a learner is for to its state, as `observation` and `action`.
pub fn write_spec(spec: &EnvSpec, state: &mut StateDict) {
    let parts: Vec<_> = spec.observation.iter().map(|part| (&part.name, &part.shape)).collect();
    state.insert_value("observation", parts);
    state.insert_value("action", (&spec.action.heads, spec.action.continuous));
}

/// What [`write_spec`] added.
fn stored_spec(state: &StateDict) -> Result<EnvSpec, CheckpointError> {
    let parts: Vec<(String, Vec<usize>)> = state.value("observation")?;
    let (heads, continuous) = state.value("action")?;
    let observation = parts.iter().map(|(name, shape)| Part::new(name, shape)).collect();
    Ok(EnvSpec { observation, action: ActionLayout { heads, continuous } })
}
