//! [`Network`]: from observations and actions to numbers, and back to gradients.

use burn::tensor::{Device, Tensor};
use mec_envs::rng::Prng;

use super::buffer::Buffer;
use super::feed::Feed;
use super::hidden::{Hidden, Norm};
use super::matrix::{Matrix, read, tensor};
use super::mlp::Mlp;
use super::parameters::Parameters;
use super::scorer::{OptionInputs, Scorer};
use super::scorer_pass::ScorerPass;
use super::threads::Helpers;
use crate::agent::ObservationBatch;

/// The architecture of a network, without its weights.
///
/// A pass is [`predict`](Self::predict), or [`record`](Self::record) and [`Tape::backward`]. Both compute where the
/// parameters lie, in host memory with kernels of this crate, elsewhere with burn, and take and return plain numbers. A
/// method whose losses are tensors, too, uses `on_device` and `gradients` instead.
#[derive(Clone, Debug, PartialEq)]
pub enum Network {
    /// On flat rows.
    Mlp(Mlp),
    /// Per option, with shared weights.
    Scorer(Scorer),
}

/// What a [`Network`] reads of a batch, at the place of its parameters.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // as a matrix, of which it is made
pub enum Inputs {
    /// Observation and continuous action one after another, `[batch, obs_dim + dim]`.
    Flat(Matrix),
    /// Options, for a scorer.
    Options(OptionInputs),
}

/// Whose gradients a pass is recorded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Track {
    /// Those of all parameters, in their order.
    Weights,
    /// Those of the last columns of the flat inputs, `[batch, last]`: the continuous action.
    Inputs {
        /// How many columns.
        last: usize,
    },
}

/// A recorded pass.
pub struct Tape<'a> {
    network: &'a Network,
    weights: &'a Parameters,
    inputs: &'a Inputs,
    track: Track,
    pass: Pass,
}

#[allow(clippy::large_enum_variant)] // a burn tensor alone is 256 bytes, and a few of these live per update
enum Pass {
    Mlp(Vec<Hidden>),
    Scorer(ScorerPass),
    Device { output: Tensor<3>, leaves: Vec<Tensor<2>> },
}

impl Network {
    /// The same with normalisation, and with dropout of a share of the hidden units, 0 or more and below 1.
    #[must_use]
    pub fn regularized(self, norm: Norm, dropout: f32) -> Self {
        match self {
            Self::Mlp(mlp) => Self::Mlp(mlp.regularized(norm, dropout)),
            Self::Scorer(scorer) => Self::Scorer(scorer.regularized(norm, dropout)),
        }
    }

    /// How many weights the network has, biases aside.
    pub(super) fn count_weights(&self) -> f64 {
        let (sizes, pool) = match self {
            Self::Mlp(mlp) => (mlp.sizes(), 0..0),
            // The pooled summary has weights of its own beside those of an option's embedding.
            Self::Scorer(scorer) => (scorer.sizes(), 1..2),
        };
        let layers: Vec<f64> = sizes.windows(2).map(|layer| layer[0] as f64 * layer[1] as f64).collect();
        layers.iter().chain(&layers[pool]).sum()
    }

    /// Initial parameters, at the place that `device` asks for.
    pub fn init(&self, rng: &mut Prng, device: &Device) -> Parameters {
        match self {
            Self::Mlp(mlp) => mlp.init(rng, device),
            Self::Scorer(scorer) => scorer.init(rng, device),
        }
    }

    /// What the network reads of a batch; `actions` are continuous entries, `[batch, dim]`, or empty.
    ///
    /// # Panics
    /// When a scorer is handed continuous actions.
    pub fn inputs(&self, batch: &ObservationBatch<'_>, actions: &[f32], device: &Device) -> Inputs {
        match self {
            Self::Mlp(_) => {
                let rows = batch.rows.max(1);
                let (obs_dim, dim) = (batch.observations.len() / rows, actions.len() / rows);
                let mut flat = Buffer::stale(batch.observations.len() + actions.len());
                for (row, columns) in flat.chunks_exact_mut((obs_dim + dim).max(1)).enumerate() {
                    let (observation, action) = columns.split_at_mut(obs_dim);
                    observation.copy_from_slice(&batch.observations[row * obs_dim..(row + 1) * obs_dim]);
                    action.copy_from_slice(&actions[row * dim..(row + 1) * dim]);
                }
                Inputs::Flat(Matrix::at(device, flat, [batch.rows, obs_dim + dim]))
            }
            Self::Scorer(scorer) => {
                assert!(actions.is_empty(), "a scorer reads no continuous actions");
                Inputs::Options(scorer.inputs(batch, device))
            }
        }
    }

    /// Appends what the network reads of states to a feed.
    pub(crate) fn feed(&self, batch: &ObservationBatch<'_>, feed: &mut Feed) {
        match self {
            Self::Mlp(_) => feed.push(batch.observations, [batch.rows, batch.observations.len() / batch.rows.max(1)]),
            Self::Scorer(scorer) => {
                let OptionInputs { rows, inverse_open, prior } = scorer.inputs(batch, &Device::flex());
                for matrix in [rows, inverse_open].iter().chain(&prior) {
                    feed.push(matrix.entries(), matrix.shape());
                }
            }
        }
    }

    /// Inputs of the tensors that [`feed`](Self::feed) sends.
    ///
    /// # Panics
    /// When there are fewer than the network needs.
    pub(crate) fn fed(&self, mut parts: impl Iterator<Item = Tensor<2>>) -> Inputs {
        let mut next = || Matrix::Device(parts.next().expect("the inputs of a network are complete"));
        match self {
            Self::Mlp(_) => Inputs::Flat(next()),
            Self::Scorer(scorer) => {
                let (rows, inverse_open) = (next(), next());
                Inputs::Options(OptionInputs { rows, inverse_open, prior: scorer.has_prior().then(next) })
            }
        }
    }

    /// The outputs, `[batch, outputs]`. Hidden units are dropped only where the network has dropout and a generator is
    /// given.
    pub fn predict(&self, weights: &Parameters, inputs: &Inputs, rng: Option<&mut Prng>) -> Vec<f32> {
        if weights.on_host() {
            self.on_host(weights, inputs, rng).0
        } else {
            read(self.on_device(&weights.tensors(), inputs, None, &mut Vec::from_iter(rng)))
        }
    }

    /// The outputs, `[batch, outputs]`, and what the way back needs.
    ///
    /// # Panics
    /// When the inputs of a scorer are to be tracked.
    pub fn record<'a>(
        &'a self,
        weights: &'a Parameters,
        inputs: &'a Inputs,
        track: Track,
        rng: Option<&mut Prng>,
    ) -> (Vec<f32>, Tape<'a>) {
        let (outputs, pass) = if weights.on_host() {
            self.on_host(weights, inputs, rng)
        } else {
            self.recorded_on_device(weights, inputs, track, rng)
        };
        (outputs, Tape { network: self, weights, inputs, track, pass })
    }

    fn on_host(&self, weights: &Parameters, inputs: &Inputs, rng: Option<&mut Prng>) -> (Vec<f32>, Pass) {
        match (self, inputs) {
            (Self::Mlp(mlp), Inputs::Flat(input)) => {
                let (outputs, hidden) = mlp.on_host(weights.matrices(), input.entries(), rng);
                (outputs.into_vec(), Pass::Mlp(hidden))
            }
            (Self::Scorer(scorer), Inputs::Options(options)) => {
                let (outputs, pass) = scorer.on_host(weights.matrices(), options, rng);
                (outputs, Pass::Scorer(pass))
            }
            _ => mismatch(),
        }
    }

    /// The outputs of stacked networks, `[members, batch, outputs]`, as operations that autodiff can record; `actions`
    /// are continuous entries that the inputs do not have yet, `[batch, dim]`. With a generator for each member, hidden
    /// units are dropped where the network has dropout.
    pub(crate) fn on_device(
        &self,
        weights: &[Tensor<2>],
        inputs: &Inputs,
        actions: Option<Tensor<2>>,
        rngs: &mut [&mut Prng],
    ) -> Tensor<3> {
        match (self, inputs, actions) {
            (Self::Mlp(mlp), Inputs::Flat(input), actions) => {
                let input = match actions {
                    Some(actions) => Tensor::cat(vec![input.tensor(), actions], 1),
                    None => input.tensor(),
                };
                mlp.on_device(weights, input.unsqueeze(), rngs)
            }
            (Self::Scorer(scorer), Inputs::Options(options), None) => scorer.on_device(weights, options, rngs),
            _ => mismatch(),
        }
    }

    fn recorded_on_device(
        &self,
        weights: &Parameters,
        inputs: &Inputs,
        track: Track,
        rng: Option<&mut Prng>,
    ) -> (Vec<f32>, Pass) {
        let mut rngs = Vec::from_iter(rng);
        let (output, leaves) = match (track, self, inputs) {
            (Track::Weights, _, _) => {
                let leaves = weights.leaves();
                (self.on_device(&leaves, inputs, None, &mut rngs), leaves)
            }
            (Track::Inputs { last }, Self::Mlp(mlp), Inputs::Flat(input)) => {
                let [_, columns] = input.shape();
                let input = input.tensor();
                let leaf = input.clone().narrow(1, columns - last, last).autodiff().require_grad();
                let known = input.narrow(1, 0, columns - last).autodiff();
                let weights: Vec<_> = weights.tensors().into_iter().map(Tensor::autodiff).collect();
                let input = Tensor::cat(vec![known, leaf.clone()], 1);
                (mlp.on_device(&weights, input.unsqueeze(), &mut rngs), vec![leaf])
            }
            _ => mismatch(),
        };
        (read(output.clone().inner()), Pass::Device { output, leaves })
    }
}

fn mismatch() -> ! {
    panic!("the inputs of a pass must come from the same kind of network, and only flat ones are tracked")
}

/// The gradients of a loss at the leaves of its graph; zero where it does not depend on one.
pub(crate) fn gradients(loss: &Tensor<1>, leaves: &[Tensor<2>]) -> Vec<Matrix> {
    let mut gradients = loss.backward();
    let of = |leaf: &Tensor<2>| leaf.grad_remove(&mut gradients).unwrap_or_else(|| leaf.clone().inner().zeros_like());
    leaves.iter().map(of).map(Matrix::Device).collect()
}

impl Tape<'_> {
    /// The gradients of what was tracked, from the gradient of a loss at the outputs, `[batch, outputs]`. In host
    /// memory `helpers` take a part of the work.
    pub fn backward(self, gradient: &[f32], helpers: Helpers<'_>) -> Vec<Matrix> {
        match (self.pass, self.network, self.inputs) {
            (Pass::Mlp(hidden), Network::Mlp(mlp), Inputs::Flat(input)) => {
                mlp.back(self.weights.matrices(), (input.entries(), &hidden), gradient, (self.track, helpers))
            }
            (Pass::Scorer(pass), Network::Scorer(scorer), Inputs::Options(options)) => {
                scorer.back(self.weights.matrices(), (options, &pass), gradient, helpers)
            }
            (Pass::Device { output, leaves }, _, _) => {
                let shape = output.dims();
                let loss = output.clone() * tensor(gradient.to_vec(), shape, &output.device().inner()).autodiff();
                gradients(&loss.sum(), &leaves)
            }
            _ => mismatch(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Activation, Threads, fan_in_uniform};
    use crate::spec::EnvSpec;
    use mec_envs::gym::{ActionLayout, Part};
    use mec_envs::rng::stream;
    use rand::RngExt;

    fn draw(len: usize, name: &str) -> Vec<f32> {
        let mut rng = stream(3, name);
        (0..len).map(|_| rng.random_range(-1.0..1.0)).collect()
    }

    /// Weights without the zeros and ones that some layers start with.
    fn weights(network: &Network) -> Parameters {
        let mut rng = stream(5, "weights");
        let mut weights = network.init(&mut rng, &Device::flex());
        for matrix in weights.matrices_mut() {
            *matrix = fan_in_uniform(matrix.shape(), 3, &mut rng, &Device::flex());
        }
        weights
    }

    fn on_device(inputs: &Inputs) -> Inputs {
        let moved = |matrix: &Matrix| Matrix::Device(matrix.tensor());
        match inputs {
            Inputs::Flat(flat) => Inputs::Flat(moved(flat)),
            Inputs::Options(options) => {
                let (rows, inverse_open) = (moved(&options.rows), moved(&options.inverse_open));
                Inputs::Options(OptionInputs { rows, inverse_open, prior: options.prior.as_ref().map(moved) })
            }
        }
    }

    fn close(left: &[f32], right: &[f32]) {
        assert_eq!(left.len(), right.len());
        assert!(left.iter().any(|&entry| entry != 0.0), "nothing to compare");
        for (left, right) in left.iter().zip(right) {
            assert!((left - right).abs() < 2e-5 * (1.0 + left.abs()), "{left} is not {right}");
        }
    }

    /// Both ways of both places, with the same units dropped.
    fn agree(network: &Network, inputs: &Inputs, track: Track) {
        let host = weights(network);
        let (device, on_device) = (host.on_device(&Device::flex()), on_device(inputs));
        let rng = || stream(8, "dropout");
        let (outputs, tape) = network.record(&host, inputs, track, Some(&mut rng()));
        let (of_device, tape_of_device) = network.record(&device, &on_device, track, Some(&mut rng()));
        close(&outputs, &of_device);
        assert_eq!(outputs, network.predict(&host, inputs, Some(&mut rng())));
        close(&network.predict(&device, &on_device, Some(&mut rng())), &outputs);
        let gradient = draw(outputs.len(), "gradient");
        let left = tape.backward(&gradient, Helpers::NONE);
        let (_, again) = network.record(&host, inputs, track, Some(&mut rng()));
        let helped = Threads::new(2).run(|helpers| again.backward(&gradient, helpers));
        let right = tape_of_device.backward(&gradient, Helpers::NONE);
        assert_eq!(left.len(), right.len());
        for (left, right) in left.iter().zip(&right) {
            assert_eq!(left.shape(), right.shape());
            close(&left.to_vec(), &right.to_vec());
        }
        let entries = |gradients: &[Matrix]| gradients.iter().flat_map(Matrix::to_vec).collect::<Vec<_>>();
        assert_eq!(entries(&left), entries(&helped), "the same bits with a helper");
    }

    fn batch(observations: &[f32], rows: usize) -> ObservationBatch<'_> {
        ObservationBatch { rows, observations, masks: None }
    }

    const REGULARIZED: [(Norm, f32); 4] =
        [(Norm::None, 0.0), (Norm::Layer, 0.0), (Norm::Layer, 0.3), (Norm::None, 0.3)];

    #[test]
    fn a_perceptron_agrees_with_autodiff() {
        let cases = REGULARIZED.map(|case| [Activation::Relu, Activation::Tanh].map(|activation| (case, activation)));
        for ((norm, dropout), activation) in cases.into_iter().flatten() {
            let mlp = Mlp::new(5, &[7, 6], 3).activated(activation).regularized(norm, dropout);
            let network = Network::Mlp(mlp);
            let (observations, actions) = (draw(4 * 3, "observations"), draw(4 * 2, "actions"));
            let inputs = network.inputs(&batch(&observations, 4), &actions, &Device::flex());
            agree(&network, &inputs, Track::Weights);
            agree(&network, &inputs, Track::Inputs { last: 2 });
        }
    }

    #[test]
    fn a_scorer_agrees_with_autodiff() {
        let observation =
            vec![Part::new("global", &[2]), Part::new("options", &[2, 4, 3]), Part::new("prior", &[2, 4])];
        let spec = EnvSpec { observation, action: ActionLayout { heads: vec![4; 2], continuous: 0 } };
        let cases = [&[6][..], &[6, 5], &[6, 5, 4]].map(|hidden| REGULARIZED.map(|case| (hidden, case)));
        for (hidden, (norm, dropout)) in cases.into_iter().flatten() {
            let network = Network::Scorer(Scorer::new(&spec, hidden, 0.5).unwrap()).regularized(norm, dropout);
            let observations = draw(3 * spec.obs_dim(), "observations");
            let masks: Vec<bool> = (0..24).map(|choice| choice % 5 != 1).collect();
            let rows = ObservationBatch { masks: Some(&masks), ..batch(&observations, 3) };
            agree(&network, &network.inputs(&rows, &[], &Device::flex()), Track::Weights);
        }
    }

    #[test]
    fn actions_follow_the_observation_of_their_row() {
        let network = Network::Mlp(Mlp::new(3, &[2], 1));
        let inputs = network.inputs(&batch(&[1.0, 2.0, 3.0, 4.0], 2), &[5.0, 6.0], &Device::flex());
        let Inputs::Flat(flat) = inputs else { panic!("a perceptron reads flat rows") };
        assert_eq!((flat.shape(), flat.entries()), ([2, 3], &[1.0, 2.0, 5.0, 3.0, 4.0, 6.0][..]));
    }
}
