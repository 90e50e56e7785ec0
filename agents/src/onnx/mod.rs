//! Writes ONNX files: a graph of operators, built node by node, as the bytes that runtimes read.
//!
//! The words and numbers are those of `onnx/onnx.proto` and `docs/Operators.md` of
//! [ONNX](https://github.com/onnx/onnx), operator set 17 ([`OPSET`]), which onnxruntime reads since version 1.12.
//!
//! # Design
//! A graph needs seven small messages of the format. They are written here by hand ([`Message`]), because the usual
//! crates generate code with `protoc`, a system program, or bring the whole format along.

mod graph;
mod message;
mod operators;

pub use graph::{Element, Graph, IR_VERSION, OPSET, Value};
pub use message::Message;
