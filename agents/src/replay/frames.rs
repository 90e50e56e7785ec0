//! [`Frames`]: what was observed and which choices were open, once for every moment.

use std::io;

use half::f16;
use half::slice::HalfFloatSliceExt;

use super::column::SlotColumn;
use super::config::Storage;
use crate::array::Element;
use crate::checkpoint_error::CheckpointError;
use crate::state::StateDict;

/// Rows asked for before they are copied: enough to keep the memory busy, few enough to stay in the first cache.
pub(super) const AHEAD: usize = 6;

/// Observation and mask per slot (see [`SlotColumn`]).
#[derive(Debug)]
pub(super) struct Frames {
    observations: Observations,
    /// A bit per choice, set where it was closed: memory that was never written says that all are open.
    closed: SlotColumn<u8>,
    choices: usize,
}

#[derive(Debug)]
enum Observations {
    F32(SlotColumn<f32>),
    F16(SlotColumn<f16>),
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
        let observations = match storage {
            Storage::F32 => Observations::F32(SlotColumn::new(capacity, dim)?),
            Storage::F16 => Observations::F16(SlotColumn::new(capacity, dim)?),
        };
        Ok(Self { observations, closed: SlotColumn::new(capacity, choices.div_ceil(8))?, choices })
    }

    /// Bytes of one slot.
    pub(super) fn bytes(&self) -> usize {
        let observation = match &self.observations {
            Observations::F32(column) => column.width() * size_of::<f32>(),
            Observations::F16(column) => column.width() * size_of::<f16>(),
        };
        observation + self.closed.width()
    }

    /// Fills a slot. Without a mask all choices are open.
    pub(super) fn put(&mut self, slot: u32, observation: &[f32], mask: Option<&[bool]>) {
        match &mut self.observations {
            Observations::F32(column) => f32::store(observation, column.row_mut(slot)),
            Observations::F16(column) => f16::store(observation, column.row_mut(slot)),
        }
        let closed = self.closed.row_mut(slot);
        closed.fill(0);
        for (choice, open) in mask.unwrap_or_default().iter().enumerate() {
            closed[choice / 8] |= u8::from(!open) << (choice % 8);
        }
    }

    /// Whether two slots hold the same to the bit.
    pub(super) fn equal(&self, one: u32, other: u32) -> bool {
        fn same<T: Stored>(column: &SlotColumn<T>, one: u32, other: u32) -> bool {
            let bytes = |slot| bytemuck::cast_slice::<T, u8>(column.row(slot));
            bytes(one) == bytes(other)
        }
        let observations = match &self.observations {
            Observations::F32(column) => same(column, one, other),
            Observations::F16(column) => same(column, one, other),
        };
        observations && same_bits(&self.closed, one, other)
    }

    /// Copies the observations of these slots, `[slots, dim]`.
    pub(super) fn observations(&self, slots: &[u32], values: &mut [f32]) {
        match &self.observations {
            Observations::F32(column) => gather(column, slots, values),
            Observations::F16(column) => gather(column, slots, values),
        }
    }

    /// Which choices were open in these slots, `[slots, choices]`.
    pub(super) fn masks(&self, slots: &[u32], masks: &mut [bool]) {
        if self.choices == 0 {
            return;
        }
        for (&slot, mask) in slots.iter().zip(masks.chunks_exact_mut(self.choices)) {
            let closed = self.closed.row(slot);
            for (choice, open) in mask.iter_mut().enumerate() {
                *open = closed[choice / 8] >> (choice % 8) & 1 == 0;
            }
        }
    }

    /// Asks for the mask of a slot that will be read soon.
    pub(super) fn prefetch_mask(&self, slot: u32) {
        self.closed.prefetch(slot);
    }

    /// Adds the first `rows` rows of the ring, and these ends, to `state`.
    pub(super) fn write(&self, prefix: &str, rows: usize, ends: &[u32], state: &mut StateDict) {
        match &self.observations {
            Observations::F32(column) => write(column, &format!("{prefix}/observations"), (rows, ends), state),
            Observations::F16(column) => write(column, &format!("{prefix}/observations"), (rows, ends), state),
        }
        write(&self.closed, &format!("{prefix}/closed"), (rows, ends), state);
    }

    /// Whether `state` has so many rows and ends of the widths and types of these.
    pub(super) fn check(
        &self,
        prefix: &str,
        (rows, ends): (usize, usize),
        state: &StateDict,
    ) -> Result<(), CheckpointError> {
        let name = format!("{prefix}/observations");
        match &self.observations {
            Observations::F32(column) => stored(column, &name, (rows, ends), state).map(drop)?,
            Observations::F16(column) => stored(column, &name, (rows, ends), state).map(drop)?,
        }
        stored(&self.closed, &format!("{prefix}/closed"), (rows, ends), state).map(drop)
    }

    /// Takes over the rows and ends that [`check`](Self::check) accepted.
    pub(super) fn read(
        &mut self,
        prefix: &str,
        size: (usize, usize),
        state: &StateDict,
    ) -> Result<(), CheckpointError> {
        let name = format!("{prefix}/observations");
        match &mut self.observations {
            Observations::F32(column) => read(column, &name, size, state)?,
            Observations::F16(column) => read(column, &name, size, state)?,
        }
        read(&mut self.closed, &format!("{prefix}/closed"), size, state)
    }
}

fn same_bits(closed: &SlotColumn<u8>, one: u32, other: u32) -> bool {
    closed.row(one) == closed.row(other)
}

fn gather<T: Stored>(column: &SlotColumn<T>, slots: &[u32], values: &mut [f32]) {
    let width = column.width();
    if width == 0 {
        return;
    }
    for &slot in &slots[..AHEAD.min(slots.len())] {
        column.prefetch(slot);
    }
    for (row, (&slot, values)) in slots.iter().zip(values.chunks_exact_mut(width)).enumerate() {
        if let Some(&later) = slots.get(row + AHEAD) {
            column.prefetch(later);
        }
        T::load(column.row(slot), values);
    }
}

fn write<T: Element>(column: &SlotColumn<T>, name: &str, (rows, ends): (usize, &[u32]), state: &mut StateDict) {
    let width = column.width();
    state.insert_array(name, &[rows, width], column.ring(rows).to_vec());
    let copies = ends.iter().flat_map(|&slot| column.row(slot)).copied().collect();
    state.insert_array::<T>(format!("{name}_at_ends"), &[ends.len(), width], copies);
}

fn stored<'a, T: Element>(
    column: &SlotColumn<T>,
    name: &str,
    (rows, ends): (usize, usize),
    state: &'a StateDict,
) -> Result<[&'a [T]; 2], CheckpointError> {
    let width = column.width();
    Ok([state.array(name, &[rows, width])?, state.array(&format!("{name}_at_ends"), &[ends, width])?])
}

fn read<T: Element>(
    column: &mut SlotColumn<T>,
    name: &str,
    size: (usize, usize),
    state: &StateDict,
) -> Result<(), CheckpointError> {
    let [ring, ends] = stored(column, name, size, state)?;
    column.fill(ring, ends);
    Ok(())
}
