//! A profile out of a file.

use super::layers::Layers;
use super::{OnnxError, OnnxFile};
use crate::dnn::Profile;
use crate::units::Bytes;

/// What a file does not say of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProfileOptions {
    /// Name of the network; without it the file's name without its ending.
    pub name: Option<String>,
    /// Where the file is published; without it the file's name.
    pub source: Option<String>,
    /// Licence of the source (SPDX identifier); without it `unknown`.
    pub licence: Option<String>,
    /// Bytes of the input as it is captured and travels; without it one byte per element of inputs of floating-point
    /// numbers, as in a picture, and the elements' own size for others.
    pub input_bytes: Option<Bytes>,
    /// Operators that are not known and count as no work, by name; each must be in the file.
    pub zero_ops: Vec<String>,
}

impl OnnxFile {
    /// The layer graph as a profile: every shape inferred, the cost of every layer counted.
    ///
    /// - `flop`: two per multiply-accumulate of convolutions (respecting groups), matrix products and recurrent
    ///   layers, and those of per-channel affine maps: two per element of a normalisation with weights, one per
    ///   element of a `Mul` or `Add` with weights; 0 for every other operator, so that totals are the figures of the
    ///   literature. The time of the others is memory-bound;
    /// - `param_bytes`: the weights that a layer reads, as stored, before anything is computed of them. Weights that several
    ///   layers read count at each; 64-bit integers (shapes, axes, indices) do not count;
    /// - `output_bytes`: the outputs that some layer reads, in the type that the file gives them.
    ///
    /// Nodes that compute on stored tensors and shapes alone vanish into their reader, and so do `Dropout` and
    /// `Identity`, which do nothing at inference, and nodes that no output depends on. Each part of a `Split` is a
    /// layer. The branch of an `If` whose condition follows from shapes and stored tensors takes its place. Layers have
    /// their nodes' names, or operator and running number. All inputs that layers read are together the network's input.
    ///
    /// # Errors
    /// [`OnnxError`] naming file, node and what is missing: open dimensions, unknown operators, shapes that depend
    /// on a run, branches and loops; or what [`Profile::graph`] refuses.
    pub fn profile(&self, options: &ProfileOptions) -> Result<Profile, OnnxError> {
        let (file, facts) = self.clone().with_known_branches()?;
        let layers = Layers::of(&file, &facts, &options.zero_ops)?;
        let file_name = std::path::Path::new(&self.file).file_name().map(|name| name.to_string_lossy().into_owned());
        let file_name = file_name.unwrap_or_else(|| self.file.clone());
        let stem = file_name.strip_suffix(".onnx").unwrap_or(&file_name).to_owned();
        let mut inputs = Vec::new();
        for input in self.graph.input.iter().filter(|input| layers.inputs.contains(&input.name)) {
            inputs.push(facts.input(self, &input.name)?);
        }
        let input_shape =
            inputs.first().map_or_else(Vec::new, |fact| fact.dims.iter().map(|&dim| dim as u32).collect());
        let captured = inputs.iter().map(|fact| if fact.is_float() { fact.elements() } else { fact.size() }).sum();
        let profile = Profile {
            name: options.name.clone().unwrap_or(stem),
            source: options.source.clone().unwrap_or(file_name),
            licence: options.licence.clone().unwrap_or_else(|| "unknown".into()),
            provenance: format!("made by `mec-gym models add` from an ONNX file of operator set {}", self.opset),
            input_shape,
            input_bytes: options.input_bytes.unwrap_or(Bytes(captured)),
            results: layers.results(&self.graph.output),
            layers: layers.list,
        };
        // What makes no graph is refused here, with the file's name.
        profile.graph(&self.file)?;
        Ok(profile)
    }
}
