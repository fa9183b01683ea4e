//! Sessions as bytes; and that cutting them up, or breaking them, changes nothing it must not.

use super::{MysqlParser, PACKET_LIMIT, ROW_LIMIT, ROWS_BYTES_LIMIT, ROWS_LIMIT, TRANSACTION_LIMIT, probe};
use crate::packet::Direction::{ToClient, ToServer};
use crate::protocols::registry::Likeness;
use crate::protocols::testing::told::{Log, Said, cut, read, spoilt, steps, stumble};
use crate::protocols::{Parser, Status};
use proptest::collection::vec;
use proptest::prelude::*;
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Buffer;
use serde_json::{Value, json};

/// What server and client can do: protocol 4.1, proofs of any kind, named ways of authentication and databases.
const PLAIN: u32 = 0x0008_8208;
/// And no packet of its own behind the columns, attributes before queries.
const MODERN: u32 = PLAIN | 0x0920_0000;

fn p(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).expect("short").to_le_bytes();
    [&len[..3], &[sequence], payload].concat()
}

fn greeting(capabilities: u32) -> Vec<u8> {
    let [a, b, c, d] = capabilities.to_le_bytes();
    let head = [&b"\x0a8.0.36\0\x01\0\0\0saltsalt\0"[..], &[a, b, 33, 2, 0, c, d, 21]].concat();
    p(0, &[&head[..], &[0; 10], b"saltsaltsalt\0caching_sha2_password\0"].concat())
}

fn login(capabilities: u32) -> Vec<u8> {
    let head = [&capabilities.to_le_bytes()[..], &[0, 0, 0, 1, 33], &[0; 23], b"ann\0"].concat();
    p(1, &[&head[..], b"\x03xyzshop\0mysql_native_password\0"].concat())
}

fn ssl(capabilities: u32) -> Vec<u8> {
    p(1, &[&(capabilities | 0x800).to_le_bytes()[..], &[0, 0, 0, 1, 33], &[0; 23]].concat())
}

fn query(text: &str) -> Vec<u8> {
    p(0, &[b"\x03", text.as_bytes()].concat())
}

fn ok(affected: u8, more: bool) -> Vec<u8> {
    p(1, &[0, affected, 0, if more { 10 } else { 2 }, 0, 0, 0])
}

fn eof(sequence: u8) -> Vec<u8> {
    p(sequence, &[0xfe, 0, 0, 2, 0])
}

fn error() -> Vec<u8> {
    p(1, b"\xff\x28\x04#42000You have an error")
}

fn column() -> Vec<u8> {
    p(2, b"\x03def\x04shop\x01a\x01a\x02id\x02id\x0c\x3f\0\x0b\0\0\0\x03\0\0\0\0\0")
}

fn in_session(capabilities: u32, rest: &[Said]) -> Vec<Said> {
    let begin =
        [(ToClient, greeting(capabilities)), (ToServer, login(capabilities)), (ToClient, p(2, &[0, 0, 0, 2, 0, 0, 0]))];
    begin.into_iter().chain(rest.iter().cloned()).collect()
}

fn result() -> Vec<u8> {
    let rows = [p(5, b"\x011\x05alice"), p(6, b"\x012\xfb")].concat();
    [p(1, &[2]), column(), column(), eof(4), rows, eof(7)].concat()
}

fn session() -> Vec<Said> {
    let prepared = [p(1, &[0, 1, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0]), column(), column(), eof(4), column(), eof(6)].concat();
    let executed = [p(1, &[1]), column(), eof(3), p(4, &[0, 0, 7]), eof(5)].concat();
    in_session(
        PLAIN,
        &[
            (ToServer, query("select id, name from a")),
            (ToClient, result()),
            (ToServer, query("update a set b = 1; select 2")),
            (ToClient, [ok(3, true), result()].concat()),
            (ToServer, p(0, b"\x16delete from a where id = ?")),
            (ToClient, prepared),
            (ToServer, p(0, b"\x17\x01\0\0\0\0\x01\0\0\0")),
            (ToClient, executed),
            (ToServer, p(0, b"\x19\x01\0\0\0")),
            (ToServer, query("selec")),
            (ToClient, error()),
            (ToServer, query("load data local infile 'x' into table a")),
            (ToClient, p(1, b"\xfb/etc/passwd")),
            (ToServer, [p(2, b"root:x"), p(3, b"")].concat()),
            (ToClient, ok(1, false)),
            (ToServer, p(0, b"\x0e")),
            (ToClient, ok(0, false)),
            (ToServer, p(0, b"\x01")),
        ],
    )
}

fn run(said: &[Said]) -> Log {
    read(&mut MysqlParser::new(), said)
}

#[test]
fn a_session() {
    let log = run(&session());
    assert_eq!(log.events(), [""; 0]);
    let commands = [
        "select id, name from a",
        "update a set b = 1; select 2",
        "delete from a where id = ?",
        "selec",
        "load data local infile 'x' into table a",
    ];
    assert_eq!(log.all(Buffer::MysqlCommand), commands);
    assert_eq!(log.all(Buffer::MysqlRows), ["1,alice", "2,NULL", "1,alice", "2,NULL"]);
    let failure = json!({"command": "query", "statement": "selec", "error_code": 1064, "sql_state": "42000",
        "error_message": "You have an error"});
    let expected = [
        json!({"version": "8.0.36", "tls": false, "user": "ann", "database": "shop", "plugin": "mysql_native_password",
            "ok": true}),
        json!({"command": "query", "statement": "select id, name from a", "ok": true, "columns": 2, "rows": 2}),
        json!({"command": "query", "statement": "update a set b = 1; select 2", "ok": true, "affected_rows": 3,
            "columns": 2, "rows": 2}),
        json!({"command": "stmt_prepare", "statement": "delete from a where id = ?", "ok": true}),
        json!({"command": "stmt_execute", "ok": true, "columns": 1, "rows": 1}),
        json!({"command": "stmt_close"}),
        failure,
        json!({"command": "query", "statement": "load data local infile 'x' into table a", "ok": true,
            "affected_rows": 1, "local_infile": "/etc/passwd", "local_infile_bytes": 6}),
        json!({"command": "ping", "ok": true, "affected_rows": 0}),
        json!({"command": "quit"}),
    ];
    assert_eq!(log.records(), expected.iter().collect::<Vec<_>>());
}

fn told(said: &[Said]) -> Vec<Value> {
    run(said).records().into_iter().cloned().collect()
}

#[test]
fn newer_clients() {
    let attributes = [&b"\x03\x02\x01\x01\x01\xfd\0\x01k\x03\0\x01n"[..], &[9, 0, 0, 0], b"select 1"].concat();
    let end = p(4, &[0xfe, 0, 0, 2, 0, 0, 0]);
    let said = in_session(
        MODERN,
        &[
            (ToServer, p(0, b"\x03\0\x01select 0")),
            (ToClient, [p(1, &[1]), column(), p(3, b"\x010"), end.clone()].concat()),
            (ToServer, p(0, &attributes)),
            // MariaDB leaves out the columns.
            (ToClient, [p(1, &[1, 0]), p(2, b"\x011"), end].concat()),
            // Broken attributes hide nothing.
            (ToServer, p(0, b"\x03select 2")),
        ],
    );
    let log = run(&said);
    assert_eq!(log.all(Buffer::MysqlCommand), ["select 0", "select 1", "select 2"]);
    assert_eq!(log.all(Buffer::MysqlRows), ["0", "1"]);
}

#[test]
fn ways_to_log_in() {
    let mut parser = MysqlParser::new();
    let mut log = Log::default();
    parser.data(ToClient, &greeting(MODERN), &mut log);
    let bytes = [&ssl(MODERN)[..], b"\x16\x03"].concat();
    assert_eq!(parser.data(ToServer, &bytes, &mut log), Status::Changed(Some(Protocol::Tls)));
    assert_eq!((parser.unread(ToServer), parser.unread(ToClient)), (&b"\x16\x03"[..], &b""[..]));
    assert_eq!(log.records(), [&json!({"version": "8.0.36", "tls": true})]);
    let switched = [
        (ToClient, greeting(PLAIN)),
        (ToServer, login(PLAIN)),
        (ToClient, p(2, b"\xfesha256_password\0salt\0")),
        (ToServer, p(3, b"secret")),
        (ToClient, p(4, b"\xff\x15\x04#28000Access denied")),
    ];
    let [told] = &told(&switched)[..] else { panic!("one") };
    assert_eq!((&told["plugin"], &told["error_code"]), (&json!("sha256_password"), &json!(1045)));
    // The client of before 4.1.
    let old = [(ToClient, greeting(0)), (ToServer, p(1, b"\x05\0\0\0\0ann\0xyz"))];
    assert_eq!(self::told(&old)[0]["user"], "ann");
    let compressed = run(&in_session(PLAIN | 0x20, &[(ToServer, query("unread"))]));
    assert_eq!((compressed.events(), compressed.records().len()), (vec!["compressed"], 1));
}

#[test]
fn odd_and_much() {
    assert_eq!(run(&[(ToClient, p(0, b"\xff\x6a\x04Host is not allowed"))]).records()[0]["error_code"], 1130);
    assert_eq!(run(&[(ToClient, p(0, b"hello"))]).events(), ["malformed_response"]);
    assert_eq!(run(&[(ToClient, greeting(PLAIN)), (ToServer, p(1, b"x"))]).events(), ["malformed_request"]);
    let many = in_session(PLAIN, &[(ToServer, query("x").repeat(TRANSACTION_LIMIT + 1))]);
    assert_eq!(run(&many).events(), ["too_many_transactions"]);
    let bad = in_session(PLAIN, &[(ToServer, query("x")), (ToClient, p(1, &[0xfc, 0, 0]))]);
    assert_eq!(run(&bad).events(), ["malformed_response"]);
    let row = p(4, &[&[0xfc, 0, 32][..], &[b'x'; 2 * ROW_LIMIT]].concat());
    let rows = row.repeat(ROWS_LIMIT + 9);
    let long = "y".repeat(PACKET_LIMIT);
    let much = in_session(
        PLAIN,
        &[(ToServer, query(&long)), (ToClient, [p(1, &[1]), column(), eof(3), rows, eof(9)].concat())],
    );
    let log = run(&much);
    assert_eq!(log.records()[1]["rows"], json!(ROWS_LIMIT + 9));
    assert_eq!(log.all(Buffer::MysqlCommand)[0].len(), PACKET_LIMIT - 1);
    assert_eq!(log.all(Buffer::MysqlRows).iter().map(String::len).sum::<usize>(), ROWS_BYTES_LIMIT);
}

#[test]
fn what_begins_like_mysql() {
    for (direction, bytes) in [(ToClient, greeting(MODERN)), (ToServer, login(MODERN)), (ToServer, ssl(PLAIN))] {
        assert_eq!(probe(direction, &bytes), Likeness::Yes);
        (0..30).for_each(|n| assert_eq!(probe(direction, &bytes[..n]), Likeness::More, "{n}"));
    }
    for bytes in [&b"\0\0\0\x55\xffSMB"[..], b"\x16\x03\x01\x02\0\x01", b"\x4a\0\0\0\x0aSSH", b"\x4a\0\0\0\x0a\0"] {
        assert_eq!(probe(ToClient, bytes), Likeness::No);
        assert_eq!(probe(ToServer, bytes), Likeness::No);
    }
}

proptest! {
    #[test]
    fn cutting_changes_nothing(said in spoilt(session()), lengths in vec(1usize..60, 1..20)) {
        prop_assert_eq!(run(&said), run(&cut(&said, &lengths)));
    }

    #[test]
    fn anything_may_come(steps in steps(session().into_iter().map(|(_, bytes)| bytes).collect())) {
        let log = stumble(&mut MysqlParser::new(), &steps);
        prop_assert_eq!(log.completions(), 2 * log.records().len(), "both directions of each");
    }
}
