//! [`Steps`]: what an action led to, row by row of the ring.

use std::io;

use super::column::{Column, Reserve, prefetch};

/// Set in the link of a transition at whose end the process terminated.
pub(super) const TERMINATED: u32 = 1 << 31;

/// Link, reward and action of every transition.
///
/// # Design
/// Side by side: drawn at random, each column of its own would cost one more wait for the memory. Floats are kept as
/// their bits.
#[derive(Debug)]
pub(super) struct Steps {
    /// `[capacity, 2 + codes]`.
    words: Column<u32>,
}

impl Steps {
    /// # Errors
    /// When the system has not that much memory.
    pub(super) fn new(capacity: usize, codes: usize) -> io::Result<Self> {
        Ok(Self { words: Column::new(capacity, 2 + codes, Reserve::All)? })
    }

    /// Bytes of one transition.
    pub(super) fn bytes(&self) -> usize {
        self.words.width() * size_of::<u32>()
    }

    /// Fills a row. `link` is the slot of s', and [`TERMINATED`].
    pub(super) fn put(&mut self, slot: u32, link: u32, reward: f32, actions: &[f32]) {
        let words = self.words.row_mut(slot as usize);
        (words[0], words[1]) = (link, reward.to_bits());
        bytemuck::cast_slice_mut(&mut words[2..]).copy_from_slice(actions);
    }

    pub(super) fn set_link(&mut self, slot: u32, link: u32) {
        self.words.row_mut(slot as usize)[0] = link;
    }

    pub(super) fn link(&self, slot: u32) -> u32 {
        self.view().step(slot).0
    }

    /// Its rows, to be read many at a time.
    pub(super) fn view(&self) -> StepRows<'_> {
        StepRows { words: self.words.entries(), width: self.words.width() }
    }
}

/// The rows of [`Steps`].
#[derive(Clone, Copy, Debug)]
pub(super) struct StepRows<'a> {
    words: &'a [u32],
    width: usize,
}

impl<'a> StepRows<'a> {
    /// Link and reward.
    #[inline]
    pub(super) fn step(&self, slot: u32) -> (u32, f32) {
        let row = self.row(slot);
        (row[0], f32::from_bits(row[1]))
    }

    #[inline]
    pub(super) fn actions(&self, slot: u32) -> &'a [f32] {
        bytemuck::cast_slice(&self.row(slot)[2..])
    }

    /// Asks for a row that will be read soon.
    #[inline]
    pub(super) fn prefetch(&self, slot: u32) {
        prefetch(self.words, self.width, slot as usize);
    }

    #[inline]
    fn row(&self, slot: u32) -> &'a [u32] {
        &self.words[slot as usize * self.width..][..self.width]
    }
}
