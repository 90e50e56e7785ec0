//! [`Buffer`]: the memory of a matrix on the host, which the next one of its size takes over.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut, RangeInclusive};

/// Buffers that a thread keeps at most.
const KEPT: usize = 32;

/// Entries from which, and up to which, a buffer is worth keeping: an allocator is quick with small pieces, and large
/// ones take so long to fill that theirs is the least of the cost. A thread keeps 32 MiB at most.
const WORTH: RangeInclusive<usize> = 1 << 10..=1 << 18;

thread_local! {
    /// What this thread needs no more, in the order in which it was given up.
    static FREE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Entries of a matrix in host memory.
///
/// # Design
/// An update of a learner makes some forty matrices of the same few sizes, over and over. The allocator hands out other
/// memory each time, which is in no cache, and fills it with zeros that are never read. A buffer is filled where the last
/// one of its size on this thread has just been. What a helper of an update made goes to the thread that drops it.
#[derive(Debug, PartialEq)]
pub struct Buffer(Vec<f32>);

impl Buffer {
    /// With entries that mean nothing, to be overwritten.
    pub(super) fn stale(len: usize) -> Self {
        Self(given_up(len).unwrap_or_else(|| vec![0.0; len]))
    }

    /// Of zeros.
    pub(super) fn zeros(len: usize) -> Self {
        let filled = given_up(len).map(|mut entries| {
            entries.fill(0.0);
            entries
        });
        Self(filled.unwrap_or_else(|| vec![0.0; len]))
    }

    /// These entries, `times` times.
    pub(super) fn repeat(entries: &[f32], times: usize) -> Self {
        let filled = given_up(entries.len() * times).map(|mut copies| {
            copies.chunks_exact_mut(entries.len()).for_each(|copy| copy.copy_from_slice(entries));
            copies
        });
        Self(filled.unwrap_or_else(|| entries.repeat(times)))
    }

    /// The entries as a vector, which no other buffer gets.
    pub fn into_vec(mut self) -> Vec<f32> {
        std::mem::take(&mut self.0)
    }
}

/// The last vector of this length that a buffer of this thread has given up, with what it held.
fn given_up(len: usize) -> Option<Vec<f32>> {
    let last = |free: &RefCell<Vec<Vec<f32>>>| {
        let mut free = free.borrow_mut();
        let place = free.iter().rposition(|entries| entries.len() == len)?;
        Some(free.remove(place))
    };
    if WORTH.contains(&len) { FREE.try_with(last).ok().flatten() } else { None }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let given_up = std::mem::take(&mut self.0);
        if !WORTH.contains(&given_up.len()) {
            return;
        }
        // A thread that is ending keeps nothing.
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            if free.len() == KEPT {
                free.remove(0);
            }
            free.push(given_up);
        });
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        Self::repeat(&self.0, 1)
    }
}

impl From<Vec<f32>> for Buffer {
    fn from(entries: Vec<f32>) -> Self {
        Self(entries)
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a thread of its own, whose free buffers no other test changes.
    fn alone<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
        std::thread::spawn(work).join().expect("the work does not panic")
    }

    #[test]
    fn the_next_buffer_of_a_size_takes_the_memory_of_the_last_one() {
        let kept = alone(|| {
            let first = Buffer::from(vec![1.0; 2_000]);
            let (place, other) = (first.as_ptr(), Buffer::stale(2_000));
            drop((first, Buffer::from(vec![2.0; 3_000])));
            let second = Buffer::stale(2_000);
            assert_ne!(other.as_ptr(), place);
            second.as_ptr() == place && second.iter().all(|&entry| entry == 1.0)
        });
        assert!(kept);
    }

    #[test]
    fn a_thread_keeps_the_last_buffers_and_none_that_is_too_small_or_too_large() {
        let kept = alone(|| {
            let sizes = (0..40).map(|more| 2_000 + more).chain([10, WORTH.end() + 1]);
            sizes.for_each(|size| drop(Buffer::from(vec![0.0; size])));
            FREE.with(|free| free.borrow().iter().map(Vec::len).collect::<Vec<_>>())
        });
        assert_eq!(kept, (2_008..2_040).collect::<Vec<_>>());
    }

    #[test]
    fn copies_have_memory_of_their_own() {
        let first = Buffer::repeat(&[1.0, 2.0], 600);
        let mut second = first.clone();
        second[0] = 5.0;
        assert_eq!((first[0], first[1_199], first.len()), (1.0, 2.0, 1_200));
        assert_eq!(second.into_vec()[..3], [5.0, 2.0, 1.0]);
        assert!(Buffer::repeat(&[], 3).is_empty());
    }
}
