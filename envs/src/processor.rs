//! Processors: how long a layer takes where.
