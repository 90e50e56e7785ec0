//! [`Mlp`]: fully connected layers with a function between them.

use burn::tensor::{Device, Tensor};
use mec_envs::rng::Prng;

use super::activation::Activation;
use super::buffer::Buffer;
use super::dense::{affine, input_gradient, sum_of_rows, weight_gradient};
use super::dense_on_device::{self, unstacked};
use super::hidden::{Hidden, HiddenUnits, Norm};
use super::init::fan_in_uniform;
use super::matrix::Matrix;
use super::network::Track;
use super::parameters::Parameters;
use super::threads::Helpers;

/// A multilayer perceptron: y = W_n h_n + b_n, with h_(i+1) = f(norm(dropout(W_i h_i + b_i))) and h_0 = x; f is
/// the activation, ReLU unless asked otherwise.
///
/// Normalisation and dropout are options, in the order of DroQ (Hiraoka et al. 2022, arXiv:2110.02034, figure 1).
///
/// Parameters: `layer<i>/weight` `[inputs, outputs]` and `layer<i>/bias` `[1, outputs]`, and for each hidden layer with
/// normalisation `norm<i>/gain` and `norm<i>/shift` `[1, outputs]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Mlp {
    sizes: Vec<usize>,
    units: HiddenUnits,
}

impl Mlp {
    /// A perceptron from `inputs` through the `hidden` layers to `outputs`.
    pub fn new(inputs: usize, hidden: &[usize], outputs: usize) -> Self {
        let sizes = [&[inputs], hidden, &[outputs]].concat();
        Self { sizes, units: HiddenUnits::plain(Activation::Relu) }
    }

    /// The same with this function between its layers.
    #[must_use]
    pub fn activated(self, activation: Activation) -> Self {
        Self { units: HiddenUnits { activation, ..self.units }, ..self }
    }

    /// The same with normalisation, and with dropout of a share of the hidden units, 0 or more and below 1.
    #[must_use]
    pub fn regularized(self, norm: Norm, dropout: f32) -> Self {
        Self { units: HiddenUnits { norm, dropout, ..self.units }, ..self }
    }

    /// Initial parameters.
    pub fn init(&self, rng: &mut Prng, device: &Device) -> Parameters {
        let mut entries = Vec::new();
        for (layer, size) in self.sizes.windows(2).enumerate() {
            entries.push((format!("layer{layer}/weight"), fan_in_uniform([size[0], size[1]], size[0], rng, device)));
            entries.push((format!("layer{layer}/bias"), fan_in_uniform([1, size[1]], size[0], rng, device)));
            if layer + 2 < self.sizes.len() {
                entries.extend(self.units.init(layer, size[1], device));
            }
        }
        Parameters::new(entries)
    }

    pub(super) fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    fn layers(&self) -> usize {
        self.sizes.len() - 1
    }

    /// The parameters of a layer: weight and bias, and for some gain and shift.
    fn of_layer<'a, T>(&self, weights: &'a [T], layer: usize) -> &'a [T] {
        let stride = 2 + self.units.matrices();
        &weights[layer * stride..((layer + 1) * stride).min(weights.len())]
    }

    /// The outputs of stacked networks, `[members, batch, outputs]`, as operations that autodiff can record. With a
    /// generator for each, units are dropped.
    ///
    /// # Shapes
    /// `weights` as [`Parameters::stacked`] makes them; `input` `[1, batch, inputs]`.
    pub(super) fn on_device(&self, weights: &[Tensor<2>], input: Tensor<3>, rngs: &mut [&mut Prng]) -> Tensor<3> {
        let members = weights[0].dims()[0] / self.sizes[0];
        let weights: Vec<_> = weights.iter().map(|matrix| unstacked(matrix, members)).collect();
        let mut x = input;
        for layer in 0..self.layers() {
            let of_layer = self.of_layer(&weights, layer);
            x = dense_on_device::affine(x, &of_layer[0], &of_layer[1]);
            if layer + 1 < self.layers() {
                x = self.units.on_device(x, &of_layer[2..], rngs);
            }
        }
        x
    }

    /// The outputs, `[batch, outputs]`, and the hidden layers, computed in host memory.
    pub(super) fn on_host(
        &self,
        weights: &[Matrix],
        input: &[f32],
        mut rng: Option<&mut Prng>,
    ) -> (Buffer, Vec<Hidden>) {
        let rows = input.len() / self.sizes[0];
        let mut hidden: Vec<Hidden> = Vec::with_capacity(self.layers());
        for layer in 0..self.layers() - 1 {
            let x = hidden.last().map_or(input, |hidden| &hidden.output);
            let of_layer = self.of_layer(weights, layer);
            let size = [rows, self.sizes[layer], self.sizes[layer + 1]];
            let x = affine(x, of_layer[0].entries(), of_layer[1].entries(), size);
            hidden.push(self.units.on_host(x, &of_layer[2..], rng.as_deref_mut()));
        }
        let last = self.layers() - 1;
        let of_layer = self.of_layer(weights, last);
        let x = hidden.last().map_or(input, |hidden| &hidden.output);
        let size = [rows, self.sizes[last], self.sizes[last + 1]];
        (affine(x, of_layer[0].entries(), of_layer[1].entries(), size), hidden)
    }

    /// The way back of [`on_host`](Self::on_host): from the gradient at the outputs to those of what is tracked.
    pub(super) fn back(
        &self,
        weights: &[Matrix],
        (input, hidden): (&[f32], &[Hidden]),
        gradient: &[f32],
        (track, helpers): (Track, Helpers<'_>),
    ) -> Vec<Matrix> {
        let rows = input.len() / self.sizes[0];
        let mut gradient = Buffer::repeat(gradient, 1);
        let mut tracked = Vec::with_capacity(weights.len());
        for layer in (0..self.layers()).rev() {
            let of_layer = self.of_layer(weights, layer);
            let (k, n) = (self.sizes[layer], self.sizes[layer + 1]);
            if let Some(hidden) = hidden.get(layer) {
                let of_norm = self.units.back(hidden, &of_layer[2..], &mut gradient);
                tracked.extend(of_norm.into_iter().flatten().rev());
            }
            let of_weights = |gradient: &[f32]| {
                let x = if layer == 0 { input } else { &hidden[layer - 1].output };
                let bias = Matrix::host(sum_of_rows(gradient, n), [1, n]);
                [bias, Matrix::held(weight_gradient(x, gradient, [rows, k, n]), [k, n])]
            };
            let of_input = |gradient: &[f32]| input_gradient(gradient, of_layer[0].entries(), [rows, k, n]);
            match (track, layer) {
                (Track::Weights, 0) => tracked.extend(of_weights(&gradient)),
                (Track::Weights, _) => {
                    let (next, of_weights) = helpers.both(|| of_input(&gradient), || of_weights(&gradient));
                    tracked.extend(of_weights);
                    gradient = next;
                }
                (Track::Inputs { last }, 0) => {
                    let weight = &of_layer[0].entries()[(k - last) * n..];
                    return vec![Matrix::held(input_gradient(&gradient, weight, [rows, last, n]), [rows, last])];
                }
                (Track::Inputs { .. }, _) => gradient = of_input(&gradient),
            }
        }
        tracked.reverse();
        tracked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// W_0 = [[1, -1]], b_0 = [0, 1], W_1 = [[2], [3]], b_1 = [0.5]; x = 2: relu([2, -1]) = [2, 0], y = 4.5;
    /// x = -1: relu([-1, 2]) = [0, 2], y = 6.5. With dy = (1, 2): dW_1 = [2 x 1, 2 x 2], db_1 = 3, the hidden
    /// gradients are [2, 0] and [0, 6], so dW_0 = [2 x 2, -1 x 6], db_0 = [2, 6] and dx = (2, -6).
    #[test]
    fn both_ways_match_numbers_worked_by_hand() {
        let mlp = Mlp::new(1, &[2], 1);
        let row = |values: &[f32], shape| Matrix::host(values.to_vec(), shape);
        let weights =
            [row(&[1.0, -1.0], [1, 2]), row(&[0.0, 1.0], [1, 2]), row(&[2.0, 3.0], [2, 1]), row(&[0.5], [1, 1])];
        let (output, hidden) = mlp.on_host(&weights, &[2.0, -1.0], None);
        assert_eq!(output[..], [4.5, 6.5]);
        let pass = (&[2.0, -1.0][..], &hidden[..]);
        let gradients = mlp.back(&weights, pass, &[1.0, 2.0], (Track::Weights, Helpers::NONE));
        let gradients: Vec<_> = gradients.iter().map(Matrix::to_vec).collect();
        assert_eq!(gradients, [vec![4.0, -6.0], vec![2.0, 6.0], vec![2.0, 4.0], vec![3.0]]);
        let of_input = mlp.back(&weights, pass, &[1.0, 2.0], (Track::Inputs { last: 1 }, Helpers::NONE));
        assert_eq!(of_input[0].to_vec(), [2.0, -6.0]);
    }
}
