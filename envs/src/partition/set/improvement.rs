//! [`Improvement`]: local search on the placements of a set.

use super::cut_table::CutTable;
use super::placement::Placement;
use super::task_set::TaskSet;
use super::timeline::Timeline;

/// Sums that differ by less than this share count as equal.
const TOLERANCE: f64 = 1e-9;

/// A search for better placements by exact evaluation. It keeps its buffers from one set to the next.
///
/// # Design
/// Three steps, each from where the last one came to its end:
///
/// 1. descent: one task after the other goes where the sum of all completions is least, until no task moves. The most
///    delayed tasks come first;
/// 2. exchange: two tasks take each other's targets, the others descend around them, then all descend. A result that is
///    no better is taken back;
/// 3. force: the same with one task sent to another target.
///
/// No task completes sooner than alone in the present state. Where that already rules out an improvement, nothing is
/// evaluated; nine moves in ten fall to it at light load.
#[derive(Clone, Debug, Default)]
pub(super) struct Improvement {
    placements: Vec<Placement>,
    saved: Vec<Placement>,
    /// The tasks, the most delayed first.
    order: Vec<usize>,
    timeline: Timeline,
    /// The sum of completions under the placements.
    sum: f64,
    /// What the sum would be if each task completed as soon as alone.
    soonest: f64,
    /// Evaluations left.
    left: usize,
}

/// What the search runs on.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    pub(super) set: &'a TaskSet<'a>,
    pub(super) table: &'a CutTable,
}

impl Improvement {
    /// Improves `placements` with at most this many evaluations of the whole set.
    pub(super) fn run(&mut self, ground: Ground<'_>, placements: &mut [Placement], evaluations: usize) {
        self.start(ground, placements, evaluations);
        self.descend(ground, &[]);
        while self.exchange_two(ground) || self.force_one(ground) {}
        placements.copy_from_slice(&self.placements);
    }

    fn start(&mut self, Ground { set, table }: Ground<'_>, placements: &[Placement], evaluations: usize) {
        self.placements.clear();
        self.placements.extend_from_slice(placements);
        self.sum = self.timeline.evaluate(set, placements).0;
        self.left = evaluations;
        let alone = |task: usize| table.best(task).1.0;
        self.soonest = (0..placements.len()).map(alone).sum();
        let delay = |task: usize| self.timeline.completions()[task].0 - alone(task);
        self.order.clear();
        self.order.extend(0..placements.len());
        self.order.sort_unstable_by(|&a, &b| delay(b).total_cmp(&delay(a)).then(a.cmp(&b)));
    }

    fn is_over(&self) -> bool {
        self.left == 0 || self.sum <= self.soonest * (1.0 + TOLERANCE)
    }

    /// The sum under the placements as they are; infinite when no evaluation is left.
    fn evaluate(&mut self, set: &TaskSet) -> f64 {
        if self.left == 0 {
            return f64::INFINITY;
        }
        self.left -= 1;
        self.timeline.evaluate(set, &self.placements).0
    }

    /// Lets two tasks take each other's targets; whether any two did.
    fn exchange_two(&mut self, ground: Ground<'_>) -> bool {
        for first in 0..self.placements.len() {
            for second in 0..first {
                if self.is_over() {
                    return false;
                }
                let (a, b) = (self.placements[first].target, self.placements[second].target);
                if a != b && self.force(ground, &[(first, b), (second, a)]) {
                    return true;
                }
            }
        }
        false
    }

    /// Sends one task to another target; whether any went.
    fn force_one(&mut self, ground: Ground<'_>) -> bool {
        for task in 0..self.placements.len() {
            for target in 0..ground.set.targets() {
                if self.is_over() {
                    return false;
                }
                if target != self.placements[task].target && self.force(ground, &[(task, target)]) {
                    return true;
                }
            }
        }
        false
    }

    /// Sends tasks to targets and lets the others make the best of it; taken back unless the sum falls.
    fn force(&mut self, ground: Ground<'_>, forced: &[(usize, usize)]) -> bool {
        let before = self.sum;
        if forced.iter().any(|&(task, target)| self.at_best(ground, task, target) >= before) {
            return false;
        }
        self.saved.clone_from(&self.placements);
        for &(task, target) in forced {
            self.placements[task] = Placement { target, candidate: ground.table.cut(task, target).candidate };
        }
        for &(task, target) in forced {
            self.sum = self.evaluate(ground.set);
            self.move_within(ground, task, target, before);
        }
        self.descend(ground, forced);
        self.descend(ground, &[]);
        let improved = self.sum < before * (1.0 - TOLERANCE);
        if !improved {
            self.placements.clone_from(&self.saved);
            self.sum = before;
        }
        improved
    }

    /// Moves one task at a time, but none of those `held`, until no move lowers the sum.
    fn descend(&mut self, ground: Ground<'_>, held: &[(usize, usize)]) {
        let tasks = self.order.len();
        let (mut at, mut unmoved) = (0, 0);
        while unmoved < tasks && self.left > 0 {
            let (task, before) = (self.order[at], self.sum);
            if held.iter().all(|&(held, _)| held != task) {
                (0..ground.set.targets()).for_each(|target| self.move_within(ground, task, target, f64::INFINITY));
            }
            unmoved = if self.sum < before { 1 } else { unmoved + 1 };
            at = (at + 1) % tasks;
        }
    }

    /// The least that the sum can be with a task on a target.
    fn at_best(&self, Ground { table, .. }: Ground<'_>, task: usize, target: usize) -> f64 {
        self.soonest - table.best(task).1.0 + table.cut(task, target).completion.0
    }

    /// Gives a task the best cut for a target if that lowers the sum. Cuts that cannot lead below `limit` are left out.
    fn move_within(&mut self, ground: Ground<'_>, task: usize, target: usize, limit: f64) {
        if self.at_best(ground, task, target) >= self.sum.min(limit) {
            return;
        }
        let Ground { set, table } = ground;
        let others = self.soonest - table.best(task).1.0;
        let frontier = set.tasks()[task].frontier;
        let candidates = if target == 0 { frontier.local()..frontier.len() } else { 0..frontier.local() };
        let mut best = self.placements[task];
        for candidate in candidates {
            let placement = Placement { target, candidate };
            if placement == best || others + set.expect(task, placement).completion.0 >= self.sum.min(limit) {
                continue;
            }
            self.placements[task] = placement;
            let sum = self.evaluate(set);
            if sum < self.sum * (1.0 - TOLERANCE) {
                (self.sum, best) = (sum, placement);
            }
        }
        self.placements[task] = best;
    }
}
