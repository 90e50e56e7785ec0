//! Schemes that take what they expect to complete soonest.

use crate::offload::{Decision, Knowledge, View};

/// Target and cut that complete soonest under this knowledge.
pub(super) fn best(view: &View<'_>, knowledge: Knowledge) -> Decision {
    let (target, choice) = view.best(knowledge);
    Decision { target, candidate: Some(choice.candidate) }
}

/// By how much a server must win over the device against what is not known of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Caution {
    /// Whatever the age of its report, s.
    pub(super) margin_s: f64,
    /// Per second of that age.
    pub(super) margin_per_age: f64,
}

impl Caution {
    /// What a target must win by, s.
    pub(super) fn margin(&self, view: &View<'_>, target: usize) -> f64 {
        if target == 0 { 0.0 } else { self.margin_s + self.margin_per_age * view.report_age(target).0 }
    }
}

/// As [`best`], but a server must win by a margin.
pub(super) fn best_by_a_margin(view: &View<'_>, knowledge: Knowledge, caution: Caution) -> Decision {
    let option = |target: usize| {
        let choice = view.option(target, knowledge);
        let cost = choice.completion.0 + caution.margin(view, target);
        (Decision { target, candidate: Some(choice.candidate) }, cost)
    };
    let best = (0..view.targets()).map(option).min_by(|a, b| a.1.total_cmp(&b.1));
    best.expect("target 0 always exists").0
}

/// The target that completes soonest by report and book when every cut is that of an idle system.
pub(super) fn best_with_idle_cuts(view: &View<'_>) -> Decision {
    let option = |target: usize| {
        let candidate = view.option(target, Knowledge::Idle).candidate;
        (Decision { target, candidate: Some(candidate) }, view.expect(target, candidate, Knowledge::Booked))
    };
    let options = (0..view.targets()).map(option);
    let best = options.min_by(|a, b| a.1.completion.0.total_cmp(&b.1.completion.0));
    best.expect("target 0 always exists").0
}
