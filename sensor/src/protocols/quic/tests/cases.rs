use super::super::crypto::Keys;
use super::super::packet::Packet;
use super::super::{HELLO_LIMIT, PACKET_LIMIT, probe};
use super::*;
use crate::protocols::registry::Likeness;
use serde_json::json;

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// RFC 9001, A.3: what a server answers.
const RFC_9001_SERVER: &str = "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780bb38cc5a99f5ede4cf73c3ec2493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc42158407dd074ee";

/// RFC 9369, A.3: the same in version 2.
const RFC_9369_SERVER: &str = "dc6b3343cf0008f067a5502a4262b5004075d92faaf16f05d8a4398c47089698baeea26b91eb761d9b89237bbf87263017915358230035f7fd3945d88965cf17f9af6e16886c61bfc703106fbaf3cb4cfa52382dd16a393e42757507698075b2c984c707f0a0812d8cd5a6881eaf21ceda98f4bd23f6fe1a3e2c43edd9ce7ca84bed8521e2e140";

#[test]
fn the_examples_of_the_standards_can_be_read() {
    for (version, text) in [(Version::V1, RFC_9001_SERVER), (Version::V2, RFC_9369_SERVER)] {
        let bytes = hex(text);
        let packet = Packet::read(&bytes).unwrap();
        assert_eq!(packet.version, version);
        let mut clear = Vec::new();
        let from = Keys::of(version, ID).unwrap().open(&packet, ToClient, &mut clear).expect("the keys fit");
        assert_eq!(&clear[from..from + 9], [2, 0, 0, 0, 0, 6, 0, 0x40, 0x5a], "an ACK, then a hello of 90 bytes");
        assert_eq!(clear.len() - from, 5 + 4 + 0x5a);
    }
}

#[test]
fn a_handshake_in_each_version() {
    for version in [Version::V1, Version::V2, Version(0xff00_001d), Version(0xff00_001b), Version(0xff00_0016)] {
        let client = client(version, 0, &crypto(0, &client_hello()));
        let server = server(version, &crypto(0, &server_hello()));
        assert_eq!(probe(ToServer, &client), Likeness::Yes);
        assert_eq!(probe(ToClient, &server), Likeness::Yes);
        let (log, status) = read(&[(ToServer, client), (ToClient, server)]);
        assert_eq!((status, log.events.len()), (Status::Encrypted, 0));
        assert_eq!(log.all(Buffer::QuicSni), ["example.org"]);
        assert_eq!(log.all(Buffer::Ja3String), ["771,4865-4866,0-16-43-13-57,,"]);
        assert_eq!(log.all(Buffer::Ja3sString), ["771,4865,43"]);
        assert!(log.all(Buffer::Ja4Hash).concat().starts_with("q13d0205h3_"));
        assert_eq!(log.records.len(), 2);
        assert_eq!(log.buffers[0].2.len(), 32);
    }
}

#[test]
fn the_record_lists_the_extensions() {
    let (log, _) = read(&[(ToServer, client(Version::V1, 0, &crypto(0, &client_hello())))]);
    let record = &log.records[0];
    assert_eq!(record["version"], "1");
    assert_eq!(record["sni"], "example.org");
    let extensions = json!([
        {"name": "server_name", "type": 0, "values": ["example.org"]},
        {"name": "alpn", "type": 16, "values": ["h3"]},
        {"name": "supported_versions", "type": 43, "values": ["Tls13"]},
        {"name": "signature_algorithms", "type": 13, "values": ["1027", "2052"]},
        {"name": "quic_transport_parameters", "type": 57},
    ]);
    assert_eq!(record["extensions"], extensions);
    assert_eq!(record["ja3"]["string"], "771,4865-4866,0-16-43-13-57,,");
}

#[test]
fn several_packets_in_one_datagram() {
    let first =
        seal::initial(Version::V1, ToServer, ID, ID, 0, &[crypto(0, &client_hello()[..20]), vec![0; 40]].concat());
    let second = client(Version::V1, 1, &crypto(20, &client_hello()[20..]));
    let (log, _) = read(&[(ToServer, [first, second].concat())]);
    assert_eq!(log.all(Buffer::QuicSni), ["example.org"]);
    assert_eq!(log.records.len(), 2);
}

#[test]
fn a_retry_brings_the_hello_again_under_other_keys() {
    let other: &[u8] = b"another!";
    let mut frames = crypto(0, &client_hello());
    frames.resize(1150, 0);
    let again = seal::initial(Version::V1, ToServer, other, other, 1, &frames);
    let retry = [&hex("f0000000010008")[..], other, b"token", &[0; 16]].concat();
    let answer =
        seal::initial(Version::V1, ToClient, other, b"", 0, &[crypto(0, &server_hello()), vec![0; 9]].concat());
    let first = client(Version::V1, 0, &crypto(0, &client_hello()));
    let (log, status) = read(&[(ToServer, first), (ToClient, retry), (ToServer, again), (ToClient, answer)]);
    assert_eq!(log.all(Buffer::QuicSni), ["example.org"; 2]);
    assert_eq!((status, log.events), (Status::Encrypted, vec![]));
}

#[test]
fn a_server_names_its_versions() {
    let list = hex("80000000000008f067a5502a4262b50a1a2a3a00000001");
    assert_eq!(probe(ToClient, &list), Likeness::Yes);
    assert_eq!(probe(ToServer, &list), Likeness::No);
    let wanted = Version(0x0a1a_2a3a);
    let mut unknown = client(Version::V1, 0, b"");
    unknown[1..5].copy_from_slice(&wanted.0.to_be_bytes());
    assert_eq!(probe(ToServer, &unknown), Likeness::Yes);
    let hello = client(Version::V1, 0, &crypto(0, &client_hello()));
    let (log, _) = read(&[(ToServer, unknown), (ToClient, list), (ToServer, hello)]);
    let versions: Vec<_> = log.records.iter().map(|r| r["version"].as_str().unwrap()).collect();
    assert_eq!(versions, ["a1a2a3a", "0", "1"]);
    assert_eq!(log.all(Buffer::QuicSni), ["example.org"]);
    assert_eq!(log.buffers.iter().find(|(b, _, _)| *b == Buffer::QuicVersion).unwrap().2, wanted.0.to_be_bytes());
}

fn chlo() -> Vec<u8> {
    let values: [(&[u8; 4], &[u8]); 4] =
        [(b"PAD\0", &[0x2d; 30]), (b"SNI\0", b"example.org"), (b"VER\0", b"Q046"), (b"UAID", b"Test/1 (none)")];
    let mut out = b"CHLO\x04\0\0\0".to_vec();
    let mut end = 0;
    for (tag, value) in values {
        end += value.len() as u32;
        out.extend(tag);
        out.extend(end.to_le_bytes());
    }
    values.iter().for_each(|(_, value)| out.extend(*value));
    out
}

#[test]
fn googles_hello_in_each_form() {
    let message = chlo();
    let frame = [&[0xa0, 1][..], &vector(2, &message)].concat();
    let clear = |head: &[u8]| [head, &[7; 12], &frame].concat();
    let datagrams = [
        ("39", clear(b"\x09connectnQ039\x01")),
        ("43", clear(b"\x19connectnQ043\x00\x01")),
        ("44", clear(b"\xffQ044\x50connectn\0\0\0\x01")),
        ("46", clear(b"\xc3Q046\x50connectn\0\0\0\x01")),
        ("50", client(Version(0x5130_3530), 0, &crypto(0, &message))),
    ];
    for (digits, bytes) in datagrams {
        assert_eq!(probe(ToServer, &bytes), Likeness::Yes, "{digits}");
        let (log, _) = read(&[(ToServer, bytes)]);
        assert_eq!(log.events.len(), 0);
        assert_eq!(log.all(Buffer::QuicSni), ["example.org"]);
        assert_eq!(log.all(Buffer::QuicUa), ["Test/1 (none)"]);
        assert_eq!(log.all(Buffer::QuicCyuString), [format!("{digits},PAD-SNI-VER-UAID")]);
        assert_eq!(log.all(Buffer::QuicCyuHash)[0].len(), 32);
        assert_eq!(log.records[0]["cyu"][0]["string"], format!("{digits},PAD-SNI-VER-UAID"));
    }
}

#[test]
fn what_is_odd_is_told() {
    let mut broken = client(Version::V1, 0, &crypto(0, &client_hello()));
    *broken.last_mut().unwrap() ^= 1;
    let (log, _) = read(&[(ToServer, broken)]);
    assert_eq!((log.events, log.records.len()), (vec!["failed_decrypt"], 0));
    let (log, _) = read(&[(ToServer, client(Version::V1, 0, b"\x08stream frames do not belong here"))]);
    assert_eq!(log.events, ["error_on_data"]);
    let (log, _) = read(&[(ToServer, client(Version::V1, 0, &crypto(HELLO_LIMIT, b"x")))]);
    assert_eq!(log.events, ["crypto_frag_too_long"]);
    let (log, _) = read(&[(ToServer, client(Version::V1, 0, &crypto(0, &handshake(2, b"a server's message"))))]);
    assert_eq!(log.events, ["error_on_data"]);
}

#[test]
fn packets_without_end_are_not_followed_without_end() {
    let datagrams: Vec<_> = (0..200).map(|n| (ToServer, client(Version::V1, n, b"\x01"))).collect();
    let (log, status) = read(&datagrams);
    assert_eq!((status, log.records.len() as u64), (Status::GaveUp, PACKET_LIMIT));
}

#[test]
fn other_datagrams_are_not_taken_for_it() {
    for bytes in [&b""[..], b"\x40", b"\xc3\0\0\0\x01", b"\xc3abcd\x08abcdefgh\0\0\x01\0", &[0x80; 40], &[0xff; 1300]] {
        assert_eq!(probe(ToServer, bytes), Likeness::No, "{bytes:?}");
    }
}
