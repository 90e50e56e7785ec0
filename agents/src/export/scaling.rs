//! What happens to an observation before the network sees it, in a graph.

use crate::nn::Scaling;
use crate::onnx::{Graph, Value};

/// x' = clip((x - mean) scale, -clip, clip), entry by entry.
pub(super) fn graph_of(scaling: &Scaling, graph: &mut Graph, observation: &Value) -> Value {
    let Scaling { mean, scale, clip } = scaling;
    let low: Vec<f32> = clip.iter().map(|clip| -clip).collect();
    let entries = [("mean", mean), ("scale", scale), ("low", &low), ("clip", clip)];
    let [mean, scale, low, high] =
        entries.map(|(name, data)| graph.floats(&format!("scaling/{name}"), &[1, data.len()], data));
    let centred = graph.sub(observation, &mean);
    let scaled = graph.mul(&centred, &scale);
    let above = graph.max(&scaled, &low);
    graph.min(&above, &high)
}
