//! [`Offender`]: the tensor that a diverged training is blamed on.

use std::fmt;

/// A tensor with its worst entry: the first that is infinite or no number, or else the largest.
#[derive(Clone, Debug, PartialEq)]
pub struct Offender {
    /// The tensor, by the name under which it is stored.
    pub tensor: String,
    /// Its worst entry.
    pub entry: f32,
}

impl Offender {
    /// Of a tensor with these entries.
    pub fn of(tensor: impl Into<String>, entries: &[f32]) -> Self {
        let broken = entries.iter().copied().find(|entry| !entry.is_finite());
        let largest = || entries.iter().fold(0.0, |max: f32, entry| max.max(entry.abs()));
        Self { tensor: tensor.into(), entry: broken.unwrap_or_else(largest) }
    }

    /// Whether its entry is infinite or no number.
    pub fn is_broken(&self) -> bool {
        !self.entry.is_finite()
    }

    /// The first one that is broken, or else the one with the largest entry; none of none.
    pub fn worst(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        all.into_iter().reduce(|worst, next| {
            let worse = !worst.is_broken() && (next.is_broken() || next.entry > worst.entry);
            if worse { next } else { worst }
        })
    }
}

impl fmt::Display for Offender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tensor, entry } = self;
        if self.is_broken() {
            write!(f, "the first tensor that is not finite is {tensor}")
        } else {
            write!(f, "all tensors are finite, and the largest entry, {entry:.1e}, is in {tensor}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_broken_tensor_is_worse_than_any_large_one() {
        let of = |tensor: &str, entries: &[f32]| Offender::of(tensor, entries);
        let (small, large) = (of("small", &[1.0, -2.0]), of("large", &[3.0, -4e30]));
        assert_eq!((small.entry, large.entry), (2.0, 4e30));
        assert_eq!(Offender::worst([small.clone(), large.clone(), of("none", &[])]), Some(large.clone()));
        assert_eq!(
            Offender::worst([small.clone(), large.clone()]).unwrap().to_string(),
            "all tensors are finite, and the largest entry, 4.0e30, is in large"
        );
        let (first, second) = (of("first", &[0.0, f32::NAN]), of("second", &[f32::INFINITY]));
        let worst = Offender::worst([small, first, large, second]).unwrap();
        assert_eq!(worst.to_string(), "the first tensor that is not finite is first");
        assert_eq!(Offender::worst([]), None);
    }
}
