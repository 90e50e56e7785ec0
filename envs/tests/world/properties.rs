//! What must hold in every scenario, whatever is decided.

use std::sync::Arc;

use mec_envs::gym::{Env, Space, VectorConfig, check_env, check_vector_env};
use mec_envs::offload::{Offload, OffloadBoxEnv, OffloadEnv, OffloadForm, OffloadSetEnv, Setting, TaskRecord};
use mec_envs::schemes::{Scheme, run_episode};

use super::replay::{replay, text, trail};
use super::{features, setting};

#[test]
fn every_scheme_meets_the_same_tasks_and_each_once() {
    for (name, changes) in features() {
        let setting = setting(&changes);
        let mut offload = Offload::new(Arc::clone(&setting));
        let reference = run_episode(&mut offload, &Scheme::Random, 3).unwrap();
        let met = |task: &TaskRecord| {
            let TaskRecord { user, model, arrival, device_noise, server_noise, deadline, .. } = *task;
            (user, model, arrival.to_bits(), device_noise.to_bits(), server_noise.to_bits(), deadline.to_bits())
        };
        for scheme in Scheme::ALL {
            run_episode(&mut offload, &scheme, 3).unwrap();
            let world = offload.world().unwrap();
            let tasks = world.accounted();
            let (until, horizon) = (world.now(), setting.scenario.horizon_s.0);
            assert!(tasks.iter().all(|task| task.arrival < horizon.min(until)), "{name}");
            assert!(tasks.windows(2).all(|pair| pair[0].arrival <= pair[1].arrival), "{name}");
            for (task, other) in tasks.iter().zip(&reference.tasks) {
                assert_eq!(met(task), met(other), "{name}, {}", scheme.name());
            }
            let ended_early = world.is_terminated();
            assert!(ended_early || tasks.len() >= reference.tasks.len(), "{name}, {}", scheme.name());
            assert!(!ended_early || name == "batteries", "{name}");
        }
    }
}

#[test]
fn a_world_that_starts_over_is_a_new_one_to_the_bit() {
    for (name, changes) in features() {
        let setting = setting(&changes);
        let mut used = OffloadEnv::new(Arc::clone(&setting));
        for seed in [7, 8, 7] {
            let fresh = trail(&mut OffloadEnv::new(Arc::clone(&setting)), seed);
            assert_eq!(fresh, trail(&mut used, seed), "{name}, seed {seed}");
        }
        used.reset(Some(9));
        used.step(&1).unwrap();
        assert_eq!(trail(&mut OffloadEnv::new(setting), 7), trail(&mut used, 7), "{name}, left in the middle");
    }
}

/// Episodes of this scenario with this reach, again without one: a server that nobody looks at for long is as if
/// somebody had looked at it in every slot.
fn reach_changes_nothing(name: &str, changes: &str, reach: usize) {
    let near: Arc<Setting> = setting(&format!("reach = {reach}\n{changes}"));
    let all = setting(changes);
    for (seed, scheme) in [(1, Scheme::Random), (2, Scheme::CentralGreedy), (3, Scheme::Nearest)] {
        let tasks = run_episode(&mut Offload::new(Arc::clone(&near)), &scheme, seed).unwrap().tasks;
        let (lazy, seen_lazily) = replay(&near, seed, &tasks);
        let (eager, seen_eagerly) = replay(&all, seed, &tasks);
        assert_eq!(text(&lazy), text(&eager), "{name}, reach {reach}, {}", scheme.name());
        for (lazily, eagerly) in seen_lazily.iter().zip(&seen_eagerly) {
            assert!(lazily.len() == reach && lazily.iter().all(|(server, seen)| eagerly[server] == *seen), "{name}");
        }
    }
}

#[test]
fn servers_out_of_reach_are_moved_on_as_if_they_were_looked_at() {
    for (name, changes) in features() {
        // With a report before every decision, those of a server are made when somebody looks at it.
        if changes.contains("reach =") || name == "fresh telemetry" {
            continue;
        }
        let servers = setting(&changes).servers.len();
        for reach in [1, servers - 1, servers] {
            reach_changes_nothing(name, &changes, reach);
        }
    }
}

#[test]
fn rewards_sum_to_minus_the_total_latency_in_every_scenario() {
    for (name, changes) in features().into_iter().filter(|(name, _)| *name != "batteries") {
        let setting = setting(&changes);
        let mut offload = Offload::new(Arc::clone(&setting));
        for scheme in [Scheme::Random, Scheme::CentralGreedy, Scheme::ClairvoyantGreedy] {
            let episode = run_episode(&mut offload, &scheme, 5).unwrap();
            let total: f64 = episode.tasks.iter().map(TaskRecord::latency).sum();
            let expected = -total / setting.scenario.reward.reference_s.0;
            let sum = episode.episode_return;
            assert!((sum / expected - 1.0).abs() < 1e-9, "{name}, {}: {sum} is not {expected}", scheme.name());
        }
    }
}

#[test]
fn every_form_keeps_its_contract_in_every_scenario() {
    for (name, changes) in features() {
        let setting = setting(&changes);
        check_env(|| OffloadEnv::new(Arc::clone(&setting)), 1, 150).unwrap_or_else(|error| panic!("{name}: {error}"));
        check_env(|| OffloadBoxEnv::new(Arc::clone(&setting)), 2, 150)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        check_env(|| OffloadSetEnv::new(Arc::clone(&setting)), 3, 80).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// Three threads take pieces of one environment each.
#[test]
fn environments_side_by_side_are_environments_alone_in_every_scenario() {
    let config = VectorConfig { min_work_s: 0.0, ..VectorConfig::default() };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    for (name, changes) in features() {
        let setting = setting(&format!("horizon_s = 1.0\n{changes}"));
        let make = || OffloadEnv::new(Arc::clone(&setting));
        let checked = pool.install(|| check_vector_env(make, 4, config, 5, 80));
        checked.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn observations_stay_in_their_bounds_in_extreme_scenarios() {
    let devices = |count: usize, rate_hz: f64, more: &str| {
        format!(
            "devices = [{{ processor = 'phone', count = {count}, rate_hz = {rate_hz}, transmit_power_w = 2.0{more} }}]\n"
        )
    };
    let foreign = "foreign = { utilisation = 0.99, mean_service_s = 20.0 }\n";
    let silence = "network = { handover = { hysteresis_db = 0.0, interruption_s = 0.7 }, measurement_s = 0.001 }\n";
    let racing =
        ", mobility = { kind = 'random_waypoint', speed_min_mps = 500.0, speed_max_mps = 900.0, pause_s = 0.0 }";
    let extremes = [
        format!("link = {{ kind = 'constant', rate_mbit = 1e-3 }}\n{}", devices(3, 20.0, "")),
        format!("link = {{ kind = 'recorded', source = 'fcc', scale = 0.01 }}\n{}", devices(3, 20.0, "")),
        format!("link = {{ kind = 'recorded', source = 'fcc' }}\nnetwork = {{ measurement_s = 0.001 }}\n{foreign}"),
        format!("{foreign}noise_cv = 8.0\ntelemetry = {{ period_s = 0.001, delay_s = 0.0 }}\n"),
        format!("{silence}{}", devices(20, 3.0, racing)),
        format!("reward = {{ reference_s = 0.001 }}\n{foreign}"),
        format!("{}noise_cv = 8.0\n", devices(2, 60.0, ", battery_j = 1e-9")),
    ];
    extremes.iter().for_each(|changes| stays_in_bounds(changes));
}

/// Every observation of three episodes is in the space, and every reward is a number.
fn stays_in_bounds(changes: &str) {
    let mut env = OffloadEnv::new(setting(changes));
    for seed in 0..3 {
        let mut observation = env.reset(Some(seed));
        for turn in 0.. {
            assert!(env.observation_space().contains(&observation), "{changes}");
            let step = env.step(&(turn % env.action_space().n())).unwrap();
            assert!(step.reward.is_finite(), "{changes}");
            if step.terminated || step.truncated {
                break;
            }
            observation = step.observation;
        }
    }
}

/// With a time constant of nearly nothing the measured rate is 0 while nothing is sent.
#[test]
fn a_link_that_falls_silent_leaves_every_number_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outages.txt");
    let lines: String = (0..50).map(|second| format!("{second} {}\n", if second % 2 == 0 { 8 } else { 0 })).collect();
    std::fs::write(&path, lines).unwrap();
    let link = format!("link = {{ kind = 'recorded', source = '{}' }}", path.display());
    stays_in_bounds(&format!("{link}\nnetwork = {{ measurement_s = 0.001 }}\ntelemetry = {{ delay_s = 0.1 }}"));
    stays_in_bounds(&format!("{link}\nnetwork = {{ measurement_s = 0.02, band = 'shared' }}"));
}
