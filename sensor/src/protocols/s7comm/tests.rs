//! Exchanges as bytes; and that cutting them up, or breaking them, changes nothing it must not.

use super::{MESSAGE_LIMIT, S7commParser, TRANSACTION_LIMIT, probe};
use crate::packet::Direction::{ToClient, ToServer};
use crate::protocols::registry::Likeness;
use crate::protocols::testing::told::{Log, Said, cut, read, spoilt, steps, stumble};
use proptest::collection::vec;
use proptest::prelude::*;
use sekisho_signatures::buffers::Buffer;
use serde_json::json;

fn packet(transport: &[u8]) -> Vec<u8> {
    let len = u16::try_from(transport.len() + 4).expect("short");
    [&[3, 0][..], &len.to_be_bytes(), transport].concat()
}

fn connect(code: u8) -> Vec<u8> {
    packet(&[&[0x11, code][..], b"\0\0\0\x01\0\xc0\x01\x0a\xc1\x02\x01\0\xc2\x02\x01\x02"].concat())
}

fn message(rosctr: u8, reference: u16, error: &[u8], parameters: &[u8], data: &[u8]) -> Vec<u8> {
    let len = |part: &[u8]| u16::try_from(part.len()).expect("short").to_be_bytes();
    [&[0x32, rosctr, 0, 0][..], &reference.to_be_bytes(), &len(parameters), &len(data), error, parameters, data]
        .concat()
}

fn data(message: &[u8]) -> Vec<u8> {
    packet(&[b"\x02\xf0\x80", message].concat())
}

fn job(reference: u16, parameters: &[u8], body: &[u8]) -> Vec<u8> {
    data(&message(1, reference, b"", parameters, body))
}

fn answer(reference: u16, error: &[u8; 2], parameters: &[u8], body: &[u8]) -> Vec<u8> {
    data(&message(3, reference, error, parameters, body))
}

const READ: &[u8] =
    b"\x04\x02\x12\x0a\x10\x02\x00\x10\x00\x07\x84\x00\x00\x50\x12\x0a\x10\x01\x00\x01\x00\x00\x83\x00\x00\x0b";
const DOWNLOAD: &[u8] = b"\x1a\0\x01\0\0\0\0\0\x09_0800001P\x0d1000100000044";
const SZL: &[u8] = b"\0\x01\x12\x04\x11\x44\x01\x00";

fn exchange() -> Vec<Said> {
    vec![
        (ToServer, connect(0xe0)),
        (ToClient, connect(0xd0)),
        (ToServer, job(1, b"\xf0\0\0\x01\0\x01\x01\xe0", b"")),
        (ToClient, answer(1, b"\0\0", b"\xf0\0\0\x01\0\x01\0\xf0", b"")),
        (ToServer, [job(2, READ, b""), data(&message(7, 3, b"", SZL, b"\xff\x09\0\x04\x00\x1c\0\0"))].concat()),
        (ToClient, data(&message(7, 3, b"", b"\0\x01\x12\x08\x12\x84\x01\x01\0\0\0\0", b"\xff\x09\0\x04\x00\x1c\0\0"))),
        (ToClient, answer(2, b"\0\0", b"\x04\x02", b"\xff\x04\0\x80data...........\0\xff\x03\0\x01\x01")),
        (ToServer, job(4, DOWNLOAD, b"")),
        (ToClient, answer(4, b"\0\0", b"\x1a", b"")),
        // The controller asks for the block.
        (ToClient, job(0x8001, b"\x1b\0\0\0\0\0\0\0\x09_0800001P", b"")),
        (ToServer, answer(0x8001, b"\0\0", b"\x1b\0", b"\0\x04\0\xfbpppp")),
        (ToServer, job(5, b"\x28\0\0\0\0\0\0\xfd\0\x0a\x01\x000800001P\x05_INSE", b"")),
        (ToClient, answer(5, b"\0\0", b"\x28", b"")),
        (ToServer, job(6, b"\x29\0\0\0\0\0\x09P_PROGRAM", b"")),
        (ToClient, data(&message(2, 6, b"\x81\x04", b"", b""))),
        (ToClient, data(&message(7, 0, b"", b"\0\x01\x12\x08\x12\x02\x01\0\0\0\0\0", b"\xff\x09\0\0"))),
    ]
}

fn run(said: &[Said]) -> Log {
    read(&mut S7commParser::new(), said)
}

#[test]
fn records_of_exchanges() {
    let log = run(&exchange());
    assert_eq!(log.events(), [""; 0]);
    let records = log.records();
    assert_eq!(records.len(), 8);
    assert_eq!(
        *records[0],
        json!({"request": {"rosctr": "job", "reference": 1, "function": "setup_communication", "pdu_length": 480, "data_length": 0},
            "response": {"rosctr": "ack_data", "reference": 1, "error_class": 0, "error_code": 0,
                "function": "setup_communication", "pdu_length": 240, "data_length": 0}})
    );
    assert_eq!((&records[1]["request"]["group"], &records[1]["request"]["szl_id"]), (&json!("cpu"), &json!(0x1c)));
    assert_eq!(
        records[2]["request"]["items"],
        json!([{"area": "data_block", "db": 7, "byte": 10, "bit": 0, "transport_size": 2, "count": 16},
            {"area": "flags", "byte": 1, "bit": 3, "transport_size": 1, "count": 1}])
    );
    assert_eq!(
        records[3]["request"]["block"],
        json!({"name": "_0800001P", "type": "OB", "number": 1, "filesystem": "passive"})
    );
    assert_eq!(records[4]["request"]["function"], "download_block");
    assert_eq!(records[4]["response"]["data_length"], 8);
    assert_eq!(
        (&records[5]["request"]["service"], &records[5]["request"]["argument"]),
        (&json!("_INSE"), &json!("\u{1}\u{0}0800001P"))
    );
    assert_eq!(
        (&records[6]["request"]["service"], &records[6]["response"]["error_class"]),
        (&json!("P_PROGRAM"), &json!(0x81))
    );
    assert_eq!(records[7]["request"]["group"], "cyclic data");
}

#[test]
fn buffers_of_exchanges() {
    let log = run(&exchange());
    for (buffer, expected) in [
        (Buffer::S7commFunction, &["240", "240", "4", "4", "26", "26", "27", "27", "40", "40", "41"][..]),
        (Buffer::S7commArea, &["132", "131"]),
        (Buffer::S7commDb, &["7", "0"]),
        (Buffer::S7commAddress, &["80", "11"]),
        (Buffer::S7commBlock, &["_0800001P", "_0800001P"]),
        (Buffer::S7commService, &["_INSE", "P_PROGRAM"]),
        (Buffer::S7commError, &["0", "0", "0", "0", "0", "33028"]),
        (Buffer::S7commGroup, &["4", "4", "2"]),
        (Buffer::S7commSzlId, &["28", "28"]),
    ] {
        assert_eq!(log.all(buffer), expected, "{}", buffer.name());
    }
}

#[test]
fn a_message_may_come_in_several_packets() {
    let whole = message(1, 2, b"", READ, b"");
    let (first, second) = whole.split_at(15);
    let part = |last: u8, bytes: &[u8]| packet(&[&[2, 0xf0, last], bytes].concat());
    let log = run(&[(ToServer, [part(0, first), part(0x81, second)].concat())]);
    assert_eq!((log.all(Buffer::S7commDb), log.events()), (vec!["7".to_owned(), "0".to_owned()], vec![]));
}

#[test]
fn what_can_be_read_of_a_broken_job_is_seen() {
    let log = run(&[(ToServer, job(1, &READ[..20], b""))]);
    assert_eq!(
        (log.all(Buffer::S7commFunction), log.all(Buffer::S7commDb)),
        (vec!["4".to_owned()], vec!["7".to_owned()])
    );
}

#[test]
fn odd_exchanges_have_events() {
    let many = (0..=TRANSACTION_LIMIT).flat_map(|n| job(n as u16, READ, b"")).collect();
    let filler = packet(&[&[2, 0xf0, 0][..], &[b'2'; 60_000]].concat());
    let cases: [(Vec<Said>, &[&str]); 7] = [
        (vec![(ToServer, job(1, &READ[..20], b""))], &["malformed_message"]),
        (vec![(ToServer, data(b"\x32\x01\0\0\0\x01\0\x09\0\0"))], &["malformed_message"]),
        (vec![(ToServer, data(b"\x72\x01\0\0"))], &["malformed_message"]),
        (vec![(ToServer, b"\x03\0\0\x05\x02\xf0".to_vec())], &["malformed_message"]),
        (vec![(ToClient, answer(9, b"\0\0", b"\x05\x01", b"\xff"))], &["unsolicited_response"]),
        (vec![(ToServer, many)], &["too_many_transactions"]),
        (vec![(ToServer, filler.repeat(MESSAGE_LIMIT / 60_000 + 2))], &["too_long_message"]),
    ];
    for (i, (said, expected)) in cases.into_iter().enumerate() {
        assert_eq!(run(&said).events(), expected, "{i}");
    }
}

#[test]
fn what_begins_like_s7comm() {
    let begin = [connect(0xe0), job(1, b"\xf0\0\0\x01\0\x01\x01\xe0", b"")].concat();
    (0..begin.len()).for_each(|n| assert_eq!(probe(ToServer, &begin[..n]), Likeness::More, "{n}"));
    assert_eq!(probe(ToServer, &begin), Likeness::Yes);
    assert_eq!(probe(ToClient, &answer(1, b"\0\0", b"\x05\x01", b"\xff")), Likeness::Yes);
    // Other protocols over the same transport.
    let other = [connect(0xe0), data(b"\x72\x01\0\x02")].concat();
    assert_eq!(probe(ToServer, &other), Likeness::No);
    assert_eq!(probe(ToServer, &[connect(0xe0), connect(0xe0)].concat()), Likeness::No);
    assert_eq!(probe(ToServer, b"\x03\0\0\x04"), Likeness::No);
}

proptest! {
    #[test]
    fn cutting_changes_nothing(said in spoilt(exchange()), lengths in vec(1usize..60, 1..20)) {
        prop_assert_eq!(run(&said), run(&cut(&said, &lengths)));
    }

    #[test]
    fn anything_may_come(steps in steps(exchange().into_iter().map(|(_, bytes)| bytes).collect())) {
        let log = stumble(&mut S7commParser::new(), &steps);
        prop_assert_eq!(log.completions(), 2 * log.records().len());
    }
}
