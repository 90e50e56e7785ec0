//! [`Placement`]: where one task of a set runs.

/// Where a task runs: a target and a cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Placement {
    /// 0 for the task's own device, m for server m - 1 of the set.
    pub target: usize,
    /// Position in the task's frontier: the local one if and only if the target is 0.
    pub candidate: usize,
}
