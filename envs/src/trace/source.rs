//! From a name or a path to the texts of recordings.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{Kind, Place, TraceError};

/// The largest file that is read, bytes (64 MiB).
pub const MAX_FILE_BYTES: u64 = 64 << 20;

/// The most files of one folder that are read.
pub const MAX_FILES: usize = 10_000;

macro_rules! shipped {
    ($($kind:ident $name:literal $ending:literal),* $(,)?) => {
        &[$(Shipped {
            kind: Kind::$kind,
            name: $name,
            file: concat!("envs/traces/", $name, $ending),
            text: include_str!(concat!("../../traces/", $name, $ending)),
        }),*]
    };
}

/// A file of `envs/traces/`.
struct Shipped {
    kind: Kind,
    name: &'static str,
    file: &'static str,
    text: &'static str,
}

/// What `envs/traces/TRACES.toml` lists.
const SHIPPED: &[Shipped] = shipped![
    Throughput "lumos-4g" ".txt",
    Throughput "lumos-wifi" ".txt",
    Throughput "fcc" ".txt",
    Arrivals "azure-llm-code-2023" ".csv",
    Arrivals "azure-llm-conversation-2023" ".csv",
    Positions "eua-users" ".csv",
];

/// The names of the recordings of one kind that ship with the crate.
pub fn names(kind: Kind) -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().filter(move |shipped| shipped.kind == kind).map(|shipped| shipped.name)
}

/// The text of one recording: a file, or a section of one.
pub(super) struct Recording {
    /// Name of the section, or of the file without its ending.
    pub(super) name: String,
    /// Name of the file without its ending.
    pub(super) stem: String,
    file: String,
    /// Number of the line before the text.
    offset: usize,
    text: String,
}

impl Recording {
    /// The lines that hold data, with their numbers from 1; blank lines and those that begin with # are left out.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(index, line)| (self.offset + index + 1, line.trim()));
        lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
    }

    /// A line of it, for messages.
    pub(super) fn place(&self, line: usize) -> Place {
        Place { file: self.file.clone(), line }
    }

    /// Where it begins.
    pub(super) fn start(&self) -> Place {
        let first = self.lines().next().map_or(self.offset + 1, |(line, _)| line);
        self.place(first)
    }
}

/// All recordings of a source: a name that ships, a file, or a folder.
///
/// Anything with a / (or \) or a . in it is a path; the files of a folder are read in the order of their names, hidden
/// files and folders within it are not. A line `[name]` begins a recording of its own.
pub(super) fn recordings(kind: Kind, source: &str) -> Result<Vec<Recording>, TraceError> {
    if let Some(shipped) = SHIPPED.iter().find(|shipped| shipped.kind == kind && shipped.name == source) {
        return sections(shipped.file, shipped.name, shipped.text);
    }
    if !source.contains(['/', '\\', '.']) {
        return Err(TraceError::UnknownName { kind, name: source.into() });
    }
    let mut found = Vec::new();
    for path in paths(Path::new(source))? {
        let stem = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy();
        found.extend(sections(&path.display().to_string(), &stem, &read(&path)?)?);
    }
    Ok(found)
}

/// The file itself, or the files of a folder in the order of their names.
fn paths(source: &Path) -> Result<Vec<PathBuf>, TraceError> {
    let failed = |error: std::io::Error| unreadable(source, error);
    if !fs::metadata(source).map_err(failed)?.is_dir() {
        return Ok(vec![source.into()]);
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(source).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && !path.is_dir() {
            paths.push(path);
        }
        if paths.len() > MAX_FILES {
            return Err(TraceError::TooLarge { file: display(source), limit: format!("{MAX_FILES} files") });
        }
    }
    paths.sort();
    if paths.is_empty() {
        return Err(unreadable(source, "a folder without files; accepted is at least one"));
    }
    Ok(paths)
}

fn read(path: &Path) -> Result<String, TraceError> {
    let failed = |error: std::io::Error| unreadable(path, error);
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(unreadable(path, "neither a regular file nor a folder; accepted are these"));
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(TraceError::TooLarge { file: display(path), limit: format!("{MAX_FILE_BYTES} bytes") });
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|&&byte| byte == b'\n').count() + 1;
        TraceError::NotUtf8 { place: Place { file: display(path), line } }
    })
}

fn display(path: &Path) -> String {
    path.display().to_string()
}

fn unreadable(path: &Path, message: impl ToString) -> TraceError {
    TraceError::Unreadable { file: display(path), message: message.to_string() }
}

/// The recordings of one file, one per line `[name]`, or one without such lines.
fn sections(file: &str, stem: &str, text: &str) -> Result<Vec<Recording>, TraceError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let section = |name: &str, offset| Recording {
        name: name.into(),
        stem: stem.into(),
        file: file.into(),
        offset,
        text: String::new(),
    };
    let mut found = vec![section(stem, 0)];
    let mut names = BTreeSet::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with('[') {
            let name = section_name(line).filter(|&name| names.insert(name));
            let name = name.ok_or_else(|| TraceError::Field {
                place: Place { file: file.into(), line: index + 1 },
                column: "[name]",
                found: line.into(),
                accepted: "a name in brackets that occurs once, such as [monday]",
            })?;
            found.push(section(name, index + 1));
        } else if let Some(last) = found.last_mut() {
            last.text += line;
            last.text.push('\n');
        }
    }
    if found.len() > 1 && found[0].lines().next().is_none() {
        found.remove(0);
    }
    Ok(found)
}

fn section_name(line: &str) -> Option<&str> {
    let name = line.trim().strip_prefix('[')?.strip_suffix(']')?.trim();
    (!name.is_empty()).then_some(name)
}
