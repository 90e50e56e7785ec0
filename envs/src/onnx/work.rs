//! The work of one node.

use tract_onnx::pb::{AttributeProto, NodeProto};

use super::shapes::Fact;
use crate::dnn::LayerKind;

/// A node with what is known of its inputs (none where an optional one is left out) and of its first output.
pub(super) struct Work<'a> {
    pub(super) node: &'a NodeProto,
    pub(super) inputs: Vec<Option<&'a Fact>>,
    pub(super) output: &'a Fact,
    /// Elements of the weights it reads.
    pub(super) weights: f64,
}

impl Work<'_> {
    /// FLOP of one inference: two per multiply-accumulate of convolutions (respecting groups), matrix products and
    /// recurrent layers, and those of per-channel affine maps (two per element of a `BatchNormalization` or
    /// `LayerNormalization`, one per element of a `Mul` or `Add` with weights). Everything else counts as none, as in
    /// the figures of the literature; its time is that of moving the data.
    ///
    /// `None` if the node lacks an input that the count needs.
    pub(super) fn flop(&self) -> Option<f64> {
        let output = self.output.elements();
        Some(match self.node.op_type.as_str() {
            // Weights: [outputs, inputs / groups, height, width]; [inputs, outputs / groups, ...] if transposed.
            "Conv" | "ConvInteger" => 2.0 * output * self.terms(1)?,
            "QLinearConv" => 2.0 * output * self.terms(3)?,
            "ConvTranspose" => 2.0 * self.input(0)?.elements() * self.terms(1)?,
            "Gemm" => {
                let dims = &self.input(0)?.dims;
                2.0 * output * *dims.get(if self.integer("transA") == Some(1) { 0 } else { 1 })? as f64
            }
            "MatMul" | "MatMulInteger" | "QLinearMatMul" => 2.0 * output * *self.input(0)?.dims.last()? as f64,
            "Einsum" => self.einsum()?,
            // Every weight of W and R is used once per step and member of the batch: input is [steps, batch, size].
            "LSTM" | "GRU" | "RNN" => {
                let [steps, batch, _] = self.input(0)?.dims[..] else { return None };
                2.0 * steps as f64 * batch as f64 * (self.input(1)?.elements() + self.input(2)?.elements())
            }
            "BatchNormalization" | "LayerNormalization" | "InstanceNormalization" | "GroupNormalization" => {
                2.0 * output
            }
            "Mul" | "Add" if self.weights > 0.0 => output,
            _ => 0.0,
        })
    }

    /// What kind of work it is; `None` for operators that are not known.
    pub(super) fn kind(&self) -> Option<LayerKind> {
        let kind = LayerKind::of_op(&self.node.op_type)?;
        let one_per_group = self.input(1).is_some_and(|weights| weights.dims.get(1) == Some(&1));
        let grouped = self.integer("group").is_some_and(|groups| groups > 1);
        let depthwise = self.node.op_type == "Conv" && grouped && one_per_group;
        Some(if depthwise { LayerKind::DepthwiseConvolution } else { kind })
    }

    /// Terms in the sum behind each element: the weights' elements but for their first dimension.
    fn terms(&self, weights: usize) -> Option<f64> {
        Some(self.input(weights)?.dims.iter().skip(1).map(|&dim| dim as f64).product())
    }

    /// Two per combination of all letters; a sum of one tensor alone multiplies nothing.
    fn einsum(&self) -> Option<f64> {
        let equation =
            self.attribute("equation").map(|attribute| String::from_utf8_lossy(&attribute.s).into_owned())?;
        let terms = equation.split("->").next()?.split(',').map(|term| term.trim().to_owned());
        let mut letters: Vec<(char, f64)> = Vec::new();
        for (at, term) in terms.enumerate() {
            let dims = &self.input(at)?.dims;
            if term.chars().count() != dims.len() {
                return None;
            }
            for (letter, &dim) in term.chars().zip(dims) {
                if !letters.iter().any(|(known, _)| *known == letter) {
                    letters.push((letter, dim as f64));
                }
            }
        }
        let combinations: f64 = letters.iter().map(|(_, dim)| dim).product();
        Some(if self.inputs.len() > 1 { 2.0 * combinations } else { 0.0 })
    }

    fn input(&self, at: usize) -> Option<&Fact> {
        self.inputs.get(at).copied().flatten()
    }

    fn integer(&self, name: &str) -> Option<i64> {
        self.attribute(name).map(|attribute| attribute.i)
    }

    fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.node.attribute.iter().find(|attribute| attribute.name == name)
    }
}
