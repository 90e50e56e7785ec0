//! Curves of the trainings.

use super::chart::{Chart, Samples, View};
use crate::progress::PROGRESS_COLUMNS;
use crate::record::Record;

/// Columns that are no figure of the training.
const NAMES: [&str; 3] = ["algo", "seed", "time/total_timesteps"];

/// What stands first in the list of figures; the others follow in the order of the table.
const FIRST: &str = "rollout/ep_rew_mean";

/// Every column of the trainings' reports over environment steps; `None` without a report.
pub(super) fn chart(record: &Record) -> Option<Chart> {
    let others = PROGRESS_COLUMNS.iter().copied().filter(|column| !NAMES.contains(column) && *column != FIRST);
    let views = std::iter::once(FIRST).chain(others).map(|column| view(record, column));
    let views: Vec<View> = views.filter(|view| !view.lines.is_empty()).collect();
    (!views.is_empty()).then(|| Chart {
        title: "Training".to_owned(),
        note: "Interquartile mean over the training seeds; band: 95 % bootstrap interval over them.".to_owned(),
        x: "environment steps".to_owned(),
        log_x: false,
        views,
    })
}

fn view(record: &Record, column: &str) -> View {
    let lines = record.learned.iter().filter_map(|label| {
        let mut samples = Samples::default();
        for row in record.progress.iter().filter(|row| row.algo == *label) {
            if let Some((_, value)) = row.figures().into_iter().find(|(name, _)| *name == column) {
                samples.add(row.total_timesteps, 0, value);
            }
        }
        (!samples.is_empty()).then(|| samples.line(label))
    });
    View { name: column.to_owned(), lines: lines.collect(), levels: Vec::new() }
}
