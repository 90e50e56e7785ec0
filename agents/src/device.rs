//! Where tensors are computed: [`DeviceKind`] in configurations, [`open`] at run time.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A device of burn. The backend is a property of this value; no type parameter tells it.
pub use burn::tensor::Device;

/// The kinds of devices that a configuration can name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// The CPU through burn's `flex` backend: always there, and the fastest CPU backend.
    #[default]
    Cpu,
    /// The CPU through burn's older `ndarray` backend; needs the cargo feature `ndarray`.
    Ndarray,
    /// A GPU through Vulkan, Metal or DirectX; needs the cargo feature `wgpu`.
    Wgpu,
    /// An NVIDIA GPU; needs the cargo feature `cuda`. Building it fetches LLVM from burn's release page
    /// (`tracel-llvm-bundler`), so it needs network access; `DOCS_RS=1 cargo check --features cuda` does without.
    Cuda,
    /// The first of `cuda`, `wgpu` (on a real GPU) and `cpu` that opens.
    Auto,
}

impl DeviceKind {
    /// All kinds.
    pub const ALL: [DeviceKind; 5] = [Self::Cpu, Self::Ndarray, Self::Wgpu, Self::Cuda, Self::Auto];

    fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Ndarray => "ndarray",
            Self::Wgpu => "wgpu",
            Self::Cuda => "cuda",
            Self::Auto => "auto",
        }
    }
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DeviceKind {
    type Err = DeviceError;

    fn from_str(name: &str) -> Result<Self, DeviceError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| DeviceError::Unknown { found: name.to_owned() })
    }
}

/// A device that cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// No such kind.
    #[error("there is no device {found:?}; accepted are cpu, ndarray, wgpu, cuda, auto")]
    Unknown {
        /// The name given.
        found: String,
    },
    /// This program was built without it.
    #[error("this build has no {kind} device (build with --features {kind}); available are {available}")]
    NotCompiledIn {
        /// The kind asked for.
        kind: DeviceKind,
        /// What opens here.
        available: String,
    },
    /// This machine does not have it.
    #[error("no {kind} device works on this machine: {reason}; available are {available}")]
    NotPresent {
        /// The kind asked for.
        kind: DeviceKind,
        /// What burn said.
        reason: String,
        /// What opens here.
        available: String,
    },
}

/// Opens a device and runs a tiny computation on it, so that a missing driver is found here and not in training.
///
/// # Errors
/// [`DeviceError`], which names the devices that work here. Never panics.
pub fn open(kind: DeviceKind) -> Result<Device, DeviceError> {
    match probe(kind) {
        Ok(device) => Ok(device),
        Err(Unavailable::NotCompiledIn) => Err(DeviceError::NotCompiledIn { kind, available: available_names() }),
        Err(Unavailable::NotPresent(reason)) => {
            Err(DeviceError::NotPresent { kind, reason, available: available_names() })
        }
    }
}

/// The kinds of devices that open on this machine in this build ([`DeviceKind::Auto`] aside).
pub fn available() -> Vec<DeviceKind> {
    DeviceKind::ALL.into_iter().filter(|&kind| kind != DeviceKind::Auto && probe(kind).is_ok()).collect()
}

fn available_names() -> String {
    available().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

enum Unavailable {
    NotCompiledIn,
    #[cfg_attr(not(any(feature = "wgpu", feature = "cuda")), allow(dead_code))]
    NotPresent(String),
}

fn probe(kind: DeviceKind) -> Result<Device, Unavailable> {
    match kind {
        DeviceKind::Cpu => Ok(Device::flex()),
        DeviceKind::Ndarray => ndarray(),
        DeviceKind::Wgpu => wgpu(),
        DeviceKind::Cuda => cuda(),
        DeviceKind::Auto => cuda().or_else(|_| wgpu_gpu()).or_else(|_| Ok(Device::flex())),
    }
}

#[cfg(feature = "ndarray")]
#[allow(deprecated)] // burn deprecates it in favour of flex; kept for comparisons
fn ndarray() -> Result<Device, Unavailable> {
    Ok(Device::ndarray())
}

#[cfg(not(feature = "ndarray"))]
fn ndarray() -> Result<Device, Unavailable> {
    Err(Unavailable::NotCompiledIn)
}

#[cfg(feature = "cuda")]
fn cuda() -> Result<Device, Unavailable> {
    works(|| Device::cuda(0))
}

#[cfg(not(feature = "cuda"))]
fn cuda() -> Result<Device, Unavailable> {
    Err(Unavailable::NotCompiledIn)
}

#[cfg(feature = "wgpu")]
fn wgpu() -> Result<Device, Unavailable> {
    works(|| Device::wgpu(burn::tensor::DeviceKind::DefaultDevice))
}

#[cfg(not(feature = "wgpu"))]
fn wgpu() -> Result<Device, Unavailable> {
    Err(Unavailable::NotCompiledIn)
}

/// A wgpu device that is a GPU: software drivers are slower than the CPU backend.
#[cfg(feature = "wgpu")]
fn wgpu_gpu() -> Result<Device, Unavailable> {
    works(|| Device::wgpu(burn::tensor::DeviceKind::DiscreteGpu(0)))
        .or_else(|_| works(|| Device::wgpu(burn::tensor::DeviceKind::IntegratedGpu(0))))
}

#[cfg(not(feature = "wgpu"))]
fn wgpu_gpu() -> Result<Device, Unavailable> {
    Err(Unavailable::NotCompiledIn)
}

/// The device, if 2 x 2 = 4 on it. burn panics where a driver is missing, so the panic is caught; its message goes
/// to standard error through the panic hook of the program, which is left alone because it is process-wide.
#[cfg_attr(not(any(feature = "wgpu", feature = "cuda")), allow(dead_code))]
fn works(make: impl FnOnce() -> Device) -> Result<Device, Unavailable> {
    let attempt = catch_unwind(AssertUnwindSafe(|| {
        let device = make();
        let two = Tensor::<1>::from_floats([2.0_f32], &device);
        let four = (two.clone() * two).try_into_data().map_err(|error| error.to_string())?;
        match four.try_to_vec::<f32>() {
            Ok(values) if values == [4.0] => Ok(device),
            other => Err(format!("2 x 2 gave {other:?}")),
        }
    }));
    attempt.unwrap_or_else(|panic| Err(panic_message(panic.as_ref()))).map_err(Unavailable::NotPresent)
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_always_opens_and_works() {
        assert!(open(DeviceKind::Cpu).is_ok());
        assert!(open(DeviceKind::Auto).is_ok());
        assert!(available().contains(&DeviceKind::Cpu));
        assert!(works(Device::flex).is_ok());
    }

    #[test]
    fn names_round_trip_and_a_wrong_one_lists_the_right_ones() {
        for kind in DeviceKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        assert!("gpu".parse::<DeviceKind>().unwrap_err().to_string().contains("cpu, ndarray, wgpu, cuda, auto"));
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_device_that_is_not_compiled_in_is_an_error_that_lists_the_others() {
        let error = open(DeviceKind::Cuda).unwrap_err();
        assert!(error.to_string().contains("available are cpu"), "{error}");
    }

    #[test]
    fn a_panicking_driver_is_an_error() {
        let error = works(|| panic!("no driver")).unwrap_err();
        assert!(matches!(error, Unavailable::NotPresent(reason) if reason == "no driver"));
    }
}
