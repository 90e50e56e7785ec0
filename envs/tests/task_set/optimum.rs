//! Branch and bound against brute force.

use mec_envs::partition::*;
use mec_envs::rng::stream;
use rand::RngExt;

use crate::instances::{Size, frontiers_within, instance};

/// A tolerance that leaves few candidates, which brute force can handle.
const COARSE: f64 = 0.25;

/// Every placement of a task.
fn placements(set: &TaskSet, task: usize) -> Vec<Placement> {
    let local = set.tasks()[task].frontier.local();
    let splits = (1..set.targets()).flat_map(|target| (0..local).map(move |candidate| Placement { target, candidate }));
    splits.chain([Placement { target: 0, candidate: local }]).collect()
}

/// The least sum over every combination of placements.
fn brute_force(set: &TaskSet) -> f64 {
    let choices: Vec<Vec<Placement>> = (0..set.tasks().len()).map(|task| placements(set, task)).collect();
    let mut at = vec![0; choices.len()];
    let mut timeline = Timeline::default();
    let mut best = f64::INFINITY;
    loop {
        let chosen: Vec<Placement> = choices.iter().zip(&at).map(|(choices, &at)| choices[at]).collect();
        best = best.min(timeline.evaluate(set, &chosen).0);
        let Some(next) = (0..at.len()).find(|&task| at[task] + 1 < choices[task].len()) else { return best };
        at[..next].fill(0);
        at[next] += 1;
    }
}

#[test]
fn branch_and_bound_finds_the_brute_force_optimum() {
    let frontiers = frontiers_within(COARSE);
    let mut rng = stream(1, "brute force");
    let mut nodes = 0;
    for round in 0..200 {
        let (tasks, servers) = [(2, 3), (3, 2), (4, 2), (5, 1)][round % 4];
        let size = Size { tasks, devices: rng.random_range(1..=tasks), servers, executors: 2 };
        let instance = instance(&frontiers, size, [0.0, 0.1, 0.5, 2.0][round / 4 % 4], &mut rng);
        let set = instance.set();
        let best = optimum(&set, usize::MAX).unwrap();
        let expected = brute_force(&set);
        assert!((best.sum.0 / expected - 1.0).abs() < 1e-8, "round {round}: {best:?}, brute force {expected}");
        assert_eq!(Timeline::default().evaluate(&set, &best.placements), best.sum);
        assert_eq!(best.lower_bound, best.sum);
        nodes += best.nodes;
    }
    assert!(nodes > 500, "the plans that the search starts from left it nothing to do: {nodes} nodes");
}

#[test]
fn a_search_that_ends_early_still_bounds_the_optimum_from_both_sides() {
    let frontiers = frontiers_within(COARSE);
    let mut rng = stream(2, "brute force");
    let mut open = 0;
    for _ in 0..30 {
        let size = Size { tasks: 8, devices: 3, servers: 3, executors: 1 };
        let instance = instance(&frontiers, size, 0.3, &mut rng);
        let set = instance.set();
        let best = optimum(&set, usize::MAX).unwrap();
        for nodes in [0, 1, 5, 20] {
            let early = optimum(&set, nodes).unwrap();
            assert!(early.nodes <= nodes);
            assert!(early.sum.0 >= best.sum.0 * (1.0 - 1e-8));
            assert!(early.lower_bound.0 <= best.sum.0 * (1.0 + 1e-8), "{early:?} {best:?}");
            open += usize::from(early.lower_bound < early.sum);
        }
    }
    assert!(open > 30, "{open}");
}

#[test]
fn large_and_empty_sets_have_their_answers() {
    let frontiers = frontiers_within(COARSE);
    let mut rng = stream(3, "brute force");
    let mut of = |tasks| {
        let size = Size { tasks, devices: 3, servers: 2, executors: 1 };
        optimum(&instance(&frontiers, size, 0.1, &mut rng).set(), usize::MAX)
    };
    assert_eq!(of(13).unwrap_err().to_string(), "the set has 13 tasks; the exact optimum is for up to 12");
    let none = of(0).unwrap();
    assert_eq!((none.placements.len(), none.sum.0, none.lower_bound.0), (0, 0.0, 0.0));
}
