//! The page: template, style and script around what is reported.

use super::chart::Chart;
use super::entry::Entry;
use super::html::{escaped, filled, script_json};
use crate::manifest::{Manifest, Status};

const TEMPLATE: &str = include_str!("assets/report.html");
const STYLE: &str = include_str!("assets/report.css");
const SCRIPT: &str = include_str!("assets/report.js");

/// The whole page.
pub(super) fn page(title: &str, entries: &[Entry]) -> String {
    let sections: String = entries.iter().enumerate().map(|(index, entry)| section(index, entry)).collect();
    let charts: Vec<&Vec<Chart>> = entries.iter().map(|entry| &entry.charts).collect();
    let parts = [
        ("title", escaped(title)),
        ("style", STYLE.to_owned()),
        ("contents", contents(entries)),
        ("sections", sections),
        ("data", script_json(&charts)),
        ("script", SCRIPT.to_owned()),
    ];
    filled(TEMPLATE, &parts.each_ref().map(|(name, part)| (*name, part.as_str())))
}

/// Links to the sections, where there are several.
fn contents(entries: &[Entry]) -> String {
    if entries.len() < 2 {
        return String::new();
    }
    let link = |(index, entry): (usize, &Entry)| {
        format!("<li><a href=\"#entry-{index}\">{}</a> ({})</li>\n", escaped(&entry.name), entry.kind)
    };
    let links: String = entries.iter().enumerate().map(link).collect();
    format!("<nav aria-label=\"Contents\">\n<ul>\n{links}</ul>\n</nav>\n")
}

fn section(index: usize, entry: &Entry) -> String {
    let name = escaped(&entry.name);
    let chart = |(number, chart): (usize, &Chart)| {
        format!(
            "<figure class=\"chart\" data-entry=\"{index}\" data-chart=\"{number}\">\n<figcaption><h3>{}</h3>\n<p \
             class=\"note\">{}</p></figcaption>\n</figure>\n",
            escaped(&chart.title),
            escaped(&chart.note)
        )
    };
    let charts: String = entry.charts.iter().enumerate().map(chart).collect();
    let tables: String = entry.tables.iter().map(|table| table.html()).collect();
    format!(
        "<section id=\"entry-{index}\" aria-labelledby=\"heading-{index}\">\n<h2 id=\"heading-{index}\">{name}</h2>\n\
         {facts}{tables}{charts}<details class=\"config\" data-file=\"config.toml\">\n<summary>Configuration</summary>\n\
         <p><button type=\"button\" class=\"download\" hidden>Download config.toml</button></p>\n<div class=\"scroll\" \
         tabindex=\"0\" role=\"region\" aria-label=\"Configuration of {name}\"><pre>{config}</pre></div>\n</details>\n\
         </section>\n",
        facts = facts(entry.kind, &entry.manifest),
        config = escaped(&entry.config),
    )
}

/// What the manifest says that a reader asks for.
fn facts(kind: &str, manifest: &Manifest) -> String {
    let seeds: Vec<String> = manifest.seeds.iter().map(u64::to_string).collect();
    let versions: Vec<String> = manifest.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let mut facts = vec![
        (kind, manifest.run_id.clone()),
        ("status", status(manifest.status).to_owned()),
        ("seeds", seeds.join(", ")),
        ("start", manifest.start.clone()),
        ("end", manifest.end.clone().unwrap_or_default()),
        ("resumed", manifest.resumed.join(", ")),
        ("device", manifest.device.clone()),
        ("revision", manifest.revision.clone().unwrap_or_default()),
        ("versions", versions.join(", ")),
        ("error", manifest.error.clone().unwrap_or_default()),
    ];
    let warning = |warning: &crate::warning::Warning| {
        ("warning", format!("seed {}, step {}: {}", warning.seed, warning.step, warning.message))
    };
    facts.extend(manifest.warnings.iter().map(warning));
    let fact = |(name, value): &(&str, String)| format!("<dt>{name}</dt><dd>{}</dd>\n", escaped(value));
    let known = facts.iter().filter(|(_, value)| !value.is_empty());
    format!("<dl>\n{}</dl>\n", known.map(fact).collect::<String>())
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Running => "running",
        Status::Finished => "finished",
        Status::Stopped => "stopped",
        Status::Failed => "failed",
    }
}
