//! [`BoxSpace`].

use rand::RngExt;

use super::{ActionLayout, ActionSpace, Part, Space, SpaceError};
use crate::rng::Prng;

/// An axis-aligned box of real numbers, Gymnasium's `Box`.
///
/// # Deviations
/// Bounds may be infinite, but members are finite: Gymnasium's unbounded boxes hold infinities, which no environment
/// can act on and no network can read.
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
            let holds_none = low > high || low == f32::INFINITY || high == f32::NEG_INFINITY;
            if low.is_nan() || high.is_nan() || holds_none {
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

    /// Lower and upper bound of each entry.
    pub fn bounds(&self) -> impl Iterator<Item = (f32, f32)> {
        self.low.iter().copied().zip(self.high.iter().copied())
    }
}

impl Space for BoxSpace {
    type Element = Vec<f32>;

    fn contains(&self, element: &Vec<f32>) -> bool {
        element.len() == self.low.len()
            && element.iter().zip(self.bounds()).all(|(value, (low, high))| holds(low, high, *value))
    }

    fn sample(&self, rng: &mut Prng) -> Vec<f32> {
        let mut draw = |low: f32, high: f32| match (low.is_finite(), high.is_finite()) {
            (true, true) if (high - low).is_finite() => rng.random_range(low..=high),
            // A width that only 64 bits hold.
            (true, true) => rng.random_range(f64::from(low)..=f64::from(high)) as f32,
            (true, false) => low + rng.sample::<f32, _>(rand_distr::Exp1),
            (false, true) => high - rng.sample::<f32, _>(rand_distr::Exp1),
            (false, false) => rng.sample(rand_distr::StandardNormal),
        };
        self.bounds().map(|(low, high)| draw(low, high)).collect()
    }

    fn non_members(&self) -> Vec<Vec<f32>> {
        let inside: Vec<f32> =
            self.bounds().map(|(low, high)| 0_f32.clamp(low, high).clamp(f32::MIN, f32::MAX)).collect();
        outside_of_box(&inside, self.bounds())
    }

    fn parts(&self) -> Vec<Part> {
        vec![Part::new("", &self.shape)]
    }

    fn flat_dim(&self) -> usize {
        self.low.len()
    }

    fn flattened(&self) -> BoxSpace {
        Self { shape: vec![self.low.len()], low: self.low.clone(), high: self.high.clone() }
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
            if !low.is_finite() || high <= low || !high.is_finite() {
                value
            } else if (high - low).is_finite() {
                2.0 * (value - low) / (high - low) - 1.0
            } else {
                2.0 * ((0.5 * value - 0.5 * low) / (0.5 * high - 0.5 * low)) - 1.0
            }
        }));
    }

    fn decode(&self, codes: &[f32]) -> Vec<f32> {
        codes.iter().zip(self.bounds()).map(|(&code, (low, high))| decoded(code, low, high)).collect()
    }

    fn unbounded(&self) -> Option<usize> {
        self.bounds().position(|(low, high)| !low.is_finite() || !high.is_finite())
    }

    fn is_open(&self, _action: &Vec<f32>, _mask: &[bool]) -> bool {
        true
    }
}

/// Whether a finite number lies within the bounds.
pub(super) fn holds(low: f32, high: f32, value: f32) -> bool {
    (low..=high).contains(&value) && value.is_finite()
}

/// Rows that differ from `inside`, a member of the box of these bounds, in one entry or in their length, such that they
/// are no members.
pub(super) fn outside_of_box(inside: &[f32], bounds: impl Iterator<Item = (f32, f32)>) -> Vec<Vec<f32>> {
    let mut outsiders = vec![[inside, &[0.0]].concat()];
    if let Some((_, shorter)) = inside.split_last() {
        outsiders.push(shorter.to_vec());
    }
    for (index, (low, high)) in bounds.enumerate() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, low.next_down(), high.next_up()] {
            if !holds(low, high, value) {
                let mut outsider = inside.to_vec();
                outsider[index] = value;
                outsiders.push(outsider);
            }
        }
    }
    outsiders
}

fn decoded(code: f32, low: f32, high: f32) -> f32 {
    let code = if code.is_nan() { 0.0 } else { code };
    if !low.is_finite() || !high.is_finite() {
        return code.clamp(low, high).clamp(f32::MIN, f32::MAX);
    }
    let share = (code.clamp(-1.0, 1.0) + 1.0) * 0.5;
    let value = if (high - low).is_finite() { low + share * (high - low) } else { low * (1.0 - share) + high * share };
    value.clamp(low, high)
}
