//! [`EpisodeMetrics`]: the figures of one episode.

use super::energy::energy_between;
use super::record::TaskRecord;
use super::setting::Setting;
use crate::gym::Metric;

/// Figures over all tasks of an episode, also those still in flight at its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpisodeMetrics {
    /// Number of tasks.
    pub tasks: usize,
    /// Tasks that never complete, since a battery ran empty: those that its device had not sent, and those that waited for
    /// a decision when the episode ended.
    pub lost: usize,
    /// Mean latency of those that complete, s; so are the other latencies.
    pub latency_mean_s: f64,
    /// Median latency, s.
    pub latency_p50_s: f64,
    /// 95th percentile of the latency, s.
    pub latency_p95_s: f64,
    /// 99th percentile of the latency, s.
    pub latency_p99_s: f64,
    /// Share of tasks within their deadline.
    pub success_rate: f64,
    /// Energy that devices spent per task, J: computing, sending, and idle power in the time in which a device waits
    /// for a task and does neither, counted once however many wait.
    pub energy_j: f64,
    /// Jain's fairness index of the servers' own work per executor, in (0, 1]: 1 when all carry the same (Jain, Chiu,
    /// Hawe 1984, DEC-TR-301); NaN when no work was sent.
    pub load_balance: f64,
    /// Share of tasks that went to a server.
    pub offload_ratio: f64,
    /// Mean share of a network's layers that stayed on the device.
    pub split_mean: f64,
    /// Share of tasks that were split in truth: some layers on the device, some on a server.
    pub split_ratio: f64,
}

impl EpisodeMetrics {
    /// The figures of these decided tasks.
    pub fn of(setting: &Setting, tasks: &[TaskRecord]) -> Self {
        let count = tasks.len() as f64;
        let mean = |value: &dyn Fn(&TaskRecord) -> f64| tasks.iter().map(value).sum::<f64>() / count;
        let completed = tasks.iter().filter(|task| task.completion.is_finite());
        let mut latencies: Vec<f64> = completed.map(TaskRecord::latency).collect();
        // In order of arrival, so that the sum does not depend on how they compare.
        let latency_mean_s = latencies.iter().sum::<f64>() / latencies.len() as f64;
        latencies.sort_by(f64::total_cmp);
        let split = |task: &TaskRecord| {
            let layers = setting.models[task.model].graph.len() as f64;
            setting.frontier(task.model, task.user).device_layers(task.candidate) as f64 / layers
        };
        Self {
            tasks: tasks.len(),
            lost: tasks.len() - latencies.len(),
            latency_mean_s,
            latency_p50_s: percentile(&latencies, 0.5),
            latency_p95_s: percentile(&latencies, 0.95),
            latency_p99_s: percentile(&latencies, 0.99),
            success_rate: mean(&|task| f64::from(u8::from(task.success()))),
            energy_j: device_energy(setting, tasks) / count,
            load_balance: load_balance(setting, tasks),
            offload_ratio: mean(&|task| f64::from(u8::from(task.target > 0))),
            split_mean: mean(&split),
            split_ratio: mean(&|task| f64::from(u8::from(task.target > 0 && split(task) > 0.0))),
        }
    }

    /// Names and values, in a fixed order.
    pub fn list(&self) -> Vec<Metric> {
        vec![
            ("tasks", self.tasks as f64),
            ("latency_mean_s", self.latency_mean_s),
            ("latency_p50_s", self.latency_p50_s),
            ("latency_p95_s", self.latency_p95_s),
            ("latency_p99_s", self.latency_p99_s),
            ("success_rate", self.success_rate),
            ("energy_j", self.energy_j),
            ("load_balance", self.load_balance),
            ("offload_ratio", self.offload_ratio),
            ("split_mean", self.split_mean),
            ("split_ratio", self.split_ratio),
            ("lost", self.lost as f64),
        ]
    }
}

/// The value below which a share `p` of the sorted values lies, by linear interpolation (NumPy's default); NaN of
/// nothing.
/// `docs/model.md`, equation 55.
pub fn percentile(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let position = p * last as f64;
    let (below, above) = (sorted[position.floor() as usize], sorted[position.ceil() as usize]);
    below + (above - below) * position.fract()
}

/// Own work of each server per executor, s.
pub fn server_loads(setting: &Setting, tasks: &[TaskRecord]) -> Vec<f64> {
    let mut work = vec![0.0; setting.servers.len()];
    for task in tasks.iter().filter(|task| task.target > 0) {
        work[task.target - 1] += task.service / setting.servers[task.target - 1].executors as f64;
    }
    work
}

/// Jain's fairness index of the servers' loads; NaN when no work was sent.
/// `docs/model.md`, equation 56.
fn load_balance(setting: &Setting, tasks: &[TaskRecord]) -> f64 {
    let work = server_loads(setting, tasks);
    let (sum, squares): (f64, f64) = (work.iter().sum(), work.iter().map(|work| work * work).sum());
    sum * sum / (work.len() as f64 * squares)
}

/// Energy of all devices, J.
fn device_energy(setting: &Setting, tasks: &[TaskRecord]) -> f64 {
    let mut of_user: Vec<Vec<&TaskRecord>> = vec![Vec::new(); setting.devices.len()];
    for task in tasks {
        of_user[task.user].push(task);
    }
    let (ever, mut scratch) = ((0.0, f64::MAX), Vec::new());
    let energy = |(user, tasks): (usize, &Vec<&TaskRecord>)| {
        energy_between(setting, user, tasks.iter().copied(), ever, &mut scratch)
    };
    of_user.iter().enumerate().map(energy).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_interpolate_as_numpy_does() {
        let values = [1.0, 2.0, 3.0, 10.0];
        assert_eq!(percentile(&values, 0.5), 2.5);
        assert!((percentile(&values, 0.95) - 8.95).abs() < 1e-12);
        assert!(percentile(&[], 0.5).is_nan());
    }
}
