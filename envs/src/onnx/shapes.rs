//! Shapes of all tensors, by tract.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::type_proto::Value;
use tract_onnx::pb::{GraphProto, ModelProto, OperatorSetIdProto, TensorProto, ValueInfoProto};
use tract_onnx::prelude::TractResult;
use tract_onnx::tract_hir::internal::{DatumType, Factoid, InferenceFact, InferenceModelExt, Tensor as TractTensor};

use super::operator::{known_kind, node_name};
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
    /// What went wrong first, if anything did.
    failure: Option<String>,
    /// A shape that is stored in a file which is not there.
    missing: Option<String>,
}

impl Facts {
    /// Works them out. Where that fails for some tensor, [`Facts::get`] says so once somebody asks for it.
    ///
    /// Shapes written into the file may belong to other dimensions than those asked for; they serve where nothing else
    /// is known.
    pub(super) fn of(onnx: &OnnxFile) -> Result<Self, OnnxError> {
        onnx.check_dims()?;
        let mut graph = onnx.without_weights();
        let missing = onnx.missing_integers();
        let told = std::mem::take(&mut graph.value_info);
        let (mut facts, failure) = analyse(onnx, graph.clone())?;
        let told = lacking(&graph, &facts, told);
        if !told.is_empty() {
            for node in &mut graph.node {
                // Where the runtime failed although it knew all inputs, the file is taken at its word.
                let knows = |names: &[String]| names.iter().all(|name| name.is_empty() || facts.contains_key(name));
                if knows(&node.input) && !knows(&node.output) {
                    node.op_type += " (shape as told)";
                }
            }
            let (again, _) = analyse(onnx, GraphProto { value_info: told, ..graph })?;
            again.into_iter().for_each(|(name, fact)| {
                facts.entry(name).or_insert(fact);
            });
        }
        Ok(Self { facts, failure, missing })
    }

    /// What is known of a tensor that `node`, the `at`-th, makes or reads.
    pub(super) fn get(&self, onnx: &OnnxFile, tensor: &str, at: usize) -> Result<&Fact, OnnxError> {
        self.facts.get(tensor).ok_or_else(|| {
            let node = &onnx.graph.node[at];
            // The first failure may be another node's, and this one only what follows from it.
            let name = node.output.first().filter(|_| node.name.is_empty()).unwrap_or(&node.name);
            let own = self.failure.as_ref().filter(|failure| failure.contains(&format!("\"{name}\"")));
            let message = match (own, &self.missing, known_kind(node)) {
                (Some(failure), ..) => failure.clone(),
                (None, Some(missing), _) => format!("the stored tensor {missing:?} lies in a file that is not there"),
                (None, None, None) => "its operator is not known, and the file gives no shape".into(),
                (None, None, Some(_)) => "it does not follow from the shapes of its inputs".into(),
            };
            OnnxError::NoShape { file: onnx.file.clone(), node: node_name(at, node), tensor: tensor.into(), message }
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

/// What the file tells of tensors that nothing is known of.
fn lacking(graph: &GraphProto, facts: &HashMap<String, Fact>, told: Vec<ValueInfoProto>) -> Vec<ValueInfoProto> {
    let made = graph.node.iter().flat_map(|node| &node.output).filter(|name| !name.is_empty());
    let lacking: HashSet<&String> = made.filter(|name| !facts.contains_key(*name)).collect();
    told.into_iter().chain(graph.output.clone()).filter(|info| lacking.contains(&info.name)).collect()
}

/// Facts of all tensors, and the first failure.
fn analyse(onnx: &OnnxFile, graph: GraphProto) -> Result<(HashMap<String, Fact>, Option<String>), OnnxError> {
    let model = model_of(onnx, graph);
    let folder = onnx.folder.to_str();
    let runtime = tract_onnx::onnx().with_ignore_output_types(true);
    let mut parsed = guarded(onnx, || runtime.parse(&model, folder))?;
    let failure = guarded(onnx, || parsed.model.analyse(true)).err().map(|error| error.to_string());
    let fact = |(tensor, &outlet): (&String, _)| {
        let fact = parsed.model.outlet_fact(outlet).ok().and_then(fact_of)?;
        Some((tensor.clone(), fact))
    };
    Ok((parsed.outlets_by_name.iter().filter_map(fact).collect(), failure))
}

/// Calls the runtime, which panics on some files where it should refuse them.
pub(super) fn guarded<T>(onnx: &OnnxFile, call: impl FnOnce() -> TractResult<T>) -> Result<T, OnnxError> {
    let refused = |message: String| OnnxError::Runtime { file: onnx.file.clone(), message };
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|error| refused(format!("{error:#}"))),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
            Err(refused(format!("the runtime gave up: {}", text.unwrap_or_default())))
        }
    }
}

/// A model around a graph, for tract.
pub(super) fn model_of(onnx: &OnnxFile, mut graph: GraphProto) -> ModelProto {
    // An output that nothing makes would lose its shape.
    let given: HashSet<&String> = graph
        .input
        .iter()
        .map(|input| &input.name)
        .chain(graph.initializer.iter().map(|tensor| &tensor.name))
        .collect();
    let given: Vec<String> = given.into_iter().cloned().collect();
    graph.output.retain(|output| !given.contains(&output.name));
    for node in &mut graph.node {
        if node.name.is_empty() {
            node.name = node.output.first().cloned().unwrap_or_default();
        }
        if node.op_type == "BatchNormalization" {
            // The others are for training.
            node.output.truncate(1);
        }
        halve_brain_floats(
            node.attribute.iter_mut().filter_map(|attribute| attribute.t.as_mut()).map(|tensor| &mut tensor.data_type),
        );
        if node.op_type == "Cast"
            && let Some(to) = node.attribute.iter_mut().find(|attribute| attribute.name == "to")
        {
            let mut data_type = to.i as i32;
            halve_brain_floats([&mut data_type]);
            to.i = data_type.into();
        }
    }
    halve_brain_floats(graph.initializer.iter_mut().map(|tensor| &mut tensor.data_type));
    let infos = graph.input.iter_mut().chain(&mut graph.value_info).chain(&mut graph.output);
    let values = infos.filter_map(|info| info.r#type.as_mut()?.value.as_mut());
    halve_brain_floats(values.map(|Value::TensorType(tensor)| &mut tensor.elem_type));
    let opset = OperatorSetIdProto { domain: String::new(), version: onnx.opset };
    ModelProto { ir_version: 8, opset_import: vec![opset], graph: Some(graph), ..Default::default() }
}

/// tract knows no bfloat16. Shapes and sizes are those of float16.
fn halve_brain_floats<'a>(types: impl IntoIterator<Item = &'a mut i32>) {
    for data_type in types {
        if *data_type == DataType::Bfloat16 as i32 {
            *data_type = DataType::Float16 as i32;
        }
    }
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
