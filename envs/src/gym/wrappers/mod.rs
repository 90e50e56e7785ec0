//! Wrappers: environments that change what another one sees, pays or takes.

mod time_limit;

pub use time_limit::TimeLimit;
