//! Transfers as datagrams.

use super::{TftpNote, TftpParser, probe};
use crate::packet::Direction::{ToClient, ToServer};
use crate::protocols::Parser;
use crate::protocols::file::FileState;
use crate::protocols::registry::Likeness;
use crate::protocols::testing::heard::Told;
use proptest::collection::vec;
use proptest::prelude::*;
use sekisho_signatures::buffers::Buffer;
use serde_json::json;

fn block(number: u16, data: &[u8]) -> Vec<u8> {
    [&[0, 3], &number.to_be_bytes()[..], data].concat()
}

#[test]
fn a_request_announces_the_transfer() {
    let told = Told::of(&mut TftpParser::new(), &[(ToServer, b"\0\x01boot.bin\0octet\0".to_vec())]);
    assert_eq!((told.all(Buffer::TftpFile), told.all(Buffer::TftpMode)), (vec!["boot.bin"], vec!["octet"]));
    assert_eq!(told.all(Buffer::TftpOpcode), ["1"]);
    assert_eq!(told.records, [json!({"tftp": {"packet": "read", "file": "boot.bin", "mode": "octet"}})]);
    assert_eq!((told.expected, told.files.len()), (vec![(ToClient, None, 0)], 0));
}

#[test]
fn blocks_are_put_together() {
    let mut parser = TftpParser::new();
    parser.expected(&TftpNote { write: false, file: b"f"[..].into(), mode: b"octet"[..].into() });
    let told = Told::of(
        &mut parser,
        &[
            (ToServer, b"\0\x06blksize\x008\0".to_vec()),
            (ToServer, block(1, b"MZ345678")),
            (ToClient, b"\0\x04\0\x01".to_vec()),
            (ToServer, block(1, b"MZ345678")),
            (ToServer, block(2, b"end")),
            (ToServer, block(2, b"end")),
        ],
    );
    assert_eq!((told.all(Buffer::FileData), told.files[0].size), (vec!["MZ345678end"], 11));
    assert_eq!((told.records.len(), told.files.len(), told.files[0].state), (0, 1, FileState::Closed));
}

#[test]
fn what_is_missing_and_what_is_cut_off() {
    let mut all = vec![(ToServer, b"\0\x02up\0NetASCII\0".to_vec())];
    all.push((ToServer, block(1, &[b'x'; 512])));
    all.push((ToServer, block(3, &[b'x'; 512])));
    all.push((ToClient, b"\0\x05\0\x03disk full\0".to_vec()));
    let told = Told::of(&mut TftpParser::new(), &all);
    let file = &told.files[0];
    assert_eq!((file.size, file.gaps, file.state), (1536, true, FileState::Truncated));
}

#[test]
fn what_begins_like_tftp() {
    assert_eq!(probe(ToServer, b"\0\x01a\0octet\0"), Likeness::Yes);
    assert_eq!(probe(ToServer, b"\0\x01a\0other\0"), Likeness::No);
    assert_eq!(probe(ToServer, b"\0\x03\0\x01data"), Likeness::No);
    assert_eq!(probe(ToClient, b"\0\x01a\0octet\0"), Likeness::No);
}

proptest! {
    #[test]
    fn nothing_panics(datagrams in vec((any::<bool>(), 0..8u16, vec(any::<u8>(), 0..40)), 0..30)) {
        let mut parser = TftpParser::new();
        let mut told = Told::default();
        for (to_server, opcode, rest) in datagrams {
            let datagram = [&opcode.to_be_bytes()[..], &rest].concat();
            parser.data(if to_server { ToServer } else { ToClient }, &datagram, &mut told);
        }
        parser.end(ToServer, &mut told);
        parser.end(ToClient, &mut told);
    }
}
