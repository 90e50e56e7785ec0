//! Schemes that choose a server without expecting anything of it.

use rand::RngExt;

use crate::offload::{Decision, Knowledge, View};
use crate::rng::Prng;

/// Any target.
pub(super) fn random(view: &View<'_>, rng: &mut Prng) -> Decision {
    Decision::to(rng.random_range(0..view.targets()))
}

/// Any server, as a target.
pub(super) fn random_server(view: &View<'_>, rng: &mut Prng) -> usize {
    rng.random_range(1..view.targets())
}

/// Work per executor in the last report.
fn reported_load(view: &View<'_>, target: usize) -> f64 {
    view.server(target).report().backlog()
}

/// The server with the least reported work.
pub(super) fn least_loaded(view: &View<'_>) -> Decision {
    let loads = (1..view.targets()).map(|target| (target, reported_load(view, target)));
    let least = loads.min_by(|a, b| a.1.total_cmp(&b.1)).expect("a validated scenario has a server");
    Decision::to(least.0)
}

/// The less loaded of two different random servers.
pub(super) fn power_of_two(view: &View<'_>, rng: &mut Prng) -> Decision {
    let servers = view.targets() - 1;
    let first = rng.random_range(0..servers);
    let second = if servers > 1 { (first + rng.random_range(1..servers)) % servers } else { first };
    let better = reported_load(view, first + 1) <= reported_load(view, second + 1);
    Decision::to(1 + if better { first } else { second })
}

/// A server with the best cut of an idle system, which may be the whole network on the device.
pub(super) fn idle_cut(view: &View<'_>, target: usize) -> Decision {
    let (local, cut) = (view.option(0, Knowledge::Idle), view.option(target, Knowledge::Idle));
    if local.completion.0 < cut.completion.0 {
        Decision::to(0)
    } else {
        Decision { target, candidate: Some(cut.candidate) }
    }
}
