//! Tensors as they pass between the halves of a network.

use tract_onnx::prelude::{TractResult, tract_ndarray::ArrayD};
use tract_onnx::tract_hir::internal::{Datum, DatumType, Tensor as TractTensor};

/// A tensor with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Name, as in the file.
    pub name: String,
    /// Shape; empty for a scalar.
    pub dims: Vec<usize>,
    /// Elements in row-major order, as many as the shape has.
    pub data: Data,
}

/// Elements of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 64-bit integers.
    I64(Vec<i64>),
    /// 32-bit integers.
    I32(Vec<i32>),
    /// Bytes.
    U8(Vec<u8>),
    /// Signed bytes.
    I8(Vec<i8>),
    /// Truth values.
    Bool(Vec<bool>),
}

impl Tensor {
    /// Size of the elements, B: what a cut counts of this tensor.
    pub fn bytes(&self) -> usize {
        match &self.data {
            Data::F32(data) => 4 * data.len(),
            Data::I32(data) => 4 * data.len(),
            Data::I64(data) => 8 * data.len(),
            Data::U8(data) => data.len(),
            Data::I8(data) => data.len(),
            Data::Bool(data) => data.len(),
        }
    }

    pub(super) fn to_tract(&self) -> TractResult<TractTensor> {
        match &self.data {
            Data::F32(data) => TractTensor::from_shape(&self.dims, data),
            Data::I64(data) => TractTensor::from_shape(&self.dims, data),
            Data::I32(data) => TractTensor::from_shape(&self.dims, data),
            Data::U8(data) => TractTensor::from_shape(&self.dims, data),
            Data::I8(data) => TractTensor::from_shape(&self.dims, data),
            // Truth values are no plain numbers to tract.
            Data::Bool(data) => Ok(ArrayD::from_shape_vec(self.dims.clone(), data.clone())?.into()),
        }
    }

    /// `None` for types that cannot be sent.
    pub(super) fn from_tract(name: &str, tensor: &TractTensor) -> Option<Self> {
        let data = match tensor.datum_type() {
            DatumType::F32 => Data::F32(elements(tensor)?),
            DatumType::I64 => Data::I64(elements(tensor)?),
            DatumType::I32 => Data::I32(elements(tensor)?),
            DatumType::U8 => Data::U8(elements(tensor)?),
            DatumType::I8 => Data::I8(elements(tensor)?),
            DatumType::Bool => Data::Bool(elements(tensor)?),
            DatumType::TDim => Data::I64(elements(&*tensor.cast_to::<i64>().ok()?)?),
            _ => return None,
        };
        Some(Self { name: name.into(), dims: tensor.shape().to_vec(), data })
    }
}

fn elements<T: Datum>(tensor: &TractTensor) -> Option<Vec<T>> {
    Some(tensor.to_plain_array_view::<T>().ok()?.iter().cloned().collect())
}
