//! `partition`.

use std::fmt::Write;
use std::process::ExitCode;

use anyhow::{Context, bail};
use mec_envs::dnn::{LayerGraph, zoo};
use mec_envs::partition::{Cut, Frontier, Partitioner, Problem, QueueState, Split, latency};
use mec_envs::processor::{Processor, named};
use mec_envs::units::{BytesPerSecond, Seconds};
use mec_experiments::plot::PartitionFigure;
use serde_json::{Map, Value, json};

use super::picture::PictureFile;
use super::{print, print_json};
use crate::cli::PartitionArgs;

/// Rates of the plot, Mbit/s: from the first to the last, each this many times the one before.
const PLOT_RATES: (f64, f64, f64) = (0.1, 1000.0, 1.122_018_454_301_963_3);

/// A network between two processors, over a link, at a server with work waiting.
struct Question<'a> {
    graph: &'a LayerGraph,
    device: &'a Processor,
    server: &'a Processor,
    rate: BytesPerSecond,
    backlog: Seconds,
    problem: Problem<'a>,
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
    let picture = args.plot.as_deref().map(|path| PictureFile::named("--plot", path)).transpose()?;
    let graph = zoo::load(&args.model)?;
    let (device, server) = (named(&args.device).context("--device")?, named(&args.server).context("--server")?);
    let (rate, backlog) = (parse_rate(&args.rate)?, Seconds(args.backlog));
    let problem = Problem::new(&graph, device, server);
    let question = Question { graph: &graph, device, server, rate, backlog, problem };
    let answer = question.answer()?;
    if let Some(picture) = picture {
        picture.draw(&question.figure(&args.rate)?)?;
    }
    if args.json {
        print_json(&question.json(&answer, args.layers))
    } else {
        print(&question.text(&answer, args.layers)?)
    }
}

impl Question<'_> {
    fn state(&self, rate: BytesPerSecond) -> QueueState {
        QueueState {
            device_wait: Seconds::ZERO,
            uplink_wait: Seconds::ZERO,
            rate,
            propagation: Seconds::ZERO,
            server_wait: self.backlog,
            // The result returns at the rate of the uplink.
            return_time: self.graph.output_bytes() / rate,
        }
    }

    /// CDLP's choice at a rate.
    fn choice(&self, rate: BytesPerSecond) -> anyhow::Result<Split> {
        Partitioner::Cdlp.split(&self.problem, &self.state(rate)).context("CDLP has an answer to everything")
    }

    fn answer(&self) -> anyhow::Result<Answer> {
        let state = self.state(self.rate);
        let Split { cut, cost } = self.choice(self.rate)?;
        let (transfer, total) = (cost.upload / self.rate, latency(&cost, &state));
        let arrival = cost.device + transfer;
        let wait = if cut.is_local() { Seconds::ZERO } else { arrival.max(self.backlog) - arrival };
        Ok(Answer {
            device_layers: (0..self.graph.len()).filter(|&layer| cut.on_device()[layer]).collect(),
            bytes: cost.upload.0,
            device_s: cost.device.0,
            transfer_s: transfer.0,
            wait_s: wait.0,
            edge_s: cost.edge.0,
            return_s: if cut.is_local() { 0.0 } else { state.return_time.0 },
            total_s: total.0,
        })
    }

    /// What each rival's cut costs in the present state; none for a search that is too long.
    fn rivals(&self) -> Vec<(&'static str, Option<f64>)> {
        let state = self.state(self.rate);
        let rivals = Partitioner::ALL.into_iter().filter(|scheme| *scheme != Partitioner::Cdlp);
        let total = |split: Split| latency(&split.cost, &state).0;
        rivals.map(|scheme| (scheme.name(), scheme.split(&self.problem, &state).map(total))).collect()
    }

    /// Latency over cuts at the rate asked for, and over rates.
    fn figure(&self, rate: &str) -> anyhow::Result<PartitionFigure> {
        let state = self.state(self.rate);
        let point = |cut: Cut| {
            let Split { cut, cost } = self.problem.split(cut);
            (cut.device_layers() as f64, latency(&cost, &state).0)
        };
        // The exact frontier of a chain has every cut: dots show the few that make a difference.
        let frontier = Frontier::new(self.graph, self.device, &[self.server]);
        let (first, last, factor) = PLOT_RATES;
        let rates: Vec<f64> =
            std::iter::successors(Some(first), |rate| (rate * factor < last * 1.001).then_some(rate * factor))
                .collect();
        let line = |scheme: Partitioner| {
            let at = |&mbit: &f64| {
                let state = self.state(BytesPerSecond::from_mbit(mbit));
                let split = scheme.split(&self.problem, &state)?;
                Some((mbit, latency(&split.cost, &state).0))
            };
            (scheme.name().to_owned(), rates.iter().filter_map(at).collect())
        };
        // What exhaustive search finds is CDLP's line again.
        let schemes = Partitioner::ALL.into_iter().filter(|scheme| *scheme != Partitioner::Exhaustive);
        let backlog = self.backlog.0;
        Ok(PartitionFigure {
            title: format!("Where to cut {}", self.graph.name()),
            note: format!(
                "from {} to {}, with {backlog} s of work waiting at the server",
                self.device.name, self.server.name
            ),
            rate: rate.trim().to_owned(),
            prefixes: (0..=self.graph.len()).map(|layers| point(Cut::prefix(self.graph, layers))).collect(),
            candidates: (0..frontier.len()).map(|at| point(frontier.cut(at).clone())).collect(),
            chosen: point(self.choice(self.rate)?.cut),
            schemes: schemes.map(line).collect(),
        })
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
                let (device, server) = self.layer_times(id);
                json!({ "id": id, "device_s": device, "edge_s": server })
            };
            value["layers"] = (0..self.graph.len()).map(times).collect();
        }
        value
    }

    /// Time of a layer on both sides.
    fn layer_times(&self, id: usize) -> (Seconds, Seconds) {
        (self.device.layer_time(self.graph, id), self.server.layer_time(self.graph, id))
    }

    fn text(&self, answer: &Answer, layers: bool) -> anyhow::Result<String> {
        let mut text = String::new();
        let (kept, all) = (answer.device_layers.len(), self.graph.len());
        let (network, device, server) = (self.graph.name(), &self.device.name, &self.server.name);
        match kept {
            0 => writeln!(text, "{network}: all {all} layers on the {server}")?,
            _ if kept == all => writeln!(text, "{network}: all {all} layers on the {device}")?,
            _ => writeln!(text, "{network}: {kept} of {all} layers on the {device}, the rest on the {server}")?,
        }
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
        self.write_rivals(answer, &mut text)?;
        if layers {
            self.write_layers(answer, &mut text)?;
        }
        Ok(text)
    }

    fn write_rivals(&self, answer: &Answer, text: &mut String) -> std::fmt::Result {
        writeln!(text, "rivals (all but exhaustive choose for a system without load):")?;
        for (name, total) in self.rivals() {
            match total {
                Some(total) => {
                    let more = 100.0 * (total / answer.total_s - 1.0);
                    writeln!(text, "  {name:<14} {:>10.3} ms  ({more:+.1} %)", total * 1e3)?;
                }
                None => writeln!(text, "  {name:<14} too many cuts to try each")?,
            }
        }
        Ok(())
    }

    fn write_layers(&self, answer: &Answer, text: &mut String) -> std::fmt::Result {
        writeln!(text, "{:>4} {:<28} {:>11} {:>11}  side", "id", "layer", "device ms", "edge ms")?;
        for (id, layer) in self.graph.layers().iter().enumerate() {
            let (device, server) = self.layer_times(id);
            let side = if answer.device_layers.contains(&id) { "device" } else { "edge" };
            writeln!(text, "{id:>4} {:<28} {:>11.4} {:>11.4}  {side}", layer.name, device.0 * 1e3, server.0 * 1e3)?;
        }
        Ok(())
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
