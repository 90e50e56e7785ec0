//! What an agent observes of a task: one row of features per target, a summary, and a prior.

use super::setting::Setting;
use super::view::{Knowledge, View};
use crate::gym::{BoxSpace, DictSpace};
use crate::partition::Choice;

/// An entry of the observation: name, range, meaning. Times are divided by the reference latency of the reward.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Least value; smaller ones are cut off.
    pub low: f32,
    /// Greatest value; larger ones are cut off.
    pub high: f32,
    /// What it is.
    pub meaning: &'static str,
}

const fn entry(name: &'static str, low: f32, high: f32, meaning: &'static str) -> Entry {
    Entry { name, low, high, meaning }
}

/// Entries about the whole system.
pub const GLOBAL: [Entry; 3] = [
    entry("waiting", 0.0, 10.0, "tasks that wait for a decision, over the size of a set"),
    entry("mean_wait", 0.0, 10.0, "mean over the servers of the believed wait, over the reference"),
    entry("load", 0.0, 10.0, "arrival rate over the last seconds, over its long-run mean"),
];

/// Entries about one task on one target. Those that only a server has are 0 for the device; the last five are about
/// the task and its device, the same for every target.
pub const OPTION: [Entry; 21] = [
    entry("is_device", 0.0, 1.0, "1 for the device itself"),
    entry("latency", 0.0, 10.0, "expected latency from now with CDLP's cut, by report and book, over the reference"),
    entry("regret", 0.0, 10.0, "expected latency minus the best target's, over the reference"),
    entry("device_time", 0.0, 10.0, "device time of the cut, over the reference"),
    entry("upload_time", 0.0, 10.0, "upload time of the cut at the measured rate, over the reference"),
    entry("service_time", 0.0, 10.0, "service time of the cut, over the reference"),
    entry("wait", 0.0, 10.0, "time until an executor is believed free, by report and book, over the reference"),
    entry("backlog", 0.0, 10.0, "work per executor in the last report, over the reference"),
    entry("change", -10.0, 10.0, "change of that work between the last two reports, over the reference"),
    entry("own_sent", 0.0, 10.0, "own work per executor sent and not yet reported, over the reference"),
    entry("foreign_growth", -4.0, 4.0, "growth of the backlog that own work does not explain, seconds per second"),
    entry("forecast", -10.0, 10.0, "foreign growth times the age of the report, over the reference"),
    entry("age", 0.0, 10.0, "age of the last report, over the reference"),
    entry("idle", 0.0, 1.0, "share of executors without work in the last report"),
    entry("speed", 0.0, 1.0, "speed of the server over the fastest one's"),
    entry("slack", -10.0, 10.0, "time left until the deadline after the expected completion, over the reference"),
    entry("device_wait", 0.0, 10.0, "time until the device's processor is expected to be free, over the reference"),
    entry("radio_wait", 0.0, 10.0, "time until the radio is expected to be free of all tensors, over the reference"),
    entry("log_rate", -5.0, 5.0, "natural logarithm of the measured uplink rate over 1 MB/s"),
    entry("time_left", -10.0, 10.0, "time left until the deadline, over the reference"),
    entry("local_time", 0.0, 10.0, "time of the whole network on the device, over the reference"),
];

/// Bounds of the prior.
pub const PRIOR: Entry = entry("prior", -10.0, 0.0, "minus the regret of each target");

/// The observation of `rows` tasks over `targets` targets: `global` `[3]`, `options` `[rows, targets, 21]` and `prior`
/// `[rows, targets]`.
pub fn space(rows: usize, targets: usize) -> DictSpace {
    let bounds = |entries: &[Entry], times: usize| {
        let repeat = |value: fn(&Entry) -> f32| entries.iter().map(value).collect::<Vec<_>>().repeat(times);
        (repeat(|entry| entry.low), repeat(|entry| entry.high))
    };
    let boxed = |shape: &[usize], entries: &[Entry], times: usize| {
        let (low, high) = bounds(entries, times);
        BoxSpace::new(shape, low, high).expect("the entries have low <= high")
    };
    DictSpace::new(vec![
        ("global", boxed(&[GLOBAL.len()], &GLOBAL, 1)),
        ("options", boxed(&[rows, targets, OPTION.len()], &OPTION, rows * targets)),
        ("prior", boxed(&[rows, targets], &[PRIOR], rows * targets)),
    ])
}

/// Appends the global entries; the view may be that of any waiting task.
pub(super) fn global(view: &View<'_>, load: f64, out: &mut Vec<f32>) {
    let setting = view.setting();
    let servers = view.targets() - 1;
    let waits = (1..=servers).map(|target| view.server_wait(target, Knowledge::Booked).0);
    push(
        out,
        &GLOBAL,
        [
            view.waiting() as f64 / setting.scenario.set_size as f64,
            waits.sum::<f64>() / servers as f64 / setting.scenario.reward.reference_s.0,
            load,
        ],
    );
}

/// Appends the entries of every target of a task; `choices` holds what to expect of each.
pub(super) fn options(view: &View<'_>, choices: &[Choice], out: &mut Vec<f32>) {
    let setting = view.setting();
    let reference = setting.scenario.reward.reference_s.0;
    let best = best_completion(choices);
    let time_left = (view.deadline() - view.waited()).0;
    let device = view.device();
    for (target, choice) in choices.iter().enumerate() {
        let frontier = view.frontier();
        let latency = choice.completion.0;
        let device_time = frontier.device_time(choice.candidate).0;
        let upload_time = if target == 0 { 0.0 } else { frontier.upload(choice.candidate).0 / view.rate().0 };
        let server = server_entries(view, setting, target, choice.candidate);
        let [service, wait, backlog, change, sent, growth, forecast, age, idle, speed] = server;
        push(
            out,
            &OPTION,
            [
                f64::from(u8::from(target == 0)),
                latency / reference,
                (latency - best) / reference,
                device_time / reference,
                upload_time / reference,
                service / reference,
                wait / reference,
                backlog / reference,
                change / reference,
                sent / reference,
                growth,
                forecast / reference,
                age / reference,
                idle,
                speed,
                (time_left - latency) / reference,
                device.processor / reference,
                device.radio / reference,
                (view.rate().0 / 1e6).ln(),
                time_left / reference,
                view.frontier().device_time(view.frontier().local()).0 / reference,
            ],
        );
    }
}

fn server_entries(view: &View<'_>, setting: &Setting, target: usize, candidate: usize) -> [f64; 10] {
    if target == 0 {
        return [0.0; 10];
    }
    let spec = &setting.servers[target - 1];
    let belief = view.server(target);
    let age = view.report_age(target).0;
    [
        view.frontier().edge_time(candidate, spec.class).0,
        view.server_wait(target, Knowledge::Booked).0,
        belief.report().backlog(),
        belief.change(),
        belief.own_sent(),
        belief.foreign_growth(),
        belief.foreign_growth() * age,
        age,
        belief.report().idle as f64 / spec.executors as f64,
        spec.speed,
    ]
}

/// Appends the prior of every target of a task.
pub(super) fn prior(view: &View<'_>, choices: &[Choice], out: &mut Vec<f32>) {
    let reference = view.setting().scenario.reward.reference_s.0;
    let best = best_completion(choices);
    for choice in choices {
        push(out, &[PRIOR], [(best - choice.completion.0) / reference]);
    }
}

fn best_completion(choices: &[Choice]) -> f64 {
    choices.iter().map(|choice| choice.completion.0).fold(f64::INFINITY, f64::min)
}

fn push<const N: usize>(out: &mut Vec<f32>, entries: &[Entry; N], values: [f64; N]) {
    out.extend(entries.iter().zip(values).map(|(entry, value)| (value as f32).clamp(entry.low, entry.high)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gym::Space;

    #[test]
    fn the_space_has_a_bound_for_every_entry() {
        let space = space(2, 5);
        assert_eq!(space.flat_dim(), 3 + 2 * 5 * 21 + 2 * 5);
        let (_, options) = &space.entries()[1];
        assert_eq!((options.low()[8], options.high()[10 + 21]), (-10.0, 4.0));
    }
}
