//! Sessions as bytes; and that cutting them up, or breaking them, changes nothing it must not.

use super::{LENGTH_LIMIT, MESSAGE_LIMIT, PARAMETERS_LIMIT, PgsqlParser, STATEMENT_LIMIT, TRANSACTION_LIMIT, probe};
use crate::packet::Direction::{self, ToClient, ToServer};
use crate::protocols::registry::Likeness;
use crate::protocols::testing::told::{Log, Said, cut, read, spoilt, steps, stumble};
use crate::protocols::{Parser, Status};
use proptest::collection::vec;
use proptest::prelude::*;
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Buffer;
use serde_json::{Value, json};

fn first(parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    [&u32::try_from(content.len() + 4).expect("short").to_be_bytes()[..], &content].concat()
}

fn m(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    [&[kind][..], &first(parts)].concat()
}

fn ssl() -> Vec<u8> {
    first(&[&80_877_103_u32.to_be_bytes()])
}

fn startup() -> Vec<u8> {
    first(&[b"\0\x03\0\0user\0ann\0database\0shop\0application_name\0psql\0\0"])
}

fn auth(code: u8, rest: &[u8]) -> Vec<u8> {
    m(b'R', &[&[0, 0, 0, code], rest])
}

fn ready() -> Vec<u8> {
    m(b'Z', &[b"I"])
}

fn query(text: &str) -> Vec<u8> {
    m(b'Q', &[text.as_bytes(), b"\0"])
}

fn done(text: &str) -> Vec<u8> {
    m(b'C', &[text.as_bytes(), b"\0"])
}

fn row(value: &str) -> Vec<u8> {
    let len = u32::try_from(value.len()).expect("short").to_be_bytes();
    m(b'D', &[b"\0\x02", &len, value.as_bytes(), b"\xff\xff\xff\xff"])
}

fn session() -> Vec<Said> {
    let params = [m(b'S', &[b"TimeZone\0UTC\0"]), m(b'S', &[b"is_superuser\0on\0"])].concat();
    let extended = [
        m(b'P', &[b"\0delete from a where b = $1\0\0\0"]),
        m(b'B', &[b"\0\0\0\0\0\0\0\0"]),
        m(b'E', &[b"\0\0\0\0\0"]),
        m(b'P', &[b"s2\0select 2\0\0\0"]),
        m(b'S', &[]),
    ]
    .concat();
    let answers = [m(b'1', &[]), m(b'2', &[]), done("DELETE 3"), ready()].concat();
    vec![
        (ToServer, ssl()),
        (ToClient, b"N".to_vec()),
        (ToServer, startup()),
        (ToClient, auth(5, b"a\xdc\xfdf")),
        (ToServer, m(b'p', &[b"md5secret\0"])),
        (ToClient, [auth(0, b""), params, m(b'K', &[&[0, 0, 3, 9, 0, 0, 1, 0]]), ready()].concat()),
        (ToServer, query("select * from a")),
        (ToClient, [m(b'T', &[b"\0\x02rest"]), row("one"), row(""), done("SELECT 2"), ready()].concat()),
        (ToServer, extended),
        (ToClient, answers),
        (ToServer, query("copy a from stdin")),
        (ToClient, m(b'G', &[b"\0\0\x07"])),
        (ToServer, [m(b'd', &[b"1\t2\n"]), m(b'd', &[b"3\n"]), m(b'c', &[])].concat()),
        (ToClient, [done("COPY 2"), ready()].concat()),
        (ToServer, query("copy a to stdout")),
        (ToClient, [m(b'H', &[b"\0\0\x03"]), m(b'd', &[b"1\n"]), m(b'c', &[]), done("COPY 1"), ready()].concat()),
        (ToServer, query("select 1/0")),
        (ToClient, [m(b'E', &[b"SERROR\0VERROR\0C22012\0Mdivision by zero\0Xnew\0\0"]), ready()].concat()),
        (ToServer, m(b'X', &[])),
    ]
}

fn run(said: &[Said]) -> Log {
    read(&mut PgsqlParser::new(), said)
}

#[test]
fn a_session() {
    let log = run(&session());
    assert_eq!(log.events(), [""; 0]);
    assert_eq!(
        log.all(Buffer::PgsqlQuery),
        [
            "select * from a",
            "delete from a where b = $1",
            "select 2",
            "copy a from stdin",
            "copy a to stdout",
            "select 1/0"
        ]
    );
    let expected = [
        json!({"tx_id": 1, "request": {"message": "SSL Request"}, "response": {"ssl_accepted": false}}),
        json!({"tx_id": 2, "request": {"protocol_version": "3.0", "startup_parameters": {"user": "ann",
            "optional_parameters": [{"database": "shop"}, {"application_name": "psql"}]}},
            "response": {"authentication_md5_password": "a\\xdc\\xfdf"}}),
        json!({"tx_id": 3, "request": {"password_redacted": true}, "response": {"message": "authentication_ok",
            "parameter_status": [{"time_zone": "UTC"}, {"is_superuser": "on"}], "process_id": 777, "secret_key": 256}}),
        json!({"tx_id": 4, "request": {"simple_query": "select * from a"},
            "response": {"field_count": 2, "data_rows": 2, "data_size": 3, "command_completed": "SELECT 2"}}),
        json!({"tx_id": 5, "request": {"simple_query": "delete from a where b = $1", "message": "parse"},
            "response": {"command_completed": "DELETE 3"}}),
        json!({"tx_id": 6, "request": {"simple_query": "copy a from stdin"},
            "response": {"copy_in_response": {"columns": 7}}}),
        json!({"tx_id": 7, "request": {"copy_data_in": {"msg_count": 2, "data_size": 6}, "message": "copy_done"},
            "response": {"command_completed": "COPY 2"}}),
        json!({"tx_id": 8, "request": {"simple_query": "copy a to stdout"}, "response": {
            "copy_out_response": {"columns": 3}, "copy_data_out": {"row_count": 1, "data_size": 2},
            "command_completed": "COPY 1"}}),
        json!({"tx_id": 9, "request": {"simple_query": "select 1/0"}, "response": {"severity_localizable": "ERROR",
            "severity_non_localizable": "ERROR", "code": "22012", "message": "division by zero"}}),
        json!({"tx_id": 10, "request": {"message": "termination_message"}}),
    ];
    assert_eq!(log.records(), expected.iter().collect::<Vec<_>>());
    assert_eq!(log.frames()[0], ("pdu", "\0\0\0\u{8}\u{4}\u{fffd}\u{16}/".to_owned()));
}

fn answers(said: &[Said]) -> Vec<Value> {
    run(said).records().into_iter().cloned().collect()
}

#[test]
fn other_ways_in() {
    let sasl = [
        (ToServer, startup()),
        (ToClient, auth(10, b"SCRAM-SHA-256\0\0")),
        (ToServer, m(b'p', &[b"SCRAM-SHA-256\0\0\0\0\x03n,,"])),
        (ToClient, auth(11, b"r=x")),
        (ToServer, m(b'p', &[b"c=biws"])),
        (ToClient, [auth(12, b"v=y"), auth(0, b""), ready()].concat()),
    ];
    let told = answers(&sasl);
    assert_eq!(told[0]["response"], json!({"message": "authentication_sasl"}));
    assert_eq!(told[1]["request"], json!({"sasl_authentication_mechanism": "SCRAM-SHA-256", "sasl_param": "n,,"}));
    assert_eq!(told[2]["request"], json!({"sasl_response": "c=biws"}));
    assert_eq!(told[2]["response"], json!({"authentication_sasl_final": "v=y", "message": "authentication_ok"}));
    let refused = answers(&[(ToServer, startup()), (ToClient, m(b'E', &[b"C28000\0\0"]))]);
    assert_eq!(refused[0]["response"], json!({"code": "28000"}));
    let cancel = first(&[&80_877_102_u32.to_be_bytes(), &[0, 0, 3, 9, 0, 0, 1, 0]]);
    assert_eq!(
        answers(&[(ToServer, cancel)]),
        [json!({"tx_id": 1, "request": {"message": "cancel_request", "process_id": 777, "secret_key": 256}})]
    );
}

#[test]
fn encryption_changes_the_protocol() {
    let mut parser = PgsqlParser::new();
    let mut log = Log::default();
    assert_eq!(parser.data(ToServer, &ssl(), &mut log), Status::More);
    assert_eq!(parser.data(ToClient, b"S\x16", &mut log), Status::Changed(Some(Protocol::Tls)));
    assert_eq!((parser.unread(ToClient), parser.unread(ToServer)), (&b"\x16"[..], &b""[..]));
    assert_eq!(log.records()[0]["response"], json!({"ssl_accepted": true}));
    let (mut parser, mut log) = (PgsqlParser::new(), Log::default());
    let gss = first(&[&80_877_104_u32.to_be_bytes()]);
    assert_eq!(parser.data(ToServer, &gss, &mut log), Status::More);
    assert_eq!(parser.data(ToClient, b"G", &mut log), Status::Encrypted);
}

#[test]
fn asides_answer_nothing() {
    let said = [
        (ToServer, startup()),
        (ToClient, [auth(0, b""), ready()].concat()),
        (ToClient, m(b'N', &[b"SNOTICE\0Mhello\0\0"])),
        (ToServer, query("select 1")),
        (ToClient, [done("SELECT 1"), ready()].concat()),
    ];
    let told = answers(&said);
    assert_eq!(told[1], json!({"tx_id": 2, "response": {"severity_localizable": "NOTICE", "message": "hello"}}));
    assert_eq!(told[2]["response"], json!({"command_completed": "SELECT 1"}));
}

#[test]
fn odd_messages_have_events() {
    let begun = |direction: Direction, bytes: Vec<u8>| {
        run(&[(ToServer, startup()), (ToClient, [auth(0, b""), ready()].concat()), (direction, bytes)]).events()
    };
    let long = (LENGTH_LIMIT + 1).to_be_bytes();
    let parameters = m(b'S', &[&[b'a'; 99], b"\0b\0"]).repeat(PARAMETERS_LIMIT / 100 + 9);
    let cases: [(Direction, Vec<u8>, &[&str]); 8] = [
        (ToServer, m(b'?', &[]), &["malformed_request"]),
        (ToServer, m(b'z', &[]), &["malformed_request"]),
        (ToClient, m(b'z', &[]), &["malformed_response"]),
        (ToClient, m(b'D', &[b"\0"]), &["malformed_response"]),
        (ToServer, b"Q\0\0\0\x03".to_vec(), &["invalid_length"]),
        (ToClient, [b"D", &long[..]].concat(), &["invalid_length"]),
        (ToServer, query("x").repeat(TRANSACTION_LIMIT + 1), &["too_many_transactions"]),
        (ToClient, [m(b'T', &[b"\0\0"]), parameters].concat(), &["too_many_responses"]),
    ];
    for (i, (direction, bytes, expected)) in cases.into_iter().enumerate() {
        assert_eq!(begun(direction, bytes), expected, "{i}");
    }
    assert_eq!(run(&[(ToServer, b"GET / HTTP/1.1".to_vec())]).events(), ["invalid_length"]);
}

#[test]
fn long_messages_are_read_in_part() {
    let long = "x".repeat(MESSAGE_LIMIT);
    let rows = row(&long).repeat(3);
    let many: Vec<u8> = (0..STATEMENT_LIMIT + 5).flat_map(|_| m(b'P', &[b"\0s\0\0\0"])).collect();
    let said = [
        (ToServer, startup()),
        (ToClient, [auth(0, b""), ready()].concat()),
        (ToServer, query(&long)),
        (ToClient, [rows, ready()].concat()),
        (ToServer, [many, m(b'S', &[])].concat()),
    ];
    let log = run(&said);
    let queries = log.all(Buffer::PgsqlQuery);
    assert_eq!((queries[0].len(), queries.len()), (MESSAGE_LIMIT - 5, 1 + STATEMENT_LIMIT));
    assert_eq!(log.records()[1]["response"]["data_size"], json!(3 * MESSAGE_LIMIT));
}

#[test]
fn it_goes_on_behind_a_gap() {
    let mut parser = PgsqlParser::new();
    let mut log = Log::default();
    parser.data(ToServer, &startup(), &mut log);
    parser.data(ToClient, &[auth(0, b""), ready()].concat(), &mut log);
    // Inside a row, nothing is lost.
    parser.data(ToClient, &row(&"x".repeat(40_000))[..20_000], &mut log);
    assert_eq!(parser.gap(ToClient, 20_015, &mut log), Status::More);
    parser.data(ToClient, &[done("SELECT 1"), ready()].concat(), &mut log);
    assert_eq!(log.records()[1]["response"]["command_completed"], "SELECT 1");
    parser.gap(ToServer, 9, &mut log);
    parser.data(ToServer, &[0xff; 30], &mut log);
    parser.data(ToServer, &query("select 2"), &mut log);
    assert_eq!(log.all(Buffer::PgsqlQuery), ["select 2"]);
}

#[test]
fn what_begins_like_postgresql() {
    for (direction, bytes) in [(ToServer, startup()), (ToServer, ssl()), (ToClient, auth(5, b"salt"))] {
        assert_eq!(probe(direction, &bytes), Likeness::Yes);
        (0..8).for_each(|n| assert_eq!(probe(direction, &bytes[..n]), Likeness::More, "{n}"));
    }
    // NetBIOS, TLS, MySQL, RTSP.
    for bytes in [&b"\0\0\0\x55\xffSMB"[..], b"\x16\x03\x01\x02", b"\x4a\0\0\0\x0a", b"RTSP/1.0"] {
        assert_eq!(probe(ToServer, bytes), Likeness::No);
        assert_eq!(probe(ToClient, bytes), Likeness::No);
    }
}

proptest! {
    #[test]
    fn cutting_changes_nothing(said in spoilt(session()), lengths in vec(1usize..60, 1..20)) {
        prop_assert_eq!(run(&said), run(&cut(&said, &lengths)));
    }

    #[test]
    fn anything_may_come(steps in steps(session().into_iter().map(|(_, bytes)| bytes).collect())) {
        let log = stumble(&mut PgsqlParser::new(), &steps);
        prop_assert_eq!(log.completions(), 2 * log.records().len(), "both directions of each");
    }
}
