//! The physical system: arrivals, links, devices and servers, event by event and without slot averages.
//!
//! Times inside are plain `f64` seconds since the start of the episode; what a user configures carries units.

pub mod arrival;
pub mod device;
pub mod link;
pub mod server;
