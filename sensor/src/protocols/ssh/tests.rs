//! Handshakes as bytes; and that cutting them up, or breaking them, changes nothing it must not.

use super::{BANNER_LIMIT, KEX_LIMIT, SshParser, probe};
use crate::packet::Direction::{self, ToClient, ToServer};
use crate::protocols::registry::Likeness;
use crate::protocols::testing::told::{Log, Said, cut, read, spoilt, steps, stumble};
use crate::protocols::{Parser, Status};
use proptest::collection::vec;
use proptest::prelude::*;
use sekisho_signatures::buffers::Buffer;
use serde_json::json;

/// A packet with four bytes of padding.
fn packet(payload: &[u8]) -> Vec<u8> {
    let mut out = u32::try_from(payload.len() + 5).expect("short").to_be_bytes().to_vec();
    out.push(4);
    out.extend(payload);
    out.extend([0; 4]);
    out
}

/// SSH_MSG_KEXINIT with these lists.
fn kexinit(lists: [&str; 10]) -> Vec<u8> {
    let mut payload = vec![20];
    payload.extend([7; 16]);
    for list in lists {
        payload.extend(u32::try_from(list.len()).expect("short").to_be_bytes());
        payload.extend(list.as_bytes());
    }
    payload.extend([0; 5]);
    packet(&payload)
}

const CLIENT: [&str; 10] = ["kex-a,kex-b", "key", "enc-up", "enc-down", "mac-up", "mac-down", "none", "zlib", "", ""];

fn handshake() -> Vec<Said> {
    vec![
        (ToServer, b"SSH-2.0-Pear_1.4 on a tree\r\n".to_vec()),
        (ToClient, b"Welcome\r\nSSH-2.0-Plum_2.0\r\n".to_vec()),
        (ToServer, kexinit(CLIENT)),
        (ToClient, kexinit(CLIENT)),
        (ToServer, packet(&[30, 1, 2, 3])),
        (ToClient, [packet(&[31, 1, 2]), packet(&[21])].concat()),
        (ToServer, [packet(&[21]), vec![0x9e; 40]].concat()),
        (ToClient, vec![0x9e; 40]),
    ]
}

fn run(said: &[Said]) -> Log {
    read(&mut SshParser::new(), said)
}

#[test]
fn a_handshake() {
    let log = run(&handshake());
    assert_eq!(log.events(), [""; 0]);
    assert_eq!(log.all(Buffer::SshProto), ["2.0", "2.0"]);
    assert_eq!(log.all(Buffer::SshSoftware), ["Pear_1.4", "Plum_2.0"]);
    assert_eq!(log.all(Buffer::SshHasshString), ["kex-a,kex-b;enc-up;mac-up;none"]);
    assert_eq!(log.all(Buffer::SshHasshServerString), ["kex-a,kex-b;enc-down;mac-down;zlib"]);
    let [client, server] = [Buffer::SshHassh, Buffer::SshHasshServer].map(|b| log.all(b)[0].clone());
    // By md5sum.
    assert_eq!(client, "ccb5bcda3581e8c6616eabcf81e9a958");
    let expected = json!({
        "client": {"proto_version": "2.0", "software_version": "Pear_1.4",
                   "hassh": {"hash": client, "string": "kex-a,kex-b;enc-up;mac-up;none"}},
        "server": {"proto_version": "2.0", "software_version": "Plum_2.0",
                   "hassh": {"hash": server, "string": "kex-a,kex-b;enc-down;mac-down;zlib"}},
    });
    assert_eq!(log.records(), [&expected]);
}

#[test]
fn encrypted_bytes_are_not_asked_for() {
    let mut parser = SshParser::new();
    let mut log = Log::default();
    let statuses: Vec<Status> = handshake().iter().map(|(d, bytes)| parser.data(*d, bytes, &mut log)).collect();
    assert_eq!(statuses[5..7], [Status::More, Status::Encrypted]);
}

#[test]
fn banners_alone_are_logged_at_the_end() {
    let log = run(&[(ToClient, b"SSH-1.99-Cisco-1.25\n".to_vec()), (ToServer, b"SSH-2.0-x".to_vec())]);
    assert_eq!(log.events(), [""; 0]);
    let expected = json!({
        "client": {"proto_version": "2.0", "software_version": "x"},
        "server": {"proto_version": "1.99", "software_version": "Cisco-1.25"},
    });
    assert_eq!(log.records(), [&expected]);
}

#[test]
fn odd_handshakes_have_events() {
    let long = [&b"SSH-2.0-"[..], &[b'x'; BANNER_LIMIT], b"\r\n"].concat();
    let huge = [&(KEX_LIMIT as u32).to_be_bytes()[..], &[4, 20], &vec![0; KEX_LIMIT - 2], &kexinit(CLIENT)].concat();
    let banner = b"SSH-2.0-x\r\n";
    let cases: [(Direction, Vec<u8>, &[&str]); 8] = [
        (ToServer, b"GET / HTTP/1.1\r\n".to_vec(), &["invalid_banner"]),
        (ToServer, b"SSH-2.0\r\n".to_vec(), &["invalid_banner"]),
        (ToServer, b"SSH--\r\n".to_vec(), &["invalid_banner"]),
        (ToServer, [&long[..], &kexinit(CLIENT)].concat(), &["long_banner"]),
        (ToServer, [&banner[..], &[0, 0, 0, 1, 0, 0]].concat(), &["invalid_record"]),
        (ToServer, [&banner[..], &packet(&[20, 1])].concat(), &["invalid_record"]),
        (ToServer, [&banner[..], &huge].concat(), &["long_kex_record"]),
        (ToClient, b"line\n".repeat(2000), &["invalid_banner"]),
    ];
    for (i, (direction, bytes, expected)) in cases.into_iter().enumerate() {
        let log = run(&[(direction, bytes)]);
        assert_eq!(log.events(), expected, "{i}");
        if matches!(i, 3 | 6) {
            assert_eq!(log.all(Buffer::SshHassh).len(), 1, "{i}: goes on behind it");
        }
    }
}

#[test]
fn what_begins_like_ssh() {
    assert_eq!(probe(ToServer, b"SSH-2.0"), Likeness::Yes);
    assert_eq!(probe(ToServer, b"SS"), Likeness::More);
    assert_eq!(probe(ToClient, b"SSX"), Likeness::No);
}

proptest! {
    #[test]
    fn cutting_changes_nothing(said in spoilt(handshake()), lengths in vec(1usize..50, 1..20)) {
        prop_assert_eq!(run(&said), run(&cut(&said, &lengths)));
    }

    #[test]
    fn anything_may_come(steps in steps(handshake().into_iter().map(|(_, bytes)| bytes).collect())) {
        stumble(&mut SshParser::new(), &steps);
    }
}
