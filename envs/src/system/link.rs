//! Radio uplinks: a rate that changes block by block, also during an upload.

use std::collections::VecDeque;

use rand::RngExt;
use rand_distr::{Exp1, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::rng::Prng;
use crate::units::{BytesPerSecond, Hertz, Metres, Watts};

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
        /// Bandwidth W of one device's uplink, Hz.
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
}

/// Thermal noise density at 290 K, dBm/Hz.
const THERMAL_NOISE_DBM_HZ: f64 = -174.0;

/// Spectral efficiency is capped at that of 256-QAM, rate 948/1024 (3GPP TS 38.214, table 5.1.3.1-2), bit/s/Hz.
const MAX_EFFICIENCY: f64 = 7.4063;

/// Below this spectral efficiency (QPSK, rate 120/1024, same source) a block still carries this much: a link
/// slows down but never dies, so that every upload ends.
const MIN_EFFICIENCY: f64 = 0.2344;

/// Path loss in dB at this distance: urban micro, no line of sight (3GPP TR 38.901, table 7.4.1-1, with the user's
/// antenna at 1.5 m): 35.3 log10(d) + 22.4 + 21.3 log10(f_c), d of at least 10 m.
pub fn path_loss_db(distance: Metres, carrier_ghz: f64) -> f64 {
    35.3 * distance.0.max(10.0).log10() + 22.4 + 21.3 * carrier_ghz.log10()
}

/// Shannon's rate with the efficiency limits of 5G modulation and coding.
pub fn shannon_rate(bandwidth: Hertz, snr: f64) -> BytesPerSecond {
    let efficiency = (1.0 + snr).log2().clamp(MIN_EFFICIENCY, MAX_EFFICIENCY);
    BytesPerSecond(bandwidth.0 * efficiency / 8.0)
}

impl LinkConfig {
    /// Signal-to-noise ratio at this distance without shadowing and fading; infinite for a constant rate.
    pub fn mean_snr(&self, distance: Metres) -> f64 {
        match *self {
            Self::Constant { .. } => f64::INFINITY,
            Self::Shannon { bandwidth_hz, tx_power_w, carrier_ghz, noise_figure_db, .. } => {
                let power_dbm = 10.0 * (tx_power_w.0 * 1e3).log10();
                let noise_dbm = THERMAL_NOISE_DBM_HZ + 10.0 * bandwidth_hz.0.log10() + noise_figure_db;
                10f64.powf((power_dbm - path_loss_db(distance, carrier_ghz) - noise_dbm) / 10.0)
            }
        }
    }
}

/// The uplink of one device: a piecewise constant rate, made block by block from the link's own stream.
#[derive(Clone, Debug)]
pub struct Link {
    config: LinkConfig,
    snr: f64,
    rng: Prng,
    shadowing: f64,
    /// Rates of blocks `first..first + blocks.len()`, B/s.
    blocks: VecDeque<f64>,
    first: u64,
    estimate: f64,
    smoothing: f64,
}

impl Link {
    /// A link over `distance`; `measurement_s` is the time constant of the rate estimate that schemes see.
    pub fn new(config: &LinkConfig, distance: Metres, measurement_s: f64, mut rng: Prng) -> Self {
        let snr = config.mean_snr(distance);
        let block_s = match config {
            LinkConfig::Constant { .. } => 1.0,
            LinkConfig::Shannon { block_s, .. } => *block_s,
        };
        let shadowing = rng.sample(StandardNormal);
        let mut link = Self {
            config: config.clone(),
            snr,
            rng,
            shadowing,
            blocks: VecDeque::new(),
            first: 0,
            estimate: 0.0,
            smoothing: 1.0 - (-block_s / measurement_s.max(1e-9)).exp(),
        };
        link.estimate = link.rate(0);
        link
    }

    /// The rate of block `k`, B/s; blocks before the last observation are gone.
    fn rate(&mut self, k: u64) -> f64 {
        while self.first + self.blocks.len() as u64 <= k {
            let rate = self.next_block();
            self.blocks.push_back(rate);
        }
        self.blocks[(k - self.first) as usize]
    }

    fn next_block(&mut self) -> f64 {
        match self.config {
            LinkConfig::Constant { rate_mbit } => BytesPerSecond::from_mbit(rate_mbit).0,
            LinkConfig::Shannon { bandwidth_hz, shadowing_db, shadowing_s, rayleigh, block_s, .. } => {
                let correlation = (-block_s / shadowing_s).exp();
                let innovation: f64 = self.rng.sample(StandardNormal);
                self.shadowing = correlation * self.shadowing + (1.0 - correlation * correlation).sqrt() * innovation;
                let fading: f64 = if rayleigh { self.rng.sample(Exp1) } else { 1.0 };
                let gain = 10f64.powf(shadowing_db * self.shadowing / 10.0) * fading;
                shannon_rate(bandwidth_hz, self.snr * gain).0
            }
        }
    }

    /// When an upload of `bytes` that starts at `start` ends: the time at which the integral of the rate is `bytes`.
    pub fn upload_end(&mut self, start: f64, bytes: f64) -> f64 {
        let block_s = match self.config {
            LinkConfig::Constant { rate_mbit } => return start + bytes / BytesPerSecond::from_mbit(rate_mbit).0,
            LinkConfig::Shannon { block_s, .. } => block_s,
        };
        let mut block = ((start / block_s) as u64).max(self.first);
        let (mut time, mut left) = (start, bytes);
        loop {
            let rate = self.rate(block);
            let block_end = (block + 1) as f64 * block_s;
            let capacity = rate * (block_end - time).max(0.0);
            if left <= capacity {
                return time + left / rate;
            }
            left -= capacity;
            time = block_end;
            block += 1;
        }
    }

    /// Moves on to `now` and returns the rate that the device has measured so far, B/s: an exponential average over
    /// the blocks that have begun.
    pub fn observe(&mut self, now: f64) -> f64 {
        let LinkConfig::Shannon { block_s, .. } = self.config else { return self.estimate };
        let current = (now / block_s) as u64;
        while self.first < current {
            let rate = self.rate(self.first + 1);
            self.estimate += self.smoothing * (rate - self.estimate);
            self.blocks.pop_front();
            self.first += 1;
        }
        self.estimate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::stream;

    fn shannon(shadowing_db: f64, rayleigh: bool) -> LinkConfig {
        LinkConfig::Shannon {
            bandwidth_hz: Hertz(5e6),
            tx_power_w: Watts(0.2),
            carrier_ghz: 3.5,
            noise_figure_db: 5.0,
            shadowing_db,
            shadowing_s: 2.0,
            rayleigh,
            block_s: 0.1,
        }
    }

    #[test]
    fn a_hundred_metres_give_the_rate_worked_by_hand() {
        // Loss 35.3 * 2 + 22.4 + 21.3 * log10(3.5) = 104.589 dB; noise -174 + 66.990 + 5 = -102.010 dBm;
        // SNR 23.010 - 104.589 + 102.010 = 20.432 dB = 110.45; 5e6 * log2(111.45) = 34.00 Mbit/s.
        let config = shannon(0.0, false);
        let snr = config.mean_snr(Metres(100.0));
        assert!((10.0 * snr.log10() - 20.432).abs() < 0.01, "{snr}");
        let mut link = Link::new(&config, Metres(100.0), 0.5, stream(0, "link"));
        assert!((BytesPerSecond(link.observe(3.0)).mbit() - 34.0).abs() < 0.02);
    }

    #[test]
    fn an_upload_carries_exactly_its_bytes_over_changing_blocks() {
        let mut link = Link::new(&shannon(6.0, true), Metres(150.0), 0.5, stream(1, "link"));
        let (start, bytes) = (0.537, 400_000.0);
        let end = link.upload_end(start, bytes);
        let mut carried = 0.0;
        for block in 0..=(end / 0.1) as u64 {
            let (from, to) = (block as f64 * 0.1, (block + 1) as f64 * 0.1);
            carried += link.rate(block) * (to.min(end) - from.max(start)).max(0.0);
        }
        assert!((carried - bytes).abs() < 1e-6, "{carried}");
    }

    #[test]
    fn observing_does_not_change_the_rates_to_come() {
        let config = shannon(6.0, true);
        let mut watched = Link::new(&config, Metres(150.0), 0.5, stream(1, "link"));
        let mut alone = watched.clone();
        for step in 0..50 {
            watched.observe(f64::from(step) * 0.07);
        }
        assert_eq!(watched.upload_end(4.0, 1e5), alone.upload_end(4.0, 1e5));
    }

    #[test]
    fn rayleigh_gains_have_mean_one_and_shadowing_its_deviation() {
        let mut link = Link::new(&shannon(4.0, false), Metres(150.0), 0.5, stream(3, "link"));
        let draws: Vec<f64> = (0..100_000)
            .map(|_| {
                link.next_block();
                link.shadowing
            })
            .collect();
        let mean = draws.iter().sum::<f64>() / 1e5;
        let variance = draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.06 && (variance - 1.0).abs() < 0.06, "{mean} {variance}");
    }
}
