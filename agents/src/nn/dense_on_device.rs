//! Dense layers of stacked networks on a device, and sums that it can share out.
//!
//! # Design
//! Without tuning, burn gives a sum along an axis of a tensor to one thread per result, which reads entry after entry at
//! the pace of the memory: some 0.4 us a row, if the times of an H100 are read rightly (docs/performance/gpu.md). So what
//! every row of a batch is added to or multiplied with meets them in chunks of rows, whose gradients are then summed over
//! chunks and within one, by many threads at once.

use burn::tensor::Tensor;

/// The matrices of several networks that lie one below the other, `[members, rows, columns]`.
pub(super) fn unstacked(matrix: &Tensor<2>, members: usize) -> Tensor<3> {
    let [rows, columns] = matrix.dims();
    matrix.clone().reshape([members, rows / members, columns])
}

/// x weight + bias, `[members, rows, outputs]`; `bias` is `[members, 1, outputs]`.
pub(super) fn affine(x: Tensor<3>, weight: &Tensor<3>, bias: &Tensor<3>) -> Tensor<3> {
    in_rows(in_chunks(x.matmul(weight.clone())) + bias.clone().unsqueeze_dim(1))
}

/// x with each row times gain plus shift, `[members, 1, columns]` each.
pub(super) fn scaled(x: Tensor<3>, gain: &Tensor<3>, shift: &Tensor<3>) -> Tensor<3> {
    in_rows(in_chunks(x) * gain.clone().unsqueeze_dim(1) + shift.clone().unsqueeze_dim(1))
}

/// `[members, rows, columns]` as `[members, chunks, rows of a chunk, columns]`.
fn in_chunks(x: Tensor<3>) -> Tensor<4> {
    let [members, rows, columns] = x.dims();
    let chunks = chunks(rows);
    x.reshape([members, chunks, rows / chunks, columns])
}

/// The reverse of [`in_chunks`].
fn in_rows(x: Tensor<4>) -> Tensor<3> {
    let [members, chunks, rows, columns] = x.dims();
    x.reshape([members, chunks * rows, columns])
}

/// The sum of all entries.
pub(crate) fn total<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    let entries = x.dims().iter().product();
    let chunks = chunks(entries);
    x.reshape([chunks, entries / chunks]).sum_dim(1).sum()
}

/// The sum of each row, `[rows, 1]` of `[rows, columns]`; there may be a million columns.
pub(super) fn row_sums(x: Tensor<2>) -> Tensor<2> {
    const CHUNK: usize = 1_024;
    let [rows, columns] = x.dims();
    let missing = columns.next_multiple_of(CHUNK) - columns;
    let x = if missing == 0 { x } else { Tensor::cat(vec![x.clone(), Tensor::zeros([rows, missing], &x.device())], 1) };
    let chunks = (columns + missing) / CHUNK;
    x.reshape([rows * chunks, CHUNK]).sum_dim(1).reshape([rows, chunks]).sum_dim(1)
}

/// The largest divisor whose square is at most `rows`.
fn chunks(rows: usize) -> usize {
    (1..=rows.isqrt()).rev().find(|&divisor| rows.is_multiple_of(divisor)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{read, tensor};
    use burn::tensor::Device;

    #[test]
    fn chunks_are_as_square_as_divisors_allow() {
        assert_eq!([0, 1, 2, 13, 640, 256, 16_384].map(chunks), [1, 1, 1, 1, 20, 16, 128]);
    }

    #[test]
    fn sums_in_steps_are_sums() {
        let entries = |len: usize| (0..len).map(|at| (at % 7) as f32).collect::<Vec<_>>();
        let x = tensor(entries(60), [2, 3, 10], &Device::flex());
        assert_eq!(read(total(x)), [entries(60).iter().sum::<f32>()]);
        for columns in [1, 1_024, 3_000] {
            let row = entries(2 * columns);
            let sums = row.chunks(columns).map(|row| row.iter().sum::<f32>()).collect::<Vec<_>>();
            assert_eq!(read(row_sums(tensor(row, [2, columns], &Device::flex()))), sums);
        }
    }

    #[test]
    fn rows_keep_their_order_in_chunks() {
        let entries: Vec<f32> = (0..2 * 12 * 3).map(|at| at as f32).collect();
        let x = tensor(entries.clone(), [2, 12, 3], &Device::flex());
        let chunked = in_chunks(x);
        assert_eq!(chunked.dims(), [2, 3, 4, 3]);
        assert_eq!(read(in_rows(chunked)), entries);
    }
}
