//! DQN, TD3 and DDPG climb the ladder of probe environments, give the same bits in `serial` and `lockstep`, go on from a
//! checkpoint as if nothing had happened, and refuse what they cannot act with.

mod ladder;

use std::path::Path;

use ladder::{GAMMA, assert_match, climb, rows, trained};
use mec_agents::agent::{ActMode, Algorithm, Learner, ObservationBatch, Policy};
use mec_agents::checkpoint::{parse, to_bytes};
use mec_agents::ddpg::DdpgConfig;
use mec_agents::device::Device;
use mec_agents::dqn::{DqnConfig, DqnLearner, TdLoss};
use mec_agents::export::ExportedPolicy;
use mec_agents::nn::BodyConfig;
use mec_agents::replay::{PriorityConfig, Storage};
use mec_agents::runtime::{Checkpoint, Mode, Observer, ObserverError, Progress, RuntimeConfig, resume, train};
use mec_agents::spec::EnvSpec;
use mec_agents::td3::{Td3Config, Td3Learner};
use mec_agents::transition::Transitions;
use mec_agents::{ddpg, dqn, td3};
use mec_envs::gym::classic::Pendulum;
use mec_envs::gym::probe::{Probe, ProbeSpace, Rung};
use mec_envs::gym::{ActionLayout, DiscretizeAction, Env, Part, TimeLimit};
use mec_envs::rng::stream;

fn body() -> BodyConfig {
    BodyConfig::mlp(&[32])
}

/// Explores at random to the end: a choice that was never taken has no value.
fn dqn() -> DqnConfig {
    DqnConfig {
        gamma: GAMMA,
        learning_rate: 3e-3,
        tau: 0.05,
        target_update_every: 1,
        epsilon_steps: 1_000,
        epsilon_end: 0.2,
        buffer_capacity: 2_000,
        learning_starts: 64,
        replay_ratio: 1.0,
        body: body(),
        ..DqnConfig::default()
    }
}

fn td3() -> Td3Config {
    Td3Config {
        gamma: GAMMA,
        tau: 0.05,
        actor_lr: 3e-3,
        critic_lr: 3e-3,
        batch_size: 32,
        buffer_capacity: 2_000,
        learning_starts: 128,
        body: body(),
        ..Td3Config::default()
    }
}

fn ddpg() -> DdpgConfig {
    let Td3Config { gamma, tau, actor_lr, critic_lr, batch_size, buffer_capacity, learning_starts, body, .. } = td3();
    let noise = DdpgConfig { exploration_noise: 0.2, ..DdpgConfig::default() };
    DdpgConfig { gamma, tau, actor_lr, critic_lr, batch_size, buffer_capacity, learning_starts, body, ..noise }
}

fn steps(rung: Rung) -> u64 {
    match rung {
        Rung::Constant | Rung::Value => 600,
        Rung::Delayed | Rung::Endless => 1_000,
        Rung::Action | Rung::Match | Rung::Masked => 1_500,
    }
}

fn of_dqn(learner: &DqnLearner, batch: &ObservationBatch<'_>, action: &[f32]) -> f32 {
    learner.q_values(batch, action)[0]
}

fn of_td3(learner: &Td3Learner, batch: &ObservationBatch<'_>, action: &[f32]) -> f32 {
    learner.q_values(batch, action)[0]
}

#[test]
fn dqn_climbs_the_ladder_with_a_discrete_action() {
    climb(Probe::discrete, &dqn(), Some(of_dqn), steps);
}

#[test]
fn dqn_climbs_the_ladder_with_several_discrete_actions() {
    climb(Probe::multi_discrete, &dqn(), Some(of_dqn), steps);
}

#[test]
fn dqn_with_dueling_outputs_climbs_the_ladder() {
    let config = DqnConfig { dueling: true, ..dqn() };
    climb(Probe::discrete, &config, Some(of_dqn), steps);
    climb(Probe::multi_discrete, &config, Some(of_dqn), steps);
}

#[test]
fn td3_climbs_the_ladder() {
    climb(Probe::continuous, &td3(), Some(of_td3), steps);
}

#[test]
fn ddpg_climbs_the_ladder() {
    climb(Probe::continuous, &ddpg(), Some(of_td3), steps);
}

/// Each alone must still learn, and all of them together.
#[test]
fn options_of_dqn_still_find_the_match() {
    let plain = DqnConfig { double: false, loss: TdLoss::Squared, tau: 1.0, target_update_every: 20, ..dqn() };
    let rainbow = DqnConfig {
        dueling: true,
        n_step: 3,
        priority: Some(PriorityConfig { beta_anneal_updates: 1_000, ..PriorityConfig::default() }),
        normalize_observations: true,
        ..dqn()
    };
    for config in [plain, rainbow] {
        assert_match(
            &trained(|| Probe::multi_discrete(Rung::Masked), &config, 1_500),
            &Probe::multi_discrete(Rung::Masked),
        );
    }
}

#[test]
fn options_of_td3_still_find_the_match() {
    let config =
        Td3Config { n_step: 3, priority: Some(PriorityConfig::default()), normalize_observations: true, ..td3() };
    assert_match(&trained(|| Probe::continuous(Rung::Match), &config, 1_500), &Probe::continuous(Rung::Match));
}

/// Two levels of an entry between -1 and 1 are -0.5 and 0.5: the targets.
#[test]
fn dqn_acts_in_a_box_whose_entries_are_made_choices() {
    let make = |_| TimeLimit::new(DiscretizeAction::new(Probe::continuous(Rung::Match), 2), 5);
    let mut learner = dqn().build(&EnvSpec::of(&make(0)), &Device::flex(), 1).unwrap();
    let runtime = RuntimeConfig { mode: Mode::Serial, envs: 1, steps: 1_500, round: 1, ..RuntimeConfig::default() };
    train(&mut learner, make, &runtime, 1, &mut ()).unwrap();
    for (observation, expected) in [(-1.0, [0.0, 0.0]), (1.0, [1.0, 1.0])] {
        let batch = ObservationBatch { rows: 1, observations: &[observation], masks: None };
        let mut action = Vec::new();
        learner.policy().act(&batch, ActMode::Greedy, &mut stream(0, "greedy"), &mut action);
        assert_eq!(action, expected);
    }
}

/// Reports of progress, times aside, and checkpoints as files are, with the length of the log then.
#[derive(Default)]
struct Log {
    lines: Vec<String>,
    checkpoints: Vec<(usize, Vec<u8>)>,
}

impl<L: Learner> Observer<L> for Log {
    fn on_progress(&mut self, progress: &Progress) -> Result<(), ObserverError> {
        let figures: Vec<_> = progress.metrics.iter().filter(|(name, _)| !name.starts_with("dist/")).collect();
        self.lines.push(format!("{} {} {figures:?}", progress.env_steps, progress.updates));
        Ok(())
    }

    fn on_checkpoint(&mut self, checkpoint: &Checkpoint<'_, L>) -> Result<(), ObserverError> {
        self.checkpoints.push((self.lines.len(), to_bytes(&checkpoint.state())));
        Ok(())
    }
}

/// The learner with its memory, in a checksum.
fn checksum<L: Learner>(learner: &L) -> String {
    let mut state = learner.state();
    learner.write_memory(&mut state);
    state.checksum()
}

/// Runs in one thread, then in several, then from every checkpoint, with equal figures and an equal learner at the end.
fn repeats<A: Algorithm, E: Env>(config: &A, make: fn() -> E) {
    let built = |seed| config.build(&EnvSpec::of(&make()), &Device::flex(), seed).unwrap();
    let runtime = |mode, actors| RuntimeConfig {
        mode,
        actors,
        envs: 3,
        steps: 360,
        round: 3,
        progress_every: 50,
        checkpoint_every: 45,
        ..RuntimeConfig::default()
    };
    let (mut whole, mut learner) = (Log::default(), built(3));
    let before = learner.state().checksum();
    train(&mut learner, |_| make(), &runtime(Mode::Serial, 1), 3, &mut whole).unwrap();
    let expected = checksum(&learner);
    assert_ne!(learner.state().checksum(), before, "nothing was learned");
    for actors in 1..=3 {
        let (mut log, mut learner) = (Log::default(), built(3));
        train(&mut learner, |_| make(), &runtime(Mode::Lockstep, actors), 3, &mut log).unwrap();
        assert_eq!((log.lines, checksum(&learner)), (whole.lines.clone(), expected.clone()), "{actors} actor threads");
    }
    assert_eq!(whole.checkpoints.len(), 8);
    for (number, (lines, bytes)) in whole.checkpoints.iter().enumerate() {
        let (mode, mut log, mut resumed) = ([Mode::Serial, Mode::Lockstep][number % 2], Log::default(), built(99));
        let state = parse(bytes, Path::new("memory")).unwrap();
        resume(&mut resumed, |_| make(), &runtime(mode, 2), &state, &mut log).unwrap();
        assert_eq!(log.lines, whole.lines[*lines..], "from checkpoint {number}");
        assert_eq!(checksum(&resumed), expected, "from checkpoint {number}");
    }
}

#[test]
fn runs_of_dqn_are_equal_to_the_bit_in_any_thread_layout_and_from_every_checkpoint() {
    let plain = DqnConfig { buffer_capacity: 150, replay_ratio: 0.3, ..dqn() };
    repeats(&plain, || TimeLimit::new(Probe::discrete(Rung::Masked), 3));
    let all = DqnConfig {
        dueling: true,
        n_step: 3,
        priority: Some(PriorityConfig::default()),
        replay_storage: Storage::F16,
        normalize_observations: true,
        target_update_every: 7,
        tau: 1.0,
        ..plain
    };
    repeats(&all, || TimeLimit::new(Probe::multi_discrete(Rung::Masked), 3));
}

#[test]
fn runs_of_td3_and_ddpg_are_equal_to_the_bit_in_any_thread_layout_and_from_every_checkpoint() {
    let plain = Td3Config { buffer_capacity: 150, replay_ratio: 0.3, ..td3() };
    repeats(&plain, Pendulum::v1);
    let all = Td3Config { n_step: 3, priority: Some(PriorityConfig::default()), normalize_observations: true, ..plain };
    repeats(&all, || TimeLimit::new(Probe::continuous(Rung::Match), 3));
    repeats(&ddpg(), Pendulum::v1);
}

/// The state of another method or shape, and a learner that goes on from one of its own.
fn loads_its_own<A: Algorithm>(config: &A, wider: &A, spec: &EnvSpec) {
    let built = |config: &A, seed| config.build(spec, &Device::flex(), seed).unwrap();
    let mut learner = built(config, 1);
    let before = learner.state().checksum();
    assert!(learner.load_state(&built(wider, 1).state()).unwrap_err().to_string().contains("config/body"));
    let mut foreign = built(config, 1).state();
    foreign.kind = "random".to_owned();
    assert!(learner.load_state(&foreign).unwrap_err().to_string().contains("random"));
    assert_eq!(learner.state().checksum(), before, "a refusal changes nothing");
    let other = built(config, 2);
    learner.load_state(&other.state()).unwrap();
    assert_eq!(learner.state().checksum(), other.state().checksum());
}

#[test]
fn states_of_another_method_or_shape_are_refused_and_change_nothing() {
    let wide = || BodyConfig::mlp(&[33]);
    let (discrete, continuous) = (Probe::discrete(Rung::Match), Probe::continuous(Rung::Match));
    loads_its_own(&dqn(), &DqnConfig { body: wide(), ..dqn() }, &EnvSpec::of(&discrete));
    loads_its_own(&td3(), &Td3Config { body: wide(), ..td3() }, &EnvSpec::of(&continuous));
    loads_its_own(&ddpg(), &DdpgConfig { body: wide(), ..ddpg() }, &EnvSpec::of(&continuous));
}

#[test]
fn free_running_learns_the_match() {
    let make = |_| Probe::discrete(Rung::Match);
    let mut learner = dqn().build(&EnvSpec::of(&make(0)), &Device::flex(), 1).unwrap();
    let runtime = RuntimeConfig {
        mode: Mode::FreeRunning,
        actors: 2,
        envs: 2,
        steps: 2_000,
        round: 4,
        ..RuntimeConfig::default()
    };
    train(&mut learner, make, &runtime, 1, &mut ()).unwrap();
    assert_match(&learner, &make(0));
}

/// What no method of these can act with is refused by its name, with the space and what helps.
#[test]
fn other_spaces_are_refused_with_method_space_and_remedy() {
    fn refused<A: Algorithm, P: ProbeSpace>(config: &A, probe: &Probe<P>, parts: &[&str]) {
        let error = config.build(&EnvSpec::of(probe), &Device::flex(), 0).err().unwrap().to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
    let (box_alone, mixed) = (Probe::continuous(Rung::Match), Probe::mixed(Rung::Match));
    refused(&dqn(), &box_alone, &["dqn", "2 continuous entries", "\"task\"", "DiscretizeAction"]);
    refused(&dqn(), &mixed, &["dqn", "1 categorical head and 2 continuous entries", "DiscretizeAction"]);
    refused(&td3(), &Probe::multi_discrete(Rung::Match), &["td3", "2 categorical heads", "form \"box\""]);
    refused(&ddpg(), &mixed, &["ddpg", "1 categorical head and 2 continuous entries", "form \"box\""]);
    let scorer = BodyConfig::Scorer { hidden: vec![8], prior_scale: 1.0, q_prior_scale: 1.0 };
    refused(&Td3Config { body: scorer.clone(), ..td3() }, &box_alone, &["body.kind", "no options to score"]);
    refused(&DqnConfig { body: scorer, ..dqn() }, &Probe::discrete(Rung::Match), &["scorer", "options"]);
    refused(&DqnConfig { tau: 0.0, ..dqn() }, &Probe::discrete(Rung::Match), &["tau is 0"]);
    refused(&DdpgConfig { gamma: 1.0, ..ddpg() }, &box_alone, &["gamma is 1"]);
}

#[test]
fn the_tensor_that_broke_is_named() {
    fn named<A: Algorithm, P: ProbeSpace>(config: &A, probe: &Probe<P>, name: &str) {
        let spec = EnvSpec::of(probe);
        let mut learner = config.build(&spec, &Device::flex(), 0).unwrap();
        let mut state = learner.state();
        let shape = state.arrays()[name].shape.clone();
        state.insert_array(name, &shape, vec![f32::NAN; shape.iter().product()]);
        learner.load_state(&state).unwrap();
        learner.add(&rows(&spec, 64));
        let error = learner.train(3).unwrap_err().to_string();
        assert!(error.contains("at update 0: training diverged") && error.ends_with(&format!(" is {name}")), "{error}");
    }
    for name in ["q/layer0/weight", "target_q/layer1/bias"] {
        named(&dqn(), &Probe::discrete(Rung::Match), name);
    }
    for name in ["critic_2/layer0/weight", "target_critic_1/layer1/bias", "target_actor/layer1/bias"] {
        named(&td3(), &Probe::continuous(Rung::Match), name);
    }
}

#[test]
fn a_reward_that_is_not_a_number_ends_training_with_an_error() {
    fn fails<A: Algorithm, P: ProbeSpace>(config: &A, probe: &Probe<P>) {
        let spec = EnvSpec::of(probe);
        let mut learner = config.build(&spec, &Device::flex(), 0).unwrap();
        learner.add(&Transitions { rewards: vec![f32::NAN; 64], ..rows(&spec, 64) });
        let error = learner.train(3).unwrap_err().to_string();
        assert!(error.starts_with("train/critic_loss is NaN at update 0: training diverged"), "{error}");
        assert!(error.ends_with("batch/rewards"), "{error}");
    }
    fails(&dqn(), &Probe::discrete(Rung::Match));
    fails(&td3(), &Probe::continuous(Rung::Match));
}

/// An untrained scorer values choices by the prior, and greedy policies leave for other programs with every array.
#[test]
fn a_scorer_starts_from_its_prior_and_policies_can_be_exported() {
    let observation = vec![Part::new("options", &[3, 2]), Part::new("prior", &[3])];
    let spec = EnvSpec { observation, action: ActionLayout { heads: vec![3], continuous: 0 } };
    let body = BodyConfig::Scorer { hidden: vec![8, 8], prior_scale: 9.0, q_prior_scale: 2.0 };
    let learner = DqnConfig { body, ..dqn() }.build(&spec, &Device::flex(), 1).unwrap();
    let observations = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 1.0, -3.0, 5.0];
    let batch = ObservationBatch { rows: 1, observations: &observations, masks: Some(&[true, true, false]) };
    assert_eq!(learner.policy().q(&batch), [2.0, -6.0, 10.0]);
    let leaves = |policy: ExportedPolicy, kind: &str, arrays: usize| {
        assert_eq!((policy.kind.as_str(), policy.network.matrices().len()), (kind, arrays));
        assert!(!policy.to_onnx().is_empty());
    };
    leaves(dqn::exported(&learner.state()).unwrap(), "dqn", 6);
    let (discrete, continuous) = (Probe::multi_discrete(Rung::Match), Probe::continuous(Rung::Match));
    let duelling = DqnConfig { dueling: true, normalize_observations: true, ..dqn() };
    let duelling = duelling.build(&EnvSpec::of(&discrete), &Device::flex(), 1).unwrap();
    leaves(dqn::exported(&duelling.state()).unwrap(), "dqn", 4);
    let built = |config: &dyn Fn() -> Td3Learner| config().state();
    let twin = built(&|| td3().build(&EnvSpec::of(&continuous), &Device::flex(), 1).unwrap());
    leaves(td3::exported(&twin).unwrap(), "td3", 4);
    let single = built(&|| ddpg().build(&EnvSpec::of(&continuous), &Device::flex(), 1).unwrap());
    leaves(ddpg::exported(&single).unwrap(), "ddpg", 4);
    assert!(td3::exported(&single).unwrap_err().to_string().contains("ddpg"));
}
