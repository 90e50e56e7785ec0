//! A training whose numbers become none leaves what was good, and says what and where.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use mec_agents::checkpoint;
use mec_experiments::config::ExperimentConfig;
use mec_experiments::error::RunError;
use mec_experiments::files::RunFolder;
use mec_experiments::manifest::{Manifest, Status};
use mec_experiments::reporter::Reporter;
use mec_experiments::run::{RunOptions, resume, run};

#[test]
fn the_last_good_checkpoint_stays_and_is_named() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/smoke.toml");
    let changes = ["algorithm.critic_lr=1e30", "runtime.checkpoint_every=100", "runtime.steps=600"];
    let config = ExperimentConfig::read(&path, &changes.map(str::to_owned)).unwrap();
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("run");
    let stop = AtomicBool::new(false);
    let options = RunOptions { folder: &folder, force: false, compare: true, stop: &stop };
    let error = run(&config, &options, &mut Reporter::quiet()).unwrap_err();
    let RunError::Diverged { reason, kept, .. } = &error else { panic!("{error}") };
    let folder = RunFolder::open(&folder).unwrap();
    assert!(reason.contains("training diverged") && reason.contains("tensor"), "{error}");
    assert_eq!(kept[0], folder.resume());
    let message = error.to_string();
    for part in ["the last good checkpoint is", "resume.safetensors", "dsaco-seed1-best"] {
        assert!(message.contains(part), "{message}");
    }
    for path in kept {
        assert_eq!(checkpoint::load(path).unwrap().not_finite(""), None, "{}", path.display());
    }
    assert!(!folder.checkpoint("dsaco", 1, mec_experiments::files::Checkpoint::Last).exists());
    let manifest = Manifest::read(&folder).unwrap();
    assert_eq!((manifest.status, manifest.error), (Status::Failed, Some(message.clone())));
    // Nothing has changed, so it diverges again, in the same place.
    let again = resume(folder.path(), &stop, &mut Reporter::quiet()).unwrap_err();
    assert_eq!(again.to_string(), message);
}
