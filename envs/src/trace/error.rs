//! Why a recording cannot be read; every message names the place, what was found and what is accepted.

use std::fmt;

use super::{Kind, names};

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file as it was named, or the path in the repository of one that ships.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.file, self.line)
    }
}

/// Why a recording cannot be read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TraceError {
    /// No recording of this kind ships under this name.
    #[error(
        "no {kind} recording {name:?}; accepted is a path, which has a / or a . in it, or one of: {}",
        names(*kind).collect::<Vec<_>>().join(", ")
    )]
    UnknownName {
        /// The kind asked for.
        kind: Kind,
        /// The name asked for.
        name: String,
    },
    /// An option is out of range.
    #[error("option {option}: {found}; accepted is {accepted}")]
    Option {
        /// The option.
        option: &'static str,
        /// Its value.
        found: String,
        /// Its range.
        accepted: &'static str,
    },
    /// The file or folder cannot be read.
    #[error("{file}: {message}")]
    Unreadable {
        /// The file or folder.
        file: String,
        /// What the system says, or what is accepted.
        message: String,
    },
    /// The file, or the number of files in the folder, is beyond the limit.
    #[error("{file}: more than {limit}; split the recording, or keep what is needed")]
    TooLarge {
        /// The file or folder.
        file: String,
        /// The limit, with its unit.
        limit: String,
    },
    /// The file is not text.
    #[error("{place}: bytes that are not UTF-8; accepted is text in UTF-8")]
    NotUtf8 {
        /// The line of the first such byte.
        place: Place,
    },
    /// Nothing but blank lines and comments.
    #[error("{place}: no data; accepted is {accepted}")]
    Empty {
        /// Where the recording begins.
        place: Place,
        /// The forms that are read.
        accepted: &'static str,
    },
    /// The header lacks a column, or has one twice.
    #[error("{place}: column {column} occurs {times} times in the header {found:?}; accepted is once: {accepted}")]
    Header {
        /// The line of the header.
        place: Place,
        /// The column.
        column: String,
        /// How often it occurs.
        times: usize,
        /// The header.
        found: String,
        /// The columns that are read.
        accepted: &'static str,
    },
    /// A line has too few or too many fields.
    #[error("{place}: {found} columns; accepted are {accepted}")]
    Columns {
        /// The line.
        place: Place,
        /// How many it has.
        found: usize,
        /// How many it should have.
        accepted: usize,
    },
    /// A field is no number of the accepted range, or no date.
    #[error("{place}, column {column}: {found:?}; accepted is {accepted}")]
    Field {
        /// The line.
        place: Place,
        /// The column.
        column: &'static str,
        /// The text of the field.
        found: String,
        /// What it should be.
        accepted: &'static str,
    },
    /// A time lies before the one above it.
    #[error("{place}, column {column}: {found_s} s after {before_s} s; accepted are times in order")]
    Order {
        /// The line.
        place: Place,
        /// The column.
        column: &'static str,
        /// The time, s.
        found_s: f64,
        /// The time before it, s.
        before_s: f64,
    },
    /// A time is the one above it, or less than a microsecond later.
    #[error("{place}, column {column}: {found_s} s twice; accepted are times at least 1e-6 s apart")]
    Duplicate {
        /// The line.
        place: Place,
        /// The column.
        column: &'static str,
        /// The time, s.
        found_s: f64,
    },
    /// Nothing was recorded for too long.
    #[error("{place}, column {column}: {gap_s} s without data; accepted is max_gap_s = {max_gap_s} s")]
    Gap {
        /// The line after the gap.
        place: Place,
        /// The column.
        column: &'static str,
        /// Length of the gap, s.
        gap_s: f64,
        /// The longest accepted, s.
        max_gap_s: f64,
    },
    /// Too little to replay.
    #[error("{place}: {found} {what}; accepted are at least {accepted}")]
    TooFew {
        /// Where the recording begins.
        place: Place,
        /// What is counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// The fewest accepted.
        accepted: usize,
    },
    /// Nothing is ever sent.
    #[error("{place}, column rate_mbit: every rate is 0; accepted is a recording with a rate above 0")]
    AllZero {
        /// Where the recording begins.
        place: Place,
    },
    /// A recording in which no time passes.
    #[error("{place}: all data are at one time; accepted is a recording that lasts")]
    NoTime {
        /// Where the recording begins.
        place: Place,
    },
}
