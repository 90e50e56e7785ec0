//! [`Identity`]: what networks are and are for, so that only those that are alike take a state over.

use mec_envs::gym::{ActionLayout, Part};
use serde::{Deserialize, Serialize};

use crate::checkpoint::CheckpointError;
use crate::nn::BodyConfig;
use crate::spec::EnvSpec;
use crate::state::StateDict;

/// The body of networks and the shape of the environments that they are for: what the names and shapes of their weights do
/// not tell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Identity {
    body: BodyConfig,
    spec: EnvSpec,
}

/// What all configurations have.
#[derive(Serialize, Deserialize)]
struct OfAnyMethod {
    body: BodyConfig,
}

impl Identity {
    pub(crate) fn new(body: &BodyConfig, spec: &EnvSpec) -> Self {
        Self { body: body.clone(), spec: spec.clone() }
    }

    /// The shape of the environments.
    pub(crate) fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    /// Adds it to the state of a learner of this configuration, which has the body.
    pub(crate) fn write(&self, config: &impl Serialize, state: &mut StateDict) {
        state.insert_value("config", config);
        let parts: Vec<_> = self.spec.observation.iter().map(|part| (&part.name, &part.shape)).collect();
        state.insert_value("observation", parts);
        state.insert_value("action", (&self.spec.action.heads, self.spec.action.continuous));
    }

    /// Adds it to the state of a policy.
    pub(crate) fn write_alone(&self, state: &mut StateDict) {
        self.write(&OfAnyMethod { body: self.body.clone() }, state);
    }

    /// Refuses a state whose numbers mean something else here: of another body, or for environments of another shape. A
    /// scorer serves any number of options, so that of them only what one consists of has to be the same.
    pub(crate) fn expect(&self, state: &StateDict) -> Result<(), CheckpointError> {
        let OfAnyMethod { body } = state.value("config")?;
        expect_setting("body", &body, &self.body)?;
        let stored = stored_spec(state)?;
        let alike = match self.body {
            BodyConfig::Mlp { .. } => stored == self.spec,
            BodyConfig::Scorer { .. } => of_options(&stored) == of_options(&self.spec),
        };
        if alike {
            return Ok(());
        }
        let reason = format!("here environments are {:?}", self.spec);
        Err(CheckpointError::Value { name: "observation".to_owned(), found: format!("{stored:?}"), reason })
    }
}

/// What a scorer reads of an option: its features, those of all options, and whether there is a prior.
fn of_options(spec: &EnvSpec) -> [Option<usize>; 3] {
    let features = spec.part("options").and_then(|(_, part)| part.shape.last().copied());
    [features, spec.part("global").map(|(_, part)| part.len()), spec.part("prior").map(|_| 1)]
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
    let reason = format!("here it is {}", json(own));
    Err(CheckpointError::Value { name: format!("config/{field}"), found: json(stored), reason })
}

/// The shape of environments in a stored [`Identity`].
pub(crate) fn stored_spec(state: &StateDict) -> Result<EnvSpec, CheckpointError> {
    let parts: Vec<(String, Vec<usize>)> = state.value("observation")?;
    let (heads, continuous) = state.value("action")?;
    let observation = parts.iter().map(|(name, shape)| Part::new(name, shape)).collect();
    Ok(EnvSpec { observation, action: ActionLayout { heads, continuous } })
}
