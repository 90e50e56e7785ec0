//! [`Discrete`].

use rand::RngExt;

use super::{ActionLayout, ActionSpace, BoxSpace, Part, Space, index};
use crate::rng::Prng;

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

    fn non_members(&self) -> Vec<usize> {
        vec![self.n, usize::MAX]
    }

    fn parts(&self) -> Vec<Part> {
        vec![Part::new("", &[self.n])]
    }

    fn flat_dim(&self) -> usize {
        self.n
    }

    fn flattened(&self) -> BoxSpace {
        BoxSpace::uniform(&[self.n], 0.0, 1.0)
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

    fn is_open(&self, action: &usize, mask: &[bool]) -> bool {
        mask[*action]
    }
}
