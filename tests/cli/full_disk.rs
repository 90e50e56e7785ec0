//! A disk that runs full, and files that may not grow.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::Command;

use crate::files::check_whole;
use crate::{Answer, manifest, run_smoke, smoke};

/// Runs the smoke configuration on a disk of its own with `size`, and copies what it left to `to`. `None` where such a
/// disk cannot be had.
fn on_disk_of(size: &str, home: &Path, to: &Path) -> Option<Answer> {
    let disk = home.join("disk");
    std::fs::create_dir_all(&disk).unwrap();
    // The mount is seen by this shell alone, and ends with it.
    let script = r#"mount -t tmpfs -o "size=$1" tmpfs "$2" || exit 99
        "$3" run "$4" --quiet --out "$2/run"; code=$?; cp -r "$2/run" "$5"; exit $code"#;
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", script, "sh", size])
        .arg(&disk)
        .args([env!("CARGO_BIN_EXE_mec-gym"), &smoke()])
        .arg(to)
        .output();
    let answer = Answer::of(&output.ok()?);
    (answer.code != 99 && !answer.err.contains("unshare")).then_some(answer)
}

#[test]
fn a_disk_that_runs_full_is_said_and_leaves_whole_files() {
    let home = tempfile::tempdir().unwrap();
    for size in ["64k", "84k", "120k", "160k", "240k"] {
        let run = home.path().join(size);
        let Some(answer) = on_disk_of(size, home.path(), &run) else {
            println!("skipped: only root can mount a small disk");
            return;
        };
        answer.refused(1, &["No space left on device", "/run/"]);
        let manifest = manifest(&run);
        assert_eq!(manifest["status"], "failed", "{size}: {manifest}");
        assert!(manifest["error"].as_str().unwrap().contains("No space left on device"), "{size}");
        check_whole(&run);
    }
}

#[test]
fn a_file_that_may_not_grow_is_said_and_leaves_whole_files() {
    let home = tempfile::tempdir().unwrap();
    // In blocks of 512 bytes: the manifest fits, then the checkpoint does not, then the pictures do not.
    for blocks in [16, 64, 110] {
        let run = home.path().join(blocks.to_string());
        let script = r#"trap "" XFSZ; ulimit -f "$1"; exec "$2" run "$3" --quiet --out "$4""#;
        let output = Command::new("sh")
            .args(["-c", script, "sh", &blocks.to_string(), env!("CARGO_BIN_EXE_mec-gym"), &smoke()])
            .arg(&run)
            .output()
            .unwrap();
        Answer::of(&output).refused(1, &["File too large", run.to_str().unwrap()]);
        assert_eq!(manifest(&run)["status"], "failed");
        check_whole(&run);
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named_and_nothing_is_made() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    std::fs::write(&file, "x").unwrap();
    for out in [file.join("run"), file, "/proc/run".into(), "/dev/null".into()] {
        run_smoke(&out, &[]).refused(1, &["run folder", out.to_str().unwrap()]);
    }
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);
}
