//! [`BoxSpace`].

use rand::RngExt;

use super::{ActionLayout, ActionSpace, Part, Space, SpaceError};
use crate::rng::Prng;

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

    pub(super) fn bounds(&self) -> impl Iterator<Item = (f32, f32)> {
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
