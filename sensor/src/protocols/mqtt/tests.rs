//! Exchanges as bytes; and that cutting them up, or breaking them, changes nothing it must not.

use super::{MESSAGE_LIMIT, MqttParser, TRANSACTION_LIMIT, probe};
use crate::packet::Direction::{ToClient, ToServer};
use crate::protocols::registry::Likeness;
use crate::protocols::testing::told::{Log, Said, cut, read, spoilt, steps, stumble};
use proptest::collection::vec;
use proptest::prelude::*;
use sekisho_signatures::buffers::Buffer;
use serde_json::json;

fn message(first: u8, parts: &[&[u8]]) -> Vec<u8> {
    let rest = parts.concat();
    let mut out = vec![first];
    let mut len = rest.len();
    loop {
        let digit = (len & 0x7f) as u8;
        len >>= 7;
        out.push(if len > 0 { digit | 0x80 } else { digit });
        if len == 0 {
            break;
        }
    }
    [out, rest].concat()
}

fn s(text: &str) -> Vec<u8> {
    [&u16::try_from(text.len()).expect("short").to_be_bytes()[..], text.as_bytes()].concat()
}

fn connect() -> Vec<u8> {
    let will = [&b"\x00"[..], &s("last/will"), &s("gone")].concat();
    message(
        0x10,
        &[&s("MQTT"), b"\x05\xc6\x00\x3c\x05\x11\x00\x00\x00\x0a", &s("pear"), &will, &s("ann"), &s("secret")],
    )
}

fn connack() -> Vec<u8> {
    message(0x20, &[b"\x01\x00\x03\x22\x00\x0a"])
}

fn publish(first: u8, id: &[u8]) -> Vec<u8> {
    message(first, &[&s("a/b"), id, b"\x00", b"hello"])
}

fn exchange() -> Vec<Said> {
    vec![
        (ToServer, connect()),
        (ToClient, connack()),
        (ToServer, message(0x82, &[b"\x00\x01\x00", &s("x/#"), b"\x01", &s("y"), b"\x02"])),
        (ToClient, message(0x90, &[b"\x00\x01\x00\x01\x87"])),
        (ToServer, [publish(0x31, b""), publish(0x3d, b"\x00\x07")].concat()),
        (ToClient, message(0x50, &[b"\x00\x07"])),
        (ToServer, message(0x62, &[b"\x00\x07"])),
        (ToClient, message(0x70, &[b"\x00\x07\x10\x00"])),
        (ToServer, message(0xa2, &[b"\x00\x08\x00", &s("y")])),
        (ToClient, message(0xb0, &[b"\x00\x08\x00\x11"])),
        (ToServer, message(0xe0, &[b"\x04\x00"])),
    ]
}

fn run(said: &[Said]) -> Log {
    read(&mut MqttParser::new(), said)
}

#[test]
fn buffers_of_a_session() {
    let log = run(&exchange());
    assert_eq!(log.events(), [""; 0]);
    for (buffer, expected) in [
        (Buffer::MqttConnectClientid, &["pear"][..]),
        (Buffer::MqttConnectUsername, &["ann"]),
        (Buffer::MqttConnectPassword, &["secret"]),
        (Buffer::MqttConnectWilltopic, &["last/will"]),
        (Buffer::MqttConnectWillmessage, &["gone"]),
        (Buffer::MqttConnectProtocolString, &["MQTT"]),
        (Buffer::MqttConnectFlags, &["198"]),
        (Buffer::MqttConnackSessionPresent, &["1"]),
        (Buffer::MqttSubscribeTopic, &["x/#", "y"]),
        (Buffer::MqttUnsubscribeTopic, &["y"]),
        (Buffer::MqttPublishTopic, &["a/b", "a/b"]),
        (Buffer::MqttPublishMessage, &["hello", "hello"]),
        (Buffer::MqttType, &["1", "2", "8", "9", "3", "3", "6", "5", "7", "10", "11", "14"]),
        (Buffer::MqttReasonCode, &["0", "1", "135", "16", "17", "4"]),
        (Buffer::MqttQos, &["0", "0", "1", "0", "0", "2", "1", "0", "0", "1", "0", "0"]),
    ] {
        assert_eq!(log.all(buffer), expected, "{}", buffer.name());
    }
    assert_eq!(log.frames()[..3].iter().map(|f| f.0).collect::<Vec<_>>(), ["pdu", "header", "data"]);
}

#[test]
fn records_of_a_session() {
    let log = run(&exchange());
    let plain = |more: serde_json::Value| {
        let mut all = json!({"qos": 0, "retain": false, "dup": false});
        let object = all.as_object_mut().expect("it is one");
        object.extend(more.as_object().expect("it is one").clone());
        all
    };
    let records = log.records();
    assert_eq!(records.len(), 6);
    assert_eq!(
        records[0]["connect"],
        plain(json!({
            "protocol_string": "MQTT", "protocol_version": 5, "client_id": "pear", "username": "ann",
            "flags": {"username": true, "password": true, "will": true, "will_retain": false, "clean_session": true},
            "will": {"topic": "last/will", "message": "gone", "properties": {}},
            "properties": {"session_expiry_interval": 10},
        }))
    );
    assert_eq!(
        records[0]["connack"],
        plain(json!({"session_present": true, "return_code": 0, "properties": {"topic_alias_maximum": 10}}))
    );
    assert_eq!(records[1]["subscribe"]["topics"], json!([{"topic": "x/#", "qos": 1}, {"topic": "y", "qos": 2}]));
    assert_eq!(records[1]["suback"]["qos_granted"], json!([1, 135]));
    assert_eq!(
        records[2]["publish"],
        plain(json!({"retain": true, "topic": "a/b", "message": "hello", "properties": {}}))
    );
    let mut keys: Vec<&String> = records[3].as_object().expect("it is one").keys().collect();
    keys.sort();
    assert_eq!(keys, ["pubcomp", "publish", "pubrec", "pubrel"]);
    assert_eq!(records[3]["publish"]["dup"], true);
    assert_eq!(records[3]["pubcomp"]["reason_code"], 16);
    assert_eq!(records[4]["unsuback"]["reason_codes"], json!([17]));
    assert_eq!(records[5]["disconnect"]["reason_code"], 4);
}

#[test]
fn odd_exchanges_have_events() {
    let begun = |rest: Vec<Said>| [exchange()[..2].to_vec(), rest].concat();
    let many: Vec<u8> = (1..=TRANSACTION_LIMIT as u8 + 1).flat_map(|id| publish(0x32, &[0, id])).collect();
    let cases: [(Vec<Said>, &[&str]); 11] = [
        (vec![(ToClient, connack())], &["missing_connect"]),
        (begun(vec![(ToServer, connect())]), &["double_connect"]),
        (vec![(ToServer, connect()), (ToServer, publish(0x30, b""))], &["unintroduced_message"]),
        (begun(vec![(ToClient, message(0x40, &[b"\x00\x09"]))]), &["missing_publish"]),
        (begun(vec![(ToClient, message(0x90, &[b"\x00\x09\x00\x01"]))]), &["missing_subscribe"]),
        (begun(vec![(ToClient, message(0xb0, &[b"\x00\x09\x00\x01"]))]), &["missing_unsubscribe"]),
        (begun(vec![(ToServer, publish(0x36, b"\x00\x01"))]), &["invalid_qos_level"]),
        (begun(vec![(ToServer, publish(0x32, b"\x00\x00"))]), &["missing_msg_id"]),
        (begun(vec![(ToServer, message(0x00, &[]))]), &["unassigned_msg_type"]),
        (begun(vec![(ToServer, message(0x82, &[b"\x00"]))]), &["malformed_traffic"]),
        (begun(vec![(ToServer, many)]), &["too_many_transactions"]),
    ];
    for (i, (said, expected)) in cases.into_iter().enumerate() {
        assert_eq!(run(&said).events(), expected, "{i}");
    }
}

#[test]
fn long_messages_are_passed_over() {
    let long = message(0x30, &[&s("t"), b"\x00", &vec![b'x'; MESSAGE_LIMIT]]);
    let said = [exchange()[..2].to_vec(), vec![(ToServer, [&long[..], &publish(0x30, b"")].concat())]].concat();
    let log = run(&said);
    assert_eq!(log.records()[1]["publish"]["skipped_length"], long.len());
    assert_eq!(log.all(Buffer::MqttPublishMessage), ["hello"]);
}

#[test]
fn what_begins_like_mqtt() {
    assert_eq!(probe(ToServer, &connect()), Likeness::Yes);
    assert_eq!(probe(ToClient, &connack()), Likeness::Yes);
    (0..8).for_each(|n| assert_eq!(probe(ToServer, &connect()[..n]), Likeness::More, "{n}"));
    assert_eq!(probe(ToServer, b"\x10\x05hello"), Likeness::No);
    assert_eq!(probe(ToServer, b"\x10\xff\xff\xff\xff\x01"), Likeness::No);
}

proptest! {
    #[test]
    fn cutting_changes_nothing(said in spoilt(exchange()), lengths in vec(1usize..60, 1..20)) {
        prop_assert_eq!(run(&said), run(&cut(&said, &lengths)));
    }

    #[test]
    fn anything_may_come(steps in steps(exchange().into_iter().map(|(_, bytes)| bytes).collect())) {
        let log = stumble(&mut MqttParser::new(), &steps);
        prop_assert!(log.completions() >= 2 * log.records().len());
    }
}
