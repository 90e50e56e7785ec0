//! What a node is: its operator, what it reads, and how messages call it.

use std::collections::HashSet;

use tract_onnx::pb::NodeProto;

use crate::dnn::LayerKind;

/// The operator of a node, with its domain where that is not ONNX's own.
pub(super) fn operator(node: &NodeProto) -> String {
    match node.domain.as_str() {
        "" | "ai.onnx" => node.op_type.clone(),
        domain => format!("{domain}::{}", node.op_type),
    }
}

/// The kind of a node's operator; `None` unless it is one of ONNX's own that is known, or the `Gelu` that ONNX took over
/// from onnxruntime.
pub(super) fn known_kind(node: &NodeProto) -> Option<LayerKind> {
    let is_onnx = ["", "ai.onnx"].contains(&node.domain.as_str());
    let was_adopted = node.domain == "com.microsoft" && node.op_type == "Gelu";
    LayerKind::of_op(&node.op_type).filter(|_| is_onnx || was_adopted)
}

/// The tensors that a node reads: its inputs, and what its subgraphs take from around them.
pub(super) fn reads(node: &NodeProto) -> Vec<&str> {
    let mut names: Vec<&str> = node.input.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
    for graph in node.attribute.iter().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs)) {
        let made = graph.node.iter().flat_map(|node| &node.output);
        let given =
            graph.input.iter().map(|input| &input.name).chain(graph.initializer.iter().map(|tensor| &tensor.name));
        let own: HashSet<&str> = made.chain(given).map(String::as_str).collect();
        let read = graph.node.iter().flat_map(reads).chain(graph.output.iter().map(|output| output.name.as_str()));
        names.extend(read.filter(|name| !own.contains(name)));
    }
    names
}

/// How messages call a node: its name where it has one, else its number, and its operator.
pub(super) fn node_name(at: usize, node: &NodeProto) -> String {
    if node.name.is_empty() {
        format!("#{at} ({})", node.op_type)
    } else {
        format!("{:?} ({})", node.name, node.op_type)
    }
}
