//! [`EventFile`]: events in the frames of TensorFlow's records.
//!
//! Reference: `tensorflow/core/lib/io/record_writer.h` of TensorFlow: length (8 bytes), its masked CRC-32C, the data, their
//! masked CRC-32C, all little-endian.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crc32c::crc32c;

use super::event::{self, Scalar};
use crate::files::FileError;

/// By which TensorBoard knows its files.
const PREFIX: &str = "events.out.tfevents.";

/// `kMaskDelta`
const MASK_DELTA: u32 = 0xa282_ead8;

/// A growing file of events. Each event is written with one system call; when one cannot be, the file is cut back to the
/// last whole one.
#[derive(Debug)]
pub(super) struct EventFile {
    path: PathBuf,
    file: File,
    /// Bytes of whole events.
    length: u64,
}

impl EventFile {
    /// Creates a file in `folder`, which is made if needed; others there are emptied.
    ///
    /// # Design
    /// Emptied, not removed: a TensorBoard that has the old file open goes on to the new one only while the old one is
    /// there. It then meets the restart, and forgets what it had read; one that starts later reads the new file alone.
    pub(super) fn create(folder: &Path, wall_time: f64) -> Result<Self, FileError> {
        fs::create_dir_all(folder).map_err(FileError::on("create folder", folder))?;
        let number = empty_others(folder)?;
        let path = folder.join(format!("{PREFIX}{}.{number}.mec-gym", wall_time as u64));
        let file = File::create(&path).map_err(FileError::on("create", &path))?;
        let mut events = Self { path, file, length: 0 };
        events.event(&event::version(wall_time))?;
        events.event(&event::restart(wall_time, 0))?;
        Ok(events)
    }

    /// Adds scalars of one step; nothing, when there is none.
    pub(super) fn scalars(&mut self, wall_time: f64, step: u64, scalars: &[Scalar]) -> Result<(), FileError> {
        if scalars.is_empty() { Ok(()) } else { self.event(&event::summary(wall_time, step, scalars)) }
    }

    fn event(&mut self, data: &[u8]) -> Result<(), FileError> {
        let frame = framed(data);
        match self.file.write_all(&frame) {
            Ok(()) => {
                self.length += frame.len() as u64;
                Ok(())
            }
            Err(source) => {
                // Shrinking needs no space; should it fail all the same, the first error is the one to report.
                let _ = self.file.set_len(self.length).and_then(|()| self.file.seek(SeekFrom::Start(self.length)));
                Err(FileError::on("write", &self.path)(source))
            }
        }
    }
}

/// Empties the event files in a folder, and gives the number of the next one.
fn empty_others(folder: &Path) -> Result<u64, FileError> {
    let mut next = 0;
    for entry in fs::read_dir(folder).map_err(FileError::on("read", folder))? {
        let path = entry.map_err(FileError::on("read", folder))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        let number = rest.split('.').nth(1).and_then(|number| number.parse().ok()).unwrap_or(0_u64);
        next = next.max(number + 1);
        fs::write(&path, "").map_err(FileError::on("empty", &path))?;
    }
    Ok(next)
}

fn framed(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked(&length), data, &masked(data)].concat()
}

/// A checksum of data that hold checksums is weak, hence the mask.
fn masked(data: &[u8]) -> [u8; 4] {
    crc32c(data).rotate_right(15).wrapping_add(MASK_DELTA).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_castagnolis_behind_a_mask() {
        // RFC 3720, appendix B.4: the CRC-32C of 32 bytes of zeros.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        // Rotated by 15 bits to the right, plus the constant, by hand.
        assert_eq!(masked(&[0; 32]), 0x0fd7_fffa_u32.to_le_bytes());
    }

    #[test]
    fn a_new_file_has_a_new_name_and_empties_others_and_spares_what_is_not_ours() {
        let home = tempfile::tempdir().unwrap();
        let sizes = || {
            let entries = fs::read_dir(home.path()).unwrap().map(Result::unwrap);
            let mut sizes: Vec<(String, u64)> = entries
                .map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().len()))
                .collect();
            sizes.sort();
            sizes
        };
        fs::write(home.path().join("notes.md"), "mine").unwrap();
        EventFile::create(home.path(), 7.5).unwrap();
        let [first, second] = ["events.out.tfevents.7.0.mec-gym", "events.out.tfevents.7.1.mec-gym"].map(str::to_owned);
        let (whole, notes) = (sizes()[0].1, ("notes.md".to_owned(), 4));
        assert!(whole > 0 && sizes() == [(first.clone(), whole), notes.clone()], "{:?}", sizes());
        EventFile::create(home.path(), 7.5).unwrap();
        assert_eq!(sizes(), [(first, 0), (second, whole), notes]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_with_the_path() {
        let path = PathBuf::from("/dev/full");
        let file = File::create(&path).unwrap();
        let error = EventFile { path, file, length: 0 }.event(b"x").unwrap_err();
        assert!(error.is_full_disk() && error.to_string().contains("/dev/full"), "{error}");
    }
}
