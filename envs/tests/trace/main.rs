//! Recorded rates, arrivals and positions against examples worked by hand, and every file that ships.

mod damage;
mod errors;
mod shipped;

use mec_envs::trace::{self, ArrivalTrace, Format, Positions, ReadOptions, Split, Throughput, TraceError};
use mec_envs::units::{Bytes, BytesPerSecond, Metres, Seconds};

/// Bytes per second of one Mbit/s.
const MBIT: f64 = 125_000.0;

/// A folder with one file in it, and the path of that file.
fn file(text: impl AsRef<[u8]>) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rec.txt");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

fn links_with(text: impl AsRef<[u8]>, options: &ReadOptions) -> Result<Vec<Throughput>, TraceError> {
    let (_folder, path) = file(text);
    trace::throughput(&path, options)
}

fn link(text: &str) -> Throughput {
    links_with(text, &ReadOptions::default()).unwrap().remove(0)
}

fn tasks(text: &str) -> ArrivalTrace {
    let (_folder, path) = file(text);
    trace::arrivals(&path, &ReadOptions::default()).unwrap().remove(0)
}

fn places(text: &str, split: Split) -> Result<Positions, TraceError> {
    let (_folder, path) = file(text);
    trace::positions(&path, &ReadOptions::of(split))
}

/// Ends and rates (Mbit/s) of one pass.
fn pass(trace: &Throughput) -> Vec<(f64, f64)> {
    (0..trace.len()).map(|number| trace.segment(number)).map(|segment| (segment.end.0, segment.rate.mbit())).collect()
}

fn times(trace: &ArrivalTrace) -> Vec<f64> {
    (0..trace.len()).map(|number| trace.time(number).0).collect()
}

#[test]
fn two_columns_are_rates_from_their_time_on_and_the_last_lasts_as_long_as_the_one_before() {
    let expected = vec![(1.5, 2.0), (2.0, 0.0), (2.5, 8.0)];
    for text in ["10 2\n11.5 0\n12 8\n", "10,2\r\n\r\n11.5,\t0\r\n12, 8", "\u{feff}# Mbit/s\n10\t2e0\n11.5 0\n12 8 \n"]
    {
        let trace = link(text);
        assert_eq!(pass(&trace), expected, "{text:?}");
        assert_eq!((trace.name(), trace.duration()), ("rec", Seconds(2.5)));
        // 1.5 s at 2 and 0.5 s at 8 Mbit/s are 7 Mbit in 2.5 s.
        assert!((trace.mean_rate().mbit() - 2.8).abs() < 1e-12);
    }
}

#[test]
fn a_csv_file_has_its_columns_in_any_order_and_others_are_ignored() {
    let trace = link("place,\"rate_mbit\",time_s\nhome,4,0\nwork,6,2\n");
    assert_eq!(pass(&trace), [(2.0, 4.0), (4.0, 6.0)]);
}

#[test]
fn packets_of_a_mahimahi_file_are_counted_in_bins() {
    // Bins of 100 ms, of packets of 1,500 B: 0, 40 and 100 ms in the first; 101 twice in the second; none in the third
    // and fourth; 450 ends the file and its bin of 50 ms. Three packets in 0.1 s are 0.36 Mbit/s.
    let trace = link("0\n40\n100\n101\n101\n450\n");
    let expected = [(0.1, 0.36), (0.2, 0.24), (0.4, 0.0), (0.45, 0.24)];
    let found = pass(&trace);
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found.0 - expected.0).abs() < 1e-12 && (found.1 - expected.1).abs() < 1e-12, "{found:?}");
    }
    let total = trace.mean_rate() * trace.duration();
    assert!((total.0 - 6.0 * 1500.0).abs() < 1e-9);
}

#[test]
fn equal_bins_of_a_mahimahi_file_are_one_segment() {
    let options = ReadOptions { bin_ms: 2, format: Format::Mahimahi, ..ReadOptions::default() };
    let trace = links_with("2\n4\n6\n", &options).unwrap().remove(0);
    assert_eq!(pass(&trace), [(0.006, 6.0)]);
}

#[test]
fn a_link_repeats_without_end() {
    let trace = link("0 2\n1 0\n3 8\n");
    assert_eq!(trace.duration(), Seconds(5.0));
    for (time, number) in [(0.0, 0), (0.999, 0), (1.0, 1), (4.9, 2), (5.0, 3), (6.0, 4), (12.5, 7)] {
        assert_eq!(trace.at(Seconds(time)), number, "at {time}");
    }
    assert_eq!(trace.segment(7).end, Seconds(13.0));
    assert_eq!(trace.segment(7).rate, BytesPerSecond(0.0));
    assert_eq!(trace.segment(8).rate, BytesPerSecond(8.0 * MBIT));
}

#[test]
fn a_transfer_ends_when_its_bytes_are_sent() {
    let trace = link("0 0\n1 2\n3 0\n4 8\n");
    // Passes of 5 s with 0, 2, 0 and 8 Mbit/s for 1, 2, 1 and 1 s: 12 Mbit each.
    for (start, mbit, end) in [(0.0, 2.0, 2.0), (2.5, 1.0, 3.0), (2.5, 1.8, 4.1), (4.5, 4.0, 5.0), (4.5, 5.0, 6.5)] {
        let found = trace.transfer_end(Seconds(start), Bytes(mbit * MBIT)).0;
        assert!((found - end).abs() < 1e-12, "{mbit} Mbit from {start}: {found}");
    }
    assert_eq!(trace.transfer_end(Seconds(0.3), Bytes::ZERO), Seconds(0.3));
    assert!((trace.transfer_end(Seconds(1.0), Bytes(1200.0 * MBIT)).0 - 500.0).abs() < 1e-9);
}

#[test]
fn arrivals_are_read_in_each_of_their_forms() {
    let lines = tasks("10\n10.5\n10.5\n12\n");
    assert_eq!(times(&lines), [0.0, 0.5, 0.5, 2.0]);
    // Three gaps in 2 s: a fourth one makes 8/3 s, and 1.5 arrivals per second.
    assert!((lines.duration().0 - 8.0 / 3.0).abs() < 1e-12 && (lines.mean_rate() - 1.5).abs() < 1e-12);
    assert_eq!(tasks("size,time_s\n1,10\n2,10.5\n3,10.5\n4,12\n"), lines);
    assert_eq!(tasks("gap_ms\n7000\n500\n0\n1500\n"), lines);
    let dates =
        ["2023-12-31 23:59:59.5", "2024-01-01 00:00:00.0000000", "2024-01-01T00:00:00Z", "2024-01-01 00:00:01.5"];
    let rows: String = dates.iter().map(|date| format!("{date},7\n")).collect();
    assert_eq!(tasks(&format!("TIMESTAMP,Tokens\n{rows}")), lines);
}

#[test]
fn arrivals_repeat_without_end_and_take_any_mean_rate() {
    let trace = tasks("0\n1\n2\n").with_mean_rate(1.0);
    assert_eq!((trace.len(), trace.duration()), (3, Seconds(3.0)));
    assert_eq!((0..5).map(|number| trace.time(number).0).collect::<Vec<_>>(), [0.0, 1.0, 2.0, 3.0, 4.0]);
    for (time, number) in [(0.0, 0), (0.1, 1), (1.0, 1), (2.5, 3), (3.0, 3), (31.5, 32)] {
        assert_eq!(trace.first_from(Seconds(time)), number, "from {time}");
    }
    let faster = trace.with_mean_rate(4.0);
    assert_eq!(times(&faster), [0.0, 0.25, 0.5]);
    assert!((faster.mean_rate() - 4.0).abs() < 1e-12);
}

#[test]
fn positions_lie_on_straight_lines_between_the_recorded_ones() {
    let text = "time_s,node,x_m,y_m\n5,a,0,0\n6,bus 7,3,-4\n7,a,10,20\n15,a,10,0\n";
    let all = places(text, Split::All).unwrap();
    assert_eq!(all.nodes().iter().map(|node| (node.name(), node.len())).collect::<Vec<_>>(), [("a", 3), ("bus 7", 1)]);
    assert_eq!(all.duration(), Seconds(10.0));
    for (time, x, y) in [(0.0, 0.0, 0.0), (0.5, 2.5, 5.0), (2.0, 10.0, 20.0), (6.0, 10.0, 10.0), (99.0, 10.0, 0.0)] {
        assert_eq!(all.position(0, Seconds(time)), [Metres(x), Metres(y)], "at {time}");
        assert_eq!(all.position(1, Seconds(time)), [Metres(3.0), Metres(-4.0)]);
    }
    // Forwards for 10 s and backwards for 10 s: 12 s are 2 s back from the end, 39.5 s half a second before the start.
    for (time, same) in [(6.0, 6.0), (12.0, 8.0), (20.0, 0.0), (20.5, 0.5), (39.5, 0.5)] {
        assert_eq!(all.there_and_back(0, Seconds(time)), all.position(0, Seconds(same)), "at {time}");
    }
}

#[test]
fn a_file_of_sections_and_a_folder_are_sets_in_order() {
    let set = links_with("# two\n[monday]\n0 1\n1 1\n[ tuesday ]\n0 2\n1 2\n", &ReadOptions::default()).unwrap();
    assert_eq!(set.iter().map(Throughput::name).collect::<Vec<_>>(), ["monday", "tuesday"]);
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("b.txt", "0 1\n1 1\n"), ("a.csv", "time_s,rate_mbit\n0,1\n1,3\n"), (".hidden", "no")] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    std::fs::create_dir(folder.path().join("inner")).unwrap();
    let source = format!("{}/", folder.path().display());
    let set = trace::throughput(&source, &ReadOptions::default()).unwrap();
    assert_eq!(set.iter().map(Throughput::name).collect::<Vec<_>>(), ["a", "b"]);
    let text = "[x]\ntime_s,node,x_m,y_m\n0,1,0,0\n[y]\ntime_s,node,x_m,y_m\n9,1,5,5\n";
    let nodes = places(text, Split::All).unwrap();
    assert_eq!(nodes.nodes().iter().map(|node| node.name()).collect::<Vec<_>>(), ["rec/x/1", "rec/y/1"]);
}

#[test]
fn a_set_is_split_by_recording() {
    let text: String = (0..23).map(|name| format!("[{name}]\n0 1\n1 1\n")).collect();
    let names = |split| {
        let part = links_with(&text, &ReadOptions::of(split)).unwrap();
        part.iter().map(|trace| trace.name().parse::<usize>().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(names(Split::Test), [7, 8, 9, 17, 18, 19]);
    let mut both = [names(Split::Train), names(Split::Test)].concat();
    both.sort_unstable();
    assert_eq!(both, names(Split::All));
}

#[test]
fn a_single_recording_is_split_in_time() {
    let part = |split| links_with("0 1\n5 2\n8 3\n", &ReadOptions::of(split)).unwrap().remove(0);
    // 11 s, of which 7.7 s are for training.
    assert_eq!(pass(&part(Split::All)), [(5.0, 1.0), (8.0, 2.0), (11.0, 3.0)]);
    let (train, test) = (pass(&part(Split::Train)), pass(&part(Split::Test)));
    assert_eq!(train.iter().map(|segment| segment.1).collect::<Vec<_>>(), [1.0, 2.0]);
    assert_eq!(test.iter().map(|segment| segment.1).collect::<Vec<_>>(), [2.0, 3.0]);
    assert!((train[1].0 - 7.7).abs() < 1e-12 && (test[0].0 - 0.3).abs() < 1e-12 && (test[1].0 - 3.3).abs() < 1e-12);

    let (_folder, path) = file((0..10).map(|time| format!("{time}\n")).collect::<String>());
    let arrivals = |split| trace::arrivals(&path, &ReadOptions::of(split)).unwrap().remove(0);
    assert_eq!((arrivals(Split::Train).len(), arrivals(Split::Test).len()), (7, 3));
    assert!((arrivals(Split::Train).duration().0 - 7.0).abs() < 1e-12);
    assert!(arrivals(Split::Test).time(0).0.abs() < 1e-12);
}

#[test]
fn positions_are_split_by_node_or_in_time() {
    let header = "time_s,node,x_m,y_m\n";
    let twelve: String = (0..12).map(|node| format!("0,n{node},{node},0\n")).collect();
    let test = places(&format!("{header}{twelve}"), Split::Test).unwrap();
    assert_eq!(test.nodes().iter().map(|node| node.name()).collect::<Vec<_>>(), ["n7", "n8", "n9"]);
    let one = format!("{header}0,a,0,0\n10,a,100,0\n0,mast,5,5\n2,late,1,1\n3,late,1,1\n");
    let (train, test) = (places(&one, Split::Train).unwrap(), places(&one, Split::Test).unwrap());
    assert_eq!((train.duration(), train.nodes().len()), (Seconds(7.0), 3));
    assert_eq!((test.duration(), test.nodes().len()), (Seconds(3.0), 2));
    assert!((train.position(0, Seconds(7.0))[0].0 - 70.0).abs() < 1e-9);
    assert!((test.position(0, Seconds(0.0))[0].0 - 70.0).abs() < 1e-9);
    assert!((test.position(0, Seconds(3.0))[0].0 - 100.0).abs() < 1e-9);
    let still = places(&format!("{header}0,a,0,0\n"), Split::Train).unwrap_err();
    assert!(matches!(still, TraceError::NoTime { .. }), "{still}");
}
