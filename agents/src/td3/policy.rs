//! [`Td3Policy`]: acts with a snapshot of the actor.

use std::borrow::Cow;
use std::sync::Arc;

use burn::tensor::Device;
use mec_envs::rng::Prng;
use rand::RngExt;
use rand_distr::StandardNormal;

use super::networks::Model;
use crate::agent::{ActMode, ObservationBatch, Policy};
use crate::checkpoint::CheckpointError;
use crate::nn::{Parameters, Scaling};
use crate::state::StateDict;

/// A snapshot of the actor of a [`Td3Learner`](super::Td3Learner), on the CPU. Clones share the weights.
///
/// It takes tanh of the outputs; to explore, with Gaussian noise added, and cut to [-1, 1].
#[derive(Clone, Debug)]
pub struct Td3Policy {
    snapshot: Arc<Snapshot>,
    /// Explore uniformly at random: no update has been done yet.
    uniform: bool,
}

/// What updates change of a policy, and what they do not.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// Name of the method.
    pub(super) name: &'static str,
    pub(super) model: Model,
    pub(super) weights: Parameters,
    pub(super) scaling: Option<Scaling>,
    /// Standard deviation of the noise.
    pub(super) noise: f32,
}

impl Td3Policy {
    pub(super) fn new(snapshot: Snapshot, uniform: bool) -> Self {
        Self { snapshot: Arc::new(snapshot), uniform }
    }

    /// The actions without noise, row by row.
    pub fn actions(&self, batch: &ObservationBatch<'_>) -> Vec<f32> {
        let Snapshot { model, weights, scaling, .. } = &*self.snapshot;
        let observations = match scaling {
            Some(scaling) => Cow::Owned(scaling.apply(batch.observations)),
            None => Cow::Borrowed(batch.observations),
        };
        let batch = ObservationBatch { observations: &observations, ..*batch };
        let outputs = model.actor.predict(weights, &model.actor.inputs(&batch, &[], &Device::flex()), None);
        outputs.into_iter().map(f32::tanh).collect()
    }

    fn kind(&self) -> String {
        format!("{} policy", self.snapshot.name)
    }
}

impl Policy for Td3Policy {
    fn act(&mut self, batch: &ObservationBatch<'_>, mode: ActMode, rng: &mut Prng, actions: &mut Vec<f32>) {
        actions.clear();
        let Snapshot { model, noise, .. } = &*self.snapshot;
        match mode {
            ActMode::Explore if self.uniform => {
                actions.extend((0..batch.rows * model.dim).map(|_| rng.random_range(-1.0..=1.0_f32)));
            }
            ActMode::Explore => {
                let mut noisy = |action: f32| (action + noise * rng.sample::<f32, _>(StandardNormal)).clamp(-1.0, 1.0);
                actions.extend(self.actions(batch).into_iter().map(&mut noisy));
            }
            ActMode::Greedy => actions.extend(self.actions(batch)),
        }
    }

    fn state(&self) -> StateDict {
        let mut state = StateDict::new(&self.kind());
        self.snapshot.weights.write("actor", &mut state);
        if let Some(scaling) = &self.snapshot.scaling {
            scaling.write("scaling", &mut state);
        }
        state.insert_value("uniform", self.uniform);
        self.snapshot.model.identity.write_alone(&mut state);
        state
    }

    fn load_state(&mut self, state: &StateDict) -> Result<(), CheckpointError> {
        state.expect_kind(&self.kind())?;
        let Snapshot { name, model, weights, scaling, noise } = &*self.snapshot;
        model.identity.expect(state)?;
        let weights = weights.read("actor", state)?;
        let scaling = Scaling::read_like(scaling.as_ref(), "scaling", state)?;
        let uniform = state.value("uniform")?;
        *self = Self::new(Snapshot { name, model: model.clone(), weights, scaling, noise: *noise }, uniform);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::{Algorithm, Learner};
    use crate::spec::EnvSpec;
    use crate::td3::Td3Config;
    use mec_envs::gym::probe::{Probe, Rung};
    use mec_envs::rng::stream;

    fn policy(uniform: bool) -> Td3Policy {
        let config = Td3Config { exploration_noise: 0.2, ..Td3Config::default() };
        let spec = EnvSpec::of(&Probe::continuous(Rung::Match));
        let policy = config.build(&spec, &Device::flex(), 1).unwrap().policy();
        assert!(policy.uniform, "an untrained learner explores uniformly");
        Td3Policy { uniform, ..policy }
    }

    fn acts(policy: &mut Td3Policy, mode: ActMode) -> Vec<f32> {
        let batch = ObservationBatch { rows: 2_000, observations: &[0.5; 2_000], masks: None };
        let mut actions = Vec::new();
        policy.act(&batch, mode, &mut stream(1, "test"), &mut actions);
        actions
    }

    /// Mean and mean square of 4000 numbers.
    fn moments(numbers: impl Iterator<Item = f32>) -> [f32; 2] {
        numbers.fold([0.0; 2], |[sum, square], number| [sum + number / 4e3, square + number * number / 4e3])
    }

    #[test]
    fn noise_has_its_deviation_and_actions_stay_within_bounds() {
        let greedy = acts(&mut policy(false), ActMode::Greedy);
        assert_eq!(acts(&mut policy(true), ActMode::Greedy), greedy);
        assert!(greedy.iter().all(|action| action.abs() < 0.4), "far from the bounds: {:?}", &greedy[..2]);
        let noisy = acts(&mut policy(false), ActMode::Explore);
        let [mean, square] = moments(noisy.iter().zip(&greedy).map(|(noisy, action)| noisy - action));
        // Standard deviations 0.0032 and 0.0009.
        assert!(mean.abs() < 0.013 && (square - 0.04).abs() < 0.004, "{mean} {square}");
        let uniform = acts(&mut policy(true), ActMode::Explore);
        let [mean, square] = moments(uniform.iter().copied());
        assert!(mean.abs() < 0.04 && (square - 1.0 / 3.0).abs() < 0.02, "{mean} {square}");
        assert!(noisy.iter().chain(&uniform).all(|action| (-1.0..=1.0).contains(action)));
    }

    #[test]
    fn a_policy_that_loads_the_state_of_another_acts_as_that_one() {
        let mut loaded = policy(true);
        loaded.load_state(&policy(false).state()).unwrap();
        assert_eq!(acts(&mut loaded, ActMode::Explore), acts(&mut policy(false), ActMode::Explore));
        assert!(loaded.load_state(&StateDict::new("ddpg policy")).is_err());
    }
}
