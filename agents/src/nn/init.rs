//! Initial weights, drawn from our own generators.

use burn::tensor::Device;
use mec_envs::rng::Prng;
use rand::RngExt;

use super::matrix::Matrix;

/// Weights uniform in ±1/sqrt(`fan_in`): what PyTorch's `Linear` starts with, and so the networks of SB3 and CleanRL.
///
/// burn's own initialisers draw from a process-wide generator, at a layer's first use: two runs in one process would
/// disturb each other.
///
/// # Shapes
/// Returns `shape`, `[inputs, outputs]`.
pub fn fan_in_uniform(shape: [usize; 2], fan_in: usize, rng: &mut Prng, device: &Device) -> Matrix {
    let bound = 1.0 / (fan_in.max(1) as f32).sqrt();
    let data = (0..shape[0] * shape[1]).map(|_| rng.random_range(-bound..=bound)).collect();
    Matrix::new(data, shape, device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mec_envs::rng::stream;

    #[test]
    fn weights_stay_within_the_bound_and_follow_the_seed() {
        let draw = |seed| fan_in_uniform([25, 40], 25, &mut stream(seed, "init"), &Device::flex()).to_vec();
        let weights = draw(1);
        assert!(weights.iter().all(|weight| weight.abs() <= 0.2));
        let variance = weights.iter().map(|weight| weight * weight).sum::<f32>() / 1000.0;
        assert!((variance - 0.04 / 3.0).abs() < 0.0015, "{variance}");
        assert_eq!(weights, draw(1));
        assert_ne!(weights, draw(2));
    }
}
