//! [`Vitals`]: whether a training looks healthy.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::warning::WarningKind;
use crate::window::WINDOW;

/// Reports in a row that have to show the same before it is said: one of them may be chance.
const REPORTS: u32 = 5;

/// How near a bound counts as being at it, as a share of the upper one.
const NEAR: f64 = 0.01;

/// Values beyond this multiple of what rewards allow are no longer the noise of a critic.
const DIVERGED: f64 = 2.0;

/// What can be seen of a training at a report of progress; NaN what is not known, which warns of nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Signs {
    /// Least and largest share of tasks that left their device, over a whole window of episodes.
    pub offload_ratio: [f64; 2],
    /// Mean entropy of the policy, nat.
    pub entropy: f64,
    /// The bounds of it: that of a policy that tries nothing, and the most that one can have.
    pub entropy_bounds: [f64; 2],
    /// What the temperature aims at, nat.
    pub target_entropy: f64,
    /// The temperature.
    pub temperature: f64,
    /// The bounds of it.
    pub temperature_bounds: [f64; 2],
    /// Largest |Q| that the critics saw.
    pub q_max: f64,
    /// What |Q| cannot exceed with the rewards so far.
    pub q_bound: f64,
}

/// Looks at a training, and warns of each kind of trouble once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vitals {
    /// Said before.
    said: BTreeSet<WarningKind>,
    /// Reports in a row that showed it.
    shown: BTreeMap<WarningKind, u32>,
}

impl Vitals {
    /// What is to be said after this report, and was not said before.
    pub fn look(&mut self, signs: &Signs) -> Vec<(WarningKind, String)> {
        let found = signs.found();
        self.shown.retain(|kind, _| found.iter().any(|(found, _)| found == kind));
        let mut said = Vec::new();
        for (kind, message) in found {
            let shown = self.shown.entry(kind).or_default();
            *shown += 1;
            if *shown >= REPORTS && self.said.insert(kind) {
                said.push((kind, message));
            }
        }
        said
    }
}

impl Signs {
    fn found(&self) -> Vec<(WarningKind, String)> {
        let Self { entropy, target_entropy: target, temperature, q_max, q_bound, .. } = *self;
        let [least, most] = self.offload_ratio;
        let [low, high] = self.entropy_bounds;
        let [cold, hot] = self.temperature_bounds;
        let near = NEAR * high;
        let collapsed = |where_to: &str| {
            format!(
                "in each of the last {WINDOW} episodes, 99 % of the tasks or more {where_to}: the policy may have collapsed"
            )
        };
        let entropy_at = |bound: &str| {
            format!(
                "the entropy of the policy is {entropy:.3} nat, at its {bound} bound, while {target:.3} is aimed at"
            )
        };
        let temperature_at = |bound: &str| format!("the temperature is {temperature:e}, at its {bound} bound");
        let table = [
            (WarningKind::AllLocal, most <= NEAR, collapsed("stayed on their device")),
            (WarningKind::AllEdge, least >= 1.0 - NEAR, collapsed("went to a server")),
            (WarningKind::EntropyLow, entropy <= low + near && target > low + 2.0 * near, entropy_at("lower")),
            (WarningKind::EntropyHigh, entropy >= high - near && target < high - 2.0 * near, entropy_at("upper")),
            (WarningKind::TemperatureLow, temperature <= cold * (1.0 + NEAR), temperature_at("lower")),
            (WarningKind::TemperatureHigh, temperature >= hot * (1.0 - NEAR), temperature_at("upper")),
            (
                WarningKind::Divergence,
                q_max > DIVERGED * q_bound,
                format!(
                    "values of up to {q_max:.3e} are seen, and rewards allow {q_bound:.3e}: the critics may diverge"
                ),
            ),
        ];
        table.into_iter().filter(|(_, holds, _)| *holds).map(|(kind, _, message)| (kind, message)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five choices: ln 5 = 1.609 nat.
    fn healthy() -> Signs {
        Signs {
            offload_ratio: [0.2, 0.9],
            entropy: 0.5,
            entropy_bounds: [0.0, 5.0_f64.ln()],
            target_entropy: 0.4,
            temperature: 0.05,
            temperature_bounds: [1e-8, 1e4],
            q_max: 9.0,
            q_bound: 10.0,
        }
    }

    /// The kinds that are said after so many reports of this.
    fn said(signs: Signs, reports: u32) -> Vec<WarningKind> {
        let mut vitals = Vitals::default();
        (0..reports).flat_map(|_| vitals.look(&signs)).map(|(kind, _)| kind).collect()
    }

    #[test]
    fn each_kind_is_seen_in_its_figure_and_said_once() {
        let sick = [
            (WarningKind::AllLocal, Signs { offload_ratio: [0.0, 0.01], ..healthy() }),
            (WarningKind::AllEdge, Signs { offload_ratio: [0.99, 1.0], ..healthy() }),
            (WarningKind::EntropyLow, Signs { entropy: 0.016, ..healthy() }),
            (WarningKind::EntropyHigh, Signs { entropy: 1.594, ..healthy() }),
            (WarningKind::TemperatureLow, Signs { temperature: 1.000_001e-8, ..healthy() }),
            (WarningKind::TemperatureHigh, Signs { temperature: 9_999.0, ..healthy() }),
            (WarningKind::Divergence, Signs { q_max: 20.1, ..healthy() }),
        ];
        for (kind, signs) in sick {
            assert_eq!(said(signs, 50), [kind]);
            assert_eq!(said(signs, REPORTS - 1), [], "{kind:?} may be chance");
        }
        assert_eq!(said(healthy(), 50), []);
    }

    #[test]
    fn what_is_near_a_bound_but_not_at_it_or_aimed_at_is_well() {
        let well = [
            Signs { offload_ratio: [0.0, 0.02], ..healthy() },
            Signs { offload_ratio: [0.98, 1.0], ..healthy() },
            Signs { entropy: 0.017, ..healthy() },
            Signs { entropy: 0.01, target_entropy: 0.02, ..healthy() },
            Signs { entropy: 1.59, ..healthy() },
            Signs { entropy: 1.609, target_entropy: 1.59, ..healthy() },
            Signs { temperature: 2e-8, ..healthy() },
            Signs { q_max: 19.9, ..healthy() },
        ];
        for signs in well {
            assert_eq!(said(signs, 50), [], "{signs:?}");
        }
    }

    #[test]
    fn what_is_not_known_warns_of_nothing() {
        let unknown = Signs {
            offload_ratio: [f64::NAN; 2],
            entropy: f64::NAN,
            entropy_bounds: [f64::NAN; 2],
            target_entropy: f64::NAN,
            temperature: f64::NAN,
            temperature_bounds: [f64::NAN; 2],
            q_max: f64::NAN,
            q_bound: f64::NAN,
        };
        assert_eq!(said(unknown, 50), []);
        assert_eq!(said(Signs { q_max: 1e9, ..unknown }, 50), []);
        // Two continuous entries.
        let continuous = Signs { entropy_bounds: [-17.0, 4.0_f64.ln()], target_entropy: -2.0, ..healthy() };
        assert_eq!(said(Signs { entropy: -16.0, ..continuous }, 50), []);
        assert_eq!(said(Signs { entropy: -30.0, ..continuous }, 50), [WarningKind::EntropyLow]);
        assert_eq!(said(Signs { entropy: 1.38, ..continuous }, 50), [WarningKind::EntropyHigh]);
    }

    #[test]
    fn an_interruption_starts_the_count_anew_and_storage_keeps_it() {
        let sick = Signs { q_max: 1e9, ..healthy() };
        let mut vitals = Vitals::default();
        for signs in [sick, sick, sick, sick, healthy(), sick, sick, sick, sick] {
            assert!(vitals.look(&signs).is_empty());
        }
        let mut resumed: Vitals = serde_json::from_str(&serde_json::to_string(&vitals).unwrap()).unwrap();
        let said = resumed.look(&sick);
        assert_eq!(said.len(), 1);
        assert!(said[0].1.contains("1.000e9") && said[0].1.contains("1.000e1"), "{}", said[0].1);
        let mut resumed: Vitals = serde_json::from_str(&serde_json::to_string(&resumed).unwrap()).unwrap();
        assert!(resumed.look(&sick).is_empty(), "it was said before");
    }
}
