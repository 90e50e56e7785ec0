//! Schemes that take what they expect to complete soonest.

use crate::offload::{Decision, Knowledge, View};

/// Target and cut that complete soonest under this knowledge.
pub(super) fn best(view: &View<'_>, knowledge: Knowledge) -> Decision {
    let (target, choice) = view.best(knowledge);
    Decision { target, candidate: Some(choice.candidate) }
}

/// As [`best`], but a server must win by a margin, some of it per second of its report's age.
pub(super) fn best_by_a_margin(view: &View<'_>, knowledge: Knowledge, margin_s: f64, margin_per_age: f64) -> Decision {
    let option = |target: usize| {
        let choice = view.option(target, knowledge);
        let margin = if target == 0 { 0.0 } else { margin_s + margin_per_age * view.report_age(target).0 };
        (Decision { target, candidate: Some(choice.candidate) }, choice.completion.0 + margin)
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
