//! A [`Rollout`] in a checkpoint.

use super::Rollout;
use crate::checkpoint_error::CheckpointError;
use crate::state::StateDict;
use crate::transition::Transitions;

/// Bits of an entry of `ends`.
const TERMINATED: u8 = 1;
const TRUNCATED: u8 = 2;

impl Rollout {
    /// Adds everything that it holds to `state`, under names that start with `prefix`.
    pub fn write(&self, prefix: &str, state: &mut StateDict) {
        let (rows, n) = (&self.rows, self.len());
        let choices = if rows.masks.is_empty() { 0 } else { self.choices };
        let flags = |flags: &[bool]| flags.iter().map(|&flag| u8::from(flag)).collect::<Vec<u8>>();
        let ends = rows.terminated.iter().zip(&rows.truncated);
        let ends = ends.map(|(&end, &cut)| (u8::from(end) * TERMINATED) | (u8::from(cut) * TRUNCATED)).collect();
        let mut put = |name: &str, width, column: &[f32]| {
            state.insert_array::<f32>(format!("{prefix}/{name}"), &[n, width], column.to_vec());
        };
        put("observations", self.obs_dim, &rows.observations);
        put("next_observations", self.obs_dim, &rows.next_observations);
        put("actions", self.codes, &rows.actions);
        put("rewards", 1, &rows.rewards);
        state.insert_value(format!("{prefix}/rows"), (n, choices));
        state.insert_array(format!("{prefix}/masks"), &[n, choices], flags(&rows.masks));
        state.insert_array(format!("{prefix}/next_masks"), &[n, choices], flags(&rows.next_masks));
        state.insert_array::<u8>(format!("{prefix}/ends"), &[n], ends);
        state.insert_array(format!("{prefix}/env"), &[n], rows.env.clone());
    }

    /// Replaces what it holds by what [`write`](Self::write) added to `state`.
    ///
    /// # Errors
    /// [`CheckpointError`] when something is missing or of another shape; the rollout is then unchanged.
    pub fn read(&mut self, prefix: &str, state: &StateDict) -> Result<(), CheckpointError> {
        let name = |part: &str| format!("{prefix}/{part}");
        let (n, choices): (usize, usize) = state.value(&name("rows"))?;
        if choices != 0 && choices != self.choices {
            let reason = format!("the environment has {} choices", self.choices);
            return Err(CheckpointError::Value { name: name("rows"), found: format!("{choices} choices"), reason });
        }
        let column = |part: &str, width: usize| state.array::<f32>(&name(part), &[n, width]).map(<[f32]>::to_vec);
        let bits = |part: &str, shape: &[usize], most: u8| {
            let entries = state.array::<u8>(&name(part), shape)?;
            match entries.iter().find(|&&entry| entry > most) {
                None => Ok(entries),
                Some(entry) => Err(CheckpointError::Value {
                    name: name(part),
                    found: entry.to_string(),
                    reason: format!("entries are 0 to {most}"),
                }),
            }
        };
        let flags = |part: &str| Ok(bits(part, &[n, choices], 1)?.iter().map(|&flag| flag == 1).collect::<Vec<bool>>());
        let ends = bits("ends", &[n], TERMINATED | TRUNCATED)?;
        let rows = Transitions {
            observations: column("observations", self.obs_dim)?,
            masks: flags("masks")?,
            actions: column("actions", self.codes)?,
            rewards: column("rewards", 1)?,
            next_observations: column("next_observations", self.obs_dim)?,
            next_masks: flags("next_masks")?,
            terminated: ends.iter().map(|end| end & TERMINATED != 0).collect(),
            truncated: ends.iter().map(|end| end & TRUNCATED != 0).collect(),
            env: state.array(&name("env"), &[n])?.to_vec(),
        };
        self.clear();
        self.extend(&rows);
        Ok(())
    }
}
