//! [`Pace`]: how many environments a thread takes at a time.

use std::time::Duration;

/// Weight of the newest measurement in the running mean.
const NEWEST: f64 = 0.1;

/// Most that a measurement counts as, in running means: a thread that was interrupted for milliseconds tells nothing.
const OUTLIER: f64 = 2.0;

/// Least time of a step, s: below the resolution of clocks.
const LEAST_S: f64 = 1e-10;

/// The mean time of a step so far, and the pieces of work that follow from it.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    min_work_s: f64,
    step_s: Option<f64>,
}

impl Pace {
    pub fn new(min_work_s: f64) -> Self {
        Self { min_work_s, step_s: None }
    }

    /// Environments in each piece; `environments` where one thread is to take all.
    pub fn piece(&self, environments: usize) -> usize {
        let least = self.least(environments);
        if least.saturating_mul(2) > environments {
            return environments;
        }
        // Asked only here: the question starts the threads.
        match rayon::current_num_threads() {
            1 => environments,
            // One piece for each thread, so that an environment comes back to the same cache, step after step: what shorter
            // pieces gain where steps differ in length they lose there.
            threads => least.max(environments.div_ceil(threads)),
        }
    }

    fn least(&self, environments: usize) -> usize {
        match self.step_s {
            _ if self.min_work_s == 0.0 => 1,
            Some(step_s) => ((self.min_work_s / step_s).ceil() as usize).max(1),
            None => environments,
        }
    }

    /// Takes note of the work of one step of all environments, summed over the threads.
    pub fn learn(&mut self, work: Duration, environments: usize) {
        let newest = (work.as_secs_f64() / environments as f64).max(LEAST_S);
        let updated = |mean: f64| mean + NEWEST * (newest.min(OUTLIER * mean) - mean);
        self.step_s = Some(self.step_s.map_or(newest, updated));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_pool<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
    }

    #[test]
    fn short_steps_stay_on_one_thread_and_long_ones_are_shared() {
        let mut pace = Pace::new(20e-6);
        assert_eq!(in_pool(4, || pace.piece(1000)), 1000, "nothing is known yet");
        pace.learn(Duration::from_micros(10), 1000);
        assert_eq!(in_pool(4, || pace.piece(1000)), 1000, "ten microseconds in all");
        for _ in 0..200 {
            pace.learn(Duration::from_micros(60), 1000);
        }
        assert!(
            (334..=340).contains(&in_pool(4, || pace.piece(1000))),
            "a third of the work for each of three threads"
        );
        for _ in 0..200 {
            pace.learn(Duration::from_secs(1), 1000);
        }
        assert_eq!(in_pool(4, || pace.piece(1000)), 250, "a quarter");
        assert_eq!(in_pool(1, || pace.piece(1000)), 1000, "no other thread");
    }

    #[test]
    fn a_single_interruption_does_not_make_a_step_long() {
        let mut pace = Pace::new(20e-6);
        pace.learn(Duration::from_micros(10), 1000);
        pace.learn(Duration::from_millis(50), 1000);
        assert_eq!(in_pool(4, || pace.piece(1000)), 1000);
    }

    #[test]
    fn no_least_work_shares_at_once_and_an_infinite_one_never_does() {
        assert_eq!(in_pool(2, || Pace::new(0.0).piece(2)), 1);
        let mut never = Pace::new(f64::INFINITY);
        never.learn(Duration::from_secs(1), 2);
        assert_eq!(in_pool(2, || never.piece(2)), 2);
    }
}
