//! The clairvoyant greedy: a reference, not a scheme that could run anywhere.

use crate::offload::{Decision, World};

/// Target and cut that in truth complete soonest, given all decisions so far.
pub(super) fn best(world: &World) -> Decision {
    let (mut best, mut soonest) = (Decision::to(0), f64::INFINITY);
    let frontier = world.next_frontier();
    for target in 0..world.setting().targets() {
        let candidates = if target == 0 { frontier.local()..frontier.len() } else { 0..frontier.local() };
        for candidate in candidates {
            let completion = world.oracle_completion(target, candidate);
            if completion < soonest {
                soonest = completion;
                best = Decision { target, candidate: Some(candidate) };
            }
        }
    }
    best
}
