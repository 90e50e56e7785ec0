//! The best cut for every target.

use mec_envs::dnn::zoo;
use mec_envs::partition::*;
use mec_envs::processor::named;
use mec_envs::rng::stream;
use mec_envs::units::{BytesPerSecond, Seconds};
use rand::RngExt;

use crate::instances::{DEVICES, Instance, SERVERS, Size, frontiers, instance};

#[test]
fn the_table_holds_the_best_cut_for_every_target_to_the_last_bit() {
    let frontiers = frontiers();
    let mut rng = stream(1, "table");
    let mut table = CutTable::default();
    for round in 0..300 {
        let servers = rng.random_range(0..5);
        let size = Size { tasks: rng.random_range(0..30), devices: rng.random_range(1..30), servers, executors: 3 };
        let mut instance = instance(frontiers, size, [0.0, 0.1, 0.5, 2.0][round % 4], &mut rng);
        instance.uplinks.iter_mut().filter(|_| rng.random_bool(0.02)).for_each(|uplink| uplink.rate.0 = 0.0);
        let set = instance.set();
        table.fill(&set);
        for task in 0..size.tasks {
            let mut soonest = Seconds(f64::INFINITY);
            for target in 0..set.targets() {
                let local = set.tasks()[task].frontier.local();
                let candidates = if target == 0 { local..local + 1 } else { 0..local };
                let completion = |candidate| set.expect(task, Placement { target, candidate }).completion;
                let best = candidates.map(completion).fold(Seconds(f64::INFINITY), Seconds::min);
                let cut = table.cut(task, target);
                assert_eq!(cut.completion.0.to_bits(), best.0.to_bits(), "round {round}, task {task}, {target}");
                assert_eq!(completion(cut.candidate), best);
                soonest = soonest.min(best);
            }
            let (placement, completion) = table.best(task);
            assert_eq!(completion, soonest);
            assert_eq!(table.cut(task, placement.target).candidate, placement.candidate);
        }
    }
}

#[test]
fn as_a_server_fills_up_the_cut_for_it_moves_to_the_device() {
    let frontiers = frontiers();
    let mut rng = stream(2, "table");
    let size = Size { tasks: 50, devices: 50, servers: 4, executors: 1 };
    let mut instance = instance(frontiers, size, 0.0, &mut rng);
    let mut table = CutTable::default();
    let mut before = vec![0; size.tasks * size.servers];
    let mut moved = 0;
    for wait in 0..60 {
        instance.servers.iter_mut().for_each(|server| server.executors[0] = Seconds(0.02 * f64::from(wait)));
        table.fill(&instance.set());
        for (at, before) in before.iter_mut().enumerate() {
            let (task, target) = (at / size.servers, at % size.servers + 1);
            let candidate = table.cut(task, target).candidate;
            let time = |candidate| instance.tasks[task].frontier.device_time(candidate);
            assert!(time(candidate) >= time(*before), "task {task}, target {target}, wait {wait}");
            moved += usize::from(candidate > *before);
            *before = candidate;
        }
    }
    assert!(moved > 200, "{moved}");
}

/// One task of every network on an idle system.
fn idle(frontiers: &[Frontier], mbit: f64, servers: usize) -> Instance<'_> {
    let tasks = frontiers.iter().enumerate();
    let uplink =
        Uplink { rate: BytesPerSecond::from_mbit(mbit), propagation: Seconds(0.002), return_delay: Seconds::ZERO };
    Instance {
        tasks: tasks.map(|(device, frontier)| PendingTask { frontier, device, return_time: Seconds(0.002) }).collect(),
        devices: vec![DeviceBacklog::default(); frontiers.len()],
        uplinks: vec![uplink; frontiers.len() * servers],
        servers: (0..servers).map(|class| ServerBacklog { class, executors: vec![Seconds::ZERO] }).collect(),
    }
}

/// The most by which DADS, asked about every server in turn, is faster than the best cut of the table.
fn lead_of_dads(names: &[&str], frontiers: &[Frontier], device: &str, servers: &[&str]) -> f64 {
    let mut table = CutTable::default();
    let mut lead = f64::NEG_INFINITY;
    for mbit in [1.0, 8.0, 40.0, 300.0] {
        table.fill(&idle(frontiers, mbit, servers.len()).set());
        for (task, name) in names.iter().enumerate() {
            let graph = zoo::load(name).unwrap();
            let (rate, wait) = (BytesPerSecond::from_mbit(mbit), Seconds(0.002));
            let idle = IdleSystem { rate, propagation: wait, return_time: wait };
            let device = named(device).unwrap();
            let splits = servers.iter().map(|server| dads(&graph, device, named(server).unwrap(), &idle));
            let rival = splits.map(|split| idle.latency(&split.cost).0).fold(f64::INFINITY, f64::min);
            lead = lead.max(table.best(task).1.0 / rival - 1.0);
        }
    }
    lead
}

#[test]
fn on_an_idle_system_no_target_of_dads_is_faster() {
    let names: Vec<&str> = zoo::names().collect();
    let all = frontiers();
    for (at, device) in DEVICES.iter().enumerate() {
        let frontiers: Vec<Frontier> = all.iter().skip(at).step_by(DEVICES.len()).cloned().collect();
        let lead = lead_of_dads(&names, &frontiers, device, &SERVERS);
        assert!(lead <= Frontier::TOLERANCE, "{device}: {lead}");
    }
    let small = ["alexnet", "squeezenet", "shufflenet", "googlenet", "resnet-50"];
    let servers = ["xeon-6248"];
    let exact = small.map(|name| {
        Frontier::exact(&zoo::load(name).unwrap(), named("phone").unwrap(), &servers.map(|name| named(name).unwrap()))
    });
    let lead = lead_of_dads(&small, &exact, "phone", &servers);
    assert!(lead <= 1e-12, "{lead}");
}
