//! `models`.

use std::fmt::Write;
use std::process::ExitCode;

use mec_envs::dnn::zoo;
use mec_envs::partition::{ModelSummary, REFERENCE_DEVICE, REFERENCE_SERVER, summarise};
use serde_json::json;

use super::{print, print_json};

/// Lists the networks, or shows one.
pub fn run(name: Option<&str>, json: bool) -> anyhow::Result<ExitCode> {
    match name {
        Some(name) => show(name, json),
        None => list(json),
    }
}

fn list(json: bool) -> anyhow::Result<ExitCode> {
    let mut summaries = Vec::new();
    for name in zoo::names() {
        summaries.push(summarise(&zoo::load(name)?)?);
    }
    if json { print_json(&summaries) } else { print(&table(&summaries)?) }
}

fn table(summaries: &[ModelSummary]) -> anyhow::Result<String> {
    let mut text = format!(
        "{:<18} {:>6} {:>8} {:>10} {:>12} {:>8} {:>11}\n",
        "network", "layers", "GFLOP", "params MB", "input bytes", "cuts", "candidates"
    );
    for summary in summaries {
        let cuts = summary.cuts.map_or_else(|| "unknown".to_owned(), |cuts| cuts.to_string());
        writeln!(
            text,
            "{:<18} {:>6} {:>8.2} {:>10.1} {:>12} {:>8} {:>11}",
            summary.name,
            summary.layers,
            summary.gflop,
            summary.params_mb,
            summary.input_bytes.0,
            cuts,
            summary.candidates
        )?;
    }
    writeln!(text, "\nCandidates are the cuts left after pruning, from {REFERENCE_DEVICE} to {REFERENCE_SERVER}.")?;
    Ok(text)
}

fn show(name: &str, json: bool) -> anyhow::Result<ExitCode> {
    let graph = zoo::load(name)?;
    if json {
        let layer = |(id, layer): (usize, &mec_envs::dnn::Layer)| {
            json!({
                "id": id, "name": layer.name, "op": layer.op, "flop": layer.flop,
                "param_bytes": layer.param_bytes, "output_bytes": layer.output_bytes,
            })
        };
        return print_json(&json!({
            "name": graph.name(),
            "input_bytes": graph.input_bytes(),
            "layers": graph.layers().iter().enumerate().map(layer).collect::<Vec<_>>(),
            "edges": graph.edges().map(|(from, to)| [from, to]).collect::<Vec<_>>(),
            "reads_input": (0..graph.len()).filter(|&layer| graph.reads_input(layer)).collect::<Vec<_>>(),
        }));
    }
    let mut text = format!(
        "{:>4} {:<28} {:<20} {:>10} {:>11} {:>11}  from\n",
        "id", "layer", "operator", "MFLOP", "params kB", "output kB"
    );
    for (id, layer) in graph.layers().iter().enumerate() {
        let mut from: Vec<String> = graph.predecessors(id).iter().map(usize::to_string).collect();
        if graph.reads_input(id) {
            from.insert(0, "input".to_owned());
        }
        writeln!(
            text,
            "{id:>4} {:<28} {:<20} {:>10.2} {:>11.1} {:>11.1}  {}",
            layer.name,
            layer.op,
            layer.flop.0 / 1e6,
            layer.param_bytes.0 / 1e3,
            layer.output_bytes.0 / 1e3,
            from.join(",")
        )?;
    }
    print(&text)
}
