//! Tensors that are stored in a file: their sizes, and whether they are sound.

use tract_onnx::pb::TensorProto;
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};

/// Refuses a tensor of an unsupported type, of another length than its shape, or of numbers beyond any shape.
pub(super) fn check(tensor: &TensorProto) -> Result<(), String> {
    check_length(tensor)?;
    check_integers(tensor)
}

/// Bytes of one element; `None` for types that are not supported.
pub(super) fn element_bytes(data_type: i32) -> Option<u64> {
    Some(match DataType::try_from(data_type).ok()? {
        DataType::Bool | DataType::Uint8 | DataType::Int8 => 1,
        DataType::Uint16 | DataType::Int16 | DataType::Float16 | DataType::Bfloat16 => 2,
        DataType::Uint32 | DataType::Int32 | DataType::Float => 4,
        DataType::Uint64 | DataType::Int64 | DataType::Double => 8,
        _ => return None,
    })
}

/// Number of elements; `None` for dimensions that are negative or whose product is beyond every memory.
pub(super) fn elements(dims: &[i64]) -> Option<u64> {
    let product = dims.iter().try_fold(1_u64, |product, &dim| product.checked_mul(u64::try_from(dim).ok()?))?;
    (product < 1 << 48).then_some(product)
}

/// Whether the data of a tensor lies in another file.
pub(super) fn is_external(tensor: &TensorProto) -> bool {
    tensor.data_location == Some(DataLocation::External as i32)
}

/// The numbers of a stored tensor of 64-bit integers.
pub(super) fn integers(tensor: &TensorProto) -> Option<Vec<i64>> {
    if tensor.data_type != DataType::Int64 as i32 || is_external(tensor) {
        return None;
    }
    let (raw, _) = tensor.raw_data.as_chunks::<8>();
    let raw: Vec<i64> = raw.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect();
    Some(if raw.is_empty() { tensor.int64_data.clone() } else { raw })
}

fn check_length(tensor: &TensorProto) -> Result<(), String> {
    let bytes = element_bytes(tensor.data_type).ok_or_else(|| {
        let name = DataType::try_from(tensor.data_type).map_or("unknown", |data_type| data_type.as_str_name());
        format!(
            "its type {name} is not supported; integers of 8 to 64 bits, bool, bfloat16, float16, float and double are"
        )
    })?;
    let elements = elements(&tensor.dims).ok_or_else(|| format!("its dimensions {:?} are no shape", tensor.dims))?;
    if is_external(tensor) {
        return Ok(());
    }
    let lists = [tensor.float_data.len(), tensor.int32_data.len(), tensor.int64_data.len()];
    let typed = lists.into_iter().chain([tensor.double_data.len(), tensor.uint64_data.len()]).max().unwrap_or(0);
    let (found, expected, unit) = if tensor.raw_data.is_empty() {
        (typed as u64, elements, "values")
    } else {
        (tensor.raw_data.len() as u64, elements * bytes, "bytes")
    };
    if found == expected {
        Ok(())
    } else {
        Err(format!("{found} {unit} are stored, its shape {:?} has {expected}", tensor.dims))
    }
}

/// Shapes beyond any memory are refused before anything is computed with them. Ends of slices may be "the last one",
/// which is as large as the type allows.
fn check_integers(tensor: &TensorProto) -> Result<(), String> {
    let sound = |value: i64| value.unsigned_abs() < 1 << 31 || value.unsigned_abs() > 1 << 62;
    let values = integers(tensor).unwrap_or_default();
    match values.into_iter().find(|&value| !sound(value)) {
        Some(value) => Err(format!("it holds {value}, which is no dimension: accepted is less than 2^31")),
        None => Ok(()),
    }
}
