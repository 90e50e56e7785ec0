//! Spaces: what observations and actions are made of, in Gymnasium's words.
//!
//! [`BoxSpace`], [`Discrete`] and [`MultiDiscrete`] are Gymnasium's; [`DictSpace`] is its `Dict` of boxes, stored
//! flat; a pair of spaces is a space, so a mixed action is `(Discrete, BoxSpace)`.

mod box_space;
mod dict_space;
mod discrete;
mod multi_discrete;
mod pair;

pub use box_space::BoxSpace;
pub use dict_space::DictSpace;
pub use discrete::Discrete;
pub use multi_discrete::MultiDiscrete;

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

    /// Values of the same type outside the set, of every kind that there is (too large, not finite, too few entries):
    /// conformance suites try them. None where the set holds all values of its type.
    fn non_members(&self) -> Vec<Self::Element>;

    /// The named blocks of the flat form, in order; their sizes add up to [`flat_dim`](Space::flat_dim).
    fn parts(&self) -> Vec<Part>;

    /// Length of the flat form.
    fn flat_dim(&self) -> usize {
        self.parts().iter().map(Part::len).sum()
    }

    /// The box of all flat forms, `[flat_dim]`, with the tightest bounds (Gymnasium's `flatten_space`).
    fn flattened(&self) -> BoxSpace;

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

    /// The action of these codes, `[layout().codes()]`; total: indices and entries out of range are clamped into it,
    /// and what is not a number counts as 0.
    fn decode(&self, codes: &[f32]) -> Self::Element;

    /// The first continuous entry without a finite bound on either side. Nothing tells where its codes, which agents keep
    /// within [-1, 1], ought to lie, so that they are the entry itself: agents refuse such a space.
    fn unbounded(&self) -> Option<usize> {
        None
    }

    /// Whether `mask`, one flag per choice of the layout, leaves a member of this space open (see
    /// [`Env::action_mask`](super::Env::action_mask)).
    fn is_open(&self, action: &Self::Element, mask: &[bool]) -> bool {
        let mut codes = Vec::new();
        self.encode_into(action, &mut codes);
        let mut offset = 0;
        self.layout().heads.iter().zip(codes).all(|(&choices, code)| {
            let open = mask[offset + code as usize];
            offset += choices;
            open
        })
    }

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
    /// A bound is not a number, low lies above high, or no finite number lies between them.
    #[error(
        "entry {index} of a box has low {low} and high {high}; accepted is low <= high with a finite number between"
    )]
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

/// The index that a code stands for: rounded, and clamped into `0..n`; NaN is 0.
fn index(code: f32, n: usize) -> usize {
    (code.round().max(0.0) as usize).min(n - 1)
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
        let outsiders = space.non_members();
        assert!(!outsiders.is_empty());
        for outsider in outsiders {
            assert!(!space.contains(&outsider), "{outsider:?}");
        }
        let flattened = space.flattened();
        for _ in 0..200 {
            let flat = space.flatten(&space.sample(&mut rng));
            assert!(flattened.contains(&flat), "{flat:?}");
        }
        assert_eq!(flattened.flat_dim(), space.flat_dim());
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
    fn every_space_finds_the_choices_that_a_mask_leaves_open() {
        let pair = (Discrete::new(2), (BoxSpace::uniform(&[1], 0.0, 1.0), MultiDiscrete::new(&[2, 3]).unwrap()));
        let mask = [true, false, true, true, false, true, true];
        let open = |first, second| pair.is_open(&(first, (vec![0.5], second)), &mask);
        assert!(open(0, vec![1, 2]));
        assert!(!open(1, vec![1, 2]));
        assert!(!open(0, vec![1, 0]));
        let mut rng = stream(1, "mask");
        for _ in 0..100 {
            assert!(pair.is_open(&pair.sample_masked(Some(&mask), &mut rng), &mask));
        }
    }

    #[test]
    fn boxes_hold_finite_numbers_only_also_where_they_have_no_bounds() {
        let space = BoxSpace::uniform(&[1], f32::NEG_INFINITY, f32::INFINITY);
        assert!(space.contains(&vec![f32::MAX]));
        for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(!space.contains(&vec![number]), "{number}");
            assert!(space.contains(&space.decode(&[number])), "{number}");
            assert!(BoxSpace::uniform(&[1], 0.0, f32::INFINITY).decode(&[number])[0].is_finite());
        }
        assert!(BoxSpace::new(&[1], vec![f32::INFINITY], vec![f32::INFINITY]).is_err());
    }

    #[test]
    fn the_widest_of_boxes_can_be_sampled_and_acted_in() {
        members_round_trip(BoxSpace::uniform(&[2], f32::MIN, f32::MAX));
    }

    #[test]
    fn flattened_spaces_have_the_bounds_of_gymnasium() {
        let unit = Discrete::new(2).flattened();
        assert_eq!((unit.shape(), unit.low(), unit.high()), (&[2][..], &[0.0; 2][..], &[1.0; 2][..]));
        let dict = DictSpace::new(vec![("a", BoxSpace::uniform(&[2, 2], -3.0, 4.0))]);
        let both = (dict, MultiDiscrete::new(&[1, 2]).unwrap()).flattened();
        assert_eq!(both.low(), [-3.0, -3.0, -3.0, -3.0, 0.0, 0.0, 0.0]);
        assert_eq!(both.high(), [4.0, 4.0, 4.0, 4.0, 1.0, 1.0, 1.0]);
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
