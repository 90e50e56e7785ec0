//! The rate of a link over time, piecewise constant, repeated without end.

use super::source::Recording;
use super::split::Cut;
use super::table::{Clock, Column, TIME_S, Table, is_header};
use super::{Format, Place, ReadOptions, TraceError, mahimahi};
use crate::units::{Bytes, BytesPerSecond, Seconds};

/// A recorded rate, which repeats without end.
///
/// Segments are counted through all repetitions: of a recording of 5 segments, number 7 is its third one in the second
/// pass. A simulator keeps the number and adds one at each end of a segment.
///
/// A rate holds from its time to the next one, and the last rate as long as the one before it.
///
/// # Deviations
/// Pensieve's simulator reads its files one line later: there a rate holds up to its own time, and the first is never
/// used. The rates and how long they hold are the same but for the first and the last one.
#[derive(Clone, Debug, PartialEq)]
pub struct Throughput {
    name: String,
    /// Ends of the segments of one pass, s.
    ends: Vec<f64>,
    /// Rates of the segments, B/s.
    rates: Vec<f64>,
    /// Bytes sent from the start of a pass to the end of each segment.
    sent: Vec<f64>,
}

/// A time of constant rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// When it ends, counted from the start of the first pass.
    pub end: Seconds,
    /// Its rate; 0 in an outage.
    pub rate: BytesPerSecond,
}

impl Throughput {
    /// A recording of these durations and rates.
    ///
    /// # Panics
    /// Unless every duration is finite and above 0, every rate finite and at least 0, and one rate above 0.
    pub fn from_segments(
        name: impl Into<String>,
        segments: impl IntoIterator<Item = (Seconds, BytesPerSecond)>,
    ) -> Self {
        let mut trace = Self { name: name.into(), ends: Vec::new(), rates: Vec::new(), sent: Vec::new() };
        let (mut end, mut sent) = (0.0, 0.0);
        for (Seconds(duration), BytesPerSecond(rate)) in segments {
            assert!(duration > 0.0 && duration.is_finite(), "a segment lasts {duration} s; it must last");
            assert!(rate >= 0.0 && rate.is_finite(), "a rate is {rate} B/s; it must be a number of at least 0");
            end += duration;
            sent += duration * rate;
            trace.ends.push(end);
            trace.rates.push(rate);
            trace.sent.push(sent);
        }
        assert!(sent > 0.0, "a rate of the recording {} must be above 0", trace.name);
        trace
    }

    /// Name of the recording.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of segments of one pass, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Length of one pass.
    pub fn duration(&self) -> Seconds {
        Seconds(self.ends[self.len() - 1])
    }

    /// Mean rate over one pass, above 0.
    pub fn mean_rate(&self) -> BytesPerSecond {
        self.total() / self.duration()
    }

    /// A segment by its number through all passes; O(1).
    pub fn segment(&self, number: usize) -> Segment {
        let (pass, index) = (number / self.len(), number % self.len());
        Segment { end: self.end(pass, index), rate: BytesPerSecond(self.rates[index]) }
    }

    /// The number of the segment at a time (0 to 1e9 s), whose end is after this time; O(log n) in the segments.
    pub fn at(&self, time: Seconds) -> usize {
        let mut pass = (time.0 / self.duration().0) as usize;
        if pass > 0 && pass as f64 * self.duration().0 > time.0 {
            pass -= 1;
        }
        let start = pass as f64 * self.duration().0;
        pass * self.len() + self.ends.partition_point(|end| start + end <= time.0)
    }

    /// When a transfer that starts at a time (0 to 1e9 s) has moved this amount: the earliest time at which the
    /// integral of the rate is that much; O(log n) in the segments.
    pub fn transfer_end(&self, start: Seconds, amount: Bytes) -> Seconds {
        if amount.0 <= 0.0 {
            return start;
        }
        let goal = self.sent_until(start) + amount.0;
        let total = self.total().0;
        // A goal at the end of a pass is reached in that pass: the next one may begin with an outage.
        let pass = ((goal / total).ceil() - 1.0).max(0.0);
        let left = (goal - pass * total).clamp(0.0, total);
        let index = self.sent.partition_point(|&sent| sent < left);
        // Nothing left but rounding, at the start of a pass.
        let rest = if self.rates[index] > 0.0 { (self.sent[index] - left) / self.rates[index] } else { 0.0 };
        Seconds(pass * self.duration().0 + self.ends[index] - rest).max(start)
    }

    /// Bytes that the link could have moved from time 0 to this one.
    fn sent_until(&self, time: Seconds) -> f64 {
        let number = self.at(time);
        let (pass, index) = (number / self.len(), number % self.len());
        let left = (self.end(pass, index).0 - time.0).max(0.0);
        pass as f64 * self.total().0 + self.sent[index] - left * self.rates[index]
    }

    fn end(&self, pass: usize, index: usize) -> Seconds {
        Seconds(pass as f64 * self.duration().0 + self.ends[index])
    }

    fn total(&self) -> Bytes {
        Bytes(self.sent[self.len() - 1])
    }
}

const RATE_MBIT: Column =
    Column { name: "rate_mbit", low: 0.0, high: 1e9, accepted: "a number of Mbit/s from 0 to 1e9" };

const ACCEPTED: &str = "a header with time_s and rate_mbit, or lines of seconds and Mbit/s, or lines of milliseconds";

/// A recording, and where it was read.
pub(super) struct Placed {
    pub(super) trace: Throughput,
    place: Place,
}

impl Placed {
    /// Reads one recording.
    pub(super) fn read(recording: &Recording, options: &ReadOptions) -> Result<Self, TraceError> {
        let (_, first) = recording
            .lines()
            .next()
            .ok_or_else(|| TraceError::Empty { place: recording.start(), accepted: ACCEPTED })?;
        let segments = match options.format {
            Format::Csv => csv(recording, options)?,
            Format::Pensieve => pensieve(recording, options)?,
            Format::Mahimahi => mahimahi::read(recording, options)?,
            Format::Auto if is_header(first) => csv(recording, options)?,
            Format::Auto if columns(first).count() == 1 => mahimahi::read(recording, options)?,
            Format::Auto => pensieve(recording, options)?,
        };
        Self::new(&recording.name, recording.start(), segments)
    }

    fn new(name: &str, place: Place, segments: Vec<(f64, f64)>) -> Result<Self, TraceError> {
        // A sum, since the smallest numbers multiply to 0.
        if segments.iter().map(|(duration, rate)| duration * rate).sum::<f64>() <= 0.0 {
            return Err(TraceError::AllZero { place });
        }
        let segments = segments.into_iter().map(|(duration, rate)| (Seconds(duration), BytesPerSecond(rate)));
        Ok(Self { trace: Throughput::from_segments(name, segments), place })
    }
}

impl Cut for Placed {
    fn cut(self, from: f64, to: f64) -> Result<Self, TraceError> {
        let duration = self.trace.duration().0;
        let (from, to) = (from * duration, to * duration);
        let mut start = 0.0_f64;
        let mut segments = Vec::new();
        for (&end, &rate) in self.trace.ends.iter().zip(&self.trace.rates) {
            let length = end.min(to) - start.max(from);
            if length > 0.0 {
                segments.push((length, rate));
            }
            start = end;
        }
        Self::new(&self.trace.name, self.place, segments)
    }
}

fn columns(line: &str) -> impl Iterator<Item = &str> {
    line.split(|between: char| between == ',' || between.is_whitespace()).filter(|field| !field.is_empty())
}

fn csv(recording: &Recording, options: &ReadOptions) -> Result<Vec<(f64, f64)>, TraceError> {
    let table = Table::new(recording, ACCEPTED)?;
    let mut samples = Samples::new(recording, options);
    for row in table.rows(["time_s", "rate_mbit"])? {
        let (line, fields) = row?;
        samples.add(line, fields)?;
    }
    samples.segments()
}

fn pensieve(recording: &Recording, options: &ReadOptions) -> Result<Vec<(f64, f64)>, TraceError> {
    let mut samples = Samples::new(recording, options);
    for (line, text) in recording.lines() {
        let fields: Vec<&str> = columns(text).collect();
        let fields = <[&str; 2]>::try_from(fields).map_err(|fields| TraceError::Columns {
            place: recording.place(line),
            found: fields.len(),
            accepted: 2,
        })?;
        samples.add(line, fields)?;
    }
    samples.segments()
}

/// Rates with the times from which they hold.
struct Samples<'a> {
    recording: &'a Recording,
    clock: Clock,
    /// Times, s, and rates, B/s.
    samples: Vec<(f64, f64)>,
}

impl<'a> Samples<'a> {
    fn new(recording: &'a Recording, options: &ReadOptions) -> Self {
        let clock = Clock { column: TIME_S.name, max_gap_s: options.max_gap_s, together: false, last: None };
        Self { recording, clock, samples: Vec::new() }
    }

    fn add(&mut self, line: usize, [time, rate]: [&str; 2]) -> Result<(), TraceError> {
        let place = || self.recording.place(line);
        let time = TIME_S.parse(time, place)?;
        let rate = RATE_MBIT.parse(rate, place)?;
        self.clock.step(time, place)?;
        self.samples.push((time, BytesPerSecond::from_mbit(rate).0));
        Ok(())
    }

    /// Durations and rates.
    fn segments(self) -> Result<Vec<(f64, f64)>, TraceError> {
        let found = self.samples.len();
        if found < 2 {
            let place = self.recording.start();
            return Err(TraceError::TooFew { place, what: "rates with their times", found, accepted: 2 });
        }
        let mut segments: Vec<(f64, f64)> =
            self.samples.windows(2).map(|pair| (pair[1].0 - pair[0].0, pair[0].1)).collect();
        segments.push((segments[found - 2].0, self.samples[found - 1].1));
        Ok(segments)
    }
}
