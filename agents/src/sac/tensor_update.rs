//! [`TensorUpdate`]: the part of an update that a device does, from what the host sends to what it reads back.

use burn::tensor::Tensor;

use super::config::SacConfig;
use super::losses::Ensemble;
use super::networks::{Model, Networks};
use super::tensors::{self, TensorDecision};
use super::update::Draws;
use crate::nn::{Inputs, Trained, gradients, parts, total};
use crate::off_policy::Followed;

/// An update in tensors.
pub(super) struct TensorUpdate<'a> {
    pub(super) config: &'a SacConfig,
    pub(super) model: &'a Model,
    /// Whether choices can be closed.
    pub(super) masked: bool,
    /// Whether slow copies move.
    pub(super) follows: bool,
    /// Whether the actor takes a step.
    pub(super) turn: bool,
    /// Of the parts of the feed.
    pub(super) shapes: &'a [[usize; 2]],
}

/// What the host sends. Columns are `[batch, 1]`.
struct Sent {
    /// Observations s and s'.
    inputs: [Inputs; 2],
    rewards: Tensor<2>,
    discounts: Tensor<2>,
    weights: Tensor<2>,
    /// 1 for the choices taken, `[batch, choices]`; without heads there are none.
    taken: Option<Tensor<2>>,
    /// 1 where a choice is open, of s and s', `[batch, choices]`; without masks there are none.
    open: Option<[Tensor<2>; 2]>,
    /// The continuous entries of the actions taken, and noise for those in s and s', `[batch, dim]`.
    continuous: Option<[Tensor<2>; 3]>,
    /// `[1, 1]` each.
    alphas: [Tensor<2>; 2],
    /// Of the actor and of the critics, `[1, 1]` each.
    rates: [[Tensor<2>; 2]; 2],
}

impl TensorUpdate<'_> {
    /// Whether every update is the same operations on other numbers.
    pub(super) fn repeats(&self, draws: &Draws) -> bool {
        let all = draws.subset.len() == self.config.critics;
        let every = self.config.target_update_every == 1 && self.config.policy_delay == 1;
        all && every && draws.dropout.is_empty()
    }

    /// Lets all networks take a step. The result has the columns Q(s, a) per critic, targets, and where it is the actor's
    /// turn, values, and entropies of what the action has, `[batch, columns]`.
    pub(super) fn run(&self, networks: &mut Networks, feed: &Tensor<2>, draws: &mut Draws) -> Tensor<2> {
        let [critics] = &mut networks.critics[..] else { panic!("critics are stacked on a device") };
        let sent = self.sent(feed);
        let next_decision = self.decide(&networks.actor.weights.tensors(), &sent, 1);
        let targets = self.targets(critics, &sent, &next_decision, draws);
        let (q, taken) = self.improve_critics(critics, &targets, &sent, draws);
        let mut columns = vec![taken, targets];
        if self.turn {
            columns.extend(self.improve_actor(&mut networks.actor, critics, q, (&sent, draws)));
        }
        Tensor::cat(columns, 1)
    }

    /// Lets the actor take a step up the critics, of which `q` is what they said of s before their own; values, and
    /// entropies of what the action has, `[batch, 1]` each.
    fn improve_actor(
        &self,
        actor: &mut Trained,
        critics: &Followed,
        q: Tensor<3>,
        (sent, draws): (&Sent, &mut Draws),
    ) -> Vec<Tensor<2>> {
        let leaves = actor.weights.leaves();
        let decision = self.decide(&leaves, sent, 0);
        let judged = match &decision.actions {
            None => q,
            Some(actions) => self.judge(critics, sent, actions, draws),
        };
        let heads = self.model.heads.sizes().len();
        let values = decision.values(self.config.actor_critics, &judged, heads, &sent.alphas);
        let batch = values.dims()[0] as f32;
        let gradients = gradients(&(-total(values.clone()) / batch), &leaves);
        let entropies = decision.entropies.into_iter().flatten().map(Tensor::inner);
        let columns = [values.inner()].into_iter().chain(entropies).collect();
        // What holds the weights is gone now, so that they can change in their place.
        drop(leaves);
        actor.step_on_device(&gradients, &sent.rates[0]);
        columns
    }

    fn sent(&self, feed: &Tensor<2>) -> Sent {
        let Model { actor, heads, dim, .. } = self.model;
        let mut parts = parts(feed, self.shapes);
        let inputs = [(); 2].map(|()| actor.fed(parts.by_ref()));
        let mut next = || parts.next().expect("the host sends all that an update needs");
        Sent {
            inputs,
            rewards: next(),
            discounts: next(),
            weights: next(),
            taken: (!heads.sizes().is_empty()).then(&mut next),
            open: self.masked.then(|| [next(), next()]),
            continuous: (*dim > 0).then(|| [next(), next(), next()]),
            alphas: [next(), next()],
            rates: [(); 2].map(|()| [next(), next()]),
        }
    }

    /// The policy in the states s (0) or s' (1).
    fn decide(&self, weights: &[Tensor<2>], sent: &Sent, place: usize) -> TensorDecision {
        let outputs = self.model.actor.on_device(weights, &sent.inputs[place], None, &mut []);
        let [_, rows, columns] = outputs.dims();
        let open = sent.open.as_ref().map(|open| &open[place]);
        let noise = sent.continuous.as_ref().map(|continuous| &continuous[1 + place]);
        TensorDecision::new(self.model, &outputs.reshape([rows, columns]), open, noise)
    }

    /// y, a column.
    fn targets(&self, critics: &Followed, sent: &Sent, decision: &TensorDecision, draws: &mut Draws) -> Tensor<2> {
        // In any order the smallest value is the same.
        let mut members = draws.subset.clone();
        members.sort_unstable();
        let weights = chosen(critics.target.tensors(), &members, self.config.critics);
        let dropout = draws.dropout.iter_mut().enumerate().filter(|(index, _)| members.contains(index));
        let mut rngs: Vec<_> = dropout.map(|(_, rngs)| &mut rngs[0]).collect();
        let q = self.model.critic.on_device(&weights, &sent.inputs[1], decision.actions.clone(), &mut rngs);
        let values = decision.values(Ensemble::Min, &q, self.model.heads.sizes().len(), &sent.alphas);
        tensors::target_q(sent.rewards.clone(), sent.discounts.clone(), values)
    }

    /// Lets critics and their slow copies take a step; what they said of s before it: of all choices,
    /// `[critics, batch, choices]`, and Q(s, a), `[batch, critics]`.
    fn improve_critics(
        &self,
        critics: &mut Followed,
        targets: &Tensor<2>,
        sent: &Sent,
        draws: &mut Draws,
    ) -> (Tensor<3>, Tensor<2>) {
        let leaves = critics.online.weights.leaves();
        let mut rngs: Vec<_> = draws.dropout.iter_mut().map(|rngs| &mut rngs[1]).collect();
        let actions = sent.continuous.as_ref().map(|[taken, ..]| taken.clone());
        let q = self.model.critic.on_device(&leaves, &sent.inputs[0], actions, &mut rngs);
        let taken = tensors::taken_q(q.clone(), sent.taken.as_ref());
        let loss = tensors::critic_loss(taken.clone(), targets.clone(), sent.weights.clone());
        let gradients = gradients(&loss, &leaves);
        drop(leaves);
        critics.online.step_on_device(&gradients, &sent.rates[1]);
        if self.follows {
            critics.follow(self.config.tau);
        }
        let [critics, batch, _] = taken.dims();
        (q.inner(), taken.inner().reshape([critics, batch]).transpose())
    }

    /// Q of the continuous actions drawn, `[critics, batch, choices]`, which gradients pass to the actions alone.
    fn judge(&self, critics: &Followed, sent: &Sent, actions: &Tensor<2>, draws: &mut Draws) -> Tensor<3> {
        let mut rngs: Vec<_> = draws.dropout.iter_mut().map(|rngs| &mut rngs[2]).collect();
        let weights = critics.online.weights.tensors();
        self.model.critic.on_device(&weights, &sent.inputs[0], Some(actions.clone()), &mut rngs)
    }
}

/// The weights of some of so many stacked networks.
fn chosen(weights: Vec<Tensor<2>>, members: &[usize], of: usize) -> Vec<Tensor<2>> {
    if members.len() == of {
        return weights;
    }
    let some = |matrix: Tensor<2>| {
        let rows = matrix.dims()[0] / of;
        Tensor::cat(members.iter().map(|member| matrix.clone().narrow(0, member * rows, rows)).collect(), 0)
    };
    weights.into_iter().map(some).collect()
}
