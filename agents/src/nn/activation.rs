//! [`Activation`]: what lies between the layers of a perceptron.

use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};
use wide::f32x8;

use super::dense::{relu, relu_gradient};

/// Entries that are computed at once.
const LANES: usize = 8;

/// The function between the layers of a perceptron.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// max(x, 0): the habit of off-policy methods.
    #[default]
    Relu,
    /// tanh x: steadier in on-policy methods (Andrychowicz et al. 2021, arXiv:2006.05990, section 3.2).
    Tanh,
}

impl Activation {
    /// The value at every entry, in host memory. An entry's result does not depend on its neighbours.
    pub(super) fn on_host(self, values: &mut [f32]) {
        match self {
            Self::Relu => relu(values),
            Self::Tanh => values.chunks_mut(LANES).for_each(|chunk| {
                let mut lanes = [0.0; LANES];
                lanes[..chunk.len()].copy_from_slice(chunk);
                chunk.copy_from_slice(&f32x8::from(lanes).tanh().to_array()[..chunk.len()]);
            }),
        }
    }

    /// Takes the gradient from behind the function to before it; `output` is the function's.
    pub(super) fn gradient(self, gradient: &mut [f32], output: &[f32]) {
        match self {
            Self::Relu => relu_gradient(gradient, output),
            Self::Tanh => gradient.iter_mut().zip(output).for_each(|(entry, output)| *entry *= 1.0 - output * output),
        }
    }

    /// The same as an operation that autodiff can record.
    pub(super) fn on_device<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Relu => activation::relu(x),
            Self::Tanh => activation::tanh(x),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tanh_and_its_gradient_are_those_of_the_standard_library_at_any_place_of_a_row() {
        let x: Vec<f32> = (-50..=53).map(|step| step as f32 * 0.4).chain([1e-5, -3e-4, 0.0]).collect();
        let mut y = x.clone();
        Activation::Tanh.on_host(&mut y);
        let mut gradient = vec![2.0; x.len()];
        Activation::Tanh.gradient(&mut gradient, &y);
        for ((x, y), gradient) in x.iter().zip(&y).zip(&gradient) {
            let exact = f64::from(*x).tanh();
            assert!((f64::from(*y) - exact).abs() < 2e-7, "tanh {x} is {y}");
            assert!((f64::from(*gradient) - 2.0 * (1.0 - exact * exact)).abs() < 1e-6, "at {x}: {gradient}");
            let mut alone = [*x];
            Activation::Tanh.on_host(&mut alone);
            assert_eq!(alone[0], *y);
        }
    }
}
