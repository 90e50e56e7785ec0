//! The profile: a layer graph as a readable TOML file, one line per layer.

use serde::{Deserialize, Serialize};

use super::{GraphError, Layer, LayerGraph, LayerKind, Node};
use crate::units::{Bytes, Flop};

/// A network on disk: where it comes from, and what each layer costs.
///
/// # Format
/// ```
/// # let text = r#"
/// name = "toy"
/// source = "drawn by hand"
/// licence = "CC0-1.0"
/// provenance = "an example for this page"
/// input_shape = [1, 3, 8, 8]
/// input_bytes = 192
/// layers = [
///   { name = "conv", op = "Conv", inputs = ["input"], flop = 27648, param_bytes = 864, output_bytes = 2048 },
///   { name = "relu", op = "Relu", inputs = ["conv"], flop = 0, param_bytes = 0, output_bytes = 2048 },
/// ]
/// # "#;
/// let graph = mec_envs::dnn::Profile::parse("toy.toml", text)?.graph("toy.toml")?;
/// assert_eq!(graph.len(), 2);
/// # Ok::<(), mec_envs::dnn::ProfileError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Name of the network.
    pub name: String,
    /// The file the profile was made from, and where that file is published.
    pub source: String,
    /// Licence of the source (SPDX identifier).
    pub licence: String,
    /// How the profile was made, and what its numbers count.
    pub provenance: String,
    /// Shape of the input tensor, for the reader: nothing is computed from it.
    pub input_shape: Vec<u32>,
    /// Bytes of the input as captured, for example 150,528 for a 224x224 picture of three bytes per pixel.
    pub input_bytes: Bytes,
    /// Names of layers whose output is a result although other layers read it; those that no layer reads are anyway.
    #[serde(default)]
    pub results: Vec<String>,
    /// The layers.
    pub layers: Vec<ProfileLayer>,
}

/// One layer of a [`Profile`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileLayer {
    /// Name, unique in the network.
    pub name: String,
    /// ONNX operator.
    pub op: String,
    /// Kind of work; without it, the kind that belongs to `op` ([`LayerKind::of_op`]).
    #[serde(default)]
    pub kind: Option<LayerKind>,
    /// Names of the layers it reads; `"input"` is the network's input.
    pub inputs: Vec<String>,
    /// Two FLOP per multiply-accumulate of a convolution or matrix product.
    pub flop: Flop,
    /// Bytes of its parameters.
    pub param_bytes: Bytes,
    /// Bytes of its output.
    pub output_bytes: Bytes,
}

/// Why a text is no profile.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ProfileError {
    /// Not TOML, or a key is unknown, missing or of another type; the message shows line and key.
    #[error("{file}: {message}")]
    Format {
        /// The file.
        file: String,
        /// What the TOML reader says: line, column, key, and what it expected.
        message: String,
    },
    /// An operator without a known kind, and no `kind` either.
    #[error(
        "{file}: layer {layer:?}, field op: the kind of operator {op:?} is not known; add `kind`, one of {}",
        kind_names()
    )]
    UnknownOp {
        /// The file.
        file: String,
        /// The layer.
        layer: String,
        /// The operator.
        op: String,
    },
    /// The layers make no graph.
    #[error("{file}: {source}")]
    Graph {
        /// The file.
        file: String,
        /// What is wrong.
        source: GraphError,
    },
}

impl Profile {
    /// Reads a profile; `file` is only named in errors.
    ///
    /// # Errors
    /// [`ProfileError::Format`] with line, column and key.
    pub fn parse(file: &str, text: &str) -> Result<Self, ProfileError> {
        toml::from_str(text)
            .map_err(|error| ProfileError::Format { file: file.into(), message: error.to_string().trim_end().into() })
    }

    /// The layer graph; `file` is only named in errors.
    ///
    /// # Errors
    /// [`ProfileError::UnknownOp`], or [`ProfileError::Graph`] naming layer and field.
    pub fn graph(&self, file: &str) -> Result<LayerGraph, ProfileError> {
        let nodes: Result<Vec<Node>, _> = self.layers.iter().map(|layer| layer.node(file)).collect();
        LayerGraph::new(self.name.as_str(), self.input_bytes, nodes?)
            .and_then(|graph| graph.with_results(&self.results))
            .map_err(|source| ProfileError::Graph { file: file.into(), source })
    }

    /// The profile as TOML, one line per layer; [`Profile::parse`] reads it back.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        for (key, value) in [
            ("name", &self.name),
            ("source", &self.source),
            ("licence", &self.licence),
            ("provenance", &self.provenance),
        ] {
            text += &format!("{key} = {}\n", quoted(value));
        }
        text += &format!("input_shape = {:?}\ninput_bytes = {}\n", self.input_shape, number(self.input_bytes.0));
        if !self.results.is_empty() {
            text += &format!("results = [{}]\n", quoted_list(&self.results));
        }
        text += "layers = [\n";
        for layer in &self.layers {
            text += &format!("  {},\n", layer.line());
        }
        text + "]\n"
    }
}

impl ProfileLayer {
    fn node(&self, file: &str) -> Result<Node, ProfileError> {
        let kind = self.kind.or_else(|| LayerKind::of_op(&self.op)).ok_or_else(|| ProfileError::UnknownOp {
            file: file.into(),
            layer: self.name.clone(),
            op: self.op.clone(),
        })?;
        let layer = Layer {
            name: self.name.clone(),
            op: self.op.clone(),
            kind,
            flop: self.flop,
            param_bytes: self.param_bytes,
            output_bytes: self.output_bytes,
        };
        Ok(Node { layer, inputs: self.inputs.clone() })
    }

    fn line(&self) -> String {
        let kind = self.kind.map_or_else(String::new, |kind| format!(" kind = {},", kind_name(kind)));
        format!(
            "{{ name = {}, op = {},{kind} inputs = [{}], flop = {}, param_bytes = {}, output_bytes = {} }}",
            quoted(&self.name),
            quoted(&self.op),
            quoted_list(&self.inputs),
            number(self.flop.0),
            number(self.param_bytes.0),
            number(self.output_bytes.0)
        )
    }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn quoted_list(texts: &[String]) -> String {
    texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", ")
}

/// A number as TOML reads it back: whole ones as integers, which end at 2^63.
fn number(value: f64) -> String {
    if value.abs() < 1e15 { value.to_string() } else { format!("{value:e}") }
}

fn kind_name(kind: LayerKind) -> String {
    toml::Value::try_from(kind).map_or_else(|_| format!("{kind:?}"), |value| value.to_string())
}

fn kind_names() -> String {
    LayerKind::ALL.map(kind_name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"name = "toy"
source = "by \"hand\""
licence = "CC0-1.0"
provenance = "none"
input_shape = [1, 3, 8, 8]
input_bytes = 192
layers = [
  { name = "conv", op = "Conv", kind = "depthwise_convolution", inputs = ["input"], flop = 27648, param_bytes = 864, output_bytes = 2048 },
  { name = "relu", op = "Relu", inputs = ["conv", "input"], flop = 0, param_bytes = 0, output_bytes = 2048.5 },
]
"#;

    #[test]
    fn a_profile_survives_the_round_trip() {
        let profile = Profile::parse("toy.toml", TEXT).unwrap();
        assert_eq!(Profile::parse("toy.toml", &profile.to_toml()).unwrap(), profile);
        let graph = profile.graph("toy.toml").unwrap();
        assert_eq!(graph.layers()[0].kind, LayerKind::DepthwiseConvolution);
        assert_eq!(graph.layers()[1].kind, LayerKind::Elementwise);
        let mut large = profile;
        (large.layers[0].flop.0, large.input_bytes.0) = (9.5e18, 1e300);
        assert_eq!(Profile::parse("toy.toml", &large.to_toml()).unwrap(), large);
    }

    #[test]
    fn a_result_that_others_read_is_returned_too() {
        let text = TEXT.replace("layers = [", "results = [\"conv\"]\nlayers = [");
        let profile = Profile::parse("toy.toml", &text).unwrap();
        assert_eq!(Profile::parse("toy.toml", &profile.to_toml()).unwrap(), profile);
        assert_eq!(profile.graph("toy.toml").unwrap().output_bytes(), Bytes(2048.0 + 2048.5));
        let wrong = Profile { results: vec!["dense".into()], ..profile };
        let error = wrong.graph("toy.toml").unwrap_err().to_string();
        assert!(error.contains("field results: no layer \"dense\""), "{error}");
    }

    #[test]
    fn errors_name_file_layer_and_what_is_accepted() {
        let error = |from: &str, to: &str| {
            let text = TEXT.replacen(from, to, 1);
            Profile::parse("toy.toml", &text).and_then(|profile| profile.graph("toy.toml")).unwrap_err().to_string()
        };
        let unknown_key = error("flop = 0,", "flop = 0, colour = 3,");
        assert!(unknown_key.contains("toy.toml") && unknown_key.contains("unknown field `colour`"), "{unknown_key}");
        assert!(unknown_key.contains("\"relu\""), "{unknown_key}");
        let missing = error("flop = 0, ", "");
        assert!(missing.contains("missing field `flop`") && missing.contains("\"relu\""), "{missing}");
        let operator = error("Relu", "Teleport");
        assert!(operator.contains("layer \"relu\", field op") && operator.contains("\"pooling\""), "{operator}");
        let size = error("param_bytes = 0", "param_bytes = -4");
        assert!(size.contains("toy.toml: network \"toy\", layer \"relu\", field param_bytes: -4"), "{size}");
        assert!(error("27648", "\"many\"").contains("toy.toml"));
    }
}
