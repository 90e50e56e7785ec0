//! [`Message`]: a protocol buffer, field by field.

/// The bytes of a message of the
/// [protocol buffers encoding](https://protobuf.dev/programming-guides/encoding/); fields stand in the order in which
/// they were added, and a field that is added again is repeated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message(Vec<u8>);

/// Wire types: how the end of a field is found.
const VARINT: u64 = 0;
const LENGTH: u64 = 2;

impl Message {
    /// With an integer, of `int32`, `int64` or an enumeration.
    pub fn integer(mut self, field: u32, value: i64) -> Self {
        self.varint(u64::from(field) << 3 | VARINT);
        // Negative numbers are the 64 bits of their two's complement.
        self.varint(value.cast_unsigned());
        self
    }

    /// With bytes.
    pub fn bytes(mut self, field: u32, content: &[u8]) -> Self {
        self.varint(u64::from(field) << 3 | LENGTH);
        self.varint(content.len() as u64);
        self.0.extend_from_slice(content);
        self
    }

    /// With a string.
    pub fn text(self, field: u32, content: &str) -> Self {
        self.bytes(field, content.as_bytes())
    }

    /// With a message.
    pub fn message(self, field: u32, content: &Self) -> Self {
        self.bytes(field, &content.0)
    }

    /// With several messages.
    pub fn messages<'a>(self, field: u32, contents: impl IntoIterator<Item = &'a Self>) -> Self {
        contents.into_iter().fold(self, |message, content| message.message(field, content))
    }

    /// The message as it is stored.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Seven bits per byte, the lowest first; the eighth says that more follow.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the encoding's documentation: field 1 = 150, field 2 = "testing", field 3 = {field 1 = 150}.
    #[test]
    fn fields_are_encoded_as_in_the_documentation_of_the_format() {
        let inner = Message::default().integer(1, 150);
        assert_eq!(inner.clone().into_bytes(), [0x08, 0x96, 0x01]);
        let text = Message::default().text(2, "testing").into_bytes();
        assert_eq!(text, [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]);
        assert_eq!(Message::default().message(3, &inner).into_bytes(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        let minus_two = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(Message::default().integer(1, -2).into_bytes()[1..], minus_two);
        // Field numbers from 16 on take two bytes: 20 << 3 = 160 = 0b1_0100000.
        assert_eq!(Message::default().integer(20, 7).into_bytes(), [0xa0, 0x01, 0x07]);
    }
}
