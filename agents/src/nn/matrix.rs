//! [`Matrix`]: numbers in host memory, or in a tensor of another device.

use burn::tensor::{Device, Tensor, TensorData};

use super::buffer::Buffer;
use super::turns::shared;

/// A matrix, stored row by row.
///
/// # Design
/// On the CPU, networks of this crate compute with kernels of their own on plain vectors: burn's autodiff costs a
/// quarter of an update there, most of it in separate passes over activations and in gradients that nobody reads.
/// On any other device a matrix is a burn tensor, and burn's autodiff is used.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // a burn tensor alone is 256 bytes, and networks have a few of these
pub enum Matrix {
    /// In host memory.
    Host {
        /// `[rows, columns]`.
        shape: [usize; 2],
        /// `rows * columns` entries.
        data: Buffer,
    },
    /// On a device, without autodiff.
    Device(Tensor<2>),
}

impl Matrix {
    /// A matrix of these entries: in host memory if `device` is the CPU.
    ///
    /// # Panics
    /// When the entries do not fill the shape.
    pub fn new(data: Vec<f32>, shape: [usize; 2], device: &Device) -> Self {
        Self::at(device, data.into(), shape)
    }

    /// A matrix in host memory.
    ///
    /// # Panics
    /// When the entries do not fill the shape.
    pub fn host(data: Vec<f32>, shape: [usize; 2]) -> Self {
        Self::held(data.into(), shape)
    }

    /// [`new`](Self::new) of a buffer.
    pub(super) fn at(device: &Device, data: Buffer, shape: [usize; 2]) -> Self {
        if is_host(device) { Self::held(data, shape) } else { Self::Device(tensor(data.into_vec(), shape, device)) }
    }

    /// [`host`](Self::host) of a buffer.
    pub(super) fn held(data: Buffer, shape: [usize; 2]) -> Self {
        assert_eq!(data.len(), shape[0] * shape[1], "the entries must fill the shape {shape:?}");
        Self::Host { shape, data }
    }

    /// Zeros of the shape, and at the place, of this one.
    pub fn zeros_like(&self) -> Self {
        match self {
            Self::Host { shape, data } => Self::Host { shape: *shape, data: Buffer::zeros(data.len()) },
            Self::Device(tensor) => Self::Device(tensor.zeros_like()),
        }
    }

    /// `[rows, columns]`.
    pub fn shape(&self) -> [usize; 2] {
        match self {
            Self::Host { shape, .. } => *shape,
            Self::Device(tensor) => tensor.dims(),
        }
    }

    /// The entries, read back from the device if need be.
    pub fn to_vec(&self) -> Vec<f32> {
        match self {
            Self::Host { data, .. } => data.to_vec(),
            Self::Device(tensor) => read(tensor.clone()),
        }
    }

    /// The entries of a matrix in host memory.
    ///
    /// # Panics
    /// When it is on a device.
    pub fn entries(&self) -> &[f32] {
        match self {
            Self::Host { data, .. } => data,
            Self::Device(_) => panic!("this matrix is on a device: read it with to_vec"),
        }
    }

    /// The entries of a matrix in host memory.
    ///
    /// # Panics
    /// When it is on a device.
    pub fn entries_mut(&mut self) -> &mut [f32] {
        match self {
            Self::Host { data, .. } => data,
            Self::Device(_) => panic!("this matrix is on a device: replace it"),
        }
    }

    /// The matrix as a tensor; one in host memory is copied to the CPU device.
    pub fn tensor(&self) -> Tensor<2> {
        match self {
            Self::Host { shape, data } => tensor(data.to_vec(), *shape, &Device::flex()),
            Self::Device(tensor) => tensor.clone(),
        }
    }
}

/// Whether matrices of this device lie in host memory.
pub fn is_host(device: &Device) -> bool {
    *device == Device::flex()
}

/// A tensor of these entries.
pub fn tensor<const D: usize>(data: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    shared(|| Tensor::from_data(TensorData::new(data, shape), device))
}

/// The entries of some tensors in one row, or if each has those of several networks one below the other, in a row for
/// each of these, `[members, entries]`: on a device an operation on all costs as much as one on each of them.
pub(crate) fn joined(tensors: impl IntoIterator<Item = Tensor<2>>, members: usize) -> Tensor<2> {
    Tensor::cat(tensors.into_iter().map(|tensor| tensor.reshape([members as i32, -1])).collect(), 1)
}

/// Tensors of these shapes from what [`joined`] makes of them.
pub(crate) fn apart(rows: &Tensor<2>, shapes: &[[usize; 2]]) -> impl Iterator<Item = Tensor<2>> {
    apart_at(1, rows, shapes)
}

/// The same where each begins at a multiple of so many entries.
pub(super) fn apart_at(alignment: usize, rows: &Tensor<2>, shapes: &[[usize; 2]]) -> impl Iterator<Item = Tensor<2>> {
    let members = rows.dims()[0];
    shapes.iter().scan(0, move |start, &shape| {
        let len = shape[0] * shape[1] / members;
        let this = rows.clone().narrow(1, *start, len);
        *start += len.next_multiple_of(alignment);
        Some(this.reshape(shape))
    })
}

/// The entries of matrices of these shapes in one row that has those of all of them.
pub(super) fn cut<'a>(row: &'a [f32], shapes: &'a [[usize; 2]]) -> impl Iterator<Item = &'a [f32]> {
    shapes.iter().scan(row, |rest, &[rows, columns]| {
        let (this, later) = rest.split_at(rows * columns);
        *rest = later;
        Some(this)
    })
}

/// The entries of a tensor, row by row.
pub fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    shared(|| tensor.into_data()).try_into_vec().expect("all tensors of this crate hold f32")
}
