//! The nodes that run at inference, as layers.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::NodeProto;

use super::file::node_name;
use super::shapes::{Fact, Facts};
use super::work::Work;
use super::{OnnxError, OnnxFile};
use crate::dnn::{INPUT, LayerKind, ProfileLayer};
use crate::units::{Bytes, Flop};

/// Operators that do nothing at inference: their readers read what they read.
const NO_OP: [&str; 2] = ["Dropout", "Identity"];

/// The layers of a file, and which makes which tensor.
#[derive(Debug)]
pub(super) struct Layers {
    /// In the order of the file; so is the layer graph's.
    pub(super) list: Vec<ProfileLayer>,
    /// For each tensor that a layer makes the layer's place in the list.
    pub(super) maker: HashMap<String, usize>,
    /// For each tensor that a node without work passes on, the tensor that it reads.
    alias: HashMap<String, String>,
}

impl Layers {
    /// The tensor behind nodes that pass it on as it is.
    pub(super) fn resolve<'a>(&'a self, mut tensor: &'a str) -> &'a str {
        while let Some(behind) = self.alias.get(tensor) {
            tensor = behind;
        }
        tensor
    }

    /// The layers of `onnx`; operators in `zero_ops` count as no work where they are not known.
    pub(super) fn of(onnx: &OnnxFile, facts: &Facts, zero_ops: &[String]) -> Result<Self, OnnxError> {
        let mut builder = Builder::new(onnx, facts, zero_ops)?;
        let live = builder.live();
        for (at, node) in onnx.graph.node.iter().enumerate().filter(|(at, _)| live.contains(at)) {
            builder.add(at, node)?;
        }
        match zero_ops.iter().find(|op| !builder.zeroed.contains(*op)) {
            Some(op) => Err(OnnxError::NoSuchOp { file: onnx.file.clone(), op: op.clone() }),
            None => Ok(builder.layers),
        }
    }
}

struct Builder<'a> {
    onnx: &'a OnnxFile,
    facts: &'a Facts,
    zero_ops: &'a [String],
    /// Tensors that follow from stored ones and shapes alone.
    constants: HashSet<&'a str>,
    inputs: HashSet<&'a str>,
    layers: Layers,
    names: HashSet<String>,
    count: HashMap<&'a str, usize>,
    zeroed: HashSet<String>,
}

impl<'a> Builder<'a> {
    fn new(onnx: &'a OnnxFile, facts: &'a Facts, zero_ops: &'a [String]) -> Result<Self, OnnxError> {
        let graph = &onnx.graph;
        let mut builder = Self {
            onnx,
            facts,
            zero_ops,
            constants: graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect(),
            inputs: graph.input.iter().map(|input| input.name.as_str()).collect(),
            layers: Layers { list: Vec::new(), maker: HashMap::new(), alias: HashMap::new() },
            names: HashSet::from([INPUT.to_owned()]),
            count: HashMap::new(),
            zeroed: HashSet::new(),
        };
        for node in &graph.node {
            let known = |output: &&String| facts.find(output).is_some_and(|fact| fact.value.is_some());
            if builder.activations(node).next().is_none() {
                builder.constants.extend(node.output.iter().map(String::as_str));
            } else {
                builder.constants.extend(node.output.iter().filter(known).map(String::as_str));
                if NO_OP.contains(&node.op_type.as_str()) {
                    builder.layers.alias.insert(node.output[0].clone(), node.input[0].clone());
                }
            }
        }
        Ok(builder)
    }

    /// What a node reads that is neither stored nor follows from stored tensors and shapes.
    fn activations<'b>(&'b self, node: &'a NodeProto) -> impl Iterator<Item = &'a str> + 'b {
        let names = node.input.iter().map(String::as_str);
        names.filter(|name| !name.is_empty() && !self.constants.contains(name))
    }

    /// The nodes that outputs of the network depend on.
    fn live(&self) -> HashSet<usize> {
        let nodes = &self.onnx.graph.node;
        let mut wanted: HashSet<&str> = self.onnx.graph.output.iter().map(|output| output.name.as_str()).collect();
        let mut live = HashSet::new();
        for (at, node) in nodes.iter().enumerate().rev() {
            let makes = |output: &String| wanted.contains(output.as_str()) && !self.constants.contains(output.as_str());
            if node.output.iter().any(makes) {
                live.insert(at);
                wanted.extend(self.activations(node));
            }
        }
        live
    }

    fn add(&mut self, at: usize, node: &'a NodeProto) -> Result<(), OnnxError> {
        if self.layers.alias.contains_key(&node.output[0]) {
            return Ok(());
        }
        let used: Vec<&String> = node.output.iter().filter(|output| self.is_read(output)).collect();
        let layer = self.layer(at, node, &used)?;
        if node.op_type == "Split" && used.len() > 1 {
            // Each part is a layer of its own: a reader of one part need not wait for, or send, the others.
            for (part, output) in used.into_iter().enumerate() {
                let output_bytes = Bytes(self.facts.get(self.onnx, output, at)?.size());
                let name = self.unique(format!("{}_{part}", layer.name));
                self.push(ProfileLayer { name, output_bytes, ..layer.clone() }, [output]);
            }
        } else {
            let name = self.unique(layer.name.clone());
            self.push(ProfileLayer { name, ..layer }, used);
        }
        Ok(())
    }

    fn push<'b>(&mut self, layer: ProfileLayer, outputs: impl IntoIterator<Item = &'b String>) {
        let place = self.layers.list.len();
        self.layers.maker.extend(outputs.into_iter().map(|output| (output.clone(), place)));
        self.layers.list.push(layer);
    }

    fn layer(&mut self, at: usize, node: &'a NodeProto, used: &[&String]) -> Result<ProfileLayer, OnnxError> {
        let onnx = self.onnx;
        let mut outputs = Vec::new();
        for output in used {
            outputs.push(self.facts.get(onnx, output, at)?);
        }
        let first = outputs.first().copied().ok_or_else(|| self.no_count(at, node))?;
        let inputs = node.input.iter().map(|input| self.facts.find(input)).collect();
        let weights: Vec<&Fact> = self.weights(node);
        let work = Work { node, inputs, output: first, weights: total(&weights, Fact::elements) };
        let (kind, flop) = match work.kind() {
            Some(kind) => (kind, work.flop().ok_or_else(|| self.no_count(at, node))?),
            None if self.zero_ops.contains(&node.op_type) => {
                self.zeroed.insert(node.op_type.clone());
                (LayerKind::Movement, 0.0)
            }
            None => {
                let (file, op) = (onnx.file.clone(), node.op_type.clone());
                return Err(OnnxError::UnknownOp { file, node: node_name(at, node), op });
            }
        };
        Ok(ProfileLayer {
            name: self.base_name(node),
            op: node.op_type.clone(),
            kind: (LayerKind::of_op(&node.op_type) != Some(kind)).then_some(kind),
            inputs: self.sources(node),
            flop: Flop(flop),
            param_bytes: Bytes(total(&weights, Fact::size)),
            output_bytes: Bytes(total(&outputs, Fact::size)),
        })
    }

    /// The weights that a node reads, each once; numbers that are no indices.
    fn weights(&self, node: &'a NodeProto) -> Vec<&'a Fact> {
        let mut seen = HashSet::new();
        let names = node.input.iter().map(String::as_str);
        let constants = names.filter(|name| self.constants.contains(name) && seen.insert(*name));
        constants.filter_map(|name| self.facts.find(name)).filter(|fact| !fact.is_indices()).collect()
    }

    /// The layers that a node reads, each once, in the order of its inputs.
    fn sources(&self, node: &'a NodeProto) -> Vec<String> {
        let mut sources = Vec::new();
        for tensor in self.activations(node) {
            let tensor = self.layers.resolve(tensor);
            let source = match self.layers.maker.get(tensor) {
                Some(&place) => self.layers.list[place].name.clone(),
                None if self.inputs.contains(tensor) => INPUT.to_owned(),
                None => continue,
            };
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
        sources
    }

    /// Whether a node or the result reads a tensor.
    fn is_read(&self, tensor: &str) -> bool {
        let graph = &self.onnx.graph;
        !tensor.is_empty()
            && (graph.output.iter().any(|output| output.name == tensor)
                || graph.node.iter().any(|node| node.input.iter().any(|input| input == tensor)))
    }

    /// The node's own name, or its operator and running number.
    fn base_name(&mut self, node: &'a NodeProto) -> String {
        let count = self.count.entry(node.op_type.as_str()).or_default();
        *count += 1;
        if node.name.is_empty() { format!("{}_{count}", node.op_type.to_lowercase()) } else { node.name.clone() }
    }

    fn unique(&mut self, name: String) -> String {
        let mut candidate = name.clone();
        let mut number = 1;
        while !self.names.insert(candidate.clone()) {
            number += 1;
            candidate = format!("{name}_{number}");
        }
        candidate
    }

    fn no_count(&self, at: usize, node: &NodeProto) -> OnnxError {
        OnnxError::NoShape {
            file: self.onnx.file.clone(),
            node: node_name(at, node),
            tensor: node.output.first().cloned().unwrap_or_default(),
            message: "an input that its work depends on is missing, or of another rank than its operator's".into(),
        }
    }
}

/// A fold from zero: the sum of no numbers is -0.0.
fn total(facts: &[&Fact], number: impl Fn(&Fact) -> f64) -> f64 {
    facts.iter().fold(0.0, |sum, fact| sum + number(fact))
}
