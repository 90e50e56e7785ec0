//! [`RunLock`]: one process at a time carries out a run.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::PathBuf;

use super::{FileError, RunFolder, RunFolderError};

/// Held by the process that carries out a run, so that no other one resumes or replaces it meanwhile. A process that is
/// killed loses it.
///
/// # Design
/// The lock of the operating system on an empty file: a file that only exists says nothing about who made it, and would
/// stay behind a kill. Where the file system has no locks, nothing is held.
#[derive(Debug)]
pub struct RunLock {
    path: PathBuf,
    _file: File,
}

impl RunLock {
    /// Takes the lock of a run folder.
    ///
    /// # Errors
    /// [`RunFolderError::InUse`] when another process has it.
    pub fn take(folder: &RunFolder) -> Result<Self, RunFolderError> {
        let path = folder.lock();
        let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = opened.map_err(FileError::on("open", &path))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Err(RunFolderError::InUse(folder.path().to_owned())),
            Ok(()) | Err(TryLockError::Error(_)) => Ok(Self { path, _file: file }),
        }
    }
}

impl RunLock {
    /// Whether a process carries out the run in a folder; where the file system has no locks, one that left its file there
    /// counts.
    pub fn is_held(folder: &RunFolder) -> bool {
        // Shared, so that two who ask at once do not take each other for it.
        File::open(folder.lock()).is_ok_and(|file| file.try_lock_shared().is_err())
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // An empty file that stays does no harm.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_carried_out_by_one_at_a_time_and_the_lock_leaves_nothing() {
        let home = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(home.path(), false).unwrap();
        assert!(!RunLock::is_held(&folder));
        let lock = RunLock::take(&folder).unwrap();
        assert!(RunLock::is_held(&folder));
        let error = RunLock::take(&folder).unwrap_err();
        assert!(matches!(error, RunFolderError::InUse(_)) && error.to_string().contains("another process"), "{error}");
        drop(lock);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
        RunLock::take(&folder).expect("free again");
    }

    #[test]
    fn what_a_killed_process_left_behind_holds_nobody_up() {
        let home = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(home.path(), false).unwrap();
        fs::write(folder.lock(), "").unwrap();
        assert!(!RunLock::is_held(&folder));
        RunLock::take(&folder).unwrap();
    }
}
