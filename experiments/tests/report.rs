//! Reports, seen as pages.

use std::fs;
use std::path::Path;

use mec_experiments::report;
use serde_json::Value;

/// Its name is not to end the page.
const HOSTILE: &str = "</script><script>alert(1)</script><!-- \"'&";

const MANIFEST: &str = r#"{
    "run_id": "x-1", "status": "failed", "error": "ERROR", "config_sha256": "0", "config": {}, "seeds": [1, 2],
    "revision": null, "versions": {"mec-gym": "0.1.0"}, "device": "cpu", "cores": 2, "host": "linux/x86_64",
    "command": [], "start": "2026-01-01T00:00:00Z", "end": null
}"#;

/// A run of two seeds, two evaluations and two episodes, beside a scheme with a hostile name.
fn write_run(folder: &Path, name: &str) {
    fs::create_dir_all(folder).unwrap();
    let manifest = MANIFEST.replace("ERROR", &HOSTILE.replace('"', "\\\""));
    fs::write(folder.join("run.json"), manifest).unwrap();
    let config = format!("name = \"{name}\"\nseeds = [1, 2]\nevaluation.episodes = 2\n# {HOSTILE}\n");
    fs::write(folder.join("config.toml"), config).unwrap();
    let mut eval = "run_id,algo,scenario,seed,step,episode,metric,value\n".to_owned();
    for (algo, seed, step) in [("dsaco", 1, 0), ("dsaco", 1, 500), ("dsaco", 2, 0), ("dsaco", 2, 500), (HOSTILE, 0, 0)]
    {
        for episode in [7, 8] {
            let latency = 1.0 + f64::from(seed * 2 + episode - 7) - f64::from(step) / 1000.0;
            let algo = algo.replace('"', "\"\"");
            eval += &format!("x-1,\"{algo}\",s,{seed},{step},{episode},latency_mean_s,{latency}\n");
            eval += &format!("x-1,\"{algo}\",s,{seed},{step},{episode},return,{}\n", -latency);
        }
    }
    // An evaluation that is still being written.
    eval += "x-1,dsaco,s,1,1000,7,latency_mean_s,0.1\nx-1,dsaco,s,1,1000,7,return,-0.1\n";
    fs::write(folder.join("eval.csv"), eval).unwrap();
    let quoted = HOSTILE.replace('"', "\"\"");
    fs::write(folder.join("comparison.csv"), format!("scheme,latency_mean_s\ndsaco,0.123456\n\"{quoted}\",2.5\n"))
        .unwrap();
}

fn reported(folder: &Path) -> String {
    let out = folder.join("report.html");
    report::write(folder, &out).unwrap();
    fs::read_to_string(out).unwrap()
}

/// The data between the script tags.
fn data(page: &str) -> Value {
    let (_, rest) = page.split_once("<script type=\"application/json\" id=\"data\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn no_label_can_end_what_it_stands_in() {
    let home = tempfile::tempdir().unwrap();
    write_run(home.path(), "run");
    let page = reported(home.path());
    assert!(!page.contains("alert(1)</script>") && !page.contains("<script>alert"), "{page}");
    assert_eq!(page.matches("</script>").count(), 2, "the data, and the script");
    let data = data(&page);
    assert_eq!(data[0][0]["views"][0]["levels"][0]["label"], HOSTILE);
    let escaped = "&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;!-- &quot;&#39;&amp;";
    assert!(page.matches(escaped).count() >= 4, "in the facts, the table twice, and the configuration");
}

#[test]
fn a_page_needs_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    write_run(home.path(), "run");
    let page = reported(home.path());
    for outside in ["http://", "https://", "src=", "@import", "url("] {
        let found: Vec<&str> =
            page.lines().filter(|line| line.contains(outside) && !line.contains("www.w3.org/2000/svg")).collect();
        assert!(found.is_empty(), "{outside}: {found:?}");
    }
    assert!(page.contains("default-src 'none'") && page.contains("<html lang=\"en\">"));
}

#[test]
fn curves_are_interquartile_means_of_whole_evaluations_with_bands_over_seeds() {
    let home = tempfile::tempdir().unwrap();
    write_run(home.path(), "run");
    let data = data(&reported(home.path()));
    let view = &data[0][0]["views"][0];
    assert_eq!((view["name"].as_str(), view["lines"][0]["label"].as_str()), (Some("latency_mean_s"), Some("dsaco")));
    let points = view["lines"][0]["points"].as_array().unwrap();
    let of =
        |index: usize| points[index].as_array().unwrap().iter().map(|cell| cell.as_f64().unwrap()).collect::<Vec<_>>();
    // At step 0 the latencies are 3 and 4 under seed 1, 5 and 6 under seed 2: without one of each end 4.5. The resamples
    // in which both episodes have the one seed twice end the interval.
    assert_eq!((points.len(), of(0)), (2, vec![0.0, 4.5, 3.5, 5.5]));
    assert_eq!(of(1), vec![500.0, 4.0, 3.0, 5.0]);
    assert_eq!(view["levels"][0]["value"], 1.5);
    let profile = &data[0][1];
    assert_eq!((profile["title"].as_str(), profile["log_x"].as_bool()), (Some("Performance profiles"), Some(true)));
    let shares = profile["views"][0]["lines"][0]["points"].as_array().unwrap();
    let share = |index: usize| shares[index][1].as_f64().unwrap();
    assert!(
        share(0) == 0.0 && share(shares.len() - 1) == 1.0 && (1..shares.len()).all(|at| share(at) >= share(at - 1))
    );
}

#[test]
fn a_folder_of_runs_has_a_section_for_each_and_links_to_them() {
    let home = tempfile::tempdir().unwrap();
    write_run(&home.path().join("b"), "second");
    write_run(&home.path().join("a"), "first");
    fs::create_dir(home.path().join("notes")).unwrap();
    let page = reported(home.path());
    assert_eq!((page.matches("<section").count(), data(&page).as_array().unwrap().len()), (2, 2));
    let at = |part: &str| page.find(part).unwrap_or_else(|| panic!("{part}"));
    assert!(at("<a href=\"#entry-0\">first</a>") < at("<a href=\"#entry-1\">second</a>"));
    assert_eq!(reported(home.path()), page, "equal folders give equal pages");
}

#[test]
fn folders_without_runs_and_broken_files_are_refused_by_name() {
    let home = tempfile::tempdir().unwrap();
    let refused = |folder: &Path| report::write(folder, &home.path().join("x.html")).unwrap_err().to_string();
    let none = refused(&home.path().join("none"));
    assert!(none.contains("none is no folder; accepted is"), "{none}");
    let empty = refused(home.path());
    assert!(empty.contains("holds no run: neither it nor a folder in it has a run.json"), "{empty}");
    let run = home.path().join("run");
    write_run(&run, "run");
    fs::write(run.join("comparison.csv"), "a,b\n1\n").unwrap();
    let broken = refused(&run);
    assert!(broken.contains("comparison.csv") && broken.contains("line: 2"), "{broken}");
    assert!(!home.path().join("x.html").exists());
}
