//! [`EpisodeMetrics`]: the figures of one episode.

use super::record::TaskRecord;
use super::setting::Setting;
use crate::gym::Metric;

/// Figures over all tasks that were decided in an episode, also those still in flight at its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpisodeMetrics {
    /// Number of tasks.
    pub tasks: usize,
    /// Mean latency, s.
    pub latency_mean_s: f64,
    /// Median latency, s.
    pub latency_p50_s: f64,
    /// 95th percentile of the latency, s.
    pub latency_p95_s: f64,
    /// 99th percentile of the latency, s.
    pub latency_p99_s: f64,
    /// Share of tasks within their deadline.
    pub success_rate: f64,
    /// Energy that devices spent per task, J.
    pub energy_j: f64,
    /// Jain's fairness index of the servers' own work per executor, in (0, 1]: 1 when all carry the same (Jain, Chiu,
    /// Hawe 1984, DEC-TR-301); 1 when no work was sent.
    pub load_balance: f64,
    /// Share of tasks that went to a server.
    pub offload_ratio: f64,
    /// Mean share of a network's layers that stayed on the device.
    pub split_mean: f64,
}

impl EpisodeMetrics {
    /// The figures of these decided tasks.
    pub fn of(setting: &Setting, tasks: &[TaskRecord]) -> Self {
        let count = tasks.len() as f64;
        let mean = |value: &dyn Fn(&TaskRecord) -> f64| tasks.iter().map(value).sum::<f64>() / count;
        let mut latencies: Vec<f64> = tasks.iter().map(TaskRecord::latency).collect();
        latencies.sort_by(f64::total_cmp);
        let split = |task: &TaskRecord| {
            let layers = setting.models[task.model].graph.len() as f64;
            setting.frontier(task.model, task.user).device_layers(task.candidate) as f64 / layers
        };
        Self {
            tasks: tasks.len(),
            latency_mean_s: mean(&TaskRecord::latency),
            latency_p50_s: percentile(&latencies, 0.5),
            latency_p95_s: percentile(&latencies, 0.95),
            latency_p99_s: percentile(&latencies, 0.99),
            success_rate: mean(&|task| f64::from(u8::from(task.success()))),
            energy_j: mean(&|task| task.energy),
            load_balance: load_balance(setting, tasks),
            offload_ratio: mean(&|task| f64::from(u8::from(task.target > 0))),
            split_mean: mean(&split),
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
        ]
    }
}

/// The value below which a share `p` of the sorted values lies, by linear interpolation (NumPy's default); NaN of
/// nothing.
pub fn percentile(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let position = p * last as f64;
    let (below, above) = (sorted[position.floor() as usize], sorted[position.ceil() as usize]);
    below + (above - below) * position.fract()
}

fn load_balance(setting: &Setting, tasks: &[TaskRecord]) -> f64 {
    let mut work = vec![0.0; setting.servers.len()];
    for task in tasks.iter().filter(|task| task.target > 0) {
        work[task.target - 1] += task.server.length() / setting.servers[task.target - 1].executors as f64;
    }
    let (sum, squares): (f64, f64) = (work.iter().sum(), work.iter().map(|work| work * work).sum());
    if squares == 0.0 { 1.0 } else { sum * sum / (work.len() as f64 * squares) }
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
