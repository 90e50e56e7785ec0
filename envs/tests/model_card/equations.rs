//! The equations of the card and the items that implement them name each other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::card;

/// An equation's number, a file under `envs/src`, and an item of it.
type Claim = (usize, String, String);

/// What a line that defines an item has before its name.
const KINDS: [&str; 6] = ["fn ", "struct ", "enum ", "const ", "type ", "trait "];

/// The item that a line defines.
fn defined(line: &str) -> Option<&str> {
    let code = line.trim_start();
    let starts = KINDS.iter().filter_map(|kind| {
        let at = code.find(kind).filter(|at| *at == 0 || code[..*at].ends_with(' '))?;
        Some((at, at + kind.len()))
    });
    let (_, start) = starts.min()?;
    let name = code[start..].split(|character: char| !character.is_alphanumeric() && character != '_').next();
    name.filter(|name| !name.is_empty() && !code.starts_with("//"))
}

/// Items with their links, `[`item`](path)`, in a text.
fn links(text: &str) -> Vec<(&str, &str)> {
    let parts = text.split("[`").skip(1);
    parts
        .filter_map(|part| part.split_once("`]("))
        .map(|(item, rest)| (item, rest.split(')').next().unwrap()))
        .collect()
}

/// The numbers and paragraphs of all equations.
fn equations(text: &str) -> Vec<(usize, &str)> {
    let starts = text.split("\n\n").map(str::trim_start).filter_map(|paragraph| paragraph.strip_prefix("**("));
    starts.map(|rest| rest.split_once(")**").expect("an equation has a number")).map(number_first).collect()
}

fn number_first<'a>((number, rest): (&str, &'a str)) -> (usize, &'a str) {
    (number.parse().unwrap_or_else(|_| panic!("{number:?} is no number of an equation")), rest)
}

fn claims_of_the_card(text: &str) -> BTreeSet<Claim> {
    let claims = equations(text).into_iter().flat_map(|(number, paragraph)| {
        let code =
            links(paragraph).into_iter().filter_map(|(item, path)| Some((item, path.strip_prefix("../envs/src/")?)));
        code.map(move |(item, file)| (number, file.to_owned(), item.rsplit("::").next().unwrap().to_owned()))
    });
    claims.collect()
}

/// Every `docs/model.md`, equation N, in the docs of an item.
fn claims_of_the_code() -> BTreeSet<Claim> {
    let source = card::root().join("envs/src");
    let mut claims = BTreeSet::new();
    for path in rust_files(&source) {
        let text = fs::read_to_string(&path).unwrap();
        let file = path.strip_prefix(&source).unwrap().to_string_lossy().replace('\\', "/");
        let lines: Vec<&str> = text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let Some((_, rest)) = line.split_once("`docs/model.md`, equation") else { continue };
            let item = lines[index..].iter().find_map(|line| defined(line));
            let item = item.unwrap_or_else(|| panic!("{file}, line {}: no item follows", index + 1));
            let numbers = rest.trim_start_matches('s').trim().trim_end_matches('.').split(", ");
            claims.extend(numbers.map(|number| (number.parse().unwrap(), file.clone(), item.to_owned())));
        }
    }
    claims
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = paths.flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

#[test]
fn equations_are_numbered_from_one_without_gaps() {
    let text = card::text();
    let numbers: Vec<usize> = equations(&text).into_iter().map(|(number, _)| number).collect();
    assert!(numbers.len() > 50, "{} equations", numbers.len());
    assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>());
}

#[test]
fn every_link_leads_to_a_file_and_an_item_of_that_name() {
    let text = card::text();
    for target in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
        let outside = target.starts_with("http") || target.starts_with('#');
        assert!(
            outside || card::root().join("docs").join(target).exists(),
            "docs/model.md links {target}, which is not there"
        );
    }
    for (item, path) in links(&text).into_iter().filter(|(_, path)| path.ends_with(".rs")) {
        let code = fs::read_to_string(card::root().join("docs").join(path)).unwrap();
        let name = item.rsplit("::").next().unwrap();
        assert!(code.lines().any(|line| defined(line) == Some(name)), "{path} defines no {item}");
    }
}

#[test]
fn an_equation_and_the_item_that_implements_it_name_each_other() {
    let (card, code) = (claims_of_the_card(&card::text()), claims_of_the_code());
    let only_card: Vec<&Claim> = card.difference(&code).collect();
    assert!(only_card.is_empty(), "equations whose items do not cite them: {only_card:?}");
    let only_code: Vec<&Claim> = code.difference(&card).collect();
    assert!(only_code.is_empty(), "items that cite equations which do not link them: {only_code:?}");
}

#[test]
fn definitions_and_links_are_read_off_text() {
    assert_eq!(defined("    pub(super) fn draw(&mut self) -> f64 {"), Some("draw"));
    assert_eq!(defined("pub const MAX: f64 = 1.0;"), Some("MAX"));
    assert_eq!(defined("struct Replay {"), Some("Replay"));
    assert_eq!((defined("/// A fn of time"), defined("let x = 1;")), (None, None));
    assert_eq!(links("a [`b::c`](../d.rs), [e](f)"), [("b::c", "../d.rs")]);
}
