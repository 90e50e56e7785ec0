//! ONNX files: read, refused, and run in two halves.

mod halves;
mod reading;
mod writer;
