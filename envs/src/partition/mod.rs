//! Cuts of layer graphs.
