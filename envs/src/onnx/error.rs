//! Why an ONNX file yields no layer graph, or does not run.

use crate::dnn::ProfileError;

/// Why an ONNX file yields no layer graph, or does not run. Every message begins with the file.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum OnnxError {
    /// The file cannot be read.
    #[error("{file}: {message}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system says.
        message: String,
    },
    /// The file holds something else.
    #[error("{file}: no ONNX file: {message}")]
    NotOnnx {
        /// The file.
        file: String,
        /// What is wrong with it.
        message: String,
    },
    /// A node reads a tensor that nothing makes.
    #[error("{file}: node {node}: nothing makes its input {tensor:?}")]
    UnknownTensor {
        /// The file.
        file: String,
        /// The node.
        node: String,
        /// What it reads.
        tensor: String,
    },
    /// Two nodes, inputs or weights make a tensor of the same name.
    #[error("{file}: node {node}: tensor {tensor:?} is made twice")]
    MadeTwice {
        /// The file.
        file: String,
        /// The second that makes it.
        node: String,
        /// The tensor.
        tensor: String,
    },
    /// A node depends on its own output.
    #[error("{file}: node {node}: it depends on its own output")]
    Cycle {
        /// The file.
        file: String,
        /// A node on a cycle or behind one.
        node: String,
    },
    /// A tensor stored in the file is damaged, missing, or of a type that is not supported.
    #[error("{file}: stored tensor {tensor:?}: {message}")]
    Stored {
        /// The file.
        file: String,
        /// The tensor.
        tensor: String,
        /// What is wrong with it.
        message: String,
    },
    /// A dimension of an input is open.
    #[error("{file}: input {input:?} has the open dimension {dim:?}: give it a value, for example --dim \"{dim}=1\"")]
    OpenDim {
        /// The file.
        file: String,
        /// The input.
        input: String,
        /// The dimension: its symbol, or `input:axis` where it has none.
        dim: String,
    },
    /// An input was named that the network does not have.
    #[error("{file}: there is no input {input:?}; there are: {known}")]
    UnknownInput {
        /// The file.
        file: String,
        /// The input asked for.
        input: String,
        /// The inputs.
        known: String,
    },
    /// A value was given for a dimension that no input has.
    #[error("{file}: no input has the open dimension {dim:?}; there are: {}", if known.is_empty() { "none" } else { known })]
    UnknownDim {
        /// The file.
        file: String,
        /// The dimension asked for.
        dim: String,
        /// The open dimensions.
        known: String,
    },
    /// An operator whose work nobody knows.
    #[error(
        "{file}: node {node}: operator {op:?} is not known, so its work cannot be counted; to count it as none, say so: \
         --zero-op {op}"
    )]
    UnknownOp {
        /// The file.
        file: String,
        /// The node.
        node: String,
        /// The operator.
        op: String,
    },
    /// An operator that runs parts of the network depending on values.
    #[error(
        "{file}: node {node}: operator {op:?} runs parts of the network depending on values; only an If whose condition \
         follows from shapes and stored tensors can be counted"
    )]
    ControlFlow {
        /// The file.
        file: String,
        /// The node.
        node: String,
        /// The operator.
        op: String,
    },
    /// An operator was to count as none, but the file has no such unknown operator.
    #[error("{file}: there is no unknown operator {op:?} to count as no work")]
    NoSuchOp {
        /// The file.
        file: String,
        /// The operator.
        op: String,
    },
    /// The shape of a tensor cannot be worked out.
    #[error("{file}: node {node}: the shape of its output {tensor:?} cannot be worked out: {message}")]
    NoShape {
        /// The file.
        file: String,
        /// The node.
        node: String,
        /// The tensor.
        tensor: String,
        /// What is known of it.
        message: String,
    },
    /// The runtime refuses the network.
    #[error("{file}: {message}")]
    Runtime {
        /// The file.
        file: String,
        /// What the runtime says.
        message: String,
    },
    /// The layers make no graph.
    #[error(transparent)]
    Profile(#[from] ProfileError),
}
