//! [`ExportedPolicy`]: a greedy policy as plain numbers.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, TensorView, serialize};
use serde_json::{Value as Json, json};

use super::network::Network;
use super::scaling::graph_of;
use crate::nn::Scaling;
use crate::onnx::{Element, Graph, Value};
use crate::spec::EnvSpec;

/// The only entry of the files' metadata: one, because entries of safetensors' map come in no fixed order.
const METADATA_KEY: &str = "mec_gym_policy";

/// What a trained agent does when it is to be judged, as plain numbers.
///
/// The network has one output per choice (logits), then one per continuous entry (means), then some that do not matter
/// here (log standard deviations, or the value of a dueling network). The action is the best open choice of each head, the
/// first one of equals (0 where none is open), then tanh of the means.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportedPolicy {
    /// The kind of learner that it is from, for example `sac`.
    pub kind: String,
    /// Environments that it acts in.
    pub spec: EnvSpec,
    /// What happens to observations first.
    pub scaling: Option<Scaling>,
    /// The actor.
    pub network: Network,
}

impl ExportedPolicy {
    /// The policy as an ONNX file of operator set 17; equal policies give equal bytes.
    ///
    /// Inputs: `observation`, floats `[batch, obs_dim]`, and where the action has heads `mask`, truth values
    /// `[batch, choices]`. Outputs, all floats: `action` `[batch, codes]` as
    /// [`ActionLayout`](mec_envs::gym::ActionLayout) orders them; `logits` `[batch, choices]` where the action has
    /// heads; `mean` `[batch, continuous]`, before tanh, where it has continuous entries. Logits of closed choices
    /// mean nothing.
    pub fn to_onnx(&self) -> Vec<u8> {
        let action = &self.spec.action;
        let (choices, dim) = (action.choices(), action.continuous);
        let graph = &mut Graph::new("policy");
        let observation = graph.input("observation", Element::Float, self.spec.obs_dim());
        let mask = (choices > 0).then(|| graph.input("mask", Element::Bool, choices));
        let x = match &self.scaling {
            Some(scaling) => graph_of(scaling, graph, &observation),
            None => observation,
        };
        let outputs = self.network.graph(graph, &self.spec, &x, mask.as_ref());
        let logits = mask.map(|mask| (graph.columns(&outputs, 0..choices), mask));
        let mean = (dim > 0).then(|| graph.columns(&outputs, choices..choices + dim));
        let mut codes = Vec::new();
        if let Some((logits, mask)) = &logits {
            codes.extend(best_choices(graph, &action.heads, logits, mask));
        }
        codes.extend(mean.iter().map(|mean| graph.tanh(mean)));
        let codes = graph.concat(&codes);
        graph.output("action", &codes, action.codes());
        if let Some((logits, _)) = &logits {
            graph.output("logits", logits, choices);
        }
        if let Some(mean) = &mean {
            graph.output("mean", mean, dim);
        }
        graph.to_bytes(&[(METADATA_KEY, &self.metadata().to_string())])
    }

    /// The weights as a [safetensors](https://huggingface.co/docs/safetensors) file, under their names within the
    /// network (`layer0/weight` `[inputs, outputs]`, `layer0/bias` `[1, outputs]`, ...) and, where observations are
    /// scaled, `scaling/mean`, `scaling/scale` and `scaling/clip` `[obs_dim]`. Equal policies give equal bytes.
    pub fn to_safetensors(&self) -> Vec<u8> {
        let matrices = self.network.matrices().into_iter();
        let mut arrays: Vec<(&str, Vec<usize>, &[f32])> =
            matrices.map(|matrix| (matrix.name.as_str(), matrix.shape.to_vec(), &matrix.data[..])).collect();
        if let Some(Scaling { mean, scale, clip }) = &self.scaling {
            let entries = [("scaling/mean", mean), ("scaling/scale", scale), ("scaling/clip", clip)];
            arrays.extend(entries.map(|(name, data)| (name, vec![data.len()], &data[..])));
        }
        let bytes: Vec<Vec<u8>> =
            arrays.iter().map(|(_, _, data)| data.iter().flat_map(|entry| entry.to_le_bytes()).collect()).collect();
        let views = arrays.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes).expect("matrices fill their shapes");
            (*name, view)
        });
        let metadata = HashMap::from([(METADATA_KEY.to_owned(), self.metadata().to_string())]);
        serialize(views, Some(metadata)).expect("names of a network differ, and matrices fill their shapes")
    }

    /// What the arrays do not tell.
    fn metadata(&self) -> Json {
        let parts = self.spec.observation.iter();
        let parts: Vec<Json> = parts.map(|part| json!({ "name": part.name, "shape": part.shape })).collect();
        let action = &self.spec.action;
        let network = match &self.network {
            Network::Dense(_, activation) => json!({ "kind": "mlp", "activation": activation }),
            Network::Options(network) => json!({ "kind": "scorer", "prior_scale": network.prior_scale }),
        };
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "kind": self.kind,
            "observation": parts,
            "action": { "heads": action.heads, "continuous": action.continuous },
            "network": network,
        })
    }
}

/// The best open choice of each head, `[batch, heads]` in pieces. Heads of one size that follow each other are compared
/// in one go.
fn best_choices(graph: &mut Graph, heads: &[usize], logits: &Value, mask: &Value) -> Vec<Value> {
    let closed = graph.float(f32::NEG_INFINITY);
    let open = graph.choose(mask, logits, &closed);
    let mut start = 0;
    let mut best = Vec::new();
    for equal in heads.chunk_by(|a, b| a == b) {
        let end = start + equal.iter().sum::<usize>();
        let block = graph.columns(&open, start..end);
        let block = graph.reshape(&block, &[-1, equal.len() as i64, equal[0] as i64]);
        best.push(graph.arg_max(&block));
        start = end;
    }
    best
}
