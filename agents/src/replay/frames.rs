//! [`Frames`]: what was observed and which choices were open, once for every moment.

use std::io;

use half::f16;
use half::slice::HalfFloatSliceExt;

use super::column::SlotColumn;
use super::config::Storage;
use crate::array::Element;
use crate::checkpoint_error::CheckpointError;
use crate::state::StateDict;

/// Which of eight choices are open, by the byte that says which are closed.
static OPEN: [[bool; 8]; 256] = {
    let mut open = [[false; 8]; 256];
    let mut entry = 0;
    while entry < 8 * 256 {
        open[entry / 8][entry % 8] = (entry / 8) >> (entry % 8) & 1 == 0;
        entry += 1;
    }
    open
};

/// Observation and mask per slot (see [`SlotColumn`]).
///
/// # Design
/// The mask follows its observation in the same row, which costs no cache line of its own: a bit per choice, set where
/// it was closed, so that memory that was never written says that all are open.
#[derive(Debug)]
pub(super) struct Frames {
    rows: Rows,
    dim: usize,
    choices: usize,
}

#[derive(Debug)]
enum Rows {
    F32(SlotColumn<f32>),
    F16(SlotColumn<f16>),
}

/// Evaluates `$body` with `$column` being the column, of whichever type.
macro_rules! with {
    ($rows:expr, $column:ident => $body:expr) => {
        match $rows {
            Rows::F32($column) => $body,
            Rows::F16($column) => $body,
        }
    };
}

/// A type that observations are stored in.
trait Stored: Element {
    fn store(values: &[f32], row: &mut [Self]);
    fn load(row: &[Self], values: &mut [f32]);
}

impl Stored for f32 {
    fn store(values: &[f32], row: &mut [Self]) {
        row.copy_from_slice(values);
    }

    fn load(row: &[Self], values: &mut [f32]) {
        values.copy_from_slice(row);
    }
}

impl Stored for f16 {
    fn store(values: &[f32], row: &mut [Self]) {
        row.convert_from_f32_slice(values);
        for value in row {
            if value.is_infinite() {
                *value = f16::MAX.copysign(*value);
            }
        }
    }

    fn load(row: &[Self], values: &mut [f32]) {
        row.convert_to_f32_slice(values);
    }
}

impl Frames {
    /// # Errors
    /// When the system has not that much memory.
    pub(super) fn new(capacity: usize, dim: usize, choices: usize, storage: Storage) -> io::Result<Self> {
        let width = |bytes: usize| dim.saturating_add(choices.div_ceil(8).div_ceil(bytes));
        let rows = match storage {
            Storage::F32 => Rows::F32(SlotColumn::new(capacity, width(size_of::<f32>()))?),
            Storage::F16 => Rows::F16(SlotColumn::new(capacity, width(size_of::<f16>()))?),
        };
        Ok(Self { rows, dim, choices })
    }

    /// Bytes of one slot.
    pub(super) fn bytes(&self) -> usize {
        match &self.rows {
            Rows::F32(column) => column.width() * size_of::<f32>(),
            Rows::F16(column) => column.width() * size_of::<f16>(),
        }
    }

    /// Fills a slot. Without a mask all choices are open.
    pub(super) fn put(&mut self, slot: u32, observation: &[f32], mask: Option<&[bool]>) {
        with!(&mut self.rows, column => put(column.row_mut(slot), observation, mask));
    }

    /// Whether two slots hold the same to the bit.
    pub(super) fn equal(&self, one: u32, other: u32) -> bool {
        with!(&self.rows, column => {
            bytemuck::cast_slice::<_, u8>(column.row(one)) == bytemuck::cast_slice::<_, u8>(column.row(other))
        })
    }

    /// Asks for slots that will be read soon.
    pub(super) fn prefetch(&self, slots: &[u32]) {
        with!(&self.rows, column => {
            let rows = column.view();
            slots.iter().for_each(|&slot| rows.prefetch(slot));
        });
    }

    /// Copies the observations of these slots, `[slots, dim]`, and which choices were open in them,
    /// `[slots, choices]`, unless `masks` is empty.
    pub(super) fn gather(&self, slots: &[u32], observations: &mut [f32], masks: &mut [bool]) {
        let choices = if masks.is_empty() { 0 } else { self.choices };
        with!(&self.rows, column => gather(column, slots, (observations, self.dim), (masks, choices)));
    }

    /// Adds the first `rows` rows of the ring, and these ends, to `state`.
    pub(super) fn write(&self, prefix: &str, rows: u32, ends: &[u32], state: &mut StateDict) {
        with!(&self.rows, column => {
            for (part, slots) in [("ring", (0..rows).collect()), ("ends", ends.to_vec())] {
                let observations = slots.iter().flat_map(|&slot| &column.row(slot)[..self.dim]).copied().collect();
                let name = format!("{prefix}/{part}/observations");
                state.insert_array(name, &[slots.len(), self.dim], observations);
                let closed = slots.iter().flat_map(|&slot| &mask_bytes(&column.row(slot)[self.dim..])[..self.mask()]);
                state.insert_array(format!("{prefix}/{part}/closed"), &[slots.len(), self.mask()], closed.copied().collect());
            }
        });
    }

    /// What `state` has of so many rows and ends, if they have the shapes and types of these.
    pub(super) fn stored<'a>(
        &self,
        prefix: &str,
        (rows, ends): (usize, usize),
        state: &'a StateDict,
    ) -> Result<[StoredPart<'a>; 2], CheckpointError> {
        let part = |part: &str, rows: usize| {
            let name = format!("{prefix}/{part}/observations");
            let observations = match &self.rows {
                Rows::F32(_) => StoredRows::F32(state.array(&name, &[rows, self.dim])?),
                Rows::F16(_) => StoredRows::F16(state.array(&name, &[rows, self.dim])?),
            };
            let closed = state.array(&format!("{prefix}/{part}/closed"), &[rows, self.mask()])?;
            Ok(StoredPart { rows, observations, closed })
        };
        Ok([part("ring", rows)?, part("ends", ends)?])
    }

    /// Takes over what [`stored`](Self::stored) gave, the ends from slot `first_end` on.
    pub(super) fn set(&mut self, [ring, ends]: [StoredPart<'_>; 2], first_end: u32) {
        let (dim, mask) = (self.dim, self.mask());
        for (part, first) in [(ring, 0), (ends, first_end)] {
            match (&mut self.rows, &part.observations) {
                (Rows::F32(column), StoredRows::F32(values)) => part.fill(column, first, values, (dim, mask)),
                (Rows::F16(column), StoredRows::F16(values)) => part.fill(column, first, values, (dim, mask)),
                _ => unreachable!("parts have the type of the frames that accepted them"),
            }
        }
    }

    /// Bytes of a mask.
    fn mask(&self) -> usize {
        self.choices.div_ceil(8)
    }
}

/// Stored rows of one piece.
pub(super) struct StoredPart<'a> {
    rows: usize,
    observations: StoredRows<'a>,
    closed: &'a [u8],
}

enum StoredRows<'a> {
    F32(&'a [f32]),
    F16(&'a [f16]),
}

impl StoredPart<'_> {
    fn fill<T: Element>(&self, column: &mut SlotColumn<T>, first: u32, values: &[T], (dim, mask): (usize, usize)) {
        for (row, slot) in (0..self.rows).zip(first..) {
            let (observation, closed) = column.row_mut(slot).split_at_mut(dim);
            observation.copy_from_slice(&values[row * dim..(row + 1) * dim]);
            bytemuck::cast_slice_mut(closed)[..mask].copy_from_slice(&self.closed[row * mask..(row + 1) * mask]);
        }
    }
}

fn mask_bytes<T: Element>(entries: &[T]) -> &[u8] {
    bytemuck::cast_slice(entries)
}

fn put<T: Stored>(row: &mut [T], observation: &[f32], mask: Option<&[bool]>) {
    let (values, closed) = row.split_at_mut(observation.len());
    T::store(observation, values);
    let closed: &mut [u8] = bytemuck::cast_slice_mut(closed);
    closed.fill(0);
    for (choice, open) in mask.unwrap_or_default().iter().enumerate() {
        closed[choice / 8] |= u8::from(!open) << (choice % 8);
    }
}

fn gather<T: Stored>(
    column: &SlotColumn<T>,
    slots: &[u32],
    (observations, dim): (&mut [f32], usize),
    (masks, choices): (&mut [bool], usize),
) {
    let rows = column.view();
    for (index, &slot) in slots.iter().enumerate() {
        let (values, closed) = rows.row(slot).split_at(dim);
        T::load(values, &mut observations[index * dim..(index + 1) * dim]);
        let mask = &mut masks[index * choices..(index + 1) * choices];
        for (eight, closed) in mask.chunks_mut(8).zip(mask_bytes(closed)) {
            eight.iter_mut().zip(&OPEN[usize::from(*closed)]).for_each(|(choice, open)| *choice = *open);
        }
    }
}
