//! Packet-opportunity files of Mahimahi's link emulator, counted in bins.

use super::source::Recording;
use super::table::{Clock, excerpt};
use super::{ReadOptions, TraceError};

/// Bytes of one opportunity (Netravali et al., "Mahimahi: Accurate Record-and-Replay for HTTP", USENIX ATC 2015:
/// a line of a trace of its LinkShell is a chance to send a packet of this size).
const PACKET_BYTES: f64 = 1500.0;

const ACCEPTED: &str = "a whole number of milliseconds from 0 to 1e15";

const MAX_MS: u64 = 1_000_000_000_000_000;

/// Durations (s) and rates (B/s), one entry per run of bins with equal counts.
///
/// Bin k has the opportunities after `k * bin` up to and with `(k + 1) * bin`; one at time 0 belongs to the first bin.
/// As in Mahimahi, the file repeats after its last opportunity, where the last bin ends, so that the mean rate is that
/// of the file.
pub(super) fn read(recording: &Recording, options: &ReadOptions) -> Result<Vec<(f64, f64)>, TraceError> {
    let counts = counts(recording, options)?;
    let end = counts.last().map_or(0, |opportunity| opportunity.0);
    if end == 0 {
        return Err(TraceError::NoTime { place: recording.start() });
    }
    let bin = options.bin_ms;
    let mut segments: Vec<(u64, f64)> = Vec::new();
    let mut add = |length: u64, rate: f64| match segments.last_mut() {
        Some(last) if last.1 == rate => last.0 += length,
        _ => segments.push((length, rate)),
    };
    let (mut next, mut time) = (0, 0);
    while time < end {
        // The bin of the next opportunity, after the empty ones before it.
        let start = counts[next].0.saturating_sub(1) / bin * bin;
        if start > time {
            add(start - time, 0.0);
        }
        time = (start + bin).min(end);
        let mut packets = 0.0;
        while next < counts.len() && counts[next].0 <= time {
            packets += counts[next].1;
            next += 1;
        }
        let length = time - start;
        add(length, packets * PACKET_BYTES * 1e3 / length as f64);
    }
    Ok(segments.into_iter().map(|(length, rate)| (length as f64 / 1e3, rate)).collect())
}

/// Times (ms) of opportunities in order, each with how many there are.
fn counts(recording: &Recording, options: &ReadOptions) -> Result<Vec<(u64, f64)>, TraceError> {
    let mut counts: Vec<(u64, f64)> = Vec::new();
    let mut clock = Clock { column: "time_ms", max_gap_s: options.max_gap_s, together: true, last: None };
    for (line, text) in recording.lines() {
        let time = text.parse().ok().filter(|&time: &u64| time <= MAX_MS).ok_or_else(|| TraceError::Field {
            place: recording.place(line),
            column: "time_ms",
            found: excerpt(text),
            accepted: ACCEPTED,
        })?;
        clock.step(time as f64 / 1e3, || recording.place(line))?;
        match counts.last_mut() {
            Some(last) if last.0 == time => last.1 += 1.0,
            _ => counts.push((time, 1.0)),
        }
    }
    Ok(counts)
}
