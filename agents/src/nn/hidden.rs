//! [`HiddenUnits`]: what happens between the dense layers of a network.

use burn::tensor::{Device, Tensor};
use mec_envs::rng::Prng;
use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::activation::Activation;
use super::buffer::Buffer;
use super::dense_on_device::scaled;
use super::layer_norm::{EPSILON, LayerNorm};
use super::matrix::{Matrix, tensor};

/// What keeps the hidden layers of a network in scale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// Nothing.
    #[default]
    None,
    /// Layer normalisation of each hidden layer (Ba, Kiros and Hinton 2016, arXiv:1607.06450).
    Layer,
}

/// h = f(norm(dropout(x))), with the outputs x of a dense layer and the activation f: the order of DroQ (Hiraoka et al.
/// 2022, arXiv:2110.02034, figure 1). Dropout is inverted: what is kept grows by as much as is dropped, so that a pass without
/// it needs no factor (Srivastava et al. 2014, section 10).
///
/// Parameters of hidden layer i with normalisation: `norm<i>/gain` and `norm<i>/shift`, `[1, units]`; else none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct HiddenUnits {
    pub(super) activation: Activation,
    pub(super) norm: Norm,
    /// The share that is dropped, 0 or more and below 1.
    pub(super) dropout: f32,
}

/// A hidden layer of a pass in host memory.
#[derive(Debug)]
pub(super) struct Hidden {
    /// h, `[rows, units]`.
    pub(super) output: Buffer,
    norm: Option<LayerNorm>,
    /// The factors of dropout.
    kept: Option<Vec<f32>>,
}

impl HiddenUnits {
    /// With this activation and nothing else.
    pub(super) const fn plain(activation: Activation) -> Self {
        Self { activation, norm: Norm::None, dropout: 0.0 }
    }

    /// How many matrices each hidden layer has.
    pub(super) fn matrices(self) -> usize {
        match self.norm {
            Norm::None => 0,
            Norm::Layer => 2,
        }
    }

    /// The initial parameters of a hidden layer, by name.
    pub(super) fn init(self, layer: usize, units: usize, device: &Device) -> impl Iterator<Item = (String, Matrix)> {
        let row = |(name, value)| (format!("norm{layer}/{name}"), Matrix::new(vec![value; units], [1, units], device));
        let entries: Vec<_> = [("gain", 1.0), ("shift", 0.0)][..self.matrices()].iter().copied().map(row).collect();
        entries.into_iter()
    }

    /// Factors 0 or 1 / (1 - share) of `len` units, if some are to be dropped.
    fn kept(self, len: usize, rng: Option<&mut Prng>) -> Option<Vec<f32>> {
        let rng = rng.filter(|_| self.dropout > 0.0)?;
        let scale = 1.0 / (1.0 - self.dropout);
        Some((0..len).map(|_| if rng.random::<f32>() < self.dropout { 0.0 } else { scale }).collect())
    }

    /// h of x, in host memory. With a generator, units are dropped.
    pub(super) fn on_host(self, mut x: Buffer, of_norm: &[Matrix], rng: Option<&mut Prng>) -> Hidden {
        let kept = self.kept(x.len(), rng);
        if let Some(kept) = &kept {
            x.iter_mut().zip(kept).for_each(|(value, factor)| *value *= factor);
        }
        let norm = match of_norm {
            [gain, shift] => Some(LayerNorm::forward(&mut x, gain.entries(), shift.entries())),
            _ => None,
        };
        self.activation.on_host(&mut x);
        Hidden { output: x, norm, kept }
    }

    /// Takes the gradient from h to x; returns those of gain and shift, if there are any.
    pub(super) fn back(self, hidden: &Hidden, of_norm: &[Matrix], gradient: &mut [f32]) -> Option<[Matrix; 2]> {
        self.activation.gradient(gradient, &hidden.output);
        let of_norm = hidden.norm.as_ref().map(|norm| norm.backward(gradient, of_norm[0].entries()));
        if let Some(kept) = &hidden.kept {
            gradient.iter_mut().zip(kept).for_each(|(entry, factor)| *entry *= factor);
        }
        of_norm.map(|rows| rows.map(|row| (row.len(), row)).map(|(units, row)| Matrix::host(row, [1, units])))
    }

    /// h of stacked networks, `[members, rows, units]`, as an operation that autodiff can record. With a generator for each
    /// member, units are dropped.
    pub(super) fn on_device(self, mut x: Tensor<3>, of_norm: &[Tensor<3>], rngs: &mut [&mut Prng]) -> Tensor<3> {
        let [members, rows, units] = x.dims();
        let kept = rngs.iter_mut().filter_map(|rng| self.kept(rows * units, Some(rng)));
        let kept: Vec<f32> = kept.flatten().collect();
        if !kept.is_empty() {
            x = x.clone() * tensor(kept, [members, rows, units], &x.device().inner());
        }
        if let [gain, shift] = of_norm {
            let centred = x.clone() - x.mean_dim(2);
            let variance = centred.clone().square().mean_dim(2);
            x = scaled(centred / (variance + EPSILON).sqrt(), gain, shift);
        }
        self.activation.on_device(x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropout_keeps_the_mean_of_what_it_drops() {
        let units = HiddenUnits { dropout: 0.25, ..HiddenUnits::plain(Activation::Relu) };
        let kept = units.kept(40_000, Some(&mut mec_envs::rng::stream(1, "dropout"))).unwrap();
        let dropped = kept.iter().filter(|&&factor| factor == 0.0).count();
        // 10,000 expected, standard deviation 87.
        assert!((9_600..10_400).contains(&dropped), "{dropped}");
        assert!(kept.iter().all(|&factor| factor == 0.0 || factor == 1.0 / 0.75));
        assert!(units.kept(3, None).is_none());
    }
}
