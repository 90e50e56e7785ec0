//! Soft actor-critic climbs the ladder of probe environments, with each kind of action.
//!
//! Values are those of the critic for the greedy action.

mod ladder;

use ladder::{GAMMA, assert_match, rows, trained};
use mec_agents::agent::{ActMode, Algorithm, Learner, ObservationBatch, Policy};
use mec_agents::device::Device;
use mec_agents::nn::{BodyConfig, Norm};
use mec_agents::runtime::{Mode, RuntimeConfig, train};
use mec_agents::sac::{Ensemble, SacConfig, SacLearner};
use mec_agents::spec::EnvSpec;
use mec_agents::transition::Transitions;
use mec_envs::gym::probe::{Probe, ProbeSpace, Rung};
use mec_envs::gym::{BoxSpace, Env, EnvError, Step};
use mec_envs::rng::stream;

/// Small and fast, with a fixed temperature so low that the entropy it adds to values is below every threshold.
fn config() -> SacConfig {
    SacConfig {
        gamma: GAMMA,
        tau: 0.05,
        actor_lr: 3e-3,
        critic_lr: 3e-3,
        batch_size: 32,
        buffer_capacity: 2_000,
        learning_starts: 64,
        body: BodyConfig::mlp(&[32]),
        initial_alpha: 0.01,
        learn_alpha: false,
        ..SacConfig::default()
    }
}

fn value(learner: &SacLearner, batch: &ObservationBatch<'_>, action: &[f32]) -> f32 {
    learner.q_values(batch, action)[0]
}

fn climb<A: ProbeSpace>(make: impl Fn(Rung) -> Probe<A> + Sync) {
    ladder::climb(make, &config(), Some(value), |rung| match rung {
        Rung::Constant | Rung::Value => 500,
        Rung::Delayed | Rung::Endless => 800,
        Rung::Action | Rung::Match | Rung::Masked => 1500,
    });
}

#[test]
fn sac_climbs_the_ladder_with_a_discrete_action() {
    climb(Probe::discrete);
}

#[test]
fn sac_climbs_the_ladder_with_several_discrete_actions() {
    climb(Probe::multi_discrete);
}

#[test]
fn sac_climbs_the_ladder_with_continuous_actions() {
    climb(Probe::continuous);
}

#[test]
fn sac_climbs_the_ladder_with_mixed_actions() {
    climb(Probe::mixed);
}

/// REDQ's subset and mean, DroQ's normalisation and dropout, normal observations: each alone must still learn, and all
/// of them together.
#[test]
fn options_of_the_critics_still_find_the_match() {
    let redq = SacConfig { critics: 4, target_critics: Some(2), actor_critics: Ensemble::Mean, ..config() };
    let droq = SacConfig { critic_norm: Norm::Layer, critic_dropout: 0.01, ..config() };
    let normal = SacConfig { normalize_observations: true, ..config() };
    let all =
        SacConfig { critic_norm: Norm::Layer, critic_dropout: 0.01, normalize_observations: true, ..redq.clone() };
    let one = SacConfig { critics: 1, ..config() };
    for config in [redq, droq, normal, all, one] {
        let discrete = trained(|| Probe::discrete(Rung::Match), &config, 1500);
        let continuous = trained(|| Probe::continuous(Rung::Match), &config, 1500);
        assert_match(&discrete, &Probe::discrete(Rung::Match));
        assert_match(&continuous, &Probe::continuous(Rung::Match));
    }
}

/// [`Rung::Match`] whose observations are 995 and 1005 for -1 and 1.
struct Far<A> {
    probe: Probe<A>,
    observation_space: BoxSpace,
}

impl<A: ProbeSpace> Far<A> {
    fn new(probe: Probe<A>) -> Self {
        Self { probe, observation_space: BoxSpace::uniform(&[1], 995.0, 1005.0) }
    }
}

fn far(observation: f32) -> f32 {
    1000.0 + 5.0 * observation
}

impl<A: ProbeSpace> Env for Far<A> {
    type ObservationSpace = BoxSpace;
    type ActionSpace = A;
    type Info = ();

    fn observation_space(&self) -> &BoxSpace {
        &self.observation_space
    }

    fn action_space(&self) -> &A {
        self.probe.action_space()
    }

    fn reset(&mut self, seed: Option<u64>) -> Vec<f32> {
        self.probe.reset(seed).into_iter().map(far).collect()
    }

    fn step(&mut self, action: &A::Element) -> Result<Step<Vec<f32>>, EnvError> {
        Ok(self.probe.step(action)?.map(|observation| observation.into_iter().map(far).collect()))
    }
}

/// How well greedy actions hit -1 and 1 after training on [`Far`], 0 at best.
fn far_scores<A: ProbeSpace>(make: fn(Rung) -> Probe<A>, normalize_observations: bool) -> [f64; 2] {
    let make = |_| Far::new(make(Rung::Match));
    let env = make(0);
    let config = SacConfig { normalize_observations, ..config() };
    let mut learner = config.build(&EnvSpec::of(&env), &Device::flex(), 1).unwrap();
    let runtime = RuntimeConfig { mode: Mode::Serial, envs: 1, steps: 1500, round: 1, ..RuntimeConfig::default() };
    train(&mut learner, make, &runtime, 1, &mut ()).unwrap();
    [-1.0, 1.0].map(|target| {
        let batch = ObservationBatch { rows: 1, observations: &[far(target)], masks: None };
        let mut action = Vec::new();
        learner.policy().act(&batch, ActMode::Greedy, &mut stream(0, "greedy"), &mut action);
        env.action_space().score(&env.action_space().decode(&action), target)
    })
}

/// What [`Rung::Match`] cannot show: its observations are normal by themselves.
#[test]
fn a_match_with_observations_far_from_normal_is_found_with_normal_ones_and_missed_without() {
    for (normalize, finds) in [(true, true), (false, false)] {
        let scores = [far_scores(Probe::discrete, normalize), far_scores(Probe::continuous, normalize)];
        for scores in scores {
            assert_eq!(scores.iter().all(|score| *score > -0.03), finds, "{normalize}: {scores:?}");
        }
    }
}

/// The temperature starts at 1, far too high for rewards of this size, and has to find its way down.
#[test]
fn a_learned_temperature_lets_the_policy_settle() {
    let config = SacConfig { learn_alpha: true, initial_alpha: 1.0, alpha_lr: 1e-2, ..config() };
    let alpha = |learner: &SacLearner| learner.state().array::<f32>("log_alpha/value", &[1, 1]).unwrap()[0].exp();
    let discrete = trained(|| Probe::discrete(Rung::Match), &config, 1500);
    assert!(alpha(&discrete) < 0.5, "{}", alpha(&discrete));
    assert_match(&discrete, &Probe::discrete(Rung::Match));
    let continuous = trained(|| Probe::continuous(Rung::Match), &config, 1500);
    assert!(alpha(&continuous) < 0.5, "{}", alpha(&continuous));
    assert_match(&continuous, &Probe::continuous(Rung::Match));
}

#[test]
fn a_reward_that_is_not_a_number_ends_training_with_an_error() {
    let spec = EnvSpec::of(&Probe::discrete(Rung::Match));
    let mut learner = config().build(&spec, &Device::flex(), 0).unwrap();
    learner.add(&Transitions { rewards: vec![f32::NAN; 64], ..rows(&spec, 64) });
    let error = learner.train(3).unwrap_err().to_string();
    assert!(error.starts_with("train/critic_loss is NaN at update 0: training diverged"), "{error}");
    assert!(error.ends_with("the first tensor that is not finite is batch/rewards"), "{error}");
}

/// One number of one tensor is none: what follows from it is not taken for the cause.
#[test]
fn the_tensor_that_broke_is_named_and_not_those_that_it_broke() {
    let spec = EnvSpec::of(&Probe::mixed(Rung::Match));
    let learner = || {
        let mut learner = config().build(&spec, &Device::flex(), 0).unwrap();
        learner.add(&rows(&spec, 64));
        learner.train(2).unwrap();
        learner
    };
    for name in ["actor/layer1/bias", "critic_2/layer0/weight", "target_1/layer1/weight", "log_alpha_continuous/value"]
    {
        let mut learner = learner();
        let mut state = learner.state();
        learner.write_memory(&mut state);
        let shape = state.arrays()[name].shape.clone();
        let mut entries = state.array::<f32>(name, &shape).unwrap().to_vec();
        *entries.last_mut().unwrap() = f32::NAN;
        state.insert_array(name, &shape, entries);
        learner.load_state(&state).unwrap();
        learner.read_memory(&state).unwrap();
        let error = learner.train(5).unwrap_err().to_string();
        assert!(error.contains("at update 2: training diverged; the first tensor that is not finite is"), "{error}");
        assert!(error.ends_with(name.trim_end_matches("/value")), "{name}: {error}");
    }
}

/// A learner of two continuous entries that has seen 64 rows, and their shape.
fn of_continuous(config: &SacConfig) -> (SacLearner, EnvSpec) {
    let spec = EnvSpec::of(&Probe::continuous(Rung::Match));
    let mut learner = config.build(&spec, &Device::flex(), 0).unwrap();
    learner.add(&rows(&spec, 64));
    (learner, spec)
}

/// Which tensors an update moves, and whether its metrics have those of the actor's turn.
fn moved(learner: &mut SacLearner) -> ([bool; 4], bool) {
    let before = learner.state();
    let metrics = learner.train(1).unwrap();
    let after = learner.state();
    let differs = |name: &str| before.arrays()[name] != after.arrays()[name];
    let names = ["critic_1/layer0/weight", "target_2/layer0/weight", "actor/layer0/weight", "log_alpha/value"];
    let of_turn = ["actor_loss", "entropy", "target_entropy", "max_entropy", "q_bound"];
    let has = of_turn.map(|name| metrics.iter().any(|(other, value)| other == format!("train/{name}") && value != 0.0));
    assert!(has == [true; 5] || has == [false; 5], "{metrics:?}");
    (names.map(differs), has[0])
}

/// Critics move in every update, actor and temperature in every third; the figures of the last turn stay.
#[test]
fn with_a_policy_delay_actor_and_temperature_wait_for_their_turn() {
    let config = SacConfig { policy_delay: 3, learn_alpha: true, ..config() };
    let (mut learner, _) = of_continuous(&config);
    let found: Vec<_> = (0..6).map(|_| moved(&mut learner)).collect();
    let (waits, turn) = (([true, true, false, false], false), ([true; 4], true));
    assert_eq!(found, [waits, waits, turn, waits, waits, turn]);
    assert!(learner.train(4).unwrap().get("train/actor_loss").is_finite(), "the turn was the third of four");
}

#[test]
fn all_step_sizes_fall_to_zero_and_stay_there() {
    let config = SacConfig { decay_steps: Some(128), learn_alpha: true, tau: 1.0, ..config() };
    let (mut learner, spec) = of_continuous(&config);
    assert_eq!(learner.train(1).unwrap().get("train/learning_rate"), 1.5e-3);
    assert_eq!(moved(&mut learner).0, [true; 4]);
    for _ in 0..2 {
        learner.add(&rows(&spec, 64));
        assert_eq!(moved(&mut learner).0, [false; 4]);
    }
}

/// A critic whose step is far too large: its weights are numbers, but what it says of a state is none.
#[test]
fn where_all_tensors_are_finite_the_one_with_the_largest_entry_is_named() {
    let config = SacConfig { critic_lr: 1e30, ..config() };
    let (mut learner, _) = of_continuous(&config);
    let error = learner.train(5).unwrap_err().to_string();
    assert!(error.contains("; all tensors are finite, and the largest entry, 1.0e30, is in critic_"), "{error}");
}

#[test]
fn what_no_network_serves_is_refused_with_what_is_accepted() {
    let mut spec = EnvSpec::of(&Probe::discrete(Rung::Match));
    spec.action.heads.clear();
    let error = config().build(&spec, &Device::flex(), 0).err().unwrap().to_string();
    assert!(error.contains("no action at all") && error.contains("categorical heads"), "{error}");
    let scorer = BodyConfig::Scorer { hidden: vec![8], prior_scale: 1.0, q_prior_scale: 1.0 };
    let mixed =
        SacConfig { body: scorer, ..config() }.build(&EnvSpec::of(&Probe::mixed(Rung::Match)), &Device::flex(), 0);
    assert!(mixed.err().unwrap().to_string().contains("no options to score"));
}
