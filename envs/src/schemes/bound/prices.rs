//! [`Prices`]: what a second of each place costs at each time, and the cheapest way for a task.

/// Length of the slots in which a price holds, s. Those shorter than services tighten the bound: on three episodes of the
/// default scenario a mean of 0.1472 s with 0.05 s and 0.1486 s with 0.02 s, where tasks alone give 0.1419 s.
const SLOT_S: f64 = 0.02;

/// Prices that are kept at most, beyond which slots are longer: some 100 MB.
const MOST_PRICES: f64 = 4e6;

/// A way for a task to complete: one stretch of work on one place, not before `start`, and the rest after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    /// The place; `None` where work comes in no single stretch, which costs nothing.
    pub(super) place: Option<usize>,
    /// s.
    pub(super) start: f64,
    /// s.
    pub(super) work: f64,
    /// s.
    pub(super) rest: f64,
}

impl Way {
    /// When the task completes if it starts at once, s.
    pub(super) fn soonest(&self) -> f64 {
        self.start + self.work + self.rest
    }
}

/// A price of 0 or more per second of work for each place and slot; nothing is asked beyond the last slot.
#[derive(Clone, Debug)]
pub(super) struct Prices {
    /// How many stretches of work each place does at a time.
    capacities: Vec<f64>,
    /// Length of a slot, s.
    slot_s: f64,
    /// Place after place, `[places][slots]`.
    prices: Vec<Vec<f64>>,
    /// For each place what the time up to the start of each slot costs, and up to the end of the last.
    sums: Vec<Vec<f64>>,
    /// Work in each slot at the last prices, s, `[places][slots]`.
    work: Vec<Vec<f64>>,
}

impl Prices {
    /// Everything is free, for `end` seconds.
    pub(super) fn free(capacities: Vec<f64>, end: f64) -> Self {
        let slot_s = SLOT_S.max(end * capacities.len() as f64 / MOST_PRICES);
        let slots = (end / slot_s).ceil() as usize;
        let each = |length: usize| vec![vec![0.0; length]; capacities.len()];
        Self { prices: each(slots), sums: each(slots + 1), work: each(slots), capacities, slot_s }
    }

    /// Lets a task go the cheapest of its ways; returns when it completes, and what it pays on top, s.
    pub(super) fn sell(&mut self, ways: &[Way]) -> f64 {
        let mut least = f64::INFINITY;
        let mut bought = None;
        for way in ways {
            if way.soonest() >= least {
                continue;
            }
            let (cost, start) = self.cheapest(way);
            if cost < least {
                least = cost;
                bought = way.place.map(|place| (place, start, start + way.work));
            }
        }
        if let Some((place, from, to)) = bought {
            self.note(place, from, to);
        }
        least
    }

    /// When a task completes from the cheapest start on a way, with what it pays on top, and that start, s. The price is
    /// linear in the start but where start or end change slots.
    fn cheapest(&self, way: &Way) -> (f64, f64) {
        let cost = |start: f64| way.soonest() + (start - way.start) + self.price(way, start);
        let mut best = (cost(way.start), way.start);
        let next_slot = |time: f64| (time / self.slot_s).floor() + 1.0;
        for (mut slot, before) in [(next_slot(way.start), 0.0), (next_slot(way.start + way.work), way.work)] {
            // No price makes up for what is late without one.
            while way.soonest() + (slot * self.slot_s - before - way.start) < best.0 {
                let start = slot * self.slot_s - before;
                if cost(start) < best.0 {
                    best = (cost(start), start);
                }
                slot += 1.0;
            }
        }
        best
    }

    /// What the capacity of all places costs, s.
    pub(super) fn value(&self) -> f64 {
        let values = self.capacities.iter().zip(&self.sums);
        values.map(|(capacity, sums)| capacity * sums.last().copied().unwrap_or(0.0)).sum()
    }

    /// Raises the price where more work was bought than there is capacity, lowers it where less, and forgets the work.
    pub(super) fn adjust(&mut self, step: f64) {
        let slot_s = self.slot_s;
        let places = self.prices.iter_mut().zip(&mut self.work).zip(self.sums.iter_mut().zip(&self.capacities));
        for ((prices, work), (sums, capacity)) in places {
            for (slot, (price, work)) in prices.iter_mut().zip(work).enumerate() {
                *price = (*price + step * (*work / slot_s - capacity)).max(0.0);
                *work = 0.0;
                sums[slot + 1] = sums[slot] + *price * slot_s;
            }
        }
    }

    fn price(&self, way: &Way, start: f64) -> f64 {
        way.place.map_or(0.0, |place| self.sum(place, start + way.work) - self.sum(place, start))
    }

    fn sum(&self, place: usize, time: f64) -> f64 {
        let (sums, slots) = (&self.sums[place], time / self.slot_s);
        let slot = slots as usize;
        match sums.get(slot + 1) {
            Some(next) => sums[slot] + (slots - slot as f64) * (next - sums[slot]),
            None => sums.last().copied().unwrap_or(0.0),
        }
    }

    fn note(&mut self, place: usize, from: f64, to: f64) {
        let slot_s = self.slot_s;
        let (mut slot, mut from) = ((from / slot_s) as usize, from);
        while let Some(work) = self.work[place].get_mut(slot).filter(|_| from < to) {
            slot += 1;
            let until = (slot as f64 * slot_s).min(to);
            *work += until - from;
            from = until;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(place: usize, start: f64, work: f64, rest: f64) -> Way {
        Way { place: Some(place), start, work, rest }
    }

    /// Two tasks of a second each on one place, both at once: by hand, 1 s and 2 s.
    #[test]
    fn prices_find_what_two_tasks_on_one_place_take_together() {
        let mut prices = Prices::free(vec![1.0], 4.0);
        let ways = [way(0, 0.0, 1.0, 0.0)];
        assert_eq!(prices.sell(&ways) + prices.sell(&ways), 2.0);
        let mut best: f64 = 0.0;
        for round in 0..200 {
            prices.adjust(0.5 / (1.0 + f64::from(round) / 20.0));
            best = best.max(prices.sell(&ways) + prices.sell(&ways) - prices.value());
        }
        assert!(2.9 < best && best < 3.0 + 1e-9, "{best}");
    }

    #[test]
    fn a_long_episode_has_longer_slots_and_no_more_prices() {
        let prices = Prices::free(vec![1.0; 100], 1e6);
        assert!(prices.slot_s > SLOT_S && prices.prices.len() * prices.prices[0].len() <= MOST_PRICES as usize + 100);
        assert_eq!(Prices::free(vec![1.0; 100], 60.0).slot_s, SLOT_S);
    }

    #[test]
    fn with_as_much_capacity_as_work_nothing_costs_anything() {
        let mut prices = Prices::free(vec![2.0], 4.0);
        for _ in 0..5 {
            let paid = prices.sell(&[way(0, 0.25, 1.0, 0.5)]) + prices.sell(&[way(0, 0.25, 1.0, 0.5)]);
            prices.adjust(1.0);
            assert!((paid - 3.5).abs() < 1e-9 && prices.value() < 1e-9, "{paid}");
        }
    }

    /// No start on a fine grid is cheaper than the one that is found.
    #[test]
    fn the_cheapest_start_is_found_among_all() {
        let mut prices = Prices::free(vec![0.5], 3.0);
        for round in 0..30 {
            let (start, work) = (0.013 * f64::from(round % 7), 0.1 + 0.017 * f64::from(round));
            let way = way(0, start, work, 0.05);
            let found = prices.cheapest(&way);
            let cost = |start: f64| start + work + 0.05 + prices.price(&way, start);
            let grid = (0..30_000).map(|step| start + f64::from(step) * 1e-4).map(cost).fold(f64::INFINITY, f64::min);
            assert!(found.0 <= grid + 1e-9 && (cost(found.1) - found.0).abs() < 1e-9, "{found:?} {grid}");
            prices.sell(&[way]);
            prices.adjust(0.8);
        }
    }
}
