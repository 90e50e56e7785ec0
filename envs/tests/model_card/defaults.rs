//! Tables of the default scenario and of the processors in it.

use std::collections::BTreeMap;

use mec_envs::offload::{Scenario, Setting};
use mec_envs::processor::Processor;

use crate::card;

/// Key of the default scenario, unit, source or reason.
const NOTES: [(&str, &str, &str); 61] = [
    ("horizon_s", "s", "our choice: some 1,800 tasks"),
    ("slot_s", "s", "our choice: decisions ten times a second"),
    ("set_size", "tasks", "our choice: above the 6 tasks of a mean slot; larger sets take several decisions"),
    ("reach", "servers", "absent: every server is a target"),
    ("area_m", "m", "our choice: a block of a city; servers are at most 106 m away"),
    ("noise_cv", "1", "our choice"),
    ("cuts", "", "equation 49; others are for ablations"),
    ("recordings.split", "", "nothing in this scenario is recorded"),
    ("recordings.format", "", "as above"),
    ("recordings.max_gap_s", "s", "as above"),
    ("recordings.bin_ms", "ms", "as above"),
    ("arrivals.kind", "", "our choice: load comes in bursts that all devices share"),
    ("arrivals.burst_factor", "1", "our choice"),
    ("arrivals.mean_calm_s", "s", "our choice"),
    ("arrivals.mean_burst_s", "s", "our choice: a third of the time"),
    ("link.kind", "", "a rate that fades during an upload"),
    ("link.bandwidth_hz", "Hz", "our choice"),
    ("link.tx_power_w", "W", "23 dBm: power class 3 of 3GPP TS 38.101"),
    ("link.carrier_ghz", "GHz", "inside band n78 of 3GPP TS 38.101-1"),
    ("link.noise_figure_db", "dB", "our choice: usual for a base station"),
    ("link.shadowing_db", "dB", "3GPP TR 38.901, table 7.4.1-1: urban micro without line of sight, as the path loss"),
    ("link.shadowing_s", "s", "our choice"),
    ("link.rayleigh", "", "no line of sight"),
    ("link.block_s", "s", "our choice: one slot"),
    ("network.measurement_s", "s", "our choice"),
    ("network.propagation_s", "s", "our choice: delay of a radio access network"),
    ("network.downlink_mbit", "Mbit/s", "our choice: results are small"),
    ("network.backhaul_mbit", "Mbit/s", "our choice: gigabit Ethernet"),
    ("network.backhaul_s", "s", "our choice"),
    ("network.band", "", "each device has the bandwidth for itself"),
    ("network.handover.hysteresis_db", "dB", "event A3 of 3GPP TS 38.331; devices stand still here"),
    ("network.handover.interruption_s", "s", "3GPP TR 36.881, table 5.2.1.1-1; devices stand still here"),
    ("telemetry.period_s", "s", "our choice"),
    ("telemetry.delay_s", "s", "our choice: knowledge is 2 to 3 s old"),
    ("foreign.utilisation", "1", "our choice: with the tasks it brings servers near saturation"),
    ("foreign.mean_service_s", "s", "our choice"),
    ("foreign.arrivals.kind", "", "our choice: bursts, of each server by itself"),
    ("foreign.arrivals.burst_factor", "1", "our choice"),
    ("foreign.arrivals.mean_calm_s", "s", "our choice"),
    ("foreign.arrivals.mean_burst_s", "s", "our choice: a quarter of the time"),
    ("reward.reference_s", "s", "our choice: the order of a latency"),
    ("reward.externality", "", "rewards then sum to minus the total latency"),
    ("reward.missed_deadline", "1", "off: the aim is the mean latency"),
    ("reward.per_joule", "1/J", "off"),
    ("reward.imbalance", "1", "off: balance is no aim of its own"),
    ("reward.empty_battery", "1", "off: no device has a battery"),
    ("models[].name", "", "the nine networks of our study; profiles from their ONNX files"),
    ("models[].weight", "1", "our choice: all alike"),
    ("models[].deadline_s", "s", "our choice"),
    ("models[].input_bytes", "B", "640 x 480 pixels of 3 bytes, as captured"),
    ("devices[].processor", "", "table below"),
    ("devices[].count", "1", "our choice"),
    ("devices[].rate_hz", "1/s", "our choice: 60 tasks per second in all"),
    ("devices[].transmit_power_w", "W", "our choice; comes on top of the power of the processor"),
    ("devices[].mobility.kind", "", "devices stand still"),
    ("devices[].battery_j", "J", "absent: any energy"),
    ("servers[].processor", "", "table below"),
    ("servers[].count", "1", "our choice: four servers of unequal speed"),
    ("servers[].executors", "1", "one job at a time at full speed"),
    ("servers[].discipline", "", "first come, first served"),
    ("servers[].memory", "", "absent: every network is always there"),
];

/// Keys that no default holds but whose absence means something.
const ABSENT: [&str; 3] = ["reach", "devices[].battery_j", "servers[].memory"];

/// Values by key; those of the rows of an array one after another.
fn flatten(prefix: &str, value: &toml::Value, into: &mut BTreeMap<String, Vec<String>>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                let dot = if prefix.is_empty() { "" } else { "." };
                flatten(&format!("{prefix}{dot}{key}"), value, into);
            }
        }
        toml::Value::Array(rows) => rows.iter().for_each(|row| flatten(&format!("{prefix}[]"), row, into)),
        toml::Value::String(text) => into.entry(prefix.to_owned()).or_default().push(text.clone()),
        toml::Value::Float(number) => into.entry(prefix.to_owned()).or_default().push(number.to_string()),
        other => into.entry(prefix.to_owned()).or_default().push(other.to_string()),
    }
}

/// The values, or the one that all are.
fn shown(values: &[String]) -> String {
    let alike = values.windows(2).all(|pair| pair[0] == pair[1]);
    if alike { values[0].clone() } else { values.join(", ") }
}

pub fn table() -> String {
    let scenario = toml::Value::try_from(Scenario::default()).unwrap();
    let mut values = BTreeMap::new();
    flatten("", &scenario, &mut values);
    values.remove("name");
    for key in ABSENT {
        values.entry(key.to_owned()).or_insert_with(|| vec!["none".to_owned()]);
    }
    let rows = NOTES.iter().map(|&(key, unit, why)| {
        let found = values.remove(key).unwrap_or_else(|| panic!("the default scenario has no {key}"));
        vec![format!("`{key}`"), shown(&found), unit.to_owned(), why.to_owned()]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    assert!(values.is_empty(), "keys of the default scenario without a unit and a reason: {:?}", values.keys());
    card::table(&["key", "value", "unit", "source or reason"], &rows)
}

/// The processors of the default scenario.
pub fn processors() -> String {
    let setting = Setting::new(Scenario::default()).unwrap();
    let all = setting.device_processors.iter().chain(&setting.server_processors);
    let rows = all.map(|processor: &Processor| {
        let rates = [processor.rates.convolution, processor.rates.depthwise_convolution];
        let giga = [rates[0].0, rates[1].0, processor.memory.0].map(|rate| format!("{:.3}", rate / 1e9));
        let [matrix, vector, memory] = giga;
        let micro = format!("{:.0}", processor.overhead.0 * 1e6);
        let powers = [processor.compute_power, processor.idle_power].map(|power| power.0.to_string());
        let [computing, idle] = powers;
        vec![processor.name.clone(), matrix, vector, memory, micro, computing, idle, processor.source.clone()]
    });
    let head = [
        "processor",
        "convolution and dense, GFLOP/s",
        "depthwise and vector, GFLOP/s",
        "memory, GB/s",
        "overhead, us",
        "computing, W",
        "idle, W",
        "source",
    ];
    card::table(&head, &rows.collect::<Vec<_>>())
}
