//! `docs/model.md` against the code: what it links to, what it tables, and numbers worked by hand.

mod card;
mod constants;
mod defaults;
mod equations;
mod observation;
mod streams;
mod worked;

/// With `MEC_GYM_UPDATE=1`, rewrites the generated sections instead of comparing them.
#[test]
fn the_generated_sections_are_what_the_code_says() {
    let sections = [
        ("global entries", observation::global()),
        ("option entries", observation::option()),
        ("prior", observation::prior()),
        ("defaults", defaults::table()),
        ("processors", defaults::processors()),
        ("constants", constants::table()),
        ("worked numbers", worked::table()),
    ];
    let found = card::text();
    let expected = sections.iter().fold(found.clone(), |text, (name, body)| card::with_section(&text, name, body));
    assert_eq!(
        card::section_names(&found),
        sections.each_ref().map(|(name, _)| *name),
        "the sections of docs/model.md"
    );
    if std::env::var_os("MEC_GYM_UPDATE").is_some() {
        return card::write(&expected);
    }
    for (name, body) in &sections {
        let same = card::with_section(&found, name, body) == found;
        let advice = "run the test with MEC_GYM_UPDATE=1 to rewrite it";
        assert!(same, "section {name:?} of docs/model.md is not what the code says; {advice}. The code says:\n{body}");
    }
}
