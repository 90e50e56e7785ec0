//! `If` nodes whose condition is known before anything runs: one branch takes the place of the node.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};

use super::shapes::Facts;
use super::{OnnxError, OnnxFile};

impl OnnxFile {
    /// The file with the branches of every `If` whose condition follows from shapes and stored tensors, and its facts.
    /// Exporters of PyTorch write such nodes where a shape decides, for example whether to squeeze.
    pub(super) fn with_known_branches(mut self) -> Result<(Self, Facts), OnnxError> {
        loop {
            let facts = Facts::of(&self)?;
            let known = |node: &NodeProto| branch(node, self.condition(node, &facts)?);
            let Some((at, branch)) = self.graph.node.iter().enumerate().find_map(|(at, node)| Some((at, known(node)?)))
            else {
                return Ok((self, facts));
            };
            self.splice(at, branch);
        }
    }

    /// The condition of an `If`, where it is known.
    fn condition(&self, node: &NodeProto, facts: &Facts) -> Option<bool> {
        let name = node.input.first().filter(|_| node.op_type == "If")?;
        let stored = self.graph.initializer.iter().find(|tensor| &tensor.name == name);
        truth(stored.or_else(|| facts.find(name)?.value.as_ref())?)
    }

    /// Puts the nodes of a branch in the place of the node at `at`.
    fn splice(&mut self, at: usize, branch: GraphProto) {
        let node = self.graph.node.remove(at);
        let scope = node.output.first().cloned().unwrap_or_default();
        let made = branch.node.iter().flat_map(|node| &node.output);
        let own: HashSet<String> = made.chain(branch.initializer.iter().map(|tensor| &tensor.name)).cloned().collect();
        let mut names: HashMap<String, String> = own
            .into_iter()
            .filter(|name| !name.is_empty())
            .map(|name| (name.clone(), format!("{scope}/{name}")))
            .collect();
        let mut passed = Vec::new();
        for (result, output) in branch.output.iter().zip(&node.output) {
            // A result that the branch makes takes the name of the node's output; one from around it is passed on.
            let is_new = names.get(&result.name).is_some_and(|name| *name == format!("{scope}/{}", result.name));
            if is_new && !branch.initializer.iter().any(|tensor| tensor.name == result.name) {
                names.insert(result.name.clone(), output.clone());
            } else {
                let input = names.get(&result.name).unwrap_or(&result.name).clone();
                let (input, output) = (vec![input], vec![output.clone()]);
                passed.push(NodeProto { op_type: "Identity".into(), input, output, ..Default::default() });
            }
        }
        let renamed = branch.node.into_iter().map(|node| rename(node, &names)).chain(passed);
        self.graph.node.splice(at..at, renamed.collect::<Vec<_>>());
        self.graph.initializer.extend(branch.initializer.into_iter().map(|tensor| {
            let name = names.get(&tensor.name).unwrap_or(&tensor.name).clone();
            TensorProto { name, ..tensor }
        }));
    }
}

fn branch(node: &NodeProto, condition: bool) -> Option<GraphProto> {
    let name = if condition { "then_branch" } else { "else_branch" };
    node.attribute.iter().find(|attribute| attribute.name == name)?.g.clone()
}

/// The value of a stored truth value.
fn truth(tensor: &TensorProto) -> Option<bool> {
    let raw = tensor.raw_data.first().map(|&byte| byte != 0);
    raw.or_else(|| tensor.int32_data.first().map(|&value| value != 0))
}

/// A node with other names for its tensors, also for those that its own subgraphs read.
fn rename(mut node: NodeProto, names: &HashMap<String, String>) -> NodeProto {
    let renamed = |name: &mut String| {
        if let Some(new) = names.get(name) {
            name.clone_from(new);
        }
    };
    node.input.iter_mut().chain(&mut node.output).for_each(renamed);
    for graph in node.attribute.iter_mut().flat_map(|attribute| attribute.g.iter_mut().chain(&mut attribute.graphs)) {
        let inner = std::mem::take(&mut graph.node);
        graph.node = inner.into_iter().map(|node| rename(node, names)).collect();
        graph.output.iter_mut().map(|output| &mut output.name).for_each(renamed);
    }
    node
}
