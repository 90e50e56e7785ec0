//! Networks that run whole, or in two halves.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use tract_onnx::pb::{GraphProto, TensorProto, ValueInfoProto};
use tract_onnx::prelude::{InferenceModelExt, IntoRunnable, TypedRunnableModel};

use super::layers::Layers;
use super::shapes::{Facts, guarded, model_of};
use super::tensor::Tensor;
use super::{OnnxError, OnnxFile, Weights};
use crate::partition::Cut;

/// A network with weights that can be cut in two halves, each of which runs.
///
/// Cutting changes no operator and no number: head and tail are the nodes of the network on either side, and the
/// tensors between them travel as they are. What remains is that the runtime may order a sum otherwise where it
/// optimises a half otherwise than the whole.
#[derive(Debug)]
pub struct Halves {
    onnx: OnnxFile,
    facts: Facts,
    layers: Layers,
    graph: GraphProto,
}

/// A network, or one of its halves, ready to run.
#[derive(Debug)]
pub struct Program {
    file: String,
    inputs: Vec<String>,
    outputs: Vec<String>,
    /// `None` if there is nothing to compute.
    plan: Option<Arc<TypedRunnableModel>>,
}

impl Halves {
    /// The network of a file. Cuts are those of [`OnnxFile::profile`]'s graph.
    ///
    /// # Errors
    /// As of [`OnnxFile::profile`].
    pub fn new(onnx: OnnxFile, weights: Weights) -> Result<Self, OnnxError> {
        let (onnx, facts) = onnx.with_known_branches()?;
        let layers = Layers::of(&onnx, &facts, &[])?;
        let graph = onnx.with_weights(weights);
        Ok(Self { onnx, facts, layers, graph })
    }

    /// Name and shape of every input.
    ///
    /// # Errors
    /// [`OnnxError::NoShape`] if the file does not say.
    pub fn inputs(&self) -> Result<Vec<(String, Vec<usize>)>, OnnxError> {
        let shape = |info: &ValueInfoProto| {
            let dims = &self.facts.input(&self.onnx, &info.name)?.dims;
            Ok((info.name.clone(), dims.iter().map(|&dim| dim as usize).collect()))
        };
        self.onnx.graph.input.iter().map(shape).collect()
    }

    /// The whole network.
    ///
    /// # Errors
    /// [`OnnxError::Runtime`] if the runtime refuses it, [`OnnxError::Stored`] if weights are missing.
    pub fn whole(&self) -> Result<Program, OnnxError> {
        self.program(&self.results(), &HashSet::new())
    }

    /// Head and tail. The head takes the network's inputs and makes what the tail takes ([`Program::inputs`]), besides
    /// results that lie before the cut; the tail makes the other results.
    ///
    /// # Errors
    /// As of [`Halves::whole`].
    ///
    /// # Panics
    /// If the cut belongs to a network with another number of layers.
    pub fn cut(&self, cut: &Cut) -> Result<(Program, Program), OnnxError> {
        assert_eq!(cut.on_device().len(), self.layers.list.len(), "the cut of another network");
        let on_device = |tensor: &str| {
            let maker = self.layers.maker.get(self.layers.resolve(tensor));
            maker.map_or_else(|| self.is_input(self.layers.resolve(tensor)), |&layer| cut.on_device()[layer])
        };
        let (before, behind): (Vec<String>, Vec<String>) = self.results().into_iter().partition(|name| on_device(name));
        let made_on_device = self.layers.maker.iter().filter(|(_, layer)| cut.on_device()[**layer]);
        let given: HashSet<String> = made_on_device.map(|(tensor, _)| tensor.clone()).collect();
        let tail = self.program(&behind, &given)?;
        let crossing = tail.inputs.iter().filter(|name| !before.contains(name)).cloned();
        let wanted: Vec<String> = before.iter().cloned().chain(crossing).collect();
        Ok((self.program(&wanted, &HashSet::new())?, tail))
    }

    fn results(&self) -> Vec<String> {
        self.onnx.graph.output.iter().map(|output| output.name.clone()).collect()
    }

    fn is_input(&self, tensor: &str) -> bool {
        self.onnx.graph.input.iter().any(|input| input.name == tensor)
    }

    /// What makes the tensors `wanted` out of the network's inputs and the tensors `given`.
    fn program(&self, wanted: &[String], given: &HashSet<String>) -> Result<Program, OnnxError> {
        let graph = self.subgraph(wanted, given)?;
        let inputs = graph.input.iter().map(|input| input.name.clone()).collect();
        let (file, outputs) = (self.onnx.file.clone(), wanted.to_vec());
        if graph.output.is_empty() {
            return Ok(Program { file, inputs, outputs, plan: None });
        }
        let runtime = tract_onnx::onnx().with_ignore_output_types(true);
        let (model, folder) = (model_of(&self.onnx, graph), self.onnx.folder.to_str());
        let plan = guarded(&self.onnx, || {
            let parsed = runtime.parse(&model, folder)?;
            parsed.model.into_optimized()?.into_runnable()
        })?;
        Ok(Program { file, inputs, outputs, plan: Some(plan) })
    }

    /// The nodes that `wanted` depends on, back to stored tensors, known values, inputs and `given` tensors.
    fn subgraph(&self, wanted: &[String], given: &HashSet<String>) -> Result<GraphProto, OnnxError> {
        let graph = &self.graph;
        let makers =
            graph.node.iter().enumerate().flat_map(|(at, node)| node.output.iter().map(move |name| (name, at)));
        let makers: HashMap<&String, usize> = makers.collect();
        let (mut nodes, mut inputs, mut stored) = (BTreeSet::new(), BTreeSet::new(), HashSet::new());
        let mut known = Vec::new();
        let mut open: Vec<&String> = wanted.iter().collect();
        let mut seen: HashSet<&String> = HashSet::new();
        while let Some(tensor) = open.pop() {
            if tensor.is_empty() || !seen.insert(tensor) {
                continue;
            }
            let value = self.facts.find(tensor).and_then(|fact| fact.value.clone());
            match (makers.get(tensor), value) {
                _ if given.contains(tensor) || self.is_input(tensor) => {
                    inputs.insert(tensor);
                }
                (Some(_), Some(value)) => known.push(TensorProto { name: tensor.clone(), ..value }),
                (Some(&at), None) => {
                    nodes.insert(at);
                    open.extend(&graph.node[at].input);
                }
                (None, _) => {
                    stored.insert(tensor);
                }
            }
        }
        let kept = graph.initializer.iter().filter(|tensor| stored.contains(&tensor.name));
        let outputs = wanted.iter().filter(|name| !inputs.contains(name));
        Ok(GraphProto {
            name: graph.name.clone(),
            node: nodes.into_iter().map(|at| graph.node[at].clone()).collect(),
            initializer: kept.cloned().chain(known).collect(),
            input: inputs.iter().map(|name| self.facts.info(&self.onnx, name)).collect::<Result<_, _>>()?,
            output: outputs.map(|name| ValueInfoProto { name: name.clone(), ..Default::default() }).collect(),
            ..Default::default()
        })
    }
}

impl Program {
    /// Names of the tensors it takes.
    pub fn inputs(&self) -> &[String] {
        &self.inputs
    }

    /// Runs it on tensors found by name among `given`, and returns what it makes; what it is to make and was given
    /// passes through.
    ///
    /// # Errors
    /// [`OnnxError::Runtime`] for an input that is missing or of another shape or type, and for results of a type
    /// that cannot be sent.
    pub fn run(&self, given: &[Tensor]) -> Result<Vec<Tensor>, OnnxError> {
        let refused = |message: String| OnnxError::Runtime { file: self.file.clone(), message };
        let find = |name: &String| given.iter().find(|tensor| &tensor.name == name);
        let mut results: Vec<Tensor> = self.outputs.iter().filter_map(find).cloned().collect();
        let Some(plan) = &self.plan else { return Ok(results) };
        let mut inputs = Vec::new();
        for name in &self.inputs {
            let tensor = find(name).ok_or_else(|| refused(format!("input {name:?} is missing")))?;
            inputs.push(tensor.to_tract().map_err(|error| refused(format!("{error:#}")))?.into());
        }
        let made = plan.run(inputs.into()).map_err(|error| refused(format!("{error:#}")))?;
        let names = self.outputs.iter().filter(|name| !self.inputs.contains(name));
        for (name, tensor) in names.zip(made.iter()) {
            let kind = tensor.datum_type();
            let tensor = Tensor::from_tract(name, tensor);
            results.push(tensor.ok_or_else(|| refused(format!("{name:?} is of type {kind:?}, which cannot be sent")))?);
        }
        Ok(results)
    }
}
