//! Cuts of the shipped networks on the built-in processors.

use mec_envs::dnn::{LayerGraph, zoo};
use mec_envs::partition::*;
use mec_envs::processor::{Processor, named};
use mec_envs::rng::{Prng, stream};
use mec_envs::units::{Bytes, BytesPerSecond, Seconds};
use rand::RngExt;

fn pairs() -> [(&'static Processor, &'static Processor); 3] {
    let pair = |device, server| (named(device).unwrap(), named(server).unwrap());
    [pair("raspberry-pi-4", "xeon-6248"), pair("phone", "nvidia-t4"), pair("jetson-nano", "nvidia-a100")]
}

fn idle(mbit: f64) -> IdleSystem {
    IdleSystem { rate: BytesPerSecond::from_mbit(mbit), propagation: Seconds(0.002), return_time: Seconds(0.002) }
}

fn random_state(rng: &mut Prng) -> QueueState {
    let mut wait = || if rng.random_bool(0.3) { Seconds::ZERO } else { Seconds(rng.random_range(0.0..1.0)) };
    let (device_wait, uplink_wait, server_wait) = (wait(), wait(), wait());
    let rate = BytesPerSecond::from_mbit(10_f64.powf(rng.random_range(-1.0..3.0)));
    QueueState { device_wait, uplink_wait, rate, propagation: Seconds(0.002), server_wait, return_time: Seconds(0.002) }
}

#[test]
fn the_frontier_of_every_network_holds_the_minimum_cut_at_every_rate() {
    for graph in zoo::names().map(|name| zoo::load(name).unwrap()) {
        for (device, server) in pairs() {
            let frontier = Frontier::new(&graph, device, &[server]);
            assert!(frontier.is_complete());
            for idle in [0.5, 2.0, 8.0, 30.0, 100.0, 1000.0].map(idle) {
                let state = QueueState {
                    device_wait: Seconds::ZERO,
                    uplink_wait: Seconds::ZERO,
                    rate: idle.rate,
                    propagation: idle.propagation,
                    server_wait: Seconds::ZERO,
                    return_time: idle.return_time,
                };
                let choice =
                    best_cut(&frontier, 0, &state).completion.min(local_choice(&frontier, Seconds::ZERO).completion);
                let optimum = idle.latency(&dads(&graph, device, server, &idle).cost);
                let excess = choice / optimum - 1.0;
                assert!((-1e-9..=Frontier::TOLERANCE).contains(&excess), "{}, {idle:?}: {excess}", graph.name());
            }
        }
    }
}

/// The worst excess of the pruned frontier's best cut over the exact one's, in random states.
fn worst_excess(graph: &LayerGraph, device: &Processor, server: &Processor, rng: &mut Prng) -> f64 {
    let (exact, pruned) = (Frontier::exact(graph, device, &[server]), Frontier::new(graph, device, &[server]));
    let excess =
        |state: QueueState| best_cut(&pruned, 0, &state).completion / best_cut(&exact, 0, &state).completion - 1.0;
    (0..2000).map(|_| excess(random_state(rng))).fold(0.0, f64::max)
}

#[test]
fn pruning_costs_at_most_one_per_cent_under_random_loads() {
    let mut rng = stream(7, "partition_zoo");
    for name in zoo::names() {
        let graph = zoo::load(name).unwrap();
        for (device, server) in pairs() {
            let excess = worst_excess(&graph, device, server, &mut rng);
            assert!(excess <= Frontier::TOLERANCE, "{name} on {}: {excess}", device.name);
        }
    }
}

#[test]
fn on_an_idle_system_prefixes_reach_the_minimum_cut_of_these_networks() {
    // A finding, not a law: their blocks begin and end in small tensors, so no cut through parallel branches pays.
    // Graphs on which it pays are among the random ones of tests/partition.rs.
    for graph in zoo::names().map(|name| zoo::load(name).unwrap()) {
        for (device, server) in pairs() {
            for idle in [0.5, 3.0, 10.0, 40.0, 150.0].map(idle) {
                let chain = idle.latency(&neurosurgeon(&graph, device, server, &idle).cost).0;
                let cut = idle.latency(&dads(&graph, device, server, &idle).cost).0;
                assert!((chain - cut).abs() <= 1e-9 * cut, "{}, {idle:?}: {chain} s, {cut} s", graph.name());
            }
        }
    }
}

#[test]
fn an_input_that_travels_smaller_moves_the_cut_to_the_server() {
    let graph = zoo::load("resnet-50").unwrap();
    let small = graph.clone().with_input_bytes(Bytes(20_000.0)).unwrap();
    let (device, server) = pairs()[1];
    let idle = idle(5.0);
    assert!(dads(&graph, device, server, &idle).cut.is_local());
    assert_eq!(dads(&small, device, server, &idle).cut.device_layers(), 0);
}
