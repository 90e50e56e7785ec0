//! [`SchemeSummary`]: what the comparison says about one scheme, computed from its evaluation episodes.

use std::collections::BTreeMap;

use mec_envs::offload::metrics::percentile;
use mec_envs::rng::Prng;
use serde::{Deserialize, Deserializer, Serialize};

use crate::scores::{EpisodeOutcome, Scores};
use crate::statistics::{Estimate, RESAMPLES, bootstrap, mean, std_dev};

/// The figures of one scheme over all its evaluation episodes. Tasks weigh equally, whichever episode they are in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SchemeSummary {
    /// Name of the scheme.
    pub scheme: String,
    /// Whether it is the one that the comparison is about.
    pub highlighted: bool,
    /// Mean latency of the tasks that completed, s; the interval resamples episodes, each with the outcomes of all training seeds, because seeds
    /// meet the same episodes and are not independent.
    pub latency_mean_s: Estimate,
    /// Standard deviation between training seeds of the mean latency, s; 0 with one seed.
    pub latency_seed_sd_s: f64,
    /// Interquartile mean of the episodes' mean latencies, s: episodes weigh equally. Its interval resamples the training
    /// seeds within each episode, and has no width with one seed.
    pub latency_iqm_s: Estimate,
    /// Median latency, s.
    pub latency_p50_s: f64,
    /// 95th percentile of latency, s.
    pub latency_p95_s: f64,
    /// 99th percentile of latency, s.
    pub latency_p99_s: f64,
    /// Share of tasks that met their deadline, with interval as above.
    pub success_rate: Estimate,
    /// Energy of the devices per task, J.
    pub energy_per_task_j: f64,
    /// Jain's index of the servers' own work per executor, mean over the episodes in which work was sent: 1 is even; NaN
    /// when none was in any.
    #[serde(deserialize_with = "nan_for_null")]
    pub load_balance: f64,
    /// Share of tasks that did not stay on their device.
    pub offload_ratio: f64,
    /// Probability that a training has a lower mean latency than one of the baseline on the same episode, with an interval
    /// as that of [`latency_iqm_s`](Self::latency_iqm_s); `None` without a baseline.
    pub improvement: Option<Estimate>,
    /// Mean latency of an episode less that of the baseline on the same episode, s; the interval resamples episodes.
    /// `None` without a baseline.
    pub latency_difference_s: Option<Estimate>,
    /// By which share the score of an episode stays below 1 on average, where the score is the target's mean latency over
    /// that of the scheme; `None` without a target. Its interval is as that of [`latency_iqm_s`](Self::latency_iqm_s).
    pub optimality_gap: Option<Estimate>,
    /// Training seeds.
    pub seeds: usize,
    /// Evaluation episodes, over all seeds.
    pub episodes: usize,
    /// Tasks, over all episodes, lost ones included.
    pub tasks: usize,
}

impl SchemeSummary {
    /// Summarises the episodes of a scheme, which is compared with nothing yet; `None` when they hold no task that completed. Equal
    /// generators give equal intervals.
    pub fn from_episodes(scheme: &str, episodes: &[EpisodeOutcome], rng: &mut Prng) -> Option<Self> {
        let mut latencies: Vec<f64> = episodes.iter().flat_map(|episode| episode.latencies_s.iter().copied()).collect();
        if latencies.is_empty() {
            return None;
        }
        latencies.sort_by(f64::total_cmp);
        let tasks: usize = episodes.iter().map(EpisodeOutcome::tasks).sum();
        let by_seed = grouped(episodes, |episode| episode.seed);
        let seed_means: Vec<f64> = by_seed.values().filter_map(|episodes| latency_ratio(episodes).mean()).collect();
        Some(Self {
            scheme: scheme.to_owned(),
            highlighted: false,
            latency_mean_s: interval(episodes, latency_ratio, rng),
            latency_seed_sd_s: std_dev(&seed_means),
            latency_iqm_s: Scores::of(episodes).iqm(rng),
            latency_p50_s: percentile(&latencies, 0.5),
            latency_p95_s: percentile(&latencies, 0.95),
            latency_p99_s: percentile(&latencies, 0.99),
            success_rate: interval(episodes, success_ratio, rng),
            energy_per_task_j: episodes.iter().map(|episode| episode.energy_j).sum::<f64>() / tasks as f64,
            load_balance: mean_load_balance(episodes.iter().map(|episode| episode.load_balance)),
            offload_ratio: episodes.iter().map(|episode| episode.offloaded).sum::<usize>() as f64 / tasks as f64,
            improvement: None,
            latency_difference_s: None,
            optimality_gap: None,
            seeds: by_seed.len(),
            episodes: episodes.len(),
            tasks,
        })
    }
}

/// The mean of load balances over the episodes that have one: NaN stands for an episode that sent no work, and for the
/// mean when there is no other.
pub fn mean_load_balance(episodes: impl IntoIterator<Item = f64>) -> f64 {
    let balances: Vec<f64> = episodes.into_iter().filter(|balance| !balance.is_nan()).collect();
    if balances.is_empty() { f64::NAN } else { mean(&balances) }
}

/// JSON has no NaN: serde writes null.
fn nan_for_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// Sorts from the lowest mean latency to the highest.
pub fn sort_by_latency(schemes: &mut [SchemeSummary]) {
    schemes.sort_by(|left, right| left.latency_mean_s.value.total_cmp(&right.latency_mean_s.value));
}

/// Sum and number of something: their ratio is a mean in which tasks weigh equally.
#[derive(Clone, Copy, Debug, Default)]
struct Ratio {
    sum: f64,
    tasks: f64,
}

impl Ratio {
    fn mean(self) -> Option<f64> {
        (self.tasks > 0.0).then(|| self.sum / self.tasks)
    }

    fn of(items: &[Ratio]) -> f64 {
        let total = items
            .iter()
            .fold(Self::default(), |total, item| Self { sum: total.sum + item.sum, tasks: total.tasks + item.tasks });
        // A resample of nothing but empty episodes has no mean; it counts as 0 rather than spoiling the rest.
        total.mean().unwrap_or(0.0)
    }
}

fn grouped(episodes: &[EpisodeOutcome], key: impl Fn(&EpisodeOutcome) -> u64) -> BTreeMap<u64, Vec<&EpisodeOutcome>> {
    let mut groups: BTreeMap<u64, Vec<&EpisodeOutcome>> = BTreeMap::new();
    for episode in episodes {
        groups.entry(key(episode)).or_default().push(episode);
    }
    groups
}

fn latency_ratio(episodes: &[&EpisodeOutcome]) -> Ratio {
    let latencies = || episodes.iter().flat_map(|episode| &episode.latencies_s);
    Ratio { sum: latencies().sum(), tasks: latencies().count() as f64 }
}

fn success_ratio(episodes: &[&EpisodeOutcome]) -> Ratio {
    let tasks: usize = episodes.iter().map(|episode| episode.tasks()).sum();
    Ratio { sum: episodes.iter().map(|episode| episode.succeeded as f64).sum(), tasks: tasks as f64 }
}

/// A ratio over all episodes; resampled are episodes, each with the outcomes of all training seeds.
fn interval(episodes: &[EpisodeOutcome], ratio: fn(&[&EpisodeOutcome]) -> Ratio, rng: &mut Prng) -> Estimate {
    let groups = grouped(episodes, |episode| episode.episode);
    let by_episode: Vec<Ratio> = groups.values().map(|outcomes| ratio(outcomes)).collect();
    bootstrap(&[by_episode], Ratio::of, RESAMPLES, rng)
}

#[cfg(test)]
mod tests {
    use mec_envs::rng::stream;

    use super::*;

    fn outcome(seed: u64, episode: u64, latencies_s: &[f64]) -> EpisodeOutcome {
        let succeeded = latencies_s.iter().filter(|&&latency| latency <= 1.0).count();
        EpisodeOutcome {
            seed,
            episode,
            latencies_s: latencies_s.to_vec(),
            lost: 0,
            succeeded,
            offloaded: 1,
            energy_j: 2.0,
            load_balance: 0.8,
        }
    }

    #[test]
    fn tasks_weigh_equally_and_seeds_give_the_spread() {
        let episodes = [outcome(1, 0, &[0.5, 0.5, 2.0]), outcome(1, 1, &[1.0]), outcome(2, 0, &[0.2, 0.6])];
        let summary = SchemeSummary::from_episodes("x", &episodes, &mut stream(1, "test")).unwrap();
        assert!((summary.latency_mean_s.value - 0.8).abs() < 1e-12);
        // Seed means are 1.0 and 0.4: their standard deviation is 0.6 / sqrt(2).
        assert!((summary.latency_seed_sd_s - 0.6 / 2.0_f64.sqrt()).abs() < 1e-12);
        assert!((summary.success_rate.value - 5.0 / 6.0).abs() < 1e-12);
        assert!((summary.latency_p50_s - 0.55).abs() < 1e-12);
        assert_eq!((summary.energy_per_task_j, summary.offload_ratio), (1.0, 0.5));
        assert!((summary.load_balance - 0.8).abs() < 1e-12);
        assert_eq!((summary.seeds, summary.episodes, summary.tasks), (2, 3, 6));
        assert!(summary.latency_mean_s.low <= 0.8 && summary.latency_mean_s.high >= 0.8);
    }

    #[test]
    fn lost_tasks_count_for_success_and_not_for_latency() {
        let episodes = [EpisodeOutcome { lost: 2, ..outcome(1, 0, &[0.5, 0.7]) }, outcome(1, 1, &[])];
        let summary = SchemeSummary::from_episodes("x", &episodes, &mut stream(1, "test")).unwrap();
        assert!((summary.latency_mean_s.value - 0.6).abs() < 1e-12);
        assert_eq!((summary.success_rate.value, summary.tasks, summary.energy_per_task_j), (0.5, 4, 1.0));
        assert!(
            SchemeSummary::from_episodes(
                "x",
                &[EpisodeOutcome { lost: 3, ..outcome(1, 0, &[]) }],
                &mut stream(1, "test")
            )
            .is_none()
        );
    }

    #[test]
    fn equal_seeds_do_not_narrow_the_interval() {
        let once: Vec<EpisodeOutcome> = (0..12).map(|episode| outcome(1, episode, &[0.1 * episode as f64])).collect();
        let again = once.iter().map(|outcome| EpisodeOutcome { seed: 2, ..outcome.clone() });
        let twice: Vec<EpisodeOutcome> = once.iter().cloned().chain(again).collect();
        let summary = |episodes| SchemeSummary::from_episodes("x", episodes, &mut stream(1, "test")).unwrap();
        let (once, twice) = (summary(&once).latency_mean_s, summary(&twice).latency_mean_s);
        let equal = |a: f64, b: f64| (a - b).abs() < 1e-12;
        assert!(equal(once.low, twice.low) && equal(once.high, twice.high), "{once:?} {twice:?}");
    }

    #[test]
    fn an_episode_without_sent_work_has_no_part_in_the_mean_balance() {
        let of = |balances: &[f64]| {
            let with = |(episode, &load_balance): (usize, &f64)| EpisodeOutcome {
                load_balance,
                ..outcome(1, episode as u64, &[0.5])
            };
            let episodes: Vec<EpisodeOutcome> = balances.iter().enumerate().map(with).collect();
            SchemeSummary::from_episodes("x", &episodes, &mut stream(1, "test")).unwrap().load_balance
        };
        assert!((of(&[0.5, f64::NAN, 0.7]) - 0.6).abs() < 1e-12);
        assert!(of(&[f64::NAN, f64::NAN]).is_nan());
    }

    #[test]
    fn no_task_gives_no_summary() {
        assert!(SchemeSummary::from_episodes("x", &[outcome(0, 0, &[])], &mut stream(1, "test")).is_none());
    }
}
