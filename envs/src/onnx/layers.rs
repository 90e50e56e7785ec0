//! The nodes that run at inference, as layers.

use std::collections::{BTreeSet, HashMap, HashSet};

use tract_onnx::pb::{NodeProto, ValueInfoProto};

use super::operator::{known_kind, node_name, operator, reads};
use super::shapes::{Fact, Facts};
use super::work::Work;
use super::{OnnxError, OnnxFile};
use crate::dnn::{INPUT, LayerKind, ProfileLayer};
use crate::units::{Bytes, Flop};

/// Operators that do nothing at inference: their readers read what they read.
const NO_OP: [&str; 2] = ["Dropout", "Identity"];

/// Operators that run graphs of their own.
const CONTROL_FLOW: [&str; 4] = ["If", "Loop", "Scan", "SequenceMap"];

/// The layers of a file, and which makes which tensor.
#[derive(Debug)]
pub(super) struct Layers {
    /// In the order of the file; so is the layer graph's.
    pub(super) list: Vec<ProfileLayer>,
    /// For each tensor that a layer makes the layer's place in the list.
    pub(super) maker: HashMap<String, usize>,
    /// For each tensor that a node without work passes on, the tensor that it reads.
    alias: HashMap<String, String>,
    /// The inputs of the network that some layer reads.
    pub(super) inputs: HashSet<String>,
}

impl Layers {
    /// The tensor behind nodes that pass it on as it is.
    pub(super) fn resolve<'a>(&'a self, mut tensor: &'a str) -> &'a str {
        while let Some(behind) = self.alias.get(tensor) {
            tensor = behind;
        }
        tensor
    }

    /// The layers whose outputs are results although others read them too.
    pub(super) fn results(&self, outputs: &[ValueInfoProto]) -> Vec<String> {
        let makers = outputs.iter().filter_map(|output| self.maker.get(self.resolve(&output.name)));
        let names = makers.map(|&layer| &self.list[layer].name);
        let read: HashSet<&String> = self.list.iter().flat_map(|layer| &layer.inputs).collect();
        let both: BTreeSet<&String> = names.filter(|name| read.contains(name)).collect();
        both.into_iter().cloned().collect()
    }

    /// The layers of `onnx`; operators in `zero_ops` count as no work where they are not known.
    pub(super) fn of(onnx: &OnnxFile, facts: &Facts, zero_ops: &[String]) -> Result<Self, OnnxError> {
        let mut builder = Builder::new(onnx, facts, zero_ops);
        let live = builder.live();
        builder.read = live.iter().flat_map(|&at| reads(&onnx.graph.node[at])).collect();
        builder.read.extend(onnx.graph.output.iter().map(|output| output.name.as_str()));
        for at in live {
            builder.add(at, &onnx.graph.node[at])?;
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
    /// Tensors that follow from stored ones and shapes alone, each with the stored tensors that it is made of.
    constants: HashMap<&'a str, BTreeSet<&'a str>>,
    network_inputs: HashSet<&'a str>,
    /// Tensors that a node or the result needs.
    read: HashSet<&'a str>,
    layers: Layers,
    /// For each name the number of the last layer that took it.
    names: HashMap<String, usize>,
    count: HashMap<&'a str, usize>,
    zeroed: HashSet<String>,
}

impl<'a> Builder<'a> {
    fn new(onnx: &'a OnnxFile, facts: &'a Facts, zero_ops: &'a [String]) -> Self {
        let graph = &onnx.graph;
        let stored = graph.initializer.iter().map(|tensor| tensor.name.as_str());
        let (list, maker, alias, inputs) = Default::default();
        let mut builder = Self {
            onnx,
            facts,
            zero_ops,
            constants: stored.map(|name| (name, BTreeSet::from([name]))).collect(),
            network_inputs: graph.input.iter().map(|input| input.name.as_str()).collect(),
            read: HashSet::new(),
            layers: Layers { list, maker, alias, inputs },
            names: HashMap::from([(INPUT.to_owned(), 1)]),
            count: HashMap::new(),
            zeroed: HashSet::new(),
        };
        graph.node.iter().for_each(|node| builder.note_constants(node));
        builder
    }

    /// Notes which outputs of a node are constants, and which pass on what it reads.
    fn note_constants(&mut self, node: &'a NodeProto) {
        let outputs = node.output.iter().map(String::as_str).filter(|output| !output.is_empty());
        let makes_nothing_of = self.activations(node).next().is_none();
        if makes_nothing_of {
            let sources = reads(node).into_iter().filter_map(|name| self.constants.get(name)).flatten().copied();
            let sources: BTreeSet<&str> = sources.collect();
            let is_source = sources.is_empty() || node.op_type == "ConstantOfShape";
            for output in outputs {
                let made_of = if is_source { BTreeSet::from([output]) } else { sources.clone() };
                self.constants.insert(output, made_of);
            }
            return;
        }
        let known = |output: &&str| self.facts.find(output).is_some_and(|fact| fact.value.is_some());
        let values: Vec<&str> = outputs.filter(known).collect();
        self.constants.extend(values.into_iter().map(|output| (output, BTreeSet::new())));
        if let (true, [input, ..], [output, ..]) =
            (NO_OP.contains(&node.op_type.as_str()), &node.input[..], &node.output[..])
        {
            self.layers.alias.insert(output.clone(), input.clone());
        }
    }

    /// What a node reads that is neither stored nor follows from stored tensors and shapes.
    fn activations<'b>(&'b self, node: &'a NodeProto) -> impl Iterator<Item = &'a str> + 'b {
        reads(node).into_iter().filter(|name| !self.constants.contains_key(name))
    }

    /// The nodes that outputs of the network depend on, in the order of the file.
    fn live(&self) -> BTreeSet<usize> {
        let nodes = &self.onnx.graph.node;
        let mut wanted: HashSet<&str> = self.onnx.graph.output.iter().map(|output| output.name.as_str()).collect();
        let mut live = BTreeSet::new();
        for (at, node) in nodes.iter().enumerate().rev() {
            let makes =
                |output: &String| wanted.contains(output.as_str()) && !self.constants.contains_key(output.as_str());
            if node.output.iter().any(makes) {
                live.insert(at);
                wanted.extend(self.activations(node));
            }
        }
        live
    }

    fn add(&mut self, at: usize, node: &'a NodeProto) -> Result<(), OnnxError> {
        if node.output.iter().any(|output| self.layers.alias.contains_key(output)) {
            return Ok(());
        }
        let used: Vec<&String> = node.output.iter().filter(|output| self.read.contains(output.as_str())).collect();
        let layer = self.layer(at, node, &used)?;
        let inputs = self.activations(node).map(|tensor| self.layers.resolve(tensor));
        let inputs: Vec<String> = inputs.filter(|name| self.network_inputs.contains(name)).map(str::to_owned).collect();
        self.layers.inputs.extend(inputs);
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
        self.check_op(at, node)?;
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
            None => (LayerKind::Movement, 0.0),
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

    /// An operator that is neither known nor to count as none is the error.
    fn check_op(&mut self, at: usize, node: &NodeProto) -> Result<(), OnnxError> {
        let (file, name, op) = (self.onnx.file.clone(), node_name(at, node), operator(node));
        if known_kind(node).is_some() {
            return Ok(());
        }
        if CONTROL_FLOW.contains(&op.as_str()) {
            return Err(OnnxError::ControlFlow { file, node: name, op });
        }
        if !self.zero_ops.contains(&op) {
            return Err(OnnxError::UnknownOp { file, node: name, op });
        }
        self.zeroed.insert(op);
        Ok(())
    }

    /// The stored tensors that the constants a node reads are made of, each once; numbers that are no indices.
    fn weights(&self, node: &'a NodeProto) -> Vec<&'a Fact> {
        let stored: BTreeSet<&str> =
            reads(node).into_iter().filter_map(|name| self.constants.get(name)).flatten().copied().collect();
        stored.into_iter().filter_map(|name| self.facts.find(name)).filter(|fact| !fact.is_indices()).collect()
    }

    /// The layers that a node reads, each once, in the order of its inputs.
    fn sources(&self, node: &'a NodeProto) -> Vec<String> {
        let mut sources = Vec::new();
        for tensor in self.activations(node) {
            let tensor = self.layers.resolve(tensor);
            let source = match self.layers.maker.get(tensor) {
                Some(&place) => self.layers.list[place].name.clone(),
                None if self.network_inputs.contains(tensor) => INPUT.to_owned(),
                None => continue,
            };
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
        sources
    }

    /// The node's own name, or its operator and running number.
    fn base_name(&mut self, node: &'a NodeProto) -> String {
        let count = self.count.entry(node.op_type.as_str()).or_default();
        *count += 1;
        match node.name.as_str() {
            "" => format!("{}_{count}", node.op_type.to_lowercase()),
            name => name.replace(char::is_control, "_"),
        }
    }

    fn unique(&mut self, name: String) -> String {
        if !self.names.contains_key(&name) {
            self.names.insert(name.clone(), 1);
            return name;
        }
        loop {
            let number = self.names.entry(name.clone()).or_insert(1);
            *number += 1;
            let candidate = format!("{name}_{number}");
            if !self.names.contains_key(&candidate) {
                self.names.insert(candidate.clone(), 1);
                return candidate;
            }
        }
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
