//! [`Followed`]: a network and the slow copy that targets are made with.

use burn::tensor::{Device, Tensor};

use crate::checkpoint::CheckpointError;
use crate::nn::{AdamConfig, Parameters, Trained, polyak_update};
use crate::offender::Offender;
use crate::state::StateDict;

/// A network and its slow copy.
#[derive(Clone, Debug)]
pub struct Followed {
    /// What gradients change.
    pub online: Trained,
    /// What targets are made with.
    pub target: Parameters,
}

impl Followed {
    /// These weights before their first step, and an equal copy.
    pub fn new(weights: Parameters, adam: AdamConfig) -> Self {
        Self { target: weights.clone(), online: Trained::new(weights, adam) }
    }

    /// Lets the copy take over this share of the weights, in (0, 1].
    pub fn follow(&mut self, tau: f64) {
        polyak_update(&mut self.target, &self.online.weights, tau as f32);
    }

    /// Networks that take their steps together on a device, stacked.
    pub(crate) fn stacked<'a>(members: impl Iterator<Item = &'a Self> + Clone, device: &Device) -> Self {
        let target = Parameters::stacked(members.clone().map(|member| &member.target), device);
        Self { online: Trained::stacked(members.map(|member| &member.online), device), target }
    }

    /// The members of stacked networks, in host memory.
    pub(crate) fn apart(&self) -> Vec<Self> {
        let online = self.online.apart();
        let targets = self.target.apart(online.len());
        online.into_iter().zip(targets).map(|(online, target)| Self { online, target }).collect()
    }

    /// All that changes, on a device.
    pub(crate) fn tensors_mut(&mut self) -> impl Iterator<Item = &mut Tensor<2>> {
        self.online.tensors_mut().chain(self.target.tensors_mut())
    }

    /// All tensors with their worst entries, by the names under which they are stored.
    pub fn offenders(&self, name: &str) -> Vec<Offender> {
        self.online.weights.offenders(name).chain(self.target.offenders(&format!("target_{name}"))).collect()
    }

    /// Adds the weights as `name/...`, the copy as `target_name/...` and the moments as `adam/name/...`.
    pub fn write(&self, name: &str, state: &mut StateDict) {
        self.online.write(name, state);
        self.target.write(&format!("target_{name}"), state);
    }

    /// What [`write`](Self::write) added.
    ///
    /// # Errors
    /// [`CheckpointError`] when an array is missing or of another shape.
    pub fn read(&self, name: &str, state: &StateDict) -> Result<Self, CheckpointError> {
        let online = self.online.read(name, state)?;
        Ok(Self { online, target: self.target.read(&format!("target_{name}"), state)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Matrix;

    /// Sines from a place on, times a scale: weights, or gradients of them.
    fn network(first: f32, scale: f32) -> Parameters {
        let matrix = |rows: usize, columns: usize| {
            let entries = (0..rows * columns).map(|at| scale * (first + at as f32).sin()).collect();
            Matrix::host(entries, [rows, columns])
        };
        Parameters::new(vec![("weight".to_owned(), matrix(3, 2)), ("bias".to_owned(), matrix(1, 2))])
    }

    fn stored(network: &Followed) -> StateDict {
        let mut state = StateDict::new("test");
        network.write("q", &mut state);
        state
    }

    /// Also where the gradient of one is to be clipped and that of the other is not.
    #[test]
    fn stacked_networks_take_the_steps_that_each_takes_alone() {
        let adam = AdamConfig { learning_rate: 0.1, max_grad_norm: Some(3.0) };
        let mut alone = [0.0, 5.0].map(|first| Followed::new(network(first, 1.0), adam));
        let mut stacked = Followed::stacked(alone.iter(), &Device::flex());
        for step in 1..5 {
            let gradients = [(7.0, 10.0), (9.0, 0.1)].map(|(first, scale)| network(first + step as f32, scale));
            for (network, gradients) in alone.iter_mut().zip(&gradients) {
                network.online.step(gradients.matrices());
                network.follow(0.3);
            }
            stacked.online.step(Parameters::stacked(gradients.iter(), &Device::flex()).matrices());
            stacked.follow(0.3);
        }
        let found = stacked.apart();
        assert_eq!(found.len(), 2);
        for (found, expected) in found.iter().map(stored).zip(alone.iter().map(stored)) {
            assert_eq!(found.values(), expected.values());
            assert!(found.arrays().keys().eq(expected.arrays().keys()));
            for (name, shape) in [("q/weight", [3, 2]), ("target_q/bias", [1, 2]), ("adam/q/0/moment_2", [3, 2])] {
                let [found, expected] = [&found, &expected].map(|state| state.array::<f32>(name, &shape).unwrap());
                let mut entries = found.iter().zip(expected);
                assert!(entries.all(|(found, expected)| (found - expected).abs() < 1e-6), "{found:?} {expected:?}");
            }
        }
    }
}
