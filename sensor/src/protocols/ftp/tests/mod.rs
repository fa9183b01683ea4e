//! Conversations as bytes; and that cutting them up, or breaking them, changes nothing it must not.

use super::{FtpParser, MAX_PENDING, MAX_REPLIES, probe, probe_on_port};
use crate::packet::Direction::{self, ToClient, ToServer};
use crate::protocols::registry::Likeness;
use crate::protocols::testing::heard::{Conversation, Told, change, changes, cut, sizes};
use crate::protocols::{Parser, Status};
use proptest::collection::vec;
use proptest::prelude::*;
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Buffer;
use serde_json::json;

fn told(all: &[(Direction, &[u8])]) -> Told {
    let all: Conversation = all.iter().map(|(d, b)| (*d, b.to_vec())).collect();
    Told::of(&mut FtpParser::new(), &all)
}

const SESSION: &[(Direction, &[u8])] = &[
    (ToClient, b"220-welcome\r\n220 to FTP\r\n"),
    (ToServer, b"USER eve\r\n"),
    (ToClient, b"331 password?\r\n"),
    (ToServer, b"pass secret word\r\n"),
    (ToClient, b"230 in\r\n"),
    (ToServer, b"FEAT\r\n"),
    (ToClient, b"211-Features:\r\n MDTM\r\n200 no code of its own\r\n211 End\r\n"),
    (ToServer, b"PASV\r\n"),
    (ToClient, b"227 Entering Passive Mode (10,0,0,9,4,1)\r\n"),
    (ToServer, b"RETR a b.txt\r\n"),
    (ToClient, b"150 coming\r\n226 done\r\n"),
    (ToServer, b"EPRT |1|10.0.0.5|5282|\r\nSTOR up.bin\r\n"),
    (ToClient, b"200 ok\r\n425 no\r\n"),
    (ToServer, b"WHAT now\r\nQUIT\r\n"),
];

#[test]
fn a_session() {
    let told = told(SESSION);
    assert_eq!(told.events, [""; 0]);
    assert_eq!(told.all(Buffer::FtpCommand), ["USER", "PASS", "FEAT", "PASV", "RETR", "EPRT", "STOR", "QUIT"]);
    assert_eq!(told.all(Buffer::FtpCommandData)[1], "secret word");
    let from_last = |n: usize| told.all(Buffer::FtpCompletionCode)[n..].to_vec();
    assert_eq!(from_last(2), ["331", "230", "211", "200", "211", "227", "150", "226", "200", "425"]);
    assert_eq!(told.all(Buffer::FtpReply)[..2], ["welcome", "to FTP"]);
    // Each is asked of both directions.
    assert_eq!(told.all(Buffer::FtpDynamicPort), ["1025", "5282", "5282"]);
    assert_eq!(told.all(Buffer::FtpMode), ["0", "1", "1"]);
    assert_eq!(told.all(Buffer::FtpReplyReceived), ["1", "1", "1", "1", "1", "1", "1", "1", "0", "0"]);
    assert_eq!(told.expected, [(ToServer, None, 1025), (ToClient, None, 5282)]);
    assert_eq!(
        told.records[0]["ftp"],
        json!({
            "completion_code": ["220", "220"], "reply": ["welcome", "to FTP"], "reply_received": "yes", "reply_truncated": false,
        })
    );
    assert_eq!(
        told.records[4]["ftp"],
        json!({
            "command": "PASV", "command_truncated": false, "completion_code": ["227"],
            "reply": ["Entering Passive Mode (10,0,0,9,4,1)"], "dynamic_port": 1025, "mode": "passive",
            "reply_received": "yes", "reply_truncated": false,
        })
    );
    assert_eq!(told.records[5]["ftp"]["reply"], json!(["coming", "done"]));
    assert_eq!(told.records[3]["ftp"]["reply"], json!(["Features:", " MDTM", "no code of its own", "End"]));
    assert_eq!((told.records[8]["ftp"].get("command"), told.records.len()), (None, 10));
}

#[test]
fn limits_are_events() {
    let long = [b"USER ".to_vec(), vec![b'x'; 5000], b"\r\n".to_vec()].concat();
    let answer = [b"331 ".to_vec(), vec![b'x'; 5000], b"\r\n".to_vec()].concat();
    let told_long = told(&[(ToServer, &long), (ToClient, &answer)]);
    assert_eq!(told_long.events, ["ToClient response_command_too_long", "ToServer request_command_too_long"]);
    assert_eq!(told_long.records[0]["ftp"]["command_truncated"], true);
    let many = b"NOOP\r\n".repeat(MAX_PENDING + 1);
    assert_eq!(told(&[(ToServer, &many)]).events, ["ToServer too_many_transactions"]);
    let lines = [b"211-a\r\n".to_vec(), b"more\r\n".repeat(5000), b"211 b\r\n".to_vec()].concat();
    let told = told(&[(ToServer, b"STAT\r\n"), (ToClient, &lines)]);
    assert_eq!(
        (told.all(Buffer::FtpReply).len(), &told.records[0]["ftp"]["reply_truncated"]),
        (MAX_REPLIES, &json!(true))
    );
}

#[test]
fn tls_takes_over_where_the_server_says_so() {
    let mut parser = FtpParser::new();
    let all: Conversation = vec![(ToServer, b"AUTH TLS\r\n".to_vec()), (ToClient, b"234 go\r\n\x16\x03".to_vec())];
    let told = Told::of(&mut parser, &all);
    assert_eq!(told.status, Some(Status::Changed(Some(Protocol::Tls))));
    assert_eq!((parser.unread(ToClient), told.records.len()), (&b"\x16\x03"[..], 1));
}

#[test]
fn what_begins_like_ftp() {
    assert_eq!(probe(ToServer, b"user a"), Likeness::Yes);
    assert_eq!(probe(ToServer, b"AUTH "), Likeness::More);
    assert_eq!(probe(ToServer, b"AUTH LOGIN"), Likeness::No);
    assert_eq!(probe(ToClient, b"220 (vsFTPd 3)"), Likeness::Yes);
    assert_eq!(probe(ToClient, b"220 x"), Likeness::More);
    assert_eq!(probe(ToClient, b"220 x\r\n"), Likeness::No);
    assert_eq!(probe_on_port(ToClient, b"220 x"), Likeness::Yes);
    assert_eq!(probe_on_port(ToClient, b"HTTP/1.1 200"), Likeness::No);
}

proptest! {
    #[test]
    fn cuts_change_nothing(changes in changes(), sizes in sizes()) {
        let all: Conversation = SESSION.iter().map(|(d, b)| (*d, b.to_vec())).collect();
        let all = change(&all, &changes);
        let whole = Told::of(&mut FtpParser::new(), &all);
        prop_assert_eq!(Told::of(&mut FtpParser::new(), &cut(&all, &sizes)), whole);
    }

    #[test]
    fn nothing_panics(pieces in vec((any::<bool>(), vec(any::<u8>(), 0..60), 0..400u64), 0..30)) {
        let mut parser = FtpParser::new();
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
