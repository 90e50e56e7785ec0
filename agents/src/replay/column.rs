//! [`Column`]: rows of numbers in memory that the system hands out as it is touched.

use std::io;
use std::marker::PhantomData;

use branches::prefetch_read_data;
use bytemuck::Pod;
use memmap2::{MmapMut, MmapOptions};

/// Bytes from which memory is asked for in huge pages: the size of one.
const HUGE_PAGE: usize = 2 << 20;

/// Bytes of a cache line.
const CACHE_LINE: usize = 64;

/// Whether the system has to promise its memory at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reserve {
    /// A column that will be filled: refused at once where there is not that much.
    All,
    /// A column of which little will be used as a rule.
    AsUsed,
}

/// A column of `rows` rows of `width` entries, zero at first.
///
/// # Design
/// An anonymous map takes memory only where it was written, and says whether it can be had; a vector that grows copies
/// itself, and aborts. Rows drawn at random from gigabytes miss the page table's cache at every step unless pages are
/// huge.
#[derive(Debug)]
pub(super) struct Column<T> {
    memory: MmapMut,
    len: usize,
    width: usize,
    entry: PhantomData<T>,
}

impl<T: Pod> Column<T> {
    /// # Errors
    /// When the system has not that much memory.
    pub(super) fn new(rows: usize, width: usize, reserve: Reserve) -> io::Result<Self> {
        let len = rows.checked_mul(width).ok_or(io::ErrorKind::OutOfMemory)?;
        let bytes = len.checked_mul(size_of::<T>()).filter(|&bytes| bytes <= isize::MAX as usize);
        let bytes = bytes.ok_or(io::ErrorKind::OutOfMemory)?;
        let mut options = MmapOptions::new();
        options.len(bytes.max(1));
        if reserve == Reserve::AsUsed {
            options.no_reserve_swap();
        }
        let memory = options.map_anon()?;
        if bytes >= HUGE_PAGE {
            advise_huge_pages(&memory);
        }
        Ok(Self { memory, len, width, entry: PhantomData })
    }

    /// Entries per row.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// All entries, row by row.
    pub(super) fn entries(&self) -> &[T] {
        bytemuck::cast_slice(&self.memory[..self.len * size_of::<T>()])
    }

    /// All entries, row by row.
    pub(super) fn entries_mut(&mut self) -> &mut [T] {
        bytemuck::cast_slice_mut(&mut self.memory[..self.len * size_of::<T>()])
    }

    pub(super) fn row_mut(&mut self, row: usize) -> &mut [T] {
        let width = self.width;
        &mut self.entries_mut()[row * width..(row + 1) * width]
    }
}

/// Asks for every cache line of a row, into the second cache: more requests can be under way to it than to the first.
#[inline]
pub(super) fn prefetch<T: Pod>(entries: &[T], width: usize, row: usize) {
    const SECOND_CACHE: i32 = 1;
    let (mut entry, end) = (row * width, (row + 1) * width);
    let ask = |entry| prefetch_read_data::<T, SECOND_CACHE>(entries.as_ptr().wrapping_add(entry));
    while entry < end {
        ask(entry);
        entry += CACHE_LINE / size_of::<T>();
    }
    // A row that does not start with a cache line ends in one more.
    ask(end.saturating_sub(1));
}

#[cfg(target_os = "linux")]
fn advise_huge_pages(memory: &MmapMut) {
    // Advice: where it is not taken the rows are where they are, only slower.
    let _ = memory.advise(memmap2::Advice::HugePage);
}

#[cfg(not(target_os = "linux"))]
fn advise_huge_pages(_memory: &MmapMut) {}

/// A column that has one row per transition and one per end, in two pieces of `capacity` rows each: slots below the
/// capacity are rows of the ring, those above it are ends.
#[derive(Debug)]
pub(super) struct SlotColumn<T> {
    pieces: [Column<T>; 2],
    capacity: usize,
}

impl<T: Pod> SlotColumn<T> {
    /// # Errors
    /// When the system has not that much memory.
    pub(super) fn new(capacity: usize, width: usize) -> io::Result<Self> {
        let ring = Column::new(capacity, width, Reserve::All)?;
        Ok(Self { pieces: [ring, Column::new(capacity, width, Reserve::AsUsed)?], capacity })
    }

    /// Entries per row.
    pub(super) fn width(&self) -> usize {
        self.pieces[0].width()
    }

    pub(super) fn row(&self, slot: u32) -> &[T] {
        self.view().row(slot)
    }

    pub(super) fn row_mut(&mut self, slot: u32) -> &mut [T] {
        let slot = slot as usize;
        match slot.checked_sub(self.capacity) {
            None => self.pieces[0].row_mut(slot),
            Some(end) => self.pieces[1].row_mut(end),
        }
    }

    /// Its rows, to be read many at a time.
    pub(super) fn view(&self) -> View<'_, T> {
        let [ring, ends] = &self.pieces;
        View { ring: ring.entries(), ends: ends.entries(), width: self.width(), capacity: self.capacity }
    }
}

/// The rows of a [`SlotColumn`].
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a, T> {
    ring: &'a [T],
    ends: &'a [T],
    width: usize,
    capacity: usize,
}

impl<'a, T: Pod> View<'a, T> {
    fn place(&self, slot: u32) -> (&'a [T], usize) {
        let slot = slot as usize;
        if slot < self.capacity { (self.ring, slot) } else { (self.ends, slot - self.capacity) }
    }

    #[inline]
    pub(super) fn row(&self, slot: u32) -> &'a [T] {
        let (entries, row) = self.place(slot);
        &entries[row * self.width..(row + 1) * self.width]
    }

    /// Asks for a row that will be read soon.
    #[inline]
    pub(super) fn prefetch(&self, slot: u32) {
        let (entries, row) = self.place(slot);
        prefetch(entries, self.width, row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_cannot_be_had_is_an_error() {
        assert!(Column::<f32>::new(usize::MAX / 8, 16, Reserve::All).is_err(), "overflow");
        assert!(Column::<f32>::new(1 << 50, 16, Reserve::All).is_err(), "more than an address space");
        assert!(Column::<f32>::new(1 << 50, 16, Reserve::AsUsed).is_err());
    }

    #[test]
    fn rows_of_both_pieces_keep_their_place() {
        let mut column = SlotColumn::<u32>::new(3, 2).unwrap();
        for slot in 0..6 {
            column.row_mut(slot).copy_from_slice(&[slot, 10 * slot]);
        }
        assert_eq!([0, 2, 3, 5].map(|slot| column.row(slot)), [[0, 0], [2, 20], [3, 30], [5, 50]]);
        let empty = SlotColumn::<u8>::new(3, 0).unwrap();
        assert!(empty.row(5).is_empty());
        empty.view().prefetch(5);
    }
}
