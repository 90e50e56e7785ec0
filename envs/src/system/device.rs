//! The processors of user devices: one task at a time, first come, first served.
//!
//! A task whose whole network runs on a server needs no processor: its input goes to the radio at once.

/// Work on the processor.
#[derive(Clone, Copy, Debug)]
struct Computation {
    start: f64,
    end: f64,
    expected: f64,
}

/// The processor of one user device.
#[derive(Clone, Debug, Default)]
pub struct Device {
    computations: Vec<Computation>,
    free_at: f64,
}

impl Device {
    /// Starts over, idle.
    pub fn reset(&mut self) {
        self.computations.clear();
        self.free_at = 0.0;
    }

    /// Moves on to `now`, s: what has ended is forgotten.
    pub fn advance(&mut self, now: f64) {
        self.computations.retain(|computation| computation.end > now);
    }

    /// Puts work on the processor; returns its start and end, s.
    /// `docs/model.md`, equation 22.
    pub fn compute(&mut self, now: f64, time: f64, expected: f64) -> (f64, f64) {
        let start = self.free_at.max(now);
        let end = start + time;
        self.free_at = end;
        self.computations.push(Computation { start, end, expected });
        (start, end)
    }

    /// When it is in truth free, s.
    pub(crate) fn free_at(&self) -> f64 {
        self.free_at
    }

    /// Tasks on it or waiting for it, as of the last `advance`.
    pub fn population(&self) -> usize {
        self.computations.len()
    }

    /// Until when it expects to be busy, from `now`, s.
    /// `docs/model.md`, equation 45.
    pub fn wait(&self, now: f64) -> f64 {
        let left = |computation: &Computation| {
            if computation.start <= now {
                (computation.expected - (now - computation.start)).max(0.0)
            } else {
                computation.expected
            }
        };
        self.computations.iter().map(left).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_takes_one_task_at_a_time() {
        let mut device = Device::default();
        assert_eq!(device.compute(1.0, 2.0, 2.0), (1.0, 3.0));
        assert_eq!(device.compute(1.5, 1.0, 1.0), (3.0, 4.0));
        assert_eq!(device.wait(2.0), 2.0);
        device.advance(3.0);
        assert_eq!((device.population(), device.wait(3.5)), (1, 0.5));
    }
}
