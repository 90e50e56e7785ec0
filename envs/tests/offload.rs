//! The offloading environment against its contract and against an independent reconstruction of its schedules.

use std::sync::Arc;

use mec_envs::gym::{Env, EnvError, Space, check_env};
use mec_envs::offload::{
    Decision, Offload, OffloadBoxEnv, OffloadEnv, OffloadForm, OffloadSetEnv, Scenario, Setting, TaskRecord,
};
use mec_envs::schemes::{Scheme, run_episode};

fn setting(changes: &str) -> Arc<Setting> {
    let horizon = if changes.contains("horizon_s") { "" } else { "horizon_s = 5.0\n" };
    let text = format!("preset = 'default'\n{horizon}{changes}");
    Arc::new(Setting::new(Scenario::from_table(text.parse().unwrap()).unwrap()).unwrap())
}

const PLAIN: &str = "link = { kind = 'constant', rate_mbit = 20.0 }\nforeign = { utilisation = 0.0 }";

#[test]
fn all_three_forms_keep_the_contract() {
    let setting = setting("");
    check_env(|| OffloadEnv::new(Arc::clone(&setting)), 1, 400).unwrap();
    check_env(|| OffloadBoxEnv::new(Arc::clone(&setting)), 2, 400).unwrap();
    check_env(|| OffloadSetEnv::new(Arc::clone(&setting)), 3, 100).unwrap();
}

#[test]
fn the_forms_share_one_dynamics() {
    let setting = setting("");
    let mut task = OffloadEnv::new(Arc::clone(&setting));
    let mut set = OffloadSetEnv::new(Arc::clone(&setting));
    let mut boxed = OffloadBoxEnv::new(Arc::clone(&setting));
    task.reset(Some(4));
    set.reset(Some(4));
    boxed.reset(Some(4));
    let targets = setting.servers.len() + 1;
    loop {
        let rows = setting.scenario.set_size.min(set.offload().world().unwrap().waiting());
        let chosen: Vec<usize> = (0..rows).map(|row| (row * 7 + 3) % targets).collect();
        let mut action = chosen.clone();
        action.resize(setting.scenario.set_size, 0);
        let whole = set.step(&action).unwrap();
        let mut reward = 0.0;
        for target in chosen {
            let step = task.step(&target).unwrap();
            let scores = (0..targets).map(|other| if other == target { 0.5 } else { -0.5 }).collect();
            assert_eq!(boxed.step(&scores).unwrap().info, step.info);
            reward += step.reward;
        }
        assert!((reward - whole.reward).abs() < 1e-9);
        if whole.truncated {
            break;
        }
    }
    assert_eq!(task.metrics(), set.metrics());
    assert_eq!(task.metrics(), boxed.metrics());
}

#[test]
fn padding_and_targets_that_do_not_exist_are_refused_and_change_nothing() {
    let setting = setting("");
    let mut set = OffloadSetEnv::new(Arc::clone(&setting));
    let action = vec![1; setting.scenario.set_size];
    assert_eq!(set.step(&action).unwrap_err(), EnvError::ResetNeeded);
    set.reset(Some(0));
    assert!(set.offload().world().unwrap().waiting() < setting.scenario.set_size, "the seed leaves no padding");
    assert!(matches!(set.step(&action), Err(EnvError::InvalidAction { .. })));
    let mut offload = Offload::new(setting);
    assert_eq!(offload.decide(Decision::to(0)).unwrap_err(), EnvError::ResetNeeded);
    offload.reset(Some(0));
    for decision in [Decision::to(9), Decision { target: 1, candidate: Some(99_999) }] {
        assert!(matches!(offload.decide(decision), Err(EnvError::InvalidAction { .. })));
    }
    assert_eq!(offload.world().unwrap().decided(), 0);
}

#[test]
fn every_arrival_is_accounted_for_once_and_alike_for_every_scheme() {
    let setting = setting("");
    let mut offload = Offload::new(Arc::clone(&setting));
    let arrivals =
        |tasks: &[TaskRecord]| tasks.iter().map(|task| (task.arrival, task.user, task.model)).collect::<Vec<_>>();
    let reference = run_episode(&mut offload, &Scheme::DeviceOnly, 3).unwrap();
    assert!(reference.tasks.len() > 100);
    for scheme in Scheme::ALL {
        let episode = run_episode(&mut offload, &scheme, 3).unwrap();
        assert_eq!(arrivals(&episode.tasks), arrivals(&reference.tasks), "{}", scheme.name());
        for task in &episode.tasks {
            assert!(task.arrival < setting.scenario.horizon_s.0);
            assert!(task.decision > task.arrival && task.completion.is_finite() && task.latency() > 0.0);
            assert!(task.energy.is_finite() && task.energy >= 0.0);
        }
    }
}

#[test]
fn rewards_sum_to_minus_the_total_latency() {
    let setting = setting("");
    let mut offload = Offload::new(Arc::clone(&setting));
    for scheme in [Scheme::Random, Scheme::CentralGreedy] {
        let episode = run_episode(&mut offload, &scheme, 5).unwrap();
        let total: f64 = episode.tasks.iter().map(TaskRecord::latency).sum();
        let expected = -total / setting.scenario.reward.reference_s.0;
        assert!((episode.episode_return / expected - 1.0).abs() < 1e-9, "{} {expected}", episode.episode_return);
    }
}

#[test]
fn imbalance_is_the_work_left_on_the_chosen_server_beyond_the_mean() {
    let weighted = setting(&format!("noise_cv = 0.0\nreward = {{ imbalance = 2.0 }}\n{PLAIN}"));
    let plain = setting(&format!("noise_cv = 0.0\n{PLAIN}"));
    let mut offload = Offload::new(Arc::clone(&weighted));
    let unweighted = Offload::new(plain);
    offload.reset(Some(4));
    let mut seen = (0.0_f64, 0.0_f64);
    for turn in 0.. {
        let world = offload.world().unwrap();
        let (now, tasks) = (world.now(), world.tasks()[..world.decided()].to_vec());
        // What has arrived and not ended, as the tasks themselves tell.
        let left = |target: usize| {
            let here = tasks.iter().filter(|task| task.target == target && task.server_arrival <= now);
            here.map(|task| (task.server.end - task.server.start.max(now)).max(0.0)).sum::<f64>()
        };
        let target = [0, 3, 3, 1][turn % 4];
        let servers = weighted.servers.len();
        let mean = (1..=servers).map(left).sum::<f64>() / servers as f64;
        let expected = if target == 0 { 0.0 } else { left(target) - mean };
        let outcome = offload.decide(Decision::to(target)).unwrap();
        assert!((outcome.imbalance_s - expected).abs() < 1e-9, "{} is not {expected}", outcome.imbalance_s);
        let cost = unweighted.reward(&outcome) - offload.reward(&outcome);
        assert!((cost - 2.0 * expected / weighted.scenario.reward.reference_s.0).abs() < 1e-9, "{cost}");
        seen = (seen.0.max(expected), seen.1.min(expected));
        if offload.is_over() {
            break;
        }
    }
    assert!(seen.0 > 0.1 && seen.1 < -0.01, "both kinds occur: {seen:?}");
}

#[test]
fn an_episode_agrees_with_its_reconstruction_stage_by_stage() {
    for (seed, scheme) in [(1, Scheme::Random), (2, Scheme::CentralGreedy), (3, Scheme::NeurosurgeonRandom)] {
        let setting = setting(&format!("noise_cv = 0.3\n{PLAIN}"));
        let episode = run_episode(&mut Offload::new(Arc::clone(&setting)), &scheme, seed).unwrap();
        let rebuilt = Reconstruction::of(&setting, &episode.tasks);
        for (index, task) in episode.tasks.iter().enumerate() {
            assert!((task.completion - rebuilt.completion[index]).abs() < 1e-6, "{} task {index}", scheme.name());
        }
    }
}

/// Completion times from decisions alone: stage after stage over the whole episode, sorted, with constant links.
struct Reconstruction {
    completion: Vec<f64>,
}

impl Reconstruction {
    fn of(setting: &Setting, tasks: &[TaskRecord]) -> Self {
        let mut ready: Vec<f64> = tasks.iter().map(|task| task.decision).collect();
        for user in 0..setting.devices.len() {
            let mut free = 0.0;
            for (index, task) in tasks.iter().enumerate().filter(|(_, task)| task.user == user) {
                let frontier = setting.frontier(task.model, user);
                let time = frontier.device_time(task.candidate).0 * task.device_noise;
                if time > 0.0 {
                    ready[index] = f64::max(task.decision, free) + time;
                    free = ready[index];
                }
            }
        }
        let mut completion = ready.clone();
        let mut at_server = ready.clone();
        let sent: Vec<usize> = (0..tasks.len()).filter(|&index| tasks[index].target > 0).collect();
        for user in 0..setting.devices.len() {
            let mut uploads: Vec<usize> = sent.iter().copied().filter(|&index| tasks[index].user == user).collect();
            uploads.sort_by(|&a, &b| ready[a].total_cmp(&ready[b]));
            let mut free = 0.0;
            for index in uploads {
                let task = &tasks[index];
                let bytes = setting.frontier(task.model, user).upload(task.candidate).0;
                free = f64::max(free, ready[index]) + bytes / 2.5e6;
                at_server[index] = task.server_arrival - task.upload.end + free;
            }
        }
        for (m, server) in setting.servers.iter().enumerate() {
            let mut jobs: Vec<usize> = sent.iter().copied().filter(|&index| tasks[index].target == m + 1).collect();
            jobs.sort_by(|&a, &b| at_server[a].total_cmp(&at_server[b]));
            let mut free = vec![0.0_f64; server.executors];
            for index in jobs {
                let task = &tasks[index];
                let service = setting.frontier(task.model, task.user).edge_time(task.candidate, server.class).0;
                let first = free.iter_mut().min_by(|a, b| a.total_cmp(b)).unwrap();
                *first = first.max(at_server[index]) + service * task.server_noise;
                completion[index] = *first + task.completion - task.server.end;
            }
        }
        Self { completion }
    }
}

#[test]
fn energy_is_what_a_hand_calculation_says() {
    let setting = setting(&format!("noise_cv = 0.0\n{PLAIN}"));
    let episode = run_episode(&mut Offload::new(Arc::clone(&setting)), &Scheme::EdgeOnly, 1).unwrap();
    let task = &episode.tasks[0];
    let processor = setting.device_processor(task.user);
    // 921,600 B at 20 Mbit/s take 0.36864 s at 2.5 W; nothing is computed, and the processor idles all the time.
    let waiting = task.completion - task.decision;
    assert!((task.energy - (2.5 * 0.368_64 + processor.idle_power.0 * waiting)).abs() < 1e-9);
}

#[test]
fn fresh_telemetry_without_foreign_load_makes_central_and_oracle_greedy_agree() {
    let setting = setting(&format!("noise_cv = 0.0\ntelemetry = {{ period_s = 0.0, delay_s = 0.0 }}\n{PLAIN}"));
    let mut offload = Offload::new(setting);
    let central = run_episode(&mut offload, &Scheme::CentralGreedy, 8).unwrap();
    let oracle = run_episode(&mut offload, &Scheme::OracleGreedy, 8).unwrap();
    assert_eq!(central.tasks.len(), oracle.tasks.len());
    assert!((central.metrics.latency_mean_s - oracle.metrics.latency_mean_s).abs() < 1e-9);
}

#[test]
fn observations_stay_in_their_bounds_under_overload() {
    let setting = setting("devices = [{ processor = 'phone', count = 5, rate_hz = 20.0, transmit_power_w = 2.0 }]");
    let mut env = OffloadEnv::new(setting);
    env.reset(Some(0));
    loop {
        let step = env.step(&1).unwrap();
        assert!(env.observation_space().contains(&step.observation));
        if step.truncated {
            break;
        }
    }
}

#[test]
fn an_episode_always_has_a_task() {
    let setting = setting(
        "horizon_s = 0.5\ndevices = [{ processor = 'phone', count = 1, rate_hz = 2.0, transmit_power_w = 2.0 }]",
    );
    check_env(|| OffloadEnv::new(Arc::clone(&setting)), 1, 200).unwrap();
    let mut offload = Offload::new(setting);
    for seed in 0..50 {
        assert!(!run_episode(&mut offload, &Scheme::Nearest, seed).unwrap().tasks.is_empty());
    }
}
