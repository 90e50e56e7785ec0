//! When the tasks of a set complete.

use std::sync::Arc;

use mec_envs::dnn::{INPUT, Layer, LayerGraph, LayerKind, Node};
use mec_envs::offload::{Decision, Offload, Scenario, Setting};
use mec_envs::partition::*;
use mec_envs::processor::{Processor, named};
use mec_envs::rng::{Prng, stream};
use mec_envs::units::{Bytes, BytesPerSecond, Flop, FlopPerSecond, Seconds};
use rand::RngExt;

use crate::event_loop;
use crate::instances::{Size, frontiers, instance};

/// Any placement of a task.
pub fn random_placement(set: &TaskSet, task: usize, rng: &mut Prng) -> Placement {
    let local = set.tasks()[task].frontier.local();
    let target = rng.random_range(0..set.targets());
    Placement { target, candidate: if target == 0 { local } else { rng.random_range(0..local) } }
}

/// Two layers of 4 s each on a device and 1 s each on a server: 7 B go in, 2 B pass between them.
fn two_layers() -> Frontier {
    let node = |name: &str, input: &str| Node {
        layer: Layer {
            name: name.into(),
            op: "Conv".into(),
            kind: LayerKind::Convolution,
            flop: Flop(4.0),
            param_bytes: Bytes(0.0),
            output_bytes: Bytes(2.0),
        },
        inputs: vec![input.into()],
    };
    let graph = LayerGraph::new("two", Bytes(7.0), vec![node("a", INPUT), node("b", "a")]).unwrap();
    let processor = |flops: f64| {
        let mut processor: Processor = named("phone").unwrap().clone();
        processor.rates.convolution = FlopPerSecond(flops);
        processor.memory = BytesPerSecond(1e9);
        processor.overhead = Seconds::ZERO;
        processor
    };
    let frontier = Frontier::exact(&graph, &processor(1.0), &[&processor(4.0)]);
    let row = |at| (frontier.device_time(at).0, frontier.upload(at).0, frontier.edge_time(at, 0).0);
    assert_eq!([0, 1, 2].map(row), [(0.0, 7.0, 2.0), (4.0, 2.0, 1.0), (8.0, 0.0, 0.0)]);
    frontier
}

#[test]
fn a_timeline_worked_by_hand() {
    let frontier = two_layers();
    let task = |device| PendingTask { frontier: &frontier, device, return_time: Seconds(0.5) };
    let tasks = [task(0), task(0), task(0), task(1)];
    let devices = [DeviceBacklog::default(); 2];
    let way = Uplink { rate: BytesPerSecond(1.0), propagation: Seconds(3.0), return_delay: Seconds(0.5) };
    let servers = [ServerBacklog { class: 0, executors: vec![Seconds(11.0)] }];
    let ways = [way; 2];
    let set = TaskSet::new(&tasks, &devices, &ways, &servers).unwrap();
    let [split, local, whole] = [(1, 1), (0, 2), (1, 0)].map(|(target, candidate)| Placement { target, candidate });
    let mut timeline = Timeline::default();
    let sum = timeline.evaluate(&set, &[split, local, whole, whole]);
    // The first device's processor: the split task until 4, the local one until 12. Its uplink: the third task's input
    // until 7, then the tensor that was ready at 4, until 9. The other uplink: until 7 as well. At the server at 10,
    // 10 and 12; it is free at 11. Services end at 13, 15 and 16, in the order of the set at equal arrivals.
    assert_eq!(timeline.completions(), [17.0, 12.0, 14.0, 16.0].map(Seconds));
    assert_eq!(sum, Seconds(59.0));
}

#[test]
fn a_timeline_is_what_the_event_loop_finds() {
    let frontiers = frontiers();
    let mut rng = stream(1, "timeline");
    let mut timeline = Timeline::default();
    for round in 0..2000 {
        let size = Size {
            tasks: rng.random_range(0..40),
            devices: rng.random_range(1..12),
            servers: rng.random_range(0..4),
            executors: 3,
        };
        let instance = instance(frontiers, size, [0.0, 0.3, 2.0][round % 3], &mut rng);
        let set = instance.set();
        let placements: Vec<_> = (0..size.tasks).map(|task| random_placement(&set, task, &mut rng)).collect();
        let sum = timeline.evaluate(&set, &placements).0;
        let found: Vec<f64> = timeline.completions().iter().map(|completion| completion.0).collect();
        assert_eq!(found, event_loop::completions(&set, &placements));
        assert_eq!(sum, found.iter().sum::<f64>() + 0.0);
    }
}

/// A scenario without anything that is not known: one slot, fixed rates, no noise, no foreign load.
const KNOWN: &str = "preset = 'default'
horizon_s = 2.0
slot_s = 2.0
noise_cv = 0.0
link = { kind = 'constant', rate_mbit = 20.0 }
foreign = { utilisation = 0.0 }
network = { backhaul_mbit = 1e12 }
telemetry = { period_s = 0.0, delay_s = 0.0 }";

/// Decides every task at random; returns the placements, and for each device its rate and nearest server, if it asked.
fn decide_at_random(offload: &mut Offload, seed: u64) -> (Vec<Placement>, Vec<Option<(BytesPerSecond, usize)>>) {
    offload.reset(Some(seed));
    let mut rng = stream(seed, "placements");
    let (mut placements, mut links) = (Vec::new(), vec![None; offload.setting().devices.len()]);
    while !offload.is_over() {
        let view = offload.view().unwrap();
        let target = rng.random_range(0..view.targets());
        let local = view.frontier().local();
        let candidate = if target == 0 { local } else { rng.random_range(0..local) };
        placements.push(Placement { target, candidate });
        links[view.user()] = Some((view.rate(), view.nearest()));
        offload.decide(Decision { target, candidate: Some(candidate) }).unwrap();
    }
    (placements, links)
}

/// The links as a set wants them; a device that did not ask has none.
fn uplinks(setting: &Setting, links: &[Option<(BytesPerSecond, usize)>]) -> Vec<Uplink> {
    let network = &setting.scenario.network;
    let way = |link: Option<(BytesPerSecond, usize)>, target: usize| {
        let (rate, nearest) = link.unwrap_or((BytesPerSecond::ZERO, 1));
        let backhaul = if target == nearest { Seconds::ZERO } else { network.backhaul_s };
        Uplink { rate, propagation: network.propagation_s + backhaul, return_delay: backhaul }
    };
    links.iter().flat_map(|&link| (1..=setting.servers.len()).map(move |target| way(link, target))).collect()
}

#[test]
fn the_simulator_completes_a_set_when_the_timeline_says() {
    let setting = Arc::new(Setting::new(Scenario::from_table(KNOWN.parse().unwrap()).unwrap()).unwrap());
    let mut offload = Offload::new(Arc::clone(&setting));
    let devices = vec![DeviceBacklog::default(); setting.devices.len()];
    let idle = |executors| vec![Seconds::ZERO; executors];
    let servers = setting.servers.iter();
    let servers: Vec<ServerBacklog> =
        servers.map(|server| ServerBacklog { class: server.class, executors: idle(server.executors) }).collect();
    for seed in 0..20 {
        let (placements, links) = decide_at_random(&mut offload, seed);
        let records = &offload.world().unwrap().tasks()[..placements.len()];
        let tasks = records.iter().map(|record| PendingTask {
            frontier: setting.frontier(record.model, record.user),
            device: record.user,
            return_time: setting.models[record.model].return_time,
        });
        let (tasks, uplinks): (Vec<_>, _) = (tasks.collect(), uplinks(&setting, &links));
        let set = TaskSet::new(&tasks, &devices, &uplinks, &servers).unwrap();
        let mut timeline = Timeline::default();
        timeline.evaluate(&set, &placements);
        assert!(records.len() > 50, "{}", records.len());
        for (record, completion) in records.iter().zip(timeline.completions()) {
            assert!((record.completion - record.decision - completion.0).abs() < 1e-6, "{record:?} {completion:?}");
        }
    }
}

#[test]
#[should_panic(expected = "task 0: candidate 2 of 3 does not fit target 1")]
fn a_local_cut_on_a_server_is_a_bug_of_the_caller() {
    let frontier = two_layers();
    let tasks = [PendingTask { frontier: &frontier, device: 0, return_time: Seconds::ZERO }];
    let way = Uplink { rate: BytesPerSecond(1.0), propagation: Seconds::ZERO, return_delay: Seconds::ZERO };
    let servers = [ServerBacklog { class: 0, executors: vec![Seconds::ZERO] }];
    let (devices, ways) = ([DeviceBacklog::default()], [way]);
    let set = TaskSet::new(&tasks, &devices, &ways, &servers).unwrap();
    Timeline::default().evaluate(&set, &[Placement { target: 1, candidate: 2 }]);
}
