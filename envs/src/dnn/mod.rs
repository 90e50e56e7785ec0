//! Layer graphs of real networks.
//!
//! A [`Layer`] says what one operator of a network costs, a [`LayerGraph`] how the layers feed each other, a
//! [`Profile`] is the graph on disk, and [`zoo`] holds the profiles that ship with the crate.

mod layer;
pub use layer::{Layer, LayerKind};

mod graph;
pub use graph::{GraphError, INPUT, LayerGraph, Node};

mod profile;
pub use profile::{Profile, ProfileError, ProfileLayer};

pub mod zoo;
