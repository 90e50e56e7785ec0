//! [`Replay`]: the last transitions, in host memory, each observation once.

mod batch;
mod column;
mod config;
mod frames;
mod priorities;
mod steps;
mod stored;
mod sum_tree;

use std::collections::BTreeMap;
use std::io;

use mec_envs::rng::Prng;
use rand::RngExt;

pub use self::batch::Batch;
pub use self::config::{MAX_CAPACITY, PriorityConfig, ReplayConfig, Storage};
use self::frames::Frames;
use self::priorities::Priorities;
use self::steps::{StepRows, Steps, TERMINATED};
use crate::agent::ConfigError;
use crate::spec::EnvSpec;
use crate::transition::Transitions;

/// Rows of a batch that are asked for together, in time to arrive before they are copied.
const BLOCK: usize = 12;

/// The last `capacity` transitions of any number of interleaved streams, drawn uniformly or by priority.
///
/// # Design
/// Flat columns, each in a map of memory. A transition has a slot of the ring, with its observation, and a link to the
/// slot of s'. That is the ring's slot of the next transition of its stream, or, when it is the newest one or its
/// episode ended, a slot beside the ring (an *end*), which holds s' alone and is free again as soon as the next
/// transition comes or the last one goes. Successors are younger than what links to them and the ring drops the oldest
/// first, so no link ever leads to a row that was overwritten. Whether s' is the next row's s is looked at, not
/// assumed: where rows of a stream are missing, or a wrapper changed one of the two, s' is kept as after an end.
///
/// For one stream of long episodes this is half of what (s, a, r, s') takes: a million transitions of the default
/// scenario (123 entries, one action of five choices) take 508 bytes each, the four of the link and the four of the mask
/// included, where s, a, r and a flag in `f32` are 504; 260 with [`Storage::F16`]. An end takes 496 bytes (248), once
/// per stream and per episode; with priorities, 16 bytes more per transition.
///
/// A batch is gathered on the host and uploaded in a few pieces: a tensor operation per transition, or a buffer on the
/// device, costs more than the whole update. What is drawn lies anywhere in memory, so while some rows are copied the
/// next ones are under way.
#[derive(Debug)]
pub struct Replay {
    config: ReplayConfig,
    shape: Shape,
    frames: Frames,
    steps: Steps,
    ends: Ends,
    priorities: Option<Priorities>,
    past: Past,
    /// Where s' lies of each row of the batch that is being gathered.
    next_slots: Vec<u32>,
}

/// Widths of the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    /// At most [`MAX_CAPACITY`], so that 31 bits name all rows and all ends.
    capacity: u32,
    dim: usize,
    choices: usize,
    codes: usize,
}

/// What came before.
#[derive(Clone, Debug, Default, PartialEq)]
struct Past {
    /// Transitions taken in. Number i lies in slot i modulo the capacity.
    added: u64,
    /// The number of the newest transition of each stream whose episode goes on.
    newest: BTreeMap<u32, u64>,
    /// Whether masks came with any of them.
    masked: bool,
}

/// The slots beside the ring: those below `used` that are not free hold something.
#[derive(Clone, Debug, Default)]
struct Ends {
    used: u32,
    free: Vec<u32>,
}

impl Ends {
    /// A free slot, the one that was given back last if there is one.
    fn take(&mut self, capacity: u32) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.used += 1;
            capacity + self.used - 1
        })
    }
}

impl Replay {
    /// An empty replay for environments of this shape. Memory is taken as it fills.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] for a value out of range, and for a capacity that the system has no memory for.
    pub fn new(config: &ReplayConfig, spec: &EnvSpec) -> Result<Self, ConfigError> {
        config.validate()?;
        let shape = Shape {
            capacity: u32::try_from(config.capacity).expect("validated"),
            dim: spec.obs_dim(),
            choices: spec.action.choices(),
            codes: spec.action.codes(),
        };
        Self::map(config, shape).map_err(|error| ConfigError::OutOfRange {
            field: "buffer_capacity",
            found: format!("{} transitions with {} entries per observation ({error})", shape.capacity, shape.dim),
            accepted: "what the system has memory for",
        })
    }

    fn map(config: &ReplayConfig, shape: Shape) -> io::Result<Self> {
        let capacity = config.capacity;
        Ok(Self {
            config: *config,
            shape,
            frames: Frames::new(capacity, shape.dim, shape.choices, config.storage)?,
            steps: Steps::new(capacity, shape.codes)?,
            ends: Ends::default(),
            priorities: config.priority.map(|priority| Priorities::new(priority, capacity)).transpose()?,
            past: Past::default(),
            next_slots: Vec::new(),
        })
    }

    /// Number of transitions held.
    pub fn len(&self) -> usize {
        self.past.added.min(u64::from(self.shape.capacity)) as usize
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.past.added == 0
    }

    /// Bytes of what it holds, to which the system adds what is left of the last page of each column.
    pub fn content_bytes(&self) -> usize {
        let frame = self.frames.bytes();
        let priorities = if self.priorities.is_some() { Priorities::bytes(self.len()) } else { 0 };
        self.len() * (frame + self.steps.bytes()) + self.ends.used as usize * frame + priorities
    }

    /// Forgets everything; memory that was taken is kept for what comes.
    pub fn clear(&mut self) {
        self.past = Past::default();
        self.ends = Ends::default();
        if let Some(priorities) = &mut self.priorities {
            priorities.clear();
        }
    }

    /// Adds transitions; the oldest ones make room. Rows of one stream must come in their order.
    ///
    /// # Panics
    /// When the columns do not have the shape of the environment.
    pub fn extend(&mut self, new: &Transitions) {
        self.assert_shape(new);
        self.past.masked |= !new.masks.is_empty();
        for row in 0..new.len() {
            self.push(new, row);
        }
    }

    fn assert_shape(&self, new: &Transitions) {
        let (n, Shape { dim, choices, codes, .. }) = (new.len(), self.shape);
        for observations in [&new.observations, &new.next_observations] {
            assert_eq!(observations.len(), n * dim, "observations must be [n, {dim}]");
        }
        assert_eq!(new.actions.len(), n * codes, "actions must be [n, {codes}]");
        assert_eq!(new.masks.len(), new.next_masks.len(), "there must be as many next masks as masks");
        assert!(new.masks.is_empty() || new.masks.len() == n * choices, "masks must be [n, {choices}] or empty");
        let flags = [new.terminated.len(), new.truncated.len(), new.env.len()];
        assert_eq!(flags, [n; 3], "terminated, truncated and env must be [n]");
    }

    fn push(&mut self, new: &Transitions, row: usize) {
        let Shape { capacity, dim, choices, codes } = self.shape;
        let number = self.past.added;
        let slot = self.slot_of(number);
        if number >= u64::from(capacity) {
            self.evict(slot);
        }
        let mask = |masks| (!new.masks.is_empty()).then(|| row_of(masks, row, choices));
        self.frames.put(slot, row_of(&new.observations, row, dim), mask(&new.masks));
        self.link(new.env[row], slot);
        let end = self.ends.take(capacity);
        self.frames.put(end, row_of(&new.next_observations, row, dim), mask(&new.next_masks));
        let link = if new.terminated[row] { end | TERMINATED } else { end };
        self.steps.put(slot, link, new.rewards[row], row_of(&new.actions, row, codes));
        if new.terminated[row] || new.truncated[row] {
            self.past.newest.remove(&new.env[row]);
        } else {
            self.past.newest.insert(new.env[row], number);
        }
        if let Some(priorities) = &mut self.priorities {
            priorities.insert(slot);
        }
        self.past.added += 1;
    }

    fn slot_of(&self, number: u64) -> u32 {
        (number % u64::from(self.shape.capacity)) as u32
    }

    /// Gives the end of a row back that is about to be overwritten.
    fn evict(&mut self, slot: u32) {
        let end = self.steps.link(slot) & !TERMINATED;
        if end >= self.shape.capacity {
            self.ends.free.push(end);
        }
    }

    /// Links the newest transition of stream `env` to the one that came into `slot`, if it is still there and its s'
    /// is what that one starts from.
    fn link(&mut self, env: u32, slot: u32) {
        let Some(&before) = self.past.newest.get(&env) else { return };
        if before + u64::from(self.shape.capacity) <= self.past.added {
            return;
        }
        let before = self.slot_of(before);
        let end = self.steps.link(before);
        if self.frames.equal(end, slot) {
            self.steps.set_link(before, slot);
            self.ends.free.push(end);
        }
    }

    /// Draws `size` transitions with replacement into `batch`, which gets those and no others, and whose memory is
    /// reused: uniformly, or by priority with weights of exponent `beta`, in [0, 1], which nothing else depends on.
    ///
    /// R = r_0 + gamma r_1 + ... + gamma^(k-1) r_(k-1), s' is the state after k steps and the discount gamma^k: the
    /// n-step return of Hessel et al. 2018 (Rainbow, arXiv:1710.02298, section 2), with n = 1 the transition of Mnih et
    /// al. 2015. k is `n_step`, or less where the stream does not go on: at a termination, where the discount is 0; at
    /// a truncation, whose true last state is s' (Pardo et al. 2018, arXiv:1712.00378); and at the newest transition.
    ///
    /// # Deviations
    /// Rainbow waits until n steps are known and leaves the newest transitions of every stream out until then.
    ///
    /// # Panics
    /// When the replay is empty.
    pub fn sample(&mut self, size: usize, beta: f64, rng: &mut Prng, batch: &mut Batch) {
        assert!(!self.is_empty(), "an empty replay has nothing to draw");
        let choices = if self.past.masked { self.shape.choices } else { 0 };
        batch.resize(size, (self.shape.dim, choices, self.shape.codes));
        match &self.priorities {
            Some(priorities) => {
                priorities.draw(rng, &mut batch.slots);
                priorities.weigh(beta, &batch.slots, &mut batch.weights);
            }
            None => {
                let len = u32::try_from(self.len()).expect("a replay holds at most 2^30 transitions");
                for slot in &mut batch.slots {
                    *slot = rng.random_range(0..len);
                }
                batch.weights.fill(1.0);
            }
        }
        self.gather(batch);
    }

    /// Fills the columns of a batch whose slots are drawn.
    fn gather(&mut self, batch: &mut Batch) {
        let mut next_slots = std::mem::take(&mut self.next_slots);
        next_slots.resize(batch.slots.len(), 0);
        let (codes, len, steps) = (self.shape.codes, batch.slots.len(), self.steps.view());
        self.prefetch(&batch.slots[..BLOCK.min(len)]);
        for start in (0..len).step_by(BLOCK) {
            let block = start..(start + BLOCK).min(len);
            for row in block.clone() {
                let slot = batch.slots[row];
                (batch.rewards[row], batch.discounts[row], next_slots[row]) = self.walk(steps, slot);
                batch.actions[row * codes..(row + 1) * codes].copy_from_slice(steps.actions(slot));
            }
            self.frames.prefetch(&next_slots[block.clone()]);
            self.prefetch(&batch.slots[block.end..(block.end + BLOCK).min(len)]);
            let Batch { slots, observations, masks, next_observations, next_masks, .. } = &mut *batch;
            self.copy(&slots[block.clone()], start, (observations, masks));
            self.copy(&next_slots[block], start, (next_observations, next_masks));
        }
        self.next_slots = next_slots;
    }

    /// Copies these slots to the rows of a batch from `start` on.
    fn copy(&self, slots: &[u32], start: usize, (observations, masks): (&mut [f32], &mut [bool])) {
        let choices = if masks.is_empty() { 0 } else { self.shape.choices };
        let rows = |width: usize| start * width..(start + slots.len()) * width;
        self.frames.gather(slots, &mut observations[rows(self.shape.dim)], &mut masks[rows(choices)]);
    }

    /// Asks for transitions that will be read soon.
    fn prefetch(&self, slots: &[u32]) {
        let steps = self.steps.view();
        slots.iter().for_each(|&slot| steps.prefetch(slot));
        self.frames.prefetch(slots);
    }

    /// R, the discount of what follows, and the slot of s'.
    fn walk(&self, steps: StepRows<'_>, mut slot: u32) -> (f32, f32, u32) {
        let (mut total, mut discount) = (0.0, 1.0);
        for step in 1.. {
            let (link, reward) = steps.step(slot);
            total += discount * f64::from(reward);
            discount *= self.config.gamma;
            if link & TERMINATED != 0 {
                return (total as f32, 0.0, link & !TERMINATED);
            }
            slot = link;
            if link >= self.shape.capacity || step == self.config.n_step {
                break;
            }
        }
        (total as f32, discount as f32, slot)
    }

    /// Tells how wrong the estimates of drawn transitions were; an error that is not a number counts as the largest
    /// one so far. Does nothing without priorities.
    ///
    /// # Panics
    /// When there are more or fewer errors than slots, or a slot holds no transition.
    pub fn update_priorities(&mut self, slots: &[u32], errors: &[f32]) {
        assert_eq!(slots.len(), errors.len(), "every slot needs one error");
        let len = self.len();
        if let Some(priorities) = &mut self.priorities {
            for (&slot, &error) in slots.iter().zip(errors) {
                assert!((slot as usize) < len, "slot {slot} holds no transition");
                priorities.update(slot, error);
            }
        }
    }
}

fn row_of<T>(column: &[T], row: usize, width: usize) -> &[T] {
    &column[row * width..(row + 1) * width]
}
