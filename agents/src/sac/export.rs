//! [`exported`]: the actor out of a stored learner.

use super::config::SacConfig;
use crate::checkpoint::CheckpointError;
use crate::export::ExportedPolicy;
use crate::state::StateDict;
use crate::stochastic;

/// The greedy policy of a stored [`SacLearner`](super::SacLearner).
///
/// # Errors
/// [`CheckpointError`] when the state is of another method, lacks something, or its actor has what an exported policy
/// cannot have.
pub fn exported(state: &StateDict) -> Result<ExportedPolicy, CheckpointError> {
    state.expect_kind("sac")?;
    let config: SacConfig = state.value("config")?;
    stochastic::exported(state, &config.body, config.normalize_observations)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::{Algorithm, Learner};
    use crate::device::Device;
    use crate::nn::BodyConfig;
    use crate::spec::EnvSpec;
    use mec_envs::gym::{ActionLayout, Part};

    fn state(body: BodyConfig, action: ActionLayout) -> StateDict {
        let observation = vec![Part::new("global", &[2]), Part::new("options", &[3, 4]), Part::new("prior", &[3])];
        let config = SacConfig { body, buffer_capacity: 256, ..SacConfig::default() };
        config.build(&EnvSpec { observation, action }, &Device::flex(), 1).unwrap().state()
    }

    fn mlp() -> StateDict {
        state(BodyConfig::mlp(&[8]), ActionLayout { heads: vec![3], continuous: 0 })
    }

    #[test]
    fn every_array_of_the_actor_leaves_and_no_other() {
        let scorer = BodyConfig::Scorer { hidden: vec![8, 6], prior_scale: 2.0, q_prior_scale: 1.0 };
        let scorer = state(scorer, ActionLayout { heads: vec![3], continuous: 0 });
        let gaussian = state(BodyConfig::mlp(&[8]), ActionLayout { heads: vec![], continuous: 2 });
        for state in [mlp(), scorer, gaussian] {
            let policy = exported(&state).unwrap();
            let file = safetensors::SafeTensors::deserialize(&policy.to_safetensors()).unwrap().len();
            let of_actor = state.arrays().keys().filter(|name| name.starts_with("actor/")).count();
            assert_eq!(file, of_actor);
            for matrix in policy.network.matrices() {
                let stored = state.array::<f32>(&format!("actor/{}", matrix.name), &matrix.shape).unwrap();
                assert_eq!(matrix.data, stored);
            }
            assert_eq!(policy.to_onnx(), exported(&state).unwrap().to_onnx());
        }
    }

    #[test]
    fn what_an_exported_policy_cannot_have_is_refused_by_name() {
        let refuse = |change: &dyn Fn(&mut StateDict), parts: &[&str]| {
            let mut state = mlp();
            change(&mut state);
            let error = exported(&state).unwrap_err().to_string();
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        };
        refuse(&|state| state.kind = "random".to_owned(), &["random", "sac"]);
        refuse(&|state| state.insert_array("actor/layer0/scale", &[1], vec![1.0_f32]), &["actor/layer0/scale"]);
        refuse(&|state| state.insert_array("actor/layer1/bias", &[1, 2], vec![1.0_f32; 2]), &["layer1/bias", "[1, 3]"]);
        refuse(&|state| state.insert_value("action", (Vec::<usize>::new(), 0)), &["action", "heads"]);
        refuse(&|state| state.insert_value("config", serde_json::json!({"gama": 1})), &["config", "gama"]);
        let normal = SacConfig { normalize_observations: true, ..SacConfig::default() };
        refuse(&|state| state.insert_value("config", &normal), &["normalizer/global"]);
        let scorer = SacConfig {
            body: BodyConfig::Scorer { hidden: vec![8], prior_scale: 1.0, q_prior_scale: 1.0 },
            ..SacConfig::default()
        };
        refuse(&|state| state.insert_value("config", &scorer), &["embed/weight"]);
        let unfit = |state: &mut StateDict| {
            state.insert_value("config", &scorer);
            state.insert_value("action", (vec![4], 0));
        };
        refuse(&unfit, &["observation", "options", "4 choices"]);
    }
}
