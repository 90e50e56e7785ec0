//! How long a whole set takes: the best cuts for every target, the joint decision, the exact optimum, and DADS beside.
//!
//! `cargo bench -p mec-envs --bench task_set`. Tasks are of all networks on three kinds of devices, each on a device of
//! its own, with random backlogs and rates, against one server of each of four classes. Before the benchmarks it prints
//! how many times faster than DADS, asked once per task and server, the table of best cuts is. Allocations are counted;
//! where none are shown there were none.

use std::hint::black_box;
use std::time::Instant;

use divan::{AllocProfiler, Bencher};
use mec_envs::dnn::{LayerGraph, zoo};
use mec_envs::partition::{CutTable, Frontier, IdleSystem, Planner, TaskSet, dads, optimum};
use mec_envs::processor::{Processor, named};
use mec_envs::rng::stream;
use mec_envs::units::{BytesPerSecond, Seconds};

use instances::{DEVICES, Instance, SERVERS, Size, frontiers, instance};

#[path = "../tests/task_set/instances.rs"]
mod instances;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const SIZES: [usize; 4] = [10, 100, 1000, 10_000];

fn main() {
    let frontiers = frontiers();
    let candidates: usize = frontiers.iter().map(Frontier::len).sum();
    println!(
        "{} frontiers of {:.1} candidates on average",
        frontiers.len(),
        candidates as f64 / frontiers.len() as f64
    );
    let (table, rival) = (seconds_of_table(), seconds_of_dads());
    println!("best cut for one task and target: {:.1} ns", table * 1e9);
    println!("DADS for one task and server: {:.1} us, {:.0} times that", rival * 1e6, rival / table);
    divan::main();
}

/// A set of as many tasks, each on its own device, and one server of each class.
fn set_of(tasks: usize) -> Instance<'static> {
    let size = Size { tasks, devices: tasks, servers: SERVERS.len(), executors: 2 };
    let mut set = instance(frontiers(), size, 0.4, &mut stream(1, "bench"));
    set.servers.iter_mut().enumerate().for_each(|(class, server)| server.class = class);
    set
}

/// Mean time per task and target, s.
fn seconds_of_table() -> f64 {
    const ROUNDS: usize = 200;
    let instance = set_of(1000);
    let set = instance.set();
    let mut table = CutTable::default();
    table.fill(&set);
    let start = Instant::now();
    (0..ROUNDS).for_each(|_| black_box(&mut table).fill(black_box(&set)));
    start.elapsed().as_secs_f64() / (ROUNDS * set.tasks().len() * set.targets()) as f64
}

/// Every network on every kind of device, in the order of the frontiers.
fn pairs() -> Vec<(LayerGraph, &'static Processor)> {
    let graphs = zoo::names().filter_map(|name| zoo::load(name).ok());
    graphs.flat_map(|graph| DEVICES.map(|device| (graph.clone(), processor(device)))).collect()
}

fn processor(name: &str) -> &'static Processor {
    named(name).expect("a processor of the catalogue")
}

/// Mean time per network, kind of device and server, s.
fn seconds_of_dads() -> f64 {
    let pairs = pairs();
    let start = Instant::now();
    pairs.iter().for_each(|(graph, device)| dads_for_all(graph, device));
    start.elapsed().as_secs_f64() / (pairs.len() * SERVERS.len()) as f64
}

fn dads_for_all(graph: &LayerGraph, device: &Processor) {
    let (rate, wait) = (BytesPerSecond::from_mbit(40.0), Seconds(0.002));
    let idle = IdleSystem { rate, propagation: wait, return_time: wait };
    for server in SERVERS.map(processor) {
        black_box(dads(black_box(graph), device, server, &idle));
    }
}

#[divan::bench(args = [10], sample_count = 10)]
fn dads_for_all_targets(bencher: Bencher, tasks: usize) {
    let (pairs, instance) = (pairs(), set_of(tasks));
    let pair = |frontier| frontiers().iter().position(|known| std::ptr::eq(known, frontier));
    let chosen: Vec<_> = instance.tasks.iter().filter_map(|task| Some(&pairs[pair(task.frontier)?])).collect();
    assert_eq!(chosen.len(), tasks);
    bencher.bench(|| chosen.iter().for_each(|(graph, device)| dads_for_all(graph, device)));
}

#[divan::bench(args = SIZES)]
fn checking_a_set(bencher: Bencher, tasks: usize) {
    let Instance { tasks, devices, uplinks, servers } = set_of(tasks);
    bencher.bench(|| TaskSet::new(black_box(&tasks), &devices, &uplinks, &servers).is_ok());
}

#[divan::bench(args = SIZES)]
fn best_cuts_for_all_targets(bencher: Bencher, tasks: usize) {
    let instance = set_of(tasks);
    let set = instance.set();
    let mut table = CutTable::default();
    table.fill(&set);
    bencher.bench_local(|| table.fill(black_box(&set)));
}

#[divan::bench(args = SIZES)]
fn plan_by_the_greedy_pass(bencher: Bencher, tasks: usize) {
    let instance = set_of(tasks);
    let set = instance.set();
    let mut planner = Planner::default();
    planner.decide(&set, 0);
    bencher.bench_local(|| planner.decide(black_box(&set), 0).sum());
}

#[divan::bench(args = [6, 100, 1000], sample_count = 20)]
fn plan_with_a_thousand_evaluations(bencher: Bencher, tasks: usize) {
    let instance = set_of(tasks);
    let set = instance.set();
    let mut planner = Planner::default();
    planner.decide(&set, 1000);
    bencher.bench_local(|| planner.decide(black_box(&set), 1000).sum());
}

#[divan::bench(args = [6, 8, 10], sample_count = 20)]
fn exact_optimum(bencher: Bencher, tasks: usize) {
    let instance = set_of(tasks);
    let set = instance.set();
    bencher.bench(|| optimum(black_box(&set), usize::MAX));
}
