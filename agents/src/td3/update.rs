//! One gradient update of TD3.

use burn::tensor::Device;
use mec_envs::rng::Prng;
use rand::RngExt;
use rand_distr::StandardNormal;

use super::losses;
use super::networks::{Model, Networks};
use super::recipe::Recipe;
use crate::agent::ObservationBatch;
use crate::nn::{Helpers, Inputs, Track};
use crate::off_policy::{Appraisal, Followed, states};
use crate::replay::Batch;
use crate::sac::losses::{critic_loss, target_q};

/// What an update works with.
pub(super) struct Update<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) device: &'a Device,
    pub(super) model: &'a Model,
    pub(super) batch: &'a Batch,
    /// Updates done before.
    pub(super) updates: u64,
}

impl Update<'_> {
    /// Lets the critics take a step and, when it is its turn, the actor, whose loss is then the second figure.
    pub(super) fn run(&self, networks: &mut Networks, rng: &mut Prng) -> (Appraisal, Option<f64>) {
        let [now, next] = states(self.batch);
        let targets = self.targets(networks, &next, rng);
        let inputs = self.model.critic.inputs(&now, &self.batch.actions, self.device);
        let appraisal = self.improve_critics(&mut networks.critics, &inputs, &targets);
        let turn = (self.updates + 1).is_multiple_of(self.recipe.policy_delay);
        let actor_loss = turn.then(|| {
            let loss = self.improve_actor(networks, &now);
            networks.follow(self.recipe.tau);
            loss
        });
        (appraisal, actor_loss)
    }

    /// y, `[batch]`.
    fn targets(&self, networks: &Networks, next: &ObservationBatch<'_>, rng: &mut Prng) -> Vec<f32> {
        let Model { actor, critic, .. } = self.model;
        let outputs = actor.predict(&networks.actor.target, &actor.inputs(next, &[], self.device), None);
        let actions: Vec<f32> = match self.recipe.smoothing {
            None => outputs.iter().map(|u| u.tanh()).collect(),
            Some(smoothing) => {
                let (std, clip) = (smoothing.std as f32, smoothing.clip as f32);
                let mut noise = || std * rng.sample::<f32, _>(StandardNormal);
                outputs.iter().map(|u| losses::smoothed(u.tanh(), noise(), clip)).collect()
            }
        };
        let inputs = critic.inputs(next, &actions, self.device);
        let q: Vec<_> = networks.critics.iter().map(|each| critic.predict(&each.target, &inputs, None)).collect();
        target_q(&self.batch.rewards, &self.batch.discounts, &losses::smallest(&q))
    }

    fn improve_critics(&self, critics: &mut [Followed], inputs: &Inputs, targets: &[f32]) -> Appraisal {
        let (mut total, mut taken) = (0.0, Vec::with_capacity(critics.len()));
        for critic in critics {
            let (q, tape) = self.model.critic.record(&critic.online.weights, inputs, Track::Weights, None);
            let (loss, gradient) = critic_loss(&q, targets, &self.batch.weights);
            let gradients = tape.backward(&gradient, Helpers::NONE);
            critic.online.step_along(loss, &gradients, 1.0);
            total += loss;
            taken.push(q);
        }
        Appraisal::new(total, &taken, targets)
    }

    /// A step of the actor up the first critic, from s through a to Q and back.
    fn improve_actor(&self, networks: &mut Networks, now: &ObservationBatch<'_>) -> f64 {
        let Model { actor, critic, dim, .. } = self.model;
        let inputs = actor.inputs(now, &[], self.device);
        let (outputs, tape) = actor.record(&networks.actor.online.weights, &inputs, Track::Weights, None);
        let actions: Vec<f32> = outputs.iter().map(|u| u.tanh()).collect();
        let judged = critic.inputs(now, &actions, self.device);
        let track = Track::Inputs { last: *dim };
        let (q, tape_of_critic) = critic.record(&networks.critics[0].online.weights, &judged, track, None);
        let (loss, of_q) = losses::actor_loss(&q);
        let of_actions = tape_of_critic.backward(&of_q, Helpers::NONE).pop();
        let of_actions = of_actions.expect("a pass that tracks its inputs gives their gradient").to_vec();
        let gradients = tape.backward(&losses::tanh_gradient(&of_actions, &actions), Helpers::NONE);
        networks.actor.online.step_along(loss, &gradients, 1.0);
        loss
    }
}
