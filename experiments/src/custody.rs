//! [`Custody`]: a run folder in the hands of this process, from its first file to the last word in its manifest.

use std::fs;
use std::path::Path;

use crate::error::RunError;
use crate::files::{FileError, Reserve, RunFolder, RunLock, write_atomic};
use crate::manifest::{Manifest, Status, sha256_hex};

/// A run folder that this process alone works in, with its manifest.
#[derive(Debug)]
pub(crate) struct Custody {
    pub(crate) folder: RunFolder,
    pub(crate) manifest: Manifest,
    /// What `config.toml` is to hold; `None` when it is there from an earlier process.
    config: Option<String>,
    _lock: RunLock,
}

/// How the work in a folder ended, where no error ended it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// All was done.
    Finished,
    /// Its user stopped it.
    Stopped,
    /// A part of it failed, and everything else was done.
    Failed(String),
}

impl Custody {
    /// Makes the folder of new work at `path`; `config` is the text of its `config.toml`, which `manifest` was started
    /// with. With `force`, earlier work there is replaced.
    pub(crate) fn begin(path: &Path, force: bool, manifest: Manifest, config: String) -> Result<Self, RunError> {
        let folder = RunFolder::create(path, force)?;
        let lock = RunLock::take(&folder)?;
        manifest.write(&folder)?;
        Ok(Self { folder, manifest, config: Some(config), _lock: lock })
    }

    /// Takes over the folder of earlier work.
    pub(crate) fn reopen(path: &Path) -> Result<Self, RunError> {
        let folder = RunFolder::open(path)?;
        let lock = RunLock::take(&folder)?;
        let manifest = Manifest::read(&folder)?;
        Ok(Self { folder, manifest, config: None, _lock: lock })
    }

    /// The text of `config.toml`.
    ///
    /// # Errors
    /// [`RunError::ConfigChanged`] when it is not the one that the work began with.
    pub(crate) fn config(&self) -> Result<String, RunError> {
        let path = self.folder.config();
        let text = fs::read_to_string(&path).map_err(FileError::on("read", &path))?;
        if sha256_hex(text.as_bytes()) == self.manifest.config_sha256 {
            Ok(text)
        } else {
            Err(RunError::ConfigChanged { path })
        }
    }

    /// Does the work, and writes into the manifest that it goes on, and then how it ended.
    pub(crate) fn through<R>(
        mut self,
        work: impl FnOnce(&mut Self) -> Result<(Ending, R), RunError>,
    ) -> Result<(RunFolder, Manifest, R), RunError> {
        let reserve = Reserve::take(self.folder.path());
        let result = self.start().and_then(|()| work(&mut self));
        match &result {
            Ok((Ending::Finished, _)) => self.manifest.end(Status::Finished, None),
            Ok((Ending::Stopped, _)) => self.manifest.end(Status::Stopped, None),
            Ok((Ending::Failed(error), _)) => self.manifest.end(Status::Failed, Some(error.clone())),
            Err(error) => self.manifest.end(Status::Failed, Some(error.to_string())),
        }
        drop(reserve);
        let written = self.manifest.write(&self.folder);
        let (_, result) = result?;
        written?;
        Ok((self.folder, self.manifest, result))
    }

    fn start(&mut self) -> Result<(), RunError> {
        match &self.config {
            Some(config) => Ok(write_atomic(&self.folder.config(), config.as_bytes())?),
            None => {
                self.folder.sweep()?;
                self.manifest.resume();
                Ok(self.manifest.write(&self.folder)?)
            }
        }
    }
}
