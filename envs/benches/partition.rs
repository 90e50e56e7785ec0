//! How long counting, pruning and choosing cuts takes on every network, and how many cuts stay.
//!
//! `cargo bench -p mec-envs --bench partition`; devices and servers are the reference pair of `mec-gym models`.

use std::hint::black_box;

use divan::Bencher;
use mec_envs::dnn::{LayerGraph, zoo};
use mec_envs::partition::{
    Frontier, IdleSystem, QueueState, REFERENCE_DEVICE, REFERENCE_SERVER, best_cut, count_cuts, dads, neurosurgeon,
};
use mec_envs::processor::{Processor, named};
use mec_envs::units::{BytesPerSecond, Seconds};

const IDLE: IdleSystem =
    IdleSystem { rate: BytesPerSecond(5e6), propagation: Seconds(0.002), return_time: Seconds(0.002) };

fn main() {
    println!("network        layers    cuts  candidates  exact frontier");
    for name in zoo::names() {
        let (graph, device, server) = setting(name);
        let candidates = Frontier::new(&graph, device, &[server]).len();
        let exact = Frontier::exact(&graph, device, &[server]).len();
        let cuts = count_cuts(&graph).map_or("many".into(), |cuts| cuts.to_string());
        println!("{name:14} {:6} {cuts:>7} {candidates:>11} {exact:>15}", graph.len());
    }
    divan::main();
}

fn setting(name: &str) -> (LayerGraph, &'static Processor, &'static Processor) {
    let processor = |name| named(name).expect("the reference processors are in the catalogue");
    let graph = zoo::load(name).expect("the bench runs over the zoo's own names");
    (graph, processor(REFERENCE_DEVICE), processor(REFERENCE_SERVER))
}

#[divan::bench(args = zoo::names())]
fn count(bencher: Bencher, name: &str) {
    let (graph, ..) = setting(name);
    bencher.bench(|| count_cuts(black_box(&graph)));
}

#[divan::bench(args = zoo::names())]
fn frontier_within_one_per_cent(bencher: Bencher, name: &str) {
    let (graph, device, server) = setting(name);
    bencher.bench(|| Frontier::new(black_box(&graph), device, &[server]));
}

#[divan::bench(args = zoo::names(), sample_count = 10)]
fn frontier_exact(bencher: Bencher, name: &str) {
    let (graph, device, server) = setting(name);
    bencher.bench(|| Frontier::exact(black_box(&graph), device, &[server]));
}

#[divan::bench(args = zoo::names())]
fn best_cut_for_one_target(bencher: Bencher, name: &str) {
    let (graph, device, server) = setting(name);
    let frontier = Frontier::new(&graph, device, &[server]);
    let state = QueueState {
        device_wait: Seconds(0.05),
        uplink_wait: Seconds(0.02),
        rate: IDLE.rate,
        propagation: IDLE.propagation,
        server_wait: Seconds(0.1),
        return_time: IDLE.return_time,
    };
    bencher.bench(|| best_cut(black_box(&frontier), 0, black_box(&state)));
}

#[divan::bench(args = zoo::names(), sample_count = 20)]
fn minimum_cut(bencher: Bencher, name: &str) {
    let (graph, device, server) = setting(name);
    bencher.bench(|| dads(black_box(&graph), device, server, &IDLE));
}

#[divan::bench(args = zoo::names(), sample_count = 20)]
fn chain_split(bencher: Bencher, name: &str) {
    let (graph, device, server) = setting(name);
    bencher.bench(|| neurosurgeon(black_box(&graph), device, server, &IDLE));
}
