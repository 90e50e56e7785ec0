//! The recordings that ship, their list and their checksums.

use std::path::Path;

use mec_envs::trace::{self, Kind, ReadOptions, Split};
use mec_envs::units::Seconds;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// An entry of `TRACES.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    file: String,
    kind: Kind,
    recordings: usize,
    source: String,
    commit: String,
    licence: String,
    licence_note: String,
    citation: String,
    done: String,
    source_sha256: String,
    sha256: String,
}

#[derive(Deserialize)]
struct List {
    trace: Vec<Entry>,
}

fn listed() -> Vec<Entry> {
    let text = std::fs::read_to_string(folder().join("TRACES.toml")).unwrap();
    toml::from_str::<List>(&text).unwrap().trace
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("traces")
}

#[test]
fn the_list_and_the_folder_of_recordings_agree_and_every_checksum_holds() {
    let mut files: Vec<String> =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.retain(|file| file != "TRACES.toml" && file != "LICENCES.md");
    files.sort();
    let entries = listed();
    let mut expected: Vec<String> = entries.iter().map(|entry| entry.file.clone()).collect();
    expected.sort();
    assert_eq!(files, expected);
    let licences = std::fs::read_to_string(folder().join("LICENCES.md")).unwrap();
    let mut total = 0;
    for entry in &entries {
        let bytes = std::fs::read(folder().join(&entry.file)).unwrap();
        total += bytes.len();
        let sum: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(sum, entry.sha256, "{}", entry.file);
        assert!(entry.source.starts_with("https://github.com/") && entry.commit.len() == 40, "{}", entry.name);
        assert!(["MIT", "CC-BY-4.0"].contains(&entry.licence.as_str()) && licences.contains(&entry.file));
        let said = [&entry.licence_note, &entry.citation, &entry.done, &entry.source_sha256];
        assert!(said.iter().all(|text| !text.is_empty()), "{}", entry.name);
    }
    assert!(total < 400_000, "{total} bytes");
}

#[test]
fn every_recording_that_ships_can_be_read_whole_and_in_parts() {
    let entries = listed();
    for kind in [Kind::Throughput, Kind::Arrivals, Kind::Positions] {
        let expected = entries.iter().filter(|entry| entry.kind == kind).map(|entry| entry.name.as_str());
        assert_eq!(trace::names(kind).collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }
    for entry in &entries {
        let count = |split| match entry.kind {
            Kind::Throughput => trace::throughput(&entry.name, &ReadOptions::of(split)).unwrap().len(),
            Kind::Arrivals => trace::arrivals(&entry.name, &ReadOptions::of(split)).unwrap().len(),
            Kind::Positions => trace::positions(&entry.name, &ReadOptions::of(split)).unwrap().nodes().len(),
        };
        assert_eq!(count(Split::All), entry.recordings, "{}", entry.name);
        if entry.recordings >= 10 {
            assert_eq!(count(Split::Train) + count(Split::Test), entry.recordings, "{}", entry.name);
        }
    }
}

#[test]
fn the_recordings_that_ship_are_what_their_sources_say() {
    // 8,819 and 19,366 requests in 57 and 58 minutes: the row counts and the first and last dates of the sources.
    for (name, count, span) in
        [("azure-llm-code-2023", 8_819, 3435.948), ("azure-llm-conversation-2023", 19_366, 3501.722)]
    {
        let trace = trace::arrivals(name, &ReadOptions::default()).unwrap().remove(0);
        assert_eq!(trace.len(), count);
        assert!((trace.time(count - 1).0 - span).abs() < 1e-6, "{name}: {}", trace.time(count - 1));
    }
    let fcc = trace::throughput("fcc", &ReadOptions::default()).unwrap();
    assert_eq!((fcc[0].name(), fcc[0].duration()), ("10322-edition.cnn.com", Seconds(1200.0)));
    let users = trace::positions("eua-users", &ReadOptions::default()).unwrap();
    for node in 0..users.nodes().len() {
        let [x, y] = users.position(node, Seconds::ZERO);
        assert!((-50.0..2200.0).contains(&x.0) && (-50.0..1600.0).contains(&y.0), "{x} {y}");
    }
}
