//! [`Discipline`]: how jobs share the executors of a server.

use serde::{Deserialize, Serialize};

/// How the jobs at a server share its c executors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Discipline {
    /// First come, first served: in the order of their arrival, each job takes the executor that is free first.
    #[default]
    Fifo,
    /// All at once, in equal shares: each of n jobs is served at rate min(1, c / n).
    ProcessorSharing,
}
