//! Cuts against their oracles: brute force over all cuts, and petgraph's maximum flow.

use std::collections::BTreeSet;

use mec_envs::dnn::{INPUT, Layer, LayerGraph, LayerKind, Node};
use mec_envs::partition::*;
use mec_envs::processor::{Processor, Rates};
use mec_envs::units::{Bytes, BytesPerSecond, Flop, FlopPerSecond, Seconds, Watts};
use petgraph::algo::ford_fulkerson;
use petgraph::graph::DiGraph;
use proptest::prelude::*;

/// A layer's kind, work, parameters and output, and which earlier layers it reads (one bit each).
type Draw = (usize, u32, u32, u32, u16);

fn graph_of(draws: &[Draw]) -> LayerGraph {
    let nodes = draws.iter().enumerate().map(|(at, &(kind, flop, params, output, reads))| {
        let mut inputs: Vec<String> =
            (0..at).filter(|source| reads >> source & 1 == 1).map(|source| format!("v{source}")).collect();
        if inputs.is_empty() || reads >> 15 == 1 {
            inputs.push(INPUT.into());
        }
        let layer = Layer {
            name: format!("v{at}"),
            op: "Conv".into(),
            kind: LayerKind::ALL[kind],
            flop: Flop(flop.into()),
            param_bytes: Bytes(params.into()),
            output_bytes: Bytes(output.into()),
        };
        Node { layer, inputs }
    });
    LayerGraph::new("random", Bytes(7.0), nodes.collect()).unwrap()
}

/// Graphs of few layers with small whole numbers, so that ties are common and sums exact.
fn graphs(layers: usize) -> impl Strategy<Value = LayerGraph> {
    let draw = (0..6_usize, 0..20_u32, 0..5_u32, 1..12_u32, any::<u16>(), any::<u16>());
    // Two random words anded: about one input in four.
    let draw = draw.prop_map(|(kind, flop, params, output, a, b)| (kind, flop, params, output, a & b));
    prop::collection::vec(draw, 1..=layers).prop_map(|draws| graph_of(&draws))
}

fn chains(layers: usize) -> impl Strategy<Value = LayerGraph> {
    let draw = (0..6_usize, 0..20_u32, 0..5_u32, 1..12_u32);
    prop::collection::vec(draw, 1..=layers).prop_map(|draws| {
        let draws = draws.into_iter().enumerate();
        let chain = draws.map(|(at, (kind, flop, params, output))| {
            (kind, flop, params, output, if at == 0 { 0 } else { 1 << (at - 1) })
        });
        graph_of(&chain.collect::<Vec<_>>())
    })
}

/// Processors whose rates are powers of two, so that times of whole numbers are exact.
fn processors() -> impl Strategy<Value = Processor> {
    (prop::array::uniform4(-2..4_i32), 0..4_i32, 0..3_u32).prop_map(|(rates, memory, overhead)| {
        let [convolution, depthwise_convolution, dense, vector] = rates.map(|power| FlopPerSecond(2_f64.powi(power)));
        Processor {
            name: "random".into(),
            source: String::new(),
            rates: Rates { convolution, depthwise_convolution, dense, vector },
            memory: BytesPerSecond(2_f64.powi(memory)),
            overhead: Seconds(overhead.into()),
            compute_power: Watts(2.0),
            idle_power: Watts(1.0),
            memory_capacity: Bytes(1e9),
        }
    })
}

fn states() -> impl Strategy<Value = QueueState> {
    let wait = || prop_oneof![Just(0.0), 0.0..200.0];
    (wait(), wait(), 0.01..50.0, 0.0..2.0, wait(), 0.0..2.0).prop_map(
        |(device, uplink, rate, propagation, server, back)| QueueState {
            device_wait: Seconds(device),
            uplink_wait: Seconds(uplink),
            rate: BytesPerSecond(rate),
            propagation: Seconds(propagation),
            server_wait: Seconds(server),
            return_time: Seconds(back),
        },
    )
}

fn all_cuts(graph: &LayerGraph) -> Vec<Cut> {
    let sets = 0..1_u32 << graph.len();
    sets.filter_map(|set| Cut::new(graph, (0..graph.len()).map(|layer| set >> layer & 1 == 1).collect()).ok()).collect()
}

/// Device time, upload and time per server of a cut, from scratch.
fn costs(cut: &Cut, graph: &LayerGraph, device: &Processor, servers: &[&Processor]) -> Vec<f64> {
    let edge = servers.iter().map(|server| cut.cost(graph, device, server).edge.0);
    let own = cut.cost(graph, device, device);
    [own.device.0, own.upload.0].into_iter().chain(edge).collect()
}

fn frontier_costs(frontier: &Frontier, candidate: usize) -> Vec<f64> {
    let edge = (0..frontier.servers()).map(|server| frontier.edge_time(candidate, server).0);
    [frontier.device_time(candidate).0, frontier.upload(candidate).0].into_iter().chain(edge).collect()
}

fn bits(costs: &[f64]) -> Vec<u64> {
    costs.iter().map(|cost| cost.to_bits()).collect()
}

/// The completion time by its definition; `costs` are device time, upload, service.
fn completes(costs: &[f64], state: &QueueState) -> f64 {
    let sent = (state.device_wait.0 + costs[0]).max(state.uplink_wait.0) + costs[1] / state.rate.0;
    (sent + state.propagation.0).max(state.server_wait.0) + costs[2] + state.return_time.0
}

/// The minimum cut between device and server by petgraph, by whole 64ths of a second.
fn minimum_cut_by_petgraph(graph: &LayerGraph, device: &Processor, server: &Processor, rate_power: i32) -> f64 {
    const SCALE: f64 = 64.0;
    let whole = |seconds: f64| {
        assert_eq!((seconds * SCALE).fract(), 0.0);
        (seconds * SCALE) as u64
    };
    let sending = |bytes: Bytes| whole(bytes.0 / 2_f64.powi(rate_power));
    let never = 1_u64 << 40;
    let mut network = DiGraph::<(), u64>::new();
    let (source, sink) = (network.add_node(()), network.add_node(()));
    let layers: Vec<_> = (0..graph.len()).map(|_| network.add_node(())).collect();
    let tensor = |network: &mut DiGraph<(), u64>, producer, bytes: Bytes, readers: Vec<usize>| {
        let node = network.add_node(());
        network.add_edge(producer, node, sending(bytes));
        readers.iter().for_each(|&reader| {
            network.add_edge(node, layers[reader], never);
        });
    };
    let readers = (0..graph.len()).filter(|&layer| graph.reads_input(layer)).collect();
    tensor(&mut network, source, graph.input_bytes(), readers);
    for (at, layer) in graph.layers().iter().enumerate() {
        tensor(&mut network, layers[at], layer.output_bytes, graph.successors(at).to_vec());
        network.add_edge(source, layers[at], whole(server.layer_time(graph, at).0));
        network.add_edge(layers[at], sink, whole(device.layer_time(graph, at).0));
    }
    for (from, to) in graph.edges() {
        network.add_edge(layers[to], layers[from], never);
    }
    ford_fulkerson(&network, source, sink).0 as f64 / SCALE
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_exact_frontier_is_the_brute_force_one(
        graph in graphs(9),
        device in processors(),
        servers in prop::collection::vec(processors(), 1..=3),
    ) {
        let servers: Vec<&Processor> = servers.iter().collect();
        let cuts = all_cuts(&graph);
        prop_assert_eq!(count_cuts(&graph), Some(cuts.len() as u128));
        let all: Vec<Vec<f64>> = cuts.iter().map(|cut| costs(cut, &graph, &device, &servers)).collect();
        let no_worse = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| a <= b);
        let expected: BTreeSet<Vec<u64>> =
            all.iter().filter(|this| !all.iter().any(|other| no_worse(other, this) && other != *this)).map(|costs| bits(costs)).collect();
        let frontier = Frontier::exact(&graph, &device, &servers);
        let got: Vec<Vec<u64>> = (0..frontier.len()).map(|at| bits(&frontier_costs(&frontier, at))).collect();
        prop_assert!(frontier.is_complete());
        prop_assert_eq!(got.len(), expected.len(), "a cost twice");
        prop_assert_eq!(got.into_iter().collect::<BTreeSet<_>>(), expected);
    }

    #[test]
    fn candidates_are_cuts_with_their_costs_in_order(
        graph in graphs(12),
        device in processors(),
        server in processors(),
        tolerance in prop_oneof![Just(0.0), 0.0..0.5],
    ) {
        for frontier in [Frontier::exact(&graph, &device, &[&server]), Frontier::within(tolerance, &graph, &device, &[&server])] {
            for at in 0..frontier.len() {
                let cut = Cut::new(&graph, frontier.cut(at).on_device().to_vec()).unwrap();
                prop_assert_eq!(bits(&frontier_costs(&frontier, at)), bits(&costs(&cut, &graph, &device, &[&server])));
                prop_assert_eq!(frontier.device_layers(at), cut.device_layers());
                prop_assert!(at == 0 || frontier.device_time(at - 1) <= frontier.device_time(at));
            }
            prop_assert_eq!(frontier.cut(Frontier::EDGE_ONLY), &Cut::prefix(&graph, 0));
            prop_assert!(frontier.cut(frontier.local()).is_local());
            prop_assert_eq!(frontier_costs(&frontier, frontier.local())[1..].to_vec(), vec![0.0, 0.0]);
        }
    }

    #[test]
    fn pruned_candidates_never_lose_the_optimum(
        graph in graphs(9),
        device in processors(),
        servers in prop::collection::vec(processors(), 1..=2),
        state in states(),
        tolerance in 0.0..0.3,
    ) {
        let servers: Vec<&Processor> = servers.iter().collect();
        let exact = Frontier::exact(&graph, &device, &servers);
        let near = Frontier::within(tolerance, &graph, &device, &servers);
        for (column, server) in servers.iter().enumerate() {
            let offloading = all_cuts(&graph).into_iter().filter(|cut| !cut.is_local());
            let times = offloading.map(|cut| completes(&costs(&cut, &graph, &device, &[server]), &state));
            let optimum = times.fold(f64::INFINITY, f64::min);
            let choice = best_cut(&exact, column, &state);
            prop_assert_eq!(choice.completion.0.to_bits(), optimum.to_bits());
            prop_assert_eq!(choice, completion(&exact, choice.candidate, column, &state));
            let close = best_cut(&near, column, &state).completion.0;
            prop_assert!(close <= (1.0 + tolerance) * optimum * (1.0 + 1e-12), "{close} for {optimum}");
        }
    }

    #[test]
    fn the_frontier_holds_the_minimum_of_any_monotone_cost(
        graph in graphs(9),
        device in processors(),
        server in processors(),
        weights in prop::array::uniform6(0.0..10.0_f64),
    ) {
        // Sums cover energy (compute power x device time + transmit power x upload), maxima throughput.
        let [a, b, c, d, e, f] = weights;
        let cost = |costs: &[f64]| {
            a * costs[0] + b * costs[1] + c * costs[2] + (d * costs[0]).max(e * costs[1]).max(f * costs[2])
        };
        let frontier = Frontier::exact(&graph, &device, &[&server]);
        let best = (0..frontier.len()).map(|at| cost(&frontier_costs(&frontier, at))).fold(f64::INFINITY, f64::min);
        let all = all_cuts(&graph);
        let optimum = all.iter().map(|cut| cost(&costs(cut, &graph, &device, &[&server]))).fold(f64::INFINITY, f64::min);
        prop_assert_eq!(best.to_bits(), optimum.to_bits());
    }

    #[test]
    fn energy_adds_no_cut_to_the_frontier(
        graph in graphs(9),
        device in processors(),
        server in processors(),
        powers in prop::array::uniform3(0.5..4.0_f64),
    ) {
        // Device energy = compute power x device time + transmit power x time of the upload + idle power x the rest.
        let [compute, transmit, idle] = powers;
        let with_energy = |cut: &Cut| {
            let costs = costs(cut, &graph, &device, &[&server]);
            let energy = (compute + idle) * costs[0] + transmit * costs[1] + idle * costs[2];
            [costs[0], costs[1], costs[2], energy]
        };
        let all: Vec<[f64; 4]> = all_cuts(&graph).iter().map(with_energy).collect();
        let no_worse = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| a <= b);
        let kept = all.iter().filter(|this| !all.iter().any(|other| no_worse(other, *this) && other[..3] != this[..3]));
        let kept: BTreeSet<Vec<u64>> = kept.map(|costs| bits(&costs[..3])).collect();
        let frontier = Frontier::exact(&graph, &device, &[&server]);
        let got: BTreeSet<Vec<u64>> = (0..frontier.len()).map(|at| bits(&frontier_costs(&frontier, at))).collect();
        prop_assert_eq!(got, kept);
    }

    #[test]
    fn exhaustive_search_finds_what_cdlp_finds_and_no_scheme_beats_them(
        graph in graphs(9),
        device in processors(),
        server in processors(),
        state in states(),
    ) {
        let problem = Problem::new(&graph, &device, &server);
        let all = all_cuts(&graph).into_iter().map(|cut| latency(&cut.cost(&graph, &device, &server), &state).0);
        let optimum = all.fold(f64::INFINITY, f64::min);
        for scheme in Partitioner::ALL {
            let split = scheme.split(&problem, &state).unwrap();
            prop_assert_eq!(split.cost, split.cut.cost(&graph, &device, &server));
            let latency = latency(&split.cost, &state).0;
            prop_assert!(latency >= optimum, "{}: {latency} s, optimum {optimum} s", scheme.name());
            if matches!(scheme, Partitioner::Cdlp | Partitioner::Exhaustive) {
                prop_assert_eq!(latency, optimum);
            }
        }
    }

    #[test]
    fn the_heavy_mode_of_dads_has_the_shortest_longest_stage(
        graph in graphs(9),
        device in processors(),
        server in processors(),
        rate in 0.1..20.0,
    ) {
        let idle = IdleSystem { rate: BytesPerSecond(rate), propagation: Seconds::ZERO, return_time: Seconds::ZERO };
        let longest = |cost: &CutCost| cost.device.0.max(cost.upload.0 / rate).max(cost.edge.0);
        let all = all_cuts(&graph).into_iter().map(|cut| longest(&cut.cost(&graph, &device, &server)));
        let optimum = all.fold(f64::INFINITY, f64::min);
        let frontier = Frontier::exact(&graph, &device, &[&server]);
        prop_assert_eq!(longest(&frontier.cut(dads_heavy(&frontier, 0, &idle)).cost(&graph, &device, &server)), optimum);
        // The minimum cut, which the paper takes for it, is at most three times as slow.
        prop_assert!(longest(&dads(&graph, &device, &server, &idle).cost) <= 3.0 * optimum);
    }

    #[test]
    fn the_idle_optimum_is_the_minimum_cut(
        graph in graphs(14),
        device in processors(),
        server in processors(),
        rate_power in -3..3_i32,
        propagation in 0.0..5.0,
    ) {
        let rate = BytesPerSecond(2_f64.powi(rate_power));
        let expected = minimum_cut_by_petgraph(&graph, &device, &server, rate_power);
        let free = IdleSystem { rate, propagation: Seconds::ZERO, return_time: Seconds::ZERO };
        let found = dads(&graph, &device, &server, &free);
        prop_assert_eq!(free.latency(&found.cost).0, expected);
        let frontier = Frontier::exact(&graph, &device, &[&server]);
        let latency = |idle: &IdleSystem, at| idle.latency(&frontier.cut(at).cost(&graph, &device, &server)).0;
        let best = |idle: &IdleSystem| (0..frontier.len()).map(|at| latency(idle, at)).fold(f64::INFINITY, f64::min);
        prop_assert_eq!(best(&free), expected);
        let idle = IdleSystem { propagation: Seconds(propagation), ..free };
        let found = idle.latency(&dads(&graph, &device, &server, &idle).cost).0;
        prop_assert!((found - best(&idle)).abs() < 1e-9);
        prop_assert!(idle.latency(&neurosurgeon(&graph, &device, &server, &idle).cost).0 >= found - 1e-9);
    }

    #[test]
    fn on_a_chain_the_prefixes_are_enough(graph in chains(14), device in processors(), server in processors(), rate in 0.1..20.0) {
        prop_assert_eq!(count_cuts(&graph), Some(graph.len() as u128 + 1));
        let idle = IdleSystem { rate: BytesPerSecond(rate), propagation: Seconds(1.0), return_time: Seconds(0.5) };
        let by_chain = idle.latency(&neurosurgeon(&graph, &device, &server, &idle).cost).0;
        let by_cut = idle.latency(&dads(&graph, &device, &server, &idle).cost).0;
        prop_assert!((by_chain - by_cut).abs() < 1e-9, "{by_chain} {by_cut}");
        prop_assert!(device_only(&graph, &device, &server).cost.device.0 >= by_cut - 1e-9);
        prop_assert!(idle.latency(&edge_only(&graph, &device, &server).cost).0 >= by_cut - 1e-9);
    }
}

fn parallel(branches: usize) -> LayerGraph {
    let layer = |name: String, output: f64| Layer {
        name,
        op: "Conv".into(),
        kind: LayerKind::Convolution,
        flop: Flop(1e6 * (1.0 + output % 7.0)),
        param_bytes: Bytes(100.0),
        output_bytes: Bytes(output),
    };
    let names: Vec<String> = (0..branches).map(|at| format!("branch{at}")).collect();
    let mut nodes: Vec<Node> = names
        .iter()
        .enumerate()
        .map(|(at, name)| Node { layer: layer(name.clone(), 50.0 + at as f64 * 13.0), inputs: vec![INPUT.into()] })
        .collect();
    nodes.push(Node { layer: layer("join".into(), 40.0), inputs: names });
    LayerGraph::new("parallel", Bytes(3000.0), nodes).unwrap()
}

#[test]
fn graphs_too_wide_to_search_get_a_fallback_within_its_bound() {
    use mec_envs::processor::named;
    let (device, server) = (named("raspberry-pi-4").unwrap(), named("nvidia-t4").unwrap());
    assert_eq!(count_cuts(&parallel(12)), Some((1 << 12) + 1));
    assert!(Frontier::exact(&parallel(8), device, &[server]).is_complete());
    assert_eq!(exhaustive(&parallel(30), device, server, |cost| cost.device), None);
    for branches in [30, 100] {
        let graph = parallel(branches);
        assert_eq!(count_cuts(&graph), None);
        let frontier = Frontier::exact(&graph, device, &[server]);
        assert!(!frontier.is_complete());
        for rate in [1.3e4, 2.2e5, 9.1e6, 8e8] {
            let idle =
                IdleSystem { rate: BytesPerSecond(rate), propagation: Seconds::ZERO, return_time: Seconds::ZERO };
            let optimum = idle.latency(&dads(&graph, device, server, &idle).cost).0;
            let latency = |at| idle.latency(&frontier.cut(at).cost(&graph, device, server)).0;
            let best = (0..frontier.len()).map(latency).fold(f64::INFINITY, f64::min);
            assert!(best <= 1.25 * optimum, "{branches} branches at {rate} B/s: {best} s, optimum {optimum} s");
        }
    }
}

#[test]
fn a_tensor_with_two_readers_crosses_once() {
    // v0 feeds v1 and v2, which feed v3; v1 reads the input as well.
    let graph = graph_of(&[(0, 1, 0, 5, 0), (0, 1, 0, 2, 1 | 1 << 15), (0, 1, 0, 3, 1), (0, 1, 0, 1, 0b110)]);
    let upload = |on_device: [bool; 4]| Cut::new(&graph, on_device.to_vec()).unwrap().upload(&graph).0;
    assert_eq!(upload([false; 4]), 7.0);
    assert_eq!(upload([true, false, false, false]), 12.0);
    assert_eq!(upload([true, true, false, false]), 7.0);
    assert_eq!(upload([true, false, true, false]), 15.0);
    assert_eq!(upload([true, true, true, false]), 5.0);
    assert_eq!(upload([true; 4]), 0.0);
}

#[test]
fn a_minimum_cut_may_be_no_prefix() {
    use mec_envs::processor::named;
    // Branches v0 -> v2 and v1 -> v3 meet in v4. v2 is heavy, so it goes to the server; v3 shrinks its tensor, so it
    // stays; but it comes after v2 in the order.
    let graph = graph_of(&[
        (0, 1, 0, 10, 0),
        (0, 1, 0, 300, 0),
        (0, 4000, 0, 200, 0b1),
        (0, 1, 0, 1, 0b10),
        (0, 1, 0, 1, 0b1100),
    ])
    .with_input_bytes(Bytes(900.0))
    .unwrap();
    let mut device = named("raspberry-pi-4").unwrap().clone();
    let mut server = named("nvidia-t4").unwrap().clone();
    for (processor, rate) in [(&mut device, 1e3), (&mut server, 1e6)] {
        processor.rates.convolution = FlopPerSecond(rate);
        processor.memory = BytesPerSecond(1e9);
        processor.overhead = Seconds::ZERO;
    }
    let idle = IdleSystem { rate: BytesPerSecond(100.0), propagation: Seconds::ZERO, return_time: Seconds::ZERO };
    let (best, chain) = (dads(&graph, &device, &server, &idle), neurosurgeon(&graph, &device, &server, &idle));
    assert_eq!(best.cut.on_device(), [true, true, false, true, false]);
    assert!(idle.latency(&best.cost) < idle.latency(&chain.cost));
    let frontier = Frontier::new(&graph, &device, &[&server]);
    assert!((0..frontier.len()).any(|at| frontier.cut(at) == &best.cut));
}

#[test]
fn a_set_that_is_no_cut_is_refused_by_name() {
    let graph = graph_of(&[(0, 1, 0, 5, 0), (0, 1, 0, 2, 1)]);
    let error = Cut::new(&graph, vec![false, true]).unwrap_err().to_string();
    assert!(error.contains("\"v1\"") && error.contains("\"v0\""), "{error}");
    let error = Cut::new(&graph, vec![true]).unwrap_err().to_string();
    assert!(error.contains("2 layers") && error.contains('1'), "{error}");
}

#[test]
fn nothing_completes_without_a_link_and_the_cut_moves_to_the_device_as_the_server_fills() {
    use mec_envs::{dnn::zoo, processor::named};
    let graph = zoo::load("googlenet").unwrap();
    let frontier = Frontier::new(&graph, named("phone").unwrap(), &[named("xeon-6248").unwrap()]);
    let mut state = QueueState {
        device_wait: Seconds::ZERO,
        uplink_wait: Seconds::ZERO,
        rate: BytesPerSecond::from_mbit(40.0),
        propagation: Seconds(0.002),
        server_wait: Seconds::ZERO,
        return_time: Seconds(0.002),
    };
    let mut layers = 0;
    for wait in 0..40 {
        state.server_wait = Seconds(0.005 * f64::from(wait));
        let choice = best_cut(&frontier, 0, &state);
        assert!(frontier.device_layers(choice.candidate) >= layers);
        layers = frontier.device_layers(choice.candidate);
    }
    assert!(layers > 20, "{layers}");
    let local = local_choice(&frontier, Seconds(1.0));
    assert_eq!(local.completion, Seconds(1.0) + frontier.device_time(frontier.local()));
    state.rate = BytesPerSecond(0.0);
    assert_eq!(best_cut(&frontier, 0, &state).completion.0, f64::INFINITY);
}
