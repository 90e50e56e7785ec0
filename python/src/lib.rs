//! The extension module `mec_gym._native`: what the Python package `mec_gym` does in Rust.
//!
//! The modules stand in the order in which they build on each other. Python owns the interface of Gymnasium (spaces,
//! generators, infos, wrappers); Rust owns episodes, threads, networks and files. Whatever Python gives is checked before
//! it is used, so that no panic can reach the interpreter.

mod errors;

mod setting;

mod seeded;

mod form;

mod picture;

mod env;

mod vector;

mod scheme;

mod cut;

mod policy;

mod foreign;

mod training;

use pyo3::prelude::*;

/// As in the `mec-gym` program: small, short-lived tensors are most of a learner's memory traffic.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("FIGURES", form::FIGURES)?;
    module.add_class::<setting::Setting>()?;
    module.add_class::<env::NativeEnv>()?;
    module.add_class::<vector::NativeVectorEnv>()?;
    module.add_class::<policy::NativePolicy>()?;
    module.add_function(wrap_pyfunction!(scheme::schemes, module)?)?;
    module.add_function(wrap_pyfunction!(scheme::simulate, module)?)?;
    module.add_function(wrap_pyfunction!(cut::networks, module)?)?;
    module.add_function(wrap_pyfunction!(cut::processors, module)?)?;
    module.add_function(wrap_pyfunction!(cut::partition, module)?)?;
    module.add_function(wrap_pyfunction!(policy::checkpoint_of_run, module)?)?;
    module.add_function(wrap_pyfunction!(policy::evaluate_run, module)?)?;
    module.add_function(wrap_pyfunction!(training::train, module)?)
}
