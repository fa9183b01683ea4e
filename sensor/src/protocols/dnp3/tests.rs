//! Fragments as bytes; and that cutting them up, or breaking them, changes nothing it must not.

use super::application::{OBJECT_LIMIT, POINT_LIMIT};
use super::{Dnp3Parser, Dnp3Transaction, FRAGMENT_LIMIT, link, probe};
use crate::packet::Direction::{self, ToClient, ToServer};
use crate::protocols::Transaction;
use crate::protocols::registry::Likeness;
use crate::protocols::testing::told::{Log, Said, cut, read, spoilt, steps, stumble};
use proptest::collection::vec;
use proptest::prelude::*;
use sekisho_signatures::buffers::Buffer;
use sekisho_signatures::dnp3::IndicatorTest;
use sekisho_signatures::question::Question;
use serde_json::json;

fn sealed(bytes: &[u8]) -> Vec<u8> {
    [bytes, &link::crc(bytes).to_le_bytes()].concat()
}

/// A frame with data of the user.
fn frame(direction: Direction, data: &[u8]) -> Vec<u8> {
    let (control, ends) = if direction == ToServer { (0xc4, [10, 0, 1, 0]) } else { (0x44, [1, 0, 10, 0]) };
    let len = u8::try_from(data.len() + 5).expect("short");
    let head = [&link::START[..], &[len, control], &ends].concat();
    [sealed(&head), data.chunks(16).flat_map(sealed).collect()].concat()
}

/// A fragment in one frame.
fn whole(direction: Direction, fragment: &[u8]) -> Vec<u8> {
    frame(direction, &[&[0xc0][..], fragment].concat())
}

/// A fragment in frames of so many bytes.
fn split(direction: Direction, fragment: &[u8], size: usize) -> Vec<u8> {
    let count = fragment.len().div_ceil(size);
    let segment = |(i, data): (usize, &[u8])| {
        let flags = if i == 0 { 0x40 } else { 0 } | if i + 1 == count { 0x80 } else { 0 };
        frame(direction, &[&[flags | (i & 0x3f) as u8], data].concat())
    };
    fragment.chunks(size).enumerate().flat_map(segment).collect()
}

/// Direct operate: a pulse on point 7.
const OPERATE: &[u8] = b"\xc3\x05\x0c\x01\x28\x01\x00\x07\x00\x41\x02\x64\x00\x00\x00\xc8\x00\x00\x00\x00";
/// Three inputs with their state, two analog values, and packed outputs.
const ANSWER: &[u8] =
    b"\xe3\x81\x90\x02\x01\x02\x00\x00\x02\x81\x01\x41\x1e\x02\x01\x05\x00\x06\x00\x01\xff\xff\x01\x0a\x00\x0a\x01\x00\x00\x02\x05";

fn exchange() -> Vec<Said> {
    vec![
        (ToServer, whole(ToServer, b"\xc1\x01\x3c\x02\x06\x3c\x03\x06\x01\x02\x00\x00\x09")),
        (ToClient, split(ToClient, ANSWER, 11)),
        (ToServer, [whole(ToServer, OPERATE), whole(ToServer, b"\xc4\x0d")].concat()),
        (ToClient, whole(ToClient, b"\xf0\x82\x80\x00\x02\x02\x17\x01\x03\x81\x01\x02\x03\x04\x05\x06")),
    ]
}

fn run(said: &[Said]) -> Log {
    read(&mut Dnp3Parser::new(), said)
}

#[test]
fn the_check_is_that_of_the_standard() {
    // A reset of the link from station 1024 to station 1.
    assert_eq!(link::crc(b"\x05\x64\x05\xc0\x01\x00\x00\x04"), 0x21e9);
}

#[test]
fn records_of_fragments() {
    let log = run(&exchange());
    assert_eq!(log.events(), [""; 0]);
    assert_eq!(log.all(Buffer::Dnp3Func), ["1", "129", "5", "13", "130"]);
    let records = log.records();
    let no_range = |group: u8, variation: u8| json!({"group": group, "variation": variation, "qualifier": 6, "prefix_code": 0, "range_code": 6, "start": 0, "stop": 0, "count": 0});
    assert_eq!(
        *records[0],
        json!({"type": "request", "src": 1, "dst": 10,
            "control": {"dir": true, "pri": true, "fcb": false, "fcv": false, "function_code": 4},
            "application": {"control": {"fir": true, "fin": true, "con": false, "uns": false, "sequence": 1}, "function_code": 1,
                "objects": [no_range(60, 2), no_range(60, 3),
                    {"group": 1, "variation": 2, "qualifier": 0, "prefix_code": 0, "range_code": 0, "start": 0, "stop": 9, "count": 10}],
                "complete": true}})
    );
    let answer = records[1];
    assert_eq!(answer["iin"], json!({"indicators": ["need_time", "device_restart", "object_unknown"]}));
    let objects = &answer["application"]["objects"];
    let input = &objects[0]["points"][2];
    assert_eq!(
        (&input["index"], &input["online"], &input["local_forced"], &input["state"]),
        (&json!(2), &json!(1), &json!(0), &json!(0))
    );
    let values = [&objects[1]["points"][0], &objects[1]["points"][1]].map(|point| (&point["index"], &point["value"]));
    assert_eq!(values, [(&json!(5), &json!(-1)), (&json!(6), &json!(10))]);
    assert_eq!(
        objects[2]["points"],
        json!([{"prefix": 0, "index": 0, "state": 1}, {"prefix": 0, "index": 1, "state": 0}, {"prefix": 0, "index": 2, "state": 1}])
    );
    assert_eq!(
        records[2]["application"]["objects"][0]["points"],
        json!([{"prefix": 7, "index": 0, "op_type": 1, "qu": 0, "cr": 0, "tcc": 1, "count": 2, "ontime": 100, "offtime": 200,
            "status_code": 0, "reserved": 0}])
    );
    assert_eq!(records[3]["application"].get("objects"), None);
    assert_eq!(
        (&records[4]["type"], &records[4]["application"]["control"]["uns"]),
        (&json!("unsolicited_response"), &json!(true))
    );
    assert_eq!(records[4]["application"]["objects"][0]["points"][0]["timestamp"], 0x0605_0403_0201_u64);
}

#[test]
fn rules_ask_for_objects_and_indicators() {
    let mut transaction = Dnp3Transaction::default();
    let header = link::Header::default();
    transaction.begin(0, ToClient, header, ANSWER, true);
    let object = |group, variation| Question::Dnp3Object { group, variation };
    assert!(transaction.answer(&object(30, 2), ToClient) && !transaction.answer(&object(30, 1), ToClient));
    assert!(!transaction.answer(&object(30, 2), ToServer), "the other side said nothing");
    assert!(transaction.answer(&Question::Dnp3Indicators(IndicatorTest::AllOf(0x8002)), ToClient));
    transaction.begin(1, ToServer, header, OPERATE, true);
    assert!(
        !transaction.answer(&Question::Dnp3Indicators(IndicatorTest::NoneOf(1)), ToServer),
        "requests indicate nothing"
    );
    assert!(transaction.record(ToServer, true).is_some());
}

#[test]
fn odd_fragments_have_events() {
    let spoil = |mut bytes: Vec<u8>, at: usize| {
        bytes[at] ^= 1;
        bytes
    };
    let ask = |fragment: &[u8]| vec![(ToServer, whole(ToServer, fragment))];
    let objects = [&b"\xc0\x02"[..], &b"\x3c\x02\x06".repeat(OBJECT_LIMIT + 1)].concat();
    let points = u16::try_from(POINT_LIMIT + 1).expect("few").to_le_bytes();
    let many = [&b"\xc0\x02\x0a\x02\x08"[..], &points, &[0; POINT_LIMIT + 1]].concat();
    let cases: [(Vec<Said>, &[&str]); 8] = [
        (vec![(ToServer, spoil(whole(ToServer, OPERATE), 6))], &["bad_link_crc"]),
        (vec![(ToServer, spoil(whole(ToServer, OPERATE), 20))], &["bad_transport_crc"]),
        (vec![(ToServer, sealed(b"\x05\x64\x04\xc4\x0a\0\x01\0"))], &["len_too_small"]),
        (ask(b"\xc0"), &["len_too_small"]),
        (ask(b"\xc0\x02\xc8\x01\x07\x01\x00"), &["unknown_object"]),
        (vec![(ToServer, split(ToServer, &objects, 200))], &["too_many_objects"]),
        (vec![(ToServer, split(ToServer, &many, 249))], &["too_many_points"]),
        (vec![(ToServer, split(ToServer, &vec![0; FRAGMENT_LIMIT + 1], 249))], &["too_long_reassembly"]),
    ];
    for (i, (said, expected)) in cases.into_iter().enumerate() {
        assert_eq!(run(&said).events(), expected, "{i}");
    }
}

#[test]
fn what_does_not_belong_is_passed_over() {
    let frames = split(ToClient, ANSWER, 11);
    let first = &frames[..10 + 12 + 2];
    // A segment is missing.
    assert_eq!(run(&[(ToClient, [first, &frames[2 * first.len()..]].concat())]).records().len(), 0);
    // Noise between frames, a frame without data, and one that breaks off.
    let status = sealed(b"\x05\x64\x05\xc9\x0a\0\x01\0");
    let said = [b"noise \x05 noise", &status[..], &frames, &frames[..20], &whole(ToServer, OPERATE)].concat();
    let log = run(&[(ToServer, said)]);
    assert_eq!((log.all(Buffer::Dnp3Func), log.events()), (vec!["129".to_owned()], vec!["bad_transport_crc"]));
}

#[test]
fn what_begins_like_dnp3() {
    let ask = whole(ToServer, OPERATE);
    (0..10).for_each(|n| assert_eq!(probe(ToServer, &ask[..n]), Likeness::More, "{n}"));
    assert_eq!((probe(ToServer, &ask[..10]), probe(ToClient, &ask)), (Likeness::Yes, Likeness::No));
    assert_eq!(probe(ToClient, &whole(ToClient, ANSWER)), Likeness::Yes);
    assert_eq!(probe(ToServer, b"\x05\x64\x05\xc9\x0a\0\x01\0\0\0"), Likeness::No);
}

proptest! {
    #[test]
    fn cutting_changes_nothing(said in spoilt(exchange()), lengths in vec(1usize..60, 1..20)) {
        prop_assert_eq!(run(&said), run(&cut(&said, &lengths)));
    }

    #[test]
    fn anything_may_come(steps in steps(exchange().into_iter().map(|(_, bytes)| bytes).collect())) {
        let log = stumble(&mut Dnp3Parser::new(), &steps);
        prop_assert_eq!(log.completions(), 2 * log.records().len());
    }

    #[test]
    fn objects_are_bounded(function in any::<u8>(), objects in vec(any::<u8>(), 0..400)) {
        let fragment = [&[0xc0, function][..], &objects].concat();
        let log = run(&[(ToServer, split(ToServer, &fragment, 200))]);
        prop_assert!(log.records().len() <= 1);
    }
}
