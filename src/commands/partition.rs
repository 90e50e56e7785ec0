//! `partition`.

use std::fmt::Write;
use std::process::ExitCode;

use anyhow::{Context, bail};
use mec_envs::dnn::{LayerGraph, zoo};
use mec_envs::partition::{Choice, CutCost, Frontier, IdleSystem, QueueState, best_cut, local_choice};
use mec_envs::partition::{dads, device_only, edge_only, neurosurgeon};
use mec_envs::processor::{Processor, named};
use mec_envs::units::{BytesPerSecond, Seconds};
use serde_json::{Map, Value, json};

use super::{print, print_json};
use crate::cli::PartitionArgs;

/// A network between two processors, over a link, at a server with work waiting.
struct Question {
    graph: LayerGraph,
    device: Processor,
    server: Processor,
    rate: BytesPerSecond,
    backlog: Seconds,
}

/// CDLP's answer.
struct Answer {
    device_layers: Vec<usize>,
    bytes: f64,
    device_s: f64,
    transfer_s: f64,
    wait_s: f64,
    edge_s: f64,
    return_s: f64,
    total_s: f64,
}

/// Cuts one network.
pub fn run(args: &PartitionArgs) -> anyhow::Result<ExitCode> {
    if !(args.backlog.is_finite() && args.backlog >= 0.0) {
        bail!("--backlog is {}; accepted is a number of seconds, 0 or more", args.backlog);
    }
    let question = Question {
        graph: zoo::load(&args.model)?,
        device: named(&args.device).context("--device")?.clone(),
        server: named(&args.server).context("--server")?.clone(),
        rate: parse_rate(&args.rate)?,
        backlog: Seconds(args.backlog),
    };
    let answer = question.answer();
    if args.json {
        print_json(&question.json(&answer, args.layers))
    } else {
        print(&question.text(&answer, args.layers)?)
    }
}

impl Question {
    fn state(&self) -> QueueState {
        QueueState {
            device_wait: Seconds::ZERO,
            uplink_wait: Seconds::ZERO,
            rate: self.rate,
            propagation: Seconds::ZERO,
            server_wait: self.backlog,
            return_time: self.return_time(),
        }
    }

    /// The result returns at the rate of the uplink.
    fn return_time(&self) -> Seconds {
        self.graph.output_bytes() / self.rate
    }

    fn answer(&self) -> Answer {
        let frontier = Frontier::new(&self.graph, &self.device, &[&self.server]);
        let split = best_cut(&frontier, 0, &self.state());
        let local = local_choice(&frontier, Seconds::ZERO);
        let is_local = local.completion <= split.completion;
        let Choice { candidate, device_end, upload_end, server_start, completion } =
            if is_local { local } else { split };
        let kept = frontier.cut(candidate).on_device();
        Answer {
            device_layers: (0..self.graph.len()).filter(|&layer| kept[layer]).collect(),
            bytes: frontier.upload(candidate).0,
            device_s: device_end.0,
            transfer_s: (upload_end - device_end).0,
            wait_s: (server_start - upload_end).0,
            edge_s: frontier.edge_time(candidate, 0).0,
            return_s: if is_local { 0.0 } else { self.return_time().0 },
            total_s: completion.0,
        }
    }

    /// What each rival's cut, chosen for an idle system, costs in the present state.
    fn rivals(&self) -> [(&'static str, f64); 4] {
        let idle = IdleSystem { rate: self.rate, propagation: Seconds::ZERO, return_time: self.return_time() };
        let (graph, device, server) = (&self.graph, &self.device, &self.server);
        [
            ("device-only", self.total(&device_only(graph, device, server).cost)),
            ("edge-only", self.total(&edge_only(graph, device, server).cost)),
            ("neurosurgeon", self.total(&neurosurgeon(graph, device, server, &idle).cost)),
            ("dads", self.total(&dads(graph, device, server, &idle).cost)),
        ]
    }

    fn total(&self, cost: &CutCost) -> f64 {
        if cost.upload.0 == 0.0 {
            return cost.device.0;
        }
        let arrival = cost.device + cost.upload / self.rate;
        (arrival.max(self.backlog) + cost.edge + self.return_time()).0
    }

    fn json(&self, answer: &Answer, layers: bool) -> Value {
        let rivals: Map<String, Value> =
            self.rivals().into_iter().map(|(name, total)| (name.to_owned(), total.into())).collect();
        let mut value = json!({
            "model": self.graph.name(),
            "input_bytes": self.graph.input_bytes(),
            "cut": { "device_layers": answer.device_layers, "bytes": answer.bytes },
            "device_s": answer.device_s,
            "transfer_s": answer.transfer_s,
            "wait_s": answer.wait_s,
            "edge_s": answer.edge_s,
            "return_s": answer.return_s,
            "total_s": answer.total_s,
            "rivals": rivals,
        });
        if layers {
            let times = |id: usize| {
                let (device, server) =
                    (self.device.layer_time(&self.graph, id), self.server.layer_time(&self.graph, id));
                json!({ "id": id, "device_s": device, "edge_s": server })
            };
            value["layers"] = (0..self.graph.len()).map(times).collect();
        }
        value
    }

    fn text(&self, answer: &Answer, layers: bool) -> anyhow::Result<String> {
        let mut text = String::new();
        let (kept, all) = (answer.device_layers.len(), self.graph.len());
        writeln!(
            text,
            "{}: {kept} of {all} layers on the {}, the rest on the {}",
            self.graph.name(),
            self.device.name,
            self.server.name
        )?;
        if let (true, Some(last)) = (kept < all, answer.device_layers.last()) {
            writeln!(text, "cut after layer {last} ({})", self.graph.layers()[*last].name)?;
        }
        let parts = [
            ("device", answer.device_s),
            ("transfer", answer.transfer_s),
            ("wait", answer.wait_s),
            ("edge", answer.edge_s),
            ("return", answer.return_s),
            ("total", answer.total_s),
        ];
        for (part, seconds) in parts {
            let bytes = if part == "transfer" { format!("  {:.0} B", answer.bytes) } else { String::new() };
            writeln!(text, "  {part:<10} {:>10.3} ms{bytes}", seconds * 1e3)?;
        }
        writeln!(text, "rivals, their cuts chosen for an idle system:")?;
        for (name, total) in self.rivals() {
            writeln!(
                text,
                "  {name:<14} {:>10.3} ms  ({:+.1} %)",
                total * 1e3,
                100.0 * (total / answer.total_s - 1.0)
            )?;
        }
        if layers {
            writeln!(text, "{:>4} {:<28} {:>11} {:>11}  side", "id", "layer", "device ms", "edge ms")?;
            for (id, layer) in self.graph.layers().iter().enumerate() {
                let (device, server) =
                    (self.device.layer_time(&self.graph, id), self.server.layer_time(&self.graph, id));
                let side = if answer.device_layers.contains(&id) { "device" } else { "edge" };
                writeln!(text, "{id:>4} {:<28} {:>11.4} {:>11.4}  {side}", layer.name, device.0 * 1e3, server.0 * 1e3)?;
            }
        }
        Ok(text)
    }
}

/// A rate with its unit.
fn parse_rate(text: &str) -> anyhow::Result<BytesPerSecond> {
    const UNITS: [(&str, f64); 7] = [
        ("kbit/s", 1e3 / 8.0),
        ("Mbit/s", 1e6 / 8.0),
        ("Gbit/s", 1e9 / 8.0),
        ("kB/s", 1e3),
        ("MB/s", 1e6),
        ("GB/s", 1e9),
        ("B/s", 1.0),
    ];
    let parsed = UNITS.iter().find_map(|(unit, factor)| {
        let number: f64 = text.trim().strip_suffix(unit)?.trim().parse().ok()?;
        Some(number * factor)
    });
    match parsed.filter(|rate| rate.is_finite() && *rate > 0.0) {
        Some(rate) => Ok(BytesPerSecond(rate)),
        None => bail!(
            "--rate is {text:?}; accepted is a number above 0 with one of {}, for example 20Mbit/s",
            UNITS.map(|(unit, _)| unit).join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_need_a_number_above_zero_and_a_unit() {
        assert_eq!(parse_rate("20Mbit/s").unwrap(), BytesPerSecond(2.5e6));
        assert_eq!(parse_rate("1.5 MB/s").unwrap(), BytesPerSecond(1.5e6));
        for wrong in ["20", "-1Mbit/s", "0B/s", "fastMbit/s", "nanB/s"] {
            assert!(parse_rate(wrong).unwrap_err().to_string().contains("accepted"), "{wrong}");
        }
    }
}
