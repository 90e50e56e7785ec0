//! ONNX files (feature `onnx`): layer graphs out of them, and cut networks run in two halves.
//!
//! [`OnnxFile`] reads and checks a file, [`OnnxFile::profile`] infers every shape and counts the cost of every layer,
//! and [`Halves`] runs head and tail of a cut network with [`wire`] in between: the proof on real runs that cutting
//! leaves results as they are. Shapes and runs are [tract](https://docs.rs/tract-onnx)'s; what a layer costs is
//! counted here, by the rules of [`OnnxFile::profile`].

mod error;
pub use error::OnnxError;

mod stored;

mod operator;

mod file;
pub use file::OnnxFile;

mod weights;
pub use weights::Weights;

mod shapes;

mod branches;

mod work;

mod layers;

mod profile;
pub use profile::ProfileOptions;

mod tensor;
pub use tensor::{Data, Tensor};

pub mod wire;

mod halves;
pub use halves::{Halves, Program};
