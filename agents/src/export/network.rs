//! [`Network`]: the weights of an actor, and its operators in a graph.

use super::stored::{Matrix, StoredWeights};
use crate::checkpoint::CheckpointError;
use crate::nn::Activation;
use crate::onnx::{Graph, Value};
use crate::spec::EnvSpec;

/// A fully connected layer: x W + b, with W `[inputs, outputs]` and b `[1, outputs]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// W.
    pub weight: Matrix,
    /// b.
    pub bias: Matrix,
}

impl Layer {
    /// The layer stored as `layer<index>/weight` and `layer<index>/bias`.
    ///
    /// # Errors
    /// [`CheckpointError`] when one is missing or of another shape.
    pub fn read(
        weights: &mut StoredWeights<'_>,
        index: usize,
        [inputs, outputs]: [usize; 2],
    ) -> Result<Self, CheckpointError> {
        let weight = weights.matrix(&format!("layer{index}/weight"), [inputs, outputs])?;
        Ok(Self { weight, bias: weights.matrix(&format!("layer{index}/bias"), [1, outputs])? })
    }

    fn graph(&self, graph: &mut Graph, x: &Value) -> Value {
        let (weight, bias) = (store(graph, &self.weight), store(graph, &self.bias));
        let product = graph.matmul(x, &weight);
        graph.add(&product, &bias)
    }
}

/// The network of an actor.
#[derive(Clone, Debug, PartialEq)]
pub enum Network {
    /// [`Mlp`](crate::nn::Mlp): layers on the flat observation, with this function between them.
    Dense(Vec<Layer>, Activation),
    /// [`Scorer`](crate::nn::Scorer): one score per option.
    Options(OptionNetwork),
}

/// The weights of a [`Scorer`](crate::nn::Scorer).
#[derive(Clone, Debug, PartialEq)]
pub struct OptionNetwork {
    /// `[features + global + 1, hidden]`; the last row is the bias.
    pub embed: Matrix,
    /// From the pooled embedding into the first layer.
    pub pool: Matrix,
    /// From an option's embedding to its score.
    pub layers: Vec<Layer>,
    /// What the observation's `prior` is multiplied by before it is added to the scores.
    pub prior_scale: f32,
}

impl Network {
    /// The perceptron with layers of these sizes, from inputs to outputs, and this function between them.
    ///
    /// # Errors
    /// [`CheckpointError`] when a layer is missing or of another shape.
    pub fn dense(
        weights: &mut StoredWeights<'_>,
        sizes: &[usize],
        activation: Activation,
    ) -> Result<Self, CheckpointError> {
        let layers = sizes.windows(2).enumerate();
        let read = layers.map(|(index, size)| Layer::read(weights, index, [size[0], size[1]]));
        Ok(Self::Dense(read.collect::<Result<_, _>>()?, activation))
    }

    /// The scorer with these hidden layers, at least one, for observations of this shape.
    ///
    /// # Errors
    /// [`CheckpointError`] when a layer is missing or of another shape, or the observation has no options.
    pub fn options(
        weights: &mut StoredWeights<'_>,
        spec: &EnvSpec,
        hidden: &[usize],
        prior_scale: f32,
    ) -> Result<Self, CheckpointError> {
        let inputs = features(spec)? + spec.part("global").map_or(0, |(_, part)| part.len()) + 1;
        let sizes = [hidden, &[1]].concat();
        let embed = weights.matrix("embed/weight", [inputs, sizes[0]])?;
        let pool = weights.matrix("pool/weight", [sizes[0], sizes[1]])?;
        let layers = sizes.windows(2).enumerate();
        let read = layers.map(|(index, size)| Layer::read(weights, index + 1, [size[0], size[1]]));
        let layers = read.collect::<Result<_, _>>()?;
        Ok(Self::Options(OptionNetwork { embed, pool, layers, prior_scale }))
    }

    /// All weights in order.
    pub fn matrices(&self) -> Vec<&Matrix> {
        let (first, layers) = match self {
            Self::Dense(layers, _) => (vec![], layers),
            Self::Options(network) => (vec![&network.embed, &network.pool], &network.layers),
        };
        first.into_iter().chain(layers.iter().flat_map(|layer| [&layer.weight, &layer.bias])).collect()
    }

    /// The outputs for observations `[batch, obs_dim]` and a mask `[batch, choices]`.
    ///
    /// # Panics
    /// When a scorer is given no mask.
    pub(super) fn graph(&self, graph: &mut Graph, spec: &EnvSpec, x: &Value, mask: Option<&Value>) -> Value {
        match self {
            Self::Dense(layers, activation) => {
                let first = layers[0].graph(graph, x);
                rest(graph, first, &layers[1..], *activation)
            }
            Self::Options(network) => network.graph(graph, spec, x, mask.expect("a scorer's actions have choices")),
        }
    }
}

impl OptionNetwork {
    /// The formulas of [`Scorer`](crate::nn::Scorer). What the global features add to an embedding is the same for
    /// all options, and is computed once.
    fn graph(&self, graph: &mut Graph, spec: &EnvSpec, x: &Value, mask: &Value) -> Value {
        let choices = spec.action.choices() as i64;
        let open = graph.to_float(mask);
        let embedding = self.embedding(graph, spec, x);
        let open_options = graph.reshape(&open, &[-1, choices, 1]);
        let embedding = graph.mul(&embedding, &open_options);
        let (sum, count, one) = (graph.sum(&embedding, false), graph.sum(&open, true), graph.float(1.0));
        let count = graph.max(&count, &one);
        let inverse = graph.reciprocal(&count);
        let pooled = graph.mul(&sum, &inverse);
        let pool = store(graph, &self.pool);
        let [weight, bias] = [&self.layers[0].weight, &self.layers[0].bias].map(|matrix| store(graph, matrix));
        let shared = graph.matmul(&pooled, &pool);
        let shared = graph.add(&shared, &bias);
        let shared = graph.reshape(&shared, &[-1, 1, self.pool.shape[1] as i64]);
        let own = graph.matmul(&embedding, &weight);
        let first = graph.add(&own, &shared);
        let scores = rest(graph, first, &self.layers[1..], Activation::Relu);
        let scores = graph.reshape(&scores, &[-1, choices]);
        let Some((start, part)) = spec.part("prior") else { return scores };
        let prior = graph.columns(x, start..start + part.len());
        let scale = graph.float(self.prior_scale);
        let prior = graph.mul(&prior, &scale);
        graph.add(&scores, &prior)
    }

    /// relu(W_e [x_i, g, 1]) of every option, `[batch, choices, hidden]`.
    fn embedding(&self, graph: &mut Graph, spec: &EnvSpec, x: &Value) -> Value {
        let choices = spec.action.choices();
        let hidden = self.embed.shape[1];
        let (start, part) = spec.part("options").expect("a scorer is read only where there are options");
        let features = part.len() / choices;
        let (of_option, others) = self.embed.data.split_at(features * hidden);
        let (of_global, bias) = others.split_at(others.len() - hidden);
        let weight = graph.floats("embed/options", &[features, hidden], of_option);
        let mut shared = graph.floats("embed/bias", &[1, hidden], bias);
        if let Some((start, part)) = spec.part("global") {
            let weight = graph.floats("embed/global", &[part.len(), hidden], of_global);
            let global = graph.columns(x, start..start + part.len());
            let global = graph.matmul(&global, &weight);
            shared = graph.add(&global, &shared);
        }
        let shared = graph.reshape(&shared, &[-1, 1, hidden as i64]);
        let options = graph.columns(x, start..start + part.len());
        let options = graph.reshape(&options, &[-1, choices as i64, features as i64]);
        let own = graph.matmul(&options, &weight);
        let sum = graph.add(&own, &shared);
        graph.relu(&sum)
    }
}

/// The layers after the first one.
fn rest(graph: &mut Graph, first: Value, layers: &[Layer], activation: Activation) -> Value {
    layers.iter().fold(first, |x, layer| {
        let x = match activation {
            Activation::Relu => graph.relu(&x),
            Activation::Tanh => graph.tanh(&x),
        };
        layer.graph(graph, &x)
    })
}

fn store(graph: &mut Graph, matrix: &Matrix) -> Value {
    graph.floats(&matrix.name, &matrix.shape, &matrix.data)
}

/// Features of an option: its last axis, where the axes before it are the choices.
fn features(spec: &EnvSpec) -> Result<usize, CheckpointError> {
    let part = spec.part("options").map(|(_, part)| part);
    let choices = spec.action.choices();
    let fits = part.filter(|part| {
        let columns = part.shape.last().copied().unwrap_or(0);
        columns > 0 && choices > 0 && part.len() == choices * columns
    });
    let prior_fits = spec.part("prior").is_none_or(|(_, prior)| prior.len() == choices);
    match fits.filter(|_| prior_fits) {
        Some(part) => Ok(part.len() / choices),
        None => Err(CheckpointError::Value {
            name: "observation".to_owned(),
            found: format!("{:?}", spec.observation),
            reason: format!("a scorer needs options (and a prior, if there is one) for the {choices} choices"),
        }),
    }
}
