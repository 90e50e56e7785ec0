//! Tables of what is observed.

use mec_envs::offload::observation::{Entry, GLOBAL, OPTION, PRIOR};

use crate::card::table;

fn entries(entries: &[Entry]) -> String {
    let rows = entries.iter().enumerate().map(|(index, entry)| {
        let name = format!("`{}`", entry.name);
        vec![index.to_string(), name, entry.low.to_string(), entry.high.to_string(), entry.meaning.to_owned()]
    });
    table(&["index", "name", "low", "high", "meaning"], &rows.collect::<Vec<_>>())
}

pub fn global() -> String {
    entries(&GLOBAL)
}

pub fn option() -> String {
    entries(&OPTION)
}

pub fn prior() -> String {
    entries(&[PRIOR])
}
