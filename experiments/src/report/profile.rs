//! Performance profiles of the methods.

use std::collections::{BTreeMap, BTreeSet};

use mec_envs::rng::stream;

use super::chart::{Chart, Line, Point, RESAMPLES, View};
use crate::record::Record;
use crate::statistics::{Estimate, performance_profile};

/// Latencies at which shares are drawn.
const THRESHOLDS: usize = 60;

/// How far they go beyond what there is, so that profiles go from 0 to 1.
const MARGIN: f64 = 0.02;

/// The share of evaluation episodes below every latency, at the last evaluation of each seed: not the best one, so that
/// no seed is flattered. `None` with less than two seeds, or when all latencies are equal.
pub(super) fn chart(record: &Record) -> Option<Chart> {
    let seeds: BTreeSet<u64> = record.of_learned().map(|row| row.seed).collect();
    let scores: Vec<(&String, Vec<Vec<f64>>)> =
        record.learned.iter().map(|label| (label, last_latencies(record, label))).collect();
    let all = || scores.iter().flat_map(|(_, scores)| scores.iter().flatten().copied());
    let (least, most) = (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max));
    if seeds.len() < 2 || least >= most || least <= 0.0 {
        return None;
    }
    let (least, most) = (least * (1.0 - MARGIN), most * (1.0 + MARGIN));
    let step = (most / least).ln() / (THRESHOLDS - 1) as f64;
    let thresholds: Vec<f64> = (0..THRESHOLDS).map(|index| least * (step * index as f64).exp()).collect();
    let filled = scores.iter().filter(|(_, scores)| !scores.is_empty());
    let lines = filled.map(|(label, scores)| line(label, scores, &thresholds)).collect();
    Some(Chart {
        title: "Performance profiles".to_owned(),
        note: "Share of held-out episodes and training seeds whose mean latency is below the one on the axis, at the \
               last evaluation of each seed: higher is better; band: pointwise stratified 95 % bootstrap interval."
            .to_owned(),
        x: "mean latency of an episode (s)".to_owned(),
        log_x: true,
        views: vec![View { name: "share of episodes below".to_owned(), lines, levels: Vec::new() }],
    })
}

/// `[episode][seed]`
fn last_latencies(record: &Record, label: &str) -> Vec<Vec<f64>> {
    let rows = || record.evaluations.iter().filter(|row| row.algo == label && row.metric == "latency_mean_s");
    let mut last: BTreeMap<u64, u64> = BTreeMap::new();
    rows().for_each(|row| *last.entry(row.seed).or_default() = row.step.max(last.get(&row.seed).copied().unwrap_or(0)));
    let mut scores: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for row in rows().filter(|row| last[&row.seed] == row.step && row.value.is_finite()) {
        scores.entry(row.episode).or_default().push(row.value);
    }
    scores.into_values().collect()
}

fn line(label: &str, latencies: &[Vec<f64>], thresholds: &[f64]) -> Line {
    // A profile is of scores, of which higher ones are better: being below a latency is being above its negative.
    let turned = |values: &[f64]| values.iter().map(|value| -value).collect::<Vec<f64>>();
    let scores: Vec<Vec<f64>> = latencies.iter().map(|runs| turned(runs)).collect();
    let rng = &mut stream(0, &format!("report-profile-{label}"));
    let shares: Vec<Estimate> = performance_profile(&scores, &turned(thresholds), RESAMPLES, rng);
    let points = thresholds.iter().zip(shares).map(|(&x, y)| Point { x, y }).collect();
    Line { label: label.to_owned(), points }
}
