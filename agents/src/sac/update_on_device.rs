//! One gradient update where the networks lie on a device: what [`Update::run`] does in host memory, in tensors.
//!
//! # Design
//! A device waits for the host at every number that is read back, some tenths of a millisecond each time. Here nothing
//! is read before the end, and then everything at once. What figures are made of comes back as columns of the batch, so
//! that the functions that make them are the same as on the host.

use burn::tensor::Tensor;
use mec_envs::rng::Prng;

use super::losses;
use super::networks::{Model, Networks};
use super::tensors::{self, TensorDecision};
use super::update::{Draws, Figures, Update};
use crate::nn::{Inputs, gradients, read, tensor};
use crate::off_policy::{Appraisal, Followed, states};

/// Columns of a batch and of what is drawn for it, on the device.
struct Columns {
    rewards: Tensor<2>,
    discounts: Tensor<2>,
    weights: Tensor<2>,
    /// 1 for the choices taken, `[batch, choices]`; without heads there are none.
    taken: Option<Tensor<2>>,
    /// The continuous entries of the actions taken, `[batch, dim]`.
    actions: Option<Tensor<2>>,
    /// 1 where a choice is open, of s and s', `[batch, choices]`; without masks there are none.
    open: [Option<Tensor<2>>; 2],
    /// Of s and s', `[batch, dim]`.
    noise: [Option<Tensor<2>>; 2],
}

impl Update<'_> {
    /// Lets all networks take a step.
    pub(super) fn run_on_device(&self, networks: &mut Networks, rng: &mut Prng) -> Figures {
        let mut draws = self.draws(rng);
        let columns = self.columns(&draws);
        let [now, next] = states(self.batch);
        let [now, next] = [now, next].map(|rows| self.model.actor.inputs(&rows, &[], self.device));
        let alphas = networks.alphas();

        let leaves = networks.actor.weights.leaves();
        let decide = |weights: &[Tensor<2>], inputs: &Inputs, place: usize| {
            let outputs = self.model.actor.on_device(weights, inputs, None, None);
            TensorDecision::new(self.model, &outputs, columns.open[place].as_ref(), columns.noise[place].as_ref())
        };
        let decision = decide(&leaves, &now, 0);
        let next_decision = decide(&networks.actor.weights.tensors(), &next, 1);
        let targets = self.targets_on_device(&networks.critics, &next, &next_decision, (alphas, &columns, &mut draws));
        let (q, taken) = self.improve_critics_on_device(&mut networks.critics, &now, &targets, (&columns, &mut draws));

        let judged = match &decision.actions {
            None => q,
            Some(actions) => self.judge_on_device(&networks.critics, &now, actions, &mut draws),
        };
        let values = decision.values(self.config.actor_critics, &judged, self.model.heads.sizes().len(), alphas);
        networks.actor.step(&gradients(&-values.clone().mean(), &leaves));

        let entropies = decision.entropies.into_iter().flatten();
        self.figures_from(networks, taken.into_iter().chain([targets, values]).chain(entropies).collect())
    }

    /// Uploads all columns in one piece.
    fn columns(&self, draws: &Draws) -> Columns {
        let Model { heads, dim, .. } = self.model;
        let (batch, choices) = (self.batch, heads.choices());
        let ones = |masks: &[bool]| masks.iter().map(|&open| f32::from(u8::from(open))).collect();
        let single = |column: &Vec<f32>| Some((column.clone(), 1));
        let masked = |masks: &[bool]| (choices > 0 && !masks.is_empty()).then(|| (ones(masks), choices));
        let continuous = |entries: Vec<f32>| (*dim > 0).then_some((entries, *dim));
        let taken = losses::taken_gradient(&vec![1.0; batch.len()], &batch.actions, heads);
        let [of_now, of_next] = &draws.noise;
        let parts = [
            single(&batch.rewards),
            single(&batch.discounts),
            single(&batch.weights),
            (choices > 0).then_some((taken, choices)),
            continuous(self.continuous_actions()),
            masked(&batch.masks),
            masked(&batch.next_masks),
            continuous(of_now.clone()),
            continuous(of_next.clone()),
        ];
        let mut columns = self.upload(parts).into_iter();
        let mut column = || columns.next().flatten();
        let [rewards, discounts, weights] = [(); 3].map(|()| column().expect("a batch has these columns"));
        let (taken, actions) = (column(), column());
        Columns { rewards, discounts, weights, taken, actions, open: [column(), column()], noise: [column(), column()] }
    }

    /// These columns and their widths side by side on the device, and there apart again.
    fn upload<const N: usize>(&self, parts: [Option<(Vec<f32>, usize)>; N]) -> [Option<Tensor<2>>; N] {
        let rows = self.batch.len();
        let width: usize = parts.iter().flatten().map(|(_, width)| width).sum();
        let mut joined = Vec::with_capacity(rows * width);
        for row in 0..rows {
            for (entries, width) in parts.iter().flatten() {
                joined.extend_from_slice(&entries[row * width..(row + 1) * width]);
            }
        }
        let joined = tensor(joined, [rows, width], self.device);
        let mut start = 0;
        parts.map(|part| {
            let (_, width) = part?;
            start += width;
            Some(joined.clone().narrow(1, start - width, width))
        })
    }

    /// y, a column.
    fn targets_on_device(
        &self,
        critics: &[Followed],
        next: &Inputs,
        decision: &TensorDecision,
        (alphas, columns, draws): ([f32; 2], &Columns, &mut Draws),
    ) -> Tensor<2> {
        let mut q = Vec::with_capacity(draws.subset.len());
        for &index in &draws.subset {
            let rng = draws.dropout.get_mut(index).map(|rngs| &mut rngs[0]);
            let weights = critics[index].target.tensors();
            q.push(self.model.critic.on_device(&weights, next, decision.actions.clone(), rng));
        }
        let values = decision.values(losses::Ensemble::Min, &q, self.model.heads.sizes().len(), alphas);
        tensors::target_q(columns.rewards.clone(), columns.discounts.clone(), values)
    }

    /// Lets critics and their slow copies take a step; what they said of s before it, per critic: of all choices,
    /// `[batch, choices]`, and Q(s, a), a column.
    fn improve_critics_on_device(
        &self,
        critics: &mut [Followed],
        now: &Inputs,
        targets: &Tensor<2>,
        (columns, draws): (&Columns, &mut Draws),
    ) -> (Vec<Tensor<2>>, Vec<Tensor<2>>) {
        let moves = self.follows();
        let mut judged = (Vec::with_capacity(critics.len()), Vec::with_capacity(critics.len()));
        for (index, critic) in critics.iter_mut().enumerate() {
            let leaves = critic.online.weights.leaves();
            let rng = draws.dropout.get_mut(index).map(|rngs| &mut rngs[1]);
            let q = self.model.critic.on_device(&leaves, now, columns.actions.clone(), rng);
            let taken = tensors::taken_q(q.clone(), columns.taken.as_ref());
            let loss = tensors::critic_loss(taken.clone(), targets.clone(), columns.weights.clone());
            critic.online.step(&gradients(&loss, &leaves));
            if moves {
                critic.follow(self.config.tau);
            }
            judged.0.push(q.inner());
            judged.1.push(taken.inner());
        }
        judged
    }

    /// Q of the continuous actions drawn, per critic `[batch, choices]`, which gradients pass to the actions alone.
    fn judge_on_device(
        &self,
        critics: &[Followed],
        now: &Inputs,
        actions: &Tensor<2>,
        draws: &mut Draws,
    ) -> Vec<Tensor<2>> {
        let judge = |(index, critic): (usize, &Followed)| {
            let rng = draws.dropout.get_mut(index).map(|rngs| &mut rngs[2]);
            let weights = critic.online.weights.tensors();
            self.model.critic.on_device(&weights, now, Some(actions.clone()), rng)
        };
        critics.iter().enumerate().map(judge).collect()
    }

    /// Reads these columns back: Q(s, a) per critic, targets, values, and entropies of what the action has.
    fn figures_from(&self, networks: &mut Networks, columns: Vec<Tensor<2>>) -> Figures {
        let width = columns.len();
        let rows = read(Tensor::cat(columns.into_iter().map(Tensor::inner).collect(), 1));
        let column = |place: usize| rows.iter().skip(place).step_by(width).copied().collect::<Vec<f32>>();
        let critics = networks.critics.len();
        let (targets, values) = (column(critics), column(critics + 1));
        let taken: Vec<Vec<f32>> = (0..critics).map(column).collect();
        let loss = taken.iter().map(|taken| losses::critic_loss(taken, &targets, &self.batch.weights).0).sum();
        let appraisal = Appraisal::new(loss, &taken, &targets);
        let mut place = critics + 1;
        let entropies = networks.temperatures.each_ref().map(|temperature| {
            temperature.as_ref().map_or_else(Vec::new, |_| {
                place += 1;
                column(place)
            })
        });
        self.figures(networks, &entropies, losses::actor_loss(&values), appraisal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{AdamConfig, BodyConfig, Helpers, Matrix, Norm, Parameters, Trained};
    use crate::replay::Batch;
    use crate::sac::{Ensemble, SacConfig};
    use crate::spec::EnvSpec;
    use burn::tensor::Device;
    use mec_envs::gym::{ActionLayout, Part};
    use mec_envs::rng::stream;
    use rand::RngExt;

    const UPDATES: u64 = 4;

    fn uniform(len: usize, rng: &mut Prng) -> Vec<f32> {
        (0..len).map(|_| rng.random_range(-1.0..1.0)).collect()
    }

    /// Rows of which the third terminated, with weights; with `masked` some choices are closed, of s and s' others, and
    /// in the first row of each all of a head with three.
    fn batch(spec: &EnvSpec, rows: usize, masked: bool) -> Batch {
        let (mut rng, choices) = (stream(4, "batch"), spec.action.choices());
        let masks =
            |closed| (0..if masked { rows * choices } else { 0 }).map(|at| at % 4 != closed && at >= 3).collect();
        let (masks, next_masks) = (masks(1), masks(2));
        let mut actions = Vec::new();
        for _ in 0..rows {
            actions.extend(spec.action.heads.iter().map(|&size| rng.random_range(0..size) as f32));
            actions.extend(uniform(spec.action.continuous, &mut rng));
        }
        let [observations, next_observations] = [(); 2].map(|()| uniform(rows * spec.obs_dim(), &mut rng));
        let (rewards, weights) = (uniform(rows, &mut rng), uniform(rows, &mut rng));
        let weights = weights.iter().map(|weight| weight.abs()).collect();
        let discounts = (0..rows).map(|row| if row == 2 { 0.0 } else { 0.9 }).collect();
        let slots = vec![0; rows];
        Batch { observations, masks, actions, rewards, next_observations, next_masks, discounts, weights, slots }
    }

    /// The same networks as tensors.
    fn moved(networks: &Networks, config: &SacConfig) -> Networks {
        let adam = |learning_rate| AdamConfig { learning_rate, max_grad_norm: config.max_grad_norm };
        let weights = |trained: &Trained| trained.weights.on_device(&Device::flex());
        let critic = |critic: &Followed| Followed::new(weights(&critic.online), adam(config.critic_lr));
        Networks {
            actor: Trained::new(weights(&networks.actor), adam(config.actor_lr)),
            critics: networks.critics.iter().map(critic).collect(),
            temperatures: networks.temperatures.clone(),
        }
    }

    fn close(found: f64, expected: f64) {
        let equal = (found - expected).abs() < 1e-4 * (1.0 + expected.abs()) || (found.is_nan() && expected.is_nan());
        assert!(equal, "{found} is not {expected}");
    }

    fn numbers(figures: &Figures) -> Vec<f64> {
        let Figures { actor_loss, appraisal, entropies, target_entropies } = figures;
        let errors = appraisal.errors.iter().map(|&error| f64::from(error));
        let of_critics = [appraisal.loss, appraisal.q_mean, appraisal.q_max];
        [*actor_loss].into_iter().chain(of_critics).chain(*entropies).chain(*target_entropies).chain(errors).collect()
    }

    /// All but the last bias of the actor: where options share it, as in a scorer, its gradient is zero, and Adam makes
    /// whole steps of what rounding leaves of that.
    fn weights(networks: &Networks) -> Vec<f32> {
        let actor = networks.actor.weights.matrices();
        let critics = networks.critics.iter().flat_map(|critic| [&critic.online.weights, &critic.target]);
        let critics = critics.flat_map(Parameters::matrices);
        actor[..actor.len() - 1].iter().chain(critics).flat_map(Matrix::to_vec).collect()
    }

    fn agree(config: &SacConfig, spec: &EnvSpec, masked: bool) {
        for rows in [1, 6] {
            agree_on(config, spec, &batch(spec, rows, masked));
        }
    }

    /// A few updates of the same networks with the same draws.
    fn agree_on(config: &SacConfig, spec: &EnvSpec, batch: &Batch) {
        let (device, model) = (Device::flex(), Model::new(config, spec).unwrap());
        let mut host = Networks::new(&model, config, &device, 1);
        let mut tensors = moved(&host, config);
        let before = weights(&host);
        for updates in 0..UPDATES {
            let (config, device, model, helpers) = (config, &device, &model, Helpers::NONE);
            let update = Update { config, device, model, batch, updates, helpers };
            let both = [&mut host, &mut tensors].map(|networks| update.run(networks, &mut stream(updates, "draws")));
            let [expected, found] = both.map(|figures| numbers(&figures));
            assert_eq!((found.len(), expected.len()), (8 + batch.len(), 8 + batch.len()));
            found.into_iter().zip(expected).for_each(|(found, expected)| close(found, expected));
        }
        let (expected, found) = (weights(&host), weights(&tensors));
        assert_ne!(expected, before);
        found.iter().zip(&expected).for_each(|(&found, &expected)| close(found.into(), expected.into()));
        for (found, expected) in tensors.alphas().into_iter().zip(host.alphas()) {
            close(found.into(), expected.into());
        }
    }

    fn spec(heads: &[usize], continuous: usize) -> EnvSpec {
        let options = [heads.len(), heads.first().copied().unwrap_or(0), 2];
        let mut observation = vec![Part::new("global", &[3])];
        if !heads.is_empty() {
            observation.extend([Part::new("options", &options), Part::new("prior", &options[..2])]);
        }
        EnvSpec { observation, action: ActionLayout { heads: heads.to_vec(), continuous } }
    }

    fn config() -> SacConfig {
        let body = BodyConfig::mlp(&[7, 5]);
        SacConfig { body, actor_lr: 1e-3, critic_lr: 1e-2, alpha_lr: 1e-2, tau: 0.3, ..SacConfig::default() }
    }

    #[test]
    fn updates_of_every_kind_of_action_agree_with_the_host() {
        for (heads, continuous) in [(&[4][..], 0), (&[3, 2], 0), (&[], 2), (&[4], 1), (&[3, 3], 2)] {
            for masked in [false, !heads.is_empty()] {
                agree(&config(), &spec(heads, continuous), masked);
            }
        }
    }

    #[test]
    fn updates_of_a_scorer_agree_with_the_host() {
        let body = BodyConfig::Scorer { hidden: vec![6, 5], prior_scale: 0.5, q_prior_scale: 2.0 };
        for (heads, masked) in [(&[4][..], false), (&[4], true), (&[3, 3], true)] {
            let config = SacConfig { body: body.clone(), ..config() };
            let mut spec = spec(heads, 0);
            agree(&config, &spec, masked);
            spec.observation.pop();
            agree(&config, &spec, masked);
        }
    }

    #[test]
    fn updates_with_every_option_agree_with_the_host() {
        let redq = SacConfig { critics: 4, target_critics: Some(2), actor_critics: Ensemble::Mean, ..config() };
        let droq = SacConfig { critic_norm: Norm::Layer, critic_dropout: 0.3, ..config() };
        let clipped = SacConfig { max_grad_norm: Some(0.01), target_update_every: 2, ..config() };
        let both = SacConfig { critic_dropout: 0.2, ..redq.clone() };
        let tanh = SacConfig { body: BodyConfig::tanh(&[7, 5]), ..config() };
        let fixed = SacConfig { learn_alpha: false, critics: 1, ..config() };
        for config in [redq, droq, both, tanh, clipped, fixed] {
            agree(&config, &spec(&[4], 0), true);
            agree(&config, &spec(&[], 2), false);
            agree(&config, &spec(&[3, 3], 1), false);
        }
    }
}
