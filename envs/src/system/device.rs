//! User devices: one processor and one radio, both first come, first served.
//!
//! Work that runs on the device waits for its turn at the processor. A task whose whole network runs on a server
//! needs no processor: its input goes to the radio at once. The radio sends one tensor at a time, in the order in
//! which tensors become ready, so an upload may overtake one whose first layers are still running.

use super::link::Link;

/// A tensor to send.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Upload {
    /// The task it belongs to.
    pub task: usize,
    /// When it is ready, s.
    pub ready: f64,
    /// When it is expected to be ready, s.
    pub expected_ready: f64,
    /// Its size, B.
    pub bytes: f64,
    /// When its transmission starts and ends, s.
    pub start: f64,
    /// See `start`.
    pub end: f64,
}

/// Work on the device's processor.
#[derive(Clone, Copy, Debug)]
struct Computation {
    start: f64,
    end: f64,
    expected: f64,
}

/// What a device knows of its own queues, all from now, s.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DeviceWaits {
    /// Until the processor is expected to be free.
    pub processor: f64,
    /// Until the radio is expected to be free of tensors that are ready now.
    pub radio_now: f64,
    /// Until the radio is expected to be free of all tensors decided so far.
    pub radio: f64,
}

/// One user device.
#[derive(Clone, Debug)]
pub struct Device {
    link: Link,
    computations: Vec<Computation>,
    uploads: Vec<Upload>,
    free_at: f64,
}

impl Device {
    /// An idle device behind this link.
    pub fn new(link: Link) -> Self {
        Self { link, computations: Vec::new(), uploads: Vec::new(), free_at: 0.0 }
    }

    /// Moves on to `now`: what has ended is forgotten. Returns the measured uplink rate, B/s.
    pub fn advance(&mut self, now: f64) -> f64 {
        self.computations.retain(|computation| computation.end > now);
        self.uploads.retain(|upload| upload.end > now);
        self.link.observe(now)
    }

    /// Puts work on the processor; returns its start and end, s.
    pub fn compute(&mut self, now: f64, time: f64, expected: f64) -> (f64, f64) {
        let start = self.free_at.max(now);
        let end = start + time;
        self.free_at = end;
        self.computations.push(Computation { start, end, expected });
        (start, end)
    }

    /// Puts a tensor on the radio. Every upload whose times are new or have changed is appended to `changed`.
    pub fn upload(&mut self, now: f64, upload: Upload, changed: &mut Vec<Upload>) {
        let index = self.uploads.partition_point(|other| other.start <= now || other.ready <= upload.ready);
        self.uploads.insert(index, upload);
        let mut free = index.checked_sub(1).map_or(0.0, |before| self.uploads[before].end);
        for upload in &mut self.uploads[index..] {
            let start = upload.ready.max(free);
            if start != upload.start || upload.end.is_nan() {
                upload.start = start;
                upload.end = self.link.upload_end(start, upload.bytes);
                changed.push(*upload);
            }
            free = upload.end;
        }
    }

    /// When the processor is in truth free, s.
    pub(crate) fn free_at(&self) -> f64 {
        self.free_at
    }

    /// When an upload that is ready then would in truth end, s.
    pub(crate) fn oracle_upload_end(&mut self, now: f64, ready: f64, bytes: f64) -> f64 {
        let before = self.uploads.iter().filter(|other| other.start <= now || other.ready <= ready);
        let free = before.map(|other| other.end).fold(0.0, f64::max);
        self.link.upload_end(ready.max(free), bytes)
    }

    /// What the device expects of its queues at `now`, at this uplink rate.
    pub fn waits(&self, now: f64, rate: f64) -> DeviceWaits {
        let left = |computation: &Computation| {
            if computation.start <= now {
                (computation.expected - (now - computation.start)).max(0.0)
            } else {
                computation.expected
            }
        };
        let processor = self.computations.iter().map(left).sum();
        let (mut radio_now, mut radio) = (now, now);
        for upload in &self.uploads {
            let sent = (now - upload.start).max(0.0) * rate;
            let time = (upload.bytes - sent).max(0.0) / rate;
            if upload.ready <= now {
                radio_now += time;
                radio += time;
            } else {
                radio = radio.max(upload.expected_ready) + time;
            }
        }
        DeviceWaits { processor, radio_now: radio_now - now, radio: radio - now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::stream;
    use crate::system::link::LinkConfig;
    use crate::units::Metres;

    fn device() -> Device {
        let config = LinkConfig::Constant { rate_mbit: 8.0 };
        Device::new(Link::new(&config, Metres(10.0), 1.0, stream(0, "link")))
    }

    fn upload(task: usize, ready: f64, bytes: f64) -> Upload {
        Upload { task, ready, expected_ready: ready, bytes, start: f64::NAN, end: f64::NAN }
    }

    #[test]
    fn the_processor_takes_one_task_at_a_time() {
        let mut device = device();
        assert_eq!(device.compute(1.0, 2.0, 2.0), (1.0, 3.0));
        assert_eq!(device.compute(1.5, 1.0, 1.0), (3.0, 4.0));
        assert_eq!(device.waits(2.0, 1e6).processor, 2.0);
    }

    #[test]
    fn a_tensor_that_is_ready_sooner_goes_first_and_moves_the_other() {
        let mut device = device();
        let mut changed = Vec::new();
        device.upload(0.0, upload(0, 2.0, 1e6), &mut changed);
        assert_eq!((changed[0].start, changed[0].end), (2.0, 3.0));
        changed.clear();
        device.upload(1.5, upload(1, 1.5, 1e6), &mut changed);
        let times: Vec<_> = changed.iter().map(|upload| (upload.task, upload.start, upload.end)).collect();
        assert_eq!(times, [(1, 1.5, 2.5), (0, 2.5, 3.5)]);
    }

    #[test]
    fn an_upload_under_way_is_not_interrupted() {
        let mut device = device();
        let mut changed = Vec::new();
        device.upload(0.0, upload(0, 0.0, 2e6), &mut changed);
        device.advance(1.0);
        changed.clear();
        device.upload(1.0, upload(1, 1.0, 1e6), &mut changed);
        assert_eq!(changed.len(), 1);
        assert_eq!((changed[0].task, changed[0].start, changed[0].end), (1, 2.0, 3.0));
        assert_eq!(device.waits(1.0, 1e6), DeviceWaits { processor: 0.0, radio_now: 2.0, radio: 2.0 });
    }
}
