//! Experiments of mec-gym: what a run writes, what is computed from it, and how it is shown.
//!
//! The modules stand in data-flow order and import only earlier ones: files of a run, their writers, statistics,
//! tables, pictures, trainings, runs, reports.

pub mod files;

pub mod timestamp;

pub mod warning;

pub mod manifest;

pub mod monitor;

pub mod progress;

pub mod eval;

pub mod statistics;

pub mod curve;

pub mod scores;

pub mod comparison;

pub mod table;

pub mod plot;

pub mod registry;

pub mod changes;

pub mod config;

pub mod error;

mod custody;

pub mod evaluate;

pub mod tuned;

pub mod reporter;

pub mod pictures;

pub mod convergence;

pub mod window;

pub mod vitals;

pub mod resume_point;

pub mod tensorboard;

pub mod training;

pub mod contest;

pub mod run;

mod pool;

pub mod study;

pub mod search;

pub mod sweep;

pub mod plan;

pub mod record;

pub mod report;
