//! Shapes of all tensors, by tract.

use std::collections::HashMap;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{ModelProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto};
use tract_onnx::tract_hir::internal::{DatumType, Factoid, InferenceFact, InferenceModelExt, Tensor as TractTensor};

use super::file::node_name;
use super::weights::typed_input;
use super::{OnnxError, OnnxFile};

/// What is known of a tensor before anything runs.
#[derive(Clone, Debug)]
pub(super) struct Fact {
    /// Its shape; 1 element for a scalar.
    pub(super) dims: Vec<u64>,
    /// The type of its elements; shapes are 64-bit integers.
    pub(super) datum: DatumType,
    /// Its value, where it follows from shapes and stored tensors alone.
    pub(super) value: Option<TensorProto>,
}

impl Fact {
    /// Number of elements.
    pub(super) fn elements(&self) -> f64 {
        self.dims.iter().map(|&dim| dim as f64).product()
    }

    /// Size in bytes.
    pub(super) fn size(&self) -> f64 {
        self.elements() * self.datum.size_of() as f64
    }

    /// Whether it holds 64-bit integers: shapes, axes, indices.
    pub(super) fn is_indices(&self) -> bool {
        self.datum == DatumType::I64
    }

    /// Whether it holds floating-point numbers.
    pub(super) fn is_float(&self) -> bool {
        self.datum.is_float()
    }
}

/// The facts of all tensors by name.
#[derive(Debug)]
pub(super) struct Facts {
    facts: HashMap<String, Fact>,
    failure: Option<String>,
}

impl Facts {
    /// Works them out. Where that fails for some tensor, [`Facts::get`] says so once somebody asks for it.
    pub(super) fn of(onnx: &OnnxFile) -> Result<Self, OnnxError> {
        onnx.check_dims()?;
        let runtime = tract_onnx::onnx();
        let mut graph = onnx.without_weights();
        // Shapes written into the file may belong to other dimensions than those asked for; they serve where nothing
        // else is known.
        let unknown = |node: &&NodeProto| !runtime.op_register.0.contains_key(&node.op_type);
        let needed: Vec<String> = graph.node.iter().filter(unknown).flat_map(|node| node.output.clone()).collect();
        graph.value_info.retain(|info| needed.contains(&info.name));
        let model = model_of(onnx, graph);
        let folder = onnx.folder.to_str();
        let refused = |error: tract_onnx::prelude::TractError| OnnxError::Runtime {
            file: onnx.file.clone(),
            message: format!("{error:#}"),
        };
        let mut parsed = runtime.with_ignore_output_types(true).parse(&model, folder).map_err(refused)?;
        let failure = parsed.model.analyse(true).err().map(|error| format!("{error:#}"));
        let mut facts = HashMap::new();
        for (tensor, &outlet) in &parsed.outlets_by_name {
            if let Some(fact) = parsed.model.outlet_fact(outlet).ok().and_then(fact_of) {
                facts.insert(tensor.clone(), fact);
            }
        }
        Ok(Self { facts, failure })
    }

    /// What is known of a tensor that `node`, the `at`-th, makes or reads.
    pub(super) fn get(&self, onnx: &OnnxFile, tensor: &str, at: usize) -> Result<&Fact, OnnxError> {
        self.facts.get(tensor).ok_or_else(|| OnnxError::NoShape {
            file: onnx.file.clone(),
            node: node_name(at, &onnx.graph.node[at]),
            tensor: tensor.into(),
            message: self.failure.clone().unwrap_or_else(|| "it depends on values that only a run shows".into()),
        })
    }

    /// What is known of an input of the network.
    pub(super) fn input(&self, onnx: &OnnxFile, input: &str) -> Result<&Fact, OnnxError> {
        self.facts.get(input).ok_or_else(|| OnnxError::NoShape {
            file: onnx.file.clone(),
            node: "none (an input of the network)".into(),
            tensor: input.into(),
            message: "its type or shape is missing".into(),
        })
    }

    /// A tensor as an input that is given.
    pub(super) fn info(&self, onnx: &OnnxFile, tensor: &str) -> Result<ValueInfoProto, OnnxError> {
        let fact = self.input(onnx, tensor)?;
        let data_type = match fact.datum {
            DatumType::F32 => DataType::Float,
            DatumType::F16 => DataType::Float16,
            DatumType::F64 => DataType::Double,
            DatumType::Bool => DataType::Bool,
            DatumType::U8 => DataType::Uint8,
            DatumType::I8 => DataType::Int8,
            DatumType::I32 => DataType::Int32,
            _ => DataType::Int64,
        };
        let dims: Vec<i64> = fact.dims.iter().map(|&dim| dim as i64).collect();
        Ok(typed_input(tensor, &dims, data_type as i32))
    }

    /// What is known of a tensor, if anything.
    pub(super) fn find(&self, tensor: &str) -> Option<&Fact> {
        self.facts.get(tensor)
    }
}

/// A model around a graph, for tract.
pub(super) fn model_of(onnx: &OnnxFile, graph: tract_onnx::pb::GraphProto) -> ModelProto {
    let opset = OperatorSetIdProto { domain: String::new(), version: onnx.opset };
    ModelProto { ir_version: 8, opset_import: vec![opset], graph: Some(graph), ..Default::default() }
}

fn fact_of(fact: &InferenceFact) -> Option<Fact> {
    let datum = fact.datum_type.concretize()?;
    let dims = fact.shape.concretize()?;
    let dims: Option<Vec<u64>> = dims.iter().map(|dim| dim.to_i64().ok().and_then(|dim| dim.try_into().ok())).collect();
    let datum = if datum == DatumType::TDim { DatumType::I64 } else { datum };
    let value = fact.value.concretize().and_then(|value| proto_of(&value));
    Some(Fact { dims: dims?, datum, value })
}

/// A small value as it is stored in a file; `None` for types that shapes are not made of.
fn proto_of(tensor: &TractTensor) -> Option<TensorProto> {
    let dims = tensor.shape().iter().map(|&dim| dim as i64).collect();
    let mut proto = TensorProto { dims, ..Default::default() };
    let datum = tensor.datum_type();
    if matches!(datum, DatumType::I64 | DatumType::TDim) {
        let cast = tensor.cast_to::<i64>().ok()?;
        proto.data_type = DataType::Int64 as i32;
        proto.int64_data = cast.to_plain_array_view::<i64>().ok()?.iter().copied().collect();
    } else if datum == DatumType::F32 {
        proto.data_type = DataType::Float as i32;
        proto.float_data = tensor.to_plain_array_view::<f32>().ok()?.iter().copied().collect();
    } else if matches!(datum, DatumType::I32 | DatumType::Bool) {
        let cast = tensor.cast_to::<i32>().ok()?;
        proto.data_type = if datum == DatumType::Bool { DataType::Bool } else { DataType::Int32 } as i32;
        proto.int32_data = cast.to_plain_array_view::<i32>().ok()?.iter().copied().collect();
    } else {
        return None;
    }
    Some(proto)
}
