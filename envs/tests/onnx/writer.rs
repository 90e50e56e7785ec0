//! Writes small ONNX files, field by field, so that tests can make good and bad ones.
//!
//! Reference for the field numbers: `onnx/onnx.proto` of the package `onnx`.

/// A field of length and bytes.
fn bytes(number: u32, content: &[u8]) -> Vec<u8> {
    [varint(u64::from(number) << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

/// A field that is an integer.
fn integer(number: u32, value: i64) -> Vec<u8> {
    [varint(u64::from(number) << 3), varint(value as u64)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A stored tensor.
#[derive(Clone)]
pub struct Initializer(Vec<u8>);

impl Initializer {
    fn fields(name: &str, dims: &[i64], data_type: i64) -> Vec<u8> {
        let dims: Vec<u8> = dims.iter().flat_map(|&dim| integer(1, dim)).collect();
        [dims, integer(2, data_type), bytes(8, name.as_bytes())].concat()
    }

    /// Data as raw bytes, of ONNX's type number.
    pub fn raw(name: &str, dims: &[i64], data_type: i64, data: &[u8]) -> Self {
        Self([Self::fields(name, dims, data_type), bytes(9, data)].concat())
    }

    /// A list of 64-bit integers.
    pub fn integers(name: &str, values: &[i64]) -> Self {
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self::raw(name, &[values.len() as i64], 7, &data)
    }

    /// Floats at the start of another file.
    pub fn external(name: &str, dims: &[i64], file: &str) -> Self {
        let entry =
            |key: &str, value: &str| bytes(13, &[bytes(1, key.as_bytes()), bytes(2, value.as_bytes())].concat());
        let length = (4 * dims.iter().product::<i64>()).to_string();
        let place = [entry("location", file), entry("offset", "0"), entry("length", &length)].concat();
        Self([Self::fields(name, dims, 1), place, integer(14, 1)].concat())
    }
}

/// A node.
pub struct Node(Vec<u8>);

impl Node {
    pub fn new(op: &str, inputs: &[&str], output: &str) -> Self {
        let inputs: Vec<u8> = inputs.iter().flat_map(|input| bytes(1, input.as_bytes())).collect();
        Self([inputs, bytes(2, output.as_bytes()), bytes(4, op.as_bytes())].concat())
    }

    fn with(mut self, field: Vec<u8>) -> Self {
        self.0.extend(field);
        self
    }

    pub fn output(self, name: &str) -> Self {
        self.with(bytes(2, name.as_bytes()))
    }

    pub fn named(self, name: &str) -> Self {
        self.with(bytes(3, name.as_bytes()))
    }

    pub fn integer(self, name: &str, value: i64) -> Self {
        self.with(bytes(5, &[bytes(1, name.as_bytes()), integer(3, value), integer(20, 2)].concat()))
    }

    pub fn domain(self, name: &str) -> Self {
        self.with(bytes(7, name.as_bytes()))
    }

    pub fn graph(self, name: &str, graph: &Model) -> Self {
        self.with(bytes(5, &[bytes(1, name.as_bytes()), bytes(6, &graph.graph), integer(20, 5)].concat()))
    }

    pub fn integers(self, name: &str, values: &[i64]) -> Self {
        let list: Vec<u8> = values.iter().flat_map(|&value| integer(8, value)).collect();
        self.with(bytes(5, &[bytes(1, name.as_bytes()), list, integer(20, 7)].concat()))
    }

    pub fn text(self, name: &str, value: &str) -> Self {
        self.with(bytes(5, &[bytes(1, name.as_bytes()), bytes(4, value.as_bytes()), integer(20, 3)].concat()))
    }
}

/// A model of one input of floats.
pub struct Model {
    graph: Vec<u8>,
}

impl Model {
    pub fn new(input: &str, dims: &[i64], output: &str) -> Self {
        let dims: Vec<String> = dims.iter().map(i64::to_string).collect();
        Self::with_dims(input, &dims.iter().map(String::as_str).collect::<Vec<_>>(), output)
    }

    /// Dimensions are numbers, symbols, or nothing.
    pub fn with_dims(input: &str, dims: &[&str], output: &str) -> Self {
        Self { graph: bytes(11, &info(input, dims)) }.result(output)
    }

    /// A branch of an `If`: a graph without inputs of its own.
    pub fn branch(output: &str) -> Self {
        Self { graph: Vec::new() }.result(output)
    }

    fn with(mut self, field: Vec<u8>) -> Self {
        self.graph.extend(field);
        self
    }

    pub fn input(self, name: &str, dims: &[i64]) -> Self {
        let dims: Vec<String> = dims.iter().map(i64::to_string).collect();
        self.open_input(name, &dims.iter().map(String::as_str).collect::<Vec<_>>())
    }

    pub fn open_input(self, name: &str, dims: &[&str]) -> Self {
        self.with(bytes(11, &info(name, dims)))
    }

    pub fn result(self, name: &str) -> Self {
        self.with(bytes(12, &bytes(1, name.as_bytes())))
    }

    pub fn node(self, node: Node) -> Self {
        self.with(bytes(1, &node.0))
    }

    pub fn weights(self, tensor: Initializer) -> Self {
        self.with(bytes(5, &tensor.0))
    }

    /// Says the shape of a tensor in between.
    pub fn shape(self, name: &str, dims: &[i64]) -> Self {
        let dims: Vec<String> = dims.iter().map(i64::to_string).collect();
        self.with(bytes(13, &info(name, &dims.iter().map(String::as_str).collect::<Vec<_>>())))
    }

    /// The file: operator set 17.
    pub fn bytes(&self) -> Vec<u8> {
        [integer(1, 8), bytes(8, &integer(2, 17)), bytes(7, &self.graph)].concat()
    }
}

fn info(name: &str, dims: &[&str]) -> Vec<u8> {
    let dim = |dim: &&str| match dim.parse() {
        _ if dim.is_empty() => bytes(1, &[]),
        Ok(value) => bytes(1, &integer(1, value)),
        Err(_) => bytes(1, &bytes(2, dim.as_bytes())),
    };
    let shape: Vec<u8> = dims.iter().flat_map(dim).collect();
    let kind = bytes(1, &[integer(1, 1), bytes(2, &shape)].concat());
    [bytes(1, name.as_bytes()), bytes(2, &kind)].concat()
}
