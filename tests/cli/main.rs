//! The program from outside: what it writes, prints and returns, given good input and bad.

mod commands;
mod export;
mod files;
mod full_disk;
mod models;
mod partition;
mod refusals;
mod reports;
mod reproducible;
mod resuming;
mod searches;
mod simulate;
mod stopping;
mod studies;
mod sweeps;
mod warnings;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

/// What a call of the program gave.
struct Answer {
    code: i32,
    out: String,
    err: String,
}

impl Answer {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        // -1: ended by a signal.
        Self { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
    }

    fn done(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.err);
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }

    /// A failure with this exit code, said once and without noise, whose message holds every one of `parts`.
    fn refused(self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        assert!(self.err.starts_with("error: ") || self.err.contains("\nerror: "), "{}", self.err);
        assert!(!self.err.contains("panicked") && !self.err.contains("RUST_BACKTRACE"), "{}", self.err);
        for part in parts {
            assert!(self.err.contains(part), "{part:?} is not in: {}", self.err);
        }
        let reason = self.err.lines().last().unwrap();
        let repeated = reason.split(": ").enumerate().any(|(at, part)| reason.split(": ").nth(at + 1) == Some(part));
        assert!(!repeated, "said twice: {}", self.err);
    }
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mec-gym"));
    command.env("RUST_BACKTRACE", "1");
    command
}

fn mec_gym<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Answer {
    Answer::of(&program().args(arguments).output().unwrap())
}

/// The smoke configuration; a run of it takes a second or two.
fn smoke() -> String {
    format!("{}/experiments/configs/smoke.toml", env!("CARGO_MANIFEST_DIR"))
}

/// Runs the smoke configuration into `out`.
fn run_smoke(out: &Path, more: &[&str]) -> Answer {
    let smoke = smoke();
    let arguments = ["run", &smoke, "--quiet", "--out", out.to_str().unwrap()];
    mec_gym(&[&arguments, more].concat())
}

/// The folder of one run of the smoke configuration; nobody writes into it.
fn shared_run() -> &'static Path {
    static RUN: OnceLock<TempDir> = OnceLock::new();
    let home = RUN.get_or_init(|| {
        let home = tempfile::tempdir().unwrap();
        run_smoke(&home.path().join("run"), &[]).done();
        home
    });
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| home.path().join("run"))
}

/// A copy of the shared run that may be broken.
fn copied_run() -> (TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let copy = home.path().join("run");
    for file in files_below(shared_run()) {
        let target = copy.join(file.strip_prefix(shared_run()).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(&file, &target).unwrap();
    }
    (home, copy)
}

/// Every file in a folder and below it, sorted.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect();
    files.sort();
    files
}

/// Names and bytes of everything in a folder.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    files_below(folder).into_iter().map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Header and rows of a CSV file.
fn csv_rows(path: &Path) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_path(path).unwrap();
    let header = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let rows = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
    (header, rows)
}

fn manifest(run: &Path) -> Value {
    serde_json::from_str(&read(&run.join("run.json"))).unwrap()
}
