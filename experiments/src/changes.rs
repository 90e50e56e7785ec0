//! Changes put over a configuration file (`--set key.path=value`), and which one of them to blame.

use std::fs;
use std::path::Path;

use thiserror::Error;

use crate::files::FileError;

/// A configuration that is no TOML, or of which a field is unknown, of the wrong kind or out of range.
#[derive(Debug, Error)]
#[error("{place}: {message}")]
pub struct Refused {
    /// The file, or the change put over it.
    pub place: String,
    /// What is wrong, where, and what is accepted.
    pub message: String,
}

impl Refused {
    /// The refusal of what stands at `place`.
    pub fn at(place: &str, message: impl ToString) -> Self {
        // The parser says the path on a line of its own.
        let message = message.to_string().trim_end().replace("\nin `", " in `");
        Self { place: place.to_owned(), message }
    }
}

/// Reads a configuration from the text of a file, with `changes` put over it; `place` is named in errors.
///
/// `of_text` reads the file alone, to name its lines; `of_table` reads it with changes.
///
/// # Errors
/// [`Refused`] with the file, or the first change that spoils what could be read without it.
pub(crate) fn read<T>(
    text: &str,
    place: &str,
    changes: &[String],
    of_text: impl FnOnce(&str) -> Result<T, String>,
    of_table: impl Fn(toml::Table) -> Result<T, String>,
) -> Result<T, Refused> {
    let mut table: toml::Table = text.parse().map_err(|error: toml::de::Error| Refused::at(place, error))?;
    // What each change gives, to find the one to blame.
    let mut result = of_text(text).map_err(|message| Refused::at(place, message));
    for change in changes {
        set(&mut table, change)?;
        let changed = of_table(table.clone());
        result = match (changed, result) {
            (Ok(config), _) => Ok(config),
            (Err(message), Ok(_)) => Err(Refused::at(&format!("--set {change}"), message)),
            (Err(_), Err(earlier)) => Err(earlier),
        };
    }
    result
}

/// Puts `key.path=value` into a table; the value is TOML, or else a string.
fn set(table: &mut toml::Table, change: &str) -> Result<(), Refused> {
    let malformed = |message: &str| Refused::at(&format!("--set {change}"), message);
    let (path, value) = change.split_once('=').ok_or_else(|| malformed("there is no '='; accepted is key=value"))?;
    let text = value.trim();
    let parsed = format!("value = {text}").parse::<toml::Table>().ok().and_then(|mut table| table.remove("value"));
    let value = parsed.unwrap_or_else(|| toml::Value::String(text.to_owned()));
    let keys: Vec<&str> = path.trim().split('.').collect();
    if keys.iter().any(|key| key.is_empty()) {
        return Err(malformed("a part of the key is empty; accepted is key=value or table.key=value"));
    }
    put(table, &keys, value).map_err(|key| malformed(&format!("{key} is a value, not a table")))
}

/// Puts a value where these keys lead, one or more, with the tables on the way; the key that leads to no table is the
/// error. A key that is itself written with points, in quotes, is found by its parts.
pub(crate) fn put<'k>(table: &mut toml::Table, keys: &[&'k str], value: toml::Value) -> Result<(), &'k str> {
    let quoted = (2..=keys.len()).find(|&parts| table.contains_key(&keys[..parts].join(".")));
    let (first, rest) = keys.split_at(quoted.unwrap_or(1));
    if rest.is_empty() {
        table.insert(first.join("."), value);
        return Ok(());
    }
    let entry = table.entry(first.join(".")).or_insert_with(|| toml::Value::Table(toml::Table::new()));
    put(entry.as_table_mut().ok_or(first[0])?, rest, value)
}

/// The table of the file `base` in `folder`, with `own` over it; `check` refuses what is wrong with the file alone.
pub(crate) fn over_base(
    base: &toml::Value,
    folder: &Path,
    own: toml::Table,
    check: impl FnOnce(&str, &str) -> Result<(), String>,
) -> Result<toml::Table, String> {
    let at = |message: &dyn ToString| Refused::at("base", message.to_string()).to_string();
    let name = base.as_str().ok_or_else(|| format!("base is {base}; accepted is the path of a configuration"))?;
    let path = folder.join(name);
    let text = fs::read_to_string(&path).map_err(FileError::on("read", &path)).map_err(|error| at(&error))?;
    check(&text, &path.display().to_string()).map_err(|error| at(&error))?;
    let mut table: toml::Table = text.parse().map_err(|error: toml::de::Error| at(&error))?;
    merge(&mut table, own);
    Ok(table)
}

/// Puts every value of `over` into `table`; where both have a table, key by key.
pub(crate) fn merge(table: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (table.get_mut(&key), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(over)) => merge(inner, over),
            (_, value) => drop(table.insert(key, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_put_where_its_path_leads_also_to_a_key_in_quotes() {
        let mut table: toml::Table = "[s]\n\"a.b\" = 1\n\"q.r\" = { e = 7 }\n[s.c]\nd = 2\n".parse().unwrap();
        for (path, value) in [("s.a.b", 3), ("s.q.r.d", 8), ("s.c.d", 4), ("s.c.e", 5), ("t", 6)] {
            put(&mut table, &path.split('.').collect::<Vec<_>>(), value.into()).unwrap();
        }
        assert_eq!(put(&mut table, &["s", "c", "d", "x"], 7.into()), Err("d"));
        let expected: toml::Table =
            "t = 6\n[s]\n\"a.b\" = 3\n\"q.r\" = { d = 8, e = 7 }\n[s.c]\nd = 4\ne = 5\n".parse().unwrap();
        assert_eq!(table, expected);
    }

    #[test]
    fn tables_are_merged_key_by_key_and_everything_else_is_replaced() {
        let mut table: toml::Table = "a = 1\nlist = [1, 2]\n[t]\nx = 1\ny = 2\n".parse().unwrap();
        merge(&mut table, "b = 3\nlist = [4]\n[t]\ny = 5\nz = 6\n".parse().unwrap());
        let expected: toml::Table = "a = 1\nb = 3\nlist = [4]\n[t]\nx = 1\ny = 5\nz = 6\n".parse().unwrap();
        assert_eq!(table, expected);
    }
}
