//! [`Rollout`]: the memory of on-policy methods, in order, used once.

mod advantage;
mod stored;

pub use advantage::{Returns, advantages};

use std::collections::BTreeMap;

use crate::spec::EnvSpec;
use crate::transition::Transitions;

/// Transitions of several streams, as they came: those of one stream in their order.
#[derive(Clone, Debug)]
pub struct Rollout {
    obs_dim: usize,
    choices: usize,
    codes: usize,
    rows: Transitions,
    /// Rows whose episode has ended.
    finished: usize,
    /// Rows per stream whose episode goes on.
    open: BTreeMap<u32, usize>,
}

impl Rollout {
    /// An empty rollout for environments of this shape.
    pub fn new(spec: &EnvSpec) -> Self {
        Self {
            obs_dim: spec.obs_dim(),
            choices: spec.action.choices(),
            codes: spec.action.codes(),
            rows: Transitions::default(),
            finished: 0,
            open: BTreeMap::new(),
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Rows of episodes that have ended.
    pub fn finished_len(&self) -> usize {
        self.finished
    }

    /// Adds rows. Rows of one stream must come in their order.
    ///
    /// # Panics
    /// When the columns do not have the shape of the environment.
    pub fn extend(&mut self, new: &Transitions) {
        let n = new.len();
        assert_eq!(new.observations.len(), n * self.obs_dim, "observations must be [n, {}]", self.obs_dim);
        assert_eq!(new.next_observations.len(), n * self.obs_dim, "next observations must be [n, {}]", self.obs_dim);
        assert_eq!(new.actions.len(), n * self.codes, "actions must be [n, {}]", self.codes);
        for row in 0..n {
            self.push(new, row);
        }
    }

    fn push(&mut self, from: &Transitions, row: usize) {
        append(&mut self.rows, from, row, (self.obs_dim, self.choices, self.codes));
        let of_episode = self.open.remove(&from.env[row]).unwrap_or(0) + 1;
        if from.terminated[row] || from.truncated[row] {
            self.finished += of_episode;
        } else {
            self.open.insert(from.env[row], of_episode);
        }
    }

    /// Hands all rows over and is empty then.
    pub fn take(&mut self) -> Transitions {
        self.clear_counts();
        std::mem::take(&mut self.rows)
    }

    /// Hands the rows of episodes that have ended over and keeps the others.
    pub fn take_finished(&mut self) -> Transitions {
        let all = self.take();
        let ended = ended(&all);
        let mut taken = Transitions::default();
        for (row, &ended) in ended.iter().enumerate() {
            if ended {
                append(&mut taken, &all, row, (self.obs_dim, self.choices, self.codes));
            } else {
                self.push(&all, row);
            }
        }
        taken
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.clear_counts();
    }

    fn clear_counts(&mut self) {
        self.finished = 0;
        self.open.clear();
    }
}

/// The row that follows each one in its episode; `None` at the end of an episode, and where no later row is known.
pub fn followers(rows: &Transitions) -> Vec<Option<usize>> {
    let mut latest: BTreeMap<u32, usize> = BTreeMap::new();
    let mut followers = vec![None; rows.len()];
    for row in (0..rows.len()).rev() {
        let later = latest.insert(rows.env[row], row);
        followers[row] = later.filter(|_| !rows.terminated[row] && !rows.truncated[row]);
    }
    followers
}

/// Whether the end of each row's episode is among the rows.
fn ended(rows: &Transitions) -> Vec<bool> {
    let followers = followers(rows);
    let mut ended = vec![false; rows.len()];
    for row in (0..rows.len()).rev() {
        ended[row] = rows.terminated[row] || rows.truncated[row] || followers[row].is_some_and(|later| ended[later]);
    }
    ended
}

fn append(to: &mut Transitions, from: &Transitions, row: usize, (dim, choices, codes): (usize, usize, usize)) {
    to.observations.extend_from_slice(&from.observations[row * dim..(row + 1) * dim]);
    to.next_observations.extend_from_slice(&from.next_observations[row * dim..(row + 1) * dim]);
    if !from.masks.is_empty() {
        to.masks.extend_from_slice(&from.masks[row * choices..(row + 1) * choices]);
        to.next_masks.extend_from_slice(&from.next_masks[row * choices..(row + 1) * choices]);
    }
    to.actions.extend_from_slice(&from.actions[row * codes..(row + 1) * codes]);
    to.rewards.push(from.rewards[row]);
    to.terminated.push(from.terminated[row]);
    to.truncated.push(from.truncated[row]);
    to.env.push(from.env[row]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use mec_envs::gym::{ActionLayout, Part};

    fn rollout() -> Rollout {
        let action = ActionLayout { heads: vec![2], continuous: 0 };
        Rollout::new(&EnvSpec { observation: vec![Part::new("observation", &[1])], action })
    }

    /// Rows of these streams; the reward is the row, and the episode terminates where `ends` holds the row.
    fn rows(env: &[u32], ends: &[usize]) -> Transitions {
        let n = env.len();
        Transitions {
            observations: vec![0.0; n],
            next_observations: vec![0.0; n],
            actions: vec![0.0; n],
            rewards: (0..n).map(|row| row as f32).collect(),
            terminated: (0..n).map(|row| ends.contains(&row)).collect(),
            truncated: vec![false; n],
            env: env.to_vec(),
            ..Transitions::default()
        }
    }

    #[test]
    fn a_row_is_followed_by_the_next_one_of_its_stream_unless_its_episode_ends() {
        let found = followers(&rows(&[0, 1, 0, 1, 0], &[2]));
        assert_eq!(found, [Some(2), Some(3), None, None, None]);
    }

    #[test]
    fn whole_episodes_leave_and_the_others_stay_until_they_end() {
        let mut rollout = rollout();
        rollout.extend(&rows(&[0, 1, 0, 1, 0], &[2]));
        assert_eq!((rollout.len(), rollout.finished_len()), (5, 2));
        assert_eq!(rollout.take_finished().rewards, [0.0, 2.0]);
        assert_eq!((rollout.len(), rollout.finished_len()), (3, 0));
        rollout.extend(&rows(&[1], &[0]));
        assert_eq!(rollout.take_finished().rewards, [1.0, 3.0, 0.0]);
        assert_eq!(rollout.take().rewards, [4.0]);
        assert!(rollout.is_empty());
    }

    #[test]
    fn a_stored_rollout_is_read_back_and_a_broken_one_is_refused() {
        use crate::state::StateDict;
        let mut first = rollout();
        first.extend(&rows(&[0, 1, 0, 1, 0], &[2]));
        let mut state = StateDict::new("test");
        first.write("memory/rollout", &mut state);
        let mut second = rollout();
        second.read("memory/rollout", &state).unwrap();
        assert_eq!((&second.rows, second.finished), (&first.rows, 2));
        state.insert_array("memory/rollout/ends", &[5], vec![0_u8, 0, 9, 0, 0]);
        let error = second.read("memory/rollout", &state).unwrap_err().to_string();
        assert!(error.contains("memory/rollout/ends"), "{error}");
        assert_eq!(second.rows, first.rows);
    }
}
