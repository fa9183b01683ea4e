//! Handshakes as bytes; and that cutting them up, or breaking them, changes nothing it must not.

use super::{RfbParser, TEXT_LIMIT, probe};
use crate::packet::Direction::{ToClient, ToServer};
use crate::protocols::registry::Likeness;
use crate::protocols::testing::told::{Log, Said, cut, read, spoilt, steps, stumble};
use proptest::collection::vec;
use proptest::prelude::*;
use sekisho_signatures::buffers::Buffer;
use serde_json::json;

const INIT: &[u8] = b"\x05\x00\x03\x20\x20\x18\x00\x01\x00\xff\x00\xff\x00\xff\x10\x08\x00\0\0\0\x00\x00\x00\x04desk";

fn vnc() -> Vec<Said> {
    vec![
        (ToClient, b"RFB 003.008\n".to_vec()),
        (ToServer, b"RFB 003.008\n".to_vec()),
        (ToClient, b"\x02\x02\x10".to_vec()),
        (ToServer, b"\x02".to_vec()),
        (ToClient, vec![0xaa; 16]),
        (ToServer, vec![0xbb; 16]),
        (ToClient, vec![0; 4]),
        (ToServer, b"\x01".to_vec()),
        (ToClient, INIT.to_vec()),
    ]
}

fn run(said: &[Said]) -> Log {
    read(&mut RfbParser::new(), said)
}

#[test]
fn a_handshake_with_a_password() {
    let log = run(&vnc());
    assert_eq!(log.events(), [""; 0]);
    assert_eq!(log.all(Buffer::RfbName), ["desk"]);
    assert_eq!(log.all(Buffer::RfbSectype), ["2"]);
    assert_eq!(log.all(Buffer::RfbSecresult), ["0"]);
    let expected = json!({
        "server_protocol_version": {"major": "003", "minor": "008"},
        "client_protocol_version": {"major": "003", "minor": "008"},
        "authentication": {"security_type": 2, "security_result": "OK",
            "vnc": {"challenge": "aa".repeat(16), "response": "bb".repeat(16)}},
        "screen_shared": true,
        "framebuffer": {"width": 1280, "height": 800, "name": "desk", "pixel_format": {
            "bits_per_pixel": 32, "depth": 24, "big_endian": false, "true_color": true,
            "red_max": 255, "green_max": 255, "blue_max": 255, "red_shift": 16, "green_shift": 8, "blue_shift": 0}},
    });
    assert_eq!(log.records(), [&expected]);
}

#[test]
fn older_versions_and_no_password() {
    let old = |minor: &str, security: &[u8], choice: &[u8]| {
        let hello = format!("RFB 003.00{minor}\n").into_bytes();
        vec![
            (ToClient, hello.clone()),
            (ToServer, hello),
            (ToClient, security.to_vec()),
            (ToServer, [choice, b"\x00"].concat()),
            (ToClient, INIT.to_vec()),
        ]
    };
    for said in [old("3", &[0, 0, 0, 1], b""), old("7", &[1, 1], b"\x01")] {
        let log = run(&said);
        assert_eq!((log.events(), log.all(Buffer::RfbName)), (vec![], vec!["desk".to_owned()]));
        assert_eq!(log.records()[0]["screen_shared"], false);
    }
}

#[test]
fn a_side_waits_for_the_other() {
    let mut said = vnc();
    // The server's bytes are seen before those that it answers.
    said.swap(3, 4);
    said.swap(5, 6);
    let log = run(&said);
    assert_eq!((log.events(), log.records().len()), (vec![], 1));
    assert_eq!(log.records(), run(&vnc()).records());
}

#[test]
fn odd_handshakes_have_events() {
    let begun = |rest: &[Said]| [&vnc()[..2], rest].concat();
    let cases: [(Vec<Said>, &[&str]); 6] = [
        (begun(&[(ToClient, b"\x01\x1e".to_vec()), (ToServer, b"\x1e".to_vec())]), &["unimplemented_security_type"]),
        ([&vnc()[..6], &[(ToClient, vec![0, 0, 0, 9])]].concat(), &["unknown_security_result"]),
        ([&vnc()[..6], &[(ToClient, vec![0, 0, 0, 1, 0, 0, 0, 2, b'n', b'o'])]].concat(), &[]),
        (begun(&[(ToClient, b"\x00\x00\x00\x00\x02no".to_vec())]), &[]),
        (begun(&[(ToClient, [&b"\x00"[..], &(TEXT_LIMIT as u32 + 1).to_be_bytes()].concat())]), &["malformed_message"]),
        (vec![(ToClient, b"RFB 003.008\n".to_vec()), (ToServer, b"GET / HTTP/1.1".to_vec())], &["malformed_message"]),
    ];
    for (i, (said, expected)) in cases.into_iter().enumerate() {
        let log = run(&said);
        assert_eq!((log.events(), log.records().len()), (expected.to_vec(), 1), "{i}");
    }
}

#[test]
fn what_begins_like_rfb() {
    assert_eq!(probe(ToClient, b"RFB 003.889\n"), Likeness::Yes);
    assert_eq!(probe(ToClient, b"RFB 00"), Likeness::More);
    assert_eq!(probe(ToClient, b"RFB x"), Likeness::No);
}

proptest! {
    #[test]
    fn cutting_changes_nothing(said in spoilt(vnc()), lengths in vec(1usize..20, 1..20)) {
        prop_assert_eq!(run(&said), run(&cut(&said, &lengths)));
    }

    #[test]
    fn anything_may_come(steps in steps(vnc().into_iter().map(|(_, bytes)| bytes).collect())) {
        stumble(&mut RfbParser::new(), &steps);
    }
}
