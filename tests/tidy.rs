//! The rules of ARCHITECTURE.md and STYLE.md that a program can check, read off the sources as text.

use std::fs;
use std::path::{Path, PathBuf};

use mec_gym::experiments::plan::Plan;

/// Lines of code, tests aside, that no file may exceed.
const LONGEST_FILE: usize = 600;

/// A source file of a crate.
struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// The text without comment lines and from the first test module on.
    fn code(&self) -> String {
        let code = self.text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
        code.filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
    }
}

fn root() -> PathBuf {
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    folder.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")))
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = paths
        .flat_map(|path| if path.is_dir() { files(&path, extension) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    found.sort();
    found
}

/// The Rust files in these folders, relative to the root; this file is left out.
fn sources(folders: &[&str]) -> Vec<Source> {
    let paths = folders.iter().flat_map(|folder| files(&root().join(folder), "rs"));
    let paths = paths.filter(|path| !path.ends_with("tests/tidy.rs"));
    paths.map(|path| Source { text: fs::read_to_string(&path).unwrap(), path }).collect()
}

fn crate_sources(name: &str) -> Vec<Source> {
    let folders = ["src", "tests", "examples", "benches"].map(|folder| format!("{name}/{folder}"));
    sources(&folders.each_ref().map(String::as_str))
}

fn all_sources() -> Vec<Source> {
    let members = ["envs", "agents", "experiments"].into_iter().flat_map(crate_sources);
    members.chain(sources(&["src", "tests", "examples"])).collect()
}

/// The names that follow `path` (such as `crate::`) anywhere in `code`: `a` in `crate::a::b`, `a` and `b` in
/// `crate::{a::x, b}`.
fn names_after(path: &str, code: &str) -> Vec<String> {
    let starts = code.match_indices(path).filter(|&(at, _)| !code[..at].ends_with(is_word));
    starts.flat_map(|(at, _)| first_names(&code[at + path.len()..])).collect()
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn first_names(rest: &str) -> Vec<String> {
    let word = |text: &str| text.trim_start().chars().take_while(|&character| is_word(character)).collect::<String>();
    let Some(group) = rest.strip_prefix('{') else { return vec![word(rest)] };
    let mut depth = 0_usize;
    let mut names = vec![word(group)];
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(word(&group[at + 1..])),
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

#[test]
fn names_are_read_off_paths_and_groups() {
    assert_eq!(names_after("crate::", "use crate::a::b; let x = crate::c::D;"), ["a", "c"]);
    assert_eq!(names_after("crate::", "use crate::{a::{x, y}, b,\n    c::z,\n};"), ["a", "b", "c"]);
    assert!(names_after("crate::", "use my_crate::a;").is_empty());
}

#[test]
fn crates_import_to_the_left() {
    let forbidden: [(&str, &[&str]); 3] = [
        ("envs", &["mec_agents::", "mec_experiments::", "mec_gym::", "burn::"]),
        ("agents", &["mec_experiments::", "mec_gym::"]),
        ("experiments", &["mec_gym::"]),
    ];
    for (name, words) in forbidden {
        for source in crate_sources(name) {
            for word in words {
                let found = source.code().match_indices(word).count();
                assert_eq!(found, 0, "{} names {word}, which lies to its right", source.path.display());
            }
        }
        let manifest = fs::read_to_string(root().join(name).join("Cargo.toml")).unwrap();
        for word in words.iter().map(|word| word.trim_end_matches("::").replace('_', "-")) {
            let depends = manifest.lines().any(|line| line.starts_with(&format!("{word}.")));
            assert!(!depends, "{name}/Cargo.toml depends on {word}");
        }
    }
}

#[test]
fn agents_see_only_the_gym_and_the_generators() {
    for source in crate_sources("agents") {
        for name in names_after("mec_envs::", &source.code()) {
            let allowed = ["gym", "rng"].contains(&name.as_str());
            assert!(allowed, "{} imports mec_envs::{name}; agents may import gym and rng", source.path.display());
        }
    }
}

#[test]
fn modules_import_only_earlier_ones() {
    for name in ["envs", "agents", "experiments", "."] {
        let folder = root().join(name).join("src");
        let lib = fs::read_to_string(folder.join("lib.rs")).unwrap();
        let declared: Vec<&str> = lib
            .lines()
            .filter_map(|line| line.strip_prefix("pub mod ").or(line.strip_prefix("mod "))?.strip_suffix(';'))
            .collect();
        let position = |module: &str| declared.iter().position(|declared| *declared == module);
        for source in sources(&[&format!("{name}/src")]) {
            let inner = source.path.strip_prefix(&folder).unwrap();
            let module = Path::new(inner.iter().next().unwrap()).with_extension("");
            let Some(own) = position(&module.to_string_lossy()) else { continue };
            for imported in names_after("crate::", &source.code()) {
                let earlier = position(&imported).is_none_or(|imported| imported <= own);
                let path = source.path.display();
                assert!(earlier, "{path} imports crate::{imported}, which lib.rs declares after its own module");
            }
        }
    }
}

#[test]
fn paths_in_the_documents_exist() {
    for document in ["ARCHITECTURE.md", "CONTRIBUTING.md", "STYLE.md"] {
        let text = fs::read_to_string(root().join(document)).unwrap();
        let code_spans = text.split('`').skip(1).step_by(2);
        let named = |span: &&str| {
            let plain = span.chars().all(|character| is_word(character) || "./-".contains(character));
            plain && (span.contains('/') || span.ends_with(".md")) && !span.starts_with('-')
        };
        for path in code_spans.filter(named) {
            assert!(root().join(path).exists(), "{document} names {path}, which does not exist");
        }
    }
}

#[test]
fn every_configuration_parses() {
    for path in files(&root().join("experiments/configs"), "toml") {
        if let Err(error) = Plan::read(&path, &[]) {
            panic!("{error}");
        }
    }
}

#[test]
fn files_are_short_and_say_what_they_are() {
    for source in all_sources() {
        let (path, lines) = (source.path.display(), source.code().lines().count());
        assert!(lines <= LONGEST_FILE, "{path} has {lines} lines of code; {LONGEST_FILE} are the limit");
        let documented = ["//!", "#![doc ="].iter().any(|start| source.text.starts_with(start));
        assert!(documented, "{path} does not begin with its documentation (//!)");
    }
}

#[test]
fn only_the_replay_of_a_recording_is_unsafe() {
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    let count = |source: &Source| source.text.lines().filter(is_code).filter(|line| line.contains("unsafe")).count();
    let found: Vec<_> = all_sources().iter().map(|source| (source.path.clone(), count(source))).collect();
    let found: Vec<_> = found.into_iter().filter(|&(_, count)| count > 0).collect();
    // The lint's exception, and the block that it is for.
    assert_eq!(found, [(root().join("agents/src/nn/recorded.rs"), 2)]);
}

#[test]
fn nothing_draws_from_a_global_generator() {
    for source in all_sources() {
        let code = source.text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for (line, text) in code.enumerate() {
            for global in ["Tensor::random", "thread_rng", "rand::rng("] {
                let path = source.path.display();
                assert!(
                    !text.contains(global),
                    "{path}, code line {}: {global} draws from a global generator",
                    line + 1
                );
            }
        }
    }
}
