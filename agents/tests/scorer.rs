//! The option scorer learns to correct a misleading prior, and what it learned serves more options unchanged.

use mec_agents::agent::{ActMode, Algorithm, Learner, ObservationBatch, Policy};
use mec_agents::device::Device;
use mec_agents::dqn::DqnConfig;
use mec_agents::nn::{BodyConfig, Norm};
use mec_agents::runtime::{Mode, RuntimeConfig, train};
use mec_agents::sac::{SacConfig, Warmup};
use mec_agents::spec::EnvSpec;
use mec_envs::gym::{BoxSpace, DictSpace, Discrete, Env, EnvError, Space, Step};
use mec_envs::rng::{Prng, stream};
use rand::RngExt;

/// One choice among options with a known cost x_0 and a cost x_1 that the prior leaves out; the reward is
/// -x_0 - 2 x_1, both uniform in [0, 1]. The last option is closed in every other episode.
struct Costs {
    observations: DictSpace,
    actions: Discrete,
    rng: Prng,
    observation: Option<Vec<f32>>,
    mask: Vec<bool>,
}

impl Costs {
    fn new(options: usize) -> Self {
        let observations = DictSpace::new(vec![
            ("global", BoxSpace::uniform(&[1], 0.0, 1.0)),
            ("options", BoxSpace::uniform(&[options, 2], 0.0, 1.0)),
            ("prior", BoxSpace::uniform(&[options], -1.0, 0.0)),
        ]);
        let (actions, rng) = (Discrete::new(options), stream(0, "costs"));
        Self { observations, actions, rng, observation: None, mask: vec![true; options] }
    }

    fn reward(observation: &[f32], option: usize) -> f32 {
        -observation[1 + 2 * option] - 2.0 * observation[2 + 2 * option]
    }
}

impl Env for Costs {
    type ObservationSpace = DictSpace;
    type ActionSpace = Discrete;
    type Info = ();

    fn observation_space(&self) -> &DictSpace {
        &self.observations
    }

    fn action_space(&self) -> &Discrete {
        &self.actions
    }

    fn reset(&mut self, seed: Option<u64>) -> Vec<f32> {
        if let Some(seed) = seed {
            self.rng = stream(seed, "costs");
        }
        let mut observation = self.observations.sample(&mut self.rng);
        let options = self.actions.n();
        (0..options).for_each(|option| observation[1 + 2 * options + option] = -observation[1 + 2 * option]);
        self.mask[options - 1] = self.rng.random();
        self.observation = Some(observation.clone());
        observation
    }

    fn step(&mut self, action: &usize) -> Result<Step<Vec<f32>>, EnvError> {
        let observation = self.observation.take().ok_or(EnvError::ResetNeeded)?;
        let reward = f64::from(Self::reward(&observation, *action));
        Ok(Step { observation, reward, terminated: true, truncated: false, info: () })
    }

    fn action_mask(&self) -> Option<&[bool]> {
        Some(&self.mask)
    }
}

/// Mean reward that the greedy policy loses against the best open option, over 500 episodes.
fn regret(policy: &impl Policy, options: usize) -> f32 {
    let (mut policy, mut env, mut rng) = (policy.clone(), Costs::new(options), stream(1, "evaluation"));
    let mut observation = env.reset(Some(99));
    let mut total = 0.0;
    for _ in 0..500 {
        let batch = ObservationBatch { rows: 1, observations: &observation, masks: Some(&env.mask) };
        let mut action = Vec::new();
        policy.act(&batch, ActMode::Greedy, &mut rng, &mut action);
        assert!(env.mask[action[0] as usize], "a closed option was chosen");
        let open = (0..options).filter(|&option| env.mask[option]);
        let best = open.map(|option| Costs::reward(&observation, option)).fold(f32::NEG_INFINITY, f32::max);
        total += best - Costs::reward(&observation, action[0] as usize);
        observation = env.reset(None);
    }
    total / 500.0
}

fn body() -> BodyConfig {
    BodyConfig::Scorer { hidden: vec![32, 32], prior_scale: 1.0, q_prior_scale: 1.0 }
}

/// Trains on four options and acts among nine.
fn beats_its_prior(config: &impl Algorithm) {
    let mut learner = config.build(&EnvSpec::of(&Costs::new(4)), &Device::flex(), 1).unwrap();
    let prior = regret(&learner.policy(), 4);
    let runtime = RuntimeConfig { mode: Mode::Lockstep, envs: 4, steps: 2_000, round: 2, ..RuntimeConfig::default() };
    train(&mut learner, |_| Costs::new(4), &runtime, 1, &mut ()).unwrap();
    let trained = regret(&learner.policy(), 4);
    assert!(prior > 0.3 && trained < 0.1 * prior, "regret {trained}, of the prior {prior}");

    let mut larger = config.build(&EnvSpec::of(&Costs::new(9)), &Device::flex(), 2).unwrap();
    let prior = regret(&larger.policy(), 9);
    larger.load_state(&learner.state()).unwrap();
    let trained = regret(&larger.policy(), 9);
    assert!(trained < 0.2 * prior, "regret {trained} among 9 options, of the prior {prior}");
}

fn sac() -> SacConfig {
    SacConfig {
        gamma: 0.0,
        actor_lr: 2e-3,
        critic_lr: 2e-3,
        batch_size: 64,
        warmup: Warmup::Policy,
        body: body(),
        initial_alpha: 0.1,
        target_entropy_final_scale: Some(0.05),
        target_entropy_anneal_updates: 1_000,
        ..SacConfig::default()
    }
}

#[test]
fn a_scorer_beats_its_prior_and_serves_more_options() {
    beats_its_prior(&sac());
}

#[test]
fn a_scorer_with_normal_critics_that_drop_units_does_so_too() {
    beats_its_prior(&SacConfig { critic_norm: Norm::Layer, critic_dropout: 0.01, ..sac() });
}

#[test]
fn a_scorer_of_values_beats_its_prior_and_serves_more_options() {
    beats_its_prior(&DqnConfig {
        gamma: 0.0,
        learning_rate: 2e-3,
        batch_size: 64,
        replay_ratio: 1.0,
        epsilon_start: 0.5,
        epsilon_steps: 1_000,
        body: body(),
        ..DqnConfig::default()
    });
}
