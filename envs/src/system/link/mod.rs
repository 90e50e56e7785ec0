//! Radio uplinks: a rate that changes in steps, also during an upload, and the server whose radio receives it.

mod roaming;
mod shannon;

pub use roaming::{HandoverConfig, Roaming};
pub use shannon::{MAX_EFFICIENCY, MIN_EFFICIENCY, Shannon, ShannonModel, least_snr, path_loss_db, shannon_rate};

use std::collections::VecDeque;
use std::sync::Arc;

use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::rng::Prng;
use crate::trace::{ReadOptions, Throughput, TraceError, throughput};
use crate::units::{BytesPerSecond, Hertz, Metres, Seconds, Watts};

use roaming::COMPARISON_S;
use shannon::Fading;

/// How the uplink rate of a device comes about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum LinkConfig {
    /// The same rate for every device at all times.
    Constant {
        /// The rate, Mbit/s.
        rate_mbit: f64,
    },
    /// Shannon's rate W log2(1 + SNR) over path loss, log-normal shadowing and Rayleigh block fading.
    Shannon {
        /// Bandwidth W of one device's uplink, Hz; of all devices at a server together when they share its band.
        bandwidth_hz: Hertz,
        /// Transmit power, W (200 mW = 23 dBm is the power class 3 of 3GPP TS 38.101).
        tx_power_w: Watts,
        /// Carrier frequency, GHz.
        carrier_ghz: f64,
        /// Noise figure of the receiver, dB.
        noise_figure_db: f64,
        /// Standard deviation of the shadowing, dB; 0 switches it off.
        shadowing_db: f64,
        /// Time over which the shadowing decorrelates to 1/e, s.
        shadowing_s: f64,
        /// Rayleigh fading: the power gain of each block is exponential with mean 1.
        rayleigh: bool,
        /// Length of a block of constant rate, s.
        block_s: f64,
    },
    /// Recorded throughput: each device plays one of the recordings, chosen at random, over and over from a random
    /// moment of it.
    Recorded {
        /// Shipped recordings by the name of their set, or the path of a file or folder; see [`throughput`].
        source: String,
        /// Factor on every recorded rate; above 0.
        #[serde(default = "one")]
        scale: f64,
    },
}

fn one() -> f64 {
    1.0
}

/// [`LinkConfig`], ready to use.
#[derive(Clone, Debug)]
pub enum LinkModel {
    /// The rate, B/s.
    Constant(f64),
    /// See [`LinkConfig::Shannon`].
    Shannon(Arc<Shannon>),
    /// Recordings and the factor on their rates.
    Recorded(Arc<[Throughput]>, f64),
}

impl LinkConfig {
    /// The link with its recordings read.
    ///
    /// # Errors
    /// [`TraceError`] when a recording cannot be used.
    pub fn load(&self, options: &ReadOptions) -> Result<LinkModel, TraceError> {
        Ok(match self {
            Self::Constant { rate_mbit } => LinkModel::Constant(BytesPerSecond::from_mbit(*rate_mbit).0),
            Self::Recorded { source, scale } => LinkModel::Recorded(throughput(source, options)?.into(), *scale),
            Self::Shannon { .. } => LinkModel::Shannon(Arc::new(Shannon::new(self.shannon().expect("it is one")))),
        })
    }

    /// The Shannon link, if it is one.
    pub fn shannon(&self) -> Option<ShannonModel> {
        match *self {
            Self::Constant { .. } | Self::Recorded { .. } => None,
            Self::Shannon {
                bandwidth_hz: bandwidth,
                tx_power_w: tx_power,
                carrier_ghz,
                noise_figure_db,
                shadowing_db,
                shadowing_s,
                rayleigh,
                block_s,
            } => Some(ShannonModel {
                bandwidth,
                tx_power,
                carrier_ghz,
                noise_figure_db,
                shadowing_db,
                shadowing_s,
                rayleigh,
                block_s,
            }),
        }
    }
}

/// Where a device is over an episode.
#[derive(Clone, Debug)]
pub enum Whereabouts {
    /// At one place: the server whose radio receives it, and how far away that is.
    Fixed(usize, Metres),
    /// On its way.
    Roaming(Roaming),
}

/// A stretch of time in which an uplink's rate and receiver do not change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// Its end, s.
    pub end: f64,
    /// The rate, B/s; 0 while a handover interrupts.
    pub rate: f64,
    /// The server whose radio receives.
    pub station: usize,
    /// Weight of this rate in the device's running estimate once the segment has ended.
    weight: f64,
}

/// When an upload ends, and which server's radio received its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sent {
    /// When it ends, s.
    pub end: f64,
    /// The server.
    pub station: usize,
}

/// The uplink of one device: rates in steps, made one after another from the link's own stream as far as they are asked
/// for.
#[derive(Clone, Debug)]
pub struct Link {
    process: Process,
    /// Until when the value of the process holds, and that value, B/s.
    rate_until: f64,
    rate: f64,
    roaming: Option<Roaming>,
    /// Until when the attachment holds.
    attached_until: f64,
    silent_until: f64,
    station: usize,
    /// From the one that holds at the last observation on.
    segments: VecDeque<Segment>,
    /// When the first of them began, s.
    began: f64,
    estimate: f64,
    /// The last observation, s.
    observed: f64,
    measurement_s: f64,
    /// The last length of a segment and its weight.
    weight: (f64, f64),
}

/// Where the rates come from.
#[derive(Clone, Debug)]
enum Process {
    Constant,
    Blocks(Fading),
    Playback { recordings: Arc<[Throughput]>, chosen: usize, scale: f64, number: usize, offset: f64 },
}

impl Link {
    /// A link of a device; `measurement_s` is the time constant of the rate estimate that schemes see.
    pub fn new(model: &LinkModel, whereabouts: Whereabouts, measurement_s: f64, rng: Prng) -> Self {
        Self::with(VecDeque::new(), model, whereabouts, (measurement_s, rng))
    }

    /// Starts over as after [`new`](Self::new), without allocating.
    pub fn reset(&mut self, model: &LinkModel, whereabouts: Whereabouts, rng: Prng) {
        let mut segments = std::mem::take(&mut self.segments);
        segments.clear();
        *self = Self::with(segments, model, whereabouts, (self.measurement_s, rng));
    }

    fn with(
        segments: VecDeque<Segment>,
        model: &LinkModel,
        whereabouts: Whereabouts,
        (measurement_s, rng): (f64, Prng),
    ) -> Self {
        let (roaming, attachment) = match whereabouts {
            Whereabouts::Fixed(station, distance) => (None, (station, distance)),
            Whereabouts::Roaming(mut roaming) => {
                let start = roaming.advance(0.0);
                (Some(roaming), (start.station, start.distance))
            }
        };
        let (process, rate_until, rate) = Process::start(model, attachment.1, rng);
        let attached_until = match (&roaming, &process) {
            (None, _) => f64::INFINITY,
            (Some(_), Process::Blocks(fading)) => fading.block_s(),
            (Some(_), _) => COMPARISON_S,
        };
        let mut link = Self {
            process,
            rate_until,
            rate,
            roaming,
            attached_until,
            silent_until: 0.0,
            station: attachment.0,
            segments,
            began: 0.0,
            estimate: rate,
            observed: 0.0,
            measurement_s: measurement_s.max(1e-9),
            weight: (0.0, 0.0),
        };
        link.push(0.0);
        link
    }

    /// The server whose radio receives at the last observation.
    pub fn station(&self) -> usize {
        self.segments.front().map_or(self.station, |segment| segment.station)
    }

    /// The segment that holds at `time`, which may not lie before the last observation.
    pub(super) fn segment(&mut self, time: f64) -> Segment {
        let index = self.index(time);
        self.segments[index]
    }

    /// When an upload of `bytes` that starts at `start` ends: the time at which the integral of the rate is `bytes`.
    /// `docs/model.md`, equation 19.
    pub fn upload_end(&mut self, start: f64, bytes: f64) -> Sent {
        let mut index = self.index(start);
        let (mut time, mut left) = (start, bytes);
        loop {
            let Segment { end, rate, station, .. } = self.segments[index];
            let capacity = rate * (end - time).max(0.0);
            if left <= capacity && rate > 0.0 {
                return Sent { end: time + left / rate, station };
            }
            left -= capacity;
            time = end;
            index += 1;
            if index == self.segments.len() {
                self.push(time);
            }
        }
    }

    /// Moves on to `now` and returns the rate that the device has measured up to then, B/s: an exponential average over
    /// time. A device that stays in its place and has been silent for more than 32 blocks of fading starts to measure 16
    /// to 32 blocks ago.
    /// `docs/model.md`, equation 18.
    pub fn observe(&mut self, now: f64) -> f64 {
        self.forget(now);
        while self.segments.front().is_some_and(|segment| segment.end <= now) {
            if let Some(Segment { end, rate, weight, .. }) = self.segments.pop_front() {
                self.estimate += weight * (rate - self.estimate);
                self.began = end;
                if self.segments.is_empty() {
                    self.push(end);
                }
            }
        }
        let (begun, rate) = (now - self.began, self.segments[0].rate);
        if begun <= 0.0 {
            return self.estimate;
        }
        rate + (self.estimate - rate) * (-begun / self.measurement_s).exp()
    }

    /// Leaves out what no estimate of `now` remembers.
    fn forget(&mut self, now: f64) {
        let Process::Blocks(fading) = &mut self.process else { return };
        let block = fading.frame_before(now);
        let start = block as f64 * fading.block_s();
        if self.roaming.is_some() || fading.frame_before(self.observed) == block || start <= self.observed {
            self.observed = now;
            return;
        }
        self.observed = now;
        while self.segments.front().is_some_and(|segment| segment.end <= start) {
            self.segments.pop_front();
        }
        self.began = start;
        if self.segments.is_empty() {
            fading.skip_to(block);
            self.rate_until = start;
            self.push(start);
        }
        self.estimate = self.segments[0].rate;
    }

    /// Position of the segment that holds at `time`; makes segments as far as that.
    fn index(&mut self, time: f64) -> usize {
        while let Some(last) = self.segments.back().filter(|last| last.end <= time) {
            self.push(last.end);
        }
        let first = self.segments.front().map_or(f64::INFINITY, |segment| segment.end);
        if time < first { 0 } else { self.segments.partition_point(|segment| segment.end <= time) }
    }

    /// Makes the segment from `start`, the end of the last one, on.
    fn push(&mut self, start: f64) {
        if start >= self.attached_until {
            self.attach(start);
        }
        if start >= self.rate_until {
            (self.rate_until, self.rate) = self.process.next();
        }
        let silent = start < self.silent_until;
        let end = self.rate_until.min(self.attached_until).min(if silent { self.silent_until } else { f64::INFINITY });
        let rate = if silent { 0.0 } else { self.rate };
        let length = end - start;
        // Blocks are as long as each other up to rounding.
        if (length - self.weight.0).abs() > 1e-9 {
            self.weight = (length, 1.0 - (-length / self.measurement_s).exp());
        }
        self.segments.push_back(Segment { end, rate, station: self.station, weight: self.weight.1 });
    }

    fn attach(&mut self, start: f64) {
        let Some(roaming) = &mut self.roaming else { return };
        let attachment = roaming.advance(start);
        (self.station, self.silent_until) = (attachment.station, attachment.silent_until);
        match &mut self.process {
            Process::Blocks(fading) => {
                fading.move_to(attachment.distance);
                self.attached_until = (fading.blocks() + 1) as f64 * fading.block_s();
            }
            _ => self.attached_until = start + COMPARISON_S,
        }
    }
}

impl Process {
    /// The process at time 0 with its first value and how long that holds.
    fn start(model: &LinkModel, distance: Metres, mut rng: Prng) -> (Self, f64, f64) {
        match model {
            LinkModel::Constant(rate) => (Self::Constant, f64::INFINITY, *rate),
            LinkModel::Shannon(shannon) => {
                let mut process = Self::Blocks(Fading::new(shannon, distance, rng));
                let (until, rate) = process.next();
                (process, until, rate)
            }
            LinkModel::Recorded(recordings, scale) => {
                let chosen = rng.random_range(0..recordings.len());
                let offset = rng.random::<f64>() * recordings[chosen].duration().0;
                let number = recordings[chosen].at(Seconds(offset));
                let recordings = Arc::clone(recordings);
                let mut process = Self::Playback { recordings, chosen, scale: *scale, number, offset };
                let (until, rate) = process.next();
                (process, until, rate)
            }
        }
    }

    /// Until when the next value holds, s, and the value, B/s.
    /// `docs/model.md`, equation 17.
    fn next(&mut self) -> (f64, f64) {
        match self {
            Self::Constant => (f64::INFINITY, f64::NAN),
            Self::Blocks(fading) => {
                let rate = fading.draw();
                (fading.blocks() as f64 * fading.block_s(), rate)
            }
            Self::Playback { recordings, chosen, scale, number, offset } => {
                let segment = recordings[*chosen].segment(*number);
                *number += 1;
                (segment.end.0 - *offset, segment.rate.0 * *scale)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::stream;
    use crate::system::place::{MobilityModel, Point, Sites, Walker};

    fn link(shadowing_db: f64, rayleigh: bool, seed: u64) -> Link {
        let model = LinkModel::Shannon(Arc::new(Shannon::new(ShannonModel {
            bandwidth: Hertz(5e6),
            tx_power: Watts(0.2),
            carrier_ghz: 3.5,
            noise_figure_db: 5.0,
            shadowing_db,
            shadowing_s: 2.0,
            rayleigh,
            block_s: 0.1,
        })));
        Link::new(&model, Whereabouts::Fixed(0, Metres(150.0)), 0.5, stream(seed, "link"))
    }

    #[test]
    fn an_upload_carries_exactly_its_bytes_over_changing_blocks() {
        let mut link = link(6.0, true, 1);
        let (start, bytes) = (0.537, 400_000.0);
        let Sent { end, .. } = link.upload_end(start, bytes);
        let (mut carried, mut from) = (0.0, 0.0);
        while from < end {
            let Segment { end: to, rate, .. } = link.segment(from);
            carried += rate * (to.min(end) - from.max(start)).max(0.0);
            from = to;
        }
        assert!((carried - bytes).abs() < 1e-6, "{carried}");
    }

    #[test]
    fn observing_does_not_change_the_rates_to_come() {
        let mut watched = link(6.0, true, 1);
        let mut alone = watched.clone();
        for step in 0..50 {
            watched.observe(f64::from(step) * 0.07);
        }
        assert_eq!(watched.upload_end(4.0, 1e5), alone.upload_end(4.0, 1e5));
    }

    #[test]
    fn the_measured_rate_follows_the_true_one_with_its_time_constant() {
        let model = LinkModel::Constant(1e6);
        let mut link = Link::new(&model, Whereabouts::Fixed(3, Metres(10.0)), 0.5, stream(0, "link"));
        assert_eq!((link.observe(7.0), link.station()), (1e6, 3));
        assert_eq!(link.upload_end(7.0, 2e6), Sent { end: 9.0, station: 3 });
        let mut faded = super::tests::link(6.0, true, 2);
        let mut silent = faded.clone();
        // Blocks up to 38 have ended at 3.95 s, and half of block 39.
        let measured = |link: &mut Link, first: u32| {
            let mut rate = |block: u32| link.segment(f64::from(block) * 0.1 + 0.05).rate;
            let mut estimate = rate(first);
            for block in first..39 {
                estimate += (1.0 - (-0.2f64).exp()) * (rate(block) - estimate);
            }
            estimate + (1.0 - (-0.1f64).exp()) * (rate(39) - estimate)
        };
        let expected = measured(&mut faded, 0);
        for step in 0..=79 {
            faded.observe(f64::from(step) * 0.05);
        }
        assert!((faded.observe(3.95) / expected - 1.0).abs() < 1e-9);
        // Silent up to block 39, which lies in the third frame of 16 blocks: measured from block 16 on.
        let expected = measured(&mut silent, 16);
        assert!((silent.observe(3.95) / expected - 1.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_left_out_of_a_silent_link_changes_no_rate_to_come() {
        let mut watched = link(6.0, true, 3);
        let mut silent = watched.clone();
        for step in 0..700 {
            watched.observe(f64::from(step) * 0.1);
        }
        assert_eq!(silent.observe(70.0) > 0.0, watched.observe(70.0) > 0.0);
        for step in 0..100 {
            let time = 70.0 + f64::from(step) * 0.13;
            assert_eq!(silent.segment(time).rate, watched.segment(time).rate, "{time}");
        }
    }

    #[test]
    fn a_handover_interrupts_and_changes_the_receiver() {
        // From below server 0 straight to below server 1 and back, 10 m/s.
        let sites = Arc::new(Sites::grid(2, Metres(200.0)));
        let model = MobilityModel::RandomWaypoint { speed_mps: [10.0, 10.0], pause_s: 0.0 };
        let handover = HandoverConfig { hysteresis_db: 3.0, interruption_s: Seconds(0.25) };
        let start = Point { x: 50.0, y: 100.0 };
        let walker = Walker::new(&model, start, Metres(200.0), stream(7, "walker"));
        let mut positions = walker.clone();
        let roaming = Roaming::new(walker, Arc::clone(&sites), handover);
        let mut link = Link::new(&LinkModel::Constant(1e6), Whereabouts::Roaming(roaming), 0.5, stream(0, "link"));
        let (mut before, mut changes, mut time) = (link.segment(0.0), 0, 0.0);
        while time < 300.0 {
            let segment = link.segment(time);
            if segment.station != before.station {
                changes += 1;
                let point = positions.position(time);
                let loss = |m: usize| path_loss_db(sites.point(m).distance(&point), 1.0);
                assert!(loss(before.station) - loss(segment.station) >= 3.0, "{time} s");
                assert!(segment.rate == 0.0 && link.segment(time + 0.249).rate == 0.0, "{time} s");
                assert_eq!(link.segment(time + 0.251).rate, 1e6, "{time} s");
            }
            before = segment;
            time = segment.end;
        }
        assert!(changes > 5, "{changes}");
        let Sent { end, .. } = link.upload_end(0.0, 1e8);
        assert!(end > 100.0 + 0.25, "what is interrupted takes longer: {end}");
    }
}
