//! Evolution strategies (ES): Salimans et al. 2017 (arXiv:1703.03864), algorithm 1, on the networks of other methods.
//!
//! A generation tries mean +- sigma x noise in antithetic pairs, one candidate after another, and moves the mean along
//! the noise weighted by centred ranks. It needs no value, no gradient and no discount, only episodes that end.
//!
//! A candidate acts on all streams, greedily, until enough episodes are its own from the first step to the last: those
//! that began after its turn did, and whose every action is the one it takes. Candidates are deterministic, so that
//! this holds in `free_running` mode too, where actors may still act for an earlier one: an episode in which both agree
//! at every step is worth the same under both.
//!
//! # Deviations
//! - Candidates take turns instead of running on workers of their own, for actors know one policy at a time.
//! - Episodes under way when a turn ends are lost, and with several streams short episodes are finished first.
//! - No weight decay, no virtual batch normalisation, and no noise in actions.

use std::collections::BTreeMap;

use burn::tensor::Device;
use mec_envs::rng::{Prng, stream};
use rand::RngExt;
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};

use crate::agent::{ActMode, Algorithm, ConfigError, Learner, Metrics, ObservationBatch, Policy, TrainError};
use crate::checkpoint::CheckpointError;
use crate::export::ExportedPolicy;
use crate::nn::{AdamConfig, BodyConfig, Matrix, Parameters, Trained};
use crate::spec::EnvSpec;
use crate::state::StateDict;
use crate::stochastic::{self, ActorModel, StochasticPolicy};
use crate::transition::Transitions;

/// Actions closer than this are the same: a batch may round differently than one row.
const SAME_ACTION: f32 = 1e-4;

/// Configuration of evolution strategies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EsConfig {
    /// Pairs of candidates per generation, 1 or more. Default 16.
    pub pairs: usize,
    /// Standard deviation of the noise, above 0. Default 0.1.
    pub sigma: f64,
    /// Step size of Adam, above 0. Default 0.03.
    pub learning_rate: f64,
    /// Episodes per candidate, 1 or more. Default 1.
    pub episodes_each: usize,
    /// The network of the policy.
    pub body: BodyConfig,
}

impl Default for EsConfig {
    fn default() -> Self {
        let body = BodyConfig::mlp(&[32]);
        Self { pairs: 16, sigma: 0.1, learning_rate: 0.03, episodes_each: 1, body }
    }
}

impl EsConfig {
    /// Refuses values out of range.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] with the field, its value and what is accepted.
    pub fn validate(&self) -> Result<(), ConfigError> {
        for (field, count) in [("pairs", self.pairs), ("episodes_each", self.episodes_each)] {
            ConfigError::check(count > 0, field, count, "1 or more")?;
        }
        for (field, value) in [("sigma", self.sigma), ("learning_rate", self.learning_rate)] {
            ConfigError::check(value > 0.0 && value.is_finite(), field, value, "above 0")?;
        }
        self.body.validate()
    }
}

impl Algorithm for EsConfig {
    type Learner = EsLearner;

    /// The weights lie in host memory whatever the device: nothing here is worth its transfer.
    fn build(&self, spec: &EnvSpec, _device: &Device, seed: u64) -> Result<EsLearner, ConfigError> {
        self.validate()?;
        let model = ActorModel::new("es", &self.body, spec)?;
        let mean = model.network.init(&mut stream(seed, "es/actor"), &Device::flex());
        let adam = AdamConfig { learning_rate: self.learning_rate, max_grad_norm: None };
        let mut learner = EsLearner {
            config: self.clone(),
            candidate: StochasticPolicy::new("es policy", &model, &mean, None),
            model,
            mean: Trained::new(mean, adam),
            counters: Counters { seed, generation: 0, version: 0 },
            fitness: Vec::new(),
            trial: Trial::default(),
        };
        learner.candidate = learner.acting(&learner.candidate_weights());
        Ok(learner)
    }

    fn name(&self) -> &'static str {
        "es"
    }
}

/// The greedy policy of a stored learner: that of the mean.
///
/// # Errors
/// [`CheckpointError`] when the state is of another method, or its actor has what an exported policy cannot have.
pub fn exported(state: &StateDict) -> Result<ExportedPolicy, CheckpointError> {
    state.expect_kind("es")?;
    let config: EsConfig = state.value("config")?;
    stochastic::exported(state, &config.body, false)
}

/// The learner of evolution strategies.
pub struct EsLearner {
    config: EsConfig,
    model: ActorModel,
    mean: Trained,
    counters: Counters,
    /// The mean return of each candidate of the generation that had its turn.
    fitness: Vec<f64>,
    candidate: StochasticPolicy,
    trial: Trial,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Counters {
    /// The noise follows from it and the generation.
    seed: u64,
    generation: u64,
    version: u64,
}

/// The turn of a candidate.
#[derive(Clone, Debug, Default, PartialEq)]
struct Trial {
    /// Returns of episodes that were its own.
    returns: Vec<f64>,
    /// The episode under way of each stream: its return so far, and whether it is the candidate's own so far.
    open: BTreeMap<u32, (f64, bool)>,
}

impl EsLearner {
    fn candidates(&self) -> usize {
        2 * self.config.pairs
    }

    /// The noise of a pair, in the order of the weights.
    fn noise(&self, pair: usize) -> impl FnMut() -> f32 + use<> {
        let name = format!("es/noise/{}/{pair}", self.counters.generation);
        let mut rng: Prng = stream(self.counters.seed, &name);
        move || rng.sample(StandardNormal)
    }

    /// Those of the candidate whose turn it is; the mean when all had theirs.
    fn candidate_weights(&self) -> Parameters {
        let mut weights = self.mean.weights.clone();
        let turn = self.fitness.len();
        if turn < self.candidates() {
            let mut noise = self.noise(turn / 2);
            let scale = if turn.is_multiple_of(2) { self.config.sigma } else { -self.config.sigma } as f32;
            for matrix in weights.matrices_mut() {
                let moved = matrix.entries().iter().map(|weight| weight + scale * noise()).collect();
                *matrix = Matrix::host(moved, matrix.shape());
            }
        }
        weights
    }

    fn acting(&self, weights: &Parameters) -> StochasticPolicy {
        StochasticPolicy::new("es policy", &self.model, weights, None)
    }

    /// Lets the next candidate have its turn: what is under way is not its own.
    fn next_turn(&mut self) {
        self.candidate = self.acting(&self.candidate_weights());
        self.counters.version += 1;
        self.trial.returns.clear();
        self.trial.open.values_mut().for_each(|(_, own)| *own = false);
    }

    /// Whether each action is the one that the candidate takes.
    fn agreements(&mut self, experience: &Transitions) -> Vec<bool> {
        let masks = (!experience.masks.is_empty()).then_some(&experience.masks[..]);
        let batch = ObservationBatch { rows: experience.len(), observations: &experience.observations, masks };
        let mut own = Vec::new();
        // Greedy actions draw nothing.
        self.candidate.act(&batch, ActMode::Greedy, &mut stream(0, "greedy"), &mut own);
        let codes = self.model.identity.spec().action.codes();
        let rows = own.chunks_exact(codes).zip(experience.actions.chunks_exact(codes));
        rows.map(|(own, taken)| own.iter().zip(taken).all(|(own, taken)| (own - taken).abs() < SAME_ACTION)).collect()
    }
}

/// The weights of candidates by their rank: (better than - worse than) / 2(n - 1), so that the best has 1/2, the worst
/// -1/2, equals the same, and all together 0 (Salimans et al. 2017, section 2.1: fitness shaping).
pub fn centred_ranks(fitness: &[f64]) -> Vec<f64> {
    let rank = |own: &f64| {
        let worse = fitness.iter().filter(|other| *other < own).count() as f64;
        let better = fitness.iter().filter(|other| *other > own).count() as f64;
        (worse - better) / (2 * fitness.len().saturating_sub(1).max(1)) as f64
    };
    fitness.iter().map(rank).collect()
}

/// Acts as the candidate on trial to explore, and as the mean to be judged.
#[derive(Clone, Debug)]
pub struct EsPolicy {
    candidate: StochasticPolicy,
    mean: StochasticPolicy,
}

impl Policy for EsPolicy {
    fn act(&mut self, batch: &ObservationBatch<'_>, mode: ActMode, rng: &mut Prng, actions: &mut Vec<f32>) {
        let policy = if mode == ActMode::Explore { &mut self.candidate } else { &mut self.mean };
        policy.act(batch, ActMode::Greedy, rng, actions);
    }

    fn state(&self) -> StateDict {
        let mut state = StateDict::new("es policies");
        state.insert_state("candidate", self.candidate.state());
        state.insert_state("mean", self.mean.state());
        state
    }

    fn load_state(&mut self, state: &StateDict) -> Result<(), CheckpointError> {
        state.expect_kind("es policies")?;
        let mut loaded = self.clone();
        loaded.candidate.load_state(&state.inner_state("candidate")?)?;
        loaded.mean.load_state(&state.inner_state("mean")?)?;
        *self = loaded;
        Ok(())
    }
}

impl Learner for EsLearner {
    type Policy = EsPolicy;

    fn add(&mut self, experience: &Transitions) {
        let agreements = self.agreements(experience);
        for (row, agrees) in agreements.into_iter().enumerate() {
            let env = experience.env[row];
            let (so_far, own) = self.trial.open.remove(&env).unwrap_or((0.0, true));
            let (total, own) = (so_far + f64::from(experience.rewards[row]), own && agrees);
            if !(experience.terminated[row] || experience.truncated[row]) {
                self.trial.open.insert(env, (total, own));
            } else if own {
                self.trial.returns.push(total);
            }
        }
        let enough = self.trial.returns.len() >= self.config.episodes_each;
        if enough && self.fitness.len() < self.candidates() {
            self.fitness.push(self.trial.returns.iter().sum::<f64>() / self.trial.returns.len() as f64);
            self.next_turn();
        }
    }

    /// 1 when all candidates had their turn.
    fn updates_due(&self) -> usize {
        usize::from(self.fitness.len() == self.candidates())
    }

    fn train(&mut self, updates: usize) -> Result<Metrics, TrainError> {
        if updates.min(self.updates_due()) == 0 {
            return Ok(Metrics::default());
        }
        let fitness = self.fitness.iter().sum::<f64>() / self.fitness.len() as f64;
        if !fitness.is_finite() {
            let (metric, update) = ("train/fitness", self.counters.generation);
            return Err(TrainError::NotFinite { metric, value: fitness, update, tensor: None });
        }
        // Adam descends; the objective is to be climbed.
        let scale = -1.0 / (self.fitness.len() as f64 * self.config.sigma);
        let ranks = centred_ranks(&self.fitness);
        let mut gradients: Vec<Matrix> = self.mean.weights.matrices().iter().map(Matrix::zeros_like).collect();
        for (pair, ranks) in ranks.chunks_exact(2).enumerate() {
            let (mut noise, weight) = (self.noise(pair), (scale * (ranks[0] - ranks[1])) as f32);
            for matrix in &mut gradients {
                let sum = matrix.entries().iter().map(|entry| entry + weight * noise()).collect();
                *matrix = Matrix::host(sum, matrix.shape());
            }
        }
        self.mean.step(&gradients);
        self.counters.generation += 1;
        self.fitness.clear();
        self.next_turn();
        Ok(Metrics::new(vec![
            ("train/fitness", fitness),
            ("train/learning_rate", self.config.learning_rate),
            ("train/n_updates", self.counters.generation as f64),
        ]))
    }

    fn policy(&self) -> EsPolicy {
        EsPolicy { candidate: self.candidate.clone(), mean: self.acting(&self.mean.weights) }
    }

    fn version(&self) -> u64 {
        self.counters.version
    }

    fn write_memory(&self, state: &mut StateDict) {
        let Trial { returns, open } = &self.trial;
        state.insert_array("memory/returns", &[returns.len()], returns.clone());
        state.insert_value("memory/open", open.len());
        state.insert_array("memory/streams", &[open.len()], open.keys().copied().collect::<Vec<u32>>());
        state.insert_array(
            "memory/so_far",
            &[open.len()],
            open.values().map(|episode| episode.0).collect::<Vec<f64>>(),
        );
        state.insert_array("memory/own", &[open.len()], open.values().map(|episode| u8::from(episode.1)).collect());
        state.insert_value("memory/count", returns.len());
    }

    fn read_memory(&mut self, state: &StateDict) -> Result<(), CheckpointError> {
        let (open, count): (usize, usize) = (state.value("memory/open")?, state.value("memory/count")?);
        let returns = state.array("memory/returns", &[count])?.to_vec();
        let streams = state.array::<u32>("memory/streams", &[open])?;
        let so_far = state.array::<f64>("memory/so_far", &[open])?;
        let own = state.array::<u8>("memory/own", &[open])?;
        let episodes = so_far.iter().zip(own).map(|(&so_far, &own)| (so_far, own != 0));
        self.trial = Trial { returns, open: streams.iter().copied().zip(episodes).collect() };
        Ok(())
    }

    fn state(&self) -> StateDict {
        let mut state = StateDict::new("es");
        self.mean.write("actor", &mut state);
        state.insert_array("fitness", &[self.fitness.len()], self.fitness.clone());
        state.insert_value("turn", self.fitness.len());
        state.insert_value("counters", self.counters);
        self.model.identity.write(&self.config, &mut state);
        state
    }

    fn load_state(&mut self, state: &StateDict) -> Result<(), CheckpointError> {
        state.expect_kind("es")?;
        self.model.identity.expect(state)?;
        let mean = self.mean.read("actor", state)?;
        let turn: usize = state.value("turn")?;
        let fitness = state.array("fitness", &[turn])?.to_vec();
        if turn > self.candidates() {
            let reason = format!("a generation has {} candidates", self.candidates());
            return Err(CheckpointError::Value { name: "turn".to_owned(), found: turn.to_string(), reason });
        }
        self.counters = state.value("counters")?;
        (self.mean, self.fitness) = (mean, fitness);
        self.candidate = self.acting(&self.candidate_weights());
        self.trial = Trial::default();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four candidates: the best 1/2, the worst -1/2, two equals in between (1 - 1) / 6 = 0.
    #[test]
    fn ranks_are_centred_and_equals_share_them() {
        assert_eq!(centred_ranks(&[3.0, 9.0, -100.0, 3.0]), [0.0, 0.5, -0.5, 0.0]);
        assert_eq!(centred_ranks(&[2.0, 2.0]), [0.0, 0.0]);
    }

    #[test]
    fn episodes_that_another_policy_acted_in_count_for_no_candidate() {
        use mec_envs::gym::probe::{Probe, Rung};
        let spec = EnvSpec::of(&Probe::discrete(Rung::Match));
        let mut learner = EsConfig::default().build(&spec, &Device::flex(), 1).unwrap();
        let (mut own, observation) = (Vec::new(), [1.0]);
        let batch = ObservationBatch { rows: 1, observations: &observation, masks: None };
        learner.policy().act(&batch, ActMode::Explore, &mut stream(0, "test"), &mut own);
        let row = |action: f32, ends: bool| Transitions {
            observations: vec![1.0],
            next_observations: vec![1.0],
            actions: vec![action],
            rewards: vec![5.0],
            terminated: vec![ends],
            truncated: vec![false],
            env: vec![0],
            ..Transitions::default()
        };
        let other = (own[0] + 1.0) % 3.0;
        learner.add(&row(other, false));
        learner.add(&row(own[0], true));
        assert!(learner.fitness.is_empty() && learner.version() == 0);
        learner.add(&row(own[0], false));
        learner.add(&row(own[0], true));
        assert_eq!((&learner.fitness[..], learner.version()), (&[10.0][..], 1));
    }
}
