//! One gradient update where the networks lie on a device: what [`Update::run`] does in host memory, in tensors.
//!
//! # Design
//! A device waits for the host at every number that is read back, some tenths of a millisecond each time, and for every
//! operation that is begun, some microseconds. So the host sends all that it knows of an update at once (a [`Feed`]),
//! reads nothing before the end, and then everything at once. What figures are made of comes back as columns of the
//! batch, so that the functions that make them are the same as on the host.

use mec_envs::rng::Prng;

use super::losses;
use super::networks::{Model, Networks};
use super::tensor_update::TensorUpdate;
use super::update::{ActorFigures, Draws, Figures, Update};
use crate::nn::Feed;
use crate::off_policy::{Appraisal, states};

impl Update<'_> {
    /// Lets all networks take a step.
    pub(super) fn run_on_device(&self, networks: &mut Networks, rng: &mut Prng) -> Figures {
        let mut draws = self.draws(rng);
        let feed = self.feed(networks, &draws);
        let shapes = feed.shapes().to_vec();
        let update = TensorUpdate {
            config: self.config,
            model: self.model,
            masked: self.masked(),
            follows: self.follows(),
            turn: self.is_actors_turn(),
            shapes: &shapes,
        };
        let columns = networks.run(&update, feed.upload(self.device), &mut draws);
        self.figures_from(networks, &columns)
    }

    /// Whether there are choices that can be closed.
    fn masked(&self) -> bool {
        self.model.heads.choices() > 0 && !self.batch.masks.is_empty()
    }

    /// All that the device is told of an update, in the order in which [`TensorUpdate`] takes it; the steps of the
    /// optimisers are begun with it.
    fn feed(&self, networks: &mut Networks, draws: &Draws) -> Feed {
        let Model { actor, heads, dim, .. } = self.model;
        let batch = self.batch;
        let mut feed = Feed::with_capacity(4 * batch.observations.len());
        states(batch).iter().for_each(|rows| actor.feed(rows, &mut feed));
        for column in [&batch.rewards, &batch.discounts, &batch.weights] {
            feed.push(column, [batch.len(), 1]);
        }
        if !heads.sizes().is_empty() {
            let taken = losses::taken_gradient(&vec![1.0; batch.len()], &batch.actions, heads);
            feed.push(&taken, [batch.len(), heads.choices()]);
        }
        if self.masked() {
            for masks in [&batch.masks, &batch.next_masks] {
                let open: Vec<f32> = masks.iter().map(|&open| f32::from(u8::from(open))).collect();
                feed.push(&open, [batch.len(), heads.choices()]);
            }
        }
        if *dim > 0 {
            feed.push(&self.continuous_actions(), [batch.len(), *dim]);
            draws.noise.iter().for_each(|noise| feed.push(noise, [batch.len(), *dim]));
        }
        // What takes no step does not read its rates.
        let of_actor = if self.is_actors_turn() { networks.actor.begin(self.share) } else { [0.0; 2] };
        let rates = [of_actor, networks.critics[0].online.begin(self.share)];
        let scalars = networks.alphas().into_iter().chain(rates.into_iter().flatten());
        scalars.for_each(|scalar| feed.push(&[scalar], [1, 1]));
        feed
    }

    /// The end of an update, from the columns that it left: Q(s, a) per critic, targets, values, and entropies of what
    /// the action has.
    fn figures_from(&self, networks: &mut Networks, rows: &[f32]) -> Figures {
        let width = rows.len() / self.batch.len();
        let column = |place: usize| rows.iter().skip(place).step_by(width).copied().collect::<Vec<f32>>();
        let critics = self.config.critics;
        let targets = column(critics);
        let taken: Vec<Vec<f32>> = (0..critics).map(column).collect();
        let loss = taken.iter().map(|taken| losses::critic_loss(taken, &targets, &self.batch.weights).0).sum();
        let appraisal = Appraisal::new(loss, &taken, &targets);
        let of_actor = self.is_actors_turn().then(|| {
            let mut places = critics + 2..;
            let entropies = networks.temperatures.each_ref().map(|temperature| {
                let place = temperature.as_ref().and_then(|_| places.next());
                place.map_or_else(Vec::new, column)
            });
            ActorFigures { loss: losses::actor_loss(&column(critics + 1)), entropies }
        });
        Figures { appraisal, turn: of_actor.map(|of_actor| self.turn(networks, &of_actor)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{AdamConfig, BodyConfig, Helpers, Matrix, Norm, Parameters, Trained};
    use crate::off_policy::Followed;
    use crate::replay::Batch;
    use crate::sac::recording::Recording;
    use crate::sac::{Ensemble, SacConfig};
    use crate::spec::EnvSpec;
    use crate::state::StateDict;
    use burn::tensor::Device;
    use mec_envs::gym::{ActionLayout, Part};
    use mec_envs::rng::stream;
    use rand::RngExt;

    const UPDATES: u64 = 6;

    fn uniform(len: usize, rng: &mut Prng) -> Vec<f32> {
        (0..len).map(|_| rng.random_range(-1.0..1.0)).collect()
    }

    /// Rows of which the third terminated, with weights; with `masked` some choices are closed, of s and s' others, and
    /// in the first row of each all of a head with three.
    fn batch(spec: &EnvSpec, rows: usize, masked: bool, seed: u64) -> Batch {
        let (mut rng, choices) = (stream(seed, "batch"), spec.action.choices());
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

    /// The same networks as tensors of a device.
    fn moved(networks: &Networks, config: &SacConfig, device: &Device) -> Networks {
        let adam = |learning_rate| AdamConfig { learning_rate, max_grad_norm: config.max_grad_norm };
        let actor = networks.actor.weights.on_device(device);
        Networks {
            actor: Trained::new(actor, adam(config.actor_lr)),
            critics: vec![Followed::stacked(networks.critics.iter(), device)],
            temperatures: networks.temperatures.clone(),
            recording: Recording::default(),
        }
    }

    fn close(found: f64, expected: f64) {
        let equal = (found - expected).abs() < 1e-4 * (1.0 + expected.abs()) || (found.is_nan() && expected.is_nan());
        assert!(equal, "{found} is not {expected}");
    }

    fn numbers(Figures { appraisal, turn }: &Figures) -> Vec<f64> {
        let errors = appraisal.errors.iter().map(|&error| f64::from(error));
        let of_turn = turn.iter().flat_map(|turn| {
            [turn.loss, turn.max_entropy, turn.alpha_loss]
                .into_iter()
                .chain(turn.entropies)
                .chain(turn.target_entropies)
        });
        [appraisal.loss, appraisal.q_mean, appraisal.q_max].into_iter().chain(errors).chain(of_turn).collect()
    }

    /// All but the last bias of a scorer that acts: options share it, so that its gradient is zero, and Adam makes whole
    /// steps of what rounding leaves of that.
    fn weights(networks: &Networks, body: &BodyConfig) -> Vec<f32> {
        let shared = usize::from(matches!(body, BodyConfig::Scorer { .. }));
        let actor = networks.actor.weights.matrices();
        let critics = networks.each_critic();
        let critics = critics.iter().flat_map(|critic| [&critic.online.weights, &critic.target]);
        let critics = critics.flat_map(Parameters::matrices);
        actor[..actor.len() - shared].iter().chain(critics).flat_map(Matrix::to_vec).collect()
    }

    fn agree(config: &SacConfig, spec: &EnvSpec, masked: bool) {
        for rows in [1, 6] {
            agree_on(config, spec, (rows, masked), &Device::flex());
        }
    }

    /// A few updates of the same networks with the same draws, in host memory and on a device, which are returned.
    fn agree_on(config: &SacConfig, spec: &EnvSpec, (rows, masked): (usize, bool), device: &Device) -> Networks {
        let (here, model) = (Device::flex(), Model::new(config, spec).unwrap());
        let mut host = Networks::new(&model, config, &here, 1);
        let mut tensors = moved(&host, config, device);
        let before = weights(&host, &config.body);
        for updates in 0..UPDATES {
            let (model, batch, helpers) = (&model, &batch(spec, rows, masked, updates), Helpers::NONE);
            let both = [(&mut host, &here), (&mut tensors, device)].map(|(networks, device)| {
                let share = 1.0 - updates as f64 / 10.0;
                let update = Update { config, device, model, batch, updates, share, helpers };
                update.run(networks, &mut stream(updates, "draws"))
            });
            let [expected, found] = both.map(|figures| numbers(&figures));
            let of_turn = if (updates + 1).is_multiple_of(config.policy_delay) { 7 } else { 0 };
            assert_eq!((found.len(), expected.len()), (3 + batch.len() + of_turn, 3 + batch.len() + of_turn));
            found.into_iter().zip(expected).for_each(|(found, expected)| close(found, expected));
        }
        let [expected, found] = [&host, &tensors].map(|networks| weights(networks, &config.body));
        assert_ne!(expected, before);
        found.iter().zip(&expected).for_each(|(&found, &expected)| close(found.into(), expected.into()));
        for (found, expected) in tensors.alphas().into_iter().zip(host.alphas()) {
            close(found.into(), expected.into());
        }
        tensors
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
            let plain = SacConfig { body: body.clone(), ..config() };
            let droq = SacConfig { critic_norm: Norm::Layer, critic_dropout: 0.3, ..plain.clone() };
            for config in [plain, droq] {
                let mut spec = spec(heads, 0);
                agree(&config, &spec, masked);
                spec.observation.pop();
                agree(&config, &spec, masked);
            }
        }
    }

    #[test]
    fn updates_with_every_option_agree_with_the_host() {
        let redq = SacConfig { critics: 4, target_critics: Some(2), actor_critics: Ensemble::Mean, ..config() };
        let droq = SacConfig { critic_norm: Norm::Layer, critic_dropout: 0.3, ..config() };
        let clipped = SacConfig { max_grad_norm: Some(0.01), target_update_every: 2, ..config() };
        let delayed = SacConfig { policy_delay: 4, actor_critics: Ensemble::Mean, ..config() };
        let both = SacConfig { critic_dropout: 0.2, ..redq.clone() };
        let tanh = SacConfig { body: BodyConfig::tanh(&[7, 5]), ..config() };
        let fixed = SacConfig { learn_alpha: false, critics: 1, ..config() };
        for config in [redq, droq, both, tanh, clipped, delayed, fixed] {
            agree(&config, &spec(&[4], 0), true);
            agree(&config, &spec(&[], 2), false);
            agree(&config, &spec(&[3, 3], 1), false);
        }
    }

    #[test]
    fn networks_on_a_device_are_stored_like_those_of_the_host() {
        let config = SacConfig { critics: 3, ..config() };
        let spec = spec(&[3], 2);
        let tensors = agree_on(&config, &spec, (6, true), &Device::flex());
        let stored = |networks: &Networks| {
            let mut state = StateDict::new("test");
            networks.write(&mut state);
            state
        };
        let state = stored(&tensors);
        let host = Networks::new(&Model::new(&config, &spec).unwrap(), &config, &Device::flex(), 2);
        for like in [moved(&host, &config, &Device::flex()), host] {
            assert_ne!(stored(&like), state);
            assert_eq!(stored(&like.read(&state).unwrap()), state);
        }
    }

    /// The third update is recorded, and the others come out of the recording.
    #[cfg(feature = "wgpu")]
    #[test]
    fn updates_recorded_on_wgpu_agree_with_the_host() {
        let wgpu = crate::device::open(crate::device::DeviceKind::Wgpu).expect("a Vulkan driver is installed");
        let scorer = BodyConfig::Scorer { hidden: vec![6, 5], prior_scale: 0.5, q_prior_scale: 2.0 };
        let clipped = SacConfig { max_grad_norm: Some(0.01), critic_norm: Norm::Layer, ..config() };
        for (config, heads, continuous) in [
            (config(), &[4][..], 0),
            (config(), &[3, 3], 2),
            (clipped, &[], 2),
            (SacConfig { critics: 1, ..config() }, &[], 1),
            (SacConfig { body: scorer.clone(), ..config() }, &[4], 0),
            (SacConfig { body: scorer, critic_norm: Norm::Layer, ..config() }, &[4], 0),
        ] {
            let spec = spec(heads, continuous);
            for rows in [1, 6, 64] {
                let networks = agree_on(&config, &spec, (rows, !heads.is_empty()), &wgpu);
                assert!(matches!(networks.recording, Recording::Done(..)), "{config:?}");
            }
        }
        let spec = spec(&[], 2);
        let dropout = SacConfig { critic_dropout: 0.2, ..config() };
        let networks = agree_on(&dropout, &spec, (6, false), &wgpu);
        assert!(matches!(networks.recording, Recording::Refused), "what is dropped changes");
    }
}
