//! [`Stored`]: a replay in a checkpoint.

use serde::{Deserialize, Serialize};

use super::priorities::Priorities;
use super::steps::TERMINATED;
use super::{Ends, Past, Replay, Shape};
use crate::checkpoint_error::CheckpointError;
use crate::state::StateDict;

/// The counters of a replay; its columns are arrays beside them.
///
/// Ends are stored in the order of the transitions that link to them, so that equal contents have equal forms.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    capacity: u32,
    added: u64,
    masked: bool,
    /// Stream, and number of its newest transition if its episode goes on and that one is held.
    newest: Vec<(u32, u64)>,
}

/// More transitions than any run adds; beyond it, sums of their numbers could overflow.
const MOST_ADDED: u64 = 1 << 62;

impl Replay {
    /// Adds everything that it holds to `state`, under names that start with `prefix`.
    pub fn write(&self, prefix: &str, state: &mut StateDict) {
        let (rows, capacity) = (self.len(), self.shape.capacity);
        let slots = 0..u32::try_from(rows).expect("a replay holds at most 2^30 transitions");
        let mut ends = Vec::new();
        let mut links: Vec<u32> = slots.clone().map(|slot| self.steps.link(slot)).collect();
        for link in &mut links {
            if *link & !TERMINATED >= capacity {
                let order = u32::try_from(ends.len()).expect("every end belongs to a transition");
                ends.push(*link & !TERMINATED);
                *link = *link & TERMINATED | (capacity + order);
            }
        }
        let oldest = self.past.added - rows as u64;
        let newest = self.past.newest.iter().map(|(&env, &number)| (env, number));
        let newest = newest.filter(|&(_, number)| number >= oldest).collect();
        let stored = Stored { capacity, added: self.past.added, masked: self.past.masked, newest };
        state.insert_value(format!("{prefix}/ring"), stored);
        self.frames.write(prefix, slots.end, &ends, state);
        let rewards = slots.clone().map(|slot| self.steps.view().step(slot).1).collect();
        let actions = slots.flat_map(|slot| self.steps.view().actions(slot)).copied().collect();
        state.insert_array(format!("{prefix}/links"), &[rows], links);
        state.insert_array::<f32>(format!("{prefix}/rewards"), &[rows], rewards);
        state.insert_array::<f32>(format!("{prefix}/actions"), &[rows, self.shape.codes], actions);
        if let Some(priorities) = &self.priorities {
            priorities.write(prefix, rows, state);
        }
    }

    /// Replaces what it holds by what [`write`](Self::write) added to `state`; the same batches are drawn from both.
    ///
    /// # Errors
    /// [`CheckpointError`] when something is missing, does not have the shape and types of this replay, or does not
    /// fit together; the replay is then unchanged.
    pub fn read(&mut self, prefix: &str, state: &StateDict) -> Result<(), CheckpointError> {
        let Shape { capacity, codes, .. } = self.shape;
        let stored: Stored = state.value(&format!("{prefix}/ring"))?;
        let wrong = |reason: &str| CheckpointError::Value {
            name: format!("{prefix}/ring"),
            found: format!("{stored:?}"),
            reason: reason.to_owned(),
        };
        if stored.capacity != capacity {
            return Err(wrong(&format!("the capacity of this replay is {capacity}")));
        }
        if stored.added > MOST_ADDED {
            return Err(wrong("no run adds so many transitions"));
        }
        let rows = stored.added.min(u64::from(capacity)) as usize;
        let links = state.array::<u32>(&format!("{prefix}/links"), &[rows])?;
        let ring = Ring { capacity, added: stored.added, links };
        let ends = ring.count_ends(&format!("{prefix}/links"))?;
        ring.check_newest(&stored.newest).map_err(|reason| wrong(&reason))?;
        let actions = state.array::<f32>(&format!("{prefix}/actions"), &[rows, codes])?;
        let rewards = state.array::<f32>(&format!("{prefix}/rewards"), &[rows])?;
        if self.priorities.is_none() && state.arrays().contains_key(&format!("{prefix}/priorities")) {
            return Err(wrong("it has priorities, and this replay draws without"));
        }
        let priorities = self.priorities.as_ref().map(|_| Priorities::stored(prefix, rows, state)).transpose()?;
        let frames = self.frames.stored(prefix, (rows, ends as usize), state)?;

        self.frames.set(frames, capacity);
        for (slot, (&link, &reward)) in (0..).zip(links.iter().zip(rewards)) {
            let row = slot as usize * codes;
            self.steps.put(slot, link, reward, &actions[row..row + codes]);
        }
        if let (Some(own), Some(priorities)) = (&mut self.priorities, priorities) {
            own.set(priorities);
        }
        self.ends = Ends { used: ends, free: Vec::new() };
        self.past = Past { added: stored.added, newest: stored.newest.into_iter().collect(), masked: stored.masked };
        Ok(())
    }
}

/// The links of a stored ring, to be checked.
struct Ring<'a> {
    capacity: u32,
    added: u64,
    links: &'a [u32],
}

impl Ring<'_> {
    /// The number of the transition in a slot of the ring.
    fn number(&self, slot: u32) -> u64 {
        let capacity = u64::from(self.capacity);
        let oldest = self.added - self.links.len() as u64;
        oldest + (u64::from(slot) + capacity - oldest % capacity) % capacity
    }

    /// The number of ends, if every link leads to a younger transition that no other one leads to, or to the end that
    /// is next in order.
    fn count_ends(&self, name: &str) -> Result<u32, CheckpointError> {
        let mut ends = 0;
        let mut followed = vec![false; self.links.len()];
        for (slot, &link) in (0..).zip(self.links) {
            let target = link & !TERMINATED;
            let valid = if target >= self.capacity {
                ends += 1;
                target == self.capacity + ends - 1
            } else {
                link == target
                    && (target as usize) < self.links.len()
                    && self.number(target) > self.number(slot)
                    && !std::mem::replace(&mut followed[target as usize], true)
            };
            if !valid {
                return Err(CheckpointError::Value {
                    name: name.to_owned(),
                    found: format!("{link} in slot {slot}"),
                    reason: "a link leads to a younger transition, or to the next end".to_owned(),
                });
            }
        }
        Ok(ends)
    }

    /// Whether the newest transitions of the streams are held, differ, and are followed by none.
    fn check_newest(&self, newest: &[(u32, u64)]) -> Result<(), String> {
        let mut numbers: Vec<u64> = newest.iter().map(|&(_, number)| number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let sorted = newest.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if !sorted || numbers.len() < newest.len() {
            return Err("every stream has one newest transition, of its own".to_owned());
        }
        let oldest = self.added - self.links.len() as u64;
        for number in numbers {
            let slot = (number % u64::from(self.capacity)) as usize;
            let held = (oldest..self.added).contains(&number);
            let link = if held { self.links[slot] } else { 0 };
            if !held || link & TERMINATED != 0 || link < self.capacity {
                return Err(format!("transition {number} is not the newest one of a stream that goes on"));
            }
        }
        Ok(())
    }
}
