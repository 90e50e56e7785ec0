//! [`CsvFile`]: a growing CSV file of which a reader, or a crash, sees whole row groups.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::FileError;

/// A CSV file with a fixed header that rows are appended to.
///
/// Rows are kept in memory and written in groups, each with one system call; when a group cannot be written
/// (a full disk), the file is cut back to the last whole group and the error names the file.
/// Call [`finish`](Self::finish) at the end: dropping the writer also writes the last group, but cannot tell of a
/// failure.
#[derive(Debug)]
pub struct CsvFile {
    path: PathBuf,
    file: File,
    group: usize,
    pending: usize,
    buffer: csv::Writer<Vec<u8>>,
    /// Bytes of whole groups.
    length: u64,
    /// Rows in them.
    rows: u64,
}

impl CsvFile {
    /// Creates the file (and its folder) with this header; `preamble` goes before it as it is. Rows are written in
    /// groups of `group`.
    ///
    /// # Errors
    /// [`FileError`] when the folder or file cannot be made or written. An existing file is overwritten.
    pub fn create(path: &Path, preamble: &str, header: &[&str], group: usize) -> Result<Self, FileError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(FileError::on("create folder", folder))?;
        }
        let file = File::create(path).map_err(FileError::on("create", path))?;
        let mut csv = Self::over(path, file, group, (0, 0));
        let written = csv.write_group(&[preamble.as_bytes(), &header_line(header)].concat());
        if written.is_err() && fs::metadata(path).is_ok_and(|found| found.is_file()) {
            // A file without its header is of no use; should it stay all the same, the first error is the one to report.
            let _ = fs::remove_file(path);
        }
        written.map(|()| csv)
    }

    /// Opens a file that [`create`](Self::create) made with the same preamble and header, to write behind its first
    /// `rows` rows: those behind them, and one that a crash left half-written, are cut off. No cell may hold a line
    /// break.
    ///
    /// # Errors
    /// [`FileError`] when the file is missing or unwritable; of kind [`io::ErrorKind::InvalidData`] when it starts
    /// otherwise or has fewer rows.
    pub fn append(path: &Path, preamble: &str, header: &[&str], group: usize, rows: u64) -> Result<Self, FileError> {
        let content = fs::read(path).map_err(FileError::on("read", path))?;
        let start = [preamble.as_bytes(), &header_line(header)].concat();
        let refuse =
            |found: String| FileError::on("append to", path)(io::Error::new(io::ErrorKind::InvalidData, found));
        let Some(body) = content.strip_prefix(&start[..]) else {
            let expected = String::from_utf8_lossy(&start).trim_end().to_owned();
            return Err(refuse(format!("it does not start with `{expected}`")));
        };
        let lines: Vec<&[u8]> =
            body.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n")).collect();
        let Some(kept) = usize::try_from(rows).ok().and_then(|rows| lines.get(..rows)) else {
            return Err(refuse(format!("it has {} whole rows, and {rows} are expected", lines.len())));
        };
        let length = (start.len() + kept.iter().map(|line| line.len()).sum::<usize>()) as u64;
        let mut file = OpenOptions::new().write(true).open(path).map_err(FileError::on("open", path))?;
        file.set_len(length).and_then(|()| file.seek(SeekFrom::End(0))).map_err(FileError::on("append to", path))?;
        Ok(Self::over(path, file, group, (length, rows)))
    }

    fn over(path: &Path, file: File, group: usize, (length, rows): (u64, u64)) -> Self {
        Self { path: path.to_owned(), file, group: group.max(1), pending: 0, buffer: memory_writer(), length, rows }
    }

    /// Where the file lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a row: a struct of numbers, strings and options (an empty cell), or a list of cells.
    ///
    /// # Errors
    /// [`FileError`] when this row completes a group and the group cannot be written.
    ///
    /// # Panics
    /// When the row has another number of cells than the row before it.
    pub fn row(&mut self, row: impl Serialize) -> Result<(), FileError> {
        self.buffer.serialize(row).expect("rows of one file have the same plain cells");
        self.pending += 1;
        if self.pending >= self.group { self.flush() } else { Ok(()) }
    }

    /// Writes the rows kept so far.
    ///
    /// # Errors
    /// [`FileError`] when they cannot be written; they are then dropped and the file ends with the group before.
    pub fn flush(&mut self) -> Result<(), FileError> {
        let rows = std::mem::take(&mut self.pending);
        let full = std::mem::replace(&mut self.buffer, memory_writer());
        let bytes = full.into_inner().expect("writing to memory does not fail");
        self.write_group(&bytes)?;
        self.rows += rows as u64;
        Ok(())
    }

    /// Writes the rows kept so far, syncs the file, and tells how many rows it has.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub fn sync(&mut self) -> Result<u64, FileError> {
        self.flush()?;
        self.file.sync_all().map_err(FileError::on("write", &self.path))?;
        Ok(self.rows)
    }

    /// Writes the last rows and syncs the file.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub fn finish(mut self) -> Result<(), FileError> {
        self.sync().map(|_| ())
    }

    fn write_group(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        match self.file.write_all(bytes) {
            Ok(()) => {
                self.length += bytes.len() as u64;
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

impl Drop for CsvFile {
    fn drop(&mut self) {
        if self.pending > 0 {
            let _ = self.flush();
        }
    }
}

fn memory_writer() -> csv::Writer<Vec<u8>> {
    csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new())
}

fn header_line(header: &[&str]) -> Vec<u8> {
    let mut writer = memory_writer();
    writer.write_record(header).expect("writing to memory does not fail");
    writer.into_inner().expect("writing to memory does not fail")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_reach_the_file_by_group() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub/a.csv");
        let mut csv = CsvFile::create(&path, "", &["a", "b"], 2).unwrap();
        csv.row((1, Some(0.5))).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a,b\n");
        csv.row((2, None::<f64>)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a,b\n1,0.5\n2,\n");
        csv.row(["x,y", "z"]).unwrap();
        csv.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a,b\n1,0.5\n2,\n\"x,y\",z\n");
    }

    #[test]
    fn appending_cuts_rows_that_are_not_expected_and_one_that_is_half_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        for (rows, expected) in [(2, "# x\na,b\n1,2\n3,4\n5,6\n"), (1, "# x\na,b\n1,2\n5,6\n"), (0, "# x\na,b\n5,6\n")]
        {
            fs::write(&path, "# x\na,b\n1,2\n3,4\n7,").unwrap();
            let mut csv = CsvFile::append(&path, "# x\n", &["a", "b"], 9, rows).unwrap();
            csv.row((5, 6)).unwrap();
            assert_eq!(csv.sync().unwrap(), rows + 1);
            assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        }
        fs::write(&path, "# x\na,b\n1,2\n3,").unwrap();
        let error = CsvFile::append(&path, "# x\n", &["a", "b"], 1, 2).unwrap_err();
        assert!(error.to_string().ends_with("a.csv: it has 1 whole rows, and 2 are expected"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "# x\na,b\n1,2\n3,", "a refusal changes nothing");
    }

    #[test]
    fn rows_are_counted_once_they_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut csv = CsvFile::create(&folder.path().join("a.csv"), "", &["a"], 2).unwrap();
        for expected in [0, 2, 2, 4] {
            csv.row([1]).unwrap();
            assert_eq!(csv.rows, expected);
        }
        csv.row([1]).unwrap();
        assert_eq!((csv.sync().unwrap(), csv.sync().unwrap()), (5, 5));
    }

    #[test]
    fn appending_refuses_another_header() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        fs::write(&path, "a,c\n").unwrap();
        let error = CsvFile::append(&path, "", &["a", "b"], 1, 0).unwrap_err();
        assert!(error.to_string().ends_with("a.csv: it does not start with `a,b`"), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_with_the_path() {
        let error = CsvFile::create(Path::new("/dev/full"), "", &["a"], 1).unwrap_err();
        assert!(error.is_full_disk(), "{error}");
        assert!(error.to_string().contains("/dev/full"), "{error}");
    }
}
