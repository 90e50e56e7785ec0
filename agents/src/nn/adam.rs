//! [`Adam`]: the optimiser, with one fused pass over the parameters on the CPU.

use burn::tensor::Tensor;

use super::dense::wide;
use super::matrix::{Matrix, read};
use super::parameters::{Parameters, read_like};
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
/// burn's Adam is nine tensor operations per parameter. In host memory this one is a single loop; on other devices it
/// is the same arithmetic in tensor operations. The moments are ours, so they are stored in our checkpoints and start
/// at zero for all parameters at once.
#[derive(Clone, Debug)]
pub struct Adam {
    config: AdamConfig,
    step: u64,
    moments: Vec<[Matrix; 2]>,
}

/// The numbers of one step that are the same for all parameters.
#[derive(Clone, Copy)]
struct Rates {
    learning_rate: f64,
    correction_1: f64,
    correction_2: f64,
    /// The factor that brings the gradient within its bound.
    clip: f64,
}

impl Adam {
    /// An optimiser for `parameters`, with zero moments.
    pub fn new(config: AdamConfig, parameters: &Parameters) -> Self {
        let zeros = |matrix: &Matrix| [matrix.zeros_like(), matrix.zeros_like()];
        Self { config, step: 0, moments: parameters.matrices().iter().map(zeros).collect() }
    }

    /// A step of this `share` of the step size along `gradients`, which are in the order, of the shapes and at the place
    /// of the parameters.
    ///
    /// # Panics
    /// When parameters and gradients lie in different places.
    pub fn step(&mut self, parameters: &mut Parameters, gradients: &[Matrix], share: f64) {
        self.step += 1;
        let step = i32::try_from(self.step).unwrap_or(i32::MAX);
        let rates = Rates {
            learning_rate: self.config.learning_rate * share,
            correction_1: 1.0 - BETA_1.powi(step),
            correction_2: 1.0 - BETA_2.powi(step),
            clip: self.config.max_grad_norm.map_or(1.0, |bound| clip_factor(squared_norm(gradients), bound)),
        };
        let matrices = parameters.matrices_mut().iter_mut();
        for ((matrix, gradient), moments) in matrices.zip(gradients).zip(&mut self.moments) {
            match (matrix, gradient, moments) {
                (
                    Matrix::Host { data, .. },
                    Matrix::Host { data: gradient, .. },
                    [Matrix::Host { data: first, .. }, Matrix::Host { data: second, .. }],
                ) => step_on_host(data, gradient, [first, second], rates),
                (Matrix::Device(tensor), Matrix::Device(gradient), [Matrix::Device(first), Matrix::Device(second)]) => {
                    step_on_device(tensor, gradient.clone(), [first, second], rates);
                }
                _ => panic!("parameters, gradients and moments lie in one place"),
            }
        }
    }

    /// Adds the moments to `state`.
    pub fn write(&self, prefix: &str, state: &mut StateDict) {
        state.insert_value(format!("{prefix}/step"), self.step);
        for (index, pair) in self.moments.iter().enumerate() {
            for (order, moment) in pair.iter().enumerate() {
                state.insert_array(moment_name(prefix, index, order), &moment.shape(), moment.to_vec());
            }
        }
    }

    /// The optimiser stored under `prefix`.
    ///
    /// # Errors
    /// [`CheckpointError`] when a moment is missing or of another shape.
    pub fn read(&self, prefix: &str, state: &StateDict) -> Result<Self, CheckpointError> {
        let mut moments = Vec::with_capacity(self.moments.len());
        for (index, [first, second]) in self.moments.iter().enumerate() {
            let read = |order, like| read_like(like, &moment_name(prefix, index, order), state);
            moments.push([read(0, first)?, read(1, second)?]);
        }
        Ok(Self { config: self.config, step: state.value(&format!("{prefix}/step"))?, moments })
    }
}

fn moment_name(prefix: &str, index: usize, order: usize) -> String {
    format!("{prefix}/{index}/moment_{}", order + 1)
}

/// The factor that brings a gradient of that squared norm within the bound (PyTorch's `clip_grad_norm_`).
fn clip_factor(squared_norm: f64, max_norm: f64) -> f64 {
    (max_norm / (squared_norm.sqrt() + 1e-6)).min(1.0)
}

fn squared_norm(gradients: &[Matrix]) -> f64 {
    let squared = |gradient: &Matrix| match gradient {
        Matrix::Host { data, .. } => data.iter().map(|&entry| f64::from(entry).powi(2)).sum(),
        Matrix::Device(tensor) => f64::from(read(tensor.clone().square().sum())[0]),
    };
    gradients.iter().map(squared).sum()
}

fn step_on_host(values: &mut [f32], gradient: &[f32], [first, second]: [&mut [f32]; 2], rates: Rates) {
    let step_size = (rates.learning_rate / rates.correction_1) as f32;
    let root = (1.0 / rates.correction_2.sqrt()) as f32;
    let (beta_1, beta_2, epsilon, clip) = (BETA_1 as f32, BETA_2 as f32, EPSILON as f32, rates.clip as f32);
    // In f32, 1 - 0.999 would be off by 5e-5 of its value.
    let (rest_1, rest_2) = ((1.0 - BETA_1) as f32, (1.0 - BETA_2) as f32);
    wide(
        #[inline(always)]
        || {
            for (((value, gradient), m), v) in values.iter_mut().zip(gradient).zip(first).zip(second) {
                let gradient = gradient * clip;
                *m = beta_1 * *m + rest_1 * gradient;
                *v = beta_2 * *v + rest_2 * gradient * gradient;
                *value -= step_size * *m / (v.sqrt() * root + epsilon);
            }
        },
    );
}

fn step_on_device(values: &mut Tensor<2>, gradient: Tensor<2>, [first, second]: [&mut Tensor<2>; 2], rates: Rates) {
    let gradient = if rates.clip < 1.0 { gradient * rates.clip } else { gradient };
    first.inplace(|m| m * BETA_1 + gradient.clone() * (1.0 - BETA_1));
    second.inplace(|v| v * BETA_2 + gradient.square() * (1.0 - BETA_2));
    let root = second.clone().sqrt() * (1.0 / rates.correction_2.sqrt()) + EPSILON;
    values.inplace(|values| values - first.clone() / root * (rates.learning_rate / rates.correction_1));
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn network(values: &[f32]) -> Parameters {
        Parameters::new(vec![("w".to_owned(), row(values))])
    }

    fn row(values: &[f32]) -> Matrix {
        Matrix::host(values.to_vec(), [1, values.len()])
    }

    const CONFIG: AdamConfig = AdamConfig { learning_rate: 0.1, max_grad_norm: None };

    /// Gradients 2 then -1 from w = 1: m = 0.2, v = 0.004, corrected 2 and 4, w = 1 - 0.1 x 2 / 2 = 0.9; then
    /// m = 0.08, v = 0.004996, corrected 0.08 / 0.19 = 0.4210526 and 0.004996 / 0.001999 = 2.4992496, root 1.5809015,
    /// w = 0.9 - 0.1 x 0.2663370 = 0.8733663, or half as far.
    #[test]
    fn two_steps_match_numbers_worked_by_hand() {
        let mut parameters = network(&[1.0]);
        let mut adam = Adam::new(CONFIG, &parameters);
        adam.step(&mut parameters, &[row(&[2.0])], 1.0);
        assert!((parameters.matrices()[0].entries()[0] - 0.9).abs() < 1e-6);
        let mut half = (parameters.clone(), adam.clone());
        adam.step(&mut parameters, &[row(&[-1.0])], 1.0);
        assert!((parameters.matrices()[0].entries()[0] - 0.873_366_3).abs() < 1e-6);
        half.1.step(&mut half.0, &[row(&[-1.0])], 0.5);
        assert!((half.0.matrices()[0].entries()[0] - 0.886_683_2).abs() < 1e-6);
    }

    #[test]
    fn host_and_device_steps_agree() {
        let config = AdamConfig { max_grad_norm: Some(1.5), ..CONFIG };
        let mut host = network(&[1.0, -2.0, 0.5]);
        let mut device = host.on_device(&Device::flex());
        let [mut host_adam, mut device_adam] = [Adam::new(config, &host), Adam::new(config, &device)];
        for step in 1..6 {
            let gradient = row(&[0.3 * step as f32, -2.0, 1.0 / step as f32]);
            host_adam.step(&mut host, std::slice::from_ref(&gradient), 1.0);
            device_adam.step(&mut device, &[Matrix::Device(gradient.tensor())], 1.0);
        }
        let [left, right] = [host, device].map(|parameters| parameters.matrices()[0].to_vec());
        assert!(left.iter().zip(&right).all(|(left, right)| (left - right).abs() < 1e-6), "{left:?} {right:?}");
    }
}
