//! [`curves`]: a figure of the evaluations over environment steps.

use std::collections::BTreeMap;

use crate::eval::EvalRow;
use crate::statistics::mean;

/// A figure of one method, mean over the episodes of every evaluation: by training seed, environment steps and mean, steps
/// rising.
pub fn curves(rows: &[EvalRow], algo: &str, metric: &str) -> BTreeMap<u64, Vec<(u64, f64)>> {
    let mut values: BTreeMap<u64, BTreeMap<u64, Vec<f64>>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.algo == algo && row.metric == metric) {
        values.entry(row.seed).or_default().entry(row.step).or_default().push(row.value);
    }
    let points = |steps: BTreeMap<u64, Vec<f64>>| steps.iter().map(|(&step, values)| (step, mean(values))).collect();
    values.into_iter().map(|(seed, steps)| (seed, points(steps))).collect()
}
