//! [`Manifest`]: the `run.json` of a run, from which it can be repeated.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::files::{FileError, RunFolder, write_atomic};
use crate::timestamp::rfc3339;
use crate::warning::Warning;

/// The version of burn that the workspace pins; a test compares it with the lock file.
const BURN_VERSION: &str = "0.22.1";

/// Everything that is needed to repeat a run and to judge its figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// `<name>-<first 8 digits of the config hash>-<start>`; the `run_id` column of `eval.csv`.
    pub run_id: String,
    /// Where the run stands.
    pub status: Status,
    /// Why it failed, if it did.
    pub error: Option<String>,
    /// SHA-256 of `config.toml`, in hexadecimal.
    pub config_sha256: String,
    /// The complete resolved configuration.
    pub config: serde_json::Value,
    /// Seeds of the trainings.
    pub seeds: Vec<u64>,
    /// What follows the trainings.
    #[serde(default)]
    pub after: After,
    /// What a person should look at, each kind once per seed.
    #[serde(default)]
    pub warnings: Vec<Warning>,
    /// Commit of the source that the program was built from, as it lies there now; `None` outside a checkout.
    pub revision: Option<String>,
    /// Versions of the crates that shape results.
    pub versions: BTreeMap<String, String>,
    /// What the learner computes on.
    pub device: String,
    /// Processor cores that the run may use.
    pub cores: usize,
    /// Operating system and architecture, for example `linux/x86_64`.
    pub host: String,
    /// The command line.
    pub command: Vec<String>,
    /// RFC 3339, UTC.
    pub start: String,
    /// When it was resumed, each time; RFC 3339, UTC.
    #[serde(default)]
    pub resumed: Vec<String>,
    /// RFC 3339, UTC; `None` while the run goes on.
    pub end: Option<String>,
}

/// What follows the trainings of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum After {
    /// The comparison with schemes that do not learn.
    #[default]
    Comparison,
    /// Nothing.
    Nothing,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It goes on, or the machine went away under it.
    Running,
    /// It did all it was asked to.
    Finished,
    /// Its user stopped it; what it had is saved.
    Stopped,
    /// An error ended it.
    Failed,
}

/// Why a manifest cannot be made or read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The configuration to hash is no TOML.
    #[error("the resolved configuration is no TOML: {0}")]
    Config(#[from] toml::de::Error),
    /// `run.json` is not one of ours.
    #[error("{} is no manifest of a run: {source}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: serde_json::Error,
    },
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Manifest {
    /// The manifest of a run that starts now, from the text of its `config.toml`.
    ///
    /// # Errors
    /// [`ManifestError::Config`] when the text is no TOML.
    pub fn start(name: &str, config_toml: &str, seeds: &[u64], device: &str) -> Result<Self, ManifestError> {
        let config_sha256 = sha256_hex(config_toml.as_bytes());
        let start = rfc3339(SystemTime::now());
        let compact: String = start.chars().filter(|character| !matches!(character, '-' | ':')).collect();
        Ok(Self {
            run_id: format!("{name}-{}-{compact}", &config_sha256[..8]),
            status: Status::Running,
            error: None,
            config_sha256,
            config: toml::from_str(config_toml)?,
            seeds: seeds.to_vec(),
            after: After::default(),
            warnings: Vec::new(),
            revision: source_revision(),
            versions: versions(),
            device: device.to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            host: format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
            command: std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect(),
            start,
            resumed: Vec::new(),
            end: None,
        })
    }

    /// Notes that this process goes on with the run, now.
    pub fn resume(&mut self) {
        self.status = Status::Running;
        self.error = None;
        self.end = None;
        self.resumed.push(rfc3339(SystemTime::now()));
    }

    /// Whether this program is the one that began the run, as far as a manifest can tell.
    pub fn is_of_this_build(&self) -> bool {
        self.versions == versions() && self.revision == source_revision()
    }

    /// Notes how the run ended, now; `error` says why when it failed.
    pub fn end(&mut self, status: Status, error: Option<String>) {
        self.status = status;
        self.error = error;
        self.end = Some(rfc3339(SystemTime::now()));
    }

    /// Writes `run.json`, replacing an earlier one at once.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be written.
    pub fn write(&self, folder: &RunFolder) -> Result<(), FileError> {
        let mut text = serde_json::to_string_pretty(self).expect("a manifest has only string keys");
        text.push('\n');
        write_atomic(&folder.manifest(), text.as_bytes())
    }

    /// Reads the `run.json` of a run folder.
    ///
    /// # Errors
    /// [`ManifestError::File`] when it cannot be read, [`ManifestError::Format`] when it is not ours.
    pub fn read(folder: &RunFolder) -> Result<Self, ManifestError> {
        let path = folder.manifest();
        let text = fs::read_to_string(&path).map_err(FileError::on("read", &path))?;
        serde_json::from_str(&text).map_err(|source| ManifestError::Format { path, source })
    }
}

fn versions() -> BTreeMap<String, String> {
    // The four crates of the workspace share one version.
    let own = ("mec-gym".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    BTreeMap::from([own, ("burn".to_owned(), BURN_VERSION.to_owned())])
}

/// SHA-256 of `bytes`, in hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The checked-out commit of the workspace this program was built in. The folder of the user's own project is not
/// asked: its commit says nothing about this code.
fn source_revision() -> Option<String> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    git_revision(&workspace.join(".git"))
}

/// The commit that `HEAD` of a `.git` folder (or the `.git` file of a linked work tree) stands for.
fn git_revision(dot_git: &Path) -> Option<String> {
    let folder = match fs::read_to_string(dot_git) {
        Ok(link) => dot_git.parent()?.join(link.strip_prefix("gitdir:")?.trim()),
        Err(_) => dot_git.to_owned(),
    };
    let head = fs::read_to_string(folder.join("HEAD")).ok()?;
    let Some(reference) = head.trim().strip_prefix("ref: ") else { return Some(head.trim().to_owned()) };
    // Linked work trees keep their own HEAD, but share branches with the main one.
    let shared = fs::read_to_string(folder.join("commondir")).map_or(folder.clone(), |path| folder.join(path.trim()));
    if let Ok(commit) = fs::read_to_string(shared.join(reference)) {
        return Some(commit.trim().to_owned());
    }
    let packed = fs::read_to_string(shared.join("packed-refs")).ok()?;
    let commit = packed.lines().find_map(|line| line.strip_suffix(reference)?.strip_suffix(' '))?;
    Some(commit.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_survives_its_file() {
        let home = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(home.path(), false).unwrap();
        let mut manifest = Manifest::start("smoke", "seeds = [1]\n[env]\nload = 0.5\n", &[1], "cpu").unwrap();
        assert_eq!(manifest.config["env"]["load"], 0.5);
        manifest.end(Status::Stopped, None);
        manifest.write(&folder).unwrap();
        let text = fs::read_to_string(folder.manifest()).unwrap();
        assert!(text.contains("\"status\": \"stopped\"") && text.contains("Z\""));
        assert_eq!(Manifest::read(&folder).unwrap(), manifest);
    }

    #[test]
    fn a_foreign_run_json_is_refused_by_name() {
        let home = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(home.path(), false).unwrap();
        fs::write(folder.manifest(), "{\"run_id\": 3}").unwrap();
        let error = Manifest::read(&folder).unwrap_err();
        assert!(error.to_string().contains("run.json is no manifest"), "{error}");
    }

    #[test]
    fn hash_is_sha256() {
        // FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_hex(b"abc"), expected);
    }

    #[test]
    fn burn_version_is_the_locked_one() {
        let lock = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock")).unwrap();
        assert!(lock.contains(&format!("name = \"burn\"\nversion = \"{BURN_VERSION}\"")));
    }

    #[test]
    fn revisions_are_found_loose_packed_detached_and_linked() {
        let home = tempfile::tempdir().unwrap();
        let git = home.path().join("main/.git");
        fs::create_dir_all(git.join("refs/heads")).unwrap();
        assert_eq!(git_revision(&git), None);
        fs::write(git.join("HEAD"), "0123\n").unwrap();
        assert_eq!(git_revision(&git).as_deref(), Some("0123"));
        fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        fs::write(git.join("packed-refs"), "# pack-refs\n4567 refs/heads/main\n").unwrap();
        assert_eq!(git_revision(&git).as_deref(), Some("4567"));
        fs::write(git.join("refs/heads/main"), "89ab\n").unwrap();
        assert_eq!(git_revision(&git).as_deref(), Some("89ab"));

        let linked = git.join("worktrees/other");
        fs::create_dir_all(&linked).unwrap();
        fs::write(linked.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        fs::write(linked.join("commondir"), "../..\n").unwrap();
        fs::write(home.path().join("link"), format!("gitdir: {}\n", linked.display())).unwrap();
        assert_eq!(git_revision(&home.path().join("link")).as_deref(), Some("89ab"));
    }
}
