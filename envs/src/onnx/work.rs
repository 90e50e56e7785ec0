//! The work of one node.

use tract_onnx::pb::{AttributeProto, NodeProto};

use super::operator::known_kind;
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
            "Attention" => self.attention()?,
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
        let kind = known_kind(self.node)?;
        let weights = match self.node.op_type.as_str() {
            "Conv" | "ConvInteger" => self.input(1),
            "QLinearConv" => self.input(3),
            _ => None,
        };
        let one_per_group = weights.is_some_and(|weights| weights.dims.get(1) == Some(&1));
        let grouped = self.integer("group").is_some_and(|groups| groups > 1);
        Some(if one_per_group && grouped { LayerKind::DepthwiseConvolution } else { kind })
    }

    /// Terms in the sum behind each element: the weights' elements but for their first dimension.
    fn terms(&self, weights: usize) -> Option<f64> {
        Some(self.input(weights)?.dims.iter().skip(1).map(|&dim| dim as f64).product())
    }

    /// Two per combination of all letters; a sum of one tensor alone multiplies nothing.
    fn einsum(&self) -> Option<f64> {
        let equation = String::from_utf8_lossy(&self.attribute("equation")?.s).replace(' ', "");
        let mut letters: Vec<(Letter, f64)> = Vec::new();
        for (at, term) in equation.split("->").next()?.split(',').enumerate() {
            let dims = &self.input(at)?.dims;
            for (letter, &dim) in letters_of(term, dims.len())?.into_iter().zip(dims) {
                match letters.iter_mut().find(|(known, _)| *known == letter) {
                    Some((_, size)) => *size = size.max(dim as f64),
                    None => letters.push((letter, dim as f64)),
                }
            }
        }
        let combinations: f64 = letters.iter().map(|(_, dim)| dim).product();
        Some(if self.inputs.len() > 1 { 2.0 * combinations } else { 0.0 })
    }

    /// Products of queries with keys and of weights with values: 2 B H S_q S_k (D_k + D_v). Tensors are [batch, heads,
    /// length, size], or [batch, length, heads x size] with the numbers of heads as attributes.
    fn attention(&self) -> Option<f64> {
        let (query, key, value) = (&self.input(0)?.dims, &self.input(1)?.dims, &self.input(2)?.dims);
        let size = |dims: &[u64], at: usize| dims.get(at).map(|&dim| dim as f64);
        if query.len() == 4 {
            let pairs = size(query, 0)? * size(query, 1)? * size(query, 2)? * size(key, 2)?;
            return Some(2.0 * pairs * (size(query, 3)? + size(value, 3)?));
        }
        let (heads, groups) = (self.integer("q_num_heads")? as f64, self.integer("kv_num_heads")? as f64);
        let pairs = size(query, 0)? * size(query, 1)? * size(key, 1)?;
        Some(2.0 * pairs * (size(query, 2)? + size(value, 2)? * heads / groups))
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

/// A dimension of an `Einsum`: a letter, or the place from the right of one behind the three dots.
#[derive(Clone, Copy, PartialEq)]
enum Letter {
    Name(char),
    Dots(usize),
}

/// The letters of one term, for a tensor of this rank; `None` if it has another.
fn letters_of(term: &str, rank: usize) -> Option<Vec<Letter>> {
    let (before, behind) = term.split_once("...").unwrap_or((term, ""));
    let names = before.chars().count() + behind.chars().count();
    let dots = if term.contains("...") { rank.checked_sub(names)? } else { 0 };
    let letters = before
        .chars()
        .map(Letter::Name)
        .chain((0..dots).rev().map(Letter::Dots))
        .chain(behind.chars().map(Letter::Name));
    Some(letters.collect()).filter(|letters: &Vec<Letter>| letters.len() == rank)
}
