//! Exchanges as bytes; and that cutting them up, or breaking them, changes nothing it must not.

use super::{EnipParser, TRANSACTION_LIMIT, Transport, probe};
use crate::packet::Direction::{self, ToClient, ToServer};
use crate::protocols::Transaction;
use crate::protocols::enip::EnipTransaction;
use crate::protocols::registry::Likeness;
use crate::protocols::testing::told::{Log, Said, cut, read, spoilt, steps, stumble};
use proptest::collection::vec;
use proptest::prelude::*;
use sekisho_signatures::buffers::Buffer;
use sekisho_signatures::question::Question;
use serde_json::json;

const SESSION: u32 = 0x1122_3344;

fn message(command: u16, session: u32, context: u8, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).expect("short");
    let head =
        [&command.to_le_bytes()[..], &len.to_le_bytes(), &session.to_le_bytes(), &[0; 4], &[context; 8], &[0; 4]];
    [&head.concat(), body].concat()
}

fn item(kind: u16, bytes: &[u8]) -> Vec<u8> {
    let len = u16::try_from(bytes.len()).expect("short");
    [&kind.to_le_bytes()[..], &len.to_le_bytes(), bytes].concat()
}

fn unconnected(context: u8, cip: &[u8]) -> Vec<u8> {
    let items = [b"\0\0\0\0\x05\0\x02\0\0\0\0\0".to_vec(), item(0xb2, cip)].concat();
    message(0x6f, SESSION, context, &items)
}

fn connected(sequence: u16, cip: &[u8]) -> Vec<u8> {
    let data = [&sequence.to_le_bytes()[..], cip].concat();
    let items = [b"\0\0\0\0\0\0\x02\0".to_vec(), item(0xa1, b"\x01\x02\x03\x04"), item(0xb1, &data)].concat();
    message(0x70, SESSION, 0, &items)
}

fn identity() -> Vec<u8> {
    let name = b"1756-ENBT/A";
    let fixed = b"\x01\0\0\x02\xaf\x12\x0a\x01\x01\xa4\0\0\0\0\0\0\0\0\x01\0\x0c\0\x3a\0\x04\x03\x30\0\x8e\x4d\x52\0";
    let device = [&fixed[..], &[name.len() as u8], name, b"\x03"].concat();
    message(0x63, 0, 7, &[b"\x01\0".to_vec(), item(0x0c, &device)].concat())
}

/// Two requests in one: to read an attribute of an identity, and to set one of a link.
const SEVERAL: &[u8] =
    b"\x0a\x02\x20\x02\x24\x01\x02\0\x06\0\x0e\0\x0e\x03\x20\x01\x24\x01\x30\x07\x10\x03\x20\xf6\x24\x01\x30\x06\xff";
const ANSWERS: &[u8] = b"\x8a\0\x1e\0\x02\0\x06\0\x0b\0\x8e\0\0\0\x2a\x90\0\x0f\x01\x05\x01";

fn exchange() -> Vec<Said> {
    let service = [b"\x01\0\x20\x01".to_vec(), b"Communications\0\0".to_vec()].concat();
    let wrapped =
        [&b"\x52\x02\x20\x06\x24\x01\x0a\x05\x06\0"[..], b"\x07\x02\x20\x66\x24\x01", b"\x01\0\x01\0"].concat();
    vec![
        (ToServer, message(0x63, 0, 7, b"")),
        (ToClient, identity()),
        (ToServer, message(0x04, 0, 8, b"")),
        (ToClient, message(0x04, 0, 8, &[b"\x01\0".to_vec(), item(0x100, &service)].concat())),
        (ToServer, message(0x65, 0, 9, b"\x01\0\0\0")),
        (ToClient, message(0x65, SESSION, 9, b"\x01\0\0\0")),
        (ToServer, [unconnected(1, SEVERAL), unconnected(2, &wrapped)].concat()),
        (ToClient, unconnected(2, b"\x87\0\x08\0")),
        (ToClient, unconnected(1, ANSWERS)),
        (ToServer, [connected(5, b"\x4c\x02\x91\x01a\0\x01\0"), connected(6, b"\x4d\x02\x91\x01b\0")].concat()),
        (ToClient, connected(6, b"\xcd\0\0\0")),
        (ToServer, message(0x66, SESSION, 0, b"")),
    ]
}

fn run(said: &[Said]) -> Log {
    read(&mut EnipParser::new(Transport::Stream), said)
}

#[test]
fn records_of_exchanges() {
    let log = run(&exchange());
    assert_eq!(log.events(), [""; 0]);
    let records = log.records();
    assert_eq!(records.len(), 8);
    assert_eq!(log.frames().iter().skip(1).take(3).map(|frame| frame.0).collect::<Vec<_>>(), ["hdr", "pdu", "hdr"]);
    assert_eq!(
        *records[0],
        json!({"request": {"command": "list_identity", "status": "success"},
            "response": {"command": "list_identity", "status": "success", "identity": {
                "protocol_version": 1, "revision": "4.3", "vendor_id": "Rockwell Automation/Allen-Bradley",
                "device_type": "Communications Adapter", "product_code": 58, "status": 48, "serial": 0x0052_4d8e,
                "product_name": "1756-ENBT/A", "state": 3}}})
    );
    assert_eq!(
        records[1]["response"]["list_services"],
        json!({"protocol_version": 1, "capabilities": 0x0120, "service_name": "Communications"})
    );
    assert_eq!(records[2]["request"]["register_session"], json!({"protocol_version": 1, "options": 0}));
    // The answers came the other way round.
    assert_eq!(records[3]["request"]["cip"]["multiple"][0]["service"], "Stop");
    assert_eq!(records[3]["response"]["cip"], json!({"service": "Stop", "status": "Service not supported"}));
    let (asked, answered) = (&records[4]["request"]["cip"], &records[4]["response"]["cip"]);
    assert_eq!((&asked["service"], &asked["class_name"]), (&json!("Multiple Service"), &json!("Message Router")));
    let segment = |kind: &str, value: u32| json!({"segment_type": kind, "value": value});
    assert_eq!(
        asked["multiple"][1],
        json!({"service": "Set Attribute Single", "class_name": "Ethernet Link",
            "path": [segment("class_8bit", 0xf6), segment("instance_8bit", 1), segment("attribute_8bit", 6)]})
    );
    assert_eq!(
        answered["multiple"][1],
        json!({"service": "Set Attribute Single", "status": "Privilege violation", "status_extended": "0x0105"})
    );
    assert_eq!(records[5]["request"]["cip"]["service"], "Write Tag");
    assert_eq!(records[6]["request"]["command"], "unregister_session");
    assert_eq!(records[7]["request"]["cip"]["path"], json!([segment("symbol", 1)]));
}

#[test]
fn buffers_of_exchanges() {
    let log = run(&exchange());
    for (buffer, expected) in [
        (Buffer::EnipProductName, &["1756-ENBT/A"][..]),
        (Buffer::EnipServiceName, &["Communications"]),
        (Buffer::EnipRevision, &["1027"]),
        (Buffer::EnipState, &["3"]),
        (Buffer::EnipProtocolVersion, &["1", "1", "1", "1"]),
        (Buffer::EnipCipClass, &["2", "1", "246", "6", "102"]),
        (Buffer::EnipCipAttribute, &["7", "6"]),
        (Buffer::EnipCipStatus, &["8", "30", "0", "15", "0"]),
        (Buffer::EnipCipExtendedstatus, &["261"]),
    ] {
        assert_eq!(log.all(buffer), expected, "{}", buffer.name());
    }
}

#[test]
fn rules_ask_for_services() {
    let mut transaction = EnipTransaction::new(0);
    transaction.add(ToServer, &unconnected(1, SEVERAL));
    let asks =
        |service, class, attribute| transaction.answer(&Question::CipService { service, class, attribute }, ToServer);
    assert!(asks(16, Some(246), Some(6)) && asks(14, None, None) && asks(10, Some(2), None));
    assert!(!asks(16, Some(1), None) && !asks(16, Some(246), Some(7)) && !asks(75, None, None));
    assert!(!transaction.answer(&Question::CipService { service: 16, class: None, attribute: None }, ToClient));
}

#[test]
fn odd_exchanges_have_events() {
    let many = (0..=TRANSACTION_LIMIT).flat_map(|n| message(4, 0, n as u8, b"")).collect();
    let cases: [(Vec<Said>, &[&str]); 4] = [
        (vec![(ToServer, message(0x65, 0, 1, b"\x01"))], &["invalid_pdu"]),
        (vec![(ToServer, unconnected(1, b"\x0e\x03\x20\x01"))], &["invalid_pdu"]),
        (vec![(ToServer, unconnected(1, b"\x0a\0\x01\0\x99\0"))], &["invalid_pdu"]),
        (vec![(ToServer, many)], &["too_many_transactions"]),
    ];
    for (i, (said, expected)) in cases.into_iter().enumerate() {
        assert_eq!(run(&said).events(), expected, "{i}");
    }
    let mut datagrams = EnipParser::new(Transport::Datagram);
    let log = read(
        &mut datagrams,
        &[(ToServer, b"\x63\0".to_vec()), (ToServer, message(0x63, 0, 7, b"")), (ToClient, identity())],
    );
    assert_eq!((log.events(), log.records().len()), (vec!["invalid_pdu"], 1));
}

#[test]
fn what_begins_like_enip() {
    let is = |direction: Direction, bytes: &[u8]| probe(direction, bytes);
    for (direction, bytes) in exchange().into_iter().take(6) {
        assert_eq!(is(direction, &bytes), Likeness::Yes);
        (0..24).for_each(|n| assert_eq!(is(direction, &bytes[..n]), Likeness::More, "{n}"));
    }
    assert_eq!(is(ToServer, &unconnected(1, SEVERAL)), Likeness::Yes);
    assert_eq!(is(ToServer, b"connect to me, and go away then"), Likeness::No);
    assert_eq!(is(ToServer, &identity()), Likeness::No);
}

proptest! {
    #[test]
    fn cutting_changes_nothing(said in spoilt(exchange()), lengths in vec(1usize..60, 1..20)) {
        prop_assert_eq!(run(&said), run(&cut(&said, &lengths)));
    }

    #[test]
    fn anything_may_come(steps in steps(exchange().into_iter().map(|(_, bytes)| bytes).collect())) {
        for transport in [Transport::Stream, Transport::Datagram] {
            let log = stumble(&mut EnipParser::new(transport), &steps);
            prop_assert_eq!(log.completions(), 2 * log.records().len());
        }
    }
}
