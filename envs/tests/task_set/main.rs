//! Sets of concurrent tasks against the definition of a cut's cost, an event loop, the simulator and brute force.

mod event_loop;
mod gap;
mod instances;
mod optimum;
mod table;
mod timeline;
mod validation;
