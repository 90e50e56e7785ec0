//! One layer: an operator with its work, parameters and output.

use serde::{Deserialize, Serialize};

use crate::units::{Bytes, Flop};

/// What a processor's rate depends on: the sort of work a layer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayerKind {
    /// Dense or grouped convolution.
    Convolution,
    /// Convolution with as many groups as input channels: little arithmetic per byte.
    DepthwiseConvolution,
    /// Matrix product with weights: fully connected layers, attention.
    Dense,
    /// Activation, normalisation, sum: one pass over the data, fused by inference runtimes.
    Elementwise,
    /// Maximum, average or other reduction over windows or over everything.
    Pooling,
    /// Moves data without computing: concatenation, reshape, transpose, split.
    Movement,
}

impl LayerKind {
    /// Every kind, in the order of declaration.
    pub const ALL: [Self; 6] =
        [Self::Convolution, Self::DepthwiseConvolution, Self::Dense, Self::Elementwise, Self::Pooling, Self::Movement];

    /// The kind of an ONNX operator, `None` for an operator that this crate does not know.
    ///
    /// A depthwise convolution carries the operator name `Conv` as well: only a profile that says so makes a
    /// layer [`LayerKind::DepthwiseConvolution`].
    pub fn of_op(op: &str) -> Option<Self> {
        let kind = match op {
            "Conv" | "ConvTranspose" | "ConvInteger" | "QLinearConv" => Self::Convolution,
            "Gemm" | "MatMul" | "MatMulInteger" | "QLinearMatMul" | "Einsum" | "Attention" | "LSTM" | "GRU" | "RNN" => {
                Self::Dense
            }
            _ if ELEMENTWISE.contains(&op) => Self::Elementwise,
            _ if POOLING.contains(&op) => Self::Pooling,
            _ if MOVEMENT.contains(&op) => Self::Movement,
            _ => return None,
        };
        Some(kind)
    }
}

/// Activations, arithmetic, comparisons, normalisations, changes of type.
#[rustfmt::skip]
const ELEMENTWISE: &[&str] = &[
    "Relu", "PRelu", "LeakyRelu", "ThresholdedRelu", "Elu", "Celu", "Selu", "Gelu", "Sigmoid", "HardSigmoid", "HardSwish",
    "Swish", "Mish", "Softplus", "Softsign", "Tanh", "Softmax", "LogSoftmax", "Hardmax", "Clip", "Dropout", "Identity",
    "Add", "Sub", "Mul", "Div", "Mod", "Pow", "Sum", "Mean", "Min", "Max", "Sqrt", "Exp", "Log", "Erf", "Abs", "Neg",
    "Sign", "Reciprocal", "RotaryEmbedding", "Shrink", "BitShift", "Floor", "Ceil", "Round",
    "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh",
    "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or", "Xor", "Not", "Where", "IsNaN", "IsInf",
    "BatchNormalization", "InstanceNormalization", "LayerNormalization", "GroupNormalization", "RMSNormalization",
    "LpNormalization", "MeanVarianceNormalization", "LRN",
    "Cast", "CastLike", "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear",
];

/// Reductions over windows, axes or everything.
#[rustfmt::skip]
const POOLING: &[&str] = &[
    "MaxPool", "AveragePool", "LpPool", "GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool",
    "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare",
    "ReduceLogSum", "ReduceLogSumExp", "ArgMax", "ArgMin", "TopK", "CumSum",
];

/// What moves, copies or looks up data.
#[rustfmt::skip]
const MOVEMENT: &[&str] = &[
    "Concat", "Split", "Slice", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Expand", "Tile", "Pad",
    "Gather", "GatherElements", "GatherND", "Scatter", "ScatterElements", "ScatterND", "OneHot", "Trilu",
    "Resize", "Upsample", "GridSample", "DepthToSpace", "SpaceToDepth",
];

/// One layer of a network: an operator and what it costs for one inference.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Name, unique in its graph.
    pub name: String,
    /// ONNX operator, for example `Conv`.
    pub op: String,
    /// What the rate of a processor depends on.
    pub kind: LayerKind,
    /// Work w_v: two FLOP per multiply-accumulate of a convolution or matrix product; at least 0.
    pub flop: Flop,
    /// Parameters q_v as stored: four bytes per weight in the shipped profiles; at least 0.
    pub param_bytes: Bytes,
    /// Output o_v, the one tensor that all consumers read; more than 0.
    pub output_bytes: Bytes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_have_the_kind_of_their_work() {
        assert_eq!(LayerKind::of_op("Conv"), Some(LayerKind::Convolution));
        assert_eq!(LayerKind::of_op("Gemm"), Some(LayerKind::Dense));
        assert_eq!(LayerKind::of_op("Relu"), Some(LayerKind::Elementwise));
        assert_eq!(LayerKind::of_op("MaxPool"), Some(LayerKind::Pooling));
        assert_eq!(LayerKind::of_op("Concat"), Some(LayerKind::Movement));
        assert_eq!(LayerKind::of_op("Teleport"), None);
        let all: Vec<&str> = [ELEMENTWISE, POOLING, MOVEMENT].concat();
        assert!(all.iter().all(|op| all.iter().filter(|other| other == &op).count() == 1), "an operator of two kinds");
    }
}
