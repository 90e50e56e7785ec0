//! [`Scenario`]: everything that defines a setting, as TOML.
//!
//! A scenario file gives every field, or names a `preset` and only what differs from it; tables are merged key by
//! key, arrays replaced as a whole.

mod size;
mod validate;

pub(super) use validate::{number, out_of_range};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::processor::{self, Processor};
use crate::system::arrival::ArrivalConfig;
use crate::system::link::{HandoverConfig, LinkConfig};
use crate::system::place::MobilityConfig;
use crate::system::radio::Band;
use crate::system::server::{Discipline, ForeignConfig, ModelMemory};
use crate::trace::{ReadOptions, TraceError};
use crate::units::{Bytes, BytesPerSecond, Joules, Metres, Seconds, Watts};

/// A setting: who asks for what, on which hardware, over which links, with which knowledge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name in results.
    pub name: String,
    /// Arrivals after this time belong to no episode, s; a whole number of slots.
    pub horizon_s: Seconds,
    /// Decisions fall at the ends of slots of this length, s.
    pub slot_s: Seconds,
    /// Tasks per decision of the whole-set form; a larger set takes several decisions at the same time.
    pub set_size: usize,
    /// Side of the square in which devices and servers stand, m.
    pub area_m: Metres,
    /// Coefficient of variation of device and service times around their expectation; 0 switches the noise off.
    pub noise_cv: f64,
    /// Servers that a task may go to: those nearest to the one whose radio receives its device, itself first. Without it
    /// all of them, in their order. With it, the cost of a decision does not grow with the number of servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<usize>,
    /// How networks are cut.
    #[serde(default)]
    pub cuts: Cuts,
    /// How recordings are read, and which part of them: for training, for tests, or all.
    #[serde(default)]
    pub recordings: ReadOptions,
    /// Arrivals over time; the mean rate is that of the devices.
    pub arrivals: ArrivalConfig,
    /// Radio uplinks.
    pub link: LinkConfig,
    /// The rest of the network.
    pub network: Network,
    /// What schemes learn of servers, and when.
    pub telemetry: Telemetry,
    /// Load of other tenants on every server.
    pub foreign: ForeignConfig,
    /// What a decision is paid.
    pub reward: RewardConfig,
    /// The mix of networks.
    pub models: Vec<ModelShare>,
    /// Groups of equal devices.
    pub devices: Vec<DeviceGroup>,
    /// Groups of equal servers.
    pub servers: Vec<ServerGroup>,
    /// Processors beside the built-in ones.
    #[serde(default)]
    pub processors: Vec<Processor>,
}

/// How networks are cut for whoever asks for the best cut of a target: all agents, and all schemes but `edge-only`, which has
/// no cut, and `clairvoyant-greedy`, which tries them all. Others than [`Cuts::Cdlp`] show what CDLP is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cuts {
    /// By CDLP, on what is believed of all queues.
    #[default]
    Cdlp,
    /// The best cut of an idle system, as Neurosurgeon has it: blind to queues.
    Idle,
    /// Not at all: the whole network goes to the server.
    Whole,
}

/// The network beyond the uplinks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Time constant with which devices average their uplink rate, s.
    pub measurement_s: Seconds,
    /// One-way delay of the radio access, s.
    pub propagation_s: Seconds,
    /// Rate at which a result returns, Mbit/s.
    pub downlink_mbit: f64,
    /// Rate between servers, Mbit/s: a tensor crosses it when another server than the nearest executes.
    pub backhaul_mbit: f64,
    /// One-way delay between servers, s.
    pub backhaul_s: Seconds,
    /// Whose the band of a server's radio is.
    #[serde(default)]
    pub band: Band,
    /// When a moving device changes to another server's radio.
    #[serde(default)]
    pub handover: HandoverConfig,
}

impl Network {
    /// Rate between servers.
    pub fn backhaul(&self) -> BytesPerSecond {
        BytesPerSecond::from_mbit(self.backhaul_mbit)
    }

    /// Rate at which results return.
    pub fn downlink(&self) -> BytesPerSecond {
        BytesPerSecond::from_mbit(self.downlink_mbit)
    }
}

/// When reports of the servers' queues are made and when they arrive.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// Time between two reports of a server, s; 0 for a report before every decision.
    pub period_s: Seconds,
    /// How long a report travels, s.
    pub delay_s: Seconds,
}

/// The reward of a decision: minus the latency that it adds to the system (its task's own, and what it delays
/// others), over the reference, minus penalties.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RewardConfig {
    /// Latency that costs 1, s.
    pub reference_s: Seconds,
    /// Whether the delay inflicted on tasks decided earlier counts.
    pub externality: bool,
    /// Cost of a missed deadline.
    pub missed_deadline: f64,
    /// Cost of a joule spent by the device.
    pub per_joule: f64,
    /// Cost of sending to a busy server, per reference latency by which its work left per executor exceeds the mean of the
    /// servers in reach, before the task comes; below the mean it is paid.
    #[serde(default)]
    pub imbalance: f64,
    /// Cost of a device whose battery runs empty, which ends the episode. Rewards are negative, so without this cost an
    /// early end would be a gain.
    #[serde(default)]
    pub empty_battery: f64,
}

/// One network of the mix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelShare {
    /// Its name in the zoo, or the path of its profile, which ends in `.toml`.
    pub name: String,
    /// Its share of the tasks, relative to the other weights.
    pub weight: f64,
    /// Latency above which a task of it has failed, s.
    pub deadline_s: Seconds,
    /// Bytes of its input as captured, when they differ from the profile's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_bytes: Option<Bytes>,
    /// Bytes of its result that return to the device, when they differ from the profile's output: of a detector, the
    /// boxes that are left of all it proposes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_bytes: Option<Bytes>,
}

/// A group of equal devices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceGroup {
    /// Name of its processor.
    pub processor: String,
    /// How many.
    pub count: usize,
    /// Tasks per second of each.
    pub rate_hz: f64,
    /// Power of the radio while it sends, W: beside that of computing, in place of idle power.
    pub transmit_power_w: Watts,
    /// How they move.
    #[serde(default)]
    pub mobility: MobilityConfig,
    /// Energy that each may spend on tasks in an episode, J; without it, any. An empty battery terminates the episode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub battery_j: Option<Joules>,
}

/// A group of equal servers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerGroup {
    /// Name of its processor.
    pub processor: String,
    /// How many.
    pub count: usize,
    /// Jobs that one server runs at a time, each at the processor's full speed.
    pub executors: usize,
    /// How jobs share the executors.
    #[serde(default)]
    pub discipline: Discipline,
    /// Memory that networks must be loaded into before they run; without it, all are always there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<ModelMemory>,
}

/// A scenario that cannot be used.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// No preset of that name.
    #[error("unknown scenario preset {found:?}; accepted is one of {accepted}")]
    UnknownPreset {
        /// The name given.
        found: String,
        /// The presets.
        accepted: String,
    },
    /// The TOML does not have the form of a scenario.
    #[error("scenario: {0}")]
    Malformed(String),
    /// A value out of range.
    #[error("scenario field {field} is {found}; accepted is {accepted}")]
    OutOfRange {
        /// Path of the field.
        field: String,
        /// Its value.
        found: String,
        /// What is accepted.
        accepted: String,
    },
    /// A recording cannot be used.
    #[error("scenario field {field}: {error}")]
    Recording {
        /// Path of the field that names it.
        field: String,
        /// What is wrong with it.
        error: Box<TraceError>,
    },
}

macro_rules! presets {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../scenarios/", $name, ".toml")))),*]
    };
}

/// The built-in scenarios, name and TOML.
const PRESETS: &[(&str, &str)] =
    presets!["default", "paper", "smart-factory", "vehicles", "campus", "drones", "stadium", "model-zoo"];

impl Default for Scenario {
    fn default() -> Self {
        Self::preset("default").expect("a test loads every preset")
    }
}

impl Scenario {
    /// Names of the built-in scenarios.
    pub fn presets() -> impl Iterator<Item = &'static str> {
        PRESETS.iter().map(|(name, _)| *name)
    }

    /// A built-in scenario.
    ///
    /// # Errors
    /// [`ScenarioError::UnknownPreset`] lists the names.
    pub fn preset(name: &str) -> Result<Self, ScenarioError> {
        let mut table = toml::Table::new();
        table.insert("preset".into(), name.into());
        Self::from_table(table)
    }

    /// A scenario from TOML: complete, or a `preset` and what differs from it.
    ///
    /// # Errors
    /// [`ScenarioError`] names the field, what was found and what is accepted.
    pub fn from_table(mut table: toml::Table) -> Result<Self, ScenarioError> {
        if let Some(preset) = table.remove("preset") {
            let found = preset.as_str().map_or_else(|| preset.to_string(), str::to_owned);
            let accepted = || Self::presets().collect::<Vec<_>>().join(", ");
            let (_, text) = PRESETS
                .iter()
                .find(|(name, _)| *name == found)
                .ok_or_else(|| ScenarioError::UnknownPreset { found, accepted: accepted() })?;
            let base: toml::Table = text.parse().expect("a test parses every preset");
            table = merge(base, table);
        }
        let scenario: Self =
            table.try_into().map_err(|error: toml::de::Error| ScenarioError::Malformed(on_one_line(&error)))?;
        scenario.validate()?;
        Ok(scenario)
    }

    /// The processor of that name: the scenario's own, else a built-in one.
    ///
    /// # Errors
    /// [`ScenarioError::OutOfRange`] with the names there are.
    pub fn processor(&self, name: &str) -> Result<Processor, ScenarioError> {
        let own = self.processors.iter().find(|processor| processor.name == name).cloned();
        own.or_else(|| processor::named(name).ok().cloned()).ok_or_else(|| {
            let names = self.processors.iter().chain(processor::catalogue()).map(|processor| processor.name.as_str());
            out_of_range("processor", name, &format!("one of {}", names.collect::<Vec<_>>().join(", ")))
        })
    }

    /// Number of devices.
    pub fn device_count(&self) -> usize {
        self.devices.iter().map(|group| group.count).sum()
    }

    /// Number of servers.
    pub fn server_count(&self) -> usize {
        self.servers.iter().map(|group| group.count).sum()
    }
}

/// `over` laid over `base`.
fn merge(mut base: toml::Table, over: toml::Table) -> toml::Table {
    for (key, value) in over {
        let merged = match (base.remove(&key), value) {
            // A table with another `kind` is another thing, not a variation.
            (Some(toml::Value::Table(old)), toml::Value::Table(new))
                if new.get("kind").is_none_or(|kind| old.get("kind") == Some(kind)) =>
            {
                toml::Value::Table(merge(old, new))
            }
            (_, value) => value,
        };
        base.insert(key, merged);
    }
    base
}

/// The parser says the path of a field on a line of its own.
fn on_one_line(error: &toml::de::Error) -> String {
    error.to_string().trim_end().replace("\nin `", " in `")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offload::Setting;

    fn with(text: &str) -> Result<Scenario, ScenarioError> {
        Scenario::from_table(format!("preset = 'default'\n{text}").parse().unwrap())
    }

    #[test]
    fn every_preset_loads_and_survives_a_round_trip() {
        for name in Scenario::presets() {
            let scenario = Scenario::preset(name).unwrap();
            let text = toml::to_string(&scenario).unwrap();
            assert_eq!(Scenario::from_table(text.parse().unwrap()).unwrap(), scenario);
        }
    }

    #[test]
    fn what_differs_from_a_preset_is_merged_key_by_key() {
        let scenario = with("horizon_s = 5\n[telemetry]\ndelay_s = 0.5").unwrap();
        let preset = Scenario::default();
        assert_eq!(scenario.telemetry, Telemetry { delay_s: Seconds(0.5), ..preset.telemetry });
        assert_eq!((scenario.horizon_s, scenario.models), (Seconds(5.0), preset.models));
        let constant = with("[link]\nkind = 'constant'\nrate_mbit = 20").unwrap();
        assert_eq!(constant.link, LinkConfig::Constant { rate_mbit: 20.0 });
    }

    #[test]
    fn impossible_values_are_refused_with_field_and_range() {
        let refused = [
            ("horizon_s = 0", "horizon_s"),
            ("horizon_s = 0.05", "horizon_s"),
            ("set_size = 0", "set_size"),
            ("servers = []", "servers"),
            ("devices = []", "devices"),
            ("models = []", "models"),
            ("models = [{ name = 'alexnet', weight = 0.0, deadline_s = 1.0 }]", "models"),
            ("models = [{ name = 'alexnet', weight = -1.0, deadline_s = 1.0 }]", "models[0].weight"),
            ("models = [{ name = 'nonet', weight = 1.0, deadline_s = 1.0 }]", "models[0].name"),
            ("link = { kind = 'constant', rate_mbit = -3.0 }", "link.rate_mbit"),
            ("foreign = { utilisation = 1.5 }", "foreign.utilisation"),
            ("noise_cv = nan", "noise_cv"),
            ("telemetry = { period_s = 1e-9 }", "telemetry.period_s"),
            ("link = { block_s = 1e-9 }", "link.block_s"),
            ("horizon_s = 1e12", "horizon_s"),
            ("servers = [{ processor = 'mini-pc', count = 1000000000000, executors = 1 }]", "servers"),
            ("servers = [{ processor = 'mini-pc', count = 1, executors = 1000000000000 }]", "servers[0].executors"),
            ("servers = [{ processor = 'abacus', count = 1, executors = 1 }]", "servers[0].processor"),
            ("name = ''", "name"),
            ("area_m = 0", "area_m"),
            ("area_m = 1e300", "area_m"),
            ("noise_cv = 1e300", "noise_cv"),
            ("reach = 0", "reach"),
            ("reach = 5", "reach"),
            ("telemetry = { delay_s = 1e300 }", "telemetry.delay_s"),
            ("reward = { reference_s = 1e-300 }", "reward.reference_s"),
            ("reward = { missed_deadline = 1e308 }", "reward.missed_deadline"),
            ("reward = { empty_battery = -5 }", "reward.empty_battery"),
            ("network = { measurement_s = 1e-300 }", "network.measurement_s"),
            ("network = { propagation_s = 1e300 }", "network.propagation_s"),
            ("network = { downlink_mbit = 1e-300 }", "network.downlink_mbit"),
            ("network = { handover = { interruption_s = inf } }", "network.handover.interruption_s"),
            ("link = { kind = 'constant', rate_mbit = 1e-12 }", "link.rate_mbit"),
            ("link = { bandwidth_hz = 1e-3 }", "link.bandwidth_hz"),
            ("link = { tx_power_w = 1e-9 }", "area_m"),
            ("link = { shadowing_s = 1e300 }", "link.shadowing_s"),
            ("link = { kind = 'recorded', source = 'fcc', scale = 0.0 }", "link.scale"),
            ("recordings = { max_gap_s = nan }", "recordings.max_gap_s"),
            ("recordings = { bin_ms = 0 }", "recordings.bin_ms"),
            ("arrivals = { burst_factor = 1e300 }", "arrivals.burst_factor"),
            ("arrivals = { kind = 'diurnal', period_s = 10, profile = [] }", "arrivals.profile"),
            ("arrivals = { kind = 'diurnal', period_s = 10, profile = [0, 0] }", "arrivals.profile"),
            ("arrivals = { kind = 'diurnal', period_s = 10, profile = [1, -1] }", "arrivals.profile[1]"),
            ("arrivals = { kind = 'diurnal', period_s = 1e6, profile = [1, 0, 0] }", "arrivals.profile"),
            ("foreign = { utilisation = 0.9, mean_service_s = 1e-3 }\nhorizon_s = 2000", "horizon_s"),
            ("models = [{ name = 'alexnet', weight = 1.0, deadline_s = 0.0 }]", "models[0].deadline_s"),
            (
                "models = [{ name = 'alexnet', weight = 1.0, deadline_s = 1.0, input_bytes = 0 }]",
                "models[0].input_bytes",
            ),
            ("devices = [{ processor = 'phone', count = 1, rate_hz = 0, transmit_power_w = 1 }]", "devices"),
            ("devices = [{ processor = 'phone', count = 1, rate_hz = 0.001, transmit_power_w = 1 }]", "horizon_s"),
            ("servers = [{ processor = 'mini-pc', count = 1, executors = 0 }]", "servers[0].executors"),
        ];
        for (text, expected) in refused {
            match with(text) {
                Err(ScenarioError::OutOfRange { field, .. }) => assert_eq!(field, expected, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_no_episode_gets_through_is_refused_before_it_starts() {
        let own = "memory = 1e9, overhead = 0, compute_power = 3, idle_power = 2, memory_capacity = 1e9";
        let slow = format!(
            "processors = [{{ name = 'abacus', rates = {{ convolution = 1, depthwise_convolution = 1, dense = 1, vector = 1 \
             }}, {own} }}]"
        );
        let memory = |rate: f64| format!("memory = {{ capacity_bytes = 1e9, load_bytes_per_s = {rate:e} }}");
        let refused = [
            (
                format!("{slow}\nservers = [{{ processor = 'abacus', count = 1, executors = 1 }}]"),
                "servers[0].processor",
            ),
            (
                format!("servers = [{{ processor = 'mini-pc', count = 1, executors = 1, {} }}]", memory(1.0)),
                "servers[0].memory.load_bytes_per_s",
            ),
            (
                format!("servers = [{{ processor = 'mini-pc', count = 1, executors = 2, {} }}]", memory(1e9)),
                "servers[0].memory.capacity_bytes",
            ),
            ("models = [{ name = 'vgg-19', weight = 1, deadline_s = 1, input_bytes = 1e11 }]".into(), "link"),
            (
                "models = [{ name = 'vgg-19', weight = 1, deadline_s = 1, result_bytes = 1e12 }]".into(),
                "network.downlink_mbit",
            ),
            (
                "devices = [{ processor = 'phone', count = 9, rate_hz = 1, transmit_power_w = 1, mobility = { kind = \
              'recorded', source = 'eua-users' } }]"
                    .into(),
                "devices[0].mobility.source",
            ),
        ];
        for (text, expected) in refused {
            match with(&text).and_then(Setting::new) {
                Err(ScenarioError::OutOfRange { field, .. }) => assert_eq!(field, expected, "{text}"),
                other => panic!("{text}: {:?}", other.map(|_| ())),
            }
        }
    }

    #[test]
    fn kinds_without_fields_refuse_unknown_keys() {
        for text in [
            "arrivals = { kind = 'poisson', burst_factor = 3.0 }",
            "link = { kind = 'constant', rate_mbit = 1, x = 1 }",
        ] {
            assert!(with(text).unwrap_err().to_string().contains("unknown field"), "{text}");
        }
        let device = "devices = [{ processor = 'phone', count = 9, rate_hz = 1, transmit_power_w = 1, mobility = { kind = \
                      'static', speed = 3 } }]";
        assert!(with(device).unwrap_err().to_string().contains("unknown field `speed`"));
    }

    #[test]
    fn unknown_keys_and_presets_are_refused_with_what_is_accepted() {
        let error = with("horizont_s = 5").unwrap_err().to_string();
        assert!(error.contains("horizont_s") && error.contains("horizon_s"), "{error}");
        let error = Scenario::preset("moon").unwrap_err().to_string();
        assert!(error.contains("moon") && error.contains("default"), "{error}");
    }
}
