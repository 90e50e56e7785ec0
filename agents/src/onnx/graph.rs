//! [`Graph`]: the nodes of a network and what goes in and out.

use super::message::Message;

/// The operator set whose meanings the nodes have.
pub const OPSET: i64 = 17;

/// The version of the file format, the one that came with [`OPSET`].
pub const IR_VERSION: i64 = 8;

/// What a tensor holds, by ONNX's number (`TensorProto.DataType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// 32-bit floats.
    Float = 1,
    /// 64-bit integers.
    Integer = 7,
    /// Truth values.
    Bool = 9,
}

/// A tensor of a [`Graph`], by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value(String);

/// A graph that is built node by node. Nodes are added in the order in which they can be computed, since each names
/// the [`Value`]s of earlier ones.
#[derive(Clone, Debug)]
pub struct Graph {
    name: String,
    nodes: Vec<Message>,
    stored: Vec<Message>,
    inputs: Vec<Message>,
    outputs: Vec<Message>,
}

impl Graph {
    /// An empty graph of this name.
    pub fn new(name: &str) -> Self {
        let (nodes, stored, inputs, outputs) = Default::default();
        Self { name: name.to_owned(), nodes, stored, inputs, outputs }
    }

    /// An input `[batch, columns]`, where batch is open.
    pub fn input(&mut self, name: &str, element: Element, columns: usize) -> Value {
        self.inputs.push(value_info(name, element, columns));
        Value(name.to_owned())
    }

    /// Makes `value`, floats `[batch, columns]`, an output of this name.
    pub fn output(&mut self, name: &str, value: &Value, columns: usize) {
        self.push_node("Identity", &[value], &[], name);
        self.outputs.push(value_info(name, Element::Float, columns));
    }

    /// Stores floats under a name that nothing else has.
    ///
    /// # Panics
    /// When the entries do not fill the shape.
    pub fn floats(&mut self, name: &str, shape: &[usize], data: &[f32]) -> Value {
        assert_eq!(shape.iter().product::<usize>(), data.len(), "the entries must fill the shape");
        self.store(name, Element::Float, shape, data.iter().flat_map(|entry| entry.to_le_bytes()).collect())
    }

    /// Stores a single float.
    pub fn float(&mut self, value: f32) -> Value {
        self.floats(&format!("number_{}", self.stored.len()), &[], &[value])
    }

    /// Stores a list of integers.
    pub fn integers(&mut self, data: &[i64]) -> Value {
        let bytes = data.iter().flat_map(|entry| entry.to_le_bytes()).collect();
        self.store(&format!("integers_{}", self.stored.len()), Element::Integer, &[data.len()], bytes)
    }

    /// Adds a node of the operator `op` with one output.
    pub fn node(&mut self, op: &str, inputs: &[&Value], attributes: &[(&str, i64)]) -> Value {
        let name = format!("{op}_{}", self.nodes.len());
        self.push_node(op, inputs, attributes, &name);
        Value(name)
    }

    /// The graph as the bytes of an ONNX file, with entries of metadata by key.
    pub fn to_bytes(&self, metadata: &[(&str, &str)]) -> Vec<u8> {
        let graph = Message::default()
            .messages(1, &self.nodes)
            .text(2, &self.name)
            .messages(5, &self.stored)
            .messages(11, &self.inputs)
            .messages(12, &self.outputs);
        let entries: Vec<Message> =
            metadata.iter().map(|(key, value)| Message::default().text(1, key).text(2, value)).collect();
        Message::default()
            .integer(1, IR_VERSION)
            .text(2, "mec-gym")
            .text(3, env!("CARGO_PKG_VERSION"))
            .message(7, &graph)
            .message(8, &Message::default().text(1, "").integer(2, OPSET))
            .messages(14, &entries)
            .into_bytes()
    }

    fn push_node(&mut self, op: &str, inputs: &[&Value], attributes: &[(&str, i64)], output: &str) {
        /// `AttributeProto.AttributeType.INT`
        const INT: i64 = 2;
        let attribute =
            |(name, value): &(&str, i64)| Message::default().text(1, name).integer(3, *value).integer(20, INT);
        let attributes: Vec<Message> = attributes.iter().map(attribute).collect();
        let node = inputs.iter().fold(Message::default(), |node, input| node.text(1, &input.0));
        self.nodes.push(node.text(2, output).text(3, output).text(4, op).messages(5, &attributes));
    }

    fn store(&mut self, name: &str, element: Element, shape: &[usize], data: Vec<u8>) -> Value {
        let tensor = shape.iter().fold(Message::default(), |tensor, &dim| tensor.integer(1, dim as i64));
        self.stored.push(tensor.integer(2, element as i64).text(8, name).bytes(9, &data));
        Value(name.to_owned())
    }
}

/// Name, type and shape `[batch, columns]` of an input or output.
fn value_info(name: &str, element: Element, columns: usize) -> Message {
    let batch = Message::default().text(2, "batch");
    let columns = Message::default().integer(1, columns as i64);
    let shape = Message::default().messages(1, [&batch, &columns]);
    let tensor = Message::default().integer(1, element as i64).message(2, &shape);
    Message::default().text(1, name).message(2, &Message::default().message(1, &tensor))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The node Relu_0 = Relu(x), field by field: input (1), output (2), name (3), op_type (4).
    #[test]
    fn a_node_is_the_bytes_that_the_format_asks_for() {
        let mut graph = Graph::new("g");
        let x = graph.input("x", Element::Float, 2);
        graph.node("Relu", &[&x], &[]);
        let node = b"\x0a\x01x\x12\x06Relu_0\x1a\x06Relu_0\x22\x04Relu";
        assert_eq!(graph.nodes[0].clone().into_bytes(), node);
        // name (1), then type (2): tensor_type (1): elem_type (1) 1, shape (2): dim (1) "batch" (2), dim (1) 2 (1).
        let input = b"\x0a\x01x\x12\x13\x0a\x11\x08\x01\x12\x0d\x0a\x07\x12\x05batch\x0a\x02\x08\x02";
        assert_eq!(graph.inputs[0].clone().into_bytes(), input);
    }

    /// dims (1) 1 and 2, data_type (2) 1, name (8), raw_data (9): 1.0 and -2.0 in little-endian order.
    #[test]
    fn stored_floats_are_raw_and_little_endian() {
        let mut graph = Graph::new("g");
        graph.floats("w", &[1, 2], &[1.0, -2.0]);
        let tensor = b"\x08\x01\x08\x02\x10\x01\x42\x01w\x4a\x08\x00\x00\x80\x3f\x00\x00\x00\xc0";
        assert_eq!(graph.stored[0].clone().into_bytes(), tensor);
    }
}
