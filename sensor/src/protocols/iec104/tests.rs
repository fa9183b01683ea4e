//! Frames as bytes; and that cutting them up, or breaking them, changes nothing it must not.

use super::{Iec104Parser, probe, probe_on_port};
use crate::packet::Direction::{ToClient, ToServer};
use crate::protocols::registry::Likeness;
use crate::protocols::testing::told::{Log, Said, cut, read, spoilt, steps, stumble};
use proptest::collection::vec;
use proptest::prelude::*;
use sekisho_signatures::buffers::Buffer;
use serde_json::json;

fn frame(control: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let len = u8::try_from(data.len() + 4).expect("short");
    [&[0x68, len][..], control, data].concat()
}

const START: [u8; 4] = [0x07, 0, 0, 0];
/// To close the breaker with address 1281 of station 10.
const COMMAND: &[u8] = b"\x2d\x01\x06\x00\x0a\x00\x01\x05\x00\x81";

fn exchange() -> Vec<Said> {
    // Measured values with their own addresses, and states that follow each other.
    let measured = b"\x0d\x02\x03\x00\x0a\x00\x01\x00\x00\x00\x00\x20\x41\x00\x09\x00\x00\x00\x00\x80\xbf\x00";
    let states = b"\x01\x83\x14\x00\x0a\x00\x64\x00\x00\x01\x00\x81";
    vec![
        (ToServer, frame(&START, b"")),
        (ToClient, frame(b"\x0b\0\0\0", b"")),
        (ToServer, frame(b"\0\0\0\0", b"\x64\x01\x06\x05\x0a\x00\0\0\0\x14")),
        (
            ToClient,
            [frame(b"\0\0\x02\0", b"\x64\x01\x47\x05\x0a\x00\0\0\0\x14"), frame(b"\x02\0\x02\0", measured)].concat(),
        ),
        (ToServer, frame(b"\x01\0\x04\0", b"")),
        (ToClient, frame(b"\x04\0\x02\0", states)),
        (ToServer, frame(b"\x02\0\x06\0", COMMAND)),
        (ToClient, frame(b"\x06\0\x04\0", b"\x0b\x01\x03\x00\x0a\x00\x02\x00\x00\xfe\xff\x00")),
    ]
}

fn run(said: &[Said]) -> Log {
    read(&mut Iec104Parser::new(), said)
}

#[test]
fn records_of_frames() {
    let log = run(&exchange());
    assert_eq!(log.events(), [""; 0]);
    let records = log.records();
    assert_eq!(records.len(), 8, "all but the acknowledgement");
    assert_eq!(*records[0], json!({"frame": "u", "control": "startdt_act"}));
    assert_eq!(
        *records[3],
        json!({"frame": "i", "send_number": 0, "receive_number": 1, "type": "c_ic_na_1", "cause": "actcon", "negative": true,
            "test": false, "originator": 5, "common_address": 10, "objects": [{"address": 0, "value": 20}]})
    );
    assert_eq!(records[4]["objects"], json!([{"address": 1, "value": 10.0}, {"address": 9, "value": -1.0}]));
    assert_eq!((&records[5]["type"], &records[5]["cause"]), (&json!("m_sp_na_1"), &json!("inrogen")));
    assert_eq!(
        records[5]["objects"],
        json!([{"address": 100, "value": 1}, {"address": 101, "value": 0}, {"address": 102, "value": 1}])
    );
    assert_eq!(records[6]["objects"], json!([{"address": 1281, "value": 1}]));
}

#[test]
fn buffers_of_frames() {
    let log = run(&exchange());
    for (buffer, expected) in [
        (Buffer::Iec104Control, &["7", "11"][..]),
        (Buffer::Iec104Type, &["100", "100", "13", "1", "45", "11"]),
        (Buffer::Iec104Cause, &["6", "7", "3", "20", "6", "3"]),
        (Buffer::Iec104CauseFlags, &["0", "64", "0", "0", "0", "0"]),
        (Buffer::Iec104Originator, &["5", "5", "0", "0", "0", "0"]),
        (Buffer::Iec104ObjectAddress, &["0", "0", "1", "9", "100", "101", "102", "1281", "2"]),
        // Neither real numbers nor those below 0.
        (Buffer::Iec104Value, &["20", "20", "1", "0", "1", "1"]),
    ] {
        assert_eq!(log.all(buffer), expected, "{}", buffer.name());
    }
}

#[test]
fn odd_frames_have_events() {
    let data = |data: &[u8]| vec![(ToServer, frame(b"\0\0\0\0", data))];
    let cases: [(Vec<Said>, &[&str]); 6] = [
        (data(&COMMAND[..5]), &["invalid_length"]),
        (data(&COMMAND[..9]), &["invalid_asdu"]),
        (data(b"\x2d\x00\x06\x00\x0a\x00"), &["invalid_asdu"]),
        (data(b"\xc8\x01\x06\x00\x0a\x00\0\0\0"), &["unknown_type"]),
        (vec![(ToServer, frame(b"\xff\0\0\0", b""))], &["invalid_length"]),
        (vec![(ToServer, [&b"noise"[..], b"h\x01", &frame(&START, b"")].concat())], &["invalid_start"]),
    ];
    for (i, (said, expected)) in cases.into_iter().enumerate() {
        assert_eq!(run(&said).events(), expected, "{i}");
    }
}

#[test]
fn what_begins_like_iec104() {
    let start = frame(&START, b"");
    (0..6).for_each(|n| assert_eq!(probe(ToServer, &start[..n]), Likeness::More, "{n}"));
    assert_eq!((probe(ToServer, &start), probe(ToClient, &start)), (Likeness::Yes, Likeness::No));
    assert_eq!(probe(ToClient, &frame(b"\x0b\0\0\0", b"")), Likeness::Yes);
    let command = frame(b"\0\0\0\0", COMMAND);
    assert_eq!((probe(ToServer, &command), probe_on_port(ToServer, &command)), (Likeness::No, Likeness::Yes));
    assert_eq!((probe(ToServer, b"he"), probe_on_port(ToServer, b"hello there")), (Likeness::No, Likeness::No));
}

proptest! {
    #[test]
    fn cutting_changes_nothing(said in spoilt(exchange()), lengths in vec(1usize..60, 1..20)) {
        prop_assert_eq!(run(&said), run(&cut(&said, &lengths)));
    }

    #[test]
    fn anything_may_come(steps in steps(exchange().into_iter().map(|(_, bytes)| bytes).collect())) {
        let log = stumble(&mut Iec104Parser::new(), &steps);
        prop_assert_eq!(log.completions(), 2 * log.records().len());
    }
}
