//! A table of the numbers that the code fixes, read off its text.

use std::fs;

use crate::card::{self, root};

/// File under `envs/src`, constant, unit, what it is.
const CONSTANTS: [(&str, &str, &str, &str); 16] = [
    ("system/link/shannon.rs", "THERMAL_NOISE_DBM_HZ", "dBm/Hz", "k T at 290 K"),
    ("system/link/shannon.rs", "MIN_EFFICIENCY", "bit/s/Hz", "3GPP TS 38.214, table 5.1.3.1-2: QPSK, rate 120/1024"),
    ("system/link/shannon.rs", "MAX_EFFICIENCY", "bit/s/Hz", "3GPP TS 38.214, table 5.1.3.1-2: 256-QAM, rate 948/1024"),
    ("system/link/shannon.rs", "FRAME", "blocks", "only sets what an idle link costs; the process is the same"),
    ("system/link/roaming.rs", "COMPARISON_S", "s", "how often a moving device without fading compares servers"),
    ("offload/world/mod.rs", "LOAD_WINDOW_S", "s", "time constant of the observed load"),
    ("partition/frontier.rs", "TOLERANCE", "1", "what dropping cuts may cost at most"),
    (
        "offload/scenario/validate.rs",
        "SHORTEST_S",
        "s",
        "least slot, horizon, report period, block, phase and foreign service",
    ),
    ("offload/scenario/validate.rs", "LONGEST_S", "s", "greatest of the same"),
    ("offload/scenario/size.rs", "MOST_TASKS", "tasks", "mean tasks per episode; at least 1"),
    ("offload/scenario/validate.rs", "MOST_NODES", "1", "devices, and servers; at least 1 each"),
    ("offload/scenario/validate.rs", "MOST_EXECUTORS", "1", "executors of a server; at least 1"),
    ("offload/scenario/validate.rs", "MOST_PARTS", "1", "parts of a profile; at least 1"),
    ("offload/scenario/validate.rs", "MOST_ROWS", "1", "tasks of a set; at least 1"),
    ("offload/scenario/validate.rs", "SLOWEST_MPS", "m/s", "least speed of a moving device"),
    ("offload/scenario/validate.rs", "FASTEST_MPS", "m/s", "greatest speed of a moving device"),
];

pub fn table() -> String {
    let rows = CONSTANTS.iter().map(|&(file, name, unit, meaning)| {
        let link = format!("[`{name}`](../envs/src/{file})");
        vec![link, value(file, name), unit.to_owned(), meaning.to_owned()]
    });
    card::table(&["constant", "value", "unit", "source or meaning"], &rows.collect::<Vec<_>>())
}

fn value(file: &str, name: &str) -> String {
    let text = fs::read_to_string(root().join("envs/src").join(file)).unwrap();
    let line = text.lines().find(|line| line.contains(&format!("const {name}:")));
    let value = line.and_then(|line| line.trim_end().strip_suffix(';')?.split_once(" = "));
    value.unwrap_or_else(|| panic!("{file} has no line for the constant {name}")).1.to_owned()
}
