//! How many events an episode may have.

use super::validate::{check, number};
use super::{Scenario, ScenarioError};
use crate::system::arrival::ArrivalConfig;

/// Tasks that an episode may expect, and those if a burst lasted all of it.
const MOST_TASKS: f64 = 1e7;
const MOST_IN_BURST: f64 = 1e8;
/// Foreign jobs of one server if a burst lasted all of it.
const MOST_FOREIGN: f64 = 1e6;
/// Other events of one kind.
const MOST_EVENTS: f64 = 1e9;

impl Scenario {
    /// Refuses episodes without a task, and those that no machine gets through.
    pub(super) fn validate_size(&self) -> Result<(), ScenarioError> {
        let horizon = self.horizon_s.0;
        let found = |count: f64, of: &str| format!("{} ({} {of} per episode)", number(horizon), number(count));
        let rate: f64 = self.devices.iter().map(|group| group.rate_hz * group.count as f64).sum();
        check(rate > 0.0, "devices", "rates that sum to 0", "at least one rate_hz above 0")?;
        let tasks = rate * horizon;
        check(tasks <= MOST_TASKS, "horizon_s", found(tasks, "tasks"), "1e7 tasks or fewer")?;
        let accepted = "a time in which the devices ask for 1 task or more";
        check(tasks >= 1.0, "horizon_s", found(tasks, "tasks"), accepted)?;
        let peak = tasks * peak_factor(&self.arrivals);
        check(peak <= MOST_IN_BURST, "horizon_s", found(peak, "tasks at the greatest rate"), "1e8 or fewer")?;
        let most = self.servers.iter().map(|group| group.executors).max().unwrap_or(0) as f64;
        let per_second = self.foreign.utilisation / self.foreign.mean_service_s;
        let burst = per_second * most * horizon * peak_factor(&self.foreign.arrivals);
        let of = "foreign jobs of a server at the greatest rate";
        check(burst <= MOST_FOREIGN, "horizon_s", found(burst, of), "1e6 or fewer")?;
        let executors: f64 = self.servers.iter().map(|group| (group.count * group.executors) as f64).sum();
        let foreign = per_second * executors * horizon;
        check(foreign <= MOST_EVENTS, "horizon_s", found(foreign, "foreign jobs"), "1e9 foreign jobs or fewer")?;
        let period = self.telemetry.period_s.0;
        let reports = if period > 0.0 { self.server_count() as f64 * horizon / period } else { 0.0 };
        check(reports <= MOST_EVENTS, "horizon_s", found(reports, "reports"), "1e9 reports or fewer")?;
        let blocks = self.link.shannon().map_or(0.0, |link| horizon / link.block_s * self.device_count() as f64);
        check(blocks <= MOST_EVENTS, "horizon_s", found(blocks, "blocks of fading"), "1e9 blocks of fading or fewer")
    }
}

/// The greatest rate over the mean rate, as far as it is known without a recording.
fn peak_factor(arrivals: &ArrivalConfig) -> f64 {
    match arrivals {
        ArrivalConfig::Poisson {} | ArrivalConfig::Recorded { .. } => 1.0,
        ArrivalConfig::Mmpp { burst_factor, mean_calm_s, mean_burst_s } => {
            burst_factor * (mean_calm_s + mean_burst_s) / (mean_calm_s + burst_factor * mean_burst_s)
        }
        ArrivalConfig::Diurnal { profile, .. } => {
            let mean = profile.iter().sum::<f64>() / profile.len() as f64;
            profile.iter().copied().fold(0.0, f64::max) / mean
        }
    }
}
