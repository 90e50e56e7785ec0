//! Places for labels that stand beside each other's values without overlapping.

/// Moves positions apart until neighbours are at least `gap` from each other, inside `range`, as little as possible
/// in the sense of least squares; the order is kept. When the range is too short, they share it evenly.
///
/// Groups of touching labels are placed at their common mean (pool adjacent violators).
/// Complexity: O(n log n).
pub fn spread(wanted: &[f64], gap: f64, range: (f64, f64)) -> Vec<f64> {
    if wanted.is_empty() {
        return Vec::new();
    }
    let gap = gap.min((range.1 - range.0) / (wanted.len().max(2) - 1) as f64);
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&left, &right| wanted[left].total_cmp(&wanted[right]));
    // With `index * gap` subtracted, "at least `gap` apart" becomes "not decreasing".
    let mut groups: Vec<(f64, usize)> = Vec::new();
    for (rank, &index) in order.iter().enumerate() {
        let mut group = (wanted[index] - rank as f64 * gap, 1);
        while let Some(&(mean, size)) = groups.last().filter(|(mean, _)| *mean >= group.0) {
            groups.pop();
            let total = size + group.1;
            group = ((mean * size as f64 + group.0 * group.1 as f64) / total as f64, total);
        }
        groups.push(group);
    }
    let last_start = range.1 - (wanted.len() - 1) as f64 * gap;
    let starts = groups.iter().flat_map(|&(mean, size)| std::iter::repeat_n(mean, size));
    let mut places = vec![0.0; wanted.len()];
    for ((rank, &index), start) in order.iter().enumerate().zip(starts) {
        places[index] = start.clamp(range.0, last_start.max(range.0)) + rank as f64 * gap;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_fit_stay_where_they_are() {
        assert_eq!(spread(&[30.0, 10.0, 50.0], 10.0, (0.0, 100.0)), [30.0, 10.0, 50.0]);
    }

    #[test]
    fn labels_in_the_way_move_apart_around_their_mean() {
        assert_eq!(spread(&[50.0, 50.0, 90.0], 10.0, (0.0, 100.0)), [45.0, 55.0, 90.0]);
    }

    #[test]
    fn labels_stay_in_range_and_apart() {
        let places = spread(&[99.0, 98.0, 97.0, 2.0], 10.0, (0.0, 100.0));
        assert_eq!(places, [100.0, 90.0, 80.0, 2.0]);
    }

    #[test]
    fn a_short_range_is_shared_evenly() {
        assert_eq!(spread(&[5.0, 5.0, 5.0], 10.0, (0.0, 10.0)), [0.0, 5.0, 10.0]);
    }
}
