//! The text of the model card and its generated sections.

use std::fs;
use std::path::PathBuf;

const START: &str = "<!-- generated: ";
const END: &str = "<!-- end of generated -->";

/// The root of the workspace.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn path() -> PathBuf {
    root().join("docs/model.md")
}

/// The whole card.
pub fn text() -> String {
    fs::read_to_string(path()).unwrap()
}

/// Puts another card in its place.
pub fn write(text: &str) {
    fs::write(path(), text).unwrap();
}

/// Names of the generated sections, in order.
pub fn section_names(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix(START)?.strip_suffix(" -->")).collect()
}

/// The card with this body between the markers of a section.
pub fn with_section(text: &str, name: &str, body: &str) -> String {
    let marker = format!("{START}{name} -->\n");
    let (before, rest) = text.split_once(&marker).unwrap_or_else(|| panic!("docs/model.md has no section {name:?}"));
    let (_, after) = rest.split_once(END).unwrap_or_else(|| panic!("section {name:?} of docs/model.md has no end"));
    format!("{before}{marker}\n{}\n\n{END}{after}", body.trim())
}

/// A table of Markdown.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let rule = format!("|{}\n", "---|".repeat(head.len()));
    let rows = rows.iter().map(|row| {
        assert_eq!(row.len(), head.len(), "{row:?}");
        line(row.iter().map(|cell| cell.replace('|', "\\|")).collect())
    });
    line(head.iter().map(ToString::to_string).collect()) + &rule + &rows.collect::<String>()
}
