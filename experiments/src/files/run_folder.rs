//! [`RunFolder`]: the flat folder that holds everything of one run.

use std::fs;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::{FileError, RunLock, write_atomic};

/// The folder of one run, and the names of the files in it.
///
/// ```text
/// config.toml      the complete resolved configuration
/// run.json         the manifest
/// progress.csv     training, one row per report
/// eval.csv         evaluation, tidy
/// monitor/         <algo>-seed<k>-env<i>.monitor.csv, one row per training episode
/// ckpt/            <algo>-seed<k>-{best,last}.safetensors; resume.safetensors until the run is finished
/// comparison.csv   one row per scheme
/// learning_curve.{svg,png}  comparison.{svg,png}
/// report.html      when it was asked for
/// tb/              <algo>-seed<k>/ with the event file of a training, when it was asked for
/// ```
///
/// The folder of a study, a search or a sweep has these, where they apply, for all its runs together, and besides:
///
/// ```text
/// convergence.csv  of a study: one row per method
/// runs/            a run folder per training; of a sweep, the folder of a study per point
/// sweep.csv        of a sweep: one row per point and scheme
/// axes/            of a sweep: <axis>.{svg,png}, a picture of each
/// trials.csv       of a search: one row per trial and rung
/// best.toml        of a search: the configuration that won
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder {
    root: PathBuf,
}

/// Why a run folder cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunFolderError {
    /// There is something in it, and nobody said that it may go.
    #[error("the run folder {} exists and is not empty; choose another folder, or replace it with --force", .0.display())]
    Occupied(PathBuf),
    /// There is something in it that is not a run.
    #[error("{} holds files but no run.json, so it is no run folder and --force does not replace it; choose another folder", .0.display())]
    NotARun(PathBuf),
    /// The folder to read from is not a run's.
    #[error("{} is no run folder: it has no run.json", .0.display())]
    NoManifest(PathBuf),
    /// The folder to read from is not there.
    #[error("{} is no folder; accepted is that of a run, a study, a sweep or a search, or one that holds several of them", .0.display())]
    NoFolder(PathBuf),
    /// There is no run in the folder to read from.
    #[error("{} holds no run: neither it nor a folder in it has a run.json", .0.display())]
    NoRuns(PathBuf),
    /// Somebody else is at it.
    #[error("another process is carrying out the run in {}; wait for it or stop it", .0.display())]
    InUse(PathBuf),
    /// The folder cannot be made, read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Which agent of a training a checkpoint holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checkpoint {
    /// The agent with the best evaluation.
    Best,
    /// The agent at the end.
    Last,
}

/// A picture of a run; each is kept as SVG and as PNG.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picture {
    /// A metric of the evaluation over environment steps.
    LearningCurve,
    /// All schemes side by side.
    Comparison,
}

impl Picture {
    fn stem(self) -> &'static str {
        match self {
            Self::LearningCurve => "learning_curve",
            Self::Comparison => "comparison",
        }
    }
}

impl RunFolder {
    /// Makes an empty run folder at `path`, with its parents. With `force`, the files of an earlier run in it are
    /// removed; anything else that lies there stays.
    ///
    /// Write the manifest first: a folder is known as a run's by its `run.json`.
    ///
    /// # Errors
    /// [`RunFolderError::Occupied`] when the folder is not empty and `force` is false, [`RunFolderError::NotARun`]
    /// when it is true but the folder holds no `run.json`, [`RunFolderError::InUse`] when that run goes on;
    /// [`FileError`] when it cannot be made or written in.
    pub fn create(path: &Path, force: bool) -> Result<Self, RunFolderError> {
        let folder = Self { root: path.to_owned() };
        fs::create_dir_all(path).map_err(FileError::on("create the run folder", path))?;
        let mut entries = fs::read_dir(path).map_err(FileError::on("read the run folder", path))?;
        if entries.next().is_some() {
            match (force, folder.manifest().is_file()) {
                (false, _) => return Err(RunFolderError::Occupied(folder.root)),
                (true, false) => return Err(RunFolderError::NotARun(folder.root)),
                (true, true) => {
                    let _lock = RunLock::take(&folder)?;
                    folder.clear()?;
                }
            }
        }
        folder.check_writable()?;
        Ok(folder)
    }

    /// The folder at `path`, whatever is there.
    pub(crate) fn at(path: &Path) -> Self {
        Self { root: path.to_owned() }
    }

    /// The folder under `results/` for new work of this name: its name, with the first free number behind it if that is
    /// taken.
    pub fn free(name: &str) -> PathBuf {
        let folder = |name: &str| Path::new("results").join(name);
        let numbered = (2_u64..).map(|number| folder(&format!("{name}-{number}")));
        let free = std::iter::once(folder(name)).chain(numbered).find(|path| !path.exists());
        free.expect("the numbers do not end")
    }

    /// Opens the folder of an earlier run.
    ///
    /// # Errors
    /// [`RunFolderError::NoManifest`] when there is no `run.json` in it.
    pub fn open(path: &Path) -> Result<Self, RunFolderError> {
        let folder = Self { root: path.to_owned() };
        if folder.manifest().is_file() { Ok(folder) } else { Err(RunFolderError::NoManifest(folder.root)) }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// `config.toml`
    pub fn config(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    /// `run.json`
    pub fn manifest(&self) -> PathBuf {
        self.root.join("run.json")
    }

    /// `progress.csv`
    pub fn progress(&self) -> PathBuf {
        self.root.join("progress.csv")
    }

    /// `eval.csv`
    pub fn eval(&self) -> PathBuf {
        self.root.join("eval.csv")
    }

    /// `monitor/<algo>-seed<k>-env<i>.monitor.csv`
    pub fn monitor(&self, algo: &str, seed: u64, env: usize) -> PathBuf {
        self.root.join("monitor").join(format!("{algo}-seed{seed}-env{env}.monitor.csv"))
    }

    /// `tb/<algo>-seed<k>`: the folder of a training's event file.
    pub fn tensorboard(&self, algo: &str, seed: u64) -> PathBuf {
        self.root.join("tb").join(format!("{algo}-seed{seed}"))
    }

    /// `ckpt/<algo>-seed<k>-{best,last}.safetensors`; the folder is made by [`Self::make_checkpoint_folder`].
    pub fn checkpoint(&self, algo: &str, seed: u64, which: Checkpoint) -> PathBuf {
        let which = match which {
            Checkpoint::Best => "best",
            Checkpoint::Last => "last",
        };
        self.root.join("ckpt").join(format!("{algo}-seed{seed}-{which}.safetensors"))
    }

    /// `ckpt/resume.safetensors`: where the run can go on.
    pub fn resume(&self) -> PathBuf {
        self.root.join("ckpt").join("resume.safetensors")
    }

    /// `.lock`: held by the process that carries out the run.
    pub fn lock(&self) -> PathBuf {
        self.root.join(".lock")
    }

    /// Removes the files that a killed process was writing when it died; none of them is part of the run.
    ///
    /// # Errors
    /// [`FileError`] when one cannot be removed.
    pub fn sweep(&self) -> Result<(), FileError> {
        for folder in [&self.root, &self.root.join("ckpt")] {
            let Ok(entries) = fs::read_dir(folder) else { continue };
            for entry in entries {
                let file = entry.map_err(FileError::on("read the run folder", folder))?.path();
                if file.file_name().is_some_and(|name| is_temporary(&name.to_string_lossy())) {
                    fs::remove_file(&file).map_err(FileError::on("remove", &file))?;
                }
            }
        }
        Ok(())
    }

    /// Makes `ckpt/`.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be made.
    pub fn make_checkpoint_folder(&self) -> Result<(), FileError> {
        make_folder(self.root.join("ckpt"))
    }

    /// `comparison.csv`
    pub fn comparison(&self) -> PathBuf {
        self.root.join("comparison.csv")
    }

    /// `runs/<name>`: the folder of one run of a study or a search.
    pub fn run(&self, name: &str) -> PathBuf {
        self.root.join("runs").join(name)
    }

    /// `report.html`
    pub fn report(&self) -> PathBuf {
        self.root.join("report.html")
    }

    /// `trials.csv`
    pub fn trials(&self) -> PathBuf {
        self.root.join("trials.csv")
    }

    /// `best.toml`
    pub fn best(&self) -> PathBuf {
        self.root.join("best.toml")
    }

    /// `convergence.csv`
    pub fn convergence(&self) -> PathBuf {
        self.root.join("convergence.csv")
    }

    /// `sweep.csv`
    pub fn sweep_table(&self) -> PathBuf {
        self.root.join("sweep.csv")
    }

    /// `axes/<axis>.<ending>`: the picture of an axis of a sweep; the folder is made by [`Self::make_axis_folder`].
    pub fn axis(&self, axis: &str, ending: &str) -> PathBuf {
        self.root.join("axes").join(format!("{axis}.{ending}"))
    }

    /// Makes `axes/`.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be made.
    pub fn make_axis_folder(&self) -> Result<(), FileError> {
        make_folder(self.root.join("axes"))
    }

    /// `<picture>.svg`
    pub fn svg(&self, picture: Picture) -> PathBuf {
        self.root.join(picture.stem()).with_extension("svg")
    }

    /// `<picture>.png`
    pub fn png(&self, picture: Picture) -> PathBuf {
        self.root.join(picture.stem()).with_extension("png")
    }

    fn check_writable(&self) -> Result<(), FileError> {
        let probe = self.root.join(".probe");
        write_atomic(&probe, b"")?;
        fs::remove_file(&probe).map_err(FileError::on("remove", &probe))
    }

    /// Removes what a run writes, by name: whatever else a user put there is not ours to delete. The manifest goes
    /// last, so that an interrupted removal can be repeated.
    fn clear(&self) -> Result<(), FileError> {
        self.clear_runs()?;
        let axes = [("axes", ".svg"), ("axes", ".png")];
        for (folder, ending) in [("monitor", ".monitor.csv"), ("ckpt", ".safetensors")].into_iter().chain(axes) {
            clear_folder(&self.root.join(folder), ending)?;
        }
        self.clear_event_files()?;
        let pictures = [Picture::LearningCurve, Picture::Comparison];
        let pictures = pictures.iter().flat_map(|&picture| [self.svg(picture), self.png(picture)]);
        let tables = [self.config(), self.progress(), self.eval(), self.comparison(), self.trials(), self.best()];
        let tables = tables.into_iter().chain([self.convergence(), self.sweep_table(), self.report()]);
        for file in pictures.chain(tables).chain([self.manifest()]).filter(|file| file.exists()) {
            fs::remove_file(&file).map_err(FileError::on("remove", &file))?;
        }
        Ok(())
    }

    /// Removes event files, with their folders where nothing else lies in them.
    fn clear_event_files(&self) -> Result<(), FileError> {
        let all = self.root.join("tb");
        let Ok(entries) = fs::read_dir(&all) else { return Ok(()) };
        for entry in entries {
            let training = entry.map_err(FileError::on("read the run folder", &all))?.path();
            clear_folder(&training, ".mec-gym")?;
            // A folder that is not empty stays as it is.
            let _ = fs::remove_dir(training);
        }
        let _ = fs::remove_dir(all);
        Ok(())
    }

    /// Removes the runs of a study or a search, with their folders where nothing else lies in them.
    fn clear_runs(&self) -> Result<(), FileError> {
        let runs = self.root.join("runs");
        let Ok(entries) = fs::read_dir(&runs) else { return Ok(()) };
        for entry in entries {
            let run = Self { root: entry.map_err(FileError::on("read the run folder", &runs))?.path() };
            if run.manifest().is_file() {
                run.clear()?;
            }
            for folder in [run.root.join("monitor"), run.root.join("ckpt"), run.root] {
                // A folder that is not empty, or not there, stays as it is.
                let _ = fs::remove_dir(folder);
            }
        }
        let _ = fs::remove_dir(runs);
        Ok(())
    }
}

fn make_folder(folder: PathBuf) -> Result<(), FileError> {
    fs::create_dir_all(&folder).map_err(FileError::on("create folder", &folder))
}

/// Whether a name is one that [`write_atomic`] (`.<process>-<number>-<name>`), a checkpoint (`<name>.<process>.tmp`), a
/// [`Reserve`](super::Reserve) (`.reserve-<process>`) or the check of a folder gives to a file for a moment.
fn is_temporary(name: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = name.strip_prefix('.').unwrap_or_default().splitn(3, '-');
    let atomic = parts.next().is_some_and(digits) && parts.next().is_some_and(digits) && parts.next().is_some();
    let checkpoint = name.strip_suffix(".tmp").and_then(|rest| rest.rsplit_once('.'));
    let checkpoint = checkpoint.is_some_and(|(rest, process)| rest.ends_with(".safetensors") && digits(process));
    atomic || checkpoint || name.strip_prefix(".reserve-").is_some_and(digits) || name == ".probe"
}

fn clear_folder(folder: &Path, ending: &str) -> Result<(), FileError> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let file = entry.map_err(FileError::on("read the run folder", folder))?.path();
        if file.to_string_lossy().ends_with(ending) {
            fs::remove_file(&file).map_err(FileError::on("remove", &file))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_occupied_folder_needs_force_and_the_error_says_so() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a/b");
        let run = RunFolder::create(&path, false).unwrap();
        RunFolder::create(&path, false).expect("still empty");
        fs::write(run.manifest(), "{}").unwrap();
        let error = RunFolder::create(&path, false).unwrap_err();
        assert!(matches!(error, RunFolderError::Occupied(_)));
        assert!(error.to_string().contains("--force") && error.to_string().contains("a/b"), "{error}");
        assert_eq!(RunFolder::open(&path).unwrap(), run);
    }

    #[test]
    fn force_replaces_a_run_and_spares_everything_else() {
        let home = tempfile::tempdir().unwrap();
        let run = RunFolder::create(home.path(), false).unwrap();
        run.make_checkpoint_folder().unwrap();
        let checkpoint = run.checkpoint("sac", 1, Checkpoint::Best);
        for file in [run.manifest(), run.config(), checkpoint.clone(), run.svg(Picture::Comparison)] {
            fs::write(file, "x").unwrap();
        }
        fs::write(home.path().join("notes.md"), "mine").unwrap();
        RunFolder::create(home.path(), true).unwrap();
        assert!(!checkpoint.exists() && !run.manifest().exists() && !run.svg(Picture::Comparison).exists());
        assert!(home.path().join("notes.md").exists());
    }

    #[test]
    fn force_replaces_a_study_with_its_runs_and_spares_everything_else() {
        let home = tempfile::tempdir().unwrap();
        let study = RunFolder::create(home.path(), false).unwrap();
        let run = RunFolder::create(&study.run("dsaco-seed1"), false).unwrap();
        run.make_checkpoint_folder().unwrap();
        let checkpoint = run.checkpoint("dsaco", 1, Checkpoint::Best);
        let events = run.tensorboard("dsaco", 1).join("events.out.tfevents.7.0.mec-gym");
        fs::create_dir_all(events.parent().unwrap()).unwrap();
        for file in [study.manifest(), study.trials(), study.best(), run.manifest(), run.config(), checkpoint, events] {
            fs::write(file, "x").unwrap();
        }
        let notes = study.run("mine").join("notes.md");
        fs::create_dir_all(notes.parent().unwrap()).unwrap();
        fs::write(&notes, "mine").unwrap();
        RunFolder::create(home.path(), true).unwrap();
        assert!(notes.exists() && !run.path().exists() && !study.best().exists() && !study.trials().exists());
    }

    #[test]
    fn force_never_touches_a_folder_without_manifest() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("config.toml"), "thesis").unwrap();
        let error = RunFolder::create(home.path(), true).unwrap_err();
        assert!(matches!(error, RunFolderError::NotARun(_)));
        assert!(home.path().join("config.toml").exists());
        assert!(matches!(RunFolder::open(home.path()), Err(RunFolderError::NoManifest(_))));
    }

    #[test]
    fn a_run_that_goes_on_is_not_replaced() {
        let home = tempfile::tempdir().unwrap();
        let run = RunFolder::create(home.path(), false).unwrap();
        fs::write(run.manifest(), "{}").unwrap();
        let lock = RunLock::take(&run).unwrap();
        assert!(matches!(RunFolder::create(home.path(), true), Err(RunFolderError::InUse(_))));
        assert!(run.manifest().exists());
        drop(lock);
        RunFolder::create(home.path(), true).unwrap();
    }

    #[test]
    fn what_was_half_written_is_swept_up_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let run = RunFolder::create(home.path(), false).unwrap();
        run.make_checkpoint_folder().unwrap();
        let swept = ["ckpt/resume.safetensors.77.tmp", ".77-0-run.json", ".reserve-77", ".probe", "ckpt/.7-12-a.json"];
        let kept = ["ckpt/resume.safetensors", ".lock", "my.77.tmp", ".notes-1-2", "run.json", ".7-a"];
        for name in swept.iter().chain(&kept) {
            fs::write(home.path().join(name), "x").unwrap();
        }
        run.sweep().unwrap();
        assert!(swept.iter().all(|name| !home.path().join(name).exists()));
        assert!(kept.iter().all(|name| home.path().join(name).exists()));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("file"), "").unwrap();
        let error = RunFolder::create(&home.path().join("file/run"), false).unwrap_err();
        assert!(error.to_string().contains("file/run"), "{error}");
    }
}
