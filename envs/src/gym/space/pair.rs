//! A pair of spaces is a space.

use super::{ActionLayout, ActionSpace, BoxSpace, Part, Space};
use crate::rng::{Prng, stream};

impl<A: Space, B: Space> Space for (A, B) {
    type Element = (A::Element, B::Element);

    fn contains(&self, element: &Self::Element) -> bool {
        self.0.contains(&element.0) && self.1.contains(&element.1)
    }

    fn sample(&self, rng: &mut Prng) -> Self::Element {
        (self.0.sample(rng), self.1.sample(rng))
    }

    fn non_members(&self) -> Vec<Self::Element> {
        let mut rng = stream(0, "non-members");
        let (first, second) = (self.0.sample(&mut rng), self.1.sample(&mut rng));
        let left = self.0.non_members().into_iter().map(|outsider| (outsider, second.clone()));
        let right = self.1.non_members().into_iter().map(|outsider| (first.clone(), outsider));
        left.chain(right).collect()
    }

    fn parts(&self) -> Vec<Part> {
        let mut parts = self.0.parts();
        parts.extend(self.1.parts());
        parts
    }

    fn flat_dim(&self) -> usize {
        self.0.flat_dim() + self.1.flat_dim()
    }

    fn flattened(&self) -> BoxSpace {
        let (left, right) = (self.0.flattened(), self.1.flattened());
        let (low, high) = ([left.low(), right.low()].concat(), [left.high(), right.high()].concat());
        BoxSpace::new(&[low.len()], low, high).expect("the bounds of boxes make a box")
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

    fn unbounded(&self) -> Option<usize> {
        let of_first = self.0.layout().continuous;
        self.0.unbounded().or_else(|| self.1.unbounded().map(|entry| of_first + entry))
    }

    fn is_open(&self, action: &Self::Element, mask: &[bool]) -> bool {
        let (first, second) = mask.split_at(self.0.layout().choices());
        self.0.is_open(&action.0, first) && self.1.is_open(&action.1, second)
    }
}
