//! Every error names file, line and column, what was found and what is accepted.

use mec_envs::trace::{self, MAX_FILE_BYTES, ReadOptions, Split, TraceError};

use crate::{file, links_with, places};

#[track_caller]
fn says(error: TraceError, parts: &[&str]) {
    let message = error.to_string();
    for part in parts {
        assert!(message.contains(part), "{message:?} lacks {part:?}");
    }
}

#[test]
fn errors_of_rates_name_file_line_column_what_was_found_and_what_is_accepted() {
    let cases: &[(&str, &[&str])] = &[
        ("", &["rec.txt, line 1", "no data", "time_s and rate_mbit"]),
        ("# nothing\n\n", &["no data"]),
        ("[a]\n0 1\n1 1\n[b]\n", &["rec.txt, line 5", "no data"]),
        ("[a]\n0 1\n1 1\n[a]\n0 1\n1 1\n", &["line 4", "[name]", "occurs once"]),
        ("[]\n0 1\n1 1\n", &["line 1", "[name]"]),
        ("time_s,rate\n0,1\n", &["line 1", "column rate_mbit occurs 0 times", "time_s,rate", "once"]),
        ("time_s,time_s,rate_mbit\n0,1,1\n", &["column time_s occurs 2 times"]),
        ("time_s,rate_mbit\n0,1\n1\n", &["line 3", "1 columns", "accepted are 2"]),
        ("0 1\n1 2 3\n", &["line 2", "3 columns", "accepted are 2"]),
        ("0 1\n-1 2\n", &["line 2", "column time_s", "\"-1\"", "from 0 to 1e12"]),
        ("0 1\n1 -2\n", &["line 2", "column rate_mbit", "\"-2\"", "from 0 to 1e9"]),
        ("0 1\n1 NaN\n", &["column rate_mbit", "\"NaN\""]),
        ("0 1\ninf 2\n", &["column time_s", "\"inf\""]),
        ("0 1\n1 1e400\n", &["column rate_mbit", "\"1e400\""]),
        ("0 1\n2 2\n1 2\n", &["line 3", "column time_s", "1 s after 2 s", "in order"]),
        ("0 1\n\n2 2\n2 3\n", &["line 4", "column time_s", "2 s twice"]),
        ("0 1\n60 1\n120.5 2\n", &["line 3", "60.5 s without data", "max_gap_s = 60 s"]),
        ("0 0\n1 0\n", &["line 1", "rate_mbit", "every rate is 0"]),
        ("0 5e-324\n1e-6 0\n", &["every rate is 0"]),
        ("# one\n0 1\n", &["line 2", "1 rates", "at least 2"]),
        ("1\n2.5\n", &["line 2", "column time_ms", "\"2.5\"", "whole number of milliseconds"]),
        ("3\n2\n", &["line 2", "column time_ms", "0.002 s after 0.003 s"]),
        ("0\n0\n", &["line 1", "one time"]),
        ("1\n99999\n", &["line 2", "column time_ms", "without data"]),
    ];
    for (text, parts) in cases {
        says(links_with(text, &ReadOptions::default()).unwrap_err(), parts);
    }
    says(links_with(b"0 1\n1 \xff\n", &ReadOptions::default()).unwrap_err(), &["rec.txt, line 2", "UTF-8"]);
    // All that is sent lies in the first 70 %.
    says(links_with("0 1\n1 0\n9 0\n", &ReadOptions::of(Split::Test)).unwrap_err(), &["every rate is 0"]);
}

#[test]
fn errors_of_arrivals_and_positions_name_what_is_wrong_too() {
    let arrivals = |text: &str| {
        let (_folder, path) = file(text);
        trace::arrivals(&path, &ReadOptions::default()).unwrap_err()
    };
    says(arrivals(""), &["line 1", "no data", "TIMESTAMP"]);
    says(arrivals("5\n"), &["1 arrivals", "at least 2"]);
    says(arrivals("5\n5\n"), &["one time"]);
    says(arrivals("0\n1e-300\n"), &["one time"]);
    says(arrivals("5\n4\n"), &["line 2", "column time_s", "4 s after 5 s"]);
    says(arrivals("5\n-\n"), &["line 2", "\"-\"", "seconds"]);
    says(arrivals("gap_ms\n5\n-3\n"), &["line 3", "column gap_ms", "\"-3\"", "milliseconds"]);
    says(arrivals("when\n5\n"), &["column time_s occurs 0 times", "\"when\"", "gap_ms"]);
    let date = "TIMESTAMP\n2023-11-16 18:15:46.68\n2023-11-31 18:15:46.68\n";
    says(arrivals(date), &["line 3", "column TIMESTAMP", "2023-11-31", "2023-11-16 18:15:46.6805900"]);
    says(
        arrivals("TIMESTAMP\n2023-11-16 18:15:46\n2023-11-16 18:15:45\n"),
        &["line 3", "column TIMESTAMP", "-1 s after 0 s"],
    );

    let positions = |lines: &str| places(&format!("time_s,node,x_m,y_m\n{lines}"), Split::All).unwrap_err();
    says(positions(""), &["line 1", "0 lines of positions", "at least 1"]);
    says(positions("0,,1,1\n"), &["line 2", "column node", "\"\"", "name"]);
    says(positions("0,a,1,inf\n"), &["line 2", "column y_m", "\"inf\"", "metres"]);
    says(positions("0,a,1,1\n1,b,1,1\n0,a,1,1\n"), &["line 4", "0 s twice"]);
    says(positions("0,a,1,1\n61,a,1,1\n"), &["line 3", "61 s without data"]);
    says(places("time_s,x_m,y_m\n", Split::All).unwrap_err(), &["column node occurs 0 times"]);
}

#[test]
fn errors_of_sources_and_options_say_what_is_accepted() {
    let read = |source: &str| trace::throughput(source, &ReadOptions::default()).unwrap_err();
    says(read("lumos-5g"), &["throughput", "\"lumos-5g\"", "a path", "lumos-4g, lumos-wifi, fcc"]);
    says(read("azure-llm-code-2023"), &["no throughput recording"]);
    says(read("no/such.txt"), &["no/such.txt"]);
    let folder = tempfile::tempdir().unwrap();
    says(read(&format!("{}/", folder.path().display())), &["without files", "at least one"]);
    let large = folder.path().join("large.txt");
    std::fs::File::create(&large).unwrap().set_len(MAX_FILE_BYTES + 1).unwrap();
    says(read(large.to_str().unwrap()), &["large.txt", "67108864 bytes"]);
    for max_gap_s in [0.0, -1.0, f64::NAN] {
        let options = ReadOptions { max_gap_s, ..ReadOptions::default() };
        says(links_with("0 1\n1 1\n", &options).unwrap_err(), &["option max_gap_s", "above 0"]);
    }
    let options = ReadOptions { bin_ms: 0, ..ReadOptions::default() };
    says(links_with("0 1\n1 1\n", &options).unwrap_err(), &["option bin_ms: 0", "1 to 3600000"]);
}
