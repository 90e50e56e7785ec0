//! [`Mlp`]: fully connected layers with ReLU between them.

use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use mec_envs::rng::Prng;

use super::init::fan_in_uniform;
use super::parameters::Parameters;

/// A multilayer perceptron: y = W_n relu(... relu(W_0 x + b_0) ...) + b_n.
///
/// Parameters: `layer<i>/weight` `[inputs, outputs]` and `layer<i>/bias` `[1, outputs]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mlp {
    sizes: Vec<usize>,
}

impl Mlp {
    /// A perceptron from `inputs` through the `hidden` layers to `outputs`.
    pub fn new(inputs: usize, hidden: &[usize], outputs: usize) -> Self {
        Self { sizes: [&[inputs], hidden, &[outputs]].concat() }
    }

    /// Initial parameters.
    pub fn init(&self, rng: &mut Prng, device: &Device) -> Parameters {
        let mut entries = Vec::new();
        for (layer, size) in self.sizes.windows(2).enumerate() {
            entries.push((format!("layer{layer}/weight"), fan_in_uniform([size[0], size[1]], size[0], rng, device)));
            entries.push((format!("layer{layer}/bias"), fan_in_uniform([1, size[1]], size[0], rng, device)));
        }
        Parameters::new(entries)
    }

    /// # Shapes
    /// `input` `[batch, inputs]`, result `[batch, outputs]`.
    pub fn forward(&self, weights: &[Tensor<2>], input: Tensor<2>) -> Tensor<2> {
        let mut x = input;
        for (layer, pair) in weights.chunks_exact(2).enumerate() {
            if layer > 0 {
                x = relu(x);
            }
            x = x.matmul(pair[0].clone()) + pair[1].clone();
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use super::super::parameters::{host, matrix};
    use super::*;

    /// W_0 = [[1, -1]], b_0 = [0, 1], W_1 = [[2], [3]], b_1 = [0.5]; x = 2: relu([2, -1]) = [2, 0], y = 4.5;
    /// x = -1: relu([-1, 2]) = [0, 2], y = 6.5.
    #[test]
    fn forward_matches_numbers_worked_by_hand() {
        let device = Device::flex();
        let weights = [
            matrix(vec![1.0, -1.0], [1, 2], &device),
            matrix(vec![0.0, 1.0], [1, 2], &device),
            matrix(vec![2.0, 3.0], [2, 1], &device),
            matrix(vec![0.5], [1, 1], &device),
        ];
        let output = Mlp::new(1, &[2], 1).forward(&weights, matrix(vec![2.0, -1.0], [2, 1], &device));
        assert_eq!(host(output), [4.5, 6.5]);
    }
}
