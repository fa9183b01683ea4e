//! Messages as bytes; and that breaking them breaks nothing else.

use super::{SnmpParser, probe};
use crate::packet::Direction::{ToClient, ToServer};
use crate::protocols::registry::Likeness;
use crate::protocols::testing::told::{Log, Said, read, steps, stumble};
use proptest::prelude::*;
use sekisho_signatures::buffers::Buffer;
use serde_json::json;

/// An element.
fn e(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    [&[tag, u8::try_from(content.len()).expect("short")][..], &content].concat()
}

fn variables() -> Vec<u8> {
    let one = e(0x30, &[&e(6, &[b"\x2b\x06\x01\x02\x01\x01\x84\x01\x00"]), b"\x05\x00"]);
    e(0x30, &[&one, &e(0x30, &[&e(6, &[b"\x88\x37"]), b"\x05\x00"])])
}

fn get(version: u8, community: &str) -> Vec<u8> {
    let pdu = e(0xa0, &[b"\x02\x04\xf0\x00\x00\x01\x02\x01\x00\x02\x01\x00", &variables()]);
    e(0x30, &[&[2, 1, version], &e(4, &[community.as_bytes()]), &pdu])
}

fn trap() -> Vec<u8> {
    let pdu = e(
        0xa4,
        &[&e(6, &[b"\x2b\x06\x01\x04"]), b"\x40\x04\xc0\x00\x02\x07\x02\x01\x03\x02\x01\x00\x43\x01\x05", b"\x30\x00"],
    );
    e(0x30, &[&[2, 1, 0], &e(4, &[b"public"]), &pdu])
}

fn version_3(model: u8, data: &[u8]) -> Vec<u8> {
    let header = e(0x30, &[b"\x02\x01\x09\x02\x02\x10\x00\x04\x01\x03", &[2, 1, model]]);
    let user = e(0x30, &[b"\x04\x01e\x02\x01\x01\x02\x01\x02", &e(4, &[b"admin"]), b"\x04\x00\x04\x00"]);
    e(0x30, &[b"\x02\x01\x03", &header, &e(4, &[&user]), data])
}

fn run(said: &[Said]) -> Log {
    read(&mut SnmpParser::new(), said)
}

#[test]
fn versions_1_and_2() {
    let log = run(&[(ToServer, get(1, "private")), (ToClient, get(1, "private"))]);
    assert_eq!(log.events(), [""; 0]);
    assert_eq!(log.all(Buffer::SnmpCommunity), ["private", "private"]);
    assert_eq!(log.all(Buffer::SnmpVersion), ["2", "2"]);
    assert_eq!(log.all(Buffer::SnmpPduType), ["0", "0"]);
    assert_eq!(
        log.records()[0],
        &json!({"version": 2, "pdu_type": "get_request", "vars": ["1.3.6.1.2.1.1.513.0", "2.999"], "community": "private"})
    );
    assert_eq!(
        run(&[(ToServer, trap())]).records(),
        [&json!({"version": 1, "pdu_type": "trap_v1", "trap_type": "link_up", "trap_oid": "1.3.6.1.4",
                 "trap_address": "192.0.2.7", "community": "public"})]
    );
}

#[test]
fn version_3_hides_what_it_encrypts() {
    let clear = e(0x30, &[b"\x04\x00\x04\x00", &e(0xa8, &[b"\x02\x01\x01\x02\x01\x00\x02\x01\x00", b"\x30\x00"])]);
    let log = run(&[(ToServer, version_3(3, &clear)), (ToClient, version_3(3, &e(4, &[b"\x9e\x9f"])))]);
    assert_eq!(log.all(Buffer::SnmpUsm), ["admin", "admin"]);
    assert_eq!(log.all(Buffer::SnmpPduType), ["8"]);
    let expected = [
        json!({"version": 3, "pdu_type": "report", "usm": "admin"}),
        json!({"version": 3, "pdu_type": "encrypted", "usm": "admin"}),
    ];
    assert_eq!(log.records(), expected.iter().collect::<Vec<_>>());
}

#[test]
fn odd_messages_have_events() {
    assert_eq!(run(&[(ToServer, b"\x30\x03\x02\x01\x05".to_vec())]).events(), ["malformed_data"]);
    assert_eq!(run(&[(ToServer, get(0, "a")), (ToServer, get(1, "a"))]).events(), ["version_mismatch"]);
    assert_eq!(run(&[(ToServer, version_3(2, &e(4, &[b"x"])))]).events(), ["unknown_security_model"]);
    let broken = e(0x30, &[b"\x02\x01\x00\x04\x00", &e(0xa0, &[b"\x02\x01\x01"])]);
    assert_eq!(run(&[(ToServer, broken)]).events(), ["malformed_data"]);
}

#[test]
fn what_begins_like_snmp() {
    for bytes in [get(0, "public"), trap(), version_3(3, &e(4, &[b"x"]))] {
        assert_eq!(probe(ToServer, &bytes), Likeness::Yes);
        assert_eq!(probe(ToServer, &bytes[..bytes.len() - 1]), Likeness::No);
    }
    assert_eq!(probe(ToServer, b"\x30\x05\x02\x01\x01\x42\x00"), Likeness::No, "LDAP");
}

proptest! {
    #[test]
    fn anything_may_come(steps in steps(vec![get(1, "x"), trap(), version_3(3, &e(4, &[b"x"]))])) {
        stumble(&mut SnmpParser::new(), &steps);
    }

    #[test]
    fn a_changed_byte_breaks_nothing(at in any::<prop::sample::Index>(), value in any::<u8>()) {
        for mut bytes in [get(1, "x"), trap(), version_3(3, &e(4, &[b"x"]))] {
            let at = at.index(bytes.len());
            bytes[at] = value;
            let log = run(&[(ToServer, bytes)]);
            prop_assert!(log.events() == ["malformed_data"] || log.records().len() == 1);
        }
    }
}
