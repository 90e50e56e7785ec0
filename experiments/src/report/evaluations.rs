//! Curves of the evaluations.

use std::collections::{BTreeMap, BTreeSet};

use super::chart::{Chart, Level, Samples, View};
use crate::eval::EvalRow;
use crate::record::Record;
use crate::statistics::iqm;

/// What stands first in the list of figures; the others follow by name.
const FIRST: [&str; 3] = ["latency_mean_s", "success_rate", "return"];

/// Every figure of the evaluations over environment steps, with the schemes as levels; `None` without an evaluation.
pub(super) fn chart(record: &Record) -> Option<Chart> {
    let metrics: BTreeSet<&str> = record.of_learned().map(|row| row.metric.as_str()).collect();
    let first = FIRST.into_iter().filter(|metric| metrics.contains(metric));
    let others = metrics.iter().copied().filter(|metric| !FIRST.contains(metric));
    let views: Vec<View> = first.chain(others).map(|metric| view(record, metric)).collect();
    (!views.is_empty()).then(|| Chart {
        title: "Evaluation while training".to_owned(),
        note: "Interquartile mean over held-out episodes and training seeds; band: stratified 95 % bootstrap interval \
               over the seeds. Levels are schemes that do not learn, on the same episodes."
            .to_owned(),
        x: "environment steps".to_owned(),
        log_x: false,
        views,
    })
}

fn view(record: &Record, metric: &str) -> View {
    let rows = || record.evaluations.iter().filter(|row| row.metric == metric);
    let lines = record.learned.iter().filter_map(|label| {
        let mut samples = Samples::default();
        rows().filter(|row| row.algo == *label).for_each(|row| samples.add(row.step, row.episode, row.value));
        (!samples.is_empty()).then(|| samples.line(label))
    });
    let lines = lines.collect();
    View { name: metric.to_owned(), lines, levels: levels(rows().filter(|row| !record.learned.contains(&row.algo))) }
}

fn levels<'r>(rows: impl Iterator<Item = &'r EvalRow>) -> Vec<Level> {
    let mut values: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for row in rows.filter(|row| row.value.is_finite()) {
        values.entry(&row.algo).or_default().push(row.value);
    }
    values.into_iter().map(|(label, values)| Level { label: label.to_owned(), value: iqm(&values) }).collect()
}
