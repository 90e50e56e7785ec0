//! The random streams that the card names are those of the code.

use std::fs;

use crate::card;

/// The rows of the card's table of streams: name up to its number, and file.
fn rows(text: &str) -> Vec<(&str, &str)> {
    let section = text.split("## Random streams").nth(1).expect("the card has a section on random streams");
    let rows = section.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| {
        let name = row.split('`').nth(1).expect("a row begins with a name");
        let file = row.split("](../").nth(1).and_then(|rest| rest.split(')').next()).expect("a row ends with a link");
        (name, file)
    });
    cells.collect()
}

#[test]
fn every_stream_of_the_card_is_made_where_it_says() {
    let text = card::text();
    let rows = rows(&text);
    assert!(rows.len() > 8, "{rows:?}");
    for (name, file) in rows.into_iter().filter(|(name, _)| !name.starts_with('<')) {
        let code = fs::read_to_string(card::root().join(file)).unwrap();
        // What comes after a number, or before it when nothing does.
        let parts: Vec<&str> = name.split(['<', '>']).collect();
        let word = if parts.last() == Some(&"") { parts[0] } else { parts[parts.len() - 1] };
        assert!(code.contains(&format!("{word}\"")), "{file} makes no stream {name}");
    }
}

#[test]
fn every_stream_of_the_simulator_is_in_the_card() {
    let text = card::text();
    let rows = rows(&text);
    for file in ["system/arrival.rs", "offload/world/mod.rs", "offload/episodes.rs"] {
        let code = fs::read_to_string(card::root().join("envs/src").join(file)).unwrap();
        let code = code.split("#[cfg(test)]").next().unwrap();
        for call in code.split("stream(").skip(1) {
            let name = call.split(')').next().and_then(|inside| inside.split('"').nth(1));
            let known = |name: &str| rows.iter().any(|(row, _)| row.split('<').next() == Some(name));
            assert!(name.is_none_or(known), "{file} makes the stream {name:?}, which docs/model.md does not name");
        }
    }
}
