//! An algorithm: a contextual bandit that learns what each choice pays at once, and takes the best.

use mec_gym::agents::agent::{ActMode, Algorithm, ConfigError, Learner, Metrics, ObservationBatch, Policy, TrainError};
use mec_gym::agents::checkpoint::CheckpointError;
use mec_gym::agents::device::Device;
use mec_gym::agents::nn::{AdamConfig, Heads, Helpers, Mlp, Network, Parameters, Track, Trained};
use mec_gym::agents::offender::Offender;
use mec_gym::agents::replay::{Batch, Replay, ReplayConfig};
use mec_gym::agents::spec::EnvSpec;
use mec_gym::agents::state::StateDict;
use mec_gym::agents::transition::Transitions;
use mec_gym::envs::rng::rand::RngExt;
use mec_gym::envs::rng::{Prng, stream};

use crate::gaussian_head;

/// The configuration, which builds the learner.
#[derive(Clone, Debug)]
pub struct BanditConfig {
    /// Step size, above 0.
    pub learning_rate: f64,
    /// Chance of a random choice while learning, in [0, 1].
    pub epsilon: f64,
    /// Standard deviations taken off the mean of a choice before it is compared: 0 cares for the mean alone.
    pub caution: f32,
    /// Transitions per update, 1 or more.
    pub batch_size: usize,
}

impl Default for BanditConfig {
    fn default() -> Self {
        Self { learning_rate: 1e-3, epsilon: 0.1, caution: 0.0, batch_size: 64 }
    }
}

impl Algorithm for BanditConfig {
    type Learner = BanditLearner;

    fn build(&self, spec: &EnvSpec, device: &Device, seed: u64) -> Result<BanditLearner, ConfigError> {
        ConfigError::check((0.0..=1.0).contains(&self.epsilon), "epsilon", self.epsilon, "0 to 1")?;
        ConfigError::check(self.batch_size > 0, "batch_size", self.batch_size, "1 or more")?;
        let ([choices], 0) = (&spec.action.heads[..], spec.action.continuous) else {
            let found = format!("{:?}", spec.action);
            return Err(ConfigError::UnsupportedAction { method: "bandit", found, accepted: "one categorical head" });
        };
        let network = Network::Mlp(Mlp::new(spec.obs_dim(), &[64], gaussian_head::OUTPUTS_PER_CHOICE * choices));
        let weights = network.init(&mut stream(seed, "bandit/network"), device);
        let adam = AdamConfig { learning_rate: self.learning_rate, max_grad_norm: Some(10.0) };
        Ok(BanditLearner {
            config: self.clone(),
            heads: Heads::new(&[*choices]),
            replay: Replay::new(&ReplayConfig { capacity: 20_000, ..ReplayConfig::default() }, spec)?,
            rng: stream(seed, "bandit/learner"),
            device: device.clone(),
            trained: Trained::new(weights, adam),
            network,
            updates: 0,
        })
    }

    fn name(&self) -> &'static str {
        "bandit"
    }
}

/// The learner, which owns its memory and its generator.
pub struct BanditLearner {
    config: BanditConfig,
    heads: Heads,
    network: Network,
    trained: Trained,
    replay: Replay,
    rng: Prng,
    device: Device,
    updates: u64,
}

impl BanditLearner {
    fn update(&mut self) -> f64 {
        let mut batch = Batch::default();
        self.replay.sample(self.config.batch_size, 0.0, &mut self.rng, &mut batch);
        let rows = ObservationBatch { rows: batch.len(), observations: &batch.observations, masks: None };
        let inputs = self.network.inputs(&rows, &[], &self.device);
        let (outputs, tape) = self.network.record(&self.trained.weights, &inputs, Track::Weights, None);
        let (loss, gradient) = gaussian_head::loss(&outputs, &batch.actions, &batch.rewards);
        let gradients = tape.backward(&gradient, Helpers::NONE);
        self.trained.step_along(loss, &gradients, 1.0);
        loss
    }
}

impl Learner for BanditLearner {
    type Policy = BanditPolicy;

    fn add(&mut self, experience: &Transitions) {
        self.replay.extend(experience);
    }

    /// One update per eight steps.
    fn updates_due(&self) -> usize {
        (self.replay.len() / 8).saturating_sub(self.updates as usize)
    }

    fn train(&mut self, updates: usize) -> Result<Metrics, TrainError> {
        let mut loss = f64::NAN;
        for _ in 0..updates {
            loss = self.update();
            if !loss.is_finite() {
                let tensor = Offender::worst(self.trained.weights.offenders("network"));
                return Err(TrainError::NotFinite { metric: "train/loss", value: loss, update: self.updates, tensor });
            }
            self.updates += 1;
        }
        Ok(Metrics::new(vec![("train/loss", loss)]))
    }

    fn policy(&self) -> BanditPolicy {
        BanditPolicy {
            heads: self.heads.clone(),
            network: self.network.clone(),
            weights: self.trained.weights.to_host(),
            epsilon: self.config.epsilon,
            caution: self.config.caution,
        }
    }

    fn version(&self) -> u64 {
        self.updates
    }

    fn write_memory(&self, state: &mut StateDict) {
        self.replay.write("memory/replay", state);
    }

    fn read_memory(&mut self, state: &StateDict) -> Result<(), CheckpointError> {
        self.replay.read("memory/replay", state)
    }

    fn state(&self) -> StateDict {
        let mut state = StateDict::new("bandit");
        self.trained.write("network", &mut state);
        state.insert_value("rng", &self.rng);
        state.insert_value("updates", self.updates);
        state
    }

    /// First everything is read, then everything replaced: a bad state changes nothing.
    fn load_state(&mut self, state: &StateDict) -> Result<(), CheckpointError> {
        state.expect_kind("bandit")?;
        let trained = self.trained.read("network", state)?;
        let (rng, updates) = (state.value("rng")?, state.value("updates")?);
        (self.trained, self.rng, self.updates) = (trained, rng, updates);
        self.replay.clear();
        Ok(())
    }
}

/// The policy, which acts.
#[derive(Clone)]
pub struct BanditPolicy {
    heads: Heads,
    network: Network,
    weights: Parameters,
    epsilon: f64,
    caution: f32,
}

impl Policy for BanditPolicy {
    fn act(&mut self, batch: &ObservationBatch<'_>, mode: ActMode, rng: &mut Prng, actions: &mut Vec<f32>) {
        actions.clear();
        let inputs = self.network.inputs(batch, &[], &Device::flex());
        let outputs = self.network.predict(&self.weights, &inputs, None);
        let choices = self.heads.choices();
        for (row, outputs) in outputs.chunks_exact(gaussian_head::OUTPUTS_PER_CHOICE * choices).enumerate() {
            let mask = batch.masks.map(|masks| &masks[row * choices..(row + 1) * choices]);
            if mode == ActMode::Explore && rng.random_bool(self.epsilon) {
                self.heads.uniform(mask, rng, actions);
                continue;
            }
            let worth = |choice| {
                let (mean, deviation) = gaussian_head::outcome(outputs, choice);
                mean - self.caution * deviation
            };
            self.heads.greedy(&(0..choices).map(worth).collect::<Vec<_>>(), mask, actions);
        }
    }

    fn state(&self) -> StateDict {
        let mut state = StateDict::new("bandit policy");
        self.weights.write("network", &mut state);
        state
    }

    fn load_state(&mut self, state: &StateDict) -> Result<(), CheckpointError> {
        state.expect_kind("bandit policy")?;
        self.weights = self.weights.read("network", state)?;
        Ok(())
    }
}
