//! [`exported`]: the actor out of a stored learner.

use crate::checkpoint::CheckpointError;
use crate::export::{self, ExportedPolicy, Network};
use crate::nn::BodyConfig;
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
    body.validate().map_err(export::unfit)?;
    export::exported(state, "actor", normalize_observations, |spec, weights| {
        let (choices, dim) = (spec.action.choices(), spec.action.continuous);
        let unfit = |reason: &str| CheckpointError::Value {
            name: "action".to_owned(),
            found: state.values().get("action").map_or_else(String::new, ToString::to_string),
            reason: reason.to_owned(),
        };
        match body {
            _ if spec.action.codes() == 0 => Err(unfit("an action needs heads or continuous entries")),
            BodyConfig::Mlp { hidden, activation } => {
                let sizes = [&[spec.obs_dim()], &hidden[..], &[choices + 2 * dim]].concat();
                Network::dense(weights, &sizes, *activation)
            }
            BodyConfig::Scorer { .. } if dim > 0 => Err(unfit("a scorer has no outputs for continuous entries")),
            BodyConfig::Scorer { hidden, prior_scale, .. } => Network::options(weights, spec, hidden, *prior_scale),
        }
    })
}
