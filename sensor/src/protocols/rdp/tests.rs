//! Connections as bytes; and that cutting them up, or breaking them, changes nothing it must not.

use super::{CHANNEL_LIMIT, MESSAGE_LIMIT, RdpParser, probe, probe_on_port};
use crate::packet::Direction::{self, ToClient, ToServer};
use crate::protocols::registry::Likeness;
use crate::protocols::testing::told::{Log, Said, cut, read, spoilt, steps, stumble};
use crate::protocols::{Parser, Status};
use proptest::collection::vec;
use proptest::prelude::*;
use sekisho_signatures::app::Protocol;
use serde_json::json;

fn tpkt(content: &[u8]) -> Vec<u8> {
    let len = u16::try_from(content.len() + 4).expect("short");
    [&[3, 0][..], &len.to_be_bytes(), content].concat()
}

/// A header of X.224 with its code and what stands behind the class.
fn x224(code: u8, rest: &[u8]) -> Vec<u8> {
    let len = u8::try_from(rest.len() + 6).expect("short");
    tpkt(&[&[len, code, 0, 0, 0, 0, 0][..], rest].concat())
}

fn data(content: &[u8]) -> Vec<u8> {
    tpkt(&[&[2, 0xf0, 0x80][..], content].concat())
}

fn request(offers: u8) -> Vec<u8> {
    x224(0xe0, &[&b"Cookie: mstshash=ann\r\n\x01\x00\x08\x00"[..], &[offers, 0, 0, 0]].concat())
}

fn confirm(chosen: u8) -> Vec<u8> {
    x224(0xd0, &[2, 0, 8, 0, chosen, 0, 0, 0])
}

fn element(tag: &[u8], content: &[u8]) -> Vec<u8> {
    let len = u16::try_from(content.len()).expect("short");
    [tag, &[0x82], &len.to_be_bytes(), content].concat()
}

fn wide(text: &str, bytes: usize) -> Vec<u8> {
    let mut out: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    out.resize(bytes, 0);
    out
}

fn block(kind: u8, content: &[u8]) -> Vec<u8> {
    let len = u16::try_from(content.len() + 4).expect("short");
    [&[kind, 0xc0][..], &len.to_le_bytes(), content].concat()
}

fn core() -> Vec<u8> {
    [
        &0x0008_0004_u32.to_le_bytes()[..],
        &[0x00, 0x05, 0x20, 0x03, 0x01, 0xca, 0x03, 0xaa],
        &0x0407_u32.to_le_bytes(),
        &2600_u32.to_le_bytes(),
        &wide("ANNS-PC", 32),
        &[4, 0, 0, 0, 0, 0, 0, 0, 12, 0, 0, 0],
        &[0; 64],
        &[0x01, 0xca, 1, 0, 0, 0, 0, 0, 16, 0, 7, 0, 1, 4],
        &wide("55274-1", 64),
        &[0, 0],
    ]
    .concat()
}

fn connect_initial(blocks: &[u8]) -> Vec<u8> {
    let mut gcc = b"\x00\x05\x00\x14\x7c\x00\x01\x81\x00\x00\x08\x00\x10\x00\x01\xc0\x00Duca".to_vec();
    gcc.extend((0x8000 | u16::try_from(blocks.len()).expect("short")).to_be_bytes());
    gcc.extend(blocks);
    let parameters = element(&[0x30], &[2, 1, 1]);
    let parts =
        [&b"\x04\x01\x01\x04\x01\x01\x01\x01\xff"[..], &parameters, &parameters, &parameters, &element(&[4], &gcc)];
    data(&element(&[0x7f, 0x65], &parts.concat()))
}

fn network(count: usize) -> Vec<u8> {
    let channels = (0..count).flat_map(|i| [format!("chan{i:02}\0\0").into_bytes(), vec![0; 4]].concat());
    block(3, &[&u32::try_from(count).expect("few").to_le_bytes()[..], &channels.collect::<Vec<_>>()].concat())
}

fn exchange() -> Vec<Said> {
    vec![
        (ToServer, request(0)),
        (ToClient, confirm(0)),
        (ToServer, connect_initial(&[block(1, &core()), block(2, &[0; 8]), network(2)].concat())),
        (ToServer, data(b"\x04\x01\x00\x01\x00")),
        (ToClient, data(&element(&[0x7f, 0x66], &[10, 1, 0]))),
    ]
}

fn run(said: &[Said]) -> Log {
    read(&mut RdpParser::new(), said)
}

#[test]
fn a_connection() {
    let log = run(&exchange());
    assert_eq!(log.events(), [""; 0]);
    let expected = [
        json!({"tx_id": 0, "event_type": "initial_request", "cookie": "ann"}),
        json!({"tx_id": 1, "event_type": "initial_response"}),
        json!({"tx_id": 2, "event_type": "connect_request", "channels": ["chan00", "chan01"], "client": {
            "version": "v5", "desktop_width": 1280, "desktop_height": 800, "color_depth": 16,
            "keyboard_layout": "de-DE", "build": "Windows XP", "client_name": "ANNS-PC", "keyboard_type": "enhanced",
            "function_keys": 12, "product_id": 1, "capabilities": ["support_errinfo_pdf", "support_heartbeat_pdu"],
            "id": "55274-1"}}),
        json!({"tx_id": 3, "event_type": "connect_response"}),
    ];
    assert_eq!(log.records(), expected.iter().collect::<Vec<_>>());
}

#[test]
fn older_and_odder_clients() {
    let client = |core: &[u8], rest: &[u8]| {
        let log = run(&[(ToServer, connect_initial(&[&block(1, core), rest].concat()))]);
        log.records()[0].clone()
    };
    // An older one ends behind the name of its input method.
    let old = client(&core()[..128], &[]);
    assert_eq!((&old["client"]["color_depth"], &old["client"]["product_id"]), (&json!(8), &json!(null)));
    let mut odd = core();
    odd[12..16].copy_from_slice(&[0xff, 0xff, 0, 0]);
    odd[16..20].copy_from_slice(&[1, 0, 0, 0]);
    let odd = client(&odd, &network(CHANNEL_LIMIT + 2));
    assert_eq!((&odd["client"]["keyboard_layout"], &odd["client"]["build"]), (&json!("0x0000ffff"), &json!("1")));
    assert_eq!(odd["channels"].as_array().map(Vec::len), Some(CHANNEL_LIMIT));
    // Too short to be one.
    assert_eq!(client(&core()[..100], &[]), json!({"tx_id": 0, "event_type": "connect_request"}));
}

#[test]
fn what_is_negotiated_as_tls_is_tls() {
    let mut parser = RdpParser::new();
    let mut log = Log::default();
    assert_eq!(parser.data(ToServer, &request(3), &mut log), Status::More);
    assert_eq!(parser.data(ToClient, &confirm(2), &mut log), Status::More);
    let hello = b"\x16\x03\x01\x00\x05";
    assert_eq!(parser.data(ToServer, hello, &mut log), Status::Changed(Some(Protocol::Tls)));
    assert_eq!((parser.unread(ToServer), parser.unread(ToClient)), (&hello[..], &b""[..]));
    assert_eq!(log.records()[2], &json!({"tx_id": 2, "event_type": "tls_handshake"}));
}

#[test]
fn what_is_none_is_told_once() {
    let many = data(b"\x04").repeat(usize::from(MESSAGE_LIMIT) + 9);
    for bytes in
        [many, b"\x03\x00\x00\x05\x00\x00".to_vec(), b"\x03\x00\x00\x07\x40\xe0\x00".to_vec(), b"\x44".to_vec()]
    {
        let log = run(&[(ToServer, request(0)), (ToServer, bytes), (ToClient, b"\x03\x01".to_vec())]);
        assert_eq!(log.events(), ["malformed_message"]);
    }
}

#[test]
fn what_begins_like_rdp() {
    let bare = x224(0xe0, b"");
    // S7 over X.224 names ends of its own.
    let s7 = x224(0xe0, b"\xc0\x01\x0a\xc1\x02\x01\x00\xc2\x02\x01\x02");
    assert_eq!(probe(ToServer, &request(3)), Likeness::Yes);
    assert_eq!(probe(ToClient, &confirm(0)), Likeness::Yes);
    assert_eq!(probe(ToClient, &x224(0xd0, &[3, 0, 8, 0, 2, 0, 0, 0])), Likeness::Yes, "refused");
    (0..request(3).len()).for_each(|n| assert_eq!(probe(ToServer, &request(3)[..n]), Likeness::More, "{n}"));
    for (direction, bytes) in [(ToServer, &bare), (ToServer, &s7), (ToServer, &confirm(0)), (ToClient, &request(0))] {
        assert_eq!(probe(direction, bytes), Likeness::No);
    }
    assert_eq!(probe_on_port(ToServer, &bare), Likeness::Yes);
    assert_eq!(probe(ToServer, b"\x03\x00\x08\x00\x02\xf0"), Likeness::No);
}

#[test]
fn a_gap_ends_it() {
    let mut parser = RdpParser::new();
    assert_eq!(parser.gap(Direction::ToClient, 9, &mut Log::default()), Status::GaveUp);
}

proptest! {
    #[test]
    fn cutting_changes_nothing(said in spoilt(exchange()), lengths in vec(1usize..60, 1..20)) {
        prop_assert_eq!(run(&said), run(&cut(&said, &lengths)));
    }

    #[test]
    fn anything_may_come(steps in steps(exchange().into_iter().map(|(_, bytes)| bytes).collect())) {
        let log = stumble(&mut RdpParser::new(), &steps);
        prop_assert_eq!(log.completions(), log.records().len(), "each is told once");
    }
}
