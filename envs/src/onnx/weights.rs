//! Weights: setting them aside where only shapes matter, and making random ones where only functions matter.

use std::collections::{HashMap, HashSet};

use rand_distr::{Distribution, StandardNormal};
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto, TensorShapeProto, TypeProto, ValueInfoProto, type_proto};

use super::OnnxFile;
use super::stored::{elements, integers, is_external};
use crate::rng::{Prng, stream};

/// Up to so many elements, a stored tensor may be a shape or an axis, on whose values shapes depend.
const SMALL: u64 = 64;

/// Which weights a network runs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// Those of the file and of external files beside it.
    Stored,
    /// Random ones, in place of every stored tensor of floats with more than 64 elements, for files without weights.
    Random {
        /// Seed of the generator.
        seed: u64,
    },
}

/// Shape and type of weights.
#[derive(Clone, Debug)]
struct Weight {
    dims: Vec<i64>,
    data_type: i32,
}

impl OnnxFile {
    /// The graph with weights as typed inputs, so that nothing has to be loaded to work out shapes.
    pub(super) fn without_weights(&self) -> GraphProto {
        let weights = self.weights(|tensor| {
            let large = elements(&tensor.dims).is_some_and(|elements| elements > SMALL);
            let missing = is_external(tensor) && !self.has_external(tensor);
            missing || large && tensor.data_type != DataType::Int64 as i32
        });
        let mut graph = self.graph_without(&weights);
        let mut inputs: Vec<ValueInfoProto> =
            weights.iter().map(|(name, weight)| typed_input(name, &weight.dims, weight.data_type)).collect();
        inputs.sort_by(|a, b| a.name.cmp(&b.name));
        graph.input.extend(inputs);
        graph
    }

    /// A stored tensor of 64-bit integers, a shape perhaps, whose file is not there.
    pub(super) fn missing_integers(&self) -> Option<String> {
        let missing = |tensor: &&TensorProto| {
            tensor.data_type == DataType::Int64 as i32 && is_external(tensor) && !self.has_external(tensor)
        };
        self.graph.initializer.iter().find(missing).map(|tensor| tensor.name.clone())
    }

    /// The graph with the weights to run with.
    pub(super) fn with_weights(&self, weights: Weights) -> GraphProto {
        let Weights::Random { seed } = weights else { return self.graph.clone() };
        let floats = |tensor: &TensorProto| {
            let large = elements(&tensor.dims).is_some_and(|elements| elements > SMALL);
            tensor.data_type == DataType::Float as i32 && (large || is_external(tensor))
        };
        let weights = self.weights(floats);
        let mut graph = self.graph_without(&weights);
        let variances: HashSet<&String> = graph.node.iter().filter_map(variance).collect();
        let random = weights.iter().map(|(name, weight)| {
            let mut rng = stream(seed, name);
            weight.random(name, variances.contains(name), &mut rng)
        });
        let mut random: Vec<TensorProto> = random.collect();
        random.sort_by(|a, b| a.name.cmp(&b.name));
        graph.initializer.extend(random);
        graph
    }

    /// The stored tensors that are `chosen`, and those that nodes make of a constant shape: so do published files
    /// whose weights were taken out.
    fn weights(&self, chosen: impl Fn(&TensorProto) -> bool) -> HashMap<String, Weight> {
        let stored = self.graph.initializer.iter();
        let filled = self.graph.node.iter().filter_map(|node| self.filled(node));
        let candidates = stored.cloned().chain(filled).filter(|tensor| chosen(tensor));
        candidates.map(|TensorProto { name, dims, data_type, .. }| (name, Weight { dims, data_type })).collect()
    }

    /// The tensor that a `ConstantOfShape` of a stored shape makes, without its data.
    fn filled(&self, node: &NodeProto) -> Option<TensorProto> {
        let shape = node.input.first().filter(|_| node.op_type == "ConstantOfShape")?;
        let shape = self.graph.initializer.iter().find(|tensor| &tensor.name == shape)?;
        let value =
            node.attribute.iter().find(|attribute| attribute.name == "value").and_then(|value| value.t.as_ref());
        let data_type = value.map_or(DataType::Float as i32, |value| value.data_type);
        Some(TensorProto {
            name: node.output.first()?.clone(),
            dims: integers(shape)?,
            data_type,
            ..Default::default()
        })
    }

    fn graph_without(&self, weights: &HashMap<String, Weight>) -> GraphProto {
        let makes_weight = |node: &NodeProto| node.output.first().is_some_and(|output| weights.contains_key(output));
        let kept = self.graph.initializer.iter().filter(|tensor| !weights.contains_key(&tensor.name));
        GraphProto {
            name: self.graph.name.clone(),
            node: self.graph.node.iter().filter(|node| !makes_weight(node)).cloned().collect(),
            initializer: kept.cloned().collect(),
            input: self.graph.input.clone(),
            output: self.graph.output.clone(),
            value_info: self.graph.value_info.clone(),
            ..Default::default()
        }
    }

    fn has_external(&self, tensor: &TensorProto) -> bool {
        let location = tensor.external_data.iter().find(|entry| entry.key == "location");
        location.is_some_and(|location| self.folder.join(&location.value).is_file())
    }
}

/// The variance that a batch normalisation divides by.
fn variance(node: &NodeProto) -> Option<&String> {
    node.input.get(4).filter(|_| node.op_type == "BatchNormalization")
}

impl Weight {
    /// Normal, with the variance that keeps activations at their size (He et al., "Delving deep into rectifiers",
    /// ICCV 2015, equation 10); a variance to divide by is drawn between 0.5 and 1.5 instead.
    fn random(&self, name: &str, is_variance: bool, rng: &mut Prng) -> TensorProto {
        let inputs: i64 = self.dims.iter().skip(1).product();
        let scale = (2.0 / inputs.max(1) as f64).sqrt();
        let mut draw = || -> f64 {
            let normal: f64 = StandardNormal.sample(rng);
            if is_variance { 1.0 + 0.5 * normal.tanh() } else { scale * normal }
        };
        let values = (0..elements(&self.dims).unwrap_or(0)).map(|_| draw() as f32).collect();
        let data_type = DataType::Float as i32;
        TensorProto { name: name.into(), dims: self.dims.clone(), data_type, float_data: values, ..Default::default() }
    }
}

/// An input of a graph with its shape and type.
pub(super) fn typed_input(name: &str, dims: &[i64], elem_type: i32) -> ValueInfoProto {
    let dim = |&dim: &i64| Dimension { value: Some(dimension::Value::DimValue(dim)), ..Default::default() };
    let shape = TensorShapeProto { dim: dims.iter().map(dim).collect() };
    let value = type_proto::Value::TensorType(type_proto::Tensor { elem_type, shape: Some(shape) });
    let r#type = Some(TypeProto { value: Some(value), ..Default::default() });
    ValueInfoProto { name: name.into(), r#type, ..Default::default() }
}
