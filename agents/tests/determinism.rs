//! Equal seeds give equal learners, to the bit, in `serial` and in `lockstep` with any number of threads.

use mec_agents::actor::{Actor, EnvStream, EpisodeReport};
use mec_agents::agent::{Algorithm, Learner, Policy};
use mec_agents::device::Device;
use mec_agents::nn::BodyConfig;
use mec_agents::runtime::{Mode, Observer, ObserverError, Progress, RuntimeConfig, train};
use mec_agents::sac::{SacConfig, SacLearner};
use mec_agents::spec::EnvSpec;
use mec_envs::gym::TimeLimit;
use mec_envs::gym::probe::{Probe, ProbeSpace, Rung};
use mec_envs::rng::stream;

/// What an observer was told, times aside.
#[derive(Default)]
struct Log(Vec<String>);

impl<L: Learner> Observer<L> for Log {
    fn on_episode(&mut self, episode: &EpisodeReport) -> Result<(), ObserverError> {
        let EpisodeReport { env, episode, episode_return, length, .. } = episode;
        self.0.push(format!("episode {env} {episode} {episode_return} {length}"));
        Ok(())
    }

    fn on_progress(&mut self, progress: &Progress) -> Result<(), ObserverError> {
        let Progress { env_steps, updates, episodes, .. } = progress;
        self.0.push(format!("progress {env_steps} {updates} {episodes} {}", progress.metrics.get("train/critic_loss")));
        Ok(())
    }

    fn on_evaluate(&mut self, steps: u64, _policy: &L::Policy, learner: &L) -> Result<(), ObserverError> {
        self.0.push(format!("evaluate {steps} {}", learner.state().checksum()));
        Ok(())
    }
}

fn run<A: ProbeSpace>(make: fn(Rung) -> Probe<A>, mode: Mode, actors: usize, seed: u64) -> (String, Vec<String>) {
    let config = SacConfig {
        batch_size: 16,
        buffer_capacity: 500,
        learning_starts: 50,
        body: BodyConfig::mlp(&[16]),
        ..SacConfig::default()
    };
    let make_env = |_| TimeLimit::new(make(Rung::Masked), 3);
    let mut learner: SacLearner = config.build(&EnvSpec::of(&make_env(0)), &Device::flex(), seed).unwrap();
    let runtime = RuntimeConfig {
        mode,
        actors,
        envs: 5,
        steps: 300,
        round: 4,
        progress_every: 50,
        evaluate_every: 100,
        ..RuntimeConfig::default()
    };
    let mut log = Log::default();
    train(&mut learner, make_env, &runtime, seed, &mut log).unwrap();
    (learner.state().checksum(), log.0)
}

fn all_equal<A: ProbeSpace>(make: fn(Rung) -> Probe<A>) {
    let reference = run(make, Mode::Serial, 1, 3);
    assert_eq!(reference, run(make, Mode::Serial, 1, 3));
    for actors in [1, 2, 4] {
        assert_eq!(reference, run(make, Mode::Lockstep, actors, 3), "{actors} actor threads");
    }
    assert_ne!(reference.0, run(make, Mode::Serial, 1, 4).0);
}

#[test]
fn discrete_runs_are_equal_to_the_bit_in_any_thread_layout() {
    all_equal(Probe::discrete);
}

#[test]
fn multi_discrete_runs_are_equal_to_the_bit_in_any_thread_layout() {
    all_equal(Probe::multi_discrete);
}

#[test]
fn continuous_runs_are_equal_to_the_bit_in_any_thread_layout() {
    all_equal(Probe::continuous);
}

#[test]
fn mixed_runs_are_equal_to_the_bit_in_any_thread_layout() {
    all_equal(Probe::mixed);
}

#[test]
fn evaluations_fall_on_the_grid_and_the_log_is_the_same_in_both_modes() {
    let (_, log) = run(Probe::discrete, Mode::Lockstep, 2, 1);
    let points: Vec<&str> =
        log.iter().filter(|line| line.starts_with("evaluate")).filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(points, ["0", "100", "200", "300"]);
}

/// With several threads the critics are shared out among them; the arithmetic is the same.
#[test]
fn the_threads_of_an_update_do_not_change_its_result() {
    for probe in ["discrete", "continuous", "mixed"] {
        for dropout in [0.0, 0.2] {
            let states = [1, 2, 3].map(|threads| {
                let config = SacConfig {
                    threads,
                    batch_size: 16,
                    learning_starts: 20,
                    critics: 3,
                    target_critics: Some(2),
                    critic_dropout: dropout,
                    body: BodyConfig::mlp(&[16, 16]),
                    ..SacConfig::default()
                };
                let runtime = RuntimeConfig { mode: Mode::Serial, envs: 1, steps: 40, ..RuntimeConfig::default() };
                match probe {
                    "discrete" => trained(&config, &runtime, || Probe::discrete(Rung::Match)),
                    "continuous" => trained(&config, &runtime, || Probe::continuous(Rung::Match)),
                    _ => trained(&config, &runtime, || Probe::mixed(Rung::Match)),
                }
            });
            assert!(states[0] == states[1] && states[0] == states[2], "{probe}, dropout {dropout}");
        }
    }
}

/// An update in which the actor has no turn changes what acts as little as no update.
#[test]
fn the_version_grows_with_the_policy_alone() {
    let config = SacConfig {
        policy_delay: 3,
        batch_size: 8,
        learning_starts: 20,
        body: BodyConfig::mlp(&[4]),
        ..SacConfig::default()
    };
    let spec = EnvSpec::of(&Probe::continuous(Rung::Match));
    let mut learner = config.build(&spec, &Device::flex(), 1).unwrap();
    let mut actor = Actor::new(vec![EnvStream::new(Probe::continuous(Rung::Match), 0, 1)], stream(1, "actor"));
    learner.add(&actor.advance_all(20, &mut learner.policy()).unwrap().transitions);
    for _ in 0..7 {
        let (version, policy) = (learner.version(), learner.policy().state());
        learner.train(1).unwrap();
        assert_eq!(learner.version() > version, learner.policy().state() != policy);
    }
    assert_eq!(learner.version(), 1 + 2, "uniform actions ended, and the actor had two turns");
}

fn trained<A: ProbeSpace>(config: &SacConfig, runtime: &RuntimeConfig, make: impl Fn() -> Probe<A> + Sync) -> String {
    let mut learner = config.build(&EnvSpec::of(&make()), &Device::flex(), 1).unwrap();
    train(&mut learner, |_| make(), runtime, 1, &mut ()).unwrap();
    let mut state = learner.state();
    // The configuration is part of the state, and differs in the threads.
    state.insert_value("config", ());
    state.checksum()
}
