//! Energy that a device spends on its tasks.

use super::record::{Interval, TaskRecord};
use super::setting::Setting;

/// What a device spends on these tasks in this time, J: computing; idle power in the time in which it has a task in flight
/// and does not compute; and on top of either the power of its radio while it sends. `scratch` is used and left in any
/// state.
/// `docs/model.md`, equation 35.
pub(super) fn energy_between<'a>(
    setting: &Setting,
    user: usize,
    tasks: impl Iterator<Item = &'a TaskRecord> + Clone,
    (from, to): (f64, f64),
    scratch: &mut Vec<Interval>,
) -> f64 {
    let clip = |interval: Interval| {
        let clipped = Interval { start: interval.start.max(from), end: interval.end.min(to) };
        if interval.start.is_nan() || clipped.end <= clipped.start { Interval::NONE } else { clipped }
    };
    let (device, processor) = (&setting.devices[user], setting.device_processor(user));
    let computing: f64 = tasks.clone().map(|task| clip(task.device).length()).sum();
    let sending: f64 = tasks.clone().map(|task| clip(task.upload).length()).sum();
    // A lost task is waited for as long as its device works on it.
    let in_flight = tasks.flat_map(|task| {
        let end = if task.completion.is_finite() { task.completion } else { task.decision };
        [clip(Interval { start: task.decision, end }), clip(task.device), clip(task.upload)]
    });
    let idle = covered(in_flight, scratch) - computing;
    processor.compute_power.0 * computing + device.transmit_power.0 * sending + processor.idle_power.0 * idle
}

/// Time that at least one of the intervals covers, s.
fn covered(intervals: impl Iterator<Item = Interval>, sorted: &mut Vec<Interval>) -> f64 {
    sorted.clear();
    sorted.extend(intervals.filter(|interval| !interval.start.is_nan()));
    sorted.sort_unstable_by(|a, b| a.start.total_cmp(&b.start));
    let (mut total, mut until) = (0.0, f64::NEG_INFINITY);
    for Interval { start, end } in sorted {
        total += (*end - start.max(until)).max(0.0);
        until = until.max(*end);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_covered_twice_counts_once() {
        let intervals = [(0.0, 2.0), (1.0, 3.0), (5.0, 6.0), (5.2, 5.4), (f64::NAN, f64::NAN)];
        let intervals = intervals.into_iter().map(|(start, end)| Interval { start, end });
        assert_eq!(covered(intervals, &mut Vec::new()), 4.0);
    }
}
