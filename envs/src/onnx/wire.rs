//! The format in which the tensors that cross a cut travel: nothing is compressed, rounded or lost.
//!
//! All numbers are little-endian. A message is `MECT`, a version (`u16`, 1) and the number of tensors (`u16`); then for
//! each tensor the length of its name (`u16`), its name in UTF-8, its type (`u8`: 0 f32, 1 i64, 2 i32, 3 u8, 4 i8,
//! 5 bool), its rank (`u8`), its dimensions (`u64` each), and its elements in row-major order.

use super::tensor::{Data, Tensor};

const MAGIC: &[u8; 4] = b"MECT";
const VERSION: u16 = 1;

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The bytes do not begin as a message does.
    #[error("byte 0: no message of tensors: it begins with {found:?}, not with \"MECT\" and version 1")]
    NotWire {
        /// The first bytes.
        found: Vec<u8>,
    },
    /// The bytes end too early.
    #[error("byte {at}: the message ends where {missing} more bytes of {part} are due")]
    Short {
        /// Where it ends.
        at: usize,
        /// How many bytes are missing.
        missing: usize,
        /// Of what.
        part: &'static str,
    },
    /// A part has a value that it cannot have.
    #[error("byte {at}: {part} is {found}; accepted is {accepted}")]
    Value {
        /// Where.
        at: usize,
        /// What part.
        part: &'static str,
        /// The value.
        found: u64,
        /// What is accepted.
        accepted: &'static str,
    },
}

/// The message of these tensors.
///
/// # Panics
/// If there are more than 65,535 tensors, or a name of more than 65,535 bytes, or a rank above 255.
pub fn encode(tensors: &[Tensor]) -> Vec<u8> {
    let short = |length: usize| u16::try_from(length).expect("at most 65,535 tensors and bytes of a name");
    let mut bytes = Vec::with_capacity(8 + tensors.iter().map(|tensor| 64 + tensor.bytes()).sum::<usize>());
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(short(tensors.len()).to_le_bytes());
    for tensor in tensors {
        bytes.extend(short(tensor.name.len()).to_le_bytes());
        bytes.extend(tensor.name.as_bytes());
        bytes.push(code(&tensor.data));
        bytes.push(u8::try_from(tensor.dims.len()).expect("a rank of at most 255"));
        tensor.dims.iter().for_each(|&dim| bytes.extend((dim as u64).to_le_bytes()));
        match &tensor.data {
            Data::F32(data) => data.iter().for_each(|value| bytes.extend(value.to_le_bytes())),
            Data::I64(data) => data.iter().for_each(|value| bytes.extend(value.to_le_bytes())),
            Data::I32(data) => data.iter().for_each(|value| bytes.extend(value.to_le_bytes())),
            Data::U8(data) => bytes.extend(data),
            Data::I8(data) => data.iter().for_each(|value| bytes.extend(value.to_le_bytes())),
            Data::Bool(data) => bytes.extend(data.iter().map(|&value| u8::from(value))),
        }
    }
    bytes
}

/// The tensors of a message.
///
/// # Errors
/// [`WireError`] naming the byte, what was found and what is accepted; also for bytes behind the last tensor.
pub fn decode(bytes: &[u8]) -> Result<Vec<Tensor>, WireError> {
    let mut reader = Reader { bytes, at: 0 };
    let start: Vec<u8> = bytes.iter().take(6).copied().collect();
    if start[..] != [&MAGIC[..], &VERSION.to_le_bytes()].concat() {
        return Err(WireError::NotWire { found: start });
    }
    reader.at = 6;
    let count = u16::from_le_bytes(reader.array("the number of tensors")?);
    let tensors = (0..count).map(|_| reader.tensor()).collect::<Result<Vec<_>, _>>()?;
    match bytes.len() - reader.at {
        0 => Ok(tensors),
        rest => Err(WireError::Value {
            at: reader.at,
            part: "the number of bytes behind the last tensor",
            found: rest as u64,
            accepted: "0",
        }),
    }
}

fn code(data: &Data) -> u8 {
    match data {
        Data::F32(_) => 0,
        Data::I64(_) => 1,
        Data::I32(_) => 2,
        Data::U8(_) => 3,
        Data::I8(_) => 4,
        Data::Bool(_) => 5,
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize, part: &'static str) -> Result<&'a [u8], WireError> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..length);
        let short = || WireError::Short { at: self.bytes.len(), missing: length - rest.len(), part };
        let taken = taken.ok_or_else(short)?;
        self.at += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, part: &'static str) -> Result<[u8; N], WireError> {
        Ok(std::array::from_fn({
            let bytes = self.take(N, part)?;
            move |at| bytes[at]
        }))
    }

    fn tensor(&mut self) -> Result<Tensor, WireError> {
        let length = u16::from_le_bytes(self.array("the length of a name")?);
        let name = String::from_utf8_lossy(self.take(length.into(), "a name")?).into_owned();
        let [code, rank] = self.array("type and rank")?;
        let start = self.at;
        let dims: Vec<u64> =
            (0..rank).map(|_| Ok(u64::from_le_bytes(self.array("dimensions")?))).collect::<Result<_, _>>()?;
        let product = dims.iter().try_fold(1_u64, |product, &dim| product.checked_mul(dim));
        let elements = product.and_then(|product| usize::try_from(product).ok()).filter(|&count| count < 1 << 48);
        let too_many = || WireError::Value {
            at: start,
            part: "the number of elements",
            found: product.unwrap_or(u64::MAX),
            accepted: "less than 2^48",
        };
        let data = self.data(code, elements.ok_or_else(too_many)?)?;
        Ok(Tensor { name, dims: dims.into_iter().map(|dim| dim as usize).collect(), data })
    }

    fn data(&mut self, code: u8, elements: usize) -> Result<Data, WireError> {
        Ok(match code {
            0 => Data::F32(self.numbers(elements, f32::from_le_bytes)?),
            1 => Data::I64(self.numbers(elements, i64::from_le_bytes)?),
            2 => Data::I32(self.numbers(elements, i32::from_le_bytes)?),
            3 => Data::U8(self.numbers(elements, u8::from_le_bytes)?),
            4 => Data::I8(self.numbers(elements, i8::from_le_bytes)?),
            5 => Data::Bool(self.numbers(elements, |[byte]| byte != 0)?),
            found => {
                let found = found.into();
                return Err(WireError::Value { at: self.at, part: "the type of a tensor", found, accepted: "0 to 5" });
            }
        })
    }

    fn numbers<const N: usize, T>(
        &mut self,
        elements: usize,
        read: impl Fn([u8; N]) -> T,
    ) -> Result<Vec<T>, WireError> {
        let (numbers, _) = self.take(elements * N, "elements")?.as_chunks::<N>();
        Ok(numbers.iter().map(|bytes| read(*bytes)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensors() -> Vec<Tensor> {
        let tensor = |name: &str, dims: &[usize], data| Tensor { name: name.into(), dims: dims.to_vec(), data };
        vec![
            tensor("a", &[2, 1], Data::F32(vec![f32::MIN_POSITIVE, -0.0])),
            tensor("é", &[], Data::I64(vec![i64::MIN])),
            tensor("", &[0, 3], Data::U8(vec![])),
            tensor("b", &[3], Data::Bool(vec![true, false, true])),
            tensor("c", &[1], Data::I32(vec![-7])),
            tensor("d", &[2], Data::I8(vec![-128, 127])),
        ]
    }

    #[test]
    fn tensors_arrive_as_they_were_sent() {
        assert_eq!(decode(&encode(&tensors())).unwrap(), tensors());
        assert_eq!(decode(&encode(&[])).unwrap(), []);
        let nan = Tensor { name: "n".into(), dims: vec![1], data: Data::F32(vec![f32::from_bits(0x7fc0_1234)]) };
        let [Tensor { data: Data::F32(back), .. }] = &decode(&encode(&[nan])).unwrap()[..] else {
            panic!("one tensor")
        };
        assert_eq!(back[0].to_bits(), 0x7fc0_1234, "to the bit");
    }

    #[test]
    fn a_damaged_message_is_refused_wherever_it_is_damaged() {
        let bytes = encode(&tensors());
        for length in 0..bytes.len() {
            let error = decode(&bytes[..length]).unwrap_err().to_string();
            assert!(error.starts_with("byte "), "{error}");
        }
        assert!(decode(&[&bytes[..], &[0]].concat()).unwrap_err().to_string().contains("behind the last tensor is 1"));
        let error = decode(b"PNG").unwrap_err().to_string();
        assert!(error.contains("no message of tensors"), "{error}");
        let mut huge = bytes.clone();
        huge[13..21].fill(255);
        assert!(decode(&huge).unwrap_err().to_string().contains("number of elements"));
    }
}
