//! TensorBoard's messages, as far as scalars need them, in the encoding of protocol buffers.
//!
//! Reference: `tensorflow/core/util/event.proto` and `tensorflow/core/framework/summary.proto` of TensorFlow, from which
//! the field numbers are; <https://protobuf.dev/programming-guides/encoding/>.

/// What the first event of a file says of it.
const FILE_VERSION: &str = "brain.Event:2";

/// `SessionLog.SessionStatus.START`
const START: u64 = 1;

/// A figure under its tag.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scalar {
    pub(super) tag: String,
    pub(super) value: f32,
}

/// The event that a file begins with.
pub(super) fn version(wall_time: f64) -> Vec<u8> {
    let mut event = head(wall_time, 0);
    bytes(3, FILE_VERSION.as_bytes(), &mut event);
    event
}

/// The event that says: whatever was known from this step on is void.
pub(super) fn restart(wall_time: f64, step: u64) -> Vec<u8> {
    let mut log = Vec::new();
    number(1, START, &mut log);
    let mut event = head(wall_time, step);
    bytes(7, &log, &mut event);
    event
}

/// Scalars of one step.
pub(super) fn summary(wall_time: f64, step: u64, scalars: &[Scalar]) -> Vec<u8> {
    let mut summary = Vec::new();
    for Scalar { tag, value } in scalars {
        let mut entry = Vec::new();
        bytes(1, tag.as_bytes(), &mut entry);
        key(2, 5, &mut entry);
        entry.extend(value.to_le_bytes());
        bytes(1, &entry, &mut summary);
    }
    let mut event = head(wall_time, step);
    bytes(5, &summary, &mut event);
    event
}

/// `wall_time` (Unix time, s) and `step`.
fn head(wall_time: f64, step: u64) -> Vec<u8> {
    let mut event = Vec::new();
    key(1, 1, &mut event);
    event.extend(wall_time.to_le_bytes());
    number(2, step, &mut event);
    event
}

fn key(field: u64, wire_type: u64, into: &mut Vec<u8>) {
    varint(field << 3 | wire_type, into);
}

fn number(field: u64, value: u64, into: &mut Vec<u8>) {
    key(field, 0, into);
    varint(value, into);
}

fn bytes(field: u64, value: &[u8], into: &mut Vec<u8>) {
    key(field, 2, into);
    varint(value.len() as u64, into);
    into.extend(value);
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
fn varint(mut value: u64, into: &mut Vec<u8>) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked by hand from the rules of the encoding.
    #[test]
    fn a_summary_is_encoded_field_by_field() {
        let scalars = [Scalar { tag: "a/b".to_owned(), value: 1.0 }];
        let expected = [
            &[0x09][..],
            &2.0_f64.to_le_bytes(),          // wall_time
            &[0x10, 0xac, 0x02],             // step 300
            &[0x2a, 0x0c],                   // summary, 12 bytes
            &[0x0a, 0x0a],                   // value, 10 bytes
            &[0x0a, 0x03, b'a', b'/', b'b'], // tag
            &[0x15, 0x00, 0x00, 0x80, 0x3f], // simple_value
        ];
        assert_eq!(summary(2.0, 300, &scalars), expected.concat());
    }
}
