//! Where to cut one network, by CDLP and its rivals.

use std::path::Path;

use mec_gym::envs::dnn::{LayerGraph, zoo};
use mec_gym::envs::onnx::{OnnxFile, ProfileOptions};
use mec_gym::envs::partition::{Partitioner, Problem, QueueState, Split, latency};
use mec_gym::envs::processor::{self, named};
use mec_gym::envs::units::{BytesPerSecond, Seconds};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors;

/// The layer graph of a network by name, of a profile, or of an ONNX file.
fn graph(network: &str, dims: &[(String, u32)]) -> PyResult<LayerGraph> {
    if !network.ends_with(".onnx") {
        return zoo::load(network).map_err(errors::value);
    }
    std::fs::metadata(network).map_err(errors::unreadable(Path::new(network)))?;
    let file = OnnxFile::open(Path::new(network)).and_then(|file| file.with_dims(dims)).map_err(errors::value)?;
    let profile = file.profile(&ProfileOptions::default()).map_err(errors::value)?;
    profile.graph(network).map_err(errors::value)
}

/// The names of the networks that ship.
#[pyfunction]
pub fn networks() -> Vec<&'static str> {
    zoo::names().collect()
}

/// The names of the processors that ship.
#[pyfunction]
pub fn processors() -> Vec<String> {
    processor::catalogue().iter().map(|processor| processor.name.clone()).collect()
}

/// Cuts a network between a device and a server, for an uplink in bytes/s and seconds of work that wait at the server.
#[pyfunction]
pub fn partition<'py>(
    py: Python<'py>,
    network: &str,
    processors: (String, String),
    link: (f64, f64),
    dims: Vec<(String, u32)>,
) -> PyResult<Bound<'py, PyDict>> {
    let ((device, server), (rate, backlog)) = (processors, link);
    let place = |name: &'static str| move |error| errors::value(format!("{name}: {error}"));
    let graph = py.detach(|| graph(network, &dims))?;
    let (device, server) = (named(&device).map_err(place("device"))?, named(&server).map_err(place("server"))?);
    let state = QueueState {
        device_wait: Seconds::ZERO,
        uplink_wait: Seconds::ZERO,
        rate: BytesPerSecond(rate),
        propagation: Seconds::ZERO,
        server_wait: Seconds(backlog),
        // The result returns at the rate of the uplink.
        return_time: graph.output_bytes() / BytesPerSecond(rate),
    };
    let (split, rivals) = py.detach(|| {
        let problem = Problem::new(&graph, device, server);
        let rivals: Vec<(&str, Option<f64>)> = Partitioner::ALL
            .iter()
            .filter(|scheme| **scheme != Partitioner::Cdlp)
            .map(|scheme| (scheme.name(), scheme.split(&problem, &state).map(|split| latency(&split.cost, &state).0)))
            .collect();
        (Partitioner::Cdlp.split(&problem, &state), rivals)
    });
    let split = split.ok_or_else(|| errors::runtime("CDLP found no cut"))?;
    describe(py, &graph, &split, &state, rivals)
}

/// What a cut costs, and what the others would.
fn describe<'py>(
    py: Python<'py>,
    graph: &LayerGraph,
    Split { cut, cost }: &Split,
    state: &QueueState,
    rivals: Vec<(&str, Option<f64>)>,
) -> PyResult<Bound<'py, PyDict>> {
    let (transfer, local) = (cost.upload / state.rate, cut.is_local());
    let arrival = cost.device + transfer;
    let wait = if local { Seconds::ZERO } else { arrival.max(state.server_wait) - arrival };
    let layers = graph.layers().iter().zip(cut.on_device());
    let answer = PyDict::new(py);
    answer.set_item("network", graph.name())?;
    answer.set_item(
        "device_layers",
        layers.filter(|(_, kept)| **kept).map(|(layer, _)| &layer.name[..]).collect::<Vec<_>>(),
    )?;
    answer.set_item("layers", graph.len())?;
    answer.set_item("bytes", cost.upload.0)?;
    answer.set_item("device_s", cost.device.0)?;
    answer.set_item("transfer_s", transfer.0)?;
    answer.set_item("wait_s", wait.0)?;
    answer.set_item("server_s", cost.edge.0)?;
    answer.set_item("return_s", if local { 0.0 } else { state.return_time.0 })?;
    answer.set_item("total_s", latency(cost, state).0)?;
    let others = PyDict::new(py);
    for (name, total) in rivals {
        others.set_item(name, total)?;
    }
    answer.set_item("rivals", others)?;
    Ok(answer)
}
