//! The built-in processors.
//!
//! Peak figures are the makers'; what a real network reaches of them is our assumption: the `efficiency` fields
//! below, chosen so that whole-network times have the right order. A study that needs more takes its own rates
//! from measurements and writes them into its scenario.

use std::sync::LazyLock;

use super::{Processor, Rates};
use crate::units::{Bytes, BytesPerSecond, FlopPerSecond, Seconds, Watts};

/// No built-in processor has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no processor {name:?}; there are {}", catalogue().iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(", "))]
pub struct UnknownProcessor {
    /// The name asked for.
    pub name: String,
}

/// Every built-in processor, devices first, slowest first.
pub fn catalogue() -> &'static [Processor] {
    static CATALOGUE: LazyLock<Vec<Processor>> = LazyLock::new(|| SHEETS.iter().map(Sheet::processor).collect());
    &CATALOGUE
}

/// The built-in processor `name`.
///
/// # Errors
/// [`UnknownProcessor`], which lists the names.
///
/// # Example
/// ```
/// use mec_envs::processor::named;
/// let (phone, server) = (named("phone")?, named("nvidia-t4")?);
/// assert!(phone.rates.convolution < server.rates.convolution);
/// # Ok::<(), mec_envs::processor::UnknownProcessor>(())
/// ```
pub fn named(name: &str) -> Result<&'static Processor, UnknownProcessor> {
    catalogue().iter().find(|processor| processor.name == name).ok_or_else(|| UnknownProcessor { name: name.into() })
}

/// A data sheet and what we assume a network reaches of it.
struct Sheet {
    name: &'static str,
    source: &'static str,
    /// Peak float32 rate, FLOP/s.
    peak: f64,
    /// Peak memory rate, B/s.
    memory: f64,
    /// Share of `peak` that convolutions and matrix products reach: assumption.
    efficiency: f64,
    /// Share of `peak` that depthwise convolutions and elementwise work reach: assumption.
    vector_efficiency: f64,
    /// Share of `memory` that a layer reaches: assumption.
    memory_efficiency: f64,
    /// Overhead per launched layer, s: assumption.
    overhead: f64,
    compute_power: f64,
    idle_power: f64,
    memory_capacity: f64,
}

impl Sheet {
    fn processor(&self) -> Processor {
        let matrix = FlopPerSecond(self.peak * self.efficiency);
        let vector = FlopPerSecond(self.peak * self.vector_efficiency);
        Processor {
            name: self.name.into(),
            source: self.source.into(),
            rates: Rates { convolution: matrix, depthwise_convolution: vector, dense: matrix, vector },
            memory: BytesPerSecond(self.memory * self.memory_efficiency),
            overhead: Seconds(self.overhead),
            compute_power: Watts(self.compute_power),
            idle_power: Watts(self.idle_power),
            memory_capacity: Bytes(self.memory_capacity),
        }
    }
}

const SHEETS: &[Sheet] = &[
    Sheet {
        name: "raspberry-pi-4",
        source: "Raspberry Pi 4 Model B product brief: four Cortex-A72 at 1.5 GHz (8 float32 FLOP per cycle each, \
                 48 GFLOP/s), LPDDR4-3200 on 32 bits (12.8 GB/s), 4 GB. Power: 2.7 W idle, 6.4 W with all cores \
                 loaded, as measured at pidramble.com. Assumed: efficiency 0.25, depthwise 0.08, memory 0.35, \
                 50 us per layer",
        peak: 48e9,
        memory: 12.8e9,
        efficiency: 0.25,
        vector_efficiency: 0.08,
        memory_efficiency: 0.35,
        overhead: 50e-6,
        compute_power: 6.4,
        idle_power: 2.7,
        memory_capacity: 4e9,
    },
    Sheet {
        name: "car-computer",
        source: "NXP i.MX 8QuadMax as in dashboards, processor cores only: two Cortex-A72 at 1.6 GHz and four Cortex-A53 \
                 at 1.2 GHz (8 float32 FLOP per cycle each, 64 GFLOP/s), LPDDR4-3200 on 64 bits (25.6 GB/s): NXP data \
                 sheet IMX8QMAEC and fact sheet. Assumed: efficiency 0.25, depthwise 0.08, memory 0.35, 40 us per layer, \
                 6 W computing, 2 W waiting, 4 GB",
        peak: 64e9,
        memory: 25.6e9,
        efficiency: 0.25,
        vector_efficiency: 0.08,
        memory_efficiency: 0.35,
        overhead: 40e-6,
        compute_power: 6.0,
        idle_power: 2.0,
        memory_capacity: 4e9,
    },
    Sheet {
        name: "phone",
        source: "Snapdragon 865 class, processor cores only: one Cortex-A77 at 2.84 GHz and three at 2.42 GHz (16 \
                 float32 FLOP per cycle each, 162 GFLOP/s); LPDDR5-5500 on 64 bits (44 GB/s), 8 GB: Qualcomm \
                 product brief. Assumed: efficiency 0.25, depthwise 0.08, memory 0.35, 20 us per layer, 4 W \
                 computing, 0.8 W waiting",
        peak: 162e9,
        memory: 44e9,
        efficiency: 0.25,
        vector_efficiency: 0.08,
        memory_efficiency: 0.35,
        overhead: 20e-6,
        compute_power: 4.0,
        idle_power: 0.8,
        memory_capacity: 8e9,
    },
    Sheet {
        name: "jetson-nano",
        source: "NVIDIA Jetson Nano data sheet: 472 GFLOP/s float16, hence 236 GFLOP/s float32; 25.6 GB/s, 4 GB, \
                 10 W mode. Assumed: efficiency 0.5, depthwise 0.1, memory 0.7, 30 us per layer, 2 W waiting",
        peak: 236e9,
        memory: 25.6e9,
        efficiency: 0.5,
        vector_efficiency: 0.1,
        memory_efficiency: 0.7,
        overhead: 30e-6,
        compute_power: 10.0,
        idle_power: 2.0,
        memory_capacity: 4e9,
    },
    Sheet {
        name: "jetson-tx2",
        source: "NVIDIA Jetson TX2 data sheet: 256 CUDA cores at 1.3 GHz (1.33 TFLOP/s float16, hence 665 GFLOP/s \
                 float32), 59.7 GB/s, 8 GB, 15 W mode; the board of DJI's Manifold 2-G for drones. Assumed: efficiency \
                 0.5, depthwise 0.1, memory 0.7, 20 us per layer, 3 W waiting",
        peak: 665e9,
        memory: 59.7e9,
        efficiency: 0.5,
        vector_efficiency: 0.1,
        memory_efficiency: 0.7,
        overhead: 20e-6,
        compute_power: 15.0,
        idle_power: 3.0,
        memory_capacity: 8e9,
    },
    Sheet {
        name: "jetson-agx-xavier",
        source: "NVIDIA Jetson AGX Xavier data sheet: 512 CUDA cores at 1.377 GHz (1.41 TFLOP/s float32), 137 GB/s, \
                 32 GB, 30 W mode. Assumed: efficiency 0.5, depthwise 0.1, memory 0.7, 15 us per layer, 8 W waiting",
        peak: 1.41e12,
        memory: 137e9,
        efficiency: 0.5,
        vector_efficiency: 0.1,
        memory_efficiency: 0.7,
        overhead: 15e-6,
        compute_power: 30.0,
        idle_power: 8.0,
        memory_capacity: 32e9,
    },
    Sheet {
        name: "mini-pc",
        source: "Intel Core i7-1165G7, as in the NUC 11: 4 cores, one AVX-512 unit each (32 float32 FLOP per cycle), \
                 2.8 GHz (358 GFLOP/s), two channels of DDR4-3200 (51.2 GB/s), 28 W: Intel ARK. Assumed: efficiency \
                 0.4, depthwise 0.1, memory 0.6, 10 us per layer, 6 W waiting, 32 GB",
        peak: 358e9,
        memory: 51.2e9,
        efficiency: 0.4,
        vector_efficiency: 0.1,
        memory_efficiency: 0.6,
        overhead: 10e-6,
        compute_power: 28.0,
        idle_power: 6.0,
        memory_capacity: 32e9,
    },
    Sheet {
        name: "xeon-6248",
        source: "Intel Xeon Gold 6248, one socket: 20 cores, two AVX-512 units (64 float32 FLOP per cycle), 1.6 GHz \
                 AVX-512 base clock (2.05 TFLOP/s), six channels of DDR4-2933 (140.8 GB/s), 150 W: Intel ARK and \
                 specification update. Assumed: efficiency 0.4, depthwise 0.1, memory 0.6, 10 us per layer, 60 W \
                 waiting, 192 GB",
        peak: 2.05e12,
        memory: 140.8e9,
        efficiency: 0.4,
        vector_efficiency: 0.1,
        memory_efficiency: 0.6,
        overhead: 10e-6,
        compute_power: 150.0,
        idle_power: 60.0,
        memory_capacity: 192e9,
    },
    Sheet {
        name: "nvidia-t4",
        source: "NVIDIA T4 data sheet: 8.1 TFLOP/s float32, 320 GB/s, 16 GB, 70 W. Assumed: efficiency 0.5, \
                 depthwise 0.1, memory 0.7, 10 us per layer, 10 W waiting",
        peak: 8.1e12,
        memory: 320e9,
        efficiency: 0.5,
        vector_efficiency: 0.1,
        memory_efficiency: 0.7,
        overhead: 10e-6,
        compute_power: 70.0,
        idle_power: 10.0,
        memory_capacity: 16e9,
    },
    Sheet {
        name: "nvidia-a100",
        source: "NVIDIA A100 40GB SXM data sheet: 19.5 TFLOP/s float32 (no TF32, so that results do not change), \
                 1555 GB/s, 400 W. Assumed: efficiency 0.4 for one input at a time, depthwise 0.08, memory 0.6, \
                 8 us per layer, 50 W waiting",
        peak: 19.5e12,
        memory: 1555e9,
        efficiency: 0.4,
        vector_efficiency: 0.08,
        memory_efficiency: 0.6,
        overhead: 8e-6,
        compute_power: 400.0,
        idle_power: 50.0,
        memory_capacity: 40e9,
    },
];
