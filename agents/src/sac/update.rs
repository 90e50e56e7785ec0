//! One gradient update of soft actor-critic.

use std::borrow::Cow;

use burn::tensor::Device;
use mec_envs::rng::{Prng, stream};
use rand::RngExt;
use rand_distr::StandardNormal;

use super::config::SacConfig;
use super::decision::Decision;
use super::losses;
use super::networks::{Model, Networks};
use crate::agent::ObservationBatch;
use crate::nn::{Helpers, Inputs, Matrix, Parameters, SQUASHED_ENTROPY_MAX, Tape, Track};
use crate::off_policy::{Appraisal, Followed, states};
use crate::replay::Batch;

/// What an update works with.
pub(super) struct Update<'a> {
    pub(super) config: &'a SacConfig,
    pub(super) device: &'a Device,
    pub(super) model: &'a Model,
    /// Normal and scaled, as a memory draws it.
    pub(super) batch: &'a Batch,
    /// Updates done before.
    pub(super) updates: u64,
    /// The share of the step sizes that is left.
    pub(super) share: f64,
    /// Threads to share the work with.
    pub(super) helpers: Helpers<'a>,
}

/// Figures of one update.
#[derive(Clone, Debug)]
pub(super) struct Figures {
    pub(super) appraisal: Appraisal,
    /// Where it was the actor's turn.
    pub(super) turn: Option<Turn>,
}

/// Figures of a turn of the actor and the temperatures.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    pub(super) loss: f64,
    /// Of heads and continuous entries, NaN where there are none.
    pub(super) entropies: [f64; 2],
    pub(super) target_entropies: [f64; 2],
    /// The sum of the temperatures' losses before their step, log alpha (H - target); NaN where none is learned.
    pub(super) alpha_loss: f64,
    /// The most that heads and continuous entries can have together, mean over the states of the batch.
    pub(super) max_entropy: f64,
}

impl Figures {
    /// The same with the last turn, if there was none in this update.
    pub(super) fn after(self, before: Option<Self>) -> Self {
        let turn = self.turn.or_else(|| before.and_then(|before| before.turn));
        Self { turn, ..self }
    }
}

/// What the actor's turn gave.
pub(super) struct ActorFigures {
    pub(super) loss: f64,
    /// Entropies of heads and of continuous entries, `[batch]` where an action has them.
    pub(super) entropies: [Vec<f32>; 2],
}

/// The policy in s, and the way back to its actor.
struct Acting<'a> {
    decision: Decision,
    outputs: Vec<f32>,
    tape: Tape<'a>,
}

/// What the critics said of s before their step.
struct Judgement {
    /// Per critic `[batch, choices]`, of the continuous actions taken.
    q: Vec<Vec<f32>>,
    /// Per critic `[batch]`.
    taken: Vec<Vec<f32>>,
    loss: f64,
}

/// What is random in an update, drawn in one order whatever the threads.
pub(super) struct Draws {
    /// `[batch, dim]`, of s and of s'.
    pub(super) noise: [Vec<f32>; 2],
    /// The critics that make the target.
    pub(super) subset: Vec<usize>,
    /// A generator per critic and pass, for dropout; none without dropout.
    pub(super) dropout: Vec<[Prng; 3]>,
}

impl Update<'_> {
    /// Lets all networks take a step, where they lie.
    pub(super) fn run(&self, networks: &mut Networks, rng: &mut Prng) -> Figures {
        if networks.actor.weights.on_host() {
            self.run_on_host(networks, rng)
        } else {
            self.run_on_device(networks, rng)
        }
    }

    fn run_on_host(&self, networks: &mut Networks, rng: &mut Prng) -> Figures {
        let actor = &self.model.actor;
        let mut draws = self.draws(rng);
        let [now, next] = states(self.batch);
        let [of_now, of_next] = [&now, &next].map(|rows| actor.inputs(rows, &[], self.device));
        let alphas = networks.alphas();

        let weights = &networks.actor.weights;
        let (acting, next_decision) = self.helpers.both(
            || self.is_actors_turn().then(|| self.act(weights, &of_now, &now, &draws.noise[0])),
            || {
                let outputs = actor.predict(weights, &of_next, None);
                Decision::new(self.model, &outputs, next.masks, &draws.noise[1])
            },
        );

        let taken_next = self.with_actions(&next, &of_next, &next_decision.actions());
        let targets = self.targets(&networks.critics, &taken_next, &next_decision, (alphas, &mut draws));
        let taken_now = self.with_actions(&now, &of_now, &self.continuous_actions());
        let judgement = self.improve_critics(&mut networks.critics, &taken_now, &targets, &mut draws);
        let appraisal = Appraisal::new(judgement.loss, &judgement.taken, &targets);

        let climbed =
            acting.map(|acting| self.climb(&networks.critics, acting, &now, (&judgement, alphas, &mut draws)));
        let turn = climbed.map(|(of_actor, gradients)| {
            networks.actor.step_along(of_actor.loss, &gradients, self.share);
            self.turn(networks, &of_actor)
        });
        Figures { appraisal, turn }
    }

    fn act<'b>(
        &'b self,
        weights: &'b Parameters,
        inputs: &'b Inputs,
        now: &ObservationBatch<'_>,
        noise: &[f32],
    ) -> Acting<'b> {
        let (outputs, tape) = self.model.actor.record(weights, inputs, Track::Weights, None);
        Acting { decision: Decision::new(self.model, &outputs, now.masks, noise), outputs, tape }
    }

    /// The actor's way up the critics: its figures, and the gradients of its weights.
    fn climb(
        &self,
        critics: &[Followed],
        Acting { decision, outputs, tape }: Acting<'_>,
        now: &ObservationBatch<'_>,
        (judgement, alphas, draws): (&Judgement, [f32; 2], &mut Draws),
    ) -> (ActorFigures, Vec<Matrix>) {
        let (q, of_actions) = if self.model.dim == 0 {
            let shares = losses::shares(self.config.actor_critics, &judgement.q, &decision.pi, &self.model.heads);
            (losses::blend(&shares, &judgement.q), Vec::new())
        } else {
            let inputs = self.model.critic.inputs(now, &decision.actions(), self.device);
            self.judge_actions(critics, &inputs, &decision, draws)
        };
        let loss = losses::actor_loss(&decision.values(self.model, &q, alphas));
        let gradient = decision.gradient(self.model, &outputs, alphas, (&q, &of_actions));
        (ActorFigures { loss, entropies: decision.entropies }, tape.backward(&gradient, self.helpers))
    }

    pub(super) fn draws(&self, rng: &mut Prng) -> Draws {
        let config = self.config;
        let len = self.batch.len() * self.model.dim;
        let noise = [(); 2].map(|()| (0..len).map(|_| rng.sample(StandardNormal)).collect());
        let mut subset: Vec<usize> = (0..config.critics).collect();
        if let Some(size) = config.target_critics {
            // The first `size` entries of a random order (Fisher and Yates).
            for place in 0..size.min(config.critics) {
                subset.swap(place, rng.random_range(place..config.critics));
            }
            subset.truncate(size);
        }
        let dropout = if config.critic_dropout > 0.0 { config.critics } else { 0 };
        let dropout = (0..dropout).map(|_| [(); 3].map(|()| stream(rng.random(), "dropout"))).collect();
        Draws { noise, subset, dropout }
    }

    /// The inputs of critics: those of the actor, or with continuous entries ones that have them.
    fn with_actions<'b>(&self, rows: &ObservationBatch<'_>, of_actor: &'b Inputs, actions: &[f32]) -> Cow<'b, Inputs> {
        if self.model.dim == 0 {
            Cow::Borrowed(of_actor)
        } else {
            Cow::Owned(self.model.critic.inputs(rows, actions, self.device))
        }
    }

    /// The continuous entries of the actions taken, `[batch, dim]`.
    pub(super) fn continuous_actions(&self) -> Vec<f32> {
        let (dim, codes) = (self.model.dim, self.batch.actions.len() / self.batch.len());
        self.batch.actions.chunks_exact(codes).flat_map(|row| &row[codes - dim..]).copied().collect()
    }

    /// Whether the actor and the temperatures take a step in this update.
    pub(super) fn is_actors_turn(&self) -> bool {
        (self.updates + 1).is_multiple_of(self.config.policy_delay)
    }

    /// Whether slow copies move in this update.
    pub(super) fn follows(&self) -> bool {
        (self.updates + 1).is_multiple_of(self.config.target_update_every)
    }

    /// y, `[batch]`.
    fn targets(
        &self,
        critics: &[Followed],
        inputs: &Inputs,
        decision: &Decision,
        (alphas, draws): ([f32; 2], &mut Draws),
    ) -> Vec<f32> {
        let mut rngs: Vec<_> = draws.dropout.iter_mut().map(|rngs| Some(&mut rngs[0])).collect();
        let subset =
            draws.subset.iter().map(|&index| (&critics[index].target, rngs.get_mut(index).and_then(Option::take)));
        let subset: Vec<_> = subset.collect();
        let q = self.helpers.each(subset, |(weights, rng)| self.model.critic.predict(weights, inputs, rng));
        let shares = losses::shares(losses::Ensemble::Min, &q, &decision.pi, &self.model.heads);
        let values = decision.values(self.model, &losses::blend(&shares, &q), alphas);
        losses::target_q(&self.batch.rewards, &self.batch.discounts, &values)
    }

    /// Lets critics and their slow copies take a step.
    fn improve_critics(
        &self,
        critics: &mut [Followed],
        inputs: &Inputs,
        targets: &[f32],
        draws: &mut Draws,
    ) -> Judgement {
        let (heads, actions) = (&self.model.heads, &self.batch.actions);
        let moves = self.follows();
        let mut rngs = draws.dropout.iter_mut().map(|rngs| &mut rngs[1]);
        let work: Vec<_> = critics.iter_mut().map(|critic| (critic, rngs.next())).collect();
        let judged = self.helpers.each(work, |(critic, rng)| {
            let (q, tape) = self.model.critic.record(&critic.online.weights, inputs, Track::Weights, rng);
            let taken = losses::taken_q(&q, actions, heads);
            let (loss, gradient) = losses::critic_loss(&taken, targets, &self.batch.weights);
            let gradients = tape.backward(&losses::taken_gradient(&gradient, actions, heads), Helpers::NONE);
            critic.online.step_along(loss, &gradients, self.share);
            if moves {
                critic.follow(self.config.tau);
            }
            (q, taken, loss)
        });
        let mut judgement = Judgement { q: Vec::new(), taken: Vec::new(), loss: 0.0 };
        for (q, taken, loss) in judged {
            judgement.q.push(q);
            judgement.taken.push(taken);
            judgement.loss += loss;
        }
        judgement
    }

    /// Q of the continuous actions drawn, `[batch, choices]`, and the gradient of the actor's loss at them through the
    /// critics, `[batch, dim]`.
    fn judge_actions(
        &self,
        critics: &[Followed],
        inputs: &Inputs,
        decision: &Decision,
        draws: &mut Draws,
    ) -> (Vec<f32>, Vec<f32>) {
        let Model { critic: network, heads, dim, .. } = self.model;
        let track = Track::Inputs { last: *dim };
        let mut rngs = draws.dropout.iter_mut().map(|rngs| &mut rngs[2]);
        let work: Vec<_> = critics.iter().map(|critic| (&critic.online.weights, rngs.next())).collect();
        let passes = self.helpers.each(work, |(weights, rng)| network.record(weights, inputs, track, rng));
        let (q, tapes): (Vec<_>, Vec<_>) = passes.into_iter().unzip();
        let shares = losses::shares(self.config.actor_critics, &q, &decision.pi, heads);
        let gradients = self.helpers.each(tapes.into_iter().zip(&shares), |(tape, shares)| {
            let gradient = losses::value_gradient(&decision.pi, shares, self.model.choices());
            tape.backward(&gradient, Helpers::NONE).pop().map_or_else(Vec::new, |matrix| matrix.to_vec())
        });
        let mut sum = vec![0.0; self.batch.len() * dim];
        for gradient in &gradients {
            sum.iter_mut().zip(gradient).for_each(|(sum, entry)| *sum += entry);
        }
        (losses::blend(&shares, &q), sum)
    }

    /// Lets the temperatures take their step, and sums the turn up.
    pub(super) fn turn(&self, networks: &mut Networks, of_actor: &ActorFigures) -> Turn {
        let (of_heads, dim) = (self.most_of_heads(), self.model.dim);
        let target_of_heads = self.config.entropy_scale_at(self.updates) * of_heads;
        let target_entropies = [target_of_heads, self.config.target_entropy_at(dim, self.updates)];
        let (mut entropies, mut losses) = ([f64::NAN; 2], Vec::new());
        for (kind, temperature) in networks.temperatures.iter_mut().enumerate() {
            let Some(temperature) = temperature else { continue };
            entropies[kind] = mean(&of_actor.entropies[kind]);
            if self.config.learn_alpha && entropies[kind].is_finite() {
                let gradient = losses::log_alpha_gradient(entropies[kind], target_entropies[kind]);
                losses.push(temperature.alpha().ln() * gradient);
                temperature.step(gradient, self.share);
            }
        }
        let max_entropy = of_heads + dim as f64 * SQUASHED_ENTROPY_MAX;
        let alpha_loss = if losses.is_empty() { f64::NAN } else { losses.iter().sum() };
        Turn { loss: of_actor.loss, entropies, target_entropies, alpha_loss, max_entropy }
    }

    /// The entropy of uniform heads, averaged over the states of the batch.
    fn most_of_heads(&self) -> f64 {
        let heads = &self.model.heads;
        if self.batch.masks.is_empty() {
            return heads.max_entropy(None);
        }
        let masks = self.batch.masks.chunks_exact(heads.choices());
        masks.map(|mask| heads.max_entropy(Some(mask))).sum::<f64>() / self.batch.len() as f64
    }
}

/// NaN of none.
fn mean(values: &[f32]) -> f64 {
    values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len() as f64
}
