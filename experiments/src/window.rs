//! [`Window`]: the last episodes of a training.

use std::collections::VecDeque;

use mec_agents::actor::EpisodeReport;
use mec_agents::agent::Metrics;
use serde::{Deserialize, Serialize};

use crate::comparison::mean_load_balance;

/// Episodes over which `progress.csv` averages, as in SB3.
pub const WINDOW: usize = 100;

/// The figures of the last [`WINDOW`] episodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Window(VecDeque<Episode>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Episode {
    length: u64,
    /// With the return, as `return`.
    figures: Metrics,
}

impl Window {
    /// Adds an episode; the oldest one makes room.
    pub fn push(&mut self, report: &EpisodeReport) {
        let mut figures = Metrics::new(report.metrics.clone());
        figures.set("return", report.episode_return);
        if self.0.len() == WINDOW {
            self.0.pop_front();
        }
        self.0.push_back(Episode { length: report.length, figures });
    }

    /// Mean return; `None` before the first episode.
    pub fn mean_return(&self) -> Option<f64> {
        self.mean_of("return")
    }

    /// Mean length, steps; `None` before the first episode.
    pub fn mean_length(&self) -> Option<f64> {
        self.mean(|episode| episode.length as f64)
    }

    /// Mean of an episode's figure, NaN when one does not have it; `None` before the first episode.
    pub fn mean_of(&self, figure: &str) -> Option<f64> {
        self.mean(|episode| episode.figures.get(figure))
    }

    /// Mean balance over the episodes in which work was sent; `None` before the first of them.
    pub fn load_balance(&self) -> Option<f64> {
        let balances = self.0.iter().map(|episode| episode.figures.get("load_balance"));
        Some(mean_load_balance(balances)).filter(|balance| !balance.is_nan())
    }

    /// The least and the largest value of a figure, once the window is full and if every episode has it.
    pub fn range_of(&self, figure: &str) -> Option<[f64; 2]> {
        let values = || self.0.iter().map(|episode| episode.figures.get(figure));
        let known = self.0.len() == WINDOW && values().all(|value| !value.is_nan());
        known.then(|| [values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max)])
    }

    fn mean(&self, figure: impl Fn(&Episode) -> f64) -> Option<f64> {
        let sum: f64 = self.0.iter().map(figure).sum();
        (!self.0.is_empty()).then(|| sum / self.0.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(number: u64, offload_ratio: f64) -> EpisodeReport {
        EpisodeReport {
            env: 0,
            episode: number,
            episode_return: -(number as f64),
            length: 2 * number,
            ended_s: 0.0,
            terminated: false,
            metrics: vec![("offload_ratio".into(), offload_ratio), ("load_balance".into(), f64::NAN)],
        }
    }

    #[test]
    fn means_are_those_of_the_last_hundred_episodes() {
        let mut window = Window::default();
        assert_eq!((window.mean_return(), window.mean_length(), window.mean_of("offload_ratio")), (None, None, None));
        for number in 0..130 {
            window.push(&report(number, number as f64 / 200.0));
            assert_eq!(window.range_of("offload_ratio").is_some(), number >= 99, "{number}");
        }
        // Episodes 30 to 129.
        assert_eq!((window.mean_return(), window.mean_length()), (Some(-79.5), Some(159.0)));
        assert_eq!(window.range_of("offload_ratio"), Some([0.15, 0.645]));
        assert_eq!(window.load_balance(), None, "no episode sent work");
        assert!(window.mean_of("unheard of").is_some_and(f64::is_nan));
    }

    #[test]
    fn a_window_survives_storage_to_the_bit_with_figures_that_are_no_numbers() {
        let mut window = Window::default();
        window.push(&report(3, 0.1 + 0.2));
        window.push(&report(4, f64::INFINITY));
        let text = serde_json::to_string(&window).unwrap();
        let back: Window = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), text);
        assert_eq!((back.mean_return(), back.mean_of("offload_ratio")), (window.mean_return(), Some(f64::INFINITY)));
        assert!(back.mean_of("load_balance").is_some_and(f64::is_nan));
    }
}
