//! [`Parameters`]: the named matrices of a network.

use std::borrow::Cow;

use burn::tensor::{Device, Tensor};

use super::matrix::{Matrix, cut, joined, read, tensor};
use super::turns::shared;
use crate::checkpoint::CheckpointError;
use crate::offender::Offender;
use crate::state::StateDict;

/// The named weights of a network, in the order in which it reads them.
#[derive(Clone, Debug)]
pub struct Parameters {
    names: Vec<String>,
    matrices: Vec<Matrix>,
}

impl Parameters {
    /// Parameters of these names and values.
    pub fn new(entries: Vec<(String, Matrix)>) -> Self {
        let (names, matrices) = entries.into_iter().unzip();
        Self { names, matrices }
    }

    /// The matrices in order.
    pub fn matrices(&self) -> &[Matrix] {
        &self.matrices
    }

    /// The matrices in order, to be changed.
    pub fn matrices_mut(&mut self) -> &mut [Matrix] {
        &mut self.matrices
    }

    /// The names in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether they lie in host memory.
    pub fn on_host(&self) -> bool {
        self.matrices.iter().all(|matrix| matches!(matrix, Matrix::Host { .. }))
    }

    /// Where they lie.
    pub(crate) fn device(&self) -> Device {
        let on_device = self.matrices.iter().find_map(|matrix| match matrix {
            Matrix::Host { .. } => None,
            Matrix::Device(tensor) => Some(tensor.device()),
        });
        on_device.unwrap_or_else(Device::flex)
    }

    /// The matrices as tensors, none of them tracked by autodiff.
    pub fn tensors(&self) -> Vec<Tensor<2>> {
        self.matrices.iter().map(Matrix::tensor).collect()
    }

    /// The matrices on a device, to be changed.
    pub(crate) fn tensors_mut(&mut self) -> impl Iterator<Item = &mut Tensor<2>> {
        self.matrices.iter_mut().filter_map(|matrix| match matrix {
            Matrix::Host { .. } => None,
            Matrix::Device(tensor) => Some(tensor),
        })
    }

    /// The matrices as leaves of a new autodiff graph: what is computed with them records what `backward` needs.
    pub fn leaves(&self) -> Vec<Tensor<2>> {
        self.matrices.iter().map(|matrix| matrix.tensor().autodiff().require_grad()).collect()
    }

    /// The same values in host memory; from a device in one piece, since it waits for each.
    pub fn to_host(&self) -> Self {
        self.at_host().into_owned()
    }

    fn at_host(&self) -> Cow<'_, Self> {
        if self.on_host() {
            return Cow::Borrowed(self);
        }
        let shapes: Vec<_> = self.matrices.iter().map(Matrix::shape).collect();
        let row = shared(|| read(joined(self.tensors(), 1)));
        let matrices = cut(&row, &shapes).zip(&shapes).map(|(entries, &shape)| Matrix::host(entries.to_vec(), shape));
        Cow::Owned(Self { names: self.names.clone(), matrices: matrices.collect() })
    }

    /// The same values as tensors of `device`, whatever it is.
    pub fn on_device(&self, device: &Device) -> Self {
        let moved = |matrix: &Matrix| Matrix::Device(matrix.tensor().to_device(device));
        Self { names: self.names.clone(), matrices: self.matrices.iter().map(moved).collect() }
    }

    /// Networks of one architecture on a device, each matrix with those of all members one below the other.
    ///
    /// # Panics
    /// Of no members.
    pub(crate) fn stacked<'a>(members: impl Iterator<Item = &'a Self> + Clone, device: &Device) -> Self {
        let first = members.clone().next().expect("there are members to stack");
        let stack = |(place, matrix): (usize, &Matrix)| {
            let entries: Vec<f32> = members.clone().flat_map(|member| member.matrices[place].to_vec()).collect();
            let [_, columns] = matrix.shape();
            let rows = entries.len() / columns;
            Matrix::Device(tensor(entries, [rows, columns], device))
        };
        Self { matrices: first.matrices.iter().enumerate().map(stack).collect(), names: first.names.clone() }
    }

    /// The members of stacked networks, in host memory.
    pub(crate) fn apart(&self, members: usize) -> Vec<Self> {
        let all = self.at_host();
        let member = |place: usize| {
            let part = |matrix: &Matrix| {
                let ([rows, columns], len) = (matrix.shape(), matrix.entries().len() / members);
                Matrix::host(matrix.entries()[place * len..][..len].to_vec(), [rows / members, columns])
            };
            Self { names: self.names.clone(), matrices: all.matrices.iter().map(part).collect() }
        };
        (0..members).map(member).collect()
    }

    /// Each matrix with its worst entry, as `prefix/name`.
    pub fn offenders<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = Offender> + 'a {
        let named = self.names.iter().zip(&self.matrices);
        named.map(move |(name, matrix)| Offender::of(format!("{prefix}/{name}"), &matrix.to_vec()))
    }

    /// Adds the matrices to `state` as `prefix/name`.
    pub fn write(&self, prefix: &str, state: &mut StateDict) {
        for (name, matrix) in self.names.iter().zip(&self.at_host().matrices) {
            state.insert_array(format!("{prefix}/{name}"), &matrix.shape(), matrix.to_vec());
        }
    }

    /// The parameters stored as `prefix/name`, with the names, shapes and places of `self`.
    ///
    /// # Errors
    /// [`CheckpointError`] when one is missing or of another shape.
    pub fn read(&self, prefix: &str, state: &StateDict) -> Result<Self, CheckpointError> {
        let mut matrices = Vec::with_capacity(self.matrices.len());
        for (name, matrix) in self.names.iter().zip(&self.matrices) {
            matrices.push(read_like(matrix, &format!("{prefix}/{name}"), state)?);
        }
        Ok(Self { names: self.names.clone(), matrices })
    }
}

/// The array `name`, with the shape and at the place of `like`.
fn read_like(like: &Matrix, name: &str, state: &StateDict) -> Result<Matrix, CheckpointError> {
    let data = state.array(name, &like.shape())?.to_vec();
    Ok(match like {
        Matrix::Host { shape, .. } => Matrix::host(data, *shape),
        Matrix::Device(tensor) => Matrix::Device(self::tensor(data, tensor.dims(), &tensor.device())),
    })
}
