//! The lower bound of an episode, against every scheme, and against the optimum where it relaxes nothing.

use std::sync::Arc;

use mec_envs::offload::{Decision, Offload, Setting, TaskRecord};
use mec_envs::rng::rand::RngExt;
use mec_envs::rng::stream;
use mec_envs::schemes::{LowerBound, Scheme, lower_bound, run_episode};

use super::{features, setting};

/// Sums of the same times in another order.
const ROUNDING: f64 = 1e-9;

/// Neither a task nor all together; returns how often a task comes within a thousandth of its bound.
fn nothing_is_faster(name: &str, least: &LowerBound, tasks: &[TaskRecord]) -> usize {
    assert!(tasks.len() <= least.latencies_s.len(), "{name}");
    for (number, (least, task)) in least.latencies_s.iter().zip(tasks).enumerate() {
        assert!(task.latency() >= least - ROUNDING, "{name}, task {number}: {} s, bound {least} s", task.latency());
    }
    let completed: Vec<f64> = tasks.iter().map(TaskRecord::latency).filter(|latency| latency.is_finite()).collect();
    let mean = completed.iter().sum::<f64>() / completed.len() as f64;
    assert!(mean >= least.mean_s(tasks) - ROUNDING, "{name}: mean {mean} s, bound {} s", least.mean_s(tasks));
    least.latencies_s.iter().zip(tasks).filter(|(least, task)| task.latency() <= *least * 1.001).count()
}

/// Any cut on any target.
fn any_decisions(offload: &mut Offload, seed: u64) -> Vec<TaskRecord> {
    offload.reset(Some(seed));
    let mut rng = stream(seed, "any decisions");
    while !offload.is_over() {
        let view = offload.view().unwrap();
        let (target, local) = (rng.random_range(0..view.targets()), view.frontier().local());
        let candidate = if target == 0 { local } else { rng.random_range(0..local) };
        offload.decide(Decision { target, candidate: Some(candidate) }).unwrap();
    }
    let world = offload.world().unwrap();
    world.tasks()[..world.decided()].to_vec()
}

#[test]
fn no_task_of_any_scheme_is_faster_than_its_bound_in_any_scenario() {
    for (name, changes) in features() {
        let mut offload = Offload::new(setting(&changes));
        let mut close = 0;
        for seed in 0..3 {
            let least = lower_bound(&mut offload, seed);
            for scheme in Scheme::ALL {
                let tasks = run_episode(&mut offload, &scheme, seed).unwrap().tasks;
                close += nothing_is_faster(&format!("{name}, {}", scheme.name()), &least, &tasks);
            }
            close += nothing_is_faster(name, &least, &any_decisions(&mut offload, seed));
        }
        assert!(close > 20, "{name}: {close} tasks come close");
    }
}

/// One device whose radio is too slow for any server, and all its tasks decided at once: the shortest first is best.
#[test]
fn the_total_of_tasks_on_one_device_comes_near_the_best_order() {
    let slow = "horizon_s = 4.0\nnoise_cv = 0.0\nslot_s = 4.0\nlink = { kind = 'constant', rate_mbit = 0.05 }\n\
                devices = [{ processor = 'raspberry-pi-4', count = 1, rate_hz = 1.5, transmit_power_w = 2.0 }]\n";
    let setting = setting(slow);
    let mut offload = Offload::new(Arc::clone(&setting));
    for seed in 0..5 {
        let least = lower_bound(&mut offload, seed);
        let tasks = run_episode(&mut offload, &Scheme::DeviceOnly, seed).unwrap().tasks;
        let mut times: Vec<f64> = tasks.iter().map(|task| task.device.length()).collect();
        times.sort_by(f64::total_cmp);
        let waits: f64 = tasks.iter().map(|task| task.decision - task.arrival).sum();
        let ends = times.iter().scan(0.0, |end, time| {
            *end += time;
            Some(*end)
        });
        let best = waits + ends.sum::<f64>();
        let alone: f64 = least.latencies_s.iter().sum();
        let near = 0.95 * best < least.total_s && least.total_s < best + ROUNDING;
        assert!(near && tasks.len() > 1 && alone < 0.99 * best, "{} is not near {best}, {alone} alone", least.total_s);
    }
}

/// The least latency of the only task of an episode, each target and cut carried out in turn.
fn optimum(offload: &mut Offload, seed: u64) -> f64 {
    offload.reset(Some(seed));
    let view = offload.view().unwrap();
    let (targets, local) = (view.targets(), view.frontier().local());
    let remote = (1..targets).flat_map(|target| (0..local).map(move |cut| (target, cut)));
    let latency = |(target, cut)| {
        offload.reset(Some(seed));
        let outcome = offload.decide(Decision { target, candidate: Some(cut) }).unwrap();
        assert!(offload.is_over(), "seed {seed} has one task");
        outcome.latency_s
    };
    std::iter::once((0, local)).chain(remote).map(latency).fold(f64::INFINITY, f64::min)
}

#[test]
fn for_an_episode_of_one_task_the_bound_is_the_optimum() {
    let lonely = "horizon_s = 1.0\narrivals = { kind = 'poisson' }\n\
                  devices = [{ processor = 'raspberry-pi-4', count = 1, rate_hz = 1.0, transmit_power_w = 2.0 }]\n";
    let busy = "foreign = { utilisation = 0.8 }\n";
    let shared = "network = { band = 'shared' }\n\
                  servers = [{ processor = 'mini-pc', count = 3, executors = 2, discipline = 'processor_sharing' }]\n";
    for changes in ["", busy, shared] {
        let setting: Arc<Setting> = setting(&format!("{lonely}{changes}"));
        let mut offload = Offload::new(setting);
        let mut episodes = 0;
        for seed in 0..60 {
            let least = lower_bound(&mut offload, seed);
            if let [alone] = least.latencies_s[..] {
                let best = optimum(&mut offload, seed);
                assert!((alone - best).abs() < ROUNDING, "{changes}, seed {seed}: {alone} is not {best}");
                assert!((least.total_s - best).abs() < ROUNDING, "{changes}, seed {seed}: {least:?} is not {best}");
                episodes += 1;
            }
        }
        assert!(episodes > 20, "{episodes}");
    }
}
