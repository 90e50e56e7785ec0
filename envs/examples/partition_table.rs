//! What every scheme that cuts one network loses against the best of all cuts, as tables in Markdown: without load, for
//! which the rivals choose, and with work waiting at the server.
//!
//! `cargo run --release -p mec-envs --example partition_table`; some seconds.
//!
//! Per network and scheme: the mean of latency / optimum - 1 over a grid of pairs of device and server, uplink rates
//! and work waiting at the server. The optimum is the best cut of the exact frontier, which exhaustive search confirms
//! where it can.

use mec_envs::dnn::zoo;
use mec_envs::partition::{Frontier, Partitioner, Problem, QueueState, best_cut, latency, local_choice};
use mec_envs::processor::{Processor, named};
use mec_envs::units::{BytesPerSecond, Seconds};

const PAIRS: [(&str, &str); 3] =
    [("raspberry-pi-4", "xeon-6248"), ("phone", "nvidia-t4"), ("jetson-nano", "nvidia-a100")];

/// Work waiting at the server in the second table, s.
const BACKLOGS: [f64; 3] = [0.1, 0.3, 1.0];

const RIVALS: [Partitioner; 5] = [
    Partitioner::DeviceOnly,
    Partitioner::EdgeOnly,
    Partitioner::Neurosurgeon,
    Partitioner::Dads,
    Partitioner::DadsHeavy,
];

/// Uplinks of 0.5 to 890 Mbit/s, each 1.87 times the last.
fn states(backlogs: &[f64]) -> impl Iterator<Item = QueueState> {
    let rates = (0..=12).map(|step| 0.5 * 2_f64.powf(f64::from(step) * 0.9));
    rates.flat_map(move |mbit| {
        backlogs.iter().map(move |&backlog| QueueState {
            device_wait: Seconds::ZERO,
            uplink_wait: Seconds::ZERO,
            rate: BytesPerSecond::from_mbit(mbit),
            propagation: Seconds(0.002),
            server_wait: Seconds(backlog),
            return_time: Seconds(0.002),
        })
    })
}

/// Latency of the best of a frontier's cuts.
fn best(frontier: &Frontier, state: &QueueState) -> f64 {
    best_cut(frontier, 0, state).completion.min(local_choice(frontier, state.device_wait).completion).0
}

fn row(name: &str, backlogs: &[f64]) -> Result<String, Box<dyn std::error::Error>> {
    let graph = zoo::load(name)?;
    let mut losses = vec![0.0; 2 + RIVALS.len()];
    let mut count = 0.0;
    for (device, server) in PAIRS {
        let (device, server): (&Processor, &Processor) = (named(device)?, named(server)?);
        let problem = Problem::new(&graph, device, server);
        let kept = Frontier::new(&graph, device, &[server]);
        for state in states(backlogs) {
            let optimum = best(problem.frontier(), &state);
            losses[0] += best(&kept, &state) / optimum - 1.0;
            for (at, rival) in RIVALS.into_iter().chain([Partitioner::Exhaustive]).enumerate() {
                let split = rival.split(&problem, &state);
                losses[1 + at] += split.map_or(f64::NAN, |split| latency(&split.cost, &state).0 / optimum - 1.0);
            }
            count += 1.0;
        }
    }
    let cells = losses.iter().map(|loss| match 100.0 * loss / count {
        unknown if unknown.is_nan() => "not tried".to_owned(),
        percent => format!("{:.2} %", percent + 0.0),
    });
    Ok(format!("| {name} | {} |", cells.collect::<Vec<_>>().join(" | ")))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let names = RIVALS.map(Partitioner::name).join(" | ");
    for (title, backlogs) in [("Without load", &[0.0][..]), ("With 0.1, 0.3 and 1 s of work waiting", &BACKLOGS)] {
        println!("{title}:\n\n| network | cdlp, cuts within 1 % | {names} | exhaustive |");
        println!("|---|{}", "---:|".repeat(2 + RIVALS.len()));
        for name in zoo::names() {
            println!("{}", row(name, backlogs)?);
        }
        println!();
    }
    Ok(())
}
