//! Recordings of the real world to replay: rates of links, arrivals of tasks, and positions of devices.
//!
//! [`throughput`], [`arrivals`] and [`positions`] read one that ships by its name ([`names`]), or the user's own by its
//! path; `docs/traces.md` shows the formats by example. Rules for every file:
//!
//! - text in UTF-8 of at most [`MAX_FILE_BYTES`], with numbers such as `1.5` or `2e3`;
//! - blank lines and lines that begin with `#` are left out;
//! - a line `[name]` begins a recording of its own, so that one file can hold a set; without one, the file is one
//!   recording, named after the file;
//! - a folder is a set too: its files in the order of their names (by character, so that 10 comes before 2), at most
//!   [`MAX_FILES`], without hidden files and folders;
//! - a file whose first line begins with a letter is a CSV file with a header, in which other columns than those read
//!   are ignored ([`Format`] has the other rules);
//! - the first time of a recording becomes time 0.
//!
//! What is read holds plain numbers that nothing changes: put it into an `Arc` and share it between simulators.

mod arrivals;
mod error;
mod mahimahi;
mod positions;
mod source;
mod split;
mod table;
mod throughput;
mod timestamp;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use arrivals::ArrivalTrace;
pub use error::{Place, TraceError};
pub use positions::{NodePath, Positions};
pub use source::{MAX_FILE_BYTES, MAX_FILES, names};
pub use split::Split;
pub use throughput::{Segment, Throughput};

/// What a recording is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Rates of a link.
    Throughput,
    /// Arrivals of tasks.
    Arrivals,
    /// Positions of devices.
    Positions,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Throughput => "throughput",
            Self::Arrivals => "arrivals",
            Self::Positions => "positions",
        })
    }
}

/// How a file of rates is written; arrivals and positions need no choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// By the first line that holds data: `Csv` if it begins with a letter, `Mahimahi` if it is one field, otherwise
    /// `Pensieve`.
    #[default]
    Auto,
    /// Two columns without a header, separated by white space or a comma: time in s, rate in Mbit/s.
    Pensieve,
    /// One whole number of milliseconds per line: a chance to send one packet of 1,500 bytes.
    Mahimahi,
    /// A header with `time_s` and `rate_mbit`.
    Csv,
}

/// How recordings are read.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadOptions {
    /// Which part of the recordings.
    pub split: Split,
    /// How files of rates are written.
    pub format: Format,
    /// The longest time between two lines of rates or of one node's positions, s; above 0, and `inf` for no limit.
    /// Arrivals have none: that nothing arrives is part of the recording.
    pub max_gap_s: f64,
    /// Length of the bins in which the packets of a Mahimahi file are counted, ms; 1 to 3,600,000.
    pub bin_ms: u64,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { split: Split::All, format: Format::Auto, max_gap_s: 60.0, bin_ms: 100 }
    }
}

impl ReadOptions {
    /// The default for one part of the recordings.
    pub fn of(split: Split) -> Self {
        Self { split, ..Self::default() }
    }

    /// Refuses values out of range.
    ///
    /// # Errors
    /// [`TraceError::Option`] with the option, what was found and what is accepted.
    pub fn check(&self) -> Result<(), TraceError> {
        if self.max_gap_s.is_nan() || self.max_gap_s <= 0.0 {
            let found = self.max_gap_s.to_string();
            return Err(TraceError::Option { option: "max_gap_s", found, accepted: "a number above 0, or inf" });
        }
        if !(1..=3_600_000).contains(&self.bin_ms) {
            let found = self.bin_ms.to_string();
            return Err(TraceError::Option { option: "bin_ms", found, accepted: "a whole number from 1 to 3600000" });
        }
        Ok(())
    }
}

/// Reads rates of links; `source` is a name that ships, or a path with a / or a . in it.
///
/// # Errors
/// [`TraceError`], whose message names file, line, column, what was found and what is accepted.
///
/// # Example
/// ```
/// use mec_envs::trace::{self, ReadOptions, Split};
///
/// let train = trace::throughput("lumos-4g", &ReadOptions::of(Split::Train))?;
/// let test = trace::throughput("lumos-4g", &ReadOptions::of(Split::Test))?;
/// assert!(train.len() > test.len() && train.iter().all(|link| link.mean_rate().mbit() > 0.0));
/// # Ok::<(), trace::TraceError>(())
/// ```
pub fn throughput(source: &str, options: &ReadOptions) -> Result<Vec<Throughput>, TraceError> {
    options.check()?;
    let recordings = source::recordings(Kind::Throughput, source)?;
    let all: Result<Vec<_>, _> =
        recordings.iter().map(|recording| throughput::Placed::read(recording, options)).collect();
    Ok(options.split.of(all?)?.into_iter().map(|placed| placed.trace).collect())
}

/// Reads arrivals of tasks; `source` is a name that ships, or a path with a / or a . in it.
///
/// A file has one number of seconds per line, or a header with one of the columns `time_s` (seconds), `gap_ms`
/// (milliseconds since the line before) or `TIMESTAMP` (such as `2023-11-16 18:15:46.6805900`). Several arrivals may
/// have the same time, and there is no limit to the time between two. The recording lasts one mean gap longer than from
/// the first arrival to the last.
///
/// # Errors
/// [`TraceError`], whose message names file, line, column, what was found and what is accepted.
///
/// # Example
/// ```
/// use mec_envs::trace::{self, ReadOptions};
///
/// let hour = &trace::arrivals("azure-llm-code-2023", &ReadOptions::default())?[0];
/// let busy = hour.clone().with_mean_rate(20.0);
/// assert!((busy.mean_rate() - 20.0).abs() < 1e-9);
/// # Ok::<(), trace::TraceError>(())
/// ```
pub fn arrivals(source: &str, options: &ReadOptions) -> Result<Vec<ArrivalTrace>, TraceError> {
    options.check()?;
    let recordings = source::recordings(Kind::Arrivals, source)?;
    let all: Result<Vec<_>, _> = recordings.iter().map(arrivals::Placed::read).collect();
    Ok(options.split.of(all?)?.into_iter().map(|placed| placed.trace).collect())
}

/// Reads positions of devices; `source` is a name that ships, or a path with a / or a . in it.
///
/// A file has a header with `time_s`, `node` (any text), `x_m` and `y_m`. The lines of one node are in the order of
/// time; nodes may take turns in any order. All nodes of a source are one set: nodes of a source of several files or
/// sections are named `recording/node`. [`Split`] takes nodes for recordings, in the order in which they first appear,
/// and cuts fewer than ten nodes at one time; a node with a single line stands still and then belongs to both parts.
///
/// # Errors
/// [`TraceError`], whose message names file, line, column, what was found and what is accepted.
pub fn positions(source: &str, options: &ReadOptions) -> Result<Positions, TraceError> {
    options.check()?;
    positions::read(source, &source::recordings(Kind::Positions, source)?, options)
}
