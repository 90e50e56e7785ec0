//! [`Scenario`]: everything that defines a setting, as TOML.
//!
//! A scenario file gives every field, or names a `preset` and only what differs from it; tables are merged key by
//! key, arrays replaced as a whole.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::dnn::zoo::{self, ZooError};
use crate::processor::{self, Processor};
use crate::system::arrival::ArrivalConfig;
use crate::system::link::LinkConfig;
use crate::system::server::ForeignConfig;
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
    /// Power of the radio while it sends, W.
    pub transmit_power_w: Watts,
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
}

/// Shortest and longest of the times that set how many events an episode has, s.
const SHORTEST_S: f64 = 1e-3;
const LONGEST_S: f64 = 1e6;
/// Tasks that an episode may expect.
const MOST_TASKS: f64 = 1e7;
/// Devices, and servers, of a scenario.
const MOST_NODES: usize = 100_000;
/// Executors of a server.
const MOST_EXECUTORS: usize = 1024;
/// Tasks of a set.
const MOST_ROWS: usize = 10_000;

/// The built-in scenarios, name and TOML.
const PRESETS: [(&str, &str); 1] = [("default", include_str!("../../scenarios/default.toml"))];

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
            table.try_into().map_err(|error: toml::de::Error| ScenarioError::Malformed(error.to_string()))?;
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

    /// Refuses values out of range.
    ///
    /// # Errors
    /// [`ScenarioError::OutOfRange`] for the first of them.
    pub fn validate(&self) -> Result<(), ScenarioError> {
        self.validate_time()?;
        self.validate_network()?;
        self.validate_load()?;
        self.validate_groups()
    }

    fn validate_time(&self) -> Result<(), ScenarioError> {
        ranged("slot_s", self.slot_s.0, SHORTEST_S, LONGEST_S)?;
        ranged("horizon_s", self.horizon_s.0, SHORTEST_S, LONGEST_S)?;
        let slots = self.horizon_s / self.slot_s;
        let whole = slots >= 0.5 && (slots - slots.round()).abs() < 1e-6;
        check(whole, "horizon_s", self.horizon_s.0, &format!("a whole number of slots of {} s", self.slot_s.0))?;
        check((1..=MOST_ROWS).contains(&self.set_size), "set_size", self.set_size, "1 to 10000")?;
        positive("area_m", self.area_m.0)?;
        not_negative("noise_cv", self.noise_cv)?;
        let period = self.telemetry.period_s.0;
        check(
            period == 0.0 || in_range(period, SHORTEST_S, LONGEST_S),
            "telemetry.period_s",
            period,
            "0, or 0.001 to 1e6",
        )?;
        not_negative("telemetry.delay_s", self.telemetry.delay_s.0)?;
        positive("reward.reference_s", self.reward.reference_s.0)?;
        not_negative("reward.missed_deadline", self.reward.missed_deadline)?;
        not_negative("reward.per_joule", self.reward.per_joule)
    }

    fn validate_network(&self) -> Result<(), ScenarioError> {
        positive("network.measurement_s", self.network.measurement_s.0)?;
        not_negative("network.propagation_s", self.network.propagation_s.0)?;
        positive("network.downlink_mbit", self.network.downlink_mbit)?;
        positive("network.backhaul_mbit", self.network.backhaul_mbit)?;
        not_negative("network.backhaul_s", self.network.backhaul_s.0)?;
        match &self.link {
            LinkConfig::Constant { rate_mbit } => positive("link.rate_mbit", *rate_mbit),
            LinkConfig::Shannon {
                bandwidth_hz,
                tx_power_w,
                carrier_ghz,
                noise_figure_db,
                shadowing_db,
                shadowing_s,
                block_s,
                ..
            } => {
                positive("link.bandwidth_hz", bandwidth_hz.0)?;
                positive("link.tx_power_w", tx_power_w.0)?;
                positive("link.carrier_ghz", *carrier_ghz)?;
                not_negative("link.noise_figure_db", *noise_figure_db)?;
                not_negative("link.shadowing_db", *shadowing_db)?;
                positive("link.shadowing_s", *shadowing_s)?;
                ranged("link.block_s", *block_s, SHORTEST_S, LONGEST_S)
            }
        }
    }

    fn validate_load(&self) -> Result<(), ScenarioError> {
        validate_arrivals("arrivals", &self.arrivals)?;
        validate_arrivals("foreign.arrivals", &self.foreign.arrivals)?;
        let utilisation = self.foreign.utilisation;
        check((0.0..1.0).contains(&utilisation), "foreign.utilisation", utilisation, "0 or more and less than 1")?;
        ranged("foreign.mean_service_s", self.foreign.mean_service_s, SHORTEST_S, LONGEST_S)?;
        check(!self.models.is_empty(), "models", "empty", "one network or more")?;
        for (index, model) in self.models.iter().enumerate() {
            not_negative(&format!("models[{index}].weight"), model.weight)?;
            positive(&format!("models[{index}].deadline_s"), model.deadline_s.0)?;
            if let Some(bytes) = model.input_bytes {
                positive(&format!("models[{index}].input_bytes"), bytes.0)?;
            }
            match zoo::load(&model.name) {
                Ok(_) => {}
                Err(ZooError::UnknownName { .. }) => {
                    let names = zoo::names().collect::<Vec<_>>().join(", ");
                    let accepted = format!("one of {names}, or the path of a profile that ends in .toml");
                    return Err(out_of_range(&format!("models[{index}].name"), &model.name, &accepted));
                }
                Err(error) => return Err(ScenarioError::Malformed(format!("models[{index}].name: {error}"))),
            }
        }
        let total: f64 = self.models.iter().map(|model| model.weight).sum();
        check(total > 0.0, "models", format!("weights that sum to {total}"), "at least one weight above 0")
    }

    fn validate_groups(&self) -> Result<(), ScenarioError> {
        let sum = |mut counts: Box<dyn Iterator<Item = usize> + '_>| counts.try_fold(0_usize, usize::checked_add);
        let devices = sum(Box::new(self.devices.iter().map(|group| group.count))).unwrap_or(usize::MAX);
        let servers = sum(Box::new(self.servers.iter().map(|group| group.count))).unwrap_or(usize::MAX);
        check((1..=MOST_NODES).contains(&devices), "devices", format!("{devices} devices"), "1 to 100000 devices")?;
        check((1..=MOST_NODES).contains(&servers), "servers", format!("{servers} servers"), "1 to 100000 servers")?;
        for (index, own) in self.processors.iter().enumerate() {
            if let Err(error) = own.validate() {
                return Err(out_of_range(&format!("processors[{index}]"), &own.name, &error.to_string()));
            }
        }
        for (index, group) in self.devices.iter().enumerate() {
            self.processor(&group.processor).map_err(|error| at(&format!("devices[{index}]"), error))?;
            not_negative(&format!("devices[{index}].rate_hz"), group.rate_hz)?;
            not_negative(&format!("devices[{index}].transmit_power_w"), group.transmit_power_w.0)?;
        }
        let rate: f64 = self.devices.iter().map(|group| group.rate_hz * group.count as f64).sum();
        check(rate > 0.0, "devices", format!("rates that sum to {rate}"), "at least one rate_hz above 0")?;
        let (tasks, accepted) = (rate * self.horizon_s.0, "a time in which the devices ask for 1 task or more");
        check(
            tasks <= MOST_TASKS,
            "horizon_s",
            format!("{} ({tasks} tasks per episode)", self.horizon_s.0),
            "1e7 tasks or fewer",
        )?;
        check(tasks >= 1.0, "horizon_s", format!("{} ({tasks} tasks per episode)", self.horizon_s.0), accepted)?;
        for (index, group) in self.servers.iter().enumerate() {
            self.processor(&group.processor).map_err(|error| at(&format!("servers[{index}]"), error))?;
            let executors = (1..=MOST_EXECUTORS).contains(&group.executors);
            check(executors, &format!("servers[{index}].executors"), group.executors, "1 to 1024")?;
        }
        Ok(())
    }

    /// Reward of a latency and an energy.
    pub(super) fn reward_of(&self, latency: Seconds, missed: bool, energy: Joules) -> f64 {
        let penalty = if missed { self.reward.missed_deadline } else { 0.0 };
        -(latency / self.reward.reference_s) - penalty - self.reward.per_joule * energy.0
    }
}

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

fn validate_arrivals(field: &str, config: &ArrivalConfig) -> Result<(), ScenarioError> {
    let ArrivalConfig::Mmpp { burst_factor, mean_calm_s, mean_burst_s } = *config else { return Ok(()) };
    let factor = burst_factor.is_finite() && burst_factor >= 1.0;
    check(factor, &format!("{field}.burst_factor"), burst_factor, "1 or more")?;
    positive(&format!("{field}.mean_calm_s"), mean_calm_s)?;
    positive(&format!("{field}.mean_burst_s"), mean_burst_s)
}

fn at(place: &str, error: ScenarioError) -> ScenarioError {
    match error {
        ScenarioError::OutOfRange { field, found, accepted } => {
            ScenarioError::OutOfRange { field: format!("{place}.{field}"), found, accepted }
        }
        other => other,
    }
}

fn out_of_range(field: &str, found: impl ToString, accepted: &str) -> ScenarioError {
    ScenarioError::OutOfRange { field: field.to_owned(), found: found.to_string(), accepted: accepted.to_owned() }
}

fn check(holds: bool, field: &str, found: impl ToString, accepted: &str) -> Result<(), ScenarioError> {
    if holds { Ok(()) } else { Err(out_of_range(field, found, accepted)) }
}

fn in_range(value: f64, least: f64, most: f64) -> bool {
    (least..=most).contains(&value)
}

fn ranged(field: &str, value: f64, least: f64, most: f64) -> Result<(), ScenarioError> {
    check(in_range(value, least, most), field, value, &format!("{least} to {most}"))
}

fn positive(field: &str, value: f64) -> Result<(), ScenarioError> {
    check(value.is_finite() && value > 0.0, field, value, "a finite number above 0")
}

fn not_negative(field: &str, value: f64) -> Result<(), ScenarioError> {
    check(value.is_finite() && value >= 0.0, field, value, "a finite number, 0 or more")
}

#[cfg(test)]
mod tests {
    use super::*;

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
        ];
        for (text, expected) in refused {
            match with(text) {
                Err(ScenarioError::OutOfRange { field, .. }) => assert_eq!(field, expected, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn unknown_keys_and_presets_are_refused_with_what_is_accepted() {
        let error = with("horizont_s = 5").unwrap_err().to_string();
        assert!(error.contains("horizont_s") && error.contains("horizon_s"), "{error}");
        let error = Scenario::preset("moon").unwrap_err().to_string();
        assert!(error.contains("moon") && error.contains("default"), "{error}");
    }
}
