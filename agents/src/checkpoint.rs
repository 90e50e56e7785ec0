//! Checkpoints: a [`StateDict`] in one [safetensors](https://huggingface.co/docs/safetensors) file.
//!
//! The arrays are ordinary safetensors entries, so Python reads them with `safetensors.safe_open(...)`. The metadata
//! of the file has one entry, `mec_gym`: JSON with `format` (the version of this format), `kind`, `values` (the
//! counters and generators, JSON in a string) and `sha256` (a digest of kind, values, names, types, shapes and entries).

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::{Metadata, TensorInfo};
use serde::{Deserialize, Serialize};

use crate::array::{Array, ArrayData};
pub use crate::checkpoint_error::CheckpointError;
use crate::state::StateDict;

/// The version of the format that this program writes, and the only one it reads. 1 had arrays of `f32` only.
pub const FORMAT: u32 = 2;

/// The only entry of the metadata: one, because entries of that map come in no fixed order.
const METADATA_KEY: &str = "mec_gym";

#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    kind: String,
    values: String,
    sha256: String,
}

/// Writes `state` to `path`. The file is written beside its place, synced, and moved there, so that `path` holds
/// either the old checkpoint or the new one, never a part of it. Arrays go to the file without a copy in memory.
///
/// # Errors
/// [`CheckpointError::Io`].
pub fn save(path: &Path, state: &StateDict) -> Result<(), CheckpointError> {
    let io = |source| CheckpointError::Io { path: path.to_owned(), source };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = File::create(&temporary)
        .and_then(|file| write(state, BufWriter::new(file))?.into_inner()?.sync_all())
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // Best effort: the error of the write is the one to report.
        let _ = fs::remove_file(&temporary);
    }
    written.map_err(io)?;
    sync_folder(path).map_err(io)
}

/// The rename is durable only once the folder is synced; Windows cannot open folders and needs no such call.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    if cfg!(windows) {
        return Ok(());
    }
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Reads a checkpoint and verifies its format, length and digest.
///
/// # Errors
/// [`CheckpointError::Io`] when it cannot be read, [`CheckpointError::Damaged`] when its content is not what
/// [`save`] wrote. Never panics, whatever the bytes.
pub fn load(path: &Path) -> Result<StateDict, CheckpointError> {
    let bytes = fs::read(path).map_err(|source| CheckpointError::Io { path: path.to_owned(), source })?;
    parse(&bytes, path)
}

/// What [`to_bytes`] gave; `place` is named in errors.
///
/// # Errors
/// [`CheckpointError::Damaged`] when the bytes are others. Never panics.
pub fn parse(bytes: &[u8], place: &Path) -> Result<StateDict, CheckpointError> {
    from_bytes(bytes).map_err(|Problem { found, expected }| CheckpointError::Damaged {
        path: place.to_owned(),
        found,
        expected,
    })
}

/// The bytes of a checkpoint file; equal states give equal bytes.
pub fn to_bytes(state: &StateDict) -> Vec<u8> {
    write(state, Vec::new()).expect("memory takes every write")
}

/// Writes the file: eight bytes with the length of the header, the header, the arrays.
fn write<W: Write>(state: &StateDict, mut out: W) -> io::Result<W> {
    let mut arrays: Vec<(&String, &Array)> = state.arrays().iter().collect();
    // The format wants every array aligned to its entries: the largest entries come first.
    arrays.sort_by_key(|&(name, array)| (Reverse(array.data.dtype()), name));
    let header = header(state, &arrays);
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(&header)?;
    for (_, array) in arrays {
        out.write_all(&array.data.bytes())?;
    }
    Ok(out)
}

/// The header of the file, filled with blanks to a multiple of eight bytes.
fn header(state: &StateDict, arrays: &[(&String, &Array)]) -> Vec<u8> {
    let values = state.values_json();
    let sha256 = state.digest(&values);
    let header = Header { format: FORMAT, kind: state.kind.clone(), values, sha256 };
    let header = serde_json::to_string(&header).expect("strings and numbers have a JSON form");
    let mut end = 0;
    let mut info = |&(name, array): &(&String, &Array)| {
        let (dtype, start) = (array.data.dtype(), end);
        end += array.data.len() * dtype.bitsize() / 8;
        (name.clone(), TensorInfo { dtype, shape: array.shape.clone(), data_offsets: (start, end) })
    };
    let infos = arrays.iter().map(&mut info).collect();
    let metadata = Metadata::new(Some(HashMap::from([(METADATA_KEY.to_owned(), header)])), infos)
        .expect("a state's arrays fill their shapes and follow each other");
    let mut text = serde_json::to_string(&metadata).expect("names and numbers have a JSON form").into_bytes();
    text.resize(text.len().next_multiple_of(8), b' ');
    text
}

struct Problem {
    found: String,
    expected: String,
}

impl Problem {
    fn new(found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { found: found.into(), expected: expected.into() }
    }
}

fn from_bytes(bytes: &[u8]) -> Result<StateDict, Problem> {
    let whole = || "a whole safetensors file";
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| Problem::new(error.to_string(), whole()))?;
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| Problem::new(error.to_string(), whole()))?;
    let header = read_header(metadata.metadata().as_ref())?;
    let mut arrays = BTreeMap::new();
    for (name, view) in tensors.iter() {
        let Some(data) = ArrayData::from_bytes(view.dtype(), view.data()) else {
            let found = format!("array {name:?} of type {}", view.dtype());
            return Err(Problem::new(found, "arrays of type F64, F32, F16, U32 or U8"));
        };
        arrays.insert(name.to_owned(), Array { shape: view.shape().to_vec(), data });
    }
    let values = serde_json::from_str(&header.values)
        .map_err(|error| Problem::new(format!("values that are no JSON: {error}"), "a JSON map"))?;
    let state = StateDict::from_parts(header.kind, arrays, values);
    let found = state.digest(&header.values);
    if found != header.sha256 {
        return Err(Problem::new(format!("content of digest {found}"), format!("digest {}", header.sha256)));
    }
    Ok(state)
}

fn read_header(metadata: Option<&HashMap<String, String>>) -> Result<Header, Problem> {
    let expected = "a mec-gym checkpoint (metadata entry `mec_gym`)";
    let text = metadata
        .and_then(|map| map.get(METADATA_KEY))
        .ok_or_else(|| Problem::new("a safetensors file without that metadata", expected))?;
    let header: Header = serde_json::from_str(text)
        .map_err(|error| Problem::new(format!("metadata that cannot be read: {error}"), expected))?;
    if header.format != FORMAT {
        let found = format!("format {}, of another version of this program", header.format);
        return Err(Problem::new(found, format!("format {FORMAT}, the only one that this version reads")));
    }
    Ok(header)
}
