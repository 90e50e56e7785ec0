//! Layer graphs, cuts and gym environments of mobile edge inference; knows no tensors.
//!
//! The modules stand in data-flow order and import only earlier ones:
//! `units`, `rng`, `gym` (the contract), then DNN -> layer graph -> processor times -> cuts -> recordings ->
//! offloading.

pub mod units;

pub mod rng;

pub mod gym;

pub mod dnn;

pub mod processor;

pub mod partition;

#[cfg(feature = "onnx")]
pub mod onnx;

pub mod trace;

pub mod system;

pub mod offload;

pub mod schemes;
