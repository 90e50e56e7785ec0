//! The probability of improvement.

use mec_envs::rng::Prng;

use super::bootstrap::redraw;
use super::{Estimate, mean};

/// The probability that a run of the left beats a run of the right on a task, averaged over the tasks: Mann and Whitney's
/// U over the number of pairs. Higher scores are better, and equal ones count half.
///
/// # Shapes
/// `left[task][run]`, `right[task][run]`: the same tasks, any number of runs.
///
/// Complexity: O(tasks x runs of the left x runs of the right).
///
/// # Panics
/// When there is no task, their numbers differ, or one of them has no run.
pub fn improvement(left: &[Vec<f64>], right: &[Vec<f64>]) -> f64 {
    assert_eq!(left.len(), right.len(), "both sides have scores for the same tasks");
    let of_tasks: Vec<f64> = left.iter().zip(right).map(|(left, right)| of_task(left, right)).collect();
    mean(&of_tasks)
}

/// As [`improvement`], with its 95 % interval by a stratified percentile bootstrap in which both sides are drawn again.
///
/// # Panics
/// As [`improvement`], and when `resamples` is 0.
pub fn improvement_interval(left: &[Vec<f64>], right: &[Vec<f64>], resamples: usize, rng: &mut Prng) -> Estimate {
    let value = improvement(left, right);
    let draws: Vec<f64> = (0..resamples).map(|_| improvement(&redrawn(left, rng), &redrawn(right, rng))).collect();
    Estimate::of_draws(value, &draws)
}

fn redrawn(scores: &[Vec<f64>], rng: &mut Prng) -> Vec<Vec<f64>> {
    let mut of_task = |runs: &Vec<f64>| {
        let mut drawn = Vec::with_capacity(runs.len());
        redraw(runs, &mut drawn, rng);
        drawn
    };
    scores.iter().map(&mut of_task).collect()
}

fn of_task(left: &[f64], right: &[f64]) -> f64 {
    let won = |left: f64, right: f64| if left > right { 1.0 } else { f64::from(u8::from(left == right)) / 2.0 };
    let pairs: Vec<f64> = left.iter().flat_map(|&left| right.iter().map(move |&right| won(left, right))).collect();
    mean(&pairs)
}

#[cfg(test)]
mod tests {
    use mec_envs::rng::stream;

    use super::*;

    #[test]
    fn pairs_are_counted_by_task_and_equal_ones_are_shared() {
        // 3 of 4 pairs on the first task; a draw on the second.
        let (left, right) = ([vec![1.0, 4.0], vec![2.0, 2.0]], [vec![0.0, 3.0], vec![2.0, 2.0]]);
        assert_eq!(improvement(&left, &right), (0.75 + 0.5) / 2.0);
        assert_eq!(improvement(&right, &left), (0.25 + 0.5) / 2.0);
    }

    #[test]
    fn sides_that_do_not_overlap_leave_no_doubt() {
        let (left, right) = ([vec![5.0, 6.0, 7.0]], [vec![1.0]]);
        let found = improvement_interval(&left, &right, 50, &mut stream(1, "test"));
        assert_eq!(found, Estimate::exact(1.0));
    }
}
