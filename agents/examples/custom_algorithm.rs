//! A new method in one file: the cross-entropy method (Rubinstein 1999) on a linear policy.
//!
//! Copy this file to start your own. It has the parts of every method, in the usual order: the configuration, which
//! builds the learner; the learner, which owns its memory and its generator; the policy, which acts. Actors,
//! runtimes, checkpoints and evaluation then work unchanged. `cargo run -p mec-agents --example custom_algorithm`
//! trains it on a probe environment whose best mean reward is 0.

use mec_agents::agent::{ActMode, Algorithm, ConfigError, Learner, Metrics, ObservationBatch, Policy, TrainError};
use mec_agents::checkpoint::CheckpointError;
use mec_agents::device::Device;
use mec_agents::nn::Heads;
use mec_agents::runtime::{Mode, RuntimeConfig, train};
use mec_agents::spec::EnvSpec;
use mec_agents::state::StateDict;
use mec_agents::transition::Transitions;
use mec_envs::gym::probe::{Probe, Rung};
use mec_envs::rng::rand::RngExt;
use mec_envs::rng::rand_distr::StandardNormal;
use mec_envs::rng::{Prng, stream};

/// Cross-entropy method: try `population` weight vectors, keep the best `elite`, draw the next ones around them.
#[derive(Clone, Debug)]
struct CemConfig {
    /// Candidates per generation, at least `elite`.
    population: usize,
    /// Candidates that the next generation is drawn around, 1 or more.
    elite: usize,
    /// Steps that each candidate acts for, 1 or more.
    steps_each: usize,
}

impl Algorithm for CemConfig {
    type Learner = CemLearner;

    fn build(&self, spec: &EnvSpec, _device: &Device, seed: u64) -> Result<CemLearner, ConfigError> {
        let valid = (1..=self.population).contains(&self.elite) && self.steps_each > 0;
        ConfigError::check(valid, "elite", self.elite, "1 to population, with steps_each of 1 or more")?;
        let weights = (spec.obs_dim() + 1) * spec.action.choices();
        let mut learner = CemLearner {
            config: self.clone(),
            heads: Heads::new(&spec.action.heads),
            rng: stream(seed, "cem"),
            mean: vec![0.0; weights],
            spread: vec![1.0; weights],
            candidate: Vec::new(),
            scored: Vec::new(),
            rewards: Vec::new(),
            version: 0,
        };
        learner.next_candidate();
        Ok(learner)
    }

    fn name(&self) -> &'static str {
        "cem"
    }
}

/// Draws candidates, scores each by the rewards it earned, and narrows the search.
struct CemLearner {
    config: CemConfig,
    heads: Heads,
    rng: Prng,
    mean: Vec<f32>,
    spread: Vec<f32>,
    candidate: Vec<f32>,
    scored: Vec<(f32, Vec<f32>)>,
    rewards: Vec<f32>,
    version: u64,
}

impl CemLearner {
    fn next_candidate(&mut self) {
        let rng = &mut self.rng;
        let draw = |(mean, spread): (&f32, &f32)| mean + spread * rng.sample::<f32, _>(StandardNormal);
        self.candidate = self.mean.iter().zip(&self.spread).map(draw).collect();
        self.version += 1;
    }

    /// Mean and spread of the best candidates; a floor keeps the search alive.
    fn next_generation(&mut self) {
        self.scored.sort_by(|left, right| right.0.total_cmp(&left.0));
        let elite = &self.scored[..self.config.elite];
        for index in 0..self.mean.len() {
            let mean = elite.iter().map(|(_, weights)| weights[index]).sum::<f32>() / elite.len() as f32;
            let square = elite.iter().map(|(_, weights)| (weights[index] - mean).powi(2)).sum::<f32>();
            (self.mean[index], self.spread[index]) = (mean, (square / elite.len() as f32).sqrt() + 0.05);
        }
        self.scored.clear();
    }
}

impl Learner for CemLearner {
    type Policy = LinearPolicy;

    fn add(&mut self, experience: &Transitions) {
        self.rewards.extend_from_slice(&experience.rewards);
    }

    /// One "update" per candidate that has acted long enough.
    fn updates_due(&self) -> usize {
        usize::from(self.rewards.len() >= self.config.steps_each)
    }

    fn train(&mut self, updates: usize) -> Result<Metrics, TrainError> {
        let score = self.rewards.iter().sum::<f32>() / self.rewards.len().max(1) as f32;
        if updates > 0 {
            self.scored.push((score, std::mem::take(&mut self.candidate)));
            self.rewards.clear();
            if self.scored.len() == self.config.population {
                self.next_generation();
            }
            self.next_candidate();
        }
        Ok(Metrics::new(vec![("train/score", f64::from(score))]))
    }

    fn policy(&self) -> LinearPolicy {
        LinearPolicy { heads: self.heads.clone(), explore: self.candidate.clone(), greedy: self.mean.clone() }
    }

    fn version(&self) -> u64 {
        self.version
    }

    /// The candidate on trial with its rewards, those that were tried, and the generator behind them.
    fn write_memory(&self, state: &mut StateDict) {
        state.insert_value("memory/candidates", (&self.candidate, &self.rewards, &self.scored, &self.rng));
    }

    fn read_memory(&mut self, state: &StateDict) -> Result<(), CheckpointError> {
        (self.candidate, self.rewards, self.scored, self.rng) = state.value("memory/candidates")?;
        Ok(())
    }

    fn state(&self) -> StateDict {
        let mut state = StateDict::new("cem");
        state.insert_array("mean", &[self.mean.len()], self.mean.clone());
        state.insert_array("spread", &[self.spread.len()], self.spread.clone());
        state.insert_value("rng", &self.rng);
        state
    }

    /// A checkpoint is taken between generations: candidates scored so far are tried anew.
    fn load_state(&mut self, state: &StateDict) -> Result<(), CheckpointError> {
        state.expect_kind("cem")?;
        let mean = state.array("mean", &[self.mean.len()])?.to_vec();
        let spread = state.array("spread", &[self.spread.len()])?.to_vec();
        self.rng = state.value("rng")?;
        (self.mean, self.spread) = (mean, spread);
        self.scored.clear();
        self.rewards.clear();
        self.next_candidate();
        Ok(())
    }
}

/// Logits = W [observation, 1]; the candidate on trial explores, the mean of the elite is judged.
#[derive(Clone)]
struct LinearPolicy {
    heads: Heads,
    explore: Vec<f32>,
    greedy: Vec<f32>,
}

impl Policy for LinearPolicy {
    fn act(&mut self, batch: &ObservationBatch<'_>, mode: ActMode, _rng: &mut Prng, actions: &mut Vec<f32>) {
        actions.clear();
        let weights = if mode == ActMode::Explore { &self.explore } else { &self.greedy };
        let dim = batch.observations.len() / batch.rows;
        for (row, observation) in batch.observations.chunks_exact(dim).enumerate() {
            let logit = |column: &[f32]| column[dim] + column.iter().zip(observation).map(|(w, x)| w * x).sum::<f32>();
            let logits: Vec<f32> = weights.chunks_exact(dim + 1).map(logit).collect();
            let mask = batch.masks.map(|masks| &masks[row * logits.len()..][..logits.len()]);
            self.heads.greedy(&logits, mask, actions);
        }
    }

    fn state(&self) -> StateDict {
        let mut state = StateDict::new("cem policy");
        state.insert_array("explore", &[self.explore.len()], self.explore.clone());
        state.insert_array("greedy", &[self.greedy.len()], self.greedy.clone());
        state
    }

    fn load_state(&mut self, state: &StateDict) -> Result<(), CheckpointError> {
        state.expect_kind("cem policy")?;
        let explore = state.array("explore", &[self.explore.len()])?.to_vec();
        self.greedy = state.array("greedy", &[self.greedy.len()])?.to_vec();
        self.explore = explore;
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let make_env = |_| Probe::multi_discrete(Rung::Match);
    let config = CemConfig { population: 16, elite: 4, steps_each: 16 };
    let mut learner = config.build(&EnvSpec::of(&make_env(0)), &Device::flex(), 1)?;
    let runtime =
        RuntimeConfig { mode: Mode::Lockstep, actors: 2, envs: 4, steps: 8_000, round: 4, ..Default::default() };
    train(&mut learner, make_env, &runtime, 1, &mut ())?;
    let mut policy = learner.policy();
    for observation in [-1.0, 1.0] {
        let mut action = Vec::new();
        let batch = ObservationBatch { rows: 1, observations: &[observation], masks: None };
        policy.act(&batch, ActMode::Greedy, &mut stream(1, "evaluation"), &mut action);
        println!("{} takes {action:?} for {observation}", config.name());
        // The first head has to hit the observation, the second one its opposite.
        let expected = if observation > 0.0 { [1.0, 0.0] } else { [0.0, 1.0] };
        assert_eq!(action, expected, "the method did not learn the probe");
    }
    Ok(())
}
