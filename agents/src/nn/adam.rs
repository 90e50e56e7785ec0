//! [`Adam`]: the optimiser, with one fused pass over the parameters on the CPU.

use burn::tensor::{Device, Tensor};

use super::parameters::{Parameters, host, matrix};
use crate::checkpoint::CheckpointError;
use crate::state::StateDict;

/// Configuration of [`Adam`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamConfig {
    /// Step size, above 0.
    pub learning_rate: f64,
    /// Gradients of a larger norm (over all parameters of the network) are scaled down to it; above 0.
    pub max_grad_norm: Option<f64>,
}

/// Kingma and Ba 2015 (arXiv:1412.6980), algorithm 1, with PyTorch's defaults.
const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
/// PyTorch's; burn's own default is 1e-5.
const EPSILON: f64 = 1e-8;

/// The Adam optimiser of one network.
///
/// # Design
/// burn's Adam is nine tensor operations per parameter. On the CPU this one is a single loop over host memory, which
/// burn hands out without a copy; on other devices it is the same arithmetic in tensor operations. The moments are
/// ours, so they are stored in our checkpoints and start at zero for all parameters at once.
#[derive(Clone, Debug)]
pub struct Adam {
    config: AdamConfig,
    step: u64,
    moments: Moments,
}

#[derive(Clone, Debug)]
enum Moments {
    Host(Vec<[Vec<f32>; 2]>),
    Device(Vec<[Tensor<2>; 2]>),
}

/// The numbers of one step that are the same for all parameters.
#[derive(Clone, Copy)]
struct Rates {
    learning_rate: f64,
    correction_1: f64,
    correction_2: f64,
}

impl Adam {
    /// An optimiser for `parameters`, with zero moments.
    pub fn new(config: AdamConfig, parameters: &Parameters) -> Self {
        let on_host = parameters.tensors().iter().all(|tensor| tensor.device() == Device::flex());
        let shapes = parameters.tensors().iter();
        let moments = if on_host {
            Moments::Host(shapes.map(|tensor| [(); 2].map(|()| vec![0.0; tensor.shape().num_elements()])).collect())
        } else {
            Moments::Device(shapes.map(|tensor| [tensor.zeros_like(), tensor.zeros_like()]).collect())
        };
        Self { config, step: 0, moments }
    }

    /// One step along `gradients`, which are in the order of the parameters.
    pub fn step(&mut self, parameters: &mut Parameters, gradients: Vec<Tensor<2>>) {
        self.step += 1;
        let step = i32::try_from(self.step).unwrap_or(i32::MAX);
        let rates = Rates {
            learning_rate: self.config.learning_rate,
            correction_1: 1.0 - BETA_1.powi(step),
            correction_2: 1.0 - BETA_2.powi(step),
        };
        let max_norm = self.config.max_grad_norm;
        match &mut self.moments {
            Moments::Host(moments) => step_on_host(parameters, gradients, moments, (rates, max_norm)),
            Moments::Device(moments) => step_on_device(parameters, gradients, moments, (rates, max_norm)),
        }
    }

    /// Adds the moments to `state`.
    pub fn write(&self, prefix: &str, parameters: &Parameters, state: &mut StateDict) {
        state.insert_value(format!("{prefix}/step"), self.step);
        for (index, tensor) in parameters.tensors().iter().enumerate() {
            let pair = match &self.moments {
                Moments::Host(moments) => moments[index].clone(),
                Moments::Device(moments) => moments[index].clone().map(host),
            };
            for (order, moment) in pair.into_iter().enumerate() {
                state.insert_array(moment_name(prefix, index, order), &tensor.dims(), moment);
            }
        }
    }

    /// The optimiser stored under `prefix`.
    ///
    /// # Errors
    /// [`CheckpointError`] when a moment is missing or of another shape.
    pub fn read(&self, prefix: &str, parameters: &Parameters, state: &StateDict) -> Result<Self, CheckpointError> {
        let mut loaded = Self::new(self.config, parameters);
        loaded.step = state.value(&format!("{prefix}/step"))?;
        for (index, tensor) in parameters.tensors().iter().enumerate() {
            for order in 0..2 {
                let data = state.array(&moment_name(prefix, index, order), &tensor.dims())?.to_vec();
                match &mut loaded.moments {
                    Moments::Host(moments) => moments[index][order] = data,
                    Moments::Device(moments) => {
                        moments[index][order] = matrix(data, tensor.dims(), &tensor.device());
                    }
                }
            }
        }
        Ok(loaded)
    }
}

fn moment_name(prefix: &str, index: usize, order: usize) -> String {
    format!("{prefix}/{index}/moment_{}", order + 1)
}

/// The factor that brings a gradient of that squared norm within the bound (PyTorch's `clip_grad_norm_`).
fn clip_factor(squared_norm: f64, max_norm: Option<f64>) -> f64 {
    max_norm.map_or(1.0, |max_norm| (max_norm / (squared_norm.sqrt() + 1e-6)).min(1.0))
}

fn step_on_host(
    parameters: &mut Parameters,
    gradients: Vec<Tensor<2>>,
    moments: &mut [[Vec<f32>; 2]],
    (rates, max_norm): (Rates, Option<f64>),
) {
    let gradients: Vec<Vec<f32>> = gradients.into_iter().map(host).collect();
    let clip = max_norm.map_or(1.0, |_| {
        let squared = gradients.iter().flatten().map(|&gradient| f64::from(gradient).powi(2)).sum();
        clip_factor(squared, max_norm)
    });
    let step_size = (rates.learning_rate / rates.correction_1) as f32;
    let root = (1.0 / rates.correction_2.sqrt()) as f32;
    let (beta_1, beta_2, epsilon, clip) = (BETA_1 as f32, BETA_2 as f32, EPSILON as f32, clip as f32);
    // In f32, 1 - 0.999 would be off by 5e-5 of its value.
    let (rest_1, rest_2) = ((1.0 - BETA_1) as f32, (1.0 - BETA_2) as f32);
    for ((tensor, gradient), [first, second]) in parameters.tensors_mut().iter_mut().zip(gradients).zip(moments) {
        let shape = tensor.dims();
        tensor.inplace(|tensor| {
            let device = tensor.device();
            let mut values = host(tensor);
            for (((value, gradient), m), v) in values.iter_mut().zip(gradient).zip(first.iter_mut()).zip(second) {
                let gradient = gradient * clip;
                *m = beta_1 * *m + rest_1 * gradient;
                *v = beta_2 * *v + rest_2 * gradient * gradient;
                *value -= step_size * *m / (v.sqrt() * root + epsilon);
            }
            matrix(values, shape, &device)
        });
    }
}

fn step_on_device(
    parameters: &mut Parameters,
    gradients: Vec<Tensor<2>>,
    moments: &mut [[Tensor<2>; 2]],
    (rates, max_norm): (Rates, Option<f64>),
) {
    let clip = max_norm.map(|_| {
        let squares = gradients.iter().map(|gradient| gradient.clone().square().sum());
        let squared = squares.reduce(|sum, square| sum + square).map_or(0.0, |sum| sum.into_scalar::<f32>());
        clip_factor(f64::from(squared), max_norm)
    });
    for ((tensor, gradient), [first, second]) in parameters.tensors_mut().iter_mut().zip(gradients).zip(moments) {
        let gradient = clip.map_or(gradient.clone(), |clip| gradient * clip);
        first.inplace(|m| m * BETA_1 + gradient.clone() * (1.0 - BETA_1));
        second.inplace(|v| v * BETA_2 + gradient.square() * (1.0 - BETA_2));
        let root = second.clone().sqrt() * (1.0 / rates.correction_2.sqrt()) + EPSILON;
        tensor.inplace(|tensor| tensor - first.clone() / root * (rates.learning_rate / rates.correction_1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(values: &[f32]) -> Parameters {
        Parameters::new(vec![("w".to_owned(), matrix(values.to_vec(), [1, values.len()], &Device::flex()))])
    }

    fn gradient(values: &[f32]) -> Vec<Tensor<2>> {
        vec![matrix(values.to_vec(), [1, values.len()], &Device::flex())]
    }

    const CONFIG: AdamConfig = AdamConfig { learning_rate: 0.1, max_grad_norm: None };

    /// Gradients 2 then -1 from w = 1: m = 0.2, v = 0.004, corrected 2 and 4, w = 1 - 0.1 x 2 / 2 = 0.9; then
    /// m = 0.08, v = 0.004996, corrected 0.08 / 0.19 = 0.4210526 and 0.004996 / 0.001999 = 2.4992496, root 1.5809015,
    /// w = 0.9 - 0.1 x 0.2663370 = 0.8733663.
    #[test]
    fn two_steps_match_numbers_worked_by_hand() {
        let mut parameters = network(&[1.0]);
        let mut adam = Adam::new(CONFIG, &parameters);
        adam.step(&mut parameters, gradient(&[2.0]));
        assert!((host(parameters.tensors()[0].clone())[0] - 0.9).abs() < 1e-6);
        adam.step(&mut parameters, gradient(&[-1.0]));
        assert!((host(parameters.tensors()[0].clone())[0] - 0.873_366_3).abs() < 1e-6);
    }

    #[test]
    fn host_and_device_steps_agree() {
        let config = AdamConfig { max_grad_norm: Some(1.5), ..CONFIG };
        let mut parameters = [network(&[1.0, -2.0, 0.5]), network(&[1.0, -2.0, 0.5])];
        let mut host_adam = Adam::new(config, &parameters[0]);
        let zeros = || parameters[1].tensors()[0].zeros_like();
        let mut device_adam = Adam { config, step: 0, moments: Moments::Device(vec![[zeros(), zeros()]]) };
        for step in 1..6 {
            let values = [0.3 * step as f32, -2.0, 1.0 / step as f32];
            host_adam.step(&mut parameters[0], gradient(&values));
            device_adam.step(&mut parameters[1], gradient(&values));
        }
        let [left, right] = parameters.map(|parameters| host(parameters.tensors()[0].clone()));
        assert!(left.iter().zip(&right).all(|(left, right)| (left - right).abs() < 1e-6), "{left:?} {right:?}");
    }

    #[test]
    fn a_snapshot_keeps_its_values_while_the_network_is_trained() {
        let mut parameters = network(&[1.0]);
        let snapshot = parameters.clone();
        Adam::new(CONFIG, &parameters).step(&mut parameters, gradient(&[1.0]));
        assert_eq!(host(snapshot.tensors()[0].clone()), [1.0]);
    }
}
