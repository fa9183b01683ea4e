//! Calls as bytes; and that cutting them up, or breaking them, changes nothing it must not.

use super::{MAX_RECORD, NfsParser, Transport, probe_datagram, probe_stream};
use crate::packet::Direction::{self, ToClient, ToServer};
use crate::protocols::Parser;
use crate::protocols::file::FileState;
use crate::protocols::registry::Likeness;
use crate::protocols::testing::talk::{Log, cut, cuts, endure, mutated, noise, talk};
use proptest::prelude::*;
use sekisho_signatures::buffers::Buffer;
use serde_json::{Value, json};

type Talk = Vec<(Direction, Vec<u8>)>;

/// 32-bit integers.
fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_be_bytes()).collect()
}

fn opaque(data: &[u8]) -> Vec<u8> {
    let mut out = words(&[data.len() as u32]);
    out.extend(data);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

fn call(xid: u32, version: u32, procedure: u32, arguments: &[u8]) -> Vec<u8> {
    let who = [&words(&[9])[..], &opaque(b"pc"), &words(&[1000, 100, 0])].concat();
    let head = words(&[xid, 0, 2, 100_003, version, procedure, 1]);
    [&head[..], &opaque(&who), &words(&[0, 0]), arguments].concat()
}

fn reply(xid: u32, results: &[u8]) -> Vec<u8> {
    [&words(&[xid, 1, 0, 0, 0, 0])[..], results].concat()
}

fn record(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u32 | 0x8000_0000).to_be_bytes()[..], message].concat()
}

fn stream(messages: &[(Direction, Vec<u8>)]) -> Talk {
    messages.iter().map(|(direction, message)| (*direction, record(message))).collect()
}

const DIRECTORY: &[u8] = b"directory handle";
const FILE: &[u8] = b"file handle.";

/// Version 3: a file is looked up, read in two pieces, and written.
fn third() -> Talk {
    let look = [opaque(DIRECTORY), opaque(b"evil.sh")].concat();
    let found = [words(&[0]), opaque(FILE), words(&[0, 0])].concat();
    let read = |offset: u32| [opaque(FILE), words(&[0, offset, 4096])].concat();
    let data = |end: u32, bytes: &[u8]| [words(&[0, 0, bytes.len() as u32, end]), opaque(bytes)].concat();
    let write = [opaque(FILE), words(&[0, 0, 5, 2]), opaque(b"12345")].concat();
    stream(&[
        (ToServer, call(1, 3, 3, &look)),
        (ToClient, reply(1, &found)),
        (ToServer, call(2, 3, 6, &read(0))),
        (ToServer, call(3, 3, 6, &read(6))),
        (ToClient, reply(3, &data(0, b"second"))),
        (ToClient, reply(2, &data(1, b"first "))),
        (ToServer, call(4, 3, 7, &write)),
        (ToClient, reply(4, &words(&[0, 0, 0, 5, 2, 0, 0]))),
        (ToServer, call(5, 3, 21, &[opaque(FILE), words(&[0, 0, 0])].concat())),
        (ToClient, reply(5, &words(&[0, 0, 0]))),
        (ToServer, call(6, 3, 12, &[opaque(DIRECTORY), opaque(b"gone")].concat())),
        (ToClient, reply(6, &words(&[2, 0, 0]))),
    ])
}

/// Version 4: a file is opened, written and closed, each in one call.
fn fourth() -> Talk {
    let compound = |count: u32, operations: &[Vec<u8>]| [words(&[0, 1, count]), operations.concat()].concat();
    let result = |count: u32, operations: &[Vec<u8>]| [words(&[0, 0, count]), operations.concat()].concat();
    let sequence = words(&[53, 0, 0, 0, 0, 0, 0, 0, 0]);
    let sequenced = [words(&[53, 0]), vec![0; 36]].concat();
    let put = |handle: &[u8]| [words(&[22]), opaque(handle)].concat();
    let open = [words(&[18, 0, 3, 0, 0, 0]), opaque(b"owner"), words(&[0, 0]), opaque(b"new.bin")].concat();
    let opened = [words(&[18, 0]), vec![0; 40], words(&[0, 0])].concat();
    let write = [words(&[38]), vec![7; 16], words(&[0, 0, 2]), opaque(b"contents")].concat();
    let close = [words(&[4, 0]), vec![7; 16]].concat();
    stream(&[
        (ToServer, call(1, 4, 1, &compound(4, &[sequence.clone(), put(DIRECTORY), open, words(&[10])]))),
        (ToClient, reply(1, &result(4, &[sequenced.clone(), words(&[22, 0]), opened, words(&[10, 0]), opaque(FILE)]))),
        (ToServer, call(2, 4, 1, &compound(3, &[sequence.clone(), put(FILE), write]))),
        (ToClient, reply(2, &result(3, &[sequenced.clone(), words(&[22, 0]), words(&[38, 0, 8, 2, 0, 0])]))),
        (ToServer, call(3, 4, 1, &compound(3, &[sequence, put(FILE), close]))),
        (ToClient, reply(3, &result(3, &[sequenced, words(&[22, 0]), words(&[4, 0, 0, 0, 0, 0])]))),
    ])
}

fn shown(log: &Log) -> Vec<(&Value, &Value)> {
    log.records.iter().map(|r| (&r["nfs"]["procedure"], &r["nfs"]["filename"])).collect()
}

#[test]
fn version_3() {
    let log = talk(&mut NfsParser::new(Transport::Stream), &third());
    assert_eq!(log.events, [""; 0]);
    let expected =
        [("LOOKUP", "evil.sh"), ("READ", "evil.sh"), ("WRITE", "evil.sh"), ("COMMIT", "evil.sh"), ("REMOVE", "gone")];
    let expected: Vec<_> = expected.iter().map(|(a, b)| (json!(a), json!(b))).collect();
    assert_eq!(shown(&log), expected.iter().map(|(a, b)| (a, b)).collect::<Vec<_>>());
    let rpc = json!({"xid": 1, "status": "ACCEPTED", "auth_type": "UNIX", "creds": {"machine_name": "pc", "uid": 1000, "gid": 100}});
    assert_eq!(log.records[0]["rpc"], rpc);
    assert_eq!(log.records[1]["nfs"]["read"], json!({"first": true, "last": true, "last_xid": 2, "chunks": 2}));
    assert_eq!(log.records[4]["nfs"]["status"], "ERR_NOENT");
    assert_eq!(log.all(Buffer::FileData), ["first second", "12345"]);
    assert_eq!(
        log.files.iter().map(|f| (f.size, f.state)).collect::<Vec<_>>(),
        [(12, FileState::Closed), (5, FileState::Closed)]
    );
    assert_eq!(log.all(Buffer::NfsProcedure), ["3", "6", "7", "21", "12"]);
}

#[test]
fn version_4() {
    let log = talk(&mut NfsParser::new(Transport::Stream), &fourth());
    assert_eq!(log.events, [""; 0]);
    let expected = [("OPEN", "new.bin"), ("WRITE", "new.bin"), ("CLOSE", "new.bin")].map(|(a, b)| (json!(a), json!(b)));
    assert_eq!(shown(&log), expected.iter().map(|(a, b)| (a, b)).collect::<Vec<_>>());
    assert_eq!(log.records[1]["nfs"]["write"]["first"], true);
    assert_eq!(
        (log.all(Buffer::FileData), log.all(Buffer::NfsVersion)),
        (vec!["contents".to_owned()], vec!["4".to_owned(); 3])
    );
}

#[test]
fn version_2_in_datagrams() {
    let handle = [7; 32];
    let messages = vec![
        (ToServer, call(1, 2, 17, &handle)),
        (ToClient, reply(1, &words(&[0, 1, 2, 3, 4, 5]))),
        (ToServer, call(2, 2, 8, &[&handle[..], &words(&[0, 0, 0]), &opaque(b"old")].concat())),
        (ToServer, call(3, 2, 11, &[&handle[..], &opaque(b"a"), &handle, &opaque(b"b")].concat())),
        (ToClient, reply(3, &words(&[0]))),
    ];
    let log = talk(&mut NfsParser::new(Transport::Datagram), &messages);
    assert_eq!((&log.records[0]["nfs"]["procedure"], &log.records[0]["nfs"]["version"]), (&json!("STATFS"), &json!(2)));
    assert_eq!(log.records[1]["nfs"]["rename"], json!({"from": "a", "to": "b"}));
    assert_eq!((log.files[0].size, log.files[0].state), (3, FileState::Truncated));
    assert_eq!(probe_datagram(&messages[0].1), Likeness::Yes);
    assert_eq!(probe_datagram(&messages[1].1), Likeness::No);
}

#[test]
fn what_is_odd_is_told() {
    let mut parser = NfsParser::new(Transport::Datagram);
    let mut log = Log::default();
    parser.data(ToServer, &call(1, 9, 0, b""), &mut log);
    parser.data(ToServer, &call(1, 3, 3, b"\0\0\0\x09"), &mut log);
    assert_eq!(log.events, ["nonexistent_version", "malformed_data"]);
}

#[test]
fn records_that_are_too_long_are_passed_over() {
    let mut long = (0x8000_0000 | (MAX_RECORD as u32 + 1)).to_be_bytes().to_vec();
    long.resize(4 + MAX_RECORD + 1, 0);
    long.extend(&third()[0].1);
    let log = talk(&mut NfsParser::new(Transport::Stream), &[(ToServer, long)]);
    assert_eq!((&log.events[..], log.records.len()), (&["malformed_data"][..], 1));
}

#[test]
fn what_begins_like_a_call() {
    let first = &third()[0].1;
    assert_eq!(probe_stream(first), Likeness::Yes);
    assert_eq!(probe_stream(&first[..19]), Likeness::More);
    assert_eq!(probe_stream(&record(&reply(1, b""))), Likeness::No);
    assert_eq!(probe_stream(b"GET "), Likeness::No);
}

proptest! {
    #[test]
    fn cutting_a_stream_changes_nothing(cuts in cuts(), broken in mutated([third(), fourth()].concat())) {
        let of = |pieces: &Talk| talk(&mut NfsParser::new(Transport::Stream), pieces);
        prop_assert_eq!(of(&third()), of(&cut(&third(), &cuts)));
        prop_assert_eq!(of(&broken), of(&cut(&broken, &cuts)));
    }

    #[test]
    fn anything_may_come(noise in noise(), broken in mutated(third())) {
        endure(&mut NfsParser::new(Transport::Stream), &noise);
        endure(&mut NfsParser::new(Transport::Datagram), &noise);
        let datagrams: Vec<_> = broken.into_iter().map(|(d, bytes)| (d == ToServer, 0, bytes[4..].to_vec())).collect();
        endure(&mut NfsParser::new(Transport::Datagram), &datagrams);
    }

    #[test]
    fn a_gap_inside_a_call_loses_only_it(at in 4usize..60, lost in 1usize..60) {
        let first = &third()[0].1;
        let lost = lost.min(first.len() - at);
        let mut log = Log::default();
        let mut parser = NfsParser::new(Transport::Stream);
        parser.data(ToServer, &first[..at], &mut log);
        parser.gap(ToServer, lost as u64, &mut log);
        parser.data(ToServer, &first[at + lost..], &mut log);
        parser.data(ToServer, &third()[10].1, &mut log);
        parser.end(ToServer, &mut log);
        parser.end(ToClient, &mut log);
        prop_assert_eq!(log.all(Buffer::NfsProcedure), ["12"]);
    }
}
