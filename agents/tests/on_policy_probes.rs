//! The on-policy methods climb the ladder of probe environments with each kind of action, give the same bits in
//! `serial` and `lockstep`, and go on from a checkpoint as if nothing had happened.
//!
//! Every rung has a step budget and a threshold. Scores are the rewards of greedy actions, 0 at best.

use mec_agents::a2c::A2cConfig;
use mec_agents::agent::{ActMode, Algorithm, Learner, ObservationBatch, Policy};
use mec_agents::device::Device;
use mec_agents::es::EsConfig;
use mec_agents::nn::BodyConfig;
use mec_agents::on_policy::OnPolicyLearner;
use mec_agents::ppo::PpoConfig;
use mec_agents::reinforce::ReinforceConfig;
use mec_agents::runtime::{Checkpoint, Mode, Observer, ObserverError, RuntimeConfig, resume, train};
use mec_agents::spec::EnvSpec;
use mec_agents::state::StateDict;
use mec_agents::transition::Transitions;
use mec_envs::gym::probe::{Probe, ProbeSpace, Rung};
use mec_envs::gym::{ActionLayout, Env, Part, TimeLimit};
use mec_envs::rng::stream;

const GAMMA: f64 = 0.5;

fn body() -> BodyConfig {
    BodyConfig::mlp(&[32])
}

fn ppo() -> PpoConfig {
    PpoConfig {
        gamma: GAMMA,
        rollout_steps: 64,
        minibatch_size: 32,
        entropy_coef: 0.01,
        // With three times that, one seed of six let a standard deviation collapse before its mean had settled.
        actor_lr: 1e-3,
        value_lr: 3e-3,
        body: body(),
        ..PpoConfig::default()
    }
}

fn a2c() -> A2cConfig {
    A2cConfig {
        gamma: GAMMA,
        rollout_steps: 16,
        entropy_coef: 0.01,
        actor_lr: 3e-3,
        value_lr: 1e-2,
        body: body(),
        ..A2cConfig::default()
    }
}

fn reinforce() -> ReinforceConfig {
    ReinforceConfig {
        gamma: GAMMA,
        rollout_steps: 16,
        actor_lr: 1e-2,
        value_lr: 1e-2,
        body: body(),
        ..ReinforceConfig::default()
    }
}

/// The longest budget of a rung; PPO passes over its data ten times and needs less.
const STEPS: u64 = 12_000;

fn runtime(steps: u64) -> RuntimeConfig {
    RuntimeConfig { mode: Mode::Serial, envs: 2, steps, round: 4, ..RuntimeConfig::default() }
}

fn trained<A: ProbeSpace>(
    make: impl Fn() -> Probe<A> + Sync,
    config: &impl Algorithm<Learner = OnPolicyLearner>,
    steps: u64,
) -> OnPolicyLearner {
    let make_env = |_| TimeLimit::new(make(), 5);
    let mut learner = config.build(&EnvSpec::of(&make_env(0)), &Device::flex(), 1).unwrap();
    train(&mut learner, make_env, &runtime(steps), 1, &mut ()).unwrap();
    learner
}

fn assert_value(learner: &OnPolicyLearner, observation: f32, expected: f64, tolerance: f64) {
    let batch = ObservationBatch { rows: 1, observations: &[observation], masks: None };
    let value = learner.values(&batch)[0];
    assert!((f64::from(value) - expected).abs() < tolerance, "value {value} of {observation} is not {expected}");
}

fn assert_score<A: ProbeSpace>(learner: &OnPolicyLearner, probe: &Probe<A>, observation: f32, target: f32) {
    let batch = ObservationBatch { rows: 1, observations: &[observation], masks: probe.action_mask() };
    let mut codes = Vec::new();
    learner.policy().act(&batch, ActMode::Greedy, &mut stream(0, "greedy"), &mut codes);
    let score = probe.action_space().score(&probe.action_space().decode(&codes), target);
    assert!(score > -0.03, "action {codes:?} for {observation} scores {score}");
}

fn climb<A: ProbeSpace>(
    make: impl Fn(Rung) -> Probe<A> + Sync,
    config: &impl Algorithm<Learner = OnPolicyLearner>,
    steps: u64,
) {
    for rung in Rung::ALL {
        let probe = make(rung);
        let learner = trained(|| make(rung), config, steps);
        match rung {
            Rung::Constant => assert_value(&learner, 0.0, 1.0, 0.05),
            Rung::Value => [-1.0, 1.0].into_iter().for_each(|x| assert_value(&learner, x, f64::from(x), 0.1)),
            Rung::Delayed => {
                assert_value(&learner, 1.0, 1.0, 0.1);
                assert_value(&learner, 0.0, GAMMA, 0.1);
            }
            Rung::Endless => assert_value(&learner, 0.0, 1.0 / (1.0 - GAMMA), 0.15),
            Rung::Action => assert_score(&learner, &probe, 0.0, 1.0),
            Rung::Match | Rung::Masked => {
                [-1.0, 1.0].into_iter().for_each(|x| assert_score(&learner, &probe, x, x));
            }
        }
    }
}

macro_rules! ladders {
    ($($name:ident: $probe:expr, $config:expr, $steps:expr;)*) => {
        $(#[test] fn $name() { climb($probe, &$config, $steps); })*
    };
}

ladders! {
    ppo_climbs_the_ladder_with_a_discrete_action: Probe::discrete, ppo(), STEPS / 3;
    ppo_climbs_the_ladder_with_several_discrete_actions: Probe::multi_discrete, ppo(), STEPS / 3;
    ppo_climbs_the_ladder_with_continuous_actions: Probe::continuous, ppo(), STEPS;
    ppo_climbs_the_ladder_with_mixed_actions: Probe::mixed, ppo(), STEPS;
    a2c_climbs_the_ladder_with_a_discrete_action: Probe::discrete, a2c(), STEPS;
    a2c_climbs_the_ladder_with_several_discrete_actions: Probe::multi_discrete, a2c(), STEPS;
    a2c_climbs_the_ladder_with_continuous_actions: Probe::continuous, a2c(), STEPS;
    a2c_climbs_the_ladder_with_mixed_actions: Probe::mixed, a2c(), STEPS;
    reinforce_climbs_the_ladder_with_a_discrete_action: Probe::discrete, reinforce(), STEPS;
    reinforce_climbs_the_ladder_with_several_discrete_actions: Probe::multi_discrete, reinforce(), STEPS;
    reinforce_climbs_the_ladder_with_continuous_actions: Probe::continuous, reinforce(), STEPS;
    reinforce_climbs_the_ladder_with_mixed_actions: Probe::mixed, reinforce(), STEPS;
}

#[test]
fn options_still_find_the_match() {
    let bounded = PpoConfig { value_clip: Some(0.5), target_kl: Some(0.05), normalize_observations: true, ..ppo() };
    let learner = trained(|| Probe::discrete(Rung::Match), &bounded, STEPS / 3);
    [-1.0, 1.0].into_iter().for_each(|x| assert_score(&learner, &Probe::discrete(Rung::Match), x, x));
    let plain = ReinforceConfig { baseline: false, ..reinforce() };
    let learner = trained(|| Probe::discrete(Rung::Match), &plain, STEPS);
    [-1.0, 1.0].into_iter().for_each(|x| assert_score(&learner, &Probe::discrete(Rung::Match), x, x));
}

/// Checkpoints as they come, with the steps done.
#[derive(Default)]
struct Checkpoints(Vec<(u64, StateDict)>);

impl<L: Learner> Observer<L> for Checkpoints {
    fn on_checkpoint(&mut self, checkpoint: &Checkpoint<'_, L>) -> Result<(), ObserverError> {
        self.0.push((checkpoint.env_steps(), checkpoint.state()));
        Ok(())
    }
}

/// The learner with its memory, in a checksum.
fn checksum<L: Learner>(learner: &L) -> String {
    let mut state = learner.state();
    learner.write_memory(&mut state);
    state.checksum()
}

/// Runs in one thread, then in several, then from every checkpoint.
fn repeats<A: Algorithm, P: ProbeSpace>(config: &A, make: fn(Rung) -> Probe<P>) {
    let make_env = |_| TimeLimit::new(make(Rung::Masked), 3);
    let built = |seed| config.build(&EnvSpec::of(&make_env(0)), &Device::flex(), seed).unwrap();
    let runtime = |mode, actors| RuntimeConfig {
        mode,
        actors,
        envs: 3,
        steps: 360,
        round: 3,
        checkpoint_every: 45,
        ..RuntimeConfig::default()
    };
    let mut whole = Checkpoints::default();
    let mut learner = built(3);
    let before = learner.state().checksum();
    train(&mut learner, make_env, &runtime(Mode::Serial, 1), 3, &mut whole).unwrap();
    assert_ne!(learner.state().checksum(), before, "nothing was learned");
    let expected = checksum(&learner);
    for actors in 1..=3 {
        let mut learner = built(3);
        train(&mut learner, make_env, &runtime(Mode::Lockstep, actors), 3, &mut ()).unwrap();
        assert_eq!(checksum(&learner), expected, "{actors} actor threads");
    }
    assert_eq!(whole.0.len(), 8);
    for (number, (steps, state)) in whole.0.iter().enumerate() {
        let mut resumed = built(99);
        let mode = [Mode::Serial, Mode::Lockstep][number % 2];
        resume(&mut resumed, make_env, &runtime(mode, 2), state, &mut ()).unwrap();
        assert_eq!(checksum(&resumed), expected, "from {steps} steps");
    }
}

#[test]
fn runs_are_equal_to_the_bit_in_any_thread_layout_and_from_every_checkpoint() {
    let ppo = PpoConfig { normalize_observations: true, ..ppo() };
    repeats(&ppo, Probe::discrete);
    repeats(&ppo, Probe::mixed);
    repeats(&a2c(), Probe::multi_discrete);
    repeats(&a2c(), Probe::continuous);
    repeats(&reinforce(), Probe::discrete);
    repeats(&reinforce(), Probe::mixed);
    let es = EsConfig { pairs: 2, ..EsConfig::default() };
    repeats(&es, Probe::discrete);
    repeats(&es, Probe::mixed);
}

fn evolved<A: ProbeSpace>(make: fn(Rung) -> Probe<A>, mode: Mode, sigma: f64) {
    let make_env = |_| make(Rung::Masked);
    let config = EsConfig { sigma, learning_rate: sigma / 6.0, episodes_each: 16, ..EsConfig::default() };
    let mut learner = config.build(&EnvSpec::of(&make_env(0)), &Device::flex(), 1).unwrap();
    let runtime = RuntimeConfig { mode, round: 16, ..runtime(240_000) };
    train(&mut learner, make_env, &runtime, 1, &mut ()).unwrap();
    let probe = make(Rung::Masked);
    for x in [-1.0, 1.0] {
        let batch = ObservationBatch { rows: 1, observations: &[x], masks: probe.action_mask() };
        let mut codes = Vec::new();
        learner.policy().act(&batch, ActMode::Greedy, &mut stream(0, "greedy"), &mut codes);
        let score = probe.action_space().score(&probe.action_space().decode(&codes), x);
        assert!(score > -0.03, "action {codes:?} for {x} scores {score}");
    }
}

#[test]
fn evolution_finds_the_masked_match_with_each_kind_of_action() {
    evolved(Probe::discrete, Mode::Serial, 0.3);
    evolved(Probe::multi_discrete, Mode::Serial, 0.3);
    evolved(Probe::continuous, Mode::Serial, 0.1);
    evolved(Probe::mixed, Mode::Serial, 0.15);
    evolved(Probe::discrete, Mode::FreeRunning, 0.3);
}

#[test]
fn free_running_learns_the_match() {
    let make_env = |_| Probe::discrete(Rung::Match);
    let mut learner = ppo().build(&EnvSpec::of(&make_env(0)), &Device::flex(), 1).unwrap();
    let runtime = RuntimeConfig { mode: Mode::FreeRunning, actors: 2, ..runtime(STEPS) };
    train(&mut learner, make_env, &runtime, 1, &mut ()).unwrap();
    [-1.0, 1.0].into_iter().for_each(|x| assert_score(&learner, &Probe::discrete(Rung::Match), x, x));
}

/// An untrained scorer acts by the prior, and its policy leaves for other programs as that of every body does.
#[test]
fn a_scorer_starts_from_its_prior_and_can_be_exported() {
    let observation = vec![Part::new("options", &[3, 2]), Part::new("prior", &[3])];
    let spec = EnvSpec { observation, action: ActionLayout { heads: vec![3], continuous: 0 } };
    let body = BodyConfig::Scorer { hidden: vec![8, 8], prior_scale: 2.0, q_prior_scale: 1.0 };
    let learner = PpoConfig { body, ..ppo() }.build(&spec, &Device::flex(), 1).unwrap();
    let observations = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 1.0, -3.0, 5.0];
    let batch = ObservationBatch { rows: 1, observations: &observations, masks: Some(&[true, true, false]) };
    assert_eq!(learner.policy().outputs(&batch), [2.0, -6.0, 10.0]);
    assert_eq!(learner.values(&batch), [-1.0]);
    let policy = mec_agents::ppo::exported(&learner.state()).unwrap();
    assert_eq!(policy.kind, "ppo");
    assert!(mec_agents::a2c::exported(&learner.state()).unwrap_err().to_string().contains("ppo"));
}

#[test]
fn wrong_values_and_environments_are_refused_with_what_is_accepted() {
    let spec = EnvSpec::of(&Probe::discrete(Rung::Match));
    let refused = |config: &dyn Fn() -> Result<OnPolicyLearner, mec_agents::agent::ConfigError>, part: &str| {
        let error = config().err().unwrap().to_string();
        assert!(error.contains(part), "{error}");
    };
    let device = Device::flex();
    refused(&|| PpoConfig { gamma: 1.1, ..ppo() }.build(&spec, &device, 0), "gamma is 1.1; accepted is 0 to 1");
    refused(&|| PpoConfig { clip: 0.0, ..ppo() }.build(&spec, &device, 0), "clip is 0; accepted is above 0");
    refused(&|| PpoConfig { minibatch_size: 0, ..ppo() }.build(&spec, &device, 0), "minibatch_size is 0");
    refused(&|| A2cConfig { rollout_steps: 0, ..a2c() }.build(&spec, &device, 0), "rollout_steps is 0");
    refused(&|| ReinforceConfig { actor_lr: f64::NAN, ..reinforce() }.build(&spec, &device, 0), "actor_lr is NaN");
    let error = EsConfig { sigma: 0.0, ..EsConfig::default() }.build(&spec, &device, 0).err().unwrap();
    assert_eq!(error.to_string(), "sigma is 0; accepted is above 0");
    let none = EnvSpec { observation: spec.observation.clone(), action: ActionLayout { heads: vec![], continuous: 0 } };
    refused(&|| a2c().build(&none, &device, 0), "a2c cannot act with no action at all");
    let scorer = BodyConfig::Scorer { hidden: vec![8], prior_scale: 1.0, q_prior_scale: 1.0 };
    let mixed = EnvSpec::of(&Probe::mixed(Rung::Match));
    refused(&|| PpoConfig { body: scorer.clone(), ..ppo() }.build(&mixed, &device, 0), "no options to score");
    assert!(serde_json::from_str::<PpoConfig>(r#"{"gama": 0.9}"#).unwrap_err().to_string().contains("gamma"));
}

#[test]
fn a_reward_that_is_not_a_number_ends_training_with_an_error() {
    let mut learner = ppo().build(&EnvSpec::of(&Probe::discrete(Rung::Match)), &Device::flex(), 0).unwrap();
    let rows = 64;
    learner.add(&Transitions {
        observations: vec![0.0; rows],
        next_observations: vec![0.0; rows],
        actions: vec![0.0; rows],
        rewards: vec![f32::NAN; rows],
        terminated: vec![true; rows],
        truncated: vec![false; rows],
        env: vec![0; rows],
        ..Transitions::default()
    });
    let error = learner.train(1).unwrap_err().to_string();
    assert!(error.starts_with("train/critic_loss is NaN at update 0: training diverged"), "{error}");
}
