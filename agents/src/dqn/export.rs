//! [`exported`]: the Q-network out of a stored learner.

use super::config::DqnConfig;
use super::model::Model;
use crate::checkpoint::CheckpointError;
use crate::export::{self, ExportedPolicy, Network, unfit};
use crate::nn::BodyConfig;
use crate::state::StateDict;

/// The greedy policy of a stored [`DqnLearner`](super::DqnLearner): the "logits" are Q values or, with dueling,
/// advantages; the best choice is the same by both.
///
/// # Errors
/// [`CheckpointError`] when the state is of another method, or lacks something.
pub fn exported(state: &StateDict) -> Result<ExportedPolicy, CheckpointError> {
    state.expect_kind("dqn")?;
    let config: DqnConfig = state.value("config")?;
    config.validate().map_err(unfit)?;
    export::exported(state, "q", config.normalize_observations, |spec, weights| {
        Model::new(&config, spec).map_err(unfit)?;
        match &config.body {
            BodyConfig::Mlp { hidden, activation } => {
                let outputs = spec.action.choices() + usize::from(config.dueling);
                Network::dense(weights, &[&[spec.obs_dim()], &hidden[..], &[outputs]].concat(), *activation)
            }
            BodyConfig::Scorer { hidden, q_prior_scale, .. } => Network::options(weights, spec, hidden, *q_prior_scale),
        }
    })
}
