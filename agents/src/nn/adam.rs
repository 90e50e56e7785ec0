//! [`Adam`]: the optimiser, with one fused pass over the parameters on the CPU.

use burn::tensor::{Device, Tensor};

use super::buffer::Buffer;
use super::dense::wide;
use super::dense_on_device::row_sums;
use super::matrix::{Matrix, apart, cut, joined, read, tensor};
use super::parameters::Parameters;
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
/// is the same arithmetic in tensor operations over all parameters in one row, because what such an operation costs is
/// its start. The moments are ours, so they are stored in our checkpoints and start at zero for all parameters at once.
#[derive(Clone, Debug)]
pub struct Adam {
    config: AdamConfig,
    step: u64,
    /// Of the parameters.
    shapes: Vec<[usize; 2]>,
    moments: Moments,
}

#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // a burn tensor alone is 256 bytes, and a network has one of these
enum Moments {
    /// Both of every matrix.
    Host(Vec<[Buffer; 2]>),
    /// Both of all matrices in one row, of stacked networks in a row each, `[members, entries]`.
    Device([Tensor<2>; 2]),
}

/// The numbers of one step that are the same for all parameters: the step size over the correction of the first moment,
/// and 1 over the root of that of the second.
pub(crate) type Rates = [f32; 2];

impl Adam {
    /// An optimiser for `parameters`, with zero moments.
    pub fn new(config: AdamConfig, parameters: &Parameters) -> Self {
        let shapes: Vec<_> = parameters.matrices().iter().map(Matrix::shape).collect();
        let moments = if parameters.on_host() {
            let zeros = |&[rows, columns]: &[usize; 2]| [(); 2].map(|()| Buffer::zeros(rows * columns));
            Moments::Host(shapes.iter().map(zeros).collect())
        } else {
            let zeros = joined(parameters.tensors(), 1).zeros_like();
            Moments::Device([zeros.clone(), zeros])
        };
        Self { config, step: 0, shapes, moments }
    }

    /// A step of this `share` of the step size along `gradients`, which are in the order, of the shapes and at the place
    /// of the parameters.
    ///
    /// # Panics
    /// When parameters and gradients lie in different places.
    pub fn step(&mut self, parameters: &mut Parameters, gradients: &[Matrix], share: f64) {
        let rates = self.begin(share);
        match &mut self.moments {
            Moments::Host(moments) => {
                let clip = self.config.max_grad_norm.map_or(1.0, |bound| clip_factor(gradients, bound));
                let matrices = parameters.matrices_mut().iter_mut();
                for ((matrix, gradient), moments) in matrices.zip(gradients).zip(moments) {
                    step_on_host(matrix.entries_mut(), gradient.entries(), moments, (rates, clip));
                }
            }
            Moments::Device(_) => {
                let times = rates.map(|rate| move |x: Tensor<2>| x * rate);
                self.step_on_device(parameters, gradients, &times);
            }
        }
    }

    /// Counts a step of this `share` of the step size; what it is to be taken with.
    pub(crate) fn begin(&mut self, share: f64) -> Rates {
        self.step += 1;
        let step = i32::try_from(self.step).unwrap_or(i32::MAX);
        let [correction_1, correction_2] = [BETA_1, BETA_2].map(|beta| 1.0 - beta.powi(step));
        [(self.config.learning_rate * share / correction_1) as f32, (1.0 / correction_2.sqrt()) as f32]
    }

    /// A step that was begun; `times` multiplies with its rates. Moments and parameters that nothing else holds are
    /// changed in their place.
    ///
    /// # Panics
    /// When parameters or gradients lie in host memory.
    pub(crate) fn step_on_device(
        &mut self,
        parameters: &mut Parameters,
        gradients: &[Matrix],
        [times_step_size, times_root]: &[impl Fn(Tensor<2>) -> Tensor<2>; 2],
    ) {
        let Moments::Device([first, second]) = &mut self.moments else { panic!("these parameters lie in host memory") };
        let mut gradient = joined(gradients.iter().map(Matrix::tensor), first.dims()[0]);
        if let Some(bound) = self.config.max_grad_norm {
            gradient = clipped(gradient, bound);
        }
        first.inplace(|m| m * BETA_1 + gradient.clone() * (1.0 - BETA_1));
        second.inplace(|v| v * BETA_2 + gradient.square() * (1.0 - BETA_2));
        let step = times_step_size(first.clone() / (times_root(second.clone().sqrt()) + EPSILON));
        for (matrix, step) in parameters.matrices_mut().iter_mut().zip(apart(&step, &self.shapes)) {
            let Matrix::Device(tensor) = matrix else { panic!("these parameters lie in host memory") };
            tensor.inplace(|tensor| tensor - step);
        }
    }

    /// The moments on a device, each `[members, entries]`; none in host memory.
    pub(crate) fn moments_mut(&mut self) -> &mut [Tensor<2>] {
        match &mut self.moments {
            Moments::Host(_) => &mut [],
            Moments::Device(moments) => moments,
        }
    }

    fn members(&self) -> usize {
        match &self.moments {
            Moments::Host(_) => 1,
            Moments::Device([first, _]) => first.dims()[0],
        }
    }

    /// Both moments of all matrices, of stacked networks one network after the other.
    fn rows(&self) -> [Vec<f32>; 2] {
        match &self.moments {
            Moments::Host(moments) => {
                [0, 1].map(|order| moments.iter().flat_map(|pair| pair[order].to_vec()).collect())
            }
            Moments::Device(moments) => moments.each_ref().map(|moments| read(moments.clone())),
        }
    }

    /// The optimiser on a device of networks that are stacked there, from those of each; they have done as many steps.
    ///
    /// # Panics
    /// Of no networks.
    pub(crate) fn stacked<'a>(members: impl Iterator<Item = &'a Self> + Clone, device: &Device) -> Self {
        let Self { config, step, shapes, .. } = members.clone().next().expect("there are networks to stack");
        let rows: Vec<_> = members.map(Self::rows).collect();
        let moments = [0, 1].map(|order| {
            let entries: Vec<f32> = rows.iter().flat_map(|rows| rows[order].clone()).collect();
            let shape = [rows.len(), entries.len() / rows.len()];
            tensor(entries, shape, device)
        });
        let shapes = shapes.iter().map(|&[height, width]| [rows.len() * height, width]).collect();
        Self { config: *config, step: *step, shapes, moments: Moments::Device(moments) }
    }

    /// The optimisers in host memory of networks that are stacked on a device; of one that is not, its own.
    pub(crate) fn apart(&self) -> Vec<Self> {
        let members = self.members();
        let shapes: Vec<_> = self.shapes.iter().map(|&[rows, columns]| [rows / members, columns]).collect();
        let [first, second] = self.rows();
        let len = first.len() / members;
        let member = |(first, second): (&[f32], &[f32])| {
            let pair = |(first, second): (&[f32], &[f32])| [first.to_vec().into(), second.to_vec().into()];
            let moments = cut(first, &shapes).zip(cut(second, &shapes)).map(pair).collect();
            Self { config: self.config, step: self.step, shapes: shapes.clone(), moments: Moments::Host(moments) }
        };
        first.chunks_exact(len).zip(second.chunks_exact(len)).map(member).collect()
    }

    /// Adds the moments to `state`.
    ///
    /// # Panics
    /// When networks are stacked here.
    pub fn write(&self, prefix: &str, state: &mut StateDict) {
        assert_eq!(self.members(), 1, "stacked networks are stored one by one");
        state.insert_value(format!("{prefix}/step"), self.step);
        for (order, row) in self.rows().iter().enumerate() {
            for (index, (moment, shape)) in cut(row, &self.shapes).zip(&self.shapes).enumerate() {
                state.insert_array(moment_name(prefix, index, order), shape, moment.to_vec());
            }
        }
    }

    /// The optimiser stored under `prefix`.
    ///
    /// # Errors
    /// [`CheckpointError`] when a moment is missing or of another shape.
    pub fn read(&self, prefix: &str, state: &StateDict) -> Result<Self, CheckpointError> {
        let stored = |order: usize, index: usize, shape: &[usize; 2]| -> Result<Buffer, CheckpointError> {
            Ok(state.array(&moment_name(prefix, index, order), shape)?.to_vec().into())
        };
        let pair = |(index, shape): (usize, &[usize; 2])| Ok([stored(0, index, shape)?, stored(1, index, shape)?]);
        let moments = self.shapes.iter().enumerate().map(pair).collect::<Result<_, CheckpointError>>()?;
        let step = state.value(&format!("{prefix}/step"))?;
        let read = Self { config: self.config, step, shapes: self.shapes.clone(), moments: Moments::Host(moments) };
        Ok(match &self.moments {
            Moments::Host(_) => read,
            Moments::Device([like, _]) => Self::stacked([&read].into_iter(), &like.device()),
        })
    }
}

fn moment_name(prefix: &str, index: usize, order: usize) -> String {
    format!("{prefix}/{index}/moment_{}", order + 1)
}

/// The factor that brings gradients within a bound of their norm (PyTorch's `clip_grad_norm_`).
fn clip_factor(gradients: &[Matrix], max_norm: f64) -> f32 {
    let squared_norm =
        |gradient: &Matrix| gradient.entries().iter().map(|&entry| f64::from(entry).powi(2)).sum::<f64>();
    let norm = gradients.iter().map(squared_norm).sum::<f64>().sqrt();
    (max_norm / (norm + 1e-6)).min(1.0) as f32
}

fn step_on_host(
    values: &mut [f32],
    gradient: &[f32],
    [first, second]: &mut [Buffer; 2],
    ([step_size, root], clip): (Rates, f32),
) {
    let (beta_1, beta_2, epsilon) = (BETA_1 as f32, BETA_2 as f32, EPSILON as f32);
    // In f32, 1 - 0.999 would be off by 5e-5 of its value.
    let (rest_1, rest_2) = ((1.0 - BETA_1) as f32, (1.0 - BETA_2) as f32);
    wide(
        #[inline(always)]
        || {
            for (((value, gradient), m), v) in
                values.iter_mut().zip(gradient).zip(first.iter_mut()).zip(second.iter_mut())
            {
                let gradient = gradient * clip;
                *m = beta_1 * *m + rest_1 * gradient;
                *v = beta_2 * *v + rest_2 * gradient * gradient;
                *value -= step_size * *m / (v.sqrt() * root + epsilon);
            }
        },
    );
}

/// Gradients within a bound of their norm, `[members, entries]`. Nothing is read back from the device.
fn clipped(gradient: Tensor<2>, bound: f64) -> Tensor<2> {
    let norm = row_sums(gradient.clone().square()).sqrt() + 1e-6;
    let factor = (norm.recip() * bound).clamp_max(1.0);
    // As on the host: a norm that is no number would hide in which matrix it began.
    let none = factor.clone().is_nan();
    gradient * factor.mask_fill(none, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

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

    /// The norm of 3 and 4 is 5, and a bound of 1 leaves 0.6 and 0.8: m = 0.06 and 0.08, v = 0.00036 and 0.00064. The norm
    /// of 0.3 and 0.4 is within it: m = 0.9 x 0.06 + 0.1 x 0.3 = 0.084 and 0.112, v = 0.999 x 0.00036 + 0.001 x 0.09 =
    /// 0.00044964 and 0.00079936.
    #[test]
    fn a_gradient_is_brought_within_the_bound_of_its_norm_over_all_matrices() {
        let config = AdamConfig { max_grad_norm: Some(1.0), ..CONFIG };
        let matrices = ["w", "b"].map(|name| (name.to_owned(), row(&[1.0])));
        let host = Parameters::new(matrices.to_vec());
        for mut parameters in [host.on_device(&Device::flex()), host] {
            let mut adam = Adam::new(config, &parameters);
            for (gradients, moments) in [
                ([3.0, 4.0], [[0.06, 0.08], [0.000_36, 0.000_64]]),
                ([0.3, 0.4], [[0.084, 0.112], [0.000_449_64, 0.000_799_36]]),
            ] {
                let gradients = gradients.map(|gradient| row(&[gradient]));
                let on_device = || gradients.each_ref().map(|gradient| Matrix::Device(gradient.tensor()));
                let gradients = if parameters.on_host() { gradients } else { on_device() };
                adam.step(&mut parameters, &gradients, 1.0);
                let found = adam.rows().into_iter().flatten().zip(moments.into_iter().flatten());
                found.for_each(|(found, moment)| {
                    assert!((found / moment - 1.0).abs() < 1e-5, "{found} is not {moment}")
                });
            }
        }
    }

    /// Also of what each stores, which the other one reads.
    #[test]
    fn host_and_device_steps_agree() {
        let config = AdamConfig { max_grad_norm: Some(1.5), ..CONFIG };
        let square = Matrix::host(vec![0.1, -0.2, 0.3, 0.4], [2, 2]);
        let mut host = Parameters::new(vec![("w".to_owned(), row(&[1.0, -2.0, 0.5])), ("b".to_owned(), square)]);
        let mut device = host.on_device(&Device::flex());
        let [mut host_adam, mut device_adam] = [Adam::new(config, &host), Adam::new(config, &device)];
        for step in 1..8 {
            let of_row = row(&[0.3 * step as f32, -2.0, 1.0 / step as f32]);
            let gradients = [of_row, Matrix::host(vec![0.2, 0.1 * step as f32, -0.3, 0.0], [2, 2])];
            host_adam.step(&mut host, &gradients, 1.0);
            let gradients = gradients.each_ref().map(|gradient| Matrix::Device(gradient.tensor()));
            device_adam.step(&mut device, &gradients, 1.0);
            if step == 4 {
                let [mut of_host, mut of_device] = [(); 2].map(|()| StateDict::new("test"));
                host_adam.write("adam", &mut of_host);
                device_adam.write("adam", &mut of_device);
                host_adam = host_adam.read("adam", &of_device).unwrap();
                device_adam = device_adam.read("adam", &of_host).unwrap();
            }
        }
        for (host, device) in host.matrices().iter().zip(device.to_host().matrices()) {
            assert_eq!(host.shape(), device.shape());
            let mut entries = host.entries().iter().zip(device.entries());
            assert!(entries.all(|(host, device)| (host - device).abs() < 1e-6), "{host:?} {device:?}");
        }
        let other = Adam::new(config, &network(&[1.0, 2.0]));
        let mut state = StateDict::new("test");
        host_adam.write("adam", &mut state);
        assert!(other.read("adam", &state).is_err(), "of another shape");
    }
}
