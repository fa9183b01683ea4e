//! Segments that overlap with different data, as the systems of receivers take them.

use super::*;
use crate::host_os::{HostOs, HostOsConfig, HostOsTable};
use proptest::prelude::*;
use std::sync::Arc;

const POLICIES: [OverlapPolicy; 6] = [
    OverlapPolicy::First,
    OverlapPolicy::Last,
    OverlapPolicy::Bsd,
    OverlapPolicy::OldLinux,
    OverlapPolicy::Linux,
    OverlapPolicy::Solaris,
];

fn open(overlap: OverlapPolicy, deliver: Delivery) -> Talk {
    let mut talk = Talk::new(StreamConfig { overlap, deliver, ..StreamConfig::default() });
    talk.handshake(0, 1000);
    talk
}

/// What is delivered of segments that come, in this order, behind a hole of one byte, which `.` fills in the end.
fn delivered(overlap: OverlapPolicy, segments: &[(u32, &str)]) -> String {
    let mut t = open(overlap, Delivery::Arrived);
    for (at, text) in segments {
        t.client(ACK, 2 + at, 1001, text.as_bytes());
    }
    t.client(ACK, 1, 1001, b".");
    t.close();
    String::from_utf8_lossy(&t.record.bytes[0][1..]).into_owned()
}

type Text = (u32, &'static str);

/// Every way in which two segments can lie to each other: Novak and Sturges, "Target-Based TCP Stream Reassembly" (2007).
#[test]
fn two_segments_in_every_relation() {
    // The earlier one, the later one, and what First, Last, Bsd, OldLinux, Linux and Solaris make of them.
    let table: [(Text, Text, [&str; 6]); 9] = [
        // Starts before it, and ends before, with, after it.
        ((1, "aaa"), (0, "bbb"), ["baaa", "bbba", "bbba", "bbba", "bbba", "baaa"]),
        ((1, "aa"), (0, "bbb"), ["baa", "bbb", "bbb", "bbb", "bbb", "bbb"]),
        ((1, "a"), (0, "bbb"), ["bab", "bbb", "bbb", "bbb", "bbb", "bbb"]),
        // Starts with it.
        ((0, "aaa"), (0, "bb"), ["aaa", "bba", "aaa", "aaa", "aaa", "aaa"]),
        ((0, "aaa"), (0, "bbb"), ["aaa", "bbb", "aaa", "bbb", "aaa", "bbb"]),
        ((0, "aa"), (0, "bbb"), ["aab", "bbb", "aab", "bbb", "bbb", "bbb"]),
        // Starts after it.
        ((0, "aaa"), (1, "b"), ["aaa", "aba", "aaa", "aaa", "aaa", "aaa"]),
        ((0, "aaa"), (1, "bb"), ["aaa", "abb", "aaa", "aaa", "aaa", "aaa"]),
        ((0, "aaa"), (1, "bbb"), ["aaab", "abbb", "aaab", "aaab", "aaab", "abbb"]),
    ];
    for (earlier, later, expected) in table {
        for (policy, expected) in POLICIES.into_iter().zip(expected) {
            assert_eq!(delivered(policy, &[earlier, later]), expected, "{policy:?}: {earlier:?}, then {later:?}");
        }
    }
}

/// The sequence of Shankar and Paxson, "Active Mapping" (2003), sent as segments.
#[test]
fn a_sequence_of_overlaps() {
    let segments = [(0, "111"), (4, "22"), (6, "333"), (1, "4444"), (6, "555"), (9, "666")];
    for (policy, expected) in [
        (OverlapPolicy::First, "111422333666"),
        (OverlapPolicy::Last, "144442555666"),
        (OverlapPolicy::Bsd, "111442333666"),
        (OverlapPolicy::OldLinux, "111442555666"),
        (OverlapPolicy::Linux, "111442333666"),
        (OverlapPolicy::Solaris, "144422555666"),
    ] {
        assert_eq!(delivered(policy, &segments), expected, "{policy:?}");
    }
}

/// The client's bytes are taken as the server's system takes them, and the other way round.
#[test]
fn the_receivers_system_decides() {
    let mut config = HostOsConfig::default();
    config.0.insert(HostOs::Last, vec![String::from("10.0.0.2/32").try_into().unwrap()]);
    config.0.insert(HostOs::First, vec![String::from("10.0.0.0/24").try_into().unwrap()]);
    let mut t = Talk::new(StreamConfig { overlap: OverlapPolicy::Solaris, ..StreamConfig::default() });
    t.engine = t.engine.with_hosts(Arc::new(HostOsTable::new(&config)));
    t.handshake(0, 1000);
    for text in [b"aaa", b"bbb"] {
        t.client(ACK, 2, 1001, text);
        t.server(ACK, 1002, 1, text);
    }
    t.client(ACK, 1, 1001, b".");
    t.server(ACK, 1001, 1, b".");
    assert_eq!(t.record.bytes, [b".bbb".to_vec(), b".aaa".to_vec()]);
    t.close();
}

/// Borders cost pieces; where there is no room for more of them the bytes are still those of one of the segments.
#[test]
fn at_the_limit_nothing_is_lost() {
    let config = StreamConfig { overlap: OverlapPolicy::Bsd, max_out_of_order_blocks: 2, ..StreamConfig::default() };
    let mut t = Talk::new(config);
    t.handshake(0, 1000);
    t.client(ACK, 7, 1001, b"aaaa");
    t.client(ACK, 6, 1001, b"bbbb");
    t.client(ACK, 1, 1001, b".....");
    assert_eq!(t.record.bytes[0], b".....bbbba");
    assert!(t.record.gaps[0].is_empty());
    t.close();
}

/// The bytes by the policy, each decided on its arrival by the segment that holds it.
fn expected(policy: OverlapPolicy, segments: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut bytes: Vec<Option<(u8, (u64, u64))>> = vec![None; 80];
    for (at, data) in segments {
        let from = (*at, at + data.len() as u64);
        for (place, byte) in bytes.iter_mut().skip(*at as usize).zip(data) {
            if place.is_none_or(|(_, earlier)| policy.later_wins(earlier, from)) {
                *place = Some((*byte, from));
            }
        }
    }
    bytes.into_iter().map_while(|b| b.map(|(byte, _)| byte)).collect()
}

proptest! {
    #[test]
    fn each_byte_is_that_of_the_segment_that_the_policy_takes(
        which in 0usize..6,
        behind in proptest::collection::vec((1u64..30, 1usize..20), 0..24),
        first in 1usize..20,
        acknowledged in any::<bool>(),
    ) {
        let policy = POLICIES[which];
        let mut segments: Vec<(u64, Vec<u8>)> =
            behind.iter().zip(1u8..).map(|((at, len), mark)| (*at, vec![mark; *len])).collect();
        segments.push((0, vec![b'.'; first]));
        let deliver = if acknowledged { Delivery::Acknowledged } else { Delivery::Arrived };
        let mut t = open(policy, deliver);
        for (at, data) in &segments {
            t.client(ACK, 1 + *at as u32, 1001, data);
        }
        let expected = expected(policy, &segments);
        t.server(ACK, 1001, 1 + expected.len() as u32, b"");
        prop_assert_eq!(&t.record.bytes[0], &expected);
        t.close();
    }
}
