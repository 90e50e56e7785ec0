//! Whole episodes against an independent reconstruction, against theory, and against what must not matter.

mod bound;
mod knowledge;
mod links;
mod motion;
mod plant;
mod properties;
mod rebuild;
mod replay;
mod stages;
mod theory;

use std::sync::Arc;

use mec_envs::offload::{Scenario, Setting};

/// Three small networks, so that a setting is quickly made.
pub const MODELS: &str = "models = [
    { name = 'squeezenet', weight = 2.0, deadline_s = 0.5, input_bytes = 200000.0 },
    { name = 'alexnet', weight = 1.0, deadline_s = 0.6, input_bytes = 500000.0 },
    { name = 'shufflenet', weight = 1.0, deadline_s = 0.5, input_bytes = 921600.0 },
]";

/// Links of one rate and servers without other tenants.
pub const PLAIN: &str = "link = { kind = 'constant', rate_mbit = 20.0 }\nforeign = { utilisation = 0.0 }";

/// A short episode of the default scenario with these changes.
pub fn setting(changes: &str) -> Arc<Setting> {
    let mut text = format!("preset = 'default'\n{changes}\n");
    for (key, value) in [("horizon_s", "horizon_s = 5.0\n"), ("models", MODELS)] {
        if !changes.contains(&format!("{key} =")) {
            text = text.replacen('\n', &format!("\n{value}\n"), 1);
        }
    }
    let table = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    Arc::new(Setting::new(Scenario::from_table(table).unwrap()).unwrap())
}

/// A scenario for each thing that a world can do, with its name.
pub fn features() -> Vec<(&'static str, String)> {
    let walking = "{ kind = 'random_waypoint', speed_min_mps = 2.0, speed_max_mps = 30.0, pause_s = 0.5 }";
    let phones = |more: &str| {
        format!("devices = [{{ processor = 'phone', count = 12, rate_hz = 3.0, transmit_power_w = 2.0{more} }}]\n")
    };
    let servers = |more: &str| format!("servers = [{{ processor = 'mini-pc', count = 5, executors = 2{more} }}]\n");
    let sharing = ", discipline = 'processor_sharing'";
    let memory = ", memory = { capacity_bytes = 4.95e8, load_bytes_per_s = 5e9 }";
    let shared = "network = { band = 'shared' }\nlink = { bandwidth_hz = 3e7 }\n";
    let recorded = "link = { kind = 'recorded', source = 'fcc', scale = 2.0 }\narrivals = { kind = 'recorded', source = \
                    'azure-llm-code-2023' }\n";
    let whole = format!("{shared}reach = 3\n{}{}", phones(&format!(", battery_j = 2e3, mobility = {walking}")), {
        servers(&format!("{sharing}{memory}"))
    });
    vec![
        ("default", String::new()),
        ("reach", format!("reach = 2\n{}", servers(""))),
        ("mobility", phones(&format!(", mobility = {walking}"))),
        ("shared band", shared.to_owned()),
        ("processor sharing", servers(sharing)),
        ("memory", servers(memory)),
        ("batteries", phones(", battery_j = 6.0")),
        ("recordings", recorded.to_owned()),
        ("profile", "arrivals = { kind = 'diurnal', period_s = 3.0, profile = [0.2, 2.0, 1.0] }\n".to_owned()),
        ("fresh telemetry", "telemetry = { period_s = 0.0, delay_s = 0.0 }\n".to_owned()),
        ("everything", whole),
    ]
}
