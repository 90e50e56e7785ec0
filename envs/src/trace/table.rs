//! Lines of numbers: fields, headers, and times that must be in order.

use super::source::Recording;
use super::{Place, TraceError};

/// A column of numbers and its range.
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) accepted: &'static str,
}

/// Times; the largest leaves room for seconds since 1970.
pub(super) const TIME_S: Column =
    Column { name: "time_s", low: 0.0, high: 1e12, accepted: "a number of seconds from 0 to 1e12" };

impl Column {
    /// The number in a field.
    pub(super) fn parse(&self, field: &str, place: impl FnOnce() -> Place) -> Result<f64, TraceError> {
        let number = field.parse().ok().filter(|number: &f64| (self.low..=self.high).contains(number));
        number.ok_or_else(|| self.refused(field, place()))
    }

    /// The error for a field that is not of this column.
    pub(super) fn refused(&self, field: &str, place: Place) -> TraceError {
        TraceError::Field { place, column: self.name, found: excerpt(field), accepted: self.accepted }
    }
}

/// The beginning of a text, so that messages stay short.
pub(super) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut excerpt: String = text.chars().take(LONGEST).collect();
    if excerpt.len() < text.len() {
        excerpt.push_str("...");
    }
    excerpt
}

/// A CSV file with a header: some columns by name, others ignored.
///
/// Fields are separated by commas; white space and quotation marks around a field are dropped, and a field has no comma
/// in it.
pub(super) struct Table<'a> {
    recording: &'a Recording,
    header: Vec<&'a str>,
    line: usize,
    accepted: &'static str,
}

impl<'a> Table<'a> {
    /// Reads the header; `accepted` says what the columns are.
    pub(super) fn new(recording: &'a Recording, accepted: &'static str) -> Result<Self, TraceError> {
        let first = recording.lines().next();
        let (line, header) = first.ok_or_else(|| TraceError::Empty { place: recording.start(), accepted })?;
        Ok(Self { recording, header: fields(header).collect(), line, accepted })
    }

    /// Whether the header has this column.
    pub(super) fn has(&self, column: &str) -> bool {
        self.header.contains(&column)
    }

    /// The rows, each with its line and the fields of these columns.
    pub(super) fn rows<const N: usize>(
        &self,
        columns: [&str; N],
    ) -> Result<impl Iterator<Item = Result<(usize, [&'a str; N]), TraceError>>, TraceError> {
        let mut indices = [0; N];
        for (index, column) in indices.iter_mut().zip(columns) {
            *index = self.index(column)?;
        }
        let (recording, width) = (self.recording, self.header.len());
        Ok(recording.lines().skip(1).map(move |(line, text)| {
            let row: Vec<&str> = fields(text).collect();
            if row.len() != width {
                return Err(TraceError::Columns { place: recording.place(line), found: row.len(), accepted: width });
            }
            Ok((line, indices.map(|index| row[index])))
        }))
    }

    fn index(&self, column: &str) -> Result<usize, TraceError> {
        let times = self.header.iter().filter(|name| **name == column).count();
        let index = self.header.iter().position(|name| *name == column);
        index.filter(|_| times == 1).ok_or_else(|| TraceError::Header {
            place: self.recording.place(self.line),
            column: column.into(),
            times,
            found: excerpt(&self.header.join(",")),
            accepted: self.accepted,
        })
    }
}

/// The fields of a line of a CSV file.
fn fields(line: &str) -> impl Iterator<Item = &str> {
    line.split(',').map(|field| field.trim().trim_matches('"').trim())
}

/// Whether a line is a header: it begins with a letter, or with one in quotation marks.
pub(super) fn is_header(line: &str) -> bool {
    line.trim_start_matches('"').starts_with(|first: char| first.is_alphabetic())
}

/// Times closer together than this are one time, s.
const SHORTEST_STEP_S: f64 = 1e-6;

/// Checks times one after the other.
pub(super) struct Clock {
    pub(super) column: &'static str,
    pub(super) max_gap_s: f64,
    /// Whether several things may happen at one time.
    pub(super) together: bool,
    pub(super) last: Option<f64>,
}

impl Clock {
    /// Accepts the next time, or says why not.
    pub(super) fn step(&mut self, time: f64, place: impl FnOnce() -> Place) -> Result<(), TraceError> {
        let column = self.column;
        let Some(before_s) = self.last.replace(time) else { return Ok(()) };
        let gap_s = time - before_s;
        if gap_s < 0.0 {
            return Err(TraceError::Order { place: place(), column, found_s: time, before_s });
        }
        if !self.together && gap_s < SHORTEST_STEP_S {
            return Err(TraceError::Duplicate { place: place(), column, found_s: time });
        }
        if gap_s > self.max_gap_s {
            return Err(TraceError::Gap { place: place(), column, gap_s, max_gap_s: self.max_gap_s });
        }
        Ok(())
    }
}
