//! Shannon links: path loss, log-normal shadowing and Rayleigh block fading.

use std::sync::Arc;

use rand::rand_core::Rng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Exp1, StandardNormal};

use crate::rng::Prng;
use crate::units::{BytesPerSecond, Hertz, Metres, Watts};

/// Thermal noise density at 290 K, dBm/Hz.
const THERMAL_NOISE_DBM_HZ: f64 = -174.0;

/// Spectral efficiency is capped at that of 256-QAM, rate 948/1024 (3GPP TS 38.214, table 5.1.3.1-2), bit/s/Hz.
pub const MAX_EFFICIENCY: f64 = 7.4063;

/// Below this spectral efficiency (QPSK, rate 120/1024, same source) a block still carries this much: a link
/// slows down but never dies, so that every upload ends.
pub const MIN_EFFICIENCY: f64 = 0.2344;

/// Path loss in dB at this distance: urban micro, no line of sight (3GPP TR 38.901, table 7.4.1-1, with the user's
/// antenna at 1.5 m): 35.3 log10(d) + 22.4 + 21.3 log10(f_c), d of at least 10 m, in the plane.
/// `docs/model.md`, equation 11.
pub fn path_loss_db(distance: Metres, carrier_ghz: f64) -> f64 {
    35.3 * distance.0.max(10.0).log10() + 22.4 + 21.3 * carrier_ghz.log10()
}

/// Shannon's rate with the efficiency limits of 5G modulation and coding.
/// `docs/model.md`, equation 16.
pub fn shannon_rate(bandwidth: Hertz, snr: f64) -> BytesPerSecond {
    let efficiency = (1.0 + snr).log2().clamp(MIN_EFFICIENCY, MAX_EFFICIENCY);
    BytesPerSecond(bandwidth.0 * efficiency / 8.0)
}

/// The least signal-to-noise ratio that a modulation and coding scheme is made for: log2(1 + SNR) of
/// [`MIN_EFFICIENCY`].
pub fn least_snr() -> f64 {
    MIN_EFFICIENCY.exp2() - 1.0
}

/// A Shannon link, whatever its distance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShannonModel {
    /// Bandwidth, Hz.
    pub bandwidth: Hertz,
    /// Transmit power, W.
    pub tx_power: Watts,
    /// Carrier frequency, GHz.
    pub carrier_ghz: f64,
    /// Noise figure of the receiver, dB.
    pub noise_figure_db: f64,
    /// Standard deviation of the shadowing, dB.
    pub shadowing_db: f64,
    /// Time over which the shadowing decorrelates to 1/e, s.
    pub shadowing_s: f64,
    /// Whether the power gain of each block is exponential with mean 1.
    pub rayleigh: bool,
    /// Length of a block, s.
    pub block_s: f64,
}

impl ShannonModel {
    /// Signal-to-noise ratio at this distance without shadowing and fading.
    /// `docs/model.md`, equation 12.
    pub fn mean_snr(&self, distance: Metres) -> f64 {
        let power_dbm = 10.0 * (self.tx_power.0 * 1e3).log10();
        let noise_dbm = THERMAL_NOISE_DBM_HZ + 10.0 * self.bandwidth.0.log10() + self.noise_figure_db;
        10f64.powf((power_dbm - path_loss_db(distance, self.carrier_ghz) - noise_dbm) / 10.0)
    }
}

/// Blocks of a frame.
const FRAME: usize = 16;

/// A Shannon link with what its blocks need worked out once.
#[derive(Clone, Debug)]
pub struct Shannon {
    model: ShannonModel,
    /// Correlation of the shadowing of blocks that are a frame apart, and the deviation of what is new.
    jump: [f64; 2],
    /// By blocks to the frame's end: weights of the block before and of the end, and the deviation of what is new.
    bridge: [[f64; 3]; FRAME + 1],
    /// Natural logarithm of the gain of one standard deviation of shadowing.
    log_gain: f64,
    /// Signal-to-noise ratios of the least and the greatest efficiency.
    snr: [f64; 2],
}

impl Shannon {
    /// Prepares a link.
    ///
    /// Over time, the shadowing is a first-order autoregression x(k + 1) = r x(k) + sqrt(1 - r^2) e with
    /// r = exp(-block / time) (exponential correlation: Gudmundson 1991, DOI 10.1049/el:19911328). Given x(k) and x(k + n)
    /// it follows from the joint normal distribution that x(k + 1) has the mean
    /// (r (1 - r^(2n-2)) x(k) + r^(n-1) (1 - r^2) x(k + n)) / (1 - r^2n) and the variance
    /// (1 - r^2) (1 - r^(2n-2)) / (1 - r^2n).
    /// `docs/model.md`, equations 13, 14.
    pub fn new(model: ShannonModel) -> Self {
        let r = (-model.block_s / model.shadowing_s).exp();
        let deviation = |correlation: f64| (1.0 - correlation * correlation).sqrt();
        let weights = |n: usize| {
            let n = n as i32;
            let rest = 1.0 - r.powi(2 * n);
            let new = (1.0 - r * r) * (1.0 - r.powi(2 * n - 2)) / rest;
            [r * (1.0 - r.powi(2 * n - 2)) / rest, r.powi(n - 1) * (1.0 - r * r) / rest, new.max(0.0).sqrt()]
        };
        let frame = r.powi(FRAME as i32);
        Self {
            model,
            jump: [frame, deviation(frame)],
            bridge: std::array::from_fn(|n| if n == 0 { [0.0, 1.0, 0.0] } else { weights(n) }),
            log_gain: model.shadowing_db * std::f64::consts::LN_10 / 10.0,
            snr: [least_snr(), MAX_EFFICIENCY.exp2() - 1.0],
        }
    }

    /// Shannon's rate, B/s, with its logarithm taken only where it counts.
    fn rate(&self, snr: f64) -> f64 {
        let efficiency = if snr >= self.snr[1] {
            MAX_EFFICIENCY
        } else if snr <= self.snr[0] {
            MIN_EFFICIENCY
        } else {
            (1.0 + snr).log2()
        };
        self.model.bandwidth.0 * efficiency / 8.0
    }
}

/// The rates of one link's blocks, one after another.
///
/// # Design
/// Blocks come in frames, each with a generator of its own. The shadowing at the starts of frames is drawn first, and
/// that of the blocks between under the condition of both ends, which is the same process. So frames that nobody looks
/// at cost one draw each, and what is looked at does not change what follows.
#[derive(Clone, Debug)]
pub(super) struct Fading {
    link: Arc<Shannon>,
    /// Draws the starts of frames.
    frames: Prng,
    /// Draws the blocks of this frame.
    blocks: Prng,
    /// Blocks so far.
    next: u64,
    /// Shadowing of the last block and at the start of the next frame, over its standard deviation.
    shadowing: f64,
    end: f64,
    snr: f64,
}

impl Fading {
    /// Blocks at this distance; the shadowing starts in its stationary distribution.
    pub(super) fn new(link: &Arc<Shannon>, distance: Metres, mut rng: Prng) -> Self {
        let end = rng.sample(StandardNormal);
        let blocks = rng.clone();
        let snr = link.model.mean_snr(distance);
        Self { link: Arc::clone(link), frames: rng, blocks, next: 0, shadowing: 0.0, end, snr }
    }

    /// Length of a block, s.
    pub(super) fn block_s(&self) -> f64 {
        self.link.model.block_s
    }

    /// Number of blocks drawn or skipped.
    pub(super) fn blocks(&self) -> u64 {
        self.next
    }

    /// From now on at this distance.
    pub(super) fn move_to(&mut self, distance: Metres) {
        self.snr = self.link.model.mean_snr(distance);
    }

    /// The start of the frame before that of `time`, s.
    pub(super) fn frame_before(&self, time: f64) -> u64 {
        let frame = (time / self.block_s()) as u64 / FRAME as u64;
        frame.saturating_sub(1) * FRAME as u64
    }

    /// Leaves blocks out, up to block `block`, the first of a frame.
    pub(super) fn skip_to(&mut self, block: u64) {
        while self.next < block {
            if self.next.is_multiple_of(FRAME as u64) {
                self.next_frame();
            }
            self.next = (self.next / FRAME as u64 + 1) * FRAME as u64;
        }
    }

    /// The rate of the next block, B/s.
    /// `docs/model.md`, equation 15.
    pub(super) fn draw(&mut self) -> f64 {
        let position = (self.next % FRAME as u64) as usize;
        if position == 0 {
            self.open_frame();
        } else {
            let [before, end, new] = self.link.bridge[FRAME + 1 - position];
            let innovation: f64 = self.blocks.sample(StandardNormal);
            self.shadowing = before * self.shadowing + end * self.end + new * innovation;
        }
        self.next += 1;
        let fading: f64 = if self.link.model.rayleigh { self.blocks.sample(Exp1) } else { 1.0 };
        self.link.rate(self.snr * (self.link.log_gain * self.shadowing).exp() * fading)
    }

    /// A frame begins whose blocks are wanted.
    fn open_frame(&mut self) {
        let seed = self.next_frame();
        self.blocks = Prng::seed_from_u64(seed);
    }

    /// A frame begins; returns the seed of its blocks.
    fn next_frame(&mut self) -> u64 {
        self.shadowing = self.end;
        let seed = self.frames.next_u64();
        let innovation: f64 = self.frames.sample(StandardNormal);
        self.end = self.link.jump[0] * self.shadowing + self.link.jump[1] * innovation;
        seed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::stream;

    fn model(shadowing_db: f64, rayleigh: bool) -> ShannonModel {
        ShannonModel {
            bandwidth: Hertz(5e6),
            tx_power: Watts(0.2),
            carrier_ghz: 3.5,
            noise_figure_db: 5.0,
            shadowing_db,
            shadowing_s: 2.0,
            rayleigh,
            block_s: 0.1,
        }
    }

    fn fading(model: ShannonModel, distance: f64, seed: u64) -> Fading {
        Fading::new(&Arc::new(Shannon::new(model)), Metres(distance), stream(seed, "link"))
    }

    #[test]
    fn a_hundred_metres_give_the_rate_worked_by_hand() {
        // Loss 35.3 * 2 + 22.4 + 21.3 * log10(3.5) = 104.589 dB; noise -174 + 66.990 + 5 = -102.010 dBm;
        // SNR 23.010 - 104.589 + 102.010 = 20.432 dB = 110.45; 5e6 * log2(111.45) = 34.00 Mbit/s.
        let snr = model(0.0, false).mean_snr(Metres(100.0));
        assert!((10.0 * snr.log10() - 20.432).abs() < 0.01, "{snr}");
        let rate = fading(model(0.0, false), 100.0, 0).draw();
        assert!((BytesPerSecond(rate).mbit() - 34.0).abs() < 0.02);
    }

    #[test]
    fn the_path_loss_grows_by_35_3_decibels_per_decade_of_distance() {
        let loss = |distance| path_loss_db(Metres(distance), 3.5);
        assert!((loss(1000.0) - loss(100.0) - 35.3).abs() < 1e-9);
        assert_eq!(loss(1.0), loss(10.0), "nearer than 10 m the model says nothing");
        // 22.4 + 35.3 + 21.3 log10(2) at 10 m and 2 GHz.
        assert!((path_loss_db(Metres(10.0), 2.0) - 64.112).abs() < 1e-3);
    }

    #[test]
    fn the_rate_is_capped_by_the_best_and_the_least_modulation() {
        assert_eq!(shannon_rate(Hertz(8.0), 1e9).0, MAX_EFFICIENCY);
        assert_eq!(shannon_rate(Hertz(8.0), 0.0).0, MIN_EFFICIENCY);
        assert!((shannon_rate(Hertz(8.0), 3.0).0 - 2.0).abs() < 1e-12);
        assert!((shannon_rate(Hertz(8.0), least_snr()).0 - MIN_EFFICIENCY).abs() < 1e-12);
    }

    /// Mean and standard deviation of `count` values.
    fn moments(count: usize, mut value: impl FnMut() -> f64) -> (f64, f64) {
        let values: Vec<f64> = (0..count).map(|_| value()).collect();
        let mean = values.iter().sum::<f64>() / count as f64;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count as f64;
        (mean, variance.sqrt())
    }

    #[test]
    fn shadowing_has_mean_zero_deviation_one_and_the_correlation_of_its_time() {
        let mut fading = fading(model(4.0, false), 150.0, 3);
        let mut draws = Vec::new();
        let (mean, deviation) = moments(400_000, || {
            fading.draw();
            draws.push(fading.shadowing);
            fading.shadowing
        });
        // 400,000 blocks of 0.1 s with a time of 2 s are some 10,000 independent ones: four standard errors.
        assert!(mean.abs() < 0.04 && (deviation - 1.0).abs() < 0.035, "{mean} {deviation}");
        for lag in [1, 20, FRAME, 100] {
            let products = draws.iter().zip(&draws[lag..]).map(|(a, b)| a * b);
            let correlation = products.sum::<f64>() / (draws.len() - lag) as f64;
            let expected = (-(lag as f64) * 0.1 / 2.0).exp();
            assert!((correlation - expected).abs() < 0.05, "{correlation} at lag {lag}, not {expected}");
        }
        // Also over the seams: from the last block of each frame to the first of the next one.
        let seams = draws.chunks_exact(FRAME).zip(draws.chunks_exact(FRAME).skip(1));
        let steps: Vec<f64> = seams.map(|(a, b)| (b[0] - a[FRAME - 1]).powi(2)).collect();
        let step = steps.iter().sum::<f64>() / steps.len() as f64;
        let expected = 2.0 * (1.0 - (-0.05f64).exp());
        assert!((step / expected - 1.0).abs() < 0.08, "{step} {expected}");
    }

    #[test]
    fn rayleigh_gains_have_mean_and_deviation_one_and_half_lie_below_ln_two() {
        let mut fading = fading(model(0.0, true), 100.0, 4);
        let mut gains = Vec::new();
        let (mean, deviation) = moments(100_000, || {
            let at = (fading.next % FRAME as u64) as usize;
            let mut before = fading.clone();
            let rate = fading.draw();
            if at == 0 {
                before.open_frame();
            } else {
                let _: f64 = before.blocks.sample(StandardNormal);
            }
            let gain: f64 = before.blocks.sample(Exp1);
            let expected = shannon_rate(Hertz(5e6), fading.snr * gain).0;
            assert!((rate / expected - 1.0).abs() < 1e-12, "a block's gain is the draw that was looked at before");
            gains.push(gain);
            gain
        });
        assert!((mean - 1.0).abs() < 0.013 && (deviation - 1.0).abs() < 0.03, "{mean} {deviation}");
        let below = gains.iter().filter(|gain| **gain < std::f64::consts::LN_2).count() as f64 / 1e5;
        assert!((below - 0.5).abs() < 0.0065, "{below}");
    }

    #[test]
    fn frames_that_are_left_out_change_nothing_that_follows() {
        let mut whole = fading(model(4.0, true), 150.0, 5);
        let mut skipping = whole.clone();
        for _ in 0..10 {
            assert_eq!(whole.draw(), skipping.draw());
        }
        let block = 7 * FRAME as u64;
        while whole.blocks() < block {
            whole.draw();
        }
        skipping.skip_to(block);
        for _ in 0..200 {
            assert_eq!(whole.draw(), skipping.draw());
        }
    }
}
