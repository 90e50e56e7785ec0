//! What an agent observes of a task: one row of features per target, a summary, and a prior.

use super::view::{Offer, View};
use crate::gym::{BoxSpace, DictSpace};
use crate::units::Seconds;

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
    entry("mean_wait", 0.0, 10.0, "mean over the servers in reach of the believed wait, over the reference"),
    entry("load", 0.0, 10.0, "arrival rate over the last seconds, over its long-run mean"),
];

/// Entries about one task on one target. Those that only a server has are 0 for the device; the last six are about
/// the task and its device, the same for every target.
pub const OPTION: [Entry; 23] = [
    entry("is_device", 0.0, 1.0, "1 for the device itself"),
    entry("latency", 0.0, 10.0, "expected latency from now with CDLP's cut, by report and book, over the reference"),
    entry("regret", 0.0, 10.0, "expected latency minus the best target's, over the reference"),
    entry("device_time", 0.0, 10.0, "device time of the cut, over the reference"),
    entry("upload_time", 0.0, 10.0, "upload time of the cut at the measured rate, over the reference"),
    entry("service_time", 0.0, 10.0, "service time of the cut, over the reference"),
    entry("wait", 0.0, 10.0, "time until an executor is believed free, by report and book, over the reference"),
    entry(
        "loading",
        0.0,
        10.0,
        "time to load the network first, if it is believed not to be in memory, over the reference",
    ),
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
    entry("drained", 0.0, 1.0, "share of the device's battery that is spent; 0 without a battery"),
];

/// Bounds of the prior.
pub const PRIOR: Entry = entry("prior", -10.0, 0.0, "minus the regret of each target");

/// The observation of `rows` tasks over `targets` targets: `global` `[3]`, `options` `[rows, targets, 23]` and `prior`
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

/// Writes the observation of the task that waits next and of `later`, those after it: `rows` of them, of which those that
/// do not wait are 0. The offers are what to expect of each of their targets.
#[inline(always)]
pub(super) fn write<'a>(
    first: View<'a>,
    later: impl Iterator<Item = View<'a>>,
    load: f64,
    (rows, offers): (usize, &[Offer]),
    out: &mut Vec<f32>,
) {
    let targets = first.targets();
    out.clear();
    out.resize(GLOBAL.len() + rows * targets * (OPTION.len() + 1), 0.0);
    let (global, rest) = out.split_at_mut(GLOBAL.len());
    let (options, prior) = rest.split_at_mut(rows * targets * OPTION.len());
    write_global(&first, load, &offers[..targets], global);
    let rows = options.chunks_exact_mut(targets * OPTION.len()).zip(prior.chunks_exact_mut(targets));
    let views = std::iter::once(first).chain(later);
    for ((view, offers), (options, prior)) in views.zip(offers.chunks_exact(targets)).zip(rows) {
        write_row(&view, offers, options, prior);
    }
}

/// The entries about the whole system, with what to expect of the targets of the first task.
#[inline(always)]
fn write_global(view: &View<'_>, load: f64, offers: &[Offer], out: &mut [f32]) {
    let setting = view.setting();
    let waits: f64 = offers[1..].iter().map(|offer| offer.server_wait.0).sum();
    let mean_wait = waits / (offers.len() - 1) as f64 / setting.scenario.reward.reference_s.0;
    let waiting = view.waiting() as f64 / setting.scenario.set_size as f64;
    clamp_into(&bounds(&GLOBAL, false), &bounds(&GLOBAL, true), &[waiting, mean_wait, load], out);
}

/// The entries of every target of a task, and its prior.
#[inline(always)]
fn write_row(view: &View<'_>, offers: &[Offer], options: &mut [f32], prior: &mut [f32]) {
    let per_reference = 1.0 / view.setting().scenario.reward.reference_s.0;
    let best = offers.iter().map(|offer| offer.choice.completion.0).fold(f64::INFINITY, f64::min);
    let (frontier, device) = (view.frontier(), view.device());
    let time_left = (view.deadline() - view.waited()).0;
    let own = [
        device.processor * per_reference,
        device.radio * per_reference,
        (view.rate().0 / 1e6).ln(),
        time_left * per_reference,
        frontier.device_time(frontier.local()).0 * per_reference,
        view.drained(),
    ];
    let targets = offers.iter().enumerate().zip(options.chunks_exact_mut(OPTION.len())).zip(prior);
    for (((target, offer), out), prior) in targets {
        let latency = offer.choice.completion.0;
        let of_server = if target == 0 { [0.0; 12] } else { server_entries(view, target, offer, per_reference) };
        let [upload, service, wait, loading, backlog, change, sent, growth, forecast, age, idle, speed] = of_server;
        let [processor, radio, log_rate, left, local, drained] = own;
        let values = [
            f64::from(u8::from(target == 0)),
            latency * per_reference,
            (latency - best) * per_reference,
            frontier.device_time(offer.choice.candidate).0 * per_reference,
            upload,
            service,
            wait,
            loading,
            backlog,
            change,
            sent,
            growth,
            forecast,
            age,
            idle,
            speed,
            (time_left - latency) * per_reference,
            processor,
            radio,
            log_rate,
            left,
            local,
            drained,
        ];
        clamp_into(&OPTION_LOW, &OPTION_HIGH, &values, out);
        *prior = (((best - latency) * per_reference) as f32).clamp(PRIOR.low, PRIOR.high);
    }
}

/// The entries that only a server has, in their order.
#[inline(always)]
fn server_entries(view: &View<'_>, target: usize, offer: &Offer, per_reference: f64) -> [f64; 12] {
    let spec = &view.setting().servers[view.server_behind(target)];
    let (frontier, candidate) = (view.frontier(), offer.choice.candidate);
    let belief = view.server(target);
    let age = (view.now() - Seconds(belief.report().time)).0;
    let growth = belief.foreign_growth();
    [
        frontier.upload(candidate).0 / view.rate().0 * per_reference,
        frontier.edge_time(candidate, spec.class).0 * per_reference,
        offer.server_wait.0 * per_reference,
        offer.loading.0 * per_reference,
        belief.report().backlog() * per_reference,
        belief.change() * per_reference,
        belief.own_sent() * per_reference,
        growth,
        growth * age * per_reference,
        age * per_reference,
        belief.report().idle as f64 / spec.executors as f64,
        spec.speed,
    ]
}

/// Bounds apart from names, so that the loops over them are vector instructions.
const OPTION_LOW: [f32; OPTION.len()] = bounds(&OPTION, false);
const OPTION_HIGH: [f32; OPTION.len()] = bounds(&OPTION, true);

const fn bounds<const N: usize>(entries: &[Entry; N], high: bool) -> [f32; N] {
    let mut bounds = [0.0; N];
    let mut index = 0;
    while index < N {
        bounds[index] = if high { entries[index].high } else { entries[index].low };
        index += 1;
    }
    bounds
}

/// Unlike `f32::clamp` without a rule for bounds that are none.
#[inline(always)]
fn clamp_into<const N: usize>(low: &[f32; N], high: &[f32; N], values: &[f64; N], out: &mut [f32]) {
    let out = out.first_chunk_mut::<N>().expect("the observation has room for its entries");
    for index in 0..N {
        let value = values[index] as f32;
        let value = if value > low[index] { value } else { low[index] };
        out[index] = if value < high[index] { value } else { high[index] };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gym::Space;

    #[test]
    fn the_space_has_a_bound_for_every_entry() {
        let space = space(2, 5);
        assert_eq!(space.flat_dim(), 3 + 2 * 5 * 23 + 2 * 5);
        let (_, options) = &space.entries()[1];
        assert_eq!((options.low()[9], options.high()[11 + 23]), (-10.0, 4.0));
    }
}
