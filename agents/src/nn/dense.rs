//! The kernels of dense layers in host memory. All matrices are stored row by row.
//!
//! A product of an `[m, k]` and a `[k, n]` matrix has the size `[m, k, n]`. Products run on the calling thread: on
//! matrices of the size that agents have, splitting one over threads costs more than it gives.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

use super::buffer::Buffer;

/// The size of a product.
pub(super) type Size = [usize; 3];

/// input weight + bias, `[m, n]`; `bias` is `[n]`, or empty for none.
pub(super) fn affine(input: &[f32], weight: &[f32], bias: &[f32], [m, k, n]: Size) -> Buffer {
    if !bias.is_empty() {
        return add_product(Buffer::repeat(bias, m), input, weight, [m, k, n]);
    }
    let mut output = Buffer::stale(m * n);
    let (input, weight) = (rows(input, m, k), rows(weight, k, n));
    matmul(rows_mut(&mut output, m, n), Accum::Replace, input, weight, 1.0, Par::Seq);
    output
}

/// `output` + input weight, `[m, n]`.
pub(super) fn add_product(mut output: Buffer, input: &[f32], weight: &[f32], [m, k, n]: Size) -> Buffer {
    let (input, weight) = (rows(input, m, k), rows(weight, k, n));
    matmul(rows_mut(&mut output, m, n), Accum::Add, input, weight, 1.0, Par::Seq);
    output
}

/// input^T gradient, `[k, n]`: what the weights of [`affine`] contribute to a loss whose gradient at the output is
/// `[m, n]`.
pub(super) fn weight_gradient(input: &[f32], gradient: &[f32], [m, k, n]: Size) -> Buffer {
    let mut result = Buffer::stale(k * n);
    let (input, gradient) = (rows(input, m, k), rows(gradient, m, n));
    matmul(rows_mut(&mut result, k, n), Accum::Replace, input.transpose(), gradient, 1.0, Par::Seq);
    result
}

/// gradient weight^T, `[m, k]`: what the input of [`affine`] contributes.
pub(super) fn input_gradient(gradient: &[f32], weight: &[f32], [m, k, n]: Size) -> Buffer {
    let mut result = Buffer::stale(m * k);
    let (gradient, weight) = (rows(gradient, m, n), rows(weight, k, n));
    matmul(rows_mut(&mut result, m, k), Accum::Replace, gradient, weight.transpose(), 1.0, Par::Seq);
    result
}

/// The sum of the rows of an `[m, n]` matrix, `[n]`: what the bias of [`affine`] contributes.
pub(super) fn sum_of_rows(matrix: &[f32], n: usize) -> Vec<f32> {
    let mut sum = vec![0.0; n];
    wide(
        #[inline(always)]
        || matrix.chunks_exact(n).for_each(|row| add(&mut sum, row)),
    );
    sum
}

/// Adds `other` to `values`, entry by entry.
#[inline(always)]
pub(super) fn add(values: &mut [f32], other: &[f32]) {
    for (value, other) in values.iter_mut().zip(other) {
        *value += other;
    }
}

/// max(x, 0) of every entry. What is no number stays none, and minus infinity becomes none, or nobody would see that a
/// network is broken.
pub(super) fn relu(values: &mut [f32]) {
    wide(
        #[inline(always)]
        || {
            // As a product, because a choice is not made in vector instructions, and the standard maximum drops what is no
            // number. The sum makes a positive zero of a negative one.
            for value in values {
                *value = *value * f32::from(u8::from(*value > 0.0)) + 0.0;
            }
        },
    );
}

/// The gradient at the input of [`relu`], from the one at its output and that output.
pub(super) fn relu_gradient(gradient: &mut [f32], output: &[f32]) {
    wide(
        #[inline(always)]
        || {
            // A product, because a choice between the gradient and zero is not made in vector instructions. The gradient
            // of a closed unit must be a number for that; where one is not, the update is lost anyway.
            for (gradient, &output) in gradient.iter_mut().zip(output) {
                *gradient *= f32::from(u8::from(output > 0.0));
            }
        },
    );
}

/// Does the work with the widest vector instructions of this processor. Entry by entry, the result is the same.
#[inline(always)]
pub(super) fn wide<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}

fn rows(data: &[f32], rows: usize, columns: usize) -> MatRef<'_, f32> {
    MatRef::from_row_major_slice(data, rows, columns)
}

fn rows_mut(data: &mut [f32], rows: usize, columns: usize) -> MatMut<'_, f32> {
    MatMut::from_row_major_slice_mut(data, rows, columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// x = [[1, 2], [3, -1]], w = [[1, 0, 2], [-1, 1, 0.5]], b = [0, 1, -1]: x w = [[-1, 2, 3], [4, -1, 5.5]].
    #[test]
    fn products_match_numbers_worked_by_hand() {
        let (x, w, b) = ([1.0, 2.0, 3.0, -1.0], [1.0, 0.0, 2.0, -1.0, 1.0, 0.5], [0.0, 1.0, -1.0]);
        let mut y = affine(&x, &w, &b, [2, 2, 3]);
        assert_eq!(y[..], [-1.0, 3.0, 2.0, 4.0, 0.0, 4.5]);
        relu(&mut y);
        assert_eq!(y[..], [0.0, 3.0, 2.0, 4.0, 0.0, 4.5]);
        let mut odd = [-3.0, -0.0, f32::NAN, f32::NEG_INFINITY, f32::INFINITY];
        relu(&mut odd);
        assert_eq!(odd.map(|entry| entry.is_nan()), [false, false, true, true, false]);
        assert!(odd[..2].iter().all(|entry| entry.to_bits() == 0) && odd[4] == f32::INFINITY);
        let mut gradient = [1.0, 1.0, 2.0, -1.0, 5.0, 0.0];
        relu_gradient(&mut gradient, &y);
        assert_eq!(gradient, [0.0, 1.0, 2.0, -1.0, 0.0, 0.0]);
        // x^T g = [[1 x 0 - 3, 1, 2], [2 x 0 + 1, 2, 4]].
        assert_eq!(weight_gradient(&x, &gradient, [2, 2, 3])[..], [-3.0, 1.0, 2.0, 1.0, 2.0, 4.0]);
        // g w^T = [[4, 1 + 1], [-1, 1]].
        assert_eq!(input_gradient(&gradient, &w, [2, 2, 3])[..], [4.0, 2.0, -1.0, 1.0]);
        assert_eq!(sum_of_rows(&gradient, 3), [-1.0, 1.0, 2.0]);
    }

    /// Sizes for every kernel of the product: square, narrow, a single column, a single row, more than one block deep.
    #[test]
    fn products_do_not_depend_on_what_their_memory_held() {
        for size @ [m, k, n] in [[64, 64, 64], [256, 40, 16], [1100, 7, 1], [1, 1500, 1200], [96, 2000, 33]] {
            let entries = |len: usize, step: f32| (0..len).map(|at| (at as f32 * step).sin()).collect::<Vec<f32>>();
            let (x, w, gradient) = (entries(m * k, 0.7), entries(k * n, 1.3), entries(m * n, 0.3));
            let all = || {
                [affine(&x, &w, &[], size), weight_gradient(&x, &gradient, size), input_gradient(&gradient, &w, size)]
            };
            let first = all().map(Buffer::into_vec);
            let spoil = |entries: &Vec<f32>| drop(Buffer::from(vec![f32::NAN; entries.len()]));
            first.iter().for_each(spoil);
            assert_eq!(all().map(Buffer::into_vec), first, "{size:?}");
        }
    }
}
