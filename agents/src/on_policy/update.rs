//! One update: all that is learned from one rollout.

use std::borrow::Cow;

use burn::tensor::Device;
use mec_envs::rng::Prng;
use rand::seq::SliceRandom;

use super::likelihood::Likelihood;
use super::losses::{self, Loss};
use super::networks::{Model, Networks};
use super::recipe::Recipe;
use crate::agent::ObservationBatch;
use crate::nn::{Helpers, Scaling, Track};
use crate::rollout::{advantages, followers};
use crate::transition::Transitions;

/// SB3 and SpinningUp stop at this multiple of the target.
const KL_TOLERANCE: f64 = 1.5;

/// What an update works with.
pub(super) struct Update<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) device: &'a Device,
    pub(super) model: &'a Model,
    pub(super) scaling: Option<&'a Scaling>,
    /// The share of the step sizes that is left.
    pub(super) share: f64,
}

/// Means over the gradient steps of an update.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    pub(super) actor_loss: f64,
    pub(super) value_loss: f64,
    pub(super) entropy: f64,
    pub(super) approx_kl: f64,
    pub(super) clip_fraction: f64,
    /// Of the values before the update.
    pub(super) explained_variance: f64,
    /// Gradient steps done.
    pub(super) steps: u64,
}

/// Rows with all that a gradient step needs of them.
#[derive(Default)]
struct Rows {
    observations: Vec<f32>,
    /// Empty for none.
    masks: Vec<bool>,
    actions: Vec<f32>,
    /// log pi(a|s) and V(s) before the update, `[n]`.
    log_probs: Vec<f32>,
    values: Vec<f32>,
    /// What the value is to become, and what the policy follows, `[n]`.
    returns: Vec<f32>,
    advantages: Vec<f32>,
}

impl Rows {
    fn batch(&self) -> ObservationBatch<'_> {
        let masks = (!self.masks.is_empty()).then_some(&self.masks[..]);
        ObservationBatch { rows: self.returns.len(), observations: &self.observations, masks }
    }

    /// These rows in this order.
    fn gather(&self, places: &[usize]) -> Self {
        let n = self.returns.len();
        let numbers = |column: &[f32]| gathered(column, column.len() / n, places);
        Self {
            observations: numbers(&self.observations),
            masks: gathered(&self.masks, self.masks.len() / n, places),
            actions: numbers(&self.actions),
            log_probs: numbers(&self.log_probs),
            values: numbers(&self.values),
            returns: numbers(&self.returns),
            advantages: numbers(&self.advantages),
        }
    }
}

/// Rows of `width` entries, in this order.
fn gathered<T: Copy>(column: &[T], width: usize, places: &[usize]) -> Vec<T> {
    places.iter().flat_map(|&place| &column[place * width..(place + 1) * width]).copied().collect()
}

impl Update<'_> {
    /// Learns from a rollout of at least one row.
    pub(super) fn run(&self, networks: &mut Networks, rollout: Transitions, rng: &mut Prng) -> Figures {
        let rows = self.judged(networks, rollout);
        let mut figures = Figures {
            explained_variance: losses::explained_variance(&rows.values, &rows.returns),
            ..Figures::default()
        };
        let mut order: Vec<usize> = (0..rows.returns.len()).collect();
        let parts = self.recipe.minibatch_size.map_or(1, |size| (order.len() / size).max(1));
        'epochs: for _ in 0..self.recipe.epochs {
            order.shuffle(rng);
            for part in 0..parts {
                let range = part * order.len() / parts..(part + 1) * order.len() / parts;
                let minibatch = rows.gather(&order[range]);
                if !self.step(networks, minibatch, &mut figures) {
                    break 'epochs;
                }
            }
        }
        figures
    }

    /// The rollout with values, advantages and log-probabilities under the weights before the update.
    fn judged(&self, networks: &Networks, rollout: Transitions) -> Rows {
        let mut rows = Rows {
            observations: self.normal(&rollout.observations).into_owned(),
            returns: vec![0.0; rollout.len()],
            ..Rows::default()
        };
        let next_values = {
            rows.masks.clone_from(&rollout.masks);
            rows.values = networks.values(self.model, &rows.batch(), self.device);
            self.next_values(networks, &rollout, &rows.values)
        };
        rows.advantages = advantages(&rollout, &rows.values, &next_values, self.recipe.returns);
        rows.returns = rows.advantages.iter().zip(&rows.values).map(|(advantage, value)| advantage + value).collect();
        if !self.recipe.baseline {
            rows.advantages.clone_from(&rows.returns);
        }
        rows.actions = rollout.actions;
        let (actor, batch) = (&self.model.actor, rows.batch());
        let inputs = actor.network.inputs(&batch, &[], self.device);
        let outputs = actor.network.predict(&networks.actor.weights, &inputs, None);
        rows.log_probs = Likelihood::new(actor, &outputs, batch.masks, &rows.actions).log_probs;
        rows
    }

    /// V(s') of each row: that of the row that follows, or of its own last observation; 0 after a termination.
    fn next_values(&self, networks: &Networks, rollout: &Transitions, values: &[f32]) -> Vec<f32> {
        let followers = followers(rollout);
        let unknown: Vec<usize> =
            (0..rollout.len()).filter(|&row| followers[row].is_none() && !rollout.terminated[row]).collect();
        let n = rollout.len();
        let observations = gathered(&rollout.next_observations, rollout.next_observations.len() / n, &unknown);
        let masks = gathered(&rollout.next_masks, rollout.next_masks.len() / n, &unknown);
        let batch = ObservationBatch {
            rows: unknown.len(),
            observations: &self.normal(&observations),
            masks: (!masks.is_empty()).then_some(&masks[..]),
        };
        let of_unknown = networks.values(self.model, &batch, self.device);
        let mut next_values: Vec<f32> =
            followers.iter().map(|follower| follower.map_or(0.0, |follower| values[follower])).collect();
        for (row, value) in unknown.into_iter().zip(of_unknown) {
            next_values[row] = value;
        }
        next_values
    }

    fn normal<'b>(&self, observations: &'b [f32]) -> Cow<'b, [f32]> {
        match self.scaling {
            Some(scaling) => Cow::Owned(scaling.apply(observations)),
            None => Cow::Borrowed(observations),
        }
    }

    /// A gradient step of both networks; `false`, and none of either, when the policy has moved far enough.
    fn step(&self, networks: &mut Networks, mut rows: Rows, figures: &mut Figures) -> bool {
        if self.recipe.normalize_advantages {
            losses::normalize(&mut rows.advantages);
        }
        let (recipe, actor, batch) = (self.recipe, &self.model.actor, rows.batch());
        let inputs = actor.network.inputs(&batch, &[], self.device);
        let (outputs, tape) = actor.network.record(&networks.actor.weights, &inputs, Track::Weights, None);
        let likelihood = Likelihood::new(actor, &outputs, batch.masks, &rows.actions);
        let kl = losses::approx_kl(&likelihood.log_probs, &rows.log_probs);
        if recipe.target_kl.is_some_and(|target| kl > KL_TOLERANCE * target) {
            return false;
        }
        let loss = match recipe.clip {
            Some(clip) => losses::clipped_loss(&likelihood.log_probs, &rows.log_probs, &rows.advantages, clip as f32),
            None => losses::policy_gradient_loss(&likelihood.log_probs, &rows.advantages),
        };
        let n = batch.rows as f64;
        let entropy = likelihood.entropies.iter().map(|&entropy| f64::from(entropy)).sum::<f64>() / n;
        let gradient = likelihood.gradient(&loss.gradient, (-recipe.entropy_coef / n) as f32);
        let gradients = tape.backward(&gradient, Helpers::NONE);
        let clipped =
            recipe.clip.map_or(0.0, |clip| losses::clip_fraction(&likelihood.log_probs, &rows.log_probs, clip as f32));
        networks.actor.step_along(loss.value, &gradients, self.share);
        let value_loss = self.improve_value(networks, &rows);
        figures.count([loss.value - recipe.entropy_coef * entropy, value_loss, entropy, kl, clipped]);
        true
    }

    /// A gradient step of the value; its loss.
    fn improve_value(&self, networks: &mut Networks, rows: &Rows) -> f64 {
        let (value, batch) = (&self.model.value, rows.batch());
        let inputs = value.network.inputs(&batch, &[], self.device);
        let (outputs, tape) = value.network.record(&networks.value.weights, &inputs, Track::Weights, None);
        let values = value.values(&outputs, batch.masks);
        let Loss { value: loss, gradient } = match self.recipe.value_clip {
            Some(clip) => losses::clipped_value_loss(&values, &rows.values, &rows.returns, clip as f32),
            None => losses::value_loss(&values, &rows.returns),
        };
        let gradients = tape.backward(&value.gradient(&gradient, batch.masks), Helpers::NONE);
        networks.value.step_along(loss, &gradients, self.share);
        loss
    }
}

impl Figures {
    /// Takes a gradient step into the means.
    fn count(&mut self, of_step: [f64; 5]) {
        self.steps += 1;
        let means = [
            &mut self.actor_loss,
            &mut self.value_loss,
            &mut self.entropy,
            &mut self.approx_kl,
            &mut self.clip_fraction,
        ];
        for (mean, new) in means.into_iter().zip(of_step) {
            *mean += (new - *mean) / self.steps as f64;
        }
    }
}
