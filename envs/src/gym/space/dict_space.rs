//! [`DictSpace`].

use super::box_space::holds;
use super::{BoxSpace, Part, Space};
use crate::rng::Prng;

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

    fn bounds(&self) -> impl Iterator<Item = (f32, f32)> {
        self.entries.iter().flat_map(|(_, space)| space.bounds())
    }
}

impl Space for DictSpace {
    type Element = Vec<f32>;

    fn contains(&self, element: &Vec<f32>) -> bool {
        element.len() == self.flat_dim()
            && self.bounds().zip(element).all(|((low, high), value)| holds(low, high, *value))
    }

    fn sample(&self, rng: &mut Prng) -> Vec<f32> {
        self.entries.iter().flat_map(|(_, space)| space.sample(rng)).collect()
    }

    fn non_members(&self) -> Vec<Vec<f32>> {
        self.flattened().non_members()
    }

    fn parts(&self) -> Vec<Part> {
        self.entries.iter().map(|(name, space)| Part::new(name.clone(), space.shape())).collect()
    }

    fn flat_dim(&self) -> usize {
        self.entries.iter().map(|(_, space)| space.flat_dim()).sum()
    }

    fn flattened(&self) -> BoxSpace {
        let (low, high) = self.bounds().unzip();
        BoxSpace::new(&[self.flat_dim()], low, high).expect("the bounds of boxes make a box")
    }

    fn flatten_into(&self, element: &Vec<f32>, out: &mut Vec<f32>) {
        out.extend_from_slice(element);
    }
}
