//! [`Array`]: a named part of an agent's state, with entries of one of several types.

use std::borrow::Cow;

use bytemuck::Pod;
use half::f16;
use safetensors::Dtype;

/// A shape and the entries that fill it.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its entries, row by row.
    pub data: ArrayData,
}

/// A type that the entries of an [`Array`] can have.
pub trait Element: Pod + sealed::Sealed {
    /// Its name in a safetensors file.
    const DTYPE: Dtype;

    /// Whether the entry is neither infinite nor NaN.
    fn is_finite(self) -> bool;

    /// The entries, if they are of this type.
    fn slice(data: &ArrayData) -> Option<&[Self]>;

    /// Entries of this type.
    fn wrap(entries: Vec<Self>) -> ArrayData;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! elements {
    ($($variant:ident($entry:ty): $doc:literal, $finite:expr,)*) => {
        /// The entries of an [`Array`], row by row.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum ArrayData {
            $(#[doc = $doc] $variant(Vec<$entry>),)*
        }

        impl ArrayData {
            /// Number of entries.
            pub fn len(&self) -> usize {
                match self { $(Self::$variant(entries) => entries.len(),)* }
            }

            /// The type of the entries.
            pub fn dtype(&self) -> Dtype {
                match self { $(Self::$variant(_) => Dtype::$variant,)* }
            }

            /// Whether no entry is infinite or NaN.
            pub fn is_finite(&self) -> bool {
                match self { $(Self::$variant(entries) => entries.iter().all(|&entry| Element::is_finite(entry)),)* }
            }

            /// The entries as they are stored: little end first. Costs no copy where the machine stores them so.
            pub fn bytes(&self) -> Cow<'_, [u8]> {
                match self { $(Self::$variant(entries) => to_bytes(entries),)* }
            }

            /// Entries of type `dtype` from their stored form; `None` for a type that no array has.
            pub fn from_bytes(dtype: Dtype, bytes: &[u8]) -> Option<Self> {
                match dtype {
                    $(Dtype::$variant => Some(Self::$variant(from_bytes(bytes))),)*
                    _ => None,
                }
            }
        }

        $(
            impl sealed::Sealed for $entry {}

            impl Element for $entry {
                const DTYPE: Dtype = Dtype::$variant;

                fn is_finite(self) -> bool {
                    $finite(self)
                }

                fn slice(data: &ArrayData) -> Option<&[Self]> {
                    match data { ArrayData::$variant(entries) => Some(entries), _ => None }
                }

                fn wrap(entries: Vec<Self>) -> ArrayData {
                    ArrayData::$variant(entries)
                }
            }
        )*
    };
}

elements! {
    F32(f32): "Weights, moments, observations.", f32::is_finite,
    F16(f16): "Observations of a replay that stores them in half precision.", f16::is_finite,
    F64(f64): "Sums that need the precision, such as priorities and running moments.", f64::is_finite,
    U32(u32): "Indices.", |_| true,
    U8(u8): "Flags and bits.", |_| true,
}

impl ArrayData {
    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn to_bytes<T: Pod>(entries: &[T]) -> Cow<'_, [u8]> {
    let bytes: &[u8] = bytemuck::cast_slice(entries);
    if cfg!(target_endian = "little") {
        return Cow::Borrowed(bytes);
    }
    Cow::Owned(bytes.chunks_exact(size_of::<T>()).flat_map(|entry| entry.iter().rev().copied()).collect())
}

fn from_bytes<T: Pod>(bytes: &[u8]) -> Vec<T> {
    let mut entries = vec![T::zeroed(); bytes.len() / size_of::<T>()];
    let target: &mut [u8] = bytemuck::cast_slice_mut(&mut entries);
    target.copy_from_slice(&bytes[..target.len()]);
    if cfg!(target_endian = "big") {
        target.chunks_exact_mut(size_of::<T>()).for_each(<[u8]>::reverse);
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_from_their_bytes_which_stand_little_end_first() {
        let arrays = [
            f32::wrap(vec![1.0, -0.0, f32::MIN_POSITIVE]),
            f16::wrap(vec![f16::from_f32(0.1)]),
            f64::wrap(vec![0.1, -3.0]),
            u32::wrap(vec![1, 0xfffe_fdfc]),
            u8::wrap(vec![7, 255]),
        ];
        for data in arrays {
            assert_eq!(ArrayData::from_bytes(data.dtype(), &data.bytes()), Some(data.clone()));
        }
        assert_eq!(u32::wrap(vec![0x0403_0201]).bytes()[..], [1, 2, 3, 4]);
        assert_eq!(ArrayData::from_bytes(Dtype::I64, &[0; 8]), None);
        assert!(f32::slice(&u32::wrap(vec![1])).is_none());
    }

    #[test]
    fn numbers_that_are_none_are_found_in_every_type_that_has_them() {
        assert!(f32::wrap(vec![1.0, f32::MAX]).is_finite() && !f32::wrap(vec![1.0, f32::NAN]).is_finite());
        assert!(f16::wrap(vec![f16::MAX]).is_finite() && !f16::wrap(vec![f16::INFINITY]).is_finite());
        assert!(f64::wrap(vec![0.0]).is_finite() && !f64::wrap(vec![f64::NEG_INFINITY]).is_finite());
        assert!(u32::wrap(vec![u32::MAX]).is_finite() && u8::wrap(vec![255]).is_finite());
    }
}
