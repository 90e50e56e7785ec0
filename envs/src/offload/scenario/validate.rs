//! What a scenario accepts.

use super::{Scenario, ScenarioError};
use crate::dnn::zoo::{self, ZooError};
use crate::processor::ProcessorError;
use crate::system::arrival::ArrivalConfig;
use crate::system::link::{LinkConfig, least_snr};
use crate::system::place::{MobilityConfig, Sites};
use crate::trace::TraceError;
use crate::units::Metres;

/// Shortest and longest of the times that set how many events an episode has, s.
const SHORTEST_S: f64 = 1e-3;
const LONGEST_S: f64 = 1e6;
/// Longest delay on the way of a tensor, s.
const LONGEST_DELAY_S: f64 = 1e3;
/// Slowest and fastest of what sends, Mbit/s.
const SLOWEST_MBIT: f64 = 1e-3;
const FASTEST_MBIT: f64 = 1e15;
/// Greatest of what has no natural bound: weights, costs, powers.
const GREATEST: f64 = 1e6;
/// Greatest number of decibels.
const GREATEST_DB: f64 = 50.0;
/// Devices, and servers, of a scenario.
const MOST_NODES: usize = 100_000;
/// Executors of a server.
const MOST_EXECUTORS: usize = 1024;
/// Parts of a profile of arrivals.
const MOST_PARTS: usize = 10_000;
/// Longest time in which a profile asks for nothing, s.
const LONGEST_SILENCE_S: f64 = 1e5;
/// Rate in a burst over that in calm.
const GREATEST_BURST: f64 = 1e3;
/// Slowest and fastest of what moves, m/s.
const SLOWEST_MPS: f64 = 1e-3;
const FASTEST_MPS: f64 = 1e3;
/// Tasks of a set.
const MOST_ROWS: usize = 10_000;

impl Scenario {
    /// Refuses values out of range.
    ///
    /// # Errors
    /// [`ScenarioError::OutOfRange`] for the first of them.
    pub fn validate(&self) -> Result<(), ScenarioError> {
        self.validate_time()?;
        self.validate_recordings()?;
        self.validate_network()?;
        self.validate_load()?;
        self.validate_groups()?;
        self.validate_size()
    }

    fn validate_time(&self) -> Result<(), ScenarioError> {
        ranged("slot_s", self.slot_s.0, SHORTEST_S, LONGEST_S)?;
        ranged("horizon_s", self.horizon_s.0, SHORTEST_S, LONGEST_S)?;
        let slots = self.horizon_s / self.slot_s;
        let whole = slots >= 0.5 && (slots - slots.round()).abs() < 1e-6;
        check(whole, "horizon_s", self.horizon_s.0, &format!("a whole number of slots of {} s", self.slot_s.0))?;
        check((1..=MOST_ROWS).contains(&self.set_size), "set_size", self.set_size, "1 to 10000")?;
        let named = !self.name.trim().is_empty() && !self.name.contains(char::is_control);
        check(named, "name", format!("{:?}", self.name), "a text of one line that is not empty")?;
        ranged("area_m", self.area_m.0, 1.0, 1e6)?;
        ranged("noise_cv", self.noise_cv, 0.0, 10.0)?;
        let period = self.telemetry.period_s.0;
        check(
            period == 0.0 || in_range(period, SHORTEST_S, LONGEST_S),
            "telemetry.period_s",
            period,
            "0, or 0.001 to 1e6",
        )?;
        ranged("telemetry.delay_s", self.telemetry.delay_s.0, 0.0, LONGEST_S)?;
        // A report of every moment that nobody looks at is not made, so none of an earlier moment would be on its way.
        let fresh = self.reach.is_none() || period > 0.0 || self.telemetry.delay_s.0 == 0.0;
        check(fresh, "telemetry.period_s", period, "0.001 to 1e6 with a reach and a delay")?;
        self.validate_rewards()
    }

    fn validate_rewards(&self) -> Result<(), ScenarioError> {
        let reward = &self.reward;
        ranged("reward.reference_s", reward.reference_s.0, SHORTEST_S, LONGEST_S)?;
        ranged("reward.missed_deadline", reward.missed_deadline, 0.0, GREATEST)?;
        ranged("reward.per_joule", reward.per_joule, 0.0, GREATEST)?;
        ranged("reward.imbalance", reward.imbalance, 0.0, GREATEST)?;
        ranged("reward.empty_battery", reward.empty_battery, 0.0, GREATEST)
    }

    fn validate_recordings(&self) -> Result<(), ScenarioError> {
        self.recordings.check().map_err(|error| match error {
            TraceError::Option { option, found, accepted } => {
                out_of_range(&format!("recordings.{option}"), found, accepted)
            }
            error => ScenarioError::Recording { field: "recordings".to_owned(), error: Box::new(error) },
        })
    }

    fn validate_network(&self) -> Result<(), ScenarioError> {
        let network = &self.network;
        ranged("network.measurement_s", network.measurement_s.0, SHORTEST_S, LONGEST_S)?;
        ranged("network.propagation_s", network.propagation_s.0, 0.0, LONGEST_DELAY_S)?;
        ranged("network.downlink_mbit", network.downlink_mbit, SLOWEST_MBIT, FASTEST_MBIT)?;
        ranged("network.backhaul_mbit", network.backhaul_mbit, SLOWEST_MBIT, FASTEST_MBIT)?;
        ranged("network.backhaul_s", network.backhaul_s.0, 0.0, LONGEST_DELAY_S)?;
        ranged("network.handover.hysteresis_db", network.handover.hysteresis_db, 0.0, GREATEST_DB)?;
        ranged("network.handover.interruption_s", network.handover.interruption_s.0, 0.0, LONGEST_DELAY_S)?;
        self.validate_link()
    }

    fn validate_link(&self) -> Result<(), ScenarioError> {
        match &self.link {
            LinkConfig::Constant { rate_mbit } => ranged("link.rate_mbit", *rate_mbit, SLOWEST_MBIT, FASTEST_MBIT),
            LinkConfig::Recorded { scale, .. } => ranged("link.scale", *scale, 1e-6, 1e6),
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
                ranged("link.bandwidth_hz", bandwidth_hz.0, 1e3, 1e12)?;
                ranged("link.tx_power_w", tx_power_w.0, 1e-9, GREATEST)?;
                ranged("link.carrier_ghz", *carrier_ghz, 1e-3, 1e3)?;
                ranged("link.noise_figure_db", *noise_figure_db, 0.0, GREATEST_DB)?;
                ranged("link.shadowing_db", *shadowing_db, 0.0, GREATEST_DB)?;
                ranged("link.shadowing_s", *shadowing_s, SHORTEST_S, LONGEST_S)?;
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
        self.validate_models()
    }

    fn validate_models(&self) -> Result<(), ScenarioError> {
        check(!self.models.is_empty(), "models", "empty", "one network or more")?;
        for (index, model) in self.models.iter().enumerate() {
            let field = |name: &str| format!("models[{index}].{name}");
            ranged(&field("weight"), model.weight, 0.0, GREATEST)?;
            ranged(&field("deadline_s"), model.deadline_s.0, 1e-6, LONGEST_S)?;
            if let Some(bytes) = model.input_bytes {
                ranged(&field("input_bytes"), bytes.0, 1.0, 1e12)?;
            }
            if let Some(bytes) = model.result_bytes {
                ranged(&field("result_bytes"), bytes.0, 0.0, 1e12)?;
            }
            match zoo::load(&model.name) {
                Ok(_) => {}
                Err(ZooError::UnknownName { .. }) => {
                    let names = zoo::names().collect::<Vec<_>>().join(", ");
                    let accepted = format!("one of {names}, or the path of a profile that ends in .toml");
                    return Err(out_of_range(&field("name"), &model.name, &accepted));
                }
                Err(error) => return Err(ScenarioError::Malformed(format!("{}: {error}", field("name")))),
            }
        }
        let total: f64 = self.models.iter().map(|model| model.weight).sum();
        check(total >= 1e-6, "models", format!("weights that sum to {}", number(total)), "a sum of 1e-6 or more")
    }

    fn validate_groups(&self) -> Result<(), ScenarioError> {
        let sum = |mut counts: Box<dyn Iterator<Item = usize> + '_>| counts.try_fold(0_usize, usize::checked_add);
        let devices = sum(Box::new(self.devices.iter().map(|group| group.count))).unwrap_or(usize::MAX);
        let servers = sum(Box::new(self.servers.iter().map(|group| group.count))).unwrap_or(usize::MAX);
        check((1..=MOST_NODES).contains(&devices), "devices", format!("{devices} devices"), "1 to 100000 devices")?;
        check((1..=MOST_NODES).contains(&servers), "servers", format!("{servers} servers"), "1 to 100000 servers")?;
        self.validate_processors()?;
        for (index, group) in self.devices.iter().enumerate() {
            let field = |name: &str| format!("devices[{index}].{name}");
            self.processor(&group.processor).map_err(|error| at(&format!("devices[{index}]"), error))?;
            not_negative(&field("rate_hz"), group.rate_hz)?;
            ranged(&field("transmit_power_w"), group.transmit_power_w.0, 0.0, GREATEST)?;
            validate_mobility(&field("mobility"), &group.mobility)?;
            if let Some(battery) = group.battery_j {
                positive(&field("battery_j"), battery.0)?;
            }
        }
        for (index, group) in self.servers.iter().enumerate() {
            let field = |name: &str| format!("servers[{index}].{name}");
            self.processor(&group.processor).map_err(|error| at(&format!("servers[{index}]"), error))?;
            let executors = (1..=MOST_EXECUTORS).contains(&group.executors);
            check(executors, &field("executors"), group.executors, "1 to 1024")?;
            if let Some(memory) = group.memory {
                positive(&field("memory.capacity_bytes"), memory.capacity_bytes.0)?;
                positive(&field("memory.load_bytes_per_s"), memory.load_bytes_per_s.0)?;
            }
        }
        self.validate_reach(servers)
    }

    fn validate_processors(&self) -> Result<(), ScenarioError> {
        for (index, own) in self.processors.iter().enumerate() {
            let field = |name: &str| format!("processors[{index}].{name}");
            match own.validate() {
                Ok(()) => {}
                Err(ProcessorError::NoName) => return Err(out_of_range(&field("name"), "empty", "a name")),
                Err(ProcessorError::Value { field: name, value, accepted, .. }) => {
                    return Err(out_of_range(&field(name), number(value), accepted));
                }
            }
            let first = self.processors[..index].iter().all(|other| other.name != own.name);
            check(first, &field("name"), &own.name, "a name that no other of these processors has")?;
        }
        Ok(())
    }

    /// A server that no device can reach, or a device that reaches no server, is a mistake in the scenario.
    fn validate_reach(&self, servers: usize) -> Result<(), ScenarioError> {
        if let Some(reach) = self.reach {
            check((1..=servers).contains(&reach), "reach", reach, &format!("1 to the number of servers, {servers}"))?;
        }
        let Some(shannon) = self.link.shannon() else { return Ok(()) };
        let farthest: Metres = Sites::grid(servers, self.area_m).farthest();
        let decibels = |snr: f64| 10.0 * snr.log10();
        let snr = shannon.mean_snr(farthest);
        let found = format!(
            "{} (a device {:.0} m from the nearest server would send at a mean SNR of {:.1} dB)",
            self.area_m.0,
            farthest.0,
            decibels(snr)
        );
        let accepted = format!(
            "an area in which the SNR is {:.1} dB or more everywhere, as the least modulation needs",
            decibels(least_snr())
        );
        check(snr >= least_snr(), "area_m", found, &accepted)
    }
}

fn validate_arrivals(field: &str, config: &ArrivalConfig) -> Result<(), ScenarioError> {
    match config {
        ArrivalConfig::Poisson {} | ArrivalConfig::Recorded { .. } => Ok(()),
        ArrivalConfig::Mmpp { burst_factor, mean_calm_s, mean_burst_s } => {
            ranged(&format!("{field}.burst_factor"), *burst_factor, 1.0, GREATEST_BURST)?;
            ranged(&format!("{field}.mean_calm_s"), *mean_calm_s, SHORTEST_S, LONGEST_S)?;
            ranged(&format!("{field}.mean_burst_s"), *mean_burst_s, SHORTEST_S, LONGEST_S)
        }
        ArrivalConfig::Diurnal { period_s, profile } => validate_profile(field, *period_s, profile),
    }
}

fn validate_profile(field: &str, period_s: f64, profile: &[f64]) -> Result<(), ScenarioError> {
    let place = format!("{field}.profile");
    let parts = (1..=MOST_PARTS).contains(&profile.len());
    check(parts, &place, format!("{} parts", profile.len()), "1 to 10000 parts")?;
    ranged(&format!("{field}.period_s"), period_s, SHORTEST_S * profile.len() as f64, LONGEST_S)?;
    for (index, factor) in profile.iter().enumerate() {
        ranged(&format!("{place}[{index}]"), *factor, 0.0, GREATEST)?;
    }
    let sum: f64 = profile.iter().sum();
    check(sum > 0.0, &place, "nothing but 0", "at least one part above 0")?;
    // Where an episode starts is drawn anew until something arrives in it.
    let mean = sum / profile.len() as f64;
    let quiet = profile.iter().filter(|factor| **factor < mean / 1e3).count();
    let found = format!("{quiet} of {} parts below a thousandth of their mean", profile.len());
    check(quiet as f64 <= 0.99 * profile.len() as f64, &place, found, "99 % of the parts or fewer")?;
    let runs = profile.chunk_by(|a, b| (*a < mean / 1e3) == (*b < mean / 1e3)).filter(|run| run[0] < mean / 1e3);
    let silence = runs.map(<[f64]>::len).max().unwrap_or(0) as f64 * period_s / profile.len() as f64;
    check(silence <= LONGEST_SILENCE_S, &place, format!("{} s of silence", number(silence)), "100000 s or less at once")
}

fn validate_mobility(field: &str, mobility: &MobilityConfig) -> Result<(), ScenarioError> {
    let MobilityConfig::RandomWaypoint { speed_min_mps, speed_max_mps, pause_s } = *mobility else { return Ok(()) };
    ranged(&format!("{field}.speed_min_mps"), speed_min_mps, SLOWEST_MPS, FASTEST_MPS)?;
    ranged(&format!("{field}.speed_max_mps"), speed_max_mps, speed_min_mps, FASTEST_MPS)?;
    ranged(&format!("{field}.pause_s"), pause_s, 0.0, LONGEST_S)
}

fn at(place: &str, error: ScenarioError) -> ScenarioError {
    match error {
        ScenarioError::OutOfRange { field, found, accepted } => {
            ScenarioError::OutOfRange { field: format!("{place}.{field}"), found, accepted }
        }
        other => other,
    }
}

pub(in crate::offload) fn out_of_range(field: &str, found: impl ToString, accepted: &str) -> ScenarioError {
    ScenarioError::OutOfRange { field: field.to_owned(), found: found.to_string(), accepted: accepted.to_owned() }
}

pub(super) fn check(holds: bool, field: &str, found: impl ToString, accepted: &str) -> Result<(), ScenarioError> {
    if holds { Ok(()) } else { Err(out_of_range(field, found, accepted)) }
}

fn in_range(value: f64, least: f64, most: f64) -> bool {
    (least..=most).contains(&value)
}

fn ranged(field: &str, value: f64, least: f64, most: f64) -> Result<(), ScenarioError> {
    check(in_range(value, least, most), field, number(value), &format!("{} to {}", number(least), number(most)))
}

fn positive(field: &str, value: f64) -> Result<(), ScenarioError> {
    check(value.is_finite() && value > 0.0, field, number(value), "a finite number above 0")
}

fn not_negative(field: &str, value: f64) -> Result<(), ScenarioError> {
    check(value.is_finite() && value >= 0.0, field, number(value), "a finite number, 0 or more")
}

/// A number as short as it is exact.
pub(in crate::offload) fn number(value: f64) -> String {
    let plain = value == 0.0 || !value.is_finite() || in_range(value.abs(), 1e-3, 1e6);
    if plain { value.to_string() } else { format!("{value:e}") }
}
