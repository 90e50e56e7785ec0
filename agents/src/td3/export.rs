//! [`exported`]: the actor out of a stored learner.

use super::config::Td3Config;
use super::networks::Model;
use super::recipe::Recipe;
use crate::checkpoint::CheckpointError;
use crate::export::{self, ExportedPolicy, Network, unfit};
use crate::nn::BodyConfig;
use crate::state::StateDict;

/// The greedy policy of a stored learner of TD3.
///
/// # Errors
/// [`CheckpointError`] when the state is of another method, or lacks something.
pub fn exported(state: &StateDict) -> Result<ExportedPolicy, CheckpointError> {
    state.expect_kind("td3")?;
    exported_actor(state, &state.value::<Td3Config>("config")?.recipe())
}

/// The greedy policy of a stored [`Td3Learner`](super::Td3Learner) of this recipe.
///
/// # Errors
/// [`CheckpointError`] when the state lacks something.
pub fn exported_actor(state: &StateDict, recipe: &Recipe) -> Result<ExportedPolicy, CheckpointError> {
    recipe.validate().map_err(unfit)?;
    export::exported(state, "actor", recipe.memory.normalize_observations, |spec, weights| {
        Model::new(recipe, spec).map_err(unfit)?;
        let BodyConfig::Mlp { hidden, activation } = &recipe.body else {
            unreachable!("a model of continuous actions is a perceptron")
        };
        Network::dense(weights, &[&[spec.obs_dim()], &hidden[..], &[spec.action.continuous]].concat(), *activation)
    })
}
