//! [`OnnxFile`]: a file that has been read and checked.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use tract_onnx::pb::tensor_proto::DataLocation;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::type_proto::Value;
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto, ValueInfoProto};
use tract_onnx::prelude::Framework;

use super::operator::{node_name, reads};
use super::{OnnxError, stored};

/// An ONNX file whose nodes are in topological order, whose tensors all have a maker, and whose stored tensors are
/// as long as they say.
///
/// Weights may lie in the file, in external files beside it, or nowhere at all: shapes are worked out without them.
///
/// # Example
/// ```no_run
/// use std::path::Path;
/// use mec_envs::onnx::{OnnxFile, ProfileOptions};
/// let file = OnnxFile::open(Path::new("bert.onnx"))?.with_dims(&[("batch".into(), 1), ("sequence".into(), 128)])?;
/// let graph = file.profile(&ProfileOptions::default())?.graph("bert.onnx")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct OnnxFile {
    /// The file, for messages.
    pub(super) file: String,
    /// Where it lies: external weights are named relative to it.
    pub(super) folder: PathBuf,
    /// The version of the operator set.
    pub(super) opset: i64,
    pub(super) graph: GraphProto,
}

impl OnnxFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`OnnxError`] if it cannot be read, is no ONNX file, has a tensor that nothing makes or that is made twice, a
    /// cycle, or a stored tensor that is damaged.
    pub fn open(path: &Path) -> Result<Self, OnnxError> {
        let file = path.display().to_string();
        let unreadable =
            |error: std::io::Error| OnnxError::Unreadable { file: file.clone(), message: error.to_string() };
        let not_onnx = |message: String| OnnxError::NotOnnx { file: file.clone(), message };
        let mut reader = BufReader::new(File::open(path).map_err(unreadable)?);
        if path.is_dir() {
            return Err(unreadable(std::io::ErrorKind::IsADirectory.into()));
        }
        let read = tract_onnx::onnx().proto_model_for_read(&mut reader);
        let model = read.map_err(|error| not_onnx(error.root_cause().to_string()))?;
        let opset = model.opset_import.iter().find(|set| set.domain.is_empty() || set.domain == "ai.onnx");
        let opset = opset.map_or(0, |set| set.version);
        let graph = model.graph.ok_or_else(|| not_onnx("it holds no graph".into()))?;
        if let Some(sparse) = graph.sparse_initializer.first() {
            let name = sparse.values.as_ref().map_or("", |values| &values.name);
            return Err(not_onnx(format!("stored tensor {name:?} is sparse, which is not supported")));
        }
        if graph.node.is_empty() || graph.output.is_empty() {
            return Err(not_onnx("its graph has no node or no output".into()));
        }
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        let mut onnx = Self { file, folder, opset, graph };
        let stored: HashSet<String> = onnx.graph.initializer.iter().map(|tensor| tensor.name.clone()).collect();
        // Old files list stored tensors among the inputs too.
        onnx.graph.input.retain(|input| !stored.contains(&input.name));
        onnx.check_stored()?;
        onnx.sort()?;
        Ok(onnx)
    }

    /// The file with values for open dimensions of its inputs, by symbol, or by `input:axis` where a dimension has
    /// neither value nor symbol.
    ///
    /// # Errors
    /// [`OnnxError::UnknownDim`] for one that no input has, which lists those there are.
    pub fn with_dims(mut self, dims: &[(String, u32)]) -> Result<Self, OnnxError> {
        let known: BTreeSet<String> = self.graph.input.iter().flat_map(open_dims).collect();
        if let Some((dim, _)) = dims.iter().find(|(dim, _)| !known.contains(dim)) {
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            return Err(OnnxError::UnknownDim { file: self.file, dim: dim.clone(), known });
        }
        let graph = &mut self.graph;
        for info in graph.input.iter_mut().chain(&mut graph.value_info).chain(&mut graph.output) {
            let name = info.name.clone();
            for (axis, dimension) in shape_mut(info).into_iter().enumerate() {
                let open = open_dim(&name, axis, dimension);
                if let Some((_, value)) = dims.iter().find(|(dim, _)| Some(dim) == open.as_ref()) {
                    dimension.value = Some(dimension::Value::DimValue((*value).into()));
                }
            }
        }
        Ok(self)
    }

    /// The file with these inputs alone; the others are weights that were not stored, as some exporters write them. No
    /// names leave the file as it is.
    ///
    /// # Errors
    /// [`OnnxError::UnknownInput`] for one that the network does not have, which lists those there are.
    pub fn with_inputs(mut self, names: &[String]) -> Result<Self, OnnxError> {
        let has = |name: &String| self.graph.input.iter().any(|input| &input.name == name);
        if let Some(input) = names.iter().find(|name| !has(name)) {
            let known: Vec<&str> = self.graph.input.iter().map(|input| input.name.as_str()).collect();
            return Err(OnnxError::UnknownInput { known: known.join(", "), file: self.file, input: input.clone() });
        }
        if names.is_empty() {
            return Ok(self);
        }
        let (inputs, weights) =
            std::mem::take(&mut self.graph.input).into_iter().partition(|input| names.contains(&input.name));
        self.graph.input = inputs;
        self.graph.initializer.extend(weights.into_iter().map(unstored));
        self.check_stored()?;
        Ok(self)
    }

    /// An open dimension of an input that some node reads is the error.
    pub(super) fn check_dims(&self) -> Result<(), OnnxError> {
        let read: HashSet<&str> = self.graph.node.iter().flat_map(reads).collect();
        let open = |input: &ValueInfoProto| open_dims(input).next().map(|dim| (input.name.clone(), dim));
        match self.graph.input.iter().filter(|input| read.contains(input.name.as_str())).find_map(open) {
            Some((input, dim)) => Err(OnnxError::OpenDim { file: self.file.clone(), input, dim }),
            None => Ok(()),
        }
    }

    /// Checks every tensor that is stored in the graph or in an attribute.
    fn check_stored(&self) -> Result<(), OnnxError> {
        let attributes =
            self.graph.node.iter().flat_map(|node| &node.attribute).filter_map(|attribute| attribute.t.as_ref());
        for tensor in self.graph.initializer.iter().chain(attributes) {
            let damaged = |message| OnnxError::Stored { file: self.file.clone(), tensor: tensor.name.clone(), message };
            stored::check(tensor).map_err(damaged)?;
        }
        Ok(())
    }

    /// Brings the nodes into topological order: the given one where that is one already.
    fn sort(&mut self) -> Result<(), OnnxError> {
        let makers = self.makers()?;
        let nodes = std::mem::take(&mut self.graph.node);
        let mut missing = Vec::with_capacity(nodes.len());
        let mut readers = vec![Vec::new(); nodes.len()];
        for (at, node) in nodes.iter().enumerate() {
            let mut sources = BTreeSet::new();
            for tensor in reads(node) {
                let unknown = || self.unknown(node_name(at, node), tensor);
                sources.extend(makers.get(tensor).ok_or_else(unknown)?);
            }
            missing.push(sources.len());
            sources.into_iter().for_each(|source: usize| readers[source].push(at));
        }
        let mut ready: BTreeSet<usize> = (0..nodes.len()).filter(|&node| missing[node] == 0).collect();
        let mut order = Vec::with_capacity(nodes.len());
        while let Some(at) = ready.pop_first() {
            order.push(at);
            for &reader in &readers[at] {
                missing[reader] -= 1;
                if missing[reader] == 0 {
                    ready.insert(reader);
                }
            }
        }
        if let Some(at) = missing.iter().position(|&count| count > 0) {
            return Err(OnnxError::Cycle { file: self.file.clone(), node: node_name(at, &nodes[at]) });
        }
        let mut nodes: Vec<Option<NodeProto>> = nodes.into_iter().map(Some).collect();
        self.graph.node = order.into_iter().filter_map(|at| nodes[at].take()).collect();
        Ok(())
    }

    /// For each tensor the node that makes it, if one does: none for inputs and stored tensors.
    fn makers(&self) -> Result<HashMap<String, Option<usize>>, OnnxError> {
        let graph = &self.graph;
        let given =
            graph.input.iter().map(|input| &input.name).chain(graph.initializer.iter().map(|tensor| &tensor.name));
        let mut makers = HashMap::new();
        let mut add = |tensor: &String, node: Option<usize>, name: String| match makers.insert(tensor.clone(), node) {
            None => Ok(()),
            Some(_) => Err(OnnxError::MadeTwice { file: self.file.clone(), node: name, tensor: tensor.clone() }),
        };
        for tensor in given {
            add(tensor, None, "none (an input or stored tensor)".into())?;
        }
        for (at, node) in graph.node.iter().enumerate() {
            for tensor in node.output.iter().filter(|tensor| !tensor.is_empty()) {
                add(tensor, Some(at), node_name(at, node))?;
            }
        }
        match graph.output.iter().find(|output| !makers.contains_key(&output.name)) {
            Some(output) => Err(self.unknown("none (an output of the network)".into(), &output.name)),
            None => Ok(makers),
        }
    }

    fn unknown(&self, node: String, tensor: &str) -> OnnxError {
        OnnxError::UnknownTensor { file: self.file.clone(), node, tensor: tensor.into() }
    }
}

/// An input as a stored tensor whose data is nowhere.
fn unstored(input: ValueInfoProto) -> TensorProto {
    let value = input.r#type.and_then(|kind| kind.value);
    let tensor = value.map(|Value::TensorType(tensor)| tensor).unwrap_or_default();
    let dims = tensor.shape.map_or_else(Vec::new, |shape| shape.dim);
    let dims = dims.into_iter().map(|dim| match dim.value {
        Some(dimension::Value::DimValue(value)) => value,
        _ => -1,
    });
    TensorProto {
        name: input.name,
        data_type: tensor.elem_type,
        dims: dims.collect(),
        data_location: Some(DataLocation::External as i32),
        ..Default::default()
    }
}

fn shape_mut(info: &mut ValueInfoProto) -> Vec<&mut Dimension> {
    let value = info.r#type.as_mut().and_then(|kind| kind.value.as_mut());
    let shape = value.and_then(|Value::TensorType(tensor)| tensor.shape.as_mut());
    shape.map_or_else(Vec::new, |shape| shape.dim.iter_mut().collect())
}

fn open_dims(info: &ValueInfoProto) -> impl Iterator<Item = String> + '_ {
    let value = info.r#type.as_ref().and_then(|kind| kind.value.as_ref());
    let shape = value.and_then(|Value::TensorType(tensor)| tensor.shape.as_ref());
    let dims = shape.map_or(&[][..], |shape| &shape.dim[..]);
    dims.iter().enumerate().filter_map(|(axis, dimension)| open_dim(&info.name, axis, dimension))
}

/// The name of a dimension without a value.
fn open_dim(tensor: &str, axis: usize, dimension: &Dimension) -> Option<String> {
    match &dimension.value {
        Some(dimension::Value::DimValue(value)) if *value > 0 => None,
        Some(dimension::Value::DimParam(symbol)) if !symbol.is_empty() => Some(symbol.clone()),
        _ => Some(format!("{tensor}:{axis}")),
    }
}
