//! [`Scores`]: how a scheme did in every episode, for statistics over episodes and training seeds.

use std::collections::BTreeMap;

use mec_envs::rng::Prng;

use crate::statistics::{
    Estimate, RESAMPLES, bootstrap, improvement_interval, iqm, mean, optimality_gap, paired_difference,
};

/// One evaluation episode of one scheme.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EpisodeOutcome {
    /// Seed of the training; 0 for a scheme that does not learn.
    pub seed: u64,
    /// Number of the held-out episode; equal numbers are equal episodes for every scheme.
    pub episode: u64,
    /// Latency of every task that completed, s.
    pub latencies_s: Vec<f64>,
    /// Tasks that never completed, since the battery of their device ran empty.
    pub lost: usize,
    /// Tasks that met their deadline.
    pub succeeded: usize,
    /// Tasks that did not stay on their device.
    pub offloaded: usize,
    /// Energy that the devices spent, J.
    pub energy_j: f64,
    /// Jain's index of the servers' own work per executor; NaN when no work was sent.
    pub load_balance: f64,
}

impl EpisodeOutcome {
    /// Tasks of the episode, lost ones included.
    pub(crate) fn tasks(&self) -> usize {
        self.latencies_s.len() + self.lost
    }

    /// Mean latency of the episode, s; `None` without a task that completed.
    pub fn latency_mean_s(&self) -> Option<f64> {
        (!self.latencies_s.is_empty()).then(|| mean(&self.latencies_s))
    }
}

/// The mean latency of every episode under every training seed of a scheme, s. Episodes without a task that completed
/// have none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores(BTreeMap<u64, Vec<f64>>);

impl Scores {
    /// Those of a scheme with these episodes.
    pub fn of(episodes: &[EpisodeOutcome]) -> Self {
        let mut scores: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        for episode in episodes {
            if let Some(latency) = episode.latency_mean_s() {
                scores.entry(episode.episode).or_default().push(latency);
            }
        }
        Self(scores)
    }

    /// Their interquartile mean, s.
    ///
    /// # Panics
    /// When there is none.
    pub fn iqm(&self, rng: &mut Prng) -> Estimate {
        let by_episode: Vec<Vec<f64>> = self.0.values().cloned().collect();
        bootstrap(&by_episode, iqm, RESAMPLES, rng)
    }

    /// The probability that a training has a lower latency than one of the baseline on the same episode; `None` without
    /// a common episode.
    pub fn improvement_over(&self, baseline: &Self, rng: &mut Prng) -> Option<Estimate> {
        // The paper has higher scores better.
        let turned = |runs: &Vec<f64>| runs.iter().map(|latency| -latency).collect();
        let common = self.0.iter().filter_map(|(episode, own)| Some((turned(own), turned(baseline.0.get(episode)?))));
        let (own, other): (Vec<Vec<f64>>, Vec<Vec<f64>>) = common.unzip();
        (!own.is_empty()).then(|| improvement_interval(&own, &other, RESAMPLES, rng))
    }

    /// How much higher the latency is than the baseline's on the same episode, on average over the episodes, s; the
    /// seeds of either are averaged first. `None` without a common episode.
    pub fn difference_from(&self, baseline: &Self, rng: &mut Prng) -> Option<Estimate> {
        paired_difference(&self.means(), &baseline.means(), RESAMPLES, rng)
    }

    /// The optimality gap of the target's mean latency over the own one on the same episode, below 1: 0 when no episode
    /// is slower than under the target, 0.5 when all take twice as long. `None` without a common episode.
    pub fn gap_to(&self, target: &Self, rng: &mut Prng) -> Option<Estimate> {
        let least = target.means();
        let common = self.0.iter().filter_map(|(episode, own)| Some((own, least.get(episode)?)));
        let ratios: Vec<Vec<f64>> = common.map(|(own, least)| own.iter().map(|own| least / own).collect()).collect();
        (!ratios.is_empty()).then(|| bootstrap(&ratios, |ratios| optimality_gap(ratios, 1.0), RESAMPLES, rng))
    }

    /// The mean over the seeds of every episode, s.
    fn means(&self) -> BTreeMap<u64, f64> {
        self.0.iter().map(|(&episode, runs)| (episode, mean(runs))).collect()
    }
}

#[cfg(test)]
mod tests {
    use mec_envs::rng::stream;

    use super::*;

    fn scores(episodes: &[(u64, u64, &[f64])]) -> Scores {
        let outcome = |&(seed, episode, latencies): &(u64, u64, &[f64])| EpisodeOutcome {
            seed,
            episode,
            latencies_s: latencies.to_vec(),
            ..EpisodeOutcome::default()
        };
        Scores::of(&episodes.iter().map(outcome).collect::<Vec<_>>())
    }

    fn learned() -> Scores {
        scores(&[(1, 0, &[0.4]), (2, 0, &[0.5, 0.7]), (1, 1, &[0.9]), (2, 1, &[1.6]), (1, 3, &[])])
    }

    fn fixed() -> Scores {
        scores(&[(0, 0, &[1.0]), (0, 1, &[1.4]), (0, 2, &[9.0]), (0, 3, &[])])
    }

    #[test]
    fn episodes_weigh_equally_in_the_interquartile_mean() {
        // 0.4, 0.6, 0.9, 1.6: one of each end goes.
        let found = learned().iqm(&mut stream(1, "test"));
        assert!((found.value - 0.75).abs() < 1e-12 && found.low < 0.75 && found.high > 0.75, "{found:?}");
        assert_eq!(fixed().iqm(&mut stream(1, "test")).half_width(), 0.0, "one seed leaves nothing to draw");
    }

    #[test]
    fn an_improvement_is_a_lower_latency_on_the_same_episode() {
        // Both seeds on episode 0, one of two on episode 1.
        let found = learned().improvement_over(&fixed(), &mut stream(1, "test")).unwrap();
        assert_eq!(found.value, 0.75);
        assert_eq!(fixed().improvement_over(&learned(), &mut stream(1, "test")).unwrap().value, 0.25);
        assert_eq!(learned().improvement_over(&Scores::default(), &mut stream(1, "test")), None);
    }

    #[test]
    fn a_difference_pairs_episodes_and_averages_seeds() {
        // 0.5 - 1.0 and 1.25 - 1.4.
        let found = learned().difference_from(&fixed(), &mut stream(1, "test")).unwrap();
        assert!((found.value + 0.325).abs() < 1e-12, "{found:?}");
        assert!(found.low >= -0.5 - 1e-12 && found.high <= -0.15 + 1e-12, "{found:?}");
    }

    #[test]
    fn the_gap_to_a_target_is_open_where_it_is_faster() {
        let target = scores(&[(0, 0, &[0.3]), (0, 1, &[1.6])]);
        // Scores 0.75, 0.5, then 1.78, which counts as 1, and 1.
        let found = learned().gap_to(&target, &mut stream(1, "test")).unwrap();
        assert!((found.value - (0.25 + 0.5) / 4.0).abs() < 1e-12, "{found:?}");
        assert_eq!(target.gap_to(&target, &mut stream(1, "test")).unwrap(), Estimate::exact(0.0));
    }
}
