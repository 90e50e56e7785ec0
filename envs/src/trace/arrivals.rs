//! Recorded arrival times, repeated without end.

use super::source::Recording;
use super::split::Cut;
use super::table::{Clock, Column, TIME_S, Table, is_header};
use super::{Place, TraceError, timestamp};
use crate::units::Seconds;

/// Recorded arrivals, which repeat without end.
///
/// Arrivals are counted through all repetitions: of a recording of 5 arrivals, number 7 is its third one in the second
/// pass. A simulator keeps the number and adds one per arrival.
#[derive(Clone, Debug, PartialEq)]
pub struct ArrivalTrace {
    name: String,
    /// Times in one pass, s, in order.
    times: Vec<f64>,
    /// Length of one pass, s; no time is beyond it.
    length: f64,
}

impl ArrivalTrace {
    /// Arrivals at these times of a pass of this length.
    ///
    /// # Panics
    /// Unless there are times, all from 0 to `length`, in order, and `length` is finite and above 0.
    pub fn new(name: impl Into<String>, times: Vec<Seconds>, length: Seconds) -> Self {
        let times: Vec<f64> = times.into_iter().map(|time| time.0).collect();
        assert!(length.0 > 0.0 && length.0.is_finite(), "arrivals over {length}; a recording must last");
        assert!(!times.is_empty() && times.is_sorted(), "arrivals must be there, and in order");
        assert!(times.iter().all(|time| (0.0..=length.0).contains(time)), "arrivals lie between 0 s and {length}");
        Self { name: name.into(), times, length: length.0 }
    }

    /// Name of the recording.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of arrivals of one pass, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Length of one pass.
    pub fn duration(&self) -> Seconds {
        Seconds(self.length)
    }

    /// Arrivals per second over one pass, above 0.
    pub fn mean_rate(&self) -> f64 {
        self.len() as f64 / self.length
    }

    /// The same arrivals, slowed down or sped up to this many per second.
    ///
    /// # Panics
    /// Unless `per_second` is from 1e-9 to 1e9.
    #[must_use]
    pub fn with_mean_rate(mut self, per_second: f64) -> Self {
        assert!((1e-9..=1e9).contains(&per_second), "a mean rate of {per_second} per second; accepted is 1e-9 to 1e9");
        let (before, after) = (self.length, self.len() as f64 / per_second);
        self.times.iter_mut().for_each(|time| *time = (*time * (after / before)).min(after));
        self.length = after;
        self
    }

    /// The time of an arrival by its number through all passes, counted from the start of the first pass; O(1).
    pub fn time(&self, number: usize) -> Seconds {
        let (pass, index) = (number / self.len(), number % self.len());
        Seconds(pass as f64 * self.length + self.times[index])
    }

    /// The number of the first arrival at or after a time (0 to 1e9 s); O(log n) in the arrivals.
    pub fn first_from(&self, time: Seconds) -> usize {
        // One pass back, for an arrival at the very end of a pass.
        let mut pass = ((time.0 / self.length) as usize).saturating_sub(1);
        loop {
            let start = pass as f64 * self.length;
            let index = self.times.partition_point(|at| start + at < time.0);
            if index < self.len() {
                return pass * self.len() + index;
            }
            pass += 1;
        }
    }
}

const GAP_MS: Column =
    Column { name: "gap_ms", low: 0.0, high: 1e12, accepted: "a number of milliseconds from 0 to 1e12" };

/// The shortest mean gap, s: below it, no time passes.
const SHORTEST_GAP_S: f64 = 1e-9;

const ACCEPTED: &str = "a header with one of time_s, gap_ms and TIMESTAMP, or lines of one number of seconds";

/// A recording, and where it was read.
pub(super) struct Placed {
    pub(super) trace: ArrivalTrace,
    place: Place,
}

impl Placed {
    /// Reads one recording.
    pub(super) fn read(recording: &Recording) -> Result<Self, TraceError> {
        let place = recording.start();
        let first = recording.lines().next();
        let (_, first) = first.ok_or_else(|| TraceError::Empty { place: place.clone(), accepted: ACCEPTED })?;
        let times = if is_header(first) { csv(recording)? } else { lines(recording)? };
        let found = times.len();
        if found < 2 {
            return Err(TraceError::TooFew { place, what: "arrivals", found, accepted: 2 });
        }
        let times: Vec<f64> = times.iter().map(|time| time - times[0]).collect();
        // One mean gap more, so that the mean rate is that of the gaps when the recording repeats.
        let length = times[found - 1] * found as f64 / (found - 1) as f64;
        if length < found as f64 * SHORTEST_GAP_S {
            return Err(TraceError::NoTime { place });
        }
        let name = recording.name.clone();
        Ok(Self { trace: ArrivalTrace { name, times, length }, place })
    }
}

impl Cut for Placed {
    fn cut(self, from: f64, to: f64) -> Result<Self, TraceError> {
        let (Self { trace, place }, whole) = (&self, self.trace.length);
        let (from, to) = (from * whole, to * whole);
        let inside = trace.times.iter().filter(|&&time| from <= time && time < to);
        let times: Vec<f64> = inside.map(|time| time - from).collect();
        if times.is_empty() {
            let place = place.clone();
            return Err(TraceError::TooFew { place, what: "arrivals in this part of the time", found: 0, accepted: 1 });
        }
        let length = (to - from).max(times[times.len() - 1]);
        Ok(Self { trace: ArrivalTrace { name: trace.name.clone(), times, length }, place: self.place })
    }
}

fn lines(recording: &Recording) -> Result<Vec<f64>, TraceError> {
    let mut times = Times::new(TIME_S.name);
    for (line, text) in recording.lines() {
        let place = || recording.place(line);
        times.add(TIME_S.parse(text, place)?, place)?;
    }
    Ok(times.times)
}

fn csv(recording: &Recording) -> Result<Vec<f64>, TraceError> {
    let table = Table::new(recording, ACCEPTED)?;
    if table.has("TIMESTAMP") {
        return dates(recording, &table);
    }
    let column = if table.has(GAP_MS.name) { GAP_MS } else { TIME_S };
    let gaps = column.name == GAP_MS.name;
    let mut times = Times::new(column.name);
    let mut sum_ms = 0.0;
    for row in table.rows([column.name])? {
        let (line, [field]) = row?;
        let place = || recording.place(line);
        let number = column.parse(field, place)?;
        sum_ms += number;
        times.add(if gaps { sum_ms / 1e3 } else { number }, place)?;
    }
    Ok(times.times)
}

fn dates(recording: &Recording, table: &Table<'_>) -> Result<Vec<f64>, TraceError> {
    let mut times = Times::new("TIMESTAMP");
    let mut first = None;
    for row in table.rows(["TIMESTAMP"])? {
        let (line, [field]) = row?;
        let place = || recording.place(line);
        let accepted = timestamp::ACCEPTED;
        let refused = || TraceError::Field { place: place(), column: "TIMESTAMP", found: field.into(), accepted };
        let date = timestamp::nanoseconds(field).ok_or_else(refused)?;
        let since = date - *first.get_or_insert(date);
        times.add(since as f64 / 1e9, place)?;
    }
    Ok(times.times)
}

/// Times in order; several things may arrive at one time, and nothing for any time.
struct Times {
    clock: Clock,
    times: Vec<f64>,
}

impl Times {
    fn new(column: &'static str) -> Self {
        let clock = Clock { column, max_gap_s: f64::INFINITY, together: true, last: None };
        Self { clock, times: Vec::new() }
    }

    fn add(&mut self, time: f64, place: impl FnOnce() -> Place) -> Result<(), TraceError> {
        self.clock.step(time, place)?;
        self.times.push(time);
        Ok(())
    }
}
