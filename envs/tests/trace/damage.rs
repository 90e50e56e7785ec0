//! Drawn cases: no file makes the readers panic, transfers end where they should, and splits are splits.

use mec_envs::trace::{self, Format, ReadOptions, Split, Throughput};
use mec_envs::units::{Bytes, BytesPerSecond, Seconds};
use proptest::prelude::*;

use crate::{MBIT, file, links_with};

const VALID: [&str; 5] = [
    "0 1.5\n1 2\n2 0\n",
    "[a]\n5\n5\n120\n[b]\n0\n7\n",
    "time_s,rate_mbit\n0,1\n2,3\n",
    "TIMESTAMP,n\n2023-11-16 18:15:46.6805900,3\n2023-11-16 18:15:47,3\n",
    "time_s,node,x_m,y_m\n0,a,1,2\n3,a,2,2\n1,b,0,0\n",
];

/// Reads bytes as everything, and uses what comes out.
fn survive(bytes: &[u8]) {
    let (_folder, path) = file(bytes);
    for split in [Split::All, Split::Train, Split::Test] {
        for format in [Format::Auto, Format::Pensieve, Format::Mahimahi, Format::Csv] {
            let options = ReadOptions { split, format, max_gap_s: f64::INFINITY, ..ReadOptions::default() };
            for trace in trace::throughput(&path, &options).unwrap_or_default() {
                let (start, number) = (trace.duration() * 0.3, trace.at(trace.duration() * 1.7));
                assert!(trace.segment(number).end.0 > trace.duration().0 * 1.7);
                assert!(trace.transfer_end(start, trace.mean_rate() * trace.duration()).0 >= start.0);
            }
        }
        let options = ReadOptions::of(split);
        for trace in trace::arrivals(&path, &options).unwrap_or_default() {
            assert!(trace.time(trace.first_from(trace.duration() * 0.5)).0 >= trace.duration().0 * 0.5);
        }
        if let Ok(positions) = trace::positions(&path, &options) {
            let [x, y] = positions.there_and_back(0, Seconds(1e6));
            assert!(x.0.is_finite() && y.0.is_finite());
        }
    }
}

/// The end of a transfer, found segment by segment.
fn walked(trace: &Throughput, start: f64, bytes: f64) -> f64 {
    let (mut number, mut time, mut left) = (trace.at(Seconds(start)), start, bytes);
    loop {
        let segment = trace.segment(number);
        let capacity = segment.rate.0 * (segment.end.0 - time);
        if left <= capacity {
            return time + left / segment.rate.0;
        }
        (left, time, number) = (left - capacity, segment.end.0, number + 1);
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_readers_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survive(&bytes);
    }

    #[test]
    fn no_text_of_likely_characters_makes_the_readers_panic(text in "[-0-9a-z.,:#TZ\\[\\] \n]{0,60}") {
        survive(text.as_bytes());
    }

    #[test]
    fn no_damage_to_a_valid_file_makes_the_readers_panic(
        which in 0..VALID.len(),
        at in any::<prop::sample::Index>(),
        length in 0..4_usize,
        with in "[-0-9e.,\n\\[é]{0,4}",
    ) {
        let mut bytes = VALID[which].as_bytes().to_vec();
        let at = at.index(bytes.len());
        let end = (at + length).min(bytes.len());
        bytes.splice(at..end, with.bytes());
        survive(&bytes);
    }

    #[test]
    fn a_transfer_ends_where_walking_the_segments_ends(
        segments in prop::collection::vec((0.01..5.0_f64, prop_oneof![Just(0.0), 0.1..50.0_f64]), 1..12),
        start in 0.0..200.0_f64,
        mbit in 0.001..500.0_f64,
    ) {
        prop_assume!(segments.iter().any(|segment| segment.1 > 0.0));
        let segments = segments.into_iter().map(|(time, rate)| (Seconds(time), BytesPerSecond::from_mbit(rate)));
        let trace = Throughput::from_segments("drawn", segments);
        let expected = walked(&trace, start, mbit * MBIT);
        let found = trace.transfer_end(Seconds(start), Bytes(mbit * MBIT)).0;
        prop_assert!((found - expected).abs() < 1e-6 * expected.max(1.0), "{found} {expected}");
    }

    #[test]
    fn training_and_testing_share_no_recording_and_miss_none(count in 10..80_usize) {
        let text: String = (0..count).map(|name| format!("[{name}]\n0 1\n1 1\n")).collect();
        let names = |split| {
            let part = links_with(&text, &ReadOptions::of(split)).unwrap();
            part.iter().map(|trace| trace.name().to_owned()).collect::<std::collections::BTreeSet<_>>()
        };
        let (train, test) = (names(Split::Train), names(Split::Test));
        prop_assert!(train.is_disjoint(&test) && !test.is_empty());
        prop_assert_eq!(train.len() + test.len(), count);
    }
}
