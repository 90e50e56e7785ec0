//! Files of a run: the folder they lie in, and writers that leave nothing half-written.

mod atomic;
mod csv_file;
mod reserve;
mod run_folder;
mod run_lock;

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

pub use atomic::{write_atomic, write_atomic_with};
pub use csv_file::CsvFile;
pub use reserve::Reserve;
pub use run_folder::{Checkpoint, Picture, RunFolder, RunFolderError};
pub use run_lock::RunLock;

/// A file operation that failed, and where.
#[derive(Debug, Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct FileError {
    /// What was tried: "write", "create", ...
    pub action: &'static str,
    /// The file or folder it was tried on.
    pub path: PathBuf,
    /// What the operating system said (a full disk is [`io::ErrorKind::StorageFull`]).
    pub source: io::Error,
}

impl FileError {
    /// Makes the error of `action` on `path`, for use in `map_err`.
    pub fn on(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { action, path: path.to_owned(), source }
    }

    /// The disk, or the user's share of it, is full.
    pub fn is_full_disk(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}
