//! [`Transitions`]: experience on its way from actors to a learner.

use mec_envs::gym::ActionLayout;
use thiserror::Error;

use crate::spec::EnvSpec;

/// A run of transitions, stored in columns.
///
/// Row i is (s, a, r, s'), with the masks of s and s'. After an episode's end, `next_observations` holds the true
/// last observation and the next row starts from the first one of the next episode.
///
/// # Design
/// `terminated` and `truncated` are kept apart: only `terminated` means that no future reward exists. A method that
/// cuts its bootstrap at `truncated` learns wrong values (Pardo et al. 2018, arXiv:1712.00378).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transitions {
    /// `[n, obs_dim]`.
    pub observations: Vec<f32>,
    /// Which choices were open in s, `[n, choices]`; empty when the environment has no masks.
    pub masks: Vec<bool>,
    /// `[n, codes]`: the index per categorical head, then the continuous entries in [-1, 1].
    pub actions: Vec<f32>,
    /// `[n]`.
    pub rewards: Vec<f32>,
    /// `[n, obs_dim]`.
    pub next_observations: Vec<f32>,
    /// Which choices are open in s', `[n, choices]`; empty when the environment has no masks.
    pub next_masks: Vec<bool>,
    /// The process ended at s', `[n]`.
    pub terminated: Vec<bool>,
    /// The episode was cut short at s', `[n]`.
    pub truncated: Vec<bool>,
    /// Which environment stream each row is from, `[n]`. A stream whose environment was replaced in the middle of an
    /// episode goes on under a new number, so that rows of one number always follow from each other.
    pub env: Vec<u32>,
}

impl Transitions {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rewards.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rewards.is_empty()
    }

    /// Removes all rows and keeps the memory.
    pub fn clear(&mut self) {
        self.observations.clear();
        self.masks.clear();
        self.actions.clear();
        self.rewards.clear();
        self.next_observations.clear();
        self.next_masks.clear();
        self.terminated.clear();
        self.truncated.clear();
        self.env.clear();
    }

    /// Refuses what no environment of this shape gives: columns of another length, numbers that are infinite or NaN, and
    /// choices that no head has or that the masks close. Continuous entries beyond [-1, 1] pass, because environments
    /// clamp them. Costs O(entries).
    ///
    /// # Errors
    /// [`TransitionError`] with the first such place.
    ///
    /// # Design
    /// Actors give nothing else, and say what is wrong with an environment where it happens
    /// ([`ActorError`](crate::actor::ActorError)); so runtimes do not check. This is for rows from elsewhere: another
    /// machine, a file, a simulator that is no [`Env`](mec_envs::gym::Env).
    pub fn check(&self, spec: &EnvSpec) -> Result<(), TransitionError> {
        self.check_lengths(spec)?;
        let finite = [
            ("observations", &self.observations, spec.obs_dim()),
            ("next_observations", &self.next_observations, spec.obs_dim()),
            ("rewards", &self.rewards, 1),
        ];
        for (column, entries, width) in finite {
            if let Some(at) = entries.iter().position(|entry| !entry.is_finite()) {
                return Err(TransitionError::number(column, (at / width, at % width), entries[at], "a finite number"));
            }
        }
        (0..self.len()).try_for_each(|row| self.check_action(row, &spec.action))
    }

    fn check_lengths(&self, spec: &EnvSpec) -> Result<(), TransitionError> {
        let (rows, dim, choices) = (self.len(), spec.obs_dim(), spec.action.choices());
        // Without masks, both columns of them are empty.
        let masked = if self.masks.is_empty() { 0 } else { choices };
        let columns = [
            ("observations", self.observations.len(), dim),
            ("masks", self.masks.len(), masked),
            ("actions", self.actions.len(), spec.action.codes()),
            ("next_observations", self.next_observations.len(), dim),
            ("next_masks", self.next_masks.len(), masked),
            ("terminated", self.terminated.len(), 1),
            ("truncated", self.truncated.len(), 1),
            ("env", self.env.len(), 1),
        ];
        match columns.into_iter().find(|&(_, found, width)| found != rows * width) {
            Some((column, found, width)) => Err(TransitionError::Length { column, found, rows, width }),
            None => Ok(()),
        }
    }

    fn check_action(&self, row: usize, layout: &ActionLayout) -> Result<(), TransitionError> {
        let codes = &self.actions[row * layout.codes()..][..layout.codes()];
        let refuse = |entry, accepted: &str| TransitionError::number("actions", (row, entry), codes[entry], accepted);
        let mut first = row * layout.choices();
        for (head, &choices) in layout.heads.iter().enumerate() {
            let code = codes[head];
            if code.fract() != 0.0 || !(0.0..choices as f32).contains(&code) {
                return Err(refuse(head, &format!("a whole number below {choices}")));
            }
            if !self.masks.is_empty() && !self.masks[first + code as usize] {
                return Err(refuse(head, "a choice that the masks of its row leave open"));
            }
            first += choices;
        }
        match codes[layout.heads.len()..].iter().position(|entry| !entry.is_finite()) {
            Some(entry) => Err(refuse(layout.heads.len() + entry, "a finite number")),
            None => Ok(()),
        }
    }
}

/// Transitions that no environment of the shape at hand gives.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TransitionError {
    /// A column does not fit the number of rewards, which is that of the rows.
    #[error("{column} has {found} entries; accepted is {}, {width} for each of {rows} rewards", rows * width)]
    Length {
        /// The column.
        column: &'static str,
        /// Its length.
        found: usize,
        /// How many rows there are.
        rows: usize,
        /// How many entries a row has in it.
        width: usize,
    },
    /// A number that cannot be.
    #[error("{column}, row {row}, entry {entry}: {found}; accepted is {accepted}")]
    Number {
        /// The column.
        column: &'static str,
        /// The row.
        row: usize,
        /// Which entry of the row.
        entry: usize,
        /// What it is.
        found: String,
        /// What is accepted.
        accepted: String,
    },
}

impl TransitionError {
    fn number(column: &'static str, (row, entry): (usize, usize), found: f32, accepted: &str) -> Self {
        Self::Number { column, row, entry, found: found.to_string(), accepted: accepted.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use mec_envs::gym::Part;

    use super::*;

    /// Observations of two entries, heads of three and two choices, one continuous entry.
    fn spec() -> EnvSpec {
        let action = ActionLayout { heads: vec![3, 2], continuous: 1 };
        EnvSpec { observation: vec![Part::new("", &[2])], action }
    }

    fn two_rows() -> Transitions {
        Transitions {
            observations: vec![1.0, 2.0, 3.0, 4.0],
            masks: [[true, false, true, true, true], [true, true, false, false, true]].concat(),
            actions: vec![2.0, 0.0, -1.0, 1.0, 1.0, 0.5],
            rewards: vec![0.0, f32::MAX],
            next_observations: vec![3.0, 4.0, 5.0, 6.0],
            next_masks: vec![true; 10],
            terminated: vec![false, true],
            truncated: vec![false; 2],
            env: vec![7; 2],
        }
    }

    fn refusal(change: impl Fn(&mut Transitions)) -> String {
        let mut rows = two_rows();
        change(&mut rows);
        rows.check(&spec()).unwrap_err().to_string()
    }

    #[test]
    fn rows_of_the_right_form_pass_with_masks_and_without() {
        two_rows().check(&spec()).unwrap();
        two_rows().check(&EnvSpec { observation: vec![Part::new("a", &[1, 2])], ..spec() }).unwrap();
        Transitions { masks: vec![], next_masks: vec![], ..two_rows() }.check(&spec()).unwrap();
        Transitions { actions: vec![2.0, 0.0, -3.0, 1.0, 1.0, 1e9], ..two_rows() }.check(&spec()).unwrap();
        Transitions::default().check(&spec()).unwrap();
    }

    #[test]
    fn a_column_of_another_length_is_named_with_the_length_that_it_should_have() {
        assert_eq!(
            refusal(|rows| rows.observations.truncate(3)),
            "observations has 3 entries; accepted is 4, 2 for each of 2 rewards"
        );
        assert_eq!(
            refusal(|rows| rows.actions.push(0.0)),
            "actions has 7 entries; accepted is 6, 3 for each of 2 rewards"
        );
        assert_eq!(
            refusal(|rows| rows.next_observations.clear()),
            "next_observations has 0 entries; accepted is 4, 2 for each of 2 rewards"
        );
        let flags = "accepted is 2, 1 for each of 2 rewards";
        assert_eq!(refusal(|rows| rows.terminated.push(true)), format!("terminated has 3 entries; {flags}"));
        assert_eq!(refusal(|rows| rows.truncated.truncate(1)), format!("truncated has 1 entries; {flags}"));
        assert_eq!(refusal(|rows| rows.env.clear()), format!("env has 0 entries; {flags}"));
        let masks = "accepted is 10, 5 for each of 2 rewards";
        assert_eq!(refusal(|rows| rows.masks.truncate(9)), format!("masks has 9 entries; {masks}"));
        assert_eq!(refusal(|rows| rows.next_masks.clear()), format!("next_masks has 0 entries; {masks}"));
        assert_eq!(
            refusal(|rows| rows.masks.clear()),
            "next_masks has 10 entries; accepted is 0, 0 for each of 2 rewards"
        );
    }

    #[test]
    fn a_number_that_cannot_be_is_named_with_its_place() {
        assert_eq!(
            refusal(|rows| rows.observations[3] = f32::NAN),
            "observations, row 1, entry 1: NaN; accepted is a finite number"
        );
        assert_eq!(
            refusal(|rows| rows.next_observations[0] = f32::NEG_INFINITY),
            "next_observations, row 0, entry 0: -inf; accepted is a finite number"
        );
        assert_eq!(
            refusal(|rows| rows.rewards[1] = f32::INFINITY),
            "rewards, row 1, entry 0: inf; accepted is a finite number"
        );
        assert_eq!(
            refusal(|rows| rows.actions[5] = f32::NAN),
            "actions, row 1, entry 2: NaN; accepted is a finite number"
        );
    }

    #[test]
    fn a_choice_that_its_head_does_not_have_or_that_is_closed_is_refused() {
        for (code, shown) in [(3.0, "3"), (-1.0, "-1"), (0.5, "0.5"), (f32::NAN, "NaN"), (f32::INFINITY, "inf")] {
            assert_eq!(
                refusal(|rows| rows.actions[0] = code),
                format!("actions, row 0, entry 0: {shown}; accepted is a whole number below 3")
            );
        }
        let closed = "accepted is a choice that the masks of its row leave open";
        assert_eq!(refusal(|rows| rows.actions[0] = 1.0), format!("actions, row 0, entry 0: 1; {closed}"));
        // Closed in the second head of the second row, whose flags begin at the eighth.
        assert_eq!(refusal(|rows| rows.actions[4] = 0.0), format!("actions, row 1, entry 1: 0; {closed}"));
        let open = Transitions { masks: vec![], next_masks: vec![], ..two_rows() };
        Transitions { actions: vec![1.0, 0.0, 0.0, 2.0, 0.0, 0.0], ..open }.check(&spec()).unwrap();
    }
}
