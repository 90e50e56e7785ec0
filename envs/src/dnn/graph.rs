//! The layer graph: a validated directed acyclic graph in topological order.

use std::collections::{BTreeSet, HashMap};

use super::Layer;
use crate::units::{Bytes, Flop};

/// The name by which a [`Node`] reads the network's input.
pub const INPUT: &str = "input";

/// A layer with the names of what it reads: earlier layers, or [`INPUT`].
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The layer.
    pub layer: Layer,
    /// Names of the layers whose output it reads, and [`INPUT`] if it reads the network's input.
    pub inputs: Vec<String>,
}

/// Why a list of nodes is no layer graph.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GraphError {
    /// The graph has no layer.
    #[error("network {network:?}: it has no layer")]
    Empty {
        /// The network.
        network: String,
    },
    /// Two layers share a name, or a layer has the reserved name of the input.
    #[error(
        "network {network:?}, layer {layer:?}, field name: used twice (\"{INPUT}\" stands for the network's input)"
    )]
    DuplicateName {
        /// The network.
        network: String,
        /// The name.
        layer: String,
    },
    /// A layer reads something that does not exist.
    #[error("network {network:?}, layer {layer:?}, field inputs: no layer {input:?}; name a layer or \"{INPUT}\"")]
    UnknownInput {
        /// The network.
        network: String,
        /// The layer that reads.
        layer: String,
        /// What it reads.
        input: String,
    },
    /// A result does not exist.
    #[error("network {network:?}, field results: no layer {layer:?}")]
    UnknownResult {
        /// The network.
        network: String,
        /// The result.
        layer: String,
    },
    /// A layer reads nothing, so no path leads from the network's input to it.
    #[error("network {network:?}, layer {layer:?}, field inputs: empty, so the layer hangs in the air")]
    Disconnected {
        /// The network.
        network: String,
        /// The layer.
        layer: String,
    },
    /// A layer depends on its own output.
    #[error("network {network:?}, layer {layer:?}, field inputs: the layer depends on its own output")]
    Cycle {
        /// The network.
        network: String,
        /// One layer on a cycle or behind one.
        layer: String,
    },
    /// A number is negative, zero where something must flow, infinite or not a number.
    #[error("network {network:?}, {owner}, field {field}: {value} is not {accepted}")]
    Value {
        /// The network.
        network: String,
        /// `layer "name"`, or `the network itself`.
        owner: String,
        /// The field.
        field: &'static str,
        /// The value found.
        value: f64,
        /// What is accepted.
        accepted: &'static str,
    },
}

/// A network as a directed acyclic graph of layers in topological order.
///
/// Layers are addressed by their position in that order. Each layer makes one tensor, which any number of
/// layers may read; layers that nobody reads make the
/// network's result, besides those named.
///
/// # Example
/// ```
/// let alexnet = mec_envs::dnn::zoo::load("alexnet")?;
/// assert!((alexnet.flop().0 / 1e9 - 1.31).abs() < 0.01);
/// # Ok::<(), mec_envs::dnn::zoo::ZooError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LayerGraph {
    name: String,
    input_bytes: Bytes,
    layers: Vec<Layer>,
    predecessors: Vec<Vec<usize>>,
    successors: Vec<Vec<usize>>,
    reads_input: Vec<bool>,
    /// Layers that somebody reads and that are results all the same.
    results: BTreeSet<usize>,
}

impl LayerGraph {
    /// Checks the nodes and brings them into topological order (the given order where that is one already).
    ///
    /// # Errors
    /// A [`GraphError`] that names the layer and the field.
    ///
    /// # Complexity
    /// O(n log n + e) for n layers that read e tensors.
    pub fn new(name: impl Into<String>, input_bytes: Bytes, nodes: Vec<Node>) -> Result<Self, GraphError> {
        let name = name.into();
        check_sizes(&name, input_bytes, &nodes)?;
        let inputs = resolve(&name, &nodes)?;
        let order = topological_order(&inputs)
            .map_err(|at| GraphError::Cycle { network: name.clone(), layer: nodes[at].layer.name.clone() })?;
        let mut position = vec![0; nodes.len()];
        for (place, &node) in order.iter().enumerate() {
            position[node] = place;
        }
        let mut layers: Vec<Option<Layer>> = nodes.into_iter().map(|node| Some(node.layer)).collect();
        let mut graph = Self {
            name,
            input_bytes,
            layers: Vec::with_capacity(order.len()),
            predecessors: Vec::with_capacity(order.len()),
            successors: vec![Vec::new(); order.len()],
            reads_input: Vec::with_capacity(order.len()),
            results: BTreeSet::new(),
        };
        for (place, &node) in order.iter().enumerate() {
            let mut sources: Vec<usize> = inputs[node].layers.iter().map(|&source| position[source]).collect();
            sources.sort_unstable();
            sources.iter().for_each(|&source| graph.successors[source].push(place));
            graph.layers.extend(layers[node].take());
            graph.predecessors.push(sources);
            graph.reads_input.push(inputs[node].network);
        }
        Ok(graph)
    }

    /// The same network with these layers as results too, by name, although other layers read them.
    ///
    /// # Errors
    /// [`GraphError::UnknownResult`] if a layer does not exist.
    pub fn with_results(mut self, names: &[String]) -> Result<Self, GraphError> {
        for name in names {
            let unknown = || GraphError::UnknownResult { network: self.name.clone(), layer: name.clone() };
            let layer = self.layers.iter().position(|layer| &layer.name == name).ok_or_else(unknown)?;
            self.results.insert(layer);
        }
        Ok(self)
    }

    /// The same network with another input size, for example a picture that travels as JPEG.
    ///
    /// # Errors
    /// [`GraphError::Value`] if the size is not a positive finite number.
    pub fn with_input_bytes(mut self, input_bytes: Bytes) -> Result<Self, GraphError> {
        check_value(&self.name, None, "input_bytes", input_bytes.0, Sign::Positive)?;
        self.input_bytes = input_bytes;
        Ok(self)
    }

    /// Name of the network.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Size of the input as it is captured and would travel, B.
    pub fn input_bytes(&self) -> Bytes {
        self.input_bytes
    }

    /// The layers in topological order.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Number of layers, at least 1.
    #[allow(clippy::len_without_is_empty)] // a graph is never empty
    pub fn len(&self) -> usize {
        self.layers.len()
    }

    /// The layers that `layer` reads, ascending, each once.
    pub fn predecessors(&self, layer: usize) -> &[usize] {
        &self.predecessors[layer]
    }

    /// The layers that read `layer`, ascending, each once.
    pub fn successors(&self, layer: usize) -> &[usize] {
        &self.successors[layer]
    }

    /// Whether `layer` reads the network's input.
    pub fn reads_input(&self, layer: usize) -> bool {
        self.reads_input[layer]
    }

    /// Every pair (producer, consumer), ascending.
    pub fn edges(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.successors.iter().enumerate().flat_map(|(from, to)| to.iter().map(move |&to| (from, to)))
    }

    /// Bytes that `layer` reads: its predecessors' outputs, and the network's input if it reads that.
    pub fn bytes_read(&self, layer: usize) -> Bytes {
        let input = if self.reads_input[layer] { self.input_bytes } else { Bytes::ZERO };
        input + self.predecessors[layer].iter().map(|&source| self.layers[source].output_bytes).sum()
    }

    /// Work of one inference.
    pub fn flop(&self) -> Flop {
        self.layers.iter().map(|layer| layer.flop).sum()
    }

    /// Bytes of all parameters.
    pub fn param_bytes(&self) -> Bytes {
        self.layers.iter().map(|layer| layer.param_bytes).sum()
    }

    /// Bytes of the result: the outputs that no layer reads, and those named as results besides.
    pub fn output_bytes(&self) -> Bytes {
        let is_result = |layer: &usize| self.successors[*layer].is_empty() || self.results.contains(layer);
        (0..self.len()).filter(is_result).map(|layer| self.layers[layer].output_bytes).sum()
    }
}

/// What one node reads, by index.
struct Inputs {
    layers: Vec<usize>,
    network: bool,
}

fn resolve(network: &str, nodes: &[Node]) -> Result<Vec<Inputs>, GraphError> {
    let mut index = HashMap::new();
    for (at, node) in nodes.iter().enumerate() {
        let name = node.layer.name.as_str();
        if name == INPUT || index.insert(name, at).is_some() {
            return Err(GraphError::DuplicateName { network: network.into(), layer: name.into() });
        }
    }
    nodes.iter().map(|node| resolve_one(network, node, &index)).collect()
}

fn resolve_one(network: &str, node: &Node, index: &HashMap<&str, usize>) -> Result<Inputs, GraphError> {
    let layer = &node.layer.name;
    if node.inputs.is_empty() {
        return Err(GraphError::Disconnected { network: network.into(), layer: layer.clone() });
    }
    let mut layers = BTreeSet::new();
    for input in node.inputs.iter().filter(|input| *input != INPUT) {
        let source = index.get(input.as_str()).ok_or_else(|| GraphError::UnknownInput {
            network: network.into(),
            layer: layer.clone(),
            input: input.clone(),
        })?;
        layers.insert(*source);
    }
    Ok(Inputs { layers: layers.into_iter().collect(), network: node.inputs.iter().any(|input| input == INPUT) })
}

/// Kahn's algorithm, smallest index first; a node that cannot be placed is the error.
fn topological_order(inputs: &[Inputs]) -> Result<Vec<usize>, usize> {
    let mut readers = vec![Vec::new(); inputs.len()];
    let mut missing: Vec<usize> = inputs.iter().map(|input| input.layers.len()).collect();
    for (node, input) in inputs.iter().enumerate() {
        input.layers.iter().for_each(|&source| readers[source].push(node));
    }
    let mut ready: BTreeSet<usize> = (0..inputs.len()).filter(|&node| missing[node] == 0).collect();
    let mut order = Vec::with_capacity(inputs.len());
    while let Some(node) = ready.pop_first() {
        order.push(node);
        for &reader in &readers[node] {
            missing[reader] -= 1;
            if missing[reader] == 0 {
                ready.insert(reader);
            }
        }
    }
    match missing.iter().position(|&count| count > 0) {
        Some(stuck) => Err(stuck),
        None => Ok(order),
    }
}

#[derive(Clone, Copy)]
enum Sign {
    Positive,
    NotNegative,
}

fn check_sizes(network: &str, input_bytes: Bytes, nodes: &[Node]) -> Result<(), GraphError> {
    if nodes.is_empty() {
        return Err(GraphError::Empty { network: network.into() });
    }
    check_value(network, None, "input_bytes", input_bytes.0, Sign::Positive)?;
    for Node { layer, .. } in nodes {
        check_value(network, Some(layer), "flop", layer.flop.0, Sign::NotNegative)?;
        check_value(network, Some(layer), "param_bytes", layer.param_bytes.0, Sign::NotNegative)?;
        check_value(network, Some(layer), "output_bytes", layer.output_bytes.0, Sign::Positive)?;
    }
    Ok(())
}

fn check_value(
    network: &str,
    layer: Option<&Layer>,
    field: &'static str,
    value: f64,
    sign: Sign,
) -> Result<(), GraphError> {
    let (fits, accepted) = match sign {
        Sign::Positive => (value > 0.0, "a positive finite number"),
        Sign::NotNegative => (value >= 0.0, "zero or a positive finite number"),
    };
    if fits && value.is_finite() {
        return Ok(());
    }
    let owner = layer.map_or_else(|| "the network itself".into(), |layer| format!("layer {:?}", layer.name));
    Err(GraphError::Value { network: network.into(), owner, field, value, accepted })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dnn::LayerKind;

    fn node(name: &str, inputs: &[&str]) -> Node {
        let layer = Layer {
            name: name.into(),
            op: "Relu".into(),
            kind: LayerKind::Elementwise,
            flop: Flop(1.0),
            param_bytes: Bytes::ZERO,
            output_bytes: Bytes(4.0),
        };
        Node { layer, inputs: inputs.iter().map(ToString::to_string).collect() }
    }

    fn build(nodes: Vec<Node>) -> Result<LayerGraph, GraphError> {
        LayerGraph::new("toy", Bytes(8.0), nodes)
    }

    #[test]
    fn nodes_in_any_order_come_out_topologically() {
        let graph = build(vec![node("c", &["a", "b", "a"]), node("b", &["a", INPUT]), node("a", &[INPUT])]).unwrap();
        let names: Vec<&str> = graph.layers().iter().map(|layer| layer.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(graph.predecessors(2), [0, 1]);
        assert_eq!(graph.successors(0), [1, 2]);
        assert!(graph.reads_input(1) && !graph.reads_input(2));
        assert_eq!(graph.edges().collect::<Vec<_>>(), [(0, 1), (0, 2), (1, 2)]);
        assert_eq!(graph.bytes_read(1), Bytes(12.0));
        assert_eq!(graph.output_bytes(), Bytes(4.0));
    }

    #[test]
    fn a_graph_that_is_none_is_refused_by_name() {
        let error = |nodes| build(nodes).unwrap_err().to_string();
        assert!(error(vec![]).contains("no layer"));
        assert!(error(vec![node("a", &[INPUT]), node("a", &[INPUT])]).contains("\"a\", field name: used twice"));
        assert!(error(vec![node(INPUT, &[INPUT])]).contains("used twice"));
        assert!(error(vec![node("a", &["x"])]).contains("layer \"a\", field inputs: no layer \"x\""));
        assert!(error(vec![node("a", &[])]).contains("hangs in the air"));
        assert!(error(vec![node("a", &["b"]), node("b", &["a"])]).contains("depends on its own output"));
        assert!(error(vec![node("a", &["a"])]).contains("depends on its own output"));
    }

    #[test]
    fn a_size_that_is_none_is_refused_by_field() {
        for (value, bad) in [(f64::NAN, true), (0.0, true), (-1.0, true), (f64::INFINITY, true), (1.0, false)] {
            let mut nodes = vec![node("a", &[INPUT])];
            nodes[0].layer.output_bytes = Bytes(value);
            assert_eq!(build(nodes).is_err(), bad, "{value}");
        }
        let mut nodes = vec![node("a", &[INPUT])];
        nodes[0].layer.flop = Flop(-1.0);
        let error = build(nodes).unwrap_err().to_string();
        assert!(error.contains("layer \"a\", field flop: -1 is not zero or a positive"), "{error}");
        let graph = build(vec![node("a", &[INPUT])]).unwrap();
        assert!(graph.with_input_bytes(Bytes::ZERO).is_err());
    }
}
