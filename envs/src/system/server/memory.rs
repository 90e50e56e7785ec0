//! [`ModelMemory`]: which models a server holds, what loading one costs, and which one gives way.

use serde::{Deserialize, Serialize};

use crate::units::{Bytes, BytesPerSecond};

/// Memory for models: a job whose model is not resident loads it first, in place of the one unused for longest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelMemory {
    /// How much fits, B; at least the largest model, under FIFO once per executor.
    pub capacity_bytes: Bytes,
    /// Rate at which one model is loaded, B/s, above 0.
    pub load_bytes_per_s: BytesPerSecond,
}

/// The models that jobs may name, and the memory they share.
#[derive(Clone, Debug)]
pub(super) struct Models {
    capacity: f64,
    bytes: Vec<f64>,
    load_s: Vec<f64>,
}

impl Models {
    pub(super) fn new(memory: &ModelMemory, bytes: &[Bytes]) -> Self {
        let load_s = bytes.iter().map(|&bytes| (bytes / memory.load_bytes_per_s).0).collect();
        Self { capacity: memory.capacity_bytes.0, bytes: bytes.iter().map(|bytes| bytes.0).collect(), load_s }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// How long it takes to load this model, s.
    /// `docs/model.md`, equation 28.
    pub(super) fn load_s(&self, model: usize) -> f64 {
        self.load_s[model]
    }
}

/// One model's place in memory.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// When it is loaded, s; infinity: not resident.
    ready: f64,
    /// The end of its last use so far, s.
    used_until: f64,
}

const ABSENT: Place = Place { ready: f64::INFINITY, used_until: 0.0 };

/// Which models are resident: the state of a memory at one point of a schedule.
#[derive(Clone, Debug)]
pub(super) struct Residency {
    places: Vec<Place>,
}

impl Residency {
    /// An empty memory.
    pub(super) fn new(models: Option<&Models>) -> Self {
        Self { places: vec![ABSENT; models.map_or(0, Models::len)] }
    }

    pub(super) fn clear(&mut self) {
        self.places.fill(ABSENT);
    }

    pub(super) fn copy_from(&mut self, other: &Self) {
        self.places.clone_from(&other.places);
    }

    /// Whether each model is loaded at `now`.
    pub(super) fn at(&self, now: f64) -> impl Iterator<Item = bool> {
        self.places.iter().map(move |place| place.ready <= now)
    }

    pub(super) fn holds(&self, model: usize) -> bool {
        self.places[model].ready < f64::INFINITY
    }

    /// When this model, which is resident, is loaded, s.
    pub(super) fn ready(&self, model: usize) -> f64 {
        self.places[model].ready
    }

    /// Notes that this model is used until then.
    pub(super) fn use_until(&mut self, model: usize, end: f64) {
        let place = &mut self.places[model];
        place.used_until = place.used_until.max(end);
    }

    /// Takes a model in that is loaded at `ready`. Those not in use at `now` give way until it fits, the one first
    /// whose last use ended first; of several the first in the table. It is a bug of the caller if it does not fit then.
    ///
    /// Takes O(models) per model that gives way.
    /// `docs/model.md`, equation 29.
    pub(super) fn take_in(&mut self, models: &Models, model: usize, now: f64, ready: f64) {
        while self.held(models) + models.bytes[model] > models.capacity {
            let idle = self.places.iter_mut().filter(|place| place.ready < f64::INFINITY && place.used_until <= now);
            let oldest = idle.min_by(|a, b| a.used_until.total_cmp(&b.used_until));
            *oldest.expect("a memory holds the largest model beside those in use") = ABSENT;
        }
        self.places[model] = Place { ready, used_until: now };
    }

    /// Bytes held, summed anew so that no error adds up.
    fn held(&self, models: &Models) -> f64 {
        let held = self.places.iter().zip(&models.bytes).filter(|(place, _)| place.ready < f64::INFINITY);
        held.map(|(_, bytes)| bytes).sum()
    }
}
