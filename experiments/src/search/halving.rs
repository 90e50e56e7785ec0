//! [`Rung`]: how successive halving spends its budget.

use super::config::{SearchMethod, TuneConfig};

/// A level of a search: so many trials train until they have done so many environment steps, and the best go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Trials that are promoted to it, that of the base not counted where others were better.
    pub trials: usize,
    /// Environment steps of each training at its end, those of lower rungs included.
    pub steps: u64,
}

/// The rungs of a search whose trainings take `steps` steps at most and are evaluated every `evaluate_every`.
///
/// Successive halving (Jamieson and Talwalkar 2016, arXiv:1502.07943, figure 1, with the rate eta of Li et al. 2018,
/// arXiv:1603.06560, algorithm 1): with R = `steps` and n trials, rung i of 0 to s has n / eta^i trials and
/// R / eta^(s - i) steps, where s is the largest for which rung 0 still has `min_steps`. Random search is its only rung,
/// with s = 0.
///
/// # Deviations
/// A rung ends with an evaluation, so its steps are rounded up to the next one. The last rung has one trial or more.
pub fn rungs(tune: &TuneConfig, steps: u64, evaluate_every: u64) -> Vec<Rung> {
    let mut budgets = vec![steps];
    if tune.method == SearchMethod::Halving {
        let shares = (1..).map_while(|power| Some(steps / u64::from(tune.eta).checked_pow(power)?));
        budgets.extend(shares.take_while(|&share| share >= tune.min_steps.max(1)));
    }
    let at = |(index, &budget): (usize, &u64)| {
        let divisor = (tune.eta as usize).saturating_pow(index as u32);
        let rounded = budget.div_ceil(evaluate_every) * evaluate_every;
        Rung { trials: (tune.trials / divisor).max(1), steps: rounded.min(steps) }
    };
    budgets.iter().rev().enumerate().map(at).collect()
}

/// The trials that go on to a rung of `places`, in rising order: the best of those that have an objective, the lower
/// number first where it is equal, and always trial 0.
///
/// # Design
/// Trial 0 is the base of the search. It goes on to the last rung whatever it reaches, so that what the search finds is
/// never worse than it on the same episodes.
pub fn promoted(reached: &[(usize, Option<f64>)], places: usize) -> Vec<usize> {
    let mut ranked: Vec<(f64, usize)> =
        reached.iter().filter_map(|&(trial, objective)| Some((objective?, trial))).collect();
    ranked.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
    let best = ranked.iter().take(places).map(|&(_, trial)| trial);
    let base = ranked.iter().map(|&(_, trial)| trial).filter(|&trial| trial == 0);
    let mut promoted: Vec<usize> = best.chain(base).collect();
    promoted.sort_unstable();
    promoted.dedup();
    promoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tune(trials: usize, eta: u32, min_steps: u64) -> TuneConfig {
        TuneConfig { method: SearchMethod::Halving, trials, eta, min_steps, ..TuneConfig::default() }
    }

    fn of(tune: &TuneConfig, steps: u64, evaluate_every: u64) -> Vec<(usize, u64)> {
        rungs(tune, steps, evaluate_every).iter().map(|rung| (rung.trials, rung.steps)).collect()
    }

    #[test]
    fn rungs_are_those_of_the_most_aggressive_bracket_of_hyperband() {
        // Li et al. 2018, table 1, s = 4: R = 81, eta = 3.
        assert_eq!(of(&tune(81, 3, 1), 81, 1), [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)]);
        // s = 2 of the same table.
        assert_eq!(of(&tune(9, 3, 9), 81, 1), [(9, 9), (3, 27), (1, 81)]);
        // 40,000 / 3 = 13,333 and 4,444; 1,481 is below the least.
        assert_eq!(of(&tune(16, 3, 4_000), 40_000, 1), [(16, 4_444), (5, 13_333), (1, 40_000)]);
    }

    #[test]
    fn rungs_end_with_evaluations() {
        assert_eq!(of(&tune(16, 3, 4_000), 40_000, 4_000), [(16, 8_000), (5, 16_000), (1, 40_000)]);
        assert_eq!(of(&tune(8, 2, 300), 900, 200), [(8, 600), (4, 900)]);
        assert_eq!(of(&tune(2, 4, 1), 64, 1), [(2, 1), (1, 4), (1, 16), (1, 64)], "one trial at the least");
    }

    #[test]
    fn random_search_is_one_rung() {
        let tune = TuneConfig { method: SearchMethod::Random, ..tune(7, 3, 1) };
        assert_eq!(of(&tune, 900, 200), [(7, 900)]);
    }

    #[test]
    fn the_best_are_promoted_and_the_base_with_them() {
        let reached = [(0, Some(0.9)), (1, Some(0.5)), (2, None), (3, Some(0.4)), (4, Some(0.5))];
        assert_eq!(promoted(&reached, 1), [0, 3]);
        assert_eq!(promoted(&reached, 2), [0, 1, 3], "of equals the first");
        assert_eq!(promoted(&reached, 9), [0, 1, 3, 4], "what diverged is never promoted");
        assert_eq!(promoted(&[(0, None), (1, Some(0.5)), (2, Some(0.6))], 1), [1]);
        assert_eq!(promoted(&[(0, None)], 1), [0_usize; 0]);
    }
}
