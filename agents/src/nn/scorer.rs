//! [`Scorer`]: one score per option, from weights that all options share.

use burn::tensor::{Device, Tensor};
use mec_envs::gym::Part;
use mec_envs::rng::Prng;

use super::activation::Activation;
use super::buffer::Buffer;
use super::dense_on_device::{affine, unstacked};
use super::hidden::{HiddenUnits, Norm};
use super::init::fan_in_uniform;
use super::matrix::Matrix;
use super::parameters::Parameters;
use crate::agent::{ConfigError, ObservationBatch};
use crate::spec::EnvSpec;

/// Scores every choice of every head with the same small network.
///
/// With x_i the features of option i and g the global ones:
///
/// - e_i = relu(W_e [x_i, g, 1]), the embedding of option i;
/// - p = mean of e_j over the open options j of all heads;
/// - z_i = W_1 e_i + W_p p + b, then ReLU and further layers, down to one number;
/// - score_i = z_i + prior scale x prior_i.
///
/// This is the sum-decomposition of Zaheer et al. 2017 (Deep Sets, arXiv:1703.06114): scores are equivariant to the
/// order of options, and the parameters serve any number of them. The last layer starts at zero, so an untrained
/// network scores with the prior alone. Normalisation and dropout of the hidden layers, e_i among them, are options.
///
/// Parameters: `embed/weight` `[options + global + 1, hidden]` (the last row is the bias), `pool/weight`,
/// `layer<i>/weight`, `layer<i>/bias`, and for each hidden layer with normalisation `norm<i>/gain` and `norm<i>/shift`
/// `[1, hidden]`.
///
/// # Observation
/// Parts `options` `[heads, n, features]` (one head also `[n, features]`), optionally `global` `[g]` and `prior`
/// `[heads, n]` (one head also `[n]`).
#[derive(Clone, Debug, PartialEq)]
pub struct Scorer {
    sizes: Vec<usize>,
    units: HiddenUnits,
    prior_scale: f32,
    layout: Layout,
}

/// The parameters of a [`Scorer`] by what they are for.
pub(super) struct Weights<'a, T> {
    pub(super) embed: &'a T,
    /// Gain and shift of the embedding, or nothing.
    pub(super) norm: &'a [T],
    pub(super) pool: &'a T,
    pub(super) own: &'a T,
    pub(super) bias: &'a T,
    /// Of each further layer gain and shift of its inputs, or nothing, then weight and bias.
    pub(super) later: Vec<(&'a [T], [&'a T; 2])>,
}

/// Where the blocks of an observation lie.
#[derive(Clone, Debug, PartialEq)]
struct Layout {
    obs_dim: usize,
    options: usize,
    choices: usize,
    features: usize,
    global: Option<(usize, usize)>,
    prior: Option<usize>,
}

/// The inputs of a [`Scorer`] for a batch; networks of one learner share them.
///
/// # Design
/// Rows are ordered by option first and state second, so that the sum over options and its way back are additions of
/// whole blocks: with states first they were one tiny matrix product per state, and took a sixth of an update. The
/// rows of closed options are zero, their bias entry too, so their embeddings are zero and need no mask in that sum.
#[derive(Clone, Debug)]
pub struct OptionInputs {
    /// [x_i, g, 1] of each open option, `[choices * batch, features + g + 1]`.
    pub(super) rows: Matrix,
    /// 1 / (number of open options), `[batch, 1]`.
    pub(super) inverse_open: Matrix,
    /// Not yet scaled: actor and critics scale it differently. `[batch, choices]`.
    pub(super) prior: Option<Matrix>,
}

impl Scorer {
    /// A scorer for environments of this shape.
    ///
    /// # Errors
    /// [`ConfigError::MissingPart`] when the observation has no options that fit the heads.
    pub fn new(spec: &EnvSpec, hidden: &[usize], prior_scale: f32) -> Result<Self, ConfigError> {
        let layout = Layout::of(spec)?;
        let inputs = layout.features + layout.global.map_or(0, |(_, len)| len) + 1;
        let units = HiddenUnits::plain(Activation::Relu);
        Ok(Self { sizes: [&[inputs], hidden, &[1]].concat(), units, prior_scale, layout })
    }

    /// The same with normalisation, and with dropout of a share of the hidden units, 0 or more and below 1.
    #[must_use]
    pub fn regularized(self, norm: Norm, dropout: f32) -> Self {
        Self { units: HiddenUnits { norm, dropout, ..self.units }, ..self }
    }

    /// Initial parameters: uniform by fan-in, the last layer zero.
    pub fn init(&self, rng: &mut Prng, device: &Device) -> Parameters {
        let mut entries = vec![(
            "embed/weight".to_owned(),
            fan_in_uniform([self.sizes[0], self.sizes[1]], self.sizes[0], rng, device),
        )];
        let last = self.sizes.len() - 2;
        for (layer, size) in self.sizes.windows(2).enumerate().skip(1) {
            let mut draw = |rows| {
                if layer == last {
                    Matrix::new(vec![0.0; rows * size[1]], [rows, size[1]], device)
                } else {
                    fan_in_uniform([rows, size[1]], size[0], rng, device)
                }
            };
            entries.extend(self.units.init(layer - 1, size[0], device));
            if layer == 1 {
                entries.push(("pool/weight".to_owned(), draw(size[0])));
            }
            entries.push((format!("layer{layer}/weight"), draw(size[0])));
            entries.push((format!("layer{layer}/bias"), draw(1)));
        }
        Parameters::new(entries)
    }

    /// The inputs of a batch, at the place that `device` asks for.
    pub fn inputs(&self, batch: &ObservationBatch<'_>, device: &Device) -> OptionInputs {
        let Layout { obs_dim, choices, .. } = self.layout;
        let width = self.sizes[0];
        let mut rows = Buffer::zeros(choices * batch.rows * width);
        let mut inverse_open = Vec::with_capacity(batch.rows);
        let mut prior = Vec::with_capacity(self.layout.prior.map_or(0, |_| batch.rows * choices));
        for (index, row) in batch.observations.chunks_exact(obs_dim).enumerate() {
            let is_open = |choice: usize| batch.masks.is_none_or(|masks| masks[index * choices + choice]);
            for choice in (0..choices).filter(|&choice| is_open(choice)) {
                let start = (choice * batch.rows + index) * width;
                self.layout.write(row, choice, &mut rows[start..start + width]);
            }
            let open = (0..choices).filter(|&choice| is_open(choice)).count();
            inverse_open.push(1.0 / open.max(1) as f32);
            if let Some(start) = self.layout.prior {
                prior.extend_from_slice(&row[start..start + choices]);
            }
        }
        OptionInputs {
            rows: Matrix::at(device, rows, [choices * batch.rows, width]),
            inverse_open: Matrix::new(inverse_open, [batch.rows, 1], device),
            prior: self.layout.prior.map(|_| Matrix::new(prior, [batch.rows, choices], device)),
        }
    }

    /// Layer sizes, from the row of an option to its score.
    pub(super) fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// What happens to its hidden layers.
    pub(super) fn units(&self) -> HiddenUnits {
        self.units
    }

    /// The parameters by what they are for.
    pub(super) fn weights<'a, T>(&self, all: &'a [T]) -> Weights<'a, T> {
        let (of_norm, second) = (self.units.matrices(), 1 + self.units.matrices());
        let [pool, own, bias] = [0, 1, 2].map(|place| &all[second + place]);
        let later = all[second + 3..].chunks_exact(of_norm + 2);
        let later = later.map(|own| (&own[..of_norm], [&own[of_norm], &own[of_norm + 1]])).collect();
        Weights { embed: &all[0], norm: &all[1..second], pool, own, bias, later }
    }

    /// Whether observations come with a prior.
    pub(super) fn has_prior(&self) -> bool {
        self.layout.prior.is_some()
    }

    /// Adds the scaled prior to scores in host memory, `[batch, choices]`.
    pub(super) fn add_prior(&self, inputs: &OptionInputs, scores: &mut [f32]) {
        for (score, prior) in scores.iter_mut().zip(inputs.prior.iter().flat_map(Matrix::entries)) {
            *score += prior * self.prior_scale;
        }
    }

    /// Scores of stacked networks as operations that autodiff can record; those of closed options mean nothing. With a
    /// generator for each member, hidden units are dropped.
    ///
    /// # Shapes
    /// `weights` as [`Parameters::stacked`] makes them; result `[members, batch, choices]`.
    pub(super) fn on_device(&self, weights: &[Tensor<2>], inputs: &OptionInputs, rngs: &mut [&mut Prng]) -> Tensor<3> {
        let (batch, choices) = (inputs.inverse_open.shape()[0], self.layout.choices);
        let (first, second) = (self.sizes[1], self.sizes[2]);
        let members = weights[0].dims()[0] / self.sizes[0];
        let weights: Vec<_> = weights.iter().map(|matrix| unstacked(matrix, members)).collect();
        let weights = self.weights(&weights);
        let rows = inputs.rows.tensor();
        let embedding = rows.clone().unsqueeze::<3>().matmul(weights.embed.clone());
        let mut embedding = self.units.on_device(embedding, weights.norm, rngs);
        if self.units.norm == Norm::Layer {
            // A closed option gets the shift.
            embedding = embedding * rows.narrow(1, self.sizes[0] - 1, 1).unsqueeze();
        }
        let sum = embedding.clone().reshape([members, choices, batch * first]).sum_dim(1);
        let pooled = sum.reshape([members, batch, first]) * inputs.inverse_open.tensor().unsqueeze();
        let shared = affine(pooled, weights.pool, weights.bias).reshape([members, 1, batch * second]);
        let own = embedding.matmul(weights.own.clone()).reshape([members, choices, batch * second]);
        let mut x = (own + shared).reshape([members, choices * batch, second]);
        for (norm, [weight, bias]) in weights.later {
            x = affine(self.units.on_device(x, norm, rngs), weight, bias);
        }
        let scores = x.reshape([members, choices, batch]).swap_dims(1, 2);
        match &inputs.prior {
            Some(prior) => scores + (prior.tensor() * self.prior_scale).unsqueeze(),
            None => scores,
        }
    }
}

impl Layout {
    fn of(spec: &EnvSpec) -> Result<Self, ConfigError> {
        let heads = &spec.action.heads;
        let (head_count, n) = (heads.len(), heads.first().copied().unwrap_or(0));
        let expected = format!("[{head_count}, {n}, features] to fit the heads {heads:?}, all of one length");
        let missing = |found: String| ConfigError::MissingPart {
            body: "scorer",
            part: "options",
            expected: expected.clone(),
            found,
        };
        if n == 0 || heads.iter().any(|&choices| choices != n) {
            return Err(missing(format!("heads {heads:?}")));
        }
        let (options, part) = spec.part("options").ok_or_else(|| missing(part_names(spec)))?;
        let features = match part.shape[..] {
            [rows, columns, features] if (rows, columns) == (head_count, n) => features,
            [columns, features] if head_count == 1 && columns == n => features,
            _ => return Err(missing(format!("shape {:?}", part.shape))),
        };
        if features == 0 {
            return Err(missing("options without features".to_owned()));
        }
        let prior = match spec.part("prior") {
            Some((start, part)) if part.shape == [head_count, n] || (head_count == 1 && part.shape == [n]) => {
                Some(start)
            }
            None => None,
            Some((_, part)) => {
                let (expected, found) = (format!("[{head_count}, {n}]"), format!("shape {:?}", part.shape));
                return Err(ConfigError::MissingPart { body: "scorer", part: "prior", expected, found });
            }
        };
        let global = spec.part("global").map(|(start, part)| (start, part.len()));
        Ok(Self { obs_dim: spec.obs_dim(), options, choices: head_count * n, features, global, prior })
    }
}

impl Layout {
    /// Writes [x_i, g, 1] of option `choice`.
    fn write(&self, row: &[f32], choice: usize, out: &mut [f32]) {
        let (option, rest) = out.split_at_mut(self.features);
        option.copy_from_slice(&row[self.options + choice * self.features..][..self.features]);
        let (start, len) = self.global.unwrap_or((0, 0));
        rest[..len].copy_from_slice(&row[start..start + len]);
        rest[len] = 1.0;
    }
}

fn part_names(spec: &EnvSpec) -> String {
    let names: Vec<String> =
        spec.observation.iter().map(|Part { name, shape }| format!("{name:?} {shape:?}")).collect();
    format!("parts {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mec_envs::gym::ActionLayout;
    use mec_envs::rng::stream;
    use rand::RngExt;

    fn spec(heads: usize, n: usize) -> EnvSpec {
        let observation =
            vec![Part::new("global", &[2]), Part::new("options", &[heads, n, 3]), Part::new("prior", &[heads, n])];
        EnvSpec { observation, action: ActionLayout { heads: vec![n; heads], continuous: 0 } }
    }

    /// Parameters without the zero of the last layer.
    fn trained(scorer: &Scorer) -> Parameters {
        let mut rng = stream(5, "trained");
        let mut parameters = scorer.init(&mut rng, &Device::flex());
        for matrix in parameters.matrices_mut() {
            *matrix = fan_in_uniform(matrix.shape(), 4, &mut rng, &Device::flex());
        }
        parameters
    }

    fn scores(scorer: &Scorer, weights: &Parameters, observation: &[f32], mask: &[bool]) -> Vec<f32> {
        let batch = ObservationBatch { rows: 1, observations: observation, masks: Some(mask) };
        let inputs = scorer.inputs(&batch, &Device::flex());
        scorer.on_host(weights.matrices(), &inputs, None).0
    }

    fn draw(len: usize) -> Vec<f32> {
        let mut rng = stream(9, "observation");
        (0..len).map(|_| rng.random_range(-1.0..1.0)).collect()
    }

    #[test]
    fn an_untrained_scorer_scores_with_the_prior() {
        let scorer = Scorer::new(&spec(1, 4), &[8, 8], 2.0).unwrap();
        let weights = scorer.init(&mut stream(0, "init"), &Device::flex());
        let observation = draw(18);
        let expected: Vec<f32> = observation[14..].iter().map(|prior| 2.0 * prior).collect();
        assert_eq!(scores(&scorer, &weights, &observation, &[true; 4]), expected);
    }

    #[test]
    fn scores_move_with_their_options_when_the_order_changes() {
        let scorer = Scorer::new(&spec(1, 4), &[8, 8], 1.0).unwrap();
        let weights = trained(&scorer);
        let observation = draw(18);
        let mask = [true, true, false, true];
        let order = [2, 0, 3, 1];
        let mut moved = observation[..2].to_vec();
        order.iter().for_each(|&option| moved.extend_from_slice(&observation[2 + 3 * option..][..3]));
        order.iter().for_each(|&option| moved.push(observation[14 + option]));
        let first = scores(&scorer, &weights, &observation, &mask);
        let second = scores(&scorer, &weights, &moved, &order.map(|option| mask[option]));
        for (place, &option) in order.iter().enumerate() {
            assert!((second[place] - first[option]).abs() < 1e-5, "{first:?} {second:?}");
        }
    }

    #[test]
    fn a_closed_option_does_not_change_the_scores_of_the_others() {
        let scorer = Scorer::new(&spec(1, 4), &[8], 1.0).unwrap();
        let weights = trained(&scorer);
        let mut observation = draw(18);
        let mask = [true, true, true, false];
        let first = scores(&scorer, &weights, &observation, &mask);
        observation[11..14].fill(0.7);
        assert_eq!(first[..3], scores(&scorer, &weights, &observation, &mask)[..3]);
    }

    #[test]
    fn the_parameters_serve_any_number_of_options_and_heads() {
        let small = Scorer::new(&spec(1, 4), &[8, 8], 1.0).unwrap();
        let large = Scorer::new(&spec(2, 7), &[8, 8], 1.0).unwrap();
        let weights = trained(&small);
        assert_eq!(scores(&large, &weights, &draw(2 + 42 + 14), &[true; 14]).len(), 14);
        // Options that differ in nothing get the score they got among fewer.
        let row = |options: usize| [vec![0.3, -0.2], [0.1, 0.5, -0.4].repeat(options), vec![0.2; options]].concat();
        let few = scores(&small, &weights, &row(4), &[true; 4]);
        let many = scores(&large, &weights, &row(14), &[true; 14]);
        assert!((few[0] - many[13]).abs() < 1e-5, "{few:?} {many:?}");
    }

    #[test]
    fn an_observation_without_options_is_refused_with_what_is_there() {
        let mut wrong = spec(1, 4);
        wrong.observation.remove(1);
        let error = Scorer::new(&wrong, &[8], 1.0).unwrap_err().to_string();
        assert!(error.contains("options") && error.contains("global"), "{error}");
        wrong = spec(1, 4);
        wrong.action.heads = vec![5];
        assert!(Scorer::new(&wrong, &[8], 1.0).is_err());
    }
}
