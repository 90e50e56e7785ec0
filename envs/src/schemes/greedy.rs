//! Schemes that take what they expect to complete soonest.

use crate::offload::{Decision, Knowledge, View};

/// Target and cut that complete soonest under this knowledge.
pub(super) fn best(view: &View<'_>, knowledge: Knowledge) -> Decision {
    let (target, choice) = view.best(knowledge);
    Decision { target, candidate: Some(choice.candidate) }
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
