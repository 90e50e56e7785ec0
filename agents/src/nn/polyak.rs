//! [`polyak_update`]: slow copies of networks.

use super::parameters::Parameters;

/// target <- (1 - tau) target + tau online, the exponential moving average of Lillicrap et al. 2016
/// (arXiv:1509.02971, algorithm 1); `tau` in (0, 1], 1 copies.
pub fn polyak_update(target: &mut Parameters, online: &Parameters, tau: f32) {
    for (slow, fast) in target.tensors_mut().iter_mut().zip(online.tensors()) {
        slow.inplace(|slow| slow * (1.0 - tau) + fast.clone() * tau);
    }
}

#[cfg(test)]
mod tests {
    use super::super::parameters::{host, matrix};
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn the_target_moves_by_tau() {
        let network = |value| Parameters::new(vec![("w".to_owned(), matrix(vec![value], [1, 1], &Device::flex()))]);
        let (mut target, online) = (network(1.0), network(3.0));
        polyak_update(&mut target, &online, 0.25);
        assert_eq!(host(target.tensors()[0].clone()), [1.5]);
        assert_eq!(host(online.tensors()[0].clone()), [3.0]);
    }
}
