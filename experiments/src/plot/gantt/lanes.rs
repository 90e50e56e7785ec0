//! Bars on lanes: what is at the same time goes to different lanes, what leaves the window is cut.

/// What keeps a resource busy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Load {
    /// A task.
    Task {
        /// Its network, as an index into those of the figure.
        network: usize,
        /// Whether it misses its deadline.
        late: bool,
    },
    /// Jobs of other tenants.
    Foreign,
}

/// A stretch of a lane, s.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    /// When it starts.
    pub start: f64,
    /// When it ends.
    pub end: f64,
    /// What it is.
    pub load: Load,
}

/// The parts of the bars that lie in the window, in order of their starts.
pub fn clip(bars: impl IntoIterator<Item = Bar>, (from, to): (f64, f64)) -> Vec<Bar> {
    // Stages that are not passed have no times, and no comparison holds for them.
    let seen = bars.into_iter().filter(|bar| bar.start < to && bar.end > from);
    let mut seen: Vec<Bar> = seen.map(|bar| Bar { start: bar.start.max(from), end: bar.end.min(to), ..bar }).collect();
    seen.sort_by(|left, right| left.start.total_cmp(&right.start));
    seen
}

/// Distributes bars that are in order of their starts over `lanes` lanes: each to the first lane that is free within
/// `slack`, else to the one that is free first.
///
/// Complexity: O(bars x lanes).
pub fn assign(bars: &[Bar], lanes: usize, slack: f64) -> Vec<Vec<Bar>> {
    let mut assigned = vec![Vec::new(); lanes];
    let mut free_at = vec![f64::NEG_INFINITY; lanes];
    for bar in bars {
        let free = free_at.iter().position(|free| *free <= bar.start + slack);
        let first = || (0..lanes).min_by(|&left, &right| free_at[left].total_cmp(&free_at[right]));
        let Some(lane) = free.or_else(first) else { continue };
        free_at[lane] = bar.end;
        assigned[lane].push(*bar);
    }
    assigned
}

/// The most bars at a time, of bars in order of their starts.
pub fn peak(bars: &[Bar]) -> usize {
    let under_way = |at: usize| bars[..=at].iter().filter(|bar| bar.end > bars[at].start).count();
    (0..bars.len()).map(under_way).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(start: f64, end: f64) -> Bar {
        Bar { start, end, load: Load::Foreign }
    }

    #[test]
    fn a_window_cuts_what_leaves_it_and_drops_what_is_outside() {
        let nothing = bar(f64::NAN, f64::NAN);
        let bars = [bar(4.0, 9.0), bar(0.0, 1.0), bar(0.5, 3.0), nothing, bar(1.0, 8.0), bar(5.0, 6.0)];
        assert_eq!(clip(bars, (1.0, 5.0)), [bar(1.0, 3.0), bar(1.0, 5.0), bar(4.0, 5.0)]);
    }

    #[test]
    fn the_peak_counts_bars_that_overlap() {
        assert_eq!(peak(&[]), 0);
        assert_eq!(peak(&[bar(0.0, 2.0), bar(1.0, 3.0), bar(2.0, 4.0), bar(2.5, 2.6)]), 3);
    }

    #[test]
    fn what_is_at_the_same_time_is_on_different_lanes() {
        let bars = [bar(0.0, 2.0), bar(0.5, 1.0), bar(1.0, 3.0), bar(2.0, 4.0), bar(3.0, 5.0)];
        let lanes = assign(&bars, 2, 0.0);
        assert_eq!(lanes, [vec![bars[0], bars[3]], vec![bars[1], bars[2], bars[4]]]);
    }

    #[test]
    fn edges_may_touch_within_the_slack() {
        let bars = [bar(0.0, 1.001), bar(1.0, 2.0)];
        assert_eq!(assign(&bars, 2, 0.002)[0], bars);
        assert_eq!(assign(&bars, 2, 0.0)[1], [bars[1]]);
        // More at a time than lanes: nothing is lost.
        assert_eq!(assign(&bars, 1, 0.0)[0], bars);
        assert!(assign(&bars, 0, 0.0).is_empty());
    }
}
