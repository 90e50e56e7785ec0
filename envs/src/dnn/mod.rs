//! Layer graphs of real networks.
