//! [`Feed`]: numbers of the host for a device.

use burn::tensor::{Device, Tensor};

use super::matrix::{apart_at, tensor};

/// Parts begin at multiples of this many entries, of 256 bytes: WebGPU allows no finer views than that everywhere, and a
/// part that cannot be a view is a copy.
const ALIGNMENT: usize = 64;

/// Matrices that go to a device in one row, one upload, and lie apart there as views of it.
#[derive(Debug)]
pub(crate) struct Feed {
    row: Vec<f32>,
    shapes: Vec<[usize; 2]>,
}

impl Feed {
    /// An empty feed with room for this many entries.
    pub(crate) fn with_capacity(entries: usize) -> Self {
        Self { row: Vec::with_capacity(entries), shapes: Vec::new() }
    }

    /// Appends a matrix of this shape, stored row by row.
    pub(crate) fn push(&mut self, entries: &[f32], shape: [usize; 2]) {
        debug_assert_eq!(entries.len(), shape[0] * shape[1]);
        self.row.extend_from_slice(entries);
        self.row.resize(self.row.len().next_multiple_of(ALIGNMENT), 0.0);
        self.shapes.push(shape);
    }

    /// The shapes of what was pushed, in order.
    pub(crate) fn shapes(&self) -> &[[usize; 2]] {
        &self.shapes
    }

    /// The row on a device, `[1, entries]`.
    pub(crate) fn upload(self, device: &Device) -> Tensor<2> {
        let len = self.row.len();
        tensor(self.row, [1, len], device)
    }
}

/// What was pushed, from the row on a device and the shapes.
pub(crate) fn parts(row: &Tensor<2>, shapes: &[[usize; 2]]) -> impl Iterator<Item = Tensor<2>> {
    apart_at(ALIGNMENT, row, shapes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::read;

    #[test]
    fn parts_come_back_as_they_were_pushed() {
        let matrices = [([2, 3], 1.0), ([1, 1], 7.0), ([64, 1], 8.0), ([5, 20], 80.0)];
        let entries = |[rows, columns]: [usize; 2], first: f32| -> Vec<f32> {
            (0..rows * columns).map(|at| first + at as f32).collect()
        };
        let mut feed = Feed::with_capacity(100);
        matrices.iter().for_each(|&(shape, first)| feed.push(&entries(shape, first), shape));
        let shapes = feed.shapes().to_vec();
        let row = feed.upload(&Device::flex());
        let found: Vec<_> = parts(&row, &shapes).map(|part| (part.dims(), read(part))).collect();
        assert_eq!(found, matrices.map(|(shape, first)| (shape, entries(shape, first))));
    }
}
