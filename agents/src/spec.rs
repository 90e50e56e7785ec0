//! [`EnvSpec`]: what an agent has to know of an environment before it is built.

use mec_envs::gym::{ActionLayout, ActionSpace, Env, Part, Space};

/// The shape of an environment, as agents see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvSpec {
    /// Named blocks of a flat observation, in order.
    pub observation: Vec<Part>,
    /// What the codes of an action are.
    pub action: ActionLayout,
}

impl EnvSpec {
    /// The shape of `env`.
    pub fn of<E: Env>(env: &E) -> Self {
        Self { observation: env.observation_space().parts(), action: env.action_space().layout() }
    }

    /// Length of a flat observation.
    pub fn obs_dim(&self) -> usize {
        self.observation.iter().map(Part::len).sum()
    }

    /// The block `name` and the index of its first entry in a flat observation.
    pub fn part(&self, name: &str) -> Option<(usize, &Part)> {
        let mut offset = 0;
        for part in &self.observation {
            if part.name == name {
                return Some((offset, part));
            }
            offset += part.len();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mec_envs::gym::probe::{Probe, Rung};

    #[test]
    fn a_spec_tells_parts_and_heads() {
        let spec = EnvSpec::of(&Probe::multi_discrete(Rung::Match));
        assert_eq!((spec.obs_dim(), spec.action.choices(), spec.action.codes()), (1, 6, 2));
        let spec = EnvSpec {
            observation: vec![Part::new("global", &[2]), Part::new("options", &[3, 4])],
            action: ActionLayout { heads: vec![3], continuous: 0 },
        };
        assert_eq!(spec.part("options").map(|(offset, part)| (offset, part.len())), Some((2, 12)));
        assert_eq!(spec.part("prior"), None);
    }
}
