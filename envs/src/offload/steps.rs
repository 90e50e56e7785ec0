//! How long the steps of a task may take in a setting, so that every episode ends in good time.
//!
//! The simulator follows a step to its end: an upload of a year is a year of fading and of foreign jobs. What makes a step
//! longer than any sensible scenario's is a mistake in it.

use super::scenario::{ScenarioError, number, out_of_range};
use super::setting::Setting;
use crate::system::link::{LinkModel, MIN_EFFICIENCY};
use crate::units::{BytesPerSecond, Seconds};

/// The longest that one step of a task may take, s.
const LONGEST_STEP_S: f64 = 1e4;
/// The longest that one device may need for all its tasks, s, and the steps of the link's rate in that time.
const LONGEST_BACKLOG_S: f64 = 1e6;
const MOST_SEGMENTS: f64 = 1e7;

impl Setting {
    /// Refuses processors, rates and memories on which a task would take hours.
    ///
    /// # Errors
    /// [`ScenarioError::OutOfRange`] for the first of them.
    pub(super) fn refuse_long_steps(&self) -> Result<(), ScenarioError> {
        let scenario = &self.scenario;
        for spec in &self.models {
            let name = spec.graph.name();
            for user in self.devices.chunk_by(|a, b| a.group == b.group).map(|group| group[0]) {
                let time = self.device_processors[user.class].network_time(&spec.graph);
                let group = &scenario.devices[user.group];
                refuse(&format!("devices[{}].processor", user.group), &group.processor, name, time)?;
            }
            let firsts = self.servers.chunk_by(|a, b| a.group == b.group).map(|group| group[0]);
            for server in firsts {
                let time = self.server_processors[server.class].network_time(&spec.graph);
                let group = &scenario.servers[server.group];
                refuse(&format!("servers[{}].processor", server.group), &group.processor, name, time)?;
                let field = format!("servers[{}].memory.load_bytes_per_s", server.group);
                if let Some(memory) = group.memory {
                    let loading = spec.bytes / memory.load_bytes_per_s;
                    refuse(&field, &number(memory.load_bytes_per_s.0), name, loading)?;
                }
            }
            refuse("network.downlink_mbit", &number(scenario.network.downlink_mbit), name, spec.return_time)?;
            let crossing = spec.graph.input_bytes() / scenario.network.backhaul();
            refuse("network.backhaul_mbit", &number(scenario.network.backhaul_mbit), name, crossing)?;
        }
        self.refuse_slow_links()
    }

    /// Refuses links on which a device would not get its tasks off.
    fn refuse_slow_links(&self) -> Result<(), ScenarioError> {
        let (slowest, segment) = self.least_rate();
        for device in self.devices.chunk_by(|a, b| a.group == b.group).map(|group| group[0]) {
            let task = |model: &super::setting::ModelSpec| {
                let computing = self.device_processors[device.class].network_time(&model.graph);
                (computing + model.graph.input_bytes() / BytesPerSecond(slowest)).0
            };
            let longest = self.models.iter().map(task).fold(0.0, f64::max);
            let backlog = longest * (device.rate_hz * self.scenario.horizon_s.0 + 1.0);
            if !(backlog <= LONGEST_BACKLOG_S && backlog / segment <= MOST_SEGMENTS) {
                let rate = number(BytesPerSecond(slowest).mbit());
                let found =
                    format!("one of {rate} Mbit/s, on which a device needs {} s for its tasks", number(backlog));
                let most = LONGEST_BACKLOG_S.min(MOST_SEGMENTS * segment);
                return Err(out_of_range("link", found, &format!("{} s or less", number(most))));
            }
        }
        Ok(())
    }

    /// The least rate of the link, B/s, of recordings the least mean; and how long a rate holds, s.
    fn least_rate(&self) -> (f64, f64) {
        match &self.link {
            LinkModel::Constant(rate) => (*rate, 0.1),
            LinkModel::Shannon(_) => {
                let shannon = self.scenario.link.shannon().expect("the link is one");
                (shannon.bandwidth.0 * MIN_EFFICIENCY / 8.0, shannon.block_s)
            }
            LinkModel::Recorded(recordings, scale) => {
                let rates = recordings.iter().map(|recording| recording.mean_rate().0 * scale);
                let lengths = recordings.iter().map(|recording| recording.duration().0 / recording.len() as f64);
                (rates.fold(f64::INFINITY, f64::min), lengths.fold(0.1, f64::min))
            }
        }
    }
}

/// Refuses a value with which network `name` takes `time` for one step.
fn refuse(field: &str, value: &str, name: &str, time: Seconds) -> Result<(), ScenarioError> {
    if time.0 <= LONGEST_STEP_S {
        return Ok(());
    }
    let found = format!("{value}, with which {name} takes {} s", number(time.0));
    Err(out_of_range(field, found, &format!("what takes {} s or less", number(LONGEST_STEP_S))))
}
