//! [`Parameters`]: the named tensors of a network.

use burn::tensor::{Device, Gradients, Tensor, TensorData};

use crate::checkpoint::CheckpointError;
use crate::state::StateDict;

/// The named weights of a network, each a matrix, none of them tracked by autodiff.
#[derive(Clone, Debug)]
pub struct Parameters {
    names: Vec<String>,
    tensors: Vec<Tensor<2>>,
}

impl Parameters {
    /// Parameters of these names and values.
    pub fn new(entries: Vec<(String, Tensor<2>)>) -> Self {
        let (names, tensors) = entries.into_iter().unzip();
        Self { names, tensors }
    }

    /// The tensors in order.
    pub fn tensors(&self) -> &[Tensor<2>] {
        &self.tensors
    }

    /// The tensors in order, to be replaced.
    pub fn tensors_mut(&mut self) -> &mut [Tensor<2>] {
        &mut self.tensors
    }

    /// The tensors as leaves of a new autodiff graph: `forward` on them records what `backward` needs.
    pub fn leaves(&self) -> Vec<Tensor<2>> {
        self.tensors.iter().map(|tensor| tensor.clone().autodiff().require_grad()).collect()
    }

    /// The same values on another device.
    pub fn to_device(&self, device: &Device) -> Self {
        let tensors = self.tensors.iter().map(|tensor| tensor.clone().to_device(device)).collect();
        Self { names: self.names.clone(), tensors }
    }

    /// Adds the tensors to `state` as `prefix/name`.
    pub fn write(&self, prefix: &str, state: &mut StateDict) {
        for (name, tensor) in self.names.iter().zip(&self.tensors) {
            state.insert_array(format!("{prefix}/{name}"), &tensor.dims(), host(tensor.clone()));
        }
    }

    /// The parameters stored as `prefix/name`, with the names, shapes and device of `self`.
    ///
    /// # Errors
    /// [`CheckpointError`] when one is missing or of another shape.
    pub fn read(&self, prefix: &str, state: &StateDict) -> Result<Self, CheckpointError> {
        let mut tensors = Vec::with_capacity(self.tensors.len());
        for (name, tensor) in self.names.iter().zip(&self.tensors) {
            let shape = tensor.dims();
            let data = state.array(&format!("{prefix}/{name}"), &shape)?.to_vec();
            tensors.push(matrix(data, shape, &tensor.device()));
        }
        Ok(Self { names: self.names.clone(), tensors })
    }
}

/// The gradients of `leaves`, in order; zero for one that the loss does not depend on.
pub fn gradients(leaves: &[Tensor<2>], mut grads: Gradients) -> Vec<Tensor<2>> {
    let grad = |leaf: &Tensor<2>| leaf.grad_remove(&mut grads).unwrap_or_else(|| leaf.clone().inner().zeros_like());
    leaves.iter().map(grad).collect()
}

/// A matrix from host values, row by row; on the CPU without copying them.
pub fn matrix(data: Vec<f32>, shape: [usize; 2], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(data, shape), device)
}

/// The values of a tensor, row by row; on the CPU without copying them when nothing else holds the tensor.
pub fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().expect("all tensors of this crate hold f32")
}
