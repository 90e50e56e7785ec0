//! Errors of the crates as Python exceptions of the fitting kind.

use std::fmt::Display;
use std::io;
use std::path::Path;

use mec_gym::envs::gym::EnvError;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

pyo3::import_exception!(gymnasium.error, ResetNeeded);

/// A value that is not accepted: `ValueError`.
pub fn value(error: impl Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// What went wrong while something ran: `RuntimeError`.
pub fn runtime(error: impl Display) -> PyErr {
    PyRuntimeError::new_err(error.to_string())
}

/// A file that cannot be read: `FileNotFoundError`, or what fits else, with the path.
pub fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> PyErr {
    move |error| io::Error::new(error.kind(), format!("cannot read {}: {error}", path.display())).into()
}

/// The refusal of a step.
pub fn refused(error: EnvError) -> PyErr {
    match error {
        EnvError::ResetNeeded => ResetNeeded::new_err(error.to_string()),
        other => value(other),
    }
}
