//! [`DqnPolicy`]: acts with a snapshot of the Q-network.

use std::borrow::Cow;
use std::sync::Arc;

use burn::tensor::Device;
use mec_envs::rng::Prng;
use rand::RngExt;

use super::model::Model;
use crate::agent::{ActMode, ObservationBatch, Policy};
use crate::checkpoint::CheckpointError;
use crate::nn::{Parameters, Scaling};
use crate::state::StateDict;

/// A snapshot of the network of a [`DqnLearner`](super::DqnLearner), on the CPU. Clones share the weights.
///
/// It takes the best open choice of each head; to explore, each head takes instead, with probability epsilon, any open
/// choice.
#[derive(Clone, Debug)]
pub struct DqnPolicy {
    snapshot: Arc<Snapshot>,
    epsilon: f64,
}

#[derive(Debug)]
struct Snapshot {
    model: Model,
    weights: Parameters,
    scaling: Option<Scaling>,
}

impl DqnPolicy {
    pub(super) fn new(model: &Model, weights: &Parameters, scaling: Option<Scaling>, epsilon: f64) -> Self {
        let snapshot = Snapshot { model: model.clone(), weights: weights.to_host(), scaling };
        Self { snapshot: Arc::new(snapshot), epsilon }
    }

    /// Q values of all choices, row by row.
    pub fn q(&self, batch: &ObservationBatch<'_>) -> Vec<f32> {
        let Snapshot { model, weights, scaling } = &*self.snapshot;
        let observations = match scaling {
            Some(scaling) => Cow::Owned(scaling.apply(batch.observations)),
            None => Cow::Borrowed(batch.observations),
        };
        let batch = ObservationBatch { observations: &observations, ..*batch };
        let inputs = model.network.inputs(&batch, &[], &Device::flex());
        model.q(model.network.predict(weights, &inputs, None), batch.masks)
    }
}

impl Policy for DqnPolicy {
    fn act(&mut self, batch: &ObservationBatch<'_>, mode: ActMode, rng: &mut Prng, actions: &mut Vec<f32>) {
        actions.clear();
        let epsilon = if mode == ActMode::Explore { self.epsilon } else { 0.0 };
        let heads = &self.snapshot.model.heads;
        let choices = heads.choices();
        let q = if epsilon < 1.0 { self.q(batch) } else { vec![0.0; batch.rows * choices] };
        let mut tried = Vec::new();
        for (row, q) in q.chunks_exact(choices).enumerate() {
            let mask = batch.masks.map(|masks| &masks[row * choices..(row + 1) * choices]);
            let start = actions.len();
            heads.greedy(q, mask, actions);
            if epsilon > 0.0 {
                tried.clear();
                heads.uniform(mask, rng, &mut tried);
                for (action, tried) in actions[start..].iter_mut().zip(&tried) {
                    if rng.random::<f64>() < epsilon {
                        *action = *tried;
                    }
                }
            }
        }
    }

    fn state(&self) -> StateDict {
        let mut state = StateDict::new("dqn policy");
        self.snapshot.weights.write("q", &mut state);
        if let Some(scaling) = &self.snapshot.scaling {
            scaling.write("scaling", &mut state);
        }
        state.insert_value("epsilon", self.epsilon);
        self.snapshot.model.identity.write_alone(&mut state);
        state
    }

    fn load_state(&mut self, state: &StateDict) -> Result<(), CheckpointError> {
        state.expect_kind("dqn policy")?;
        let Snapshot { model, weights, scaling } = &*self.snapshot;
        model.identity.expect(state)?;
        let weights = weights.read("q", state)?;
        let scaling = Scaling::read_like(scaling.as_ref(), "scaling", state)?;
        let epsilon = state.value("epsilon")?;
        let snapshot = Arc::new(Snapshot { model: model.clone(), weights, scaling });
        *self = Self { snapshot, epsilon };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::{Algorithm, Learner};
    use crate::dqn::DqnConfig;
    use crate::nn::BodyConfig;
    use crate::spec::EnvSpec;
    use mec_envs::gym::{ActionLayout, Part};
    use mec_envs::rng::stream;

    /// An untrained scorer: Q is the prior, whose best is 9 and closed; 5 is the best open one.
    fn policy(epsilon: f64) -> DqnPolicy {
        let observation = vec![Part::new("options", &[4, 1]), Part::new("prior", &[4])];
        let spec = EnvSpec { observation, action: ActionLayout { heads: vec![4], continuous: 0 } };
        let body = BodyConfig::Scorer { hidden: vec![4], prior_scale: 7.0, q_prior_scale: 1.0 };
        let config = DqnConfig { body, epsilon_start: epsilon, ..DqnConfig::default() };
        config.build(&spec, &Device::flex(), 1).unwrap().policy()
    }

    fn counts(policy: &mut DqnPolicy, mode: ActMode) -> [u32; 4] {
        let observations = [0.0, 0.0, 0.0, 0.0, 1.0, 9.0, 5.0, 2.0];
        let batch = ObservationBatch { rows: 1, observations: &observations, masks: Some(&[true, false, true, true]) };
        let (mut rng, mut actions, mut counts) = (stream(1, "test"), Vec::new(), [0; 4]);
        for _ in 0..3_000 {
            policy.act(&batch, mode, &mut rng, &mut actions);
            counts[actions[0] as usize] += 1;
        }
        counts
    }

    /// With epsilon 0.3, each of three open choices is tried 300 times in 3000 draws, standard deviation 16.
    #[test]
    fn exploration_takes_any_open_choice_with_probability_epsilon() {
        assert_eq!(counts(&mut policy(0.3), ActMode::Greedy), [0, 0, 3_000, 0]);
        assert_eq!(counts(&mut policy(0.0), ActMode::Explore), [0, 0, 3_000, 0]);
        let found = counts(&mut policy(0.3), ActMode::Explore);
        assert!(found[1] == 0 && [found[0], found[3]].iter().all(|count| (235..365).contains(count)), "{found:?}");
        let found = counts(&mut policy(1.0), ActMode::Explore);
        // 1000 each, standard deviation 26.
        assert!(found[1] == 0 && [0, 2, 3].iter().all(|&choice| (895..1_105).contains(&found[choice])), "{found:?}");
    }

    #[test]
    fn a_policy_that_loads_the_state_of_another_acts_as_that_one() {
        let mut loaded = policy(1.0);
        loaded.load_state(&policy(0.3).state()).unwrap();
        assert_eq!(counts(&mut loaded, ActMode::Explore), counts(&mut policy(0.3), ActMode::Explore));
        assert!(loaded.load_state(&StateDict::new("sac policy")).is_err());
    }
}
