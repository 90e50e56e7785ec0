//! [`polyak_update`]: slow copies of networks.

use super::dense::wide;
use super::matrix::Matrix;
use super::parameters::Parameters;

/// target <- (1 - tau) target + tau online, the exponential moving average of Lillicrap et al. 2016
/// (arXiv:1509.02971, algorithm 1); `tau` in (0, 1], 1 copies.
///
/// # Panics
/// When the two lie in different places.
pub fn polyak_update(target: &mut Parameters, online: &Parameters, tau: f32) {
    for (slow, fast) in target.matrices_mut().iter_mut().zip(online.matrices()) {
        match (slow, fast) {
            (Matrix::Host { data: slow, .. }, Matrix::Host { data: fast, .. }) => {
                wide(
                    #[inline(always)]
                    || {
                        for (slow, fast) in slow.iter_mut().zip(fast.iter()) {
                            *slow = *slow * (1.0 - tau) + fast * tau;
                        }
                    },
                );
            }
            (Matrix::Device(slow), Matrix::Device(fast)) => {
                slow.inplace(|slow| slow * (1.0 - tau) + fast.clone() * tau);
            }
            _ => panic!("a network and its slow copy lie in one place"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn the_target_moves_by_tau_in_host_memory_and_on_a_device() {
        let network = |value| Parameters::new(vec![("w".to_owned(), Matrix::host(vec![value], [1, 1]))]);
        for place in [|network: Parameters| network, |network: Parameters| network.on_device(&Device::flex())] {
            let (mut target, online) = (place(network(1.0)), place(network(3.0)));
            polyak_update(&mut target, &online, 0.25);
            assert_eq!(target.matrices()[0].to_vec(), [1.5]);
            assert_eq!(online.matrices()[0].to_vec(), [3.0]);
        }
    }
}
