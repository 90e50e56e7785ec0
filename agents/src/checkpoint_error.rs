//! [`CheckpointError`].

use std::path::PathBuf;

use thiserror::Error;

/// A checkpoint that cannot be written, read, or used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file system refused.
    #[error("checkpoint {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// The file is no checkpoint, or a damaged one.
    #[error("checkpoint {path}: found {found}; expected {expected}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// The state of another kind of learner.
    #[error("this is the state of a {found:?} learner; expected {expected:?}")]
    Kind {
        /// Its kind.
        found: String,
        /// The kind of the learner that was to load it.
        expected: String,
    },
    /// An array or value is not there.
    #[error("the state has no entry {name:?}")]
    Missing {
        /// Its name.
        name: String,
    },
    /// An array has another shape.
    #[error("array {name:?} has shape {found:?}; expected {expected:?}")]
    Shape {
        /// Its name.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that the learner has.
        expected: Vec<usize>,
    },
    /// An array has entries of another type.
    #[error("array {name:?} has entries of type {found}; expected {expected}")]
    Dtype {
        /// Its name.
        name: String,
        /// The type of its entries.
        found: String,
        /// The type that the learner stores.
        expected: String,
    },
    /// A value has another type, or what is stored does not fit together.
    #[error("value {name:?} is {found}: {reason}")]
    Value {
        /// Its name.
        name: String,
        /// The value.
        found: String,
        /// Why it cannot be used.
        reason: String,
    },
    /// Something that the files of exported policies have no place for.
    #[error("{what} cannot be exported; accepted is {accepted}")]
    NotExported {
        /// What it is.
        what: String,
        /// What can be exported.
        accepted: String,
    },
}
