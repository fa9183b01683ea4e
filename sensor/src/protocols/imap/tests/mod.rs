//! Conversations as bytes; and that cutting them up, or breaking them, changes nothing it must not.

use super::{ImapParser, probe};
use crate::packet::Direction::{self, ToClient, ToServer};
use crate::protocols::file::FileState;
use crate::protocols::registry::Likeness;
use crate::protocols::testing::heard::{Conversation, Told, change, changes, cut, sizes};
use crate::protocols::{Parser, Status};
use proptest::collection::vec;
use proptest::prelude::*;
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Buffer;

fn told(all: &[(Direction, &[u8])]) -> Told {
    let all: Conversation = all.iter().map(|(d, b)| (*d, b.to_vec())).collect();
    Told::of(&mut ImapParser::new(), &all)
}

const MAIL: &[u8] = b"Subject: s\r\nContent-Type: a/b; name=f.bin\r\n\r\n* 9 BYE {3}\r\n";

fn session() -> Conversation {
    let literal = |before: &str, mail: &[u8], after: &str| {
        [format!("{before} {{{}}}\r\n", mail.len()).as_bytes(), mail, after.as_bytes()].concat()
    };
    let (first, second) = MAIL.split_at(30);
    vec![
        (ToClient, b"* OK ready\r\n".to_vec()),
        (ToServer, b"a LOGIN {3}\r\n".to_vec()),
        (ToClient, b"+ go\r\n".to_vec()),
        (ToServer, b"eve {2}\r\npw\r\n".to_vec()),
        (ToServer, b"b FETCH 1 (BODY[])\r\n".to_vec()),
        (ToClient, literal("* 1 FETCH (BODY[HEADER]", b"Subject: not this\r\n\r\n", ")\r\n")),
        (ToClient, literal("* 1 FETCH (UID 7 BODY[]", MAIL, " FLAGS (\\Seen))\r\nb OK done\r\n")),
        (ToClient, literal("* 2 FETCH (BODY[]<0>", first, ")\r\n")),
        (ToClient, literal("* 2 FETCH (BODY[]<30>", second, ")\r\n")),
        (ToServer, literal("c APPEND Sent (\\Seen)", MAIL, "\r\n")),
    ]
}

#[test]
fn mails_that_are_shown_and_stored() {
    let told = Told::of(&mut ImapParser::new(), &session());
    assert_eq!((told.events.len(), told.records.len()), (0, 0));
    assert_eq!(told.all(Buffer::EmailSubject), ["s"; 3]);
    assert_eq!(told.all(Buffer::FileData), ["* 9 BYE {3}"; 3]);
    assert!(told.files.iter().all(|f| f.size == 11 && f.state == FileState::Closed && &*f.name == b"f.bin"));
    assert_eq!(told.files.len(), 3);
}

#[test]
fn a_mail_that_is_not_wanted_does_not_come() {
    let told = told(&[
        (ToServer, b"c APPEND Sent {1000}\r\n"),
        (ToClient, b"c NO too big\r\n"),
        (ToServer, b"d STARTTLS\r\n"),
        (ToClient, b"d OK go\r\n"),
    ]);
    assert_eq!((told.status, told.files.len()), (Some(Status::Changed(Some(Protocol::Tls))), 0));
}

#[test]
fn a_mail_with_bytes_missing_is_not_whole() {
    let mut parser = ImapParser::new();
    let mut told = Told::default();
    parser.data(ToClient, format!("* 1 FETCH (RFC822 {{{}}}\r\n", MAIL.len() + 10).as_bytes(), &mut told);
    parser.data(ToClient, MAIL, &mut told);
    parser.gap(ToClient, 10, &mut told);
    parser.data(ToClient, b")\r\n", &mut told);
    assert_eq!((told.files.len(), told.files[0].gaps, told.files[0].state), (1, true, FileState::Truncated));
}

#[test]
fn what_is_compressed_is_not_read() {
    let told = told(&[(ToServer, b"x COMPRESS DEFLATE\r\n"), (ToClient, b"x OK active\r\n")]);
    assert_eq!((told.status, told.events), (Some(Status::GaveUp), vec!["ToClient compressed".to_owned()]));
}

#[test]
fn what_begins_like_imap() {
    assert_eq!(probe(ToClient, b"* OK [CAP"), Likeness::Yes);
    assert_eq!(probe(ToClient, b"* "), Likeness::More);
    assert_eq!(probe(ToServer, b"a001 login x"), Likeness::Yes);
    assert_eq!(probe(ToServer, b"a001"), Likeness::More);
    assert_eq!(probe(ToServer, b"GET / HTTP/1.1"), Likeness::No);
    assert_eq!(probe(ToServer, &[b'a'; 70]), Likeness::No);
}

proptest! {
    #[test]
    fn cuts_change_nothing(changes in changes(), sizes in sizes()) {
        let all = change(&session(), &changes);
        let whole = Told::of(&mut ImapParser::new(), &all);
        prop_assert_eq!(Told::of(&mut ImapParser::new(), &cut(&all, &sizes)), whole);
    }

    #[test]
    fn nothing_panics(pieces in vec((any::<bool>(), vec(any::<u8>(), 0..60), 0..400u64), 0..30), sizes in sizes()) {
        let mut parser = ImapParser::new();
        let mut told = Told::default();
        for (to_server, bytes, gap) in pieces {
            let direction = if to_server { ToServer } else { ToClient };
            parser.data(direction, &bytes, &mut told);
            if gap > 300 {
                parser.gap(direction, gap, &mut told);
            }
        }
        for (direction, bytes) in cut(&session(), &sizes) {
            if bytes.len() % 5 == 4 {
                parser.gap(direction, bytes.len() as u64, &mut told);
            } else {
                parser.data(direction, &bytes, &mut told);
            }
        }
        parser.end(ToServer, &mut told);
        parser.end(ToClient, &mut told);
    }
}
