//! [`MultiDiscrete`].

use rand::RngExt;

use super::{ActionLayout, ActionSpace, BoxSpace, Part, Space, SpaceError, index};
use crate::rng::Prng;

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

    fn non_members(&self) -> Vec<Vec<usize>> {
        let mut outsiders = vec![vec![0; self.heads.len() + 1]];
        for (head, &choices) in self.heads.iter().enumerate() {
            let mut outsider = vec![0; self.heads.len()];
            outsider[head] = choices;
            outsiders.push(outsider);
        }
        outsiders
    }

    fn parts(&self) -> Vec<Part> {
        vec![Part::new("", &[self.heads.iter().sum()])]
    }

    fn flat_dim(&self) -> usize {
        self.heads.iter().sum()
    }

    fn flattened(&self) -> BoxSpace {
        BoxSpace::uniform(&[self.flat_dim()], 0.0, 1.0)
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

    fn is_open(&self, action: &Vec<usize>, mask: &[bool]) -> bool {
        let mut offset = 0;
        action.iter().zip(&self.heads).all(|(&choice, &choices)| {
            let open = mask[offset + choice];
            offset += choices;
            open
        })
    }
}
