//! [`DqnLearner`]: replay in, gradient updates, policy out.

use burn::tensor::Device;
use mec_envs::rng::{Prng, stream};

use super::config::DqnConfig;
use super::losses;
use super::model::Model;
use super::policy::DqnPolicy;
use crate::agent::{ConfigError, Learner, Metrics, ObservationBatch, TrainError};
use crate::checkpoint::CheckpointError;
use crate::identity::expect_setting;
use crate::nn::{AdamConfig, Helpers, Track, share_left, shared};
use crate::off_policy::{Appraisal, Followed, Memory, states};
use crate::offender::Offender;
use crate::replay::Batch;
use crate::sac::losses::{taken_gradient, taken_q, target_q};
use crate::spec::EnvSpec;
use crate::state::StateDict;
use crate::transition::Transitions;

/// The learner of deep Q-learning.
pub struct DqnLearner {
    config: DqnConfig,
    device: Device,
    model: Model,
    q: Followed,
    memory: Memory,
    rng: Prng,
}

impl DqnLearner {
    pub(super) fn new(config: DqnConfig, spec: &EnvSpec, device: &Device, seed: u64) -> Result<Self, ConfigError> {
        let model = Model::new(&config, spec)?;
        let weights = model.network.init(&mut stream(seed, "dqn/q"), device);
        let adam = AdamConfig { learning_rate: config.learning_rate, max_grad_norm: config.max_grad_norm };
        Ok(Self {
            q: Followed::new(weights, adam),
            memory: Memory::new(config.memory(), spec)?,
            rng: stream(seed, "dqn/learner"),
            device: device.clone(),
            model,
            config,
        })
    }

    /// Q(s, a) for these observations and actions, one per row; for tests and inspection.
    pub fn q_values(&self, batch: &ObservationBatch<'_>, actions: &[f32]) -> Vec<f32> {
        taken_q(&self.policy().q(batch), actions, &self.model.heads)
    }

    fn epsilon(&self) -> f64 {
        self.config.epsilon_at(self.memory.added())
    }

    /// The share of the step size that is left.
    fn share(&self) -> f64 {
        share_left(self.memory.added(), self.config.decay_steps)
    }

    /// y, `[batch]`.
    fn targets(&self, batch: &Batch, next: &ObservationBatch<'_>) -> Vec<f32> {
        let Model { network, heads, .. } = &self.model;
        let inputs = network.inputs(next, &[], &self.device);
        let q = |weights| self.model.q(network.predict(weights, &inputs, None), next.masks);
        let of_target = q(&self.q.target);
        let best = if self.config.double {
            losses::best_actions(&q(&self.q.online.weights), next.masks, heads)
        } else {
            losses::best_actions(&of_target, next.masks, heads)
        };
        target_q(&batch.rewards, &batch.discounts, &taken_q(&of_target, &best, heads))
    }

    fn update(&mut self) -> Result<Appraisal, TrainError> {
        let batch = self.memory.draw(&mut self.rng);
        let [now, next] = states(&batch);
        let targets = self.targets(&batch, &next);
        let Model { network, heads, .. } = &self.model;
        let inputs = network.inputs(&now, &[], &self.device);
        let (outputs, tape) = network.record(&self.q.online.weights, &inputs, Track::Weights, None);
        let taken = taken_q(&self.model.q(outputs, now.masks), &batch.actions, heads);
        let (loss, gradient) = losses::td_loss(self.config.loss, &taken, &targets, &batch.weights);
        let of_q = taken_gradient(&gradient, &batch.actions, heads);
        let gradients = tape.backward(&self.model.gradient(of_q, now.masks), Helpers::NONE);
        let share = self.share();
        self.q.online.step_along(loss, &gradients, share);
        if (self.memory.updates() + 1).is_multiple_of(self.config.target_update_every) {
            self.q.follow(self.config.tau);
        }
        let appraisal = Appraisal::new(loss, &[taken], &targets);
        self.memory.learned(batch, &appraisal, None, || Offender::worst(self.q.offenders("q")))?;
        self.memory.count_change();
        Ok(appraisal)
    }
}

impl Learner for DqnLearner {
    type Policy = DqnPolicy;

    fn add(&mut self, experience: &Transitions) {
        let before = self.epsilon();
        self.memory.add(experience);
        if self.epsilon() != before {
            self.memory.count_change();
        }
    }

    fn updates_due(&self) -> usize {
        self.memory.updates_due()
    }

    fn train(&mut self, updates: usize) -> Result<Metrics, TrainError> {
        let updates = if self.memory.is_empty() { 0 } else { updates };
        let appraisal = shared(|| (0..updates).try_fold(None, |_, _| self.update().map(Some)))?;
        let mut metrics = self.memory.metrics(appraisal.as_ref(), self.config.learning_rate * self.share());
        metrics.set("rollout/exploration_rate", self.epsilon());
        Ok(metrics)
    }

    fn policy(&self) -> DqnPolicy {
        DqnPolicy::new(&self.model, &self.q.online.weights, self.memory.scaling(), self.epsilon())
    }

    fn version(&self) -> u64 {
        self.memory.version()
    }

    fn write_memory(&self, state: &mut StateDict) {
        self.memory.write(state);
    }

    fn read_memory(&mut self, state: &StateDict) -> Result<(), CheckpointError> {
        self.memory.read(state)
    }

    fn state(&self) -> StateDict {
        let mut state = StateDict::new("dqn");
        self.q.write("q", &mut state);
        self.memory.write_books(&mut state);
        state.insert_value("rng", &self.rng);
        self.model.identity.write(&self.config, &mut state);
        state
    }

    fn load_state(&mut self, state: &StateDict) -> Result<(), CheckpointError> {
        state.expect_kind("dqn")?;
        self.model.identity.expect(state)?;
        let stored: DqnConfig = state.value("config")?;
        expect_setting("dueling", &stored.dueling, &self.config.dueling)?;
        let (q, books, rng) = (self.q.read("q", state)?, self.memory.books(state)?, state.value("rng")?);
        self.q = q;
        self.rng = rng;
        self.memory.open(books);
        Ok(())
    }
}
