//! [`Reserve`]: space on the disk, kept for the last words of a run.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Bytes kept: enough for a manifest, in blocks of any usual size.
const BYTES: usize = 32 * 1024;

/// Space that is held as long as this value lives: on a disk that has run full, whoever drops it can still say so.
///
/// # Design
/// The space belongs to a file that is open and already removed from its folder, so that no crash leaves it behind.
#[derive(Debug)]
pub struct Reserve {
    _file: Option<File>,
}

impl Reserve {
    /// Takes space on the disk of `folder`; where there is none, nothing is kept.
    pub fn take(folder: &Path) -> Self {
        Self { _file: hidden(&folder.join(format!(".reserve-{}", std::process::id()))).ok() }
    }
}

fn hidden(path: &Path) -> io::Result<File> {
    let mut file = File::create_new(path)?;
    let removed = fs::remove_file(path);
    file.write_all(&[0xA5; BYTES])?;
    removed.map(|()| file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_not_seen_and_may_fail() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::take(folder.path());
        assert!(reserve._file.is_some());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(Reserve::take(Path::new("/nonexistent"))._file.is_none());
    }
}
