//! One gradient update of soft actor-critic.

use burn::tensor::{Device, Tensor};
use mec_envs::rng::Prng;
use rand::RngExt;
use rand_distr::StandardNormal;
use rayon::ThreadPool;

use super::config::SacConfig;
use super::losses;
use super::networks::{Networks, Trained};
use crate::agent::ObservationBatch;
use crate::nn::{Body, Heads, Mlp, Parameters, SquashedGaussian, matrix, polyak_update};
use crate::replay::Batch;

/// What an update works with.
pub(super) struct Update<'a> {
    pub(super) config: &'a SacConfig,
    pub(super) device: &'a Device,
    pub(super) networks: &'a mut Networks,
    pub(super) batch: &'a Batch,
    pub(super) rng: &'a mut Prng,
    /// Updates done before.
    pub(super) updates: u64,
    /// A second thread, if there is one to spare.
    pub(super) helper: Option<&'a ThreadPool>,
}

/// Figures of one update, still on the device.
pub(super) struct Figures {
    pub(super) actor_loss: Tensor<1>,
    pub(super) critic_loss: Tensor<1>,
    pub(super) q_mean: Tensor<1>,
    pub(super) entropy: Tensor<2>,
    pub(super) target_entropy: f64,
    /// Mean over the critics of |Q - y|, `[batch, 1]`; for prioritised replay.
    pub(super) td_errors: Option<Tensor<2>>,
}

impl Update<'_> {
    /// With categorical heads.
    pub(super) fn discrete(&mut self, actor: &Body, critic: &Body, heads: &Heads) -> Figures {
        let [now, next] = self.rows();
        let [open, next_open] = [&now, &next].map(|rows| self.open(rows, heads));
        let [now, next] = [now, next].map(|rows| actor.features(&rows, self.device));
        let alpha = self.networks.alpha();

        let leaves = self.networks.actor.parameters.leaves();
        let frozen = self.networks.actor.parameters.tensors();
        let targets = &self.networks.targets;
        let ((pi, next_pi), next_q) = join(
            self.helper,
            || {
                let pi = heads.distribution(actor.forward(&leaves, &now), open.as_ref());
                (pi, heads.distribution(actor.forward(frozen, &next), next_open.as_ref()))
            },
            || targets.each_ref().map(|target| critic.forward(target.tensors(), &next)),
        );
        let next_q = losses::expected_q(&next_pi, next_q, heads);
        let target = self.target(losses::soft_value(next_q, losses::entropy(&next_pi), &alpha));

        let one_hot = one_hot(&self.batch.actions, heads, self.device);
        let taken = |q| losses::taken_q(q, &one_hot);
        let (q, critic_loss) = self.improve_critics(|leaves| critic.forward(leaves, &now), taken, &target);

        let q_mean = taken(q[0].clone()).mean();
        let td_errors = self.td_errors(q.clone().map(taken), &target);
        let pi_entropy = losses::entropy(&pi);
        let entropy = pi_entropy.clone().inner().mean_dim(0);
        let loss = losses::actor_loss(losses::expected_q(&pi, q, heads), pi_entropy, &alpha);
        drop(pi);
        let actor_loss = self.networks.actor.descend(leaves, loss);
        let target_entropy = self.target_entropy(heads);
        self.finish(entropy.clone(), target_entropy);
        Figures { actor_loss, critic_loss, q_mean, entropy, target_entropy, td_errors }
    }

    /// With continuous actions.
    pub(super) fn continuous(&mut self, actor: &Mlp, critic: &Mlp) -> Figures {
        let shape = [self.batch.len(), self.batch.actions.len() / self.batch.len()];
        let [next_noise, noise] = [self.noise(shape), self.noise(shape)];
        let [now, next] = self.rows().map(|rows| flat(&rows, self.device));
        let alpha = self.networks.alpha();

        let output = actor.forward(self.networks.actor.parameters.tensors(), next.clone());
        let (next_action, next_log_prob) = SquashedGaussian::from_output(output).sample(next_noise);
        let next_q =
            self.both_q(critic, Tensor::cat(vec![next, next_action], 1), |networks| networks.targets.each_ref());
        let target = self.target(next_q - next_log_prob * alpha.clone());

        let action = matrix(self.batch.actions.clone(), shape, self.device);
        let input = Tensor::cat(vec![now.clone(), action], 1);
        let forward = |leaves: &[Tensor<2>]| critic.forward(leaves, input.clone());
        let (q, critic_loss) = self.improve_critics(forward, |q| q, &target);
        let (q_mean, td_errors) = (q[0].clone().mean(), self.td_errors(q, &target));

        let leaves = self.networks.actor.parameters.leaves();
        let (action, log_prob) = SquashedGaussian::from_output(actor.forward(&leaves, now.clone())).sample(noise);
        let entropy = log_prob.clone().inner().mean_dim(0) * -1.0;
        let actor_q = self.both_q(critic, Tensor::cat(vec![now, action], 1), |networks| {
            networks.critics.each_ref().map(|network| &network.parameters)
        });
        let loss = losses::sampled_actor_loss(log_prob, actor_q, &alpha);
        let actor_loss = self.networks.actor.descend(leaves, loss);
        let target_entropy = self.config.target_entropy.unwrap_or(-(shape[1] as f64));
        self.finish(entropy.clone(), target_entropy);
        Figures { actor_loss, critic_loss, q_mean, entropy, target_entropy, td_errors }
    }

    /// min_i Q_i of (s, a) under two critics without gradients of their own, `[batch, 1]`.
    fn both_q(&self, critic: &Mlp, input: Tensor<2>, pick: impl Fn(&Networks) -> [&Parameters; 2]) -> Tensor<2> {
        let [first, second] = pick(self.networks);
        let (q_1, q_2) = join(
            self.helper,
            || critic.forward(first.tensors(), input.clone()),
            || critic.forward(second.tensors(), input.clone()),
        );
        q_1.min_pair(q_2)
    }

    /// Lets both critics and their targets take a step; returns what they said before it, and their losses' sum.
    fn improve_critics(
        &mut self,
        forward: impl Fn(&[Tensor<2>]) -> Tensor<2> + Sync,
        taken: impl Fn(Tensor<2>) -> Tensor<2> + Sync,
        target: &Tensor<2>,
    ) -> ([Tensor<2>; 2], Tensor<1>) {
        let weights = self.config.priority.map(|_| self.column(self.batch.weights.clone()));
        let improve = |network: &mut Trained| {
            let leaves = network.parameters.leaves();
            let q = forward(&leaves);
            let loss = losses::critic_loss(taken(q.clone()), target.clone(), weights.clone());
            let q = q.inner();
            (q, network.descend(leaves, loss))
        };
        let [first, second] = &mut self.networks.critics;
        let ((q_1, loss_1), (q_2, loss_2)) = join(self.helper, || improve(first), || improve(second));
        ([q_1, q_2], loss_1 + loss_2)
    }

    /// The temperature's and the targets' steps.
    fn finish(&mut self, entropy: Tensor<2>, target_entropy: f64) {
        if self.config.learn_alpha {
            self.networks.log_alpha.step(losses::log_alpha_gradient(entropy, target_entropy));
        }
        if (self.updates + 1).is_multiple_of(self.config.target_update_every) {
            for (target, critic) in self.networks.targets.iter_mut().zip(&self.networks.critics) {
                polyak_update(target, &critic.parameters, self.config.tau as f32);
            }
        }
    }

    /// Standard normal draws.
    fn noise(&mut self, shape: [usize; 2]) -> Tensor<2> {
        matrix((0..shape[0] * shape[1]).map(|_| self.rng.sample(StandardNormal)).collect(), shape, self.device)
    }

    /// s and s'.
    fn rows(&self) -> [ObservationBatch<'_>; 2] {
        let Batch { observations, masks, next_observations, next_masks, .. } = self.batch;
        [(observations, masks), (next_observations, next_masks)].map(|(observations, masks)| ObservationBatch {
            rows: self.batch.len(),
            observations,
            masks: (!masks.is_empty()).then_some(&masks[..]),
        })
    }

    /// y = R + d V(s'), `[batch, 1]`.
    fn target(&self, next_value: Tensor<2>) -> Tensor<2> {
        let scale = self.config.reward_scale as f32;
        let rewards = self.column(self.batch.rewards.iter().map(|reward| reward * scale).collect());
        losses::target_q(rewards, self.column(self.batch.discounts.clone()), next_value)
    }

    /// One value per transition, `[batch, 1]`.
    fn column(&self, values: Vec<f32>) -> Tensor<2> {
        matrix(values, [self.batch.len(), 1], self.device)
    }

    /// How wrong the critics were on average, if the replay is to know.
    fn td_errors(&self, [q_1, q_2]: [Tensor<2>; 2], target: &Tensor<2>) -> Option<Tensor<2>> {
        let error = |q: Tensor<2>| (q - target.clone()).abs();
        self.config.priority.map(|_| (error(q_1) + error(q_2)) * 0.5)
    }

    /// The target entropy, averaged over the states of the batch.
    fn target_entropy(&self, heads: &Heads) -> f64 {
        let scale = self.config.entropy_scale_at(self.updates);
        if self.batch.masks.is_empty() {
            return scale * heads.max_entropy(None);
        }
        let masks = self.batch.masks.chunks_exact(heads.choices());
        scale * masks.map(|mask| heads.max_entropy(Some(mask))).sum::<f64>() / self.batch.len() as f64
    }

    /// 1 for open choices, else 0, `[batch, choices]`.
    fn open(&self, rows: &ObservationBatch<'_>, heads: &Heads) -> Option<Tensor<2>> {
        let flags = rows.masks?.iter().map(|&flag| f32::from(flag)).collect();
        Some(matrix(flags, [rows.rows, heads.choices()], self.device))
    }
}

/// Runs both, the second one on the helper's thread if there is one.
fn join<A: Send, B: Send>(
    helper: Option<&ThreadPool>,
    first: impl FnOnce() -> A,
    second: impl FnOnce() -> B + Send,
) -> (A, B) {
    let Some(pool) = helper else { return (first(), second()) };
    let mut result = None;
    let first = pool.in_place_scope(|scope| {
        scope.spawn(|_| result = Some(second()));
        first()
    });
    (first, result.expect("the scope waits for what it spawned, or panics"))
}

/// The observations as a matrix, `[batch, obs_dim]`.
pub(super) fn flat(rows: &ObservationBatch<'_>, device: &Device) -> Tensor<2> {
    let dim = rows.observations.len() / rows.rows.max(1);
    matrix(rows.observations.to_vec(), [rows.rows, dim], device)
}

/// 1 at the choice taken of each head, `[batch, choices]`.
pub(super) fn one_hot(actions: &[f32], heads: &Heads, device: &Device) -> Tensor<2> {
    let size = actions.len() / heads.sizes().len();
    let mut flags = vec![0.0; size * heads.choices()];
    for (actions, row) in actions.chunks_exact(heads.sizes().len()).zip(flags.chunks_exact_mut(heads.choices())) {
        let mut start = 0;
        for (action, choices) in actions.iter().zip(heads.sizes()) {
            row[start + (*action as usize).min(choices - 1)] = 1.0;
            start += choices;
        }
    }
    matrix(flags, [size, heads.choices()], device)
}
