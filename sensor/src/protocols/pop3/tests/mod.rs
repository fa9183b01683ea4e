//! Conversations as bytes; and that cutting them up, or breaking them, changes nothing it must not.

use super::{MAX_PENDING, Pop3Parser, probe, probe_on_port};
use crate::packet::Direction::{self, ToClient, ToServer};
use crate::protocols::file::FileState;
use crate::protocols::registry::Likeness;
use crate::protocols::testing::heard::{Conversation, Told, change, changes, cut, sizes};
use crate::protocols::{Parser, Status};
use proptest::collection::vec;
use proptest::prelude::*;
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Buffer;
use serde_json::json;

type Turns<'a> = &'a [(Direction, &'a [u8])];

fn told(all: Turns<'_>) -> Told {
    let all: Conversation = all.iter().map(|(d, b)| (*d, b.to_vec())).collect();
    Told::of(&mut Pop3Parser::new(), &all)
}

const SESSION: &[(Direction, &[u8])] = &[
    (ToClient, b"+OK ready\r\n"),
    (ToServer, b"AUTH LOGIN\r\n"),
    (ToClient, b"+ VXNlcm5hbWU6\r\n"),
    (ToServer, b"ZXZl\r\n"),
    (ToClient, b"-ERR no\r\n"),
    (ToServer, b"user eve\r\nPASS two words\r\n"),
    (ToClient, b"+OK\r\n+OK in\r\n"),
    (ToServer, b"LIST\r\n"),
    (ToClient, b"+OK 2 messages\r\n1 120\r\n2 200\r\n.\r\n"),
    (ToServer, b"RETR 1\r\n"),
    (
        ToClient,
        b"+OK 120 octets\r\nFrom: eve@x.example\r\nSubject: report\r\nContent-Type: application/zip; name=\"r.zip\"\r\n\
          Content-Transfer-Encoding: base64\r\n\r\nUEsDBA==\r\n.\r\n",
    ),
    (ToServer, b"QUIT\r\n"),
    (ToClient, b"+OK bye\r\n"),
];

#[test]
fn a_session_and_its_mail() {
    let told = told(SESSION);
    assert_eq!(told.events, [""; 0]);
    let request = |command: &str, args: &[&str]| json!({"command": command, "args": args});
    let response = |ok: bool, header: &str, data: &[&str]| json!({"success": ok, "status": if ok { "OK" } else { "ERR" }, "header": header, "data": data});
    assert_eq!(
        told.records[0]["pop3"],
        json!({"request": request("AUTH", &["LOGIN"]), "response": response(false, "no", &[])})
    );
    assert_eq!(told.records[2]["pop3"]["request"], request("PASS", &["two", "words"]));
    assert_eq!(told.records[3]["pop3"]["response"], response(true, "2 messages", &["1 120", "2 200"]));
    assert_eq!(told.records[4]["pop3"]["response"], response(true, "120 octets", &[]));
    assert_eq!(told.records[4]["email"]["attachment"], json!(["r.zip"]));
    assert_eq!(told.all(Buffer::EmailSubject), ["report"]);
    assert_eq!(told.all(Buffer::FileData), ["PK\u{3}\u{4}"]);
    assert_eq!((told.files.len(), told.files[0].size, told.files[0].state), (1, 4, FileState::Closed));
    assert_eq!(told.records.len(), 6);
}

#[test]
fn odd_commands_have_events() {
    let long = [b"USER ".to_vec(), vec![b'x'; 300], b"\r\n".to_vec()].concat();
    let answer = [b"+OK ".to_vec(), vec![b'x'; 600], b"\r\n".to_vec()].concat();
    let cases: [(Turns<'_>, &[&str]); 4] = [
        (&[(ToServer, b"RETR\r\n")], &["ToServer incorrect_argument_count"]),
        (&[(ToServer, b"WHAT 1\r\n")], &["ToServer unknown_command"]),
        (&[(ToServer, &long), (ToClient, &answer)], &["ToClient response_too_long", "ToServer request_too_long"]),
        (&[(ToServer, &b"NOOP\r\n".repeat(MAX_PENDING + 1))], &["ToServer too_many_transactions"]),
    ];
    for (all, expected) in cases {
        assert_eq!(told(all).events, expected);
    }
}

#[test]
fn tls_takes_over_where_the_server_says_so() {
    let mut parser = Pop3Parser::new();
    let all: Conversation =
        vec![(ToClient, b"+OK\r\n".to_vec()), (ToServer, b"STLS\r\n".to_vec()), (ToClient, b"+OK go\r\n\x16".to_vec())];
    let told = Told::of(&mut parser, &all);
    assert_eq!(told.status, Some(Status::Changed(Some(Protocol::Tls))));
    assert_eq!((parser.unread(ToClient), told.records.len()), (&b"\x16"[..], 1));
}

#[test]
fn a_mail_with_bytes_missing_is_not_whole() {
    let mut parser = Pop3Parser::new();
    let mut told = Told::default();
    parser.data(ToServer, b"RETR 1\r\n", &mut told);
    parser.data(ToClient, b"+OK\r\nContent-Type: a/b; name=f\r\n\r\nabc", &mut told);
    parser.gap(ToClient, 10, &mut told);
    parser.data(ToClient, b"xyz\r\n.\r\n", &mut told);
    assert_eq!((told.files[0].size, told.files[0].state), (16, FileState::Truncated));
}

#[test]
fn what_begins_like_pop3() {
    assert_eq!(probe(ToClient, b"+OK ready"), Likeness::Yes);
    assert_eq!(probe(ToClient, b"+O"), Likeness::More);
    assert_eq!(probe(ToServer, b"USER a"), Likeness::No);
    assert_eq!(probe_on_port(ToServer, b"USER a"), Likeness::Yes);
    assert_eq!(probe(ToClient, b"220 x"), Likeness::No);
}

proptest! {
    #[test]
    fn cuts_change_nothing(changes in changes(), sizes in sizes()) {
        let all: Conversation = SESSION.iter().map(|(d, b)| (*d, b.to_vec())).collect();
        let all = change(&all, &changes);
        let whole = Told::of(&mut Pop3Parser::new(), &all);
        prop_assert_eq!(Told::of(&mut Pop3Parser::new(), &cut(&all, &sizes)), whole);
    }

    #[test]
    fn nothing_panics(pieces in vec((any::<bool>(), vec(any::<u8>(), 0..60), 0..400u64), 0..30)) {
        let mut parser = Pop3Parser::new();
        let mut told = Told::default();
        for (to_server, bytes, gap) in pieces {
            let direction = if to_server { ToServer } else { ToClient };
            parser.data(direction, &bytes, &mut told);
            if gap > 300 {
                parser.gap(direction, gap, &mut told);
            }
        }
        parser.end(ToServer, &mut told);
        parser.end(ToClient, &mut told);
    }
}
