//! Spaces: what observations and actions are made of, in Gymnasium's words.
//!
//! [`BoxSpace`], [`Discrete`] and [`MultiDiscrete`] are Gymnasium's; [`DictSpace`] is its `Dict` of boxes, stored
//! flat; a pair of spaces is a space, so a mixed action is `(Discrete, BoxSpace)`.

use std::fmt::Debug;

use rand::RngExt;
use thiserror::Error;

use crate::rng::Prng;

/// A set of values.
pub trait Space: Clone + Debug {
    /// A value of the set.
    type Element: Clone + Debug + PartialEq;

    /// Whether `element` lies in the set.
    fn contains(&self, element: &Self::Element) -> bool;

    /// A random value: uniform where the set is bounded, standard normal along unbounded axes.
    fn sample(&self, rng: &mut Prng) -> Self::Element;

    /// A value of the same type outside the set, if there is one; conformance suites use it.
    fn non_member(&self) -> Option<Self::Element>;

    /// The named blocks of the flat form, in order; their sizes add up to [`flat_dim`](Space::flat_dim).
    fn parts(&self) -> Vec<Part>;

    /// Length of the flat form.
    fn flat_dim(&self) -> usize {
        self.parts().iter().map(Part::len).sum()
    }

    /// Appends the flat form to `out`: the values of a box as they are, a discrete value one-hot (Gymnasium's
    /// `flatten`).
    fn flatten_into(&self, element: &Self::Element, out: &mut Vec<f32>);

    /// The flat form of a value, `[flat_dim]`.
    fn flatten(&self, element: &Self::Element) -> Vec<f32> {
        let mut out = Vec::with_capacity(self.flat_dim());
        self.flatten_into(element, &mut out);
        out
    }
}

/// A space that agents can act in.
///
/// Agents see an action as a row of numbers, its *codes*: one index per categorical head, then the continuous
/// entries in [-1, 1], as [`ActionLayout`] says.
pub trait ActionSpace: Space {
    /// What the codes of an action are.
    fn layout(&self) -> ActionLayout;

    /// Appends the codes of an action to `out`.
    fn encode_into(&self, action: &Self::Element, out: &mut Vec<f32>);

    /// The action of these codes, `[layout().codes()]`; total: indices and entries out of range are clamped into it.
    fn decode(&self, codes: &[f32]) -> Self::Element;

    /// A random action among those that `mask` leaves open (see [`Env::action_mask`](super::Env::action_mask)).
    fn sample_masked(&self, mask: Option<&[bool]>, rng: &mut Prng) -> Self::Element {
        let layout = self.layout();
        let Some(mask) = mask else { return self.sample(rng) };
        let mut codes = Vec::with_capacity(layout.codes());
        let mut offset = 0;
        for &choices in &layout.heads {
            let open: Vec<usize> = (0..choices).filter(|&choice| mask[offset + choice]).collect();
            codes.push(open[rng.random_range(0..open.len())] as f32);
            offset += choices;
        }
        codes.extend((0..layout.continuous).map(|_| rng.random_range(-1.0..=1.0_f32)));
        self.decode(&codes)
    }
}

/// A block of a flat observation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its key in a [`DictSpace`]; empty for a space without keys.
    pub name: String,
    /// Its shape; the flat form holds it row by row.
    pub shape: Vec<usize>,
}

impl Part {
    /// A block of that name and shape.
    pub fn new(name: impl Into<String>, shape: &[usize]) -> Self {
        Self { name: name.into(), shape: shape.to_vec() }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The numbers an agent has to choose for one action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActionLayout {
    /// Number of choices of each categorical head.
    pub heads: Vec<usize>,
    /// Number of continuous entries in [-1, 1].
    pub continuous: usize,
}

impl ActionLayout {
    /// Length of an action's codes.
    pub fn codes(&self) -> usize {
        self.heads.len() + self.continuous
    }

    /// Length of an action mask: the choices of all heads.
    pub fn choices(&self) -> usize {
        self.heads.iter().sum()
    }
}

/// A space that cannot be made.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum SpaceError {
    /// A bound is not a number, or low lies above high.
    #[error("entry {index} of a box has low {low} and high {high}; accepted is low <= high, neither NaN")]
    InvalidBounds {
        /// Which entry.
        index: usize,
        /// Its lower bound.
        low: f32,
        /// Its upper bound.
        high: f32,
    },
    /// The bounds do not fill the shape.
    #[error("a box of shape {shape:?} needs {expected} bounds, found {found}")]
    WrongLength {
        /// The shape.
        shape: Vec<usize>,
        /// Entries of that shape.
        expected: usize,
        /// Bounds given.
        found: usize,
    },
    /// A discrete space or head without a choice.
    #[error("head {head} of a discrete space has 0 choices; accepted is 1 or more")]
    NoChoice {
        /// Which head.
        head: usize,
    },
}

/// An axis-aligned box of real numbers, Gymnasium's `Box`.
#[derive(Clone, Debug, PartialEq)]
pub struct BoxSpace {
    shape: Vec<usize>,
    low: Vec<f32>,
    high: Vec<f32>,
}

impl BoxSpace {
    /// A box of this shape with a lower and an upper bound per entry; bounds may be infinite.
    ///
    /// # Errors
    /// [`SpaceError`] when the bounds do not fit the shape or each other.
    pub fn new(shape: &[usize], low: Vec<f32>, high: Vec<f32>) -> Result<Self, SpaceError> {
        let expected = shape.iter().product();
        for found in [low.len(), high.len()] {
            if found != expected {
                return Err(SpaceError::WrongLength { shape: shape.to_vec(), expected, found });
            }
        }
        for (index, (&low, &high)) in low.iter().zip(&high).enumerate() {
            if low.is_nan() || high.is_nan() || low > high {
                return Err(SpaceError::InvalidBounds { index, low, high });
            }
        }
        Ok(Self { shape: shape.to_vec(), low, high })
    }

    /// A box with the same bounds for every entry.
    ///
    /// # Panics
    /// When `low > high` or one of them is not a number.
    pub fn uniform(shape: &[usize], low: f32, high: f32) -> Self {
        let len = shape.iter().product();
        Self::new(shape, vec![low; len], vec![high; len]).expect("caller gave low <= high")
    }

    /// Number of entries along each axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Lower bounds, row by row.
    pub fn low(&self) -> &[f32] {
        &self.low
    }

    /// Upper bounds, row by row.
    pub fn high(&self) -> &[f32] {
        &self.high
    }

    fn bounds(&self) -> impl Iterator<Item = (f32, f32)> {
        self.low.iter().copied().zip(self.high.iter().copied())
    }
}

impl Space for BoxSpace {
    type Element = Vec<f32>;

    fn contains(&self, element: &Vec<f32>) -> bool {
        element.len() == self.low.len()
            && element.iter().zip(self.bounds()).all(|(value, (low, high))| (low..=high).contains(value))
    }

    fn sample(&self, rng: &mut Prng) -> Vec<f32> {
        let mut draw = |low: f32, high: f32| match (low.is_finite(), high.is_finite()) {
            (true, true) => rng.random_range(low..=high),
            (true, false) => low + rng.sample::<f32, _>(rand_distr::Exp1),
            (false, true) => high - rng.sample::<f32, _>(rand_distr::Exp1),
            (false, false) => rng.sample(rand_distr::StandardNormal),
        };
        self.bounds().map(|(low, high)| draw(low, high)).collect()
    }

    fn non_member(&self) -> Option<Vec<f32>> {
        Some(vec![f32::NAN; self.low.len()]).filter(|element| !element.is_empty())
    }

    fn parts(&self) -> Vec<Part> {
        vec![Part::new("", &self.shape)]
    }

    fn flat_dim(&self) -> usize {
        self.low.len()
    }

    fn flatten_into(&self, element: &Vec<f32>, out: &mut Vec<f32>) {
        out.extend_from_slice(element);
    }
}

impl ActionSpace for BoxSpace {
    fn layout(&self) -> ActionLayout {
        ActionLayout { heads: Vec::new(), continuous: self.low.len() }
    }

    fn encode_into(&self, action: &Vec<f32>, out: &mut Vec<f32>) {
        out.extend(action.iter().zip(self.bounds()).map(|(&value, (low, high))| {
            if low.is_finite() && high > low && high.is_finite() {
                2.0 * (value - low) / (high - low) - 1.0
            } else {
                value
            }
        }));
    }

    fn decode(&self, codes: &[f32]) -> Vec<f32> {
        codes
            .iter()
            .zip(self.bounds())
            .map(|(&code, (low, high))| {
                if low.is_finite() && high.is_finite() {
                    (low + (code.clamp(-1.0, 1.0) + 1.0) * 0.5 * (high - low)).clamp(low, high)
                } else {
                    code.clamp(low, high)
                }
            })
            .collect()
    }
}

/// The numbers 0 to n - 1, Gymnasium's `Discrete(n)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discrete {
    n: usize,
}

impl Discrete {
    /// The numbers 0 to `n` - 1.
    ///
    /// # Panics
    /// When `n` is 0.
    pub fn new(n: usize) -> Self {
        assert!(n > 0, "a discrete space needs at least one choice");
        Self { n }
    }

    /// Number of choices.
    pub fn n(&self) -> usize {
        self.n
    }
}

impl Space for Discrete {
    type Element = usize;

    fn contains(&self, element: &usize) -> bool {
        *element < self.n
    }

    fn sample(&self, rng: &mut Prng) -> usize {
        rng.random_range(0..self.n)
    }

    fn non_member(&self) -> Option<usize> {
        Some(self.n)
    }

    fn parts(&self) -> Vec<Part> {
        vec![Part::new("", &[self.n])]
    }

    fn flat_dim(&self) -> usize {
        self.n
    }

    fn flatten_into(&self, element: &usize, out: &mut Vec<f32>) {
        out.extend((0..self.n).map(|choice| f32::from(choice == *element)));
    }
}

impl ActionSpace for Discrete {
    fn layout(&self) -> ActionLayout {
        ActionLayout { heads: vec![self.n], continuous: 0 }
    }

    fn encode_into(&self, action: &usize, out: &mut Vec<f32>) {
        out.push(*action as f32);
    }

    fn decode(&self, codes: &[f32]) -> usize {
        index(codes[0], self.n)
    }
}

/// Several discrete choices at once, Gymnasium's `MultiDiscrete`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MultiDiscrete {
    heads: Vec<usize>,
}

impl MultiDiscrete {
    /// One choice of `0..heads[i]` for each head i.
    ///
    /// # Errors
    /// [`SpaceError::NoChoice`] for a head of 0 choices.
    pub fn new(heads: &[usize]) -> Result<Self, SpaceError> {
        match heads.iter().position(|&choices| choices == 0) {
            Some(head) => Err(SpaceError::NoChoice { head }),
            None => Ok(Self { heads: heads.to_vec() }),
        }
    }

    /// Number of choices of each head.
    pub fn heads(&self) -> &[usize] {
        &self.heads
    }
}

impl Space for MultiDiscrete {
    type Element = Vec<usize>;

    fn contains(&self, element: &Vec<usize>) -> bool {
        element.len() == self.heads.len() && element.iter().zip(&self.heads).all(|(choice, n)| choice < n)
    }

    fn sample(&self, rng: &mut Prng) -> Vec<usize> {
        self.heads.iter().map(|&choices| rng.random_range(0..choices)).collect()
    }

    fn non_member(&self) -> Option<Vec<usize>> {
        Some(self.heads.clone()).filter(|element| !element.is_empty())
    }

    fn parts(&self) -> Vec<Part> {
        vec![Part::new("", &[self.heads.iter().sum()])]
    }

    fn flatten_into(&self, element: &Vec<usize>, out: &mut Vec<f32>) {
        for (choice, &n) in element.iter().zip(&self.heads) {
            out.extend((0..n).map(|other| f32::from(other == *choice)));
        }
    }
}

impl ActionSpace for MultiDiscrete {
    fn layout(&self) -> ActionLayout {
        ActionLayout { heads: self.heads.clone(), continuous: 0 }
    }

    fn encode_into(&self, action: &Vec<usize>, out: &mut Vec<f32>) {
        out.extend(action.iter().map(|&choice| choice as f32));
    }

    fn decode(&self, codes: &[f32]) -> Vec<usize> {
        codes.iter().zip(&self.heads).map(|(&code, &n)| index(code, n)).collect()
    }
}

/// The index that a code stands for: rounded, and clamped into `0..n`; NaN is 0.
fn index(code: f32, n: usize) -> usize {
    (code.round().max(0.0) as usize).min(n - 1)
}

/// Named boxes, Gymnasium's `Dict` of `Box`es; an element is their values one after another in one vector.
///
/// # Design
/// A map from names to vectors would allocate at every step. Here the element is already the flat form, and
/// [`DictSpace::part`] finds a block of it by name.
#[derive(Clone, Debug, PartialEq)]
pub struct DictSpace {
    entries: Vec<(String, BoxSpace)>,
}

impl DictSpace {
    /// A dictionary with these entries, in this order.
    ///
    /// # Panics
    /// When a name stands twice.
    pub fn new(entries: Vec<(&str, BoxSpace)>) -> Self {
        for (index, (name, _)) in entries.iter().enumerate() {
            assert!(entries[..index].iter().all(|(other, _)| other != name), "the name {name:?} stands twice");
        }
        Self { entries: entries.into_iter().map(|(name, space)| (name.to_owned(), space)).collect() }
    }

    /// The entries in order.
    pub fn entries(&self) -> &[(String, BoxSpace)] {
        &self.entries
    }

    /// The block `name` of an element, row by row; `None` when there is no such entry.
    pub fn part<'a>(&self, element: &'a [f32], name: &str) -> Option<&'a [f32]> {
        let mut offset = 0;
        for (entry, space) in &self.entries {
            let len = space.flat_dim();
            if entry == name {
                return element.get(offset..offset + len);
            }
            offset += len;
        }
        None
    }
}

impl Space for DictSpace {
    type Element = Vec<f32>;

    fn contains(&self, element: &Vec<f32>) -> bool {
        element.len() == self.flat_dim()
            && self
                .entries
                .iter()
                .flat_map(|(_, space)| space.bounds())
                .zip(element)
                .all(|((low, high), value)| (low..=high).contains(value))
    }

    fn sample(&self, rng: &mut Prng) -> Vec<f32> {
        self.entries.iter().flat_map(|(_, space)| space.sample(rng)).collect()
    }

    fn non_member(&self) -> Option<Vec<f32>> {
        Some(vec![f32::NAN; self.flat_dim()]).filter(|element| !element.is_empty())
    }

    fn parts(&self) -> Vec<Part> {
        self.entries.iter().map(|(name, space)| Part::new(name.clone(), space.shape())).collect()
    }

    fn flatten_into(&self, element: &Vec<f32>, out: &mut Vec<f32>) {
        out.extend_from_slice(element);
    }
}

impl<A: Space, B: Space> Space for (A, B) {
    type Element = (A::Element, B::Element);

    fn contains(&self, element: &Self::Element) -> bool {
        self.0.contains(&element.0) && self.1.contains(&element.1)
    }

    fn sample(&self, rng: &mut Prng) -> Self::Element {
        (self.0.sample(rng), self.1.sample(rng))
    }

    fn non_member(&self) -> Option<Self::Element> {
        let mut rng = crate::rng::stream(0, "non-member");
        if let Some(first) = self.0.non_member() {
            return Some((first, self.1.sample(&mut rng)));
        }
        Some((self.0.sample(&mut rng), self.1.non_member()?))
    }

    fn parts(&self) -> Vec<Part> {
        let mut parts = self.0.parts();
        parts.extend(self.1.parts());
        parts
    }

    fn flatten_into(&self, element: &Self::Element, out: &mut Vec<f32>) {
        self.0.flatten_into(&element.0, out);
        self.1.flatten_into(&element.1, out);
    }
}

impl<A: ActionSpace, B: ActionSpace> ActionSpace for (A, B) {
    fn layout(&self) -> ActionLayout {
        let (mut first, second) = (self.0.layout(), self.1.layout());
        first.heads.extend(second.heads);
        first.continuous += second.continuous;
        first
    }

    fn encode_into(&self, action: &Self::Element, out: &mut Vec<f32>) {
        let (first, second) = (self.0.layout().heads.len(), self.1.layout().heads.len());
        let (mut left, mut right) = (Vec::new(), Vec::new());
        self.0.encode_into(&action.0, &mut left);
        self.1.encode_into(&action.1, &mut right);
        out.extend(left[..first].iter().chain(&right[..second]));
        out.extend(left[first..].iter().chain(&right[second..]));
    }

    fn decode(&self, codes: &[f32]) -> Self::Element {
        let (first, second) = (self.0.layout(), self.1.layout());
        let (heads, continuous) = codes.split_at(first.heads.len() + second.heads.len());
        let pick = |heads: &[f32], continuous: &[f32]| [heads, continuous].concat();
        (
            self.0.decode(&pick(&heads[..first.heads.len()], &continuous[..first.continuous])),
            self.1.decode(&pick(&heads[first.heads.len()..], &continuous[first.continuous..])),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::stream;

    fn members_round_trip<S: ActionSpace>(space: S) {
        let mut rng = stream(3, "space");
        for _ in 0..200 {
            let element = space.sample(&mut rng);
            assert!(space.contains(&element), "{element:?}");
            assert_eq!(space.flatten(&element).len(), space.flat_dim());
            let mut codes = Vec::new();
            space.encode_into(&element, &mut codes);
            assert_eq!(codes.len(), space.layout().codes());
            let decoded = space.decode(&codes);
            let mut again = Vec::new();
            space.encode_into(&decoded, &mut again);
            assert!(codes.iter().zip(&again).all(|(a, b)| (a - b).abs() < 1e-5), "{codes:?} {again:?}");
            assert!(space.contains(&decoded));
        }
        assert!(!space.contains(&space.non_member().unwrap()));
    }

    #[test]
    fn samples_are_members_and_survive_their_codes() {
        members_round_trip(Discrete::new(5));
        members_round_trip(MultiDiscrete::new(&[2, 3, 7]).unwrap());
        members_round_trip(BoxSpace::new(&[3], vec![-1.0, 0.0, -3.0], vec![1.0, 10.0, -2.0]).unwrap());
        members_round_trip((Discrete::new(3), BoxSpace::uniform(&[2], -2.0, 2.0)));
        members_round_trip((BoxSpace::uniform(&[2], 0.0, 1.0), MultiDiscrete::new(&[4, 2]).unwrap()));
    }

    #[test]
    fn a_mask_closes_choices() {
        let space = MultiDiscrete::new(&[2, 3]).unwrap();
        let mut rng = stream(0, "mask");
        for _ in 0..100 {
            let action = space.sample_masked(Some(&[false, true, true, false, true]), &mut rng);
            assert!(action[0] == 1 && action[1] != 1, "{action:?}");
        }
    }

    #[test]
    fn a_discrete_value_flattens_one_hot_as_in_gymnasium() {
        assert_eq!(Discrete::new(3).flatten(&1), [0.0, 1.0, 0.0]);
        assert_eq!(MultiDiscrete::new(&[2, 2]).unwrap().flatten(&vec![1, 0]), [0.0, 1.0, 1.0, 0.0]);
    }

    #[test]
    fn a_dict_finds_its_parts_by_name() {
        let space = DictSpace::new(vec![
            ("global", BoxSpace::uniform(&[2], 0.0, 1.0)),
            ("options", BoxSpace::uniform(&[2, 3], 0.0, 1.0)),
        ]);
        let element: Vec<f32> = (0..8).map(|i| i as f32 / 8.0).collect();
        assert!(space.contains(&element));
        assert_eq!(space.part(&element, "options").unwrap(), &element[2..]);
        assert_eq!(space.part(&element, "other"), None);
        assert_eq!(space.parts(), [Part::new("global", &[2]), Part::new("options", &[2, 3])]);
    }

    #[test]
    fn bad_bounds_are_refused_with_their_place() {
        let error = BoxSpace::new(&[2], vec![0.0, 2.0], vec![1.0, 1.0]).unwrap_err();
        assert_eq!(error, SpaceError::InvalidBounds { index: 1, low: 2.0, high: 1.0 });
        assert!(BoxSpace::new(&[2], vec![0.0], vec![1.0, 1.0]).is_err());
        assert_eq!(MultiDiscrete::new(&[2, 0]).unwrap_err(), SpaceError::NoChoice { head: 1 });
    }

    #[test]
    fn codes_out_of_range_decode_to_members() {
        assert_eq!(Discrete::new(3).decode(&[f32::NAN]), 0);
        assert_eq!(Discrete::new(3).decode(&[9.0]), 2);
        assert_eq!(BoxSpace::uniform(&[1], 0.0, 4.0).decode(&[5.0]), [4.0]);
    }
}
