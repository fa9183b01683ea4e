//! Handshakes as bytes.

use super::{SocksParser, probe, probe_on_port};
use crate::packet::Direction::{ToClient, ToServer};
use crate::protocols::registry::Likeness;
use crate::protocols::testing::heard::{Conversation, Told, cut, sizes};
use crate::protocols::{Parser, Status};
use proptest::collection::vec;
use proptest::prelude::*;

const CONNECT: &[u8] = b"\x05\x01\x00\x03\x07a.examp\x01\xbb";
const DONE: &[u8] = b"\x05\x00\x00\x01\x0a\x00\x00\x01\x04\x38";

fn conversations() -> [(Conversation, Status); 6] {
    let turns = |turns: &[&[u8]]| {
        turns.iter().zip([ToServer, ToClient].into_iter().cycle()).map(|(b, d)| (d, b.to_vec())).collect()
    };
    [
        (turns(&[b"\x05\x01\x00", b"\x05\x00", CONNECT, DONE]), Status::Changed(None)),
        (
            turns(&[b"\x05\x02\x00\x02", b"\x05\x02", b"\x01\x03eve\x02pw", b"\x01\x00", CONNECT, DONE]),
            Status::Changed(None),
        ),
        (turns(&[b"\x05\x01\x00", b"\x05\xff"]), Status::GaveUp),
        (turns(&[b"\x05\x01\x00", b"\x05\x00", CONNECT, b"\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00"]), Status::GaveUp),
        (
            turns(&[b"\x04\x01\x00\x50\x0a\x00\x00\x01eve\x00", b"\x00\x5a\x00\x00\x00\x00\x00\x00"]),
            Status::Changed(None),
        ),
        (
            turns(&[b"\x04\x01\x00\x50\x00\x00\x00\x01\x00a.example\x00", b"\x00\x5b\x00\x00\x00\x00\x00\x00"]),
            Status::GaveUp,
        ),
    ]
}

#[test]
fn what_is_inside_follows_once_the_proxy_has_connected() {
    for (all, expected) in conversations() {
        assert_eq!(Told::of(&mut SocksParser::new(), &all).status, Some(expected), "{all:?}");
    }
    let mut parser = SocksParser::new();
    let (mut all, _) = conversations()[0].clone();
    all[3].1.extend(b"220 hello");
    all[2].1.extend(b"early");
    Told::of(&mut parser, &all);
    assert_eq!((parser.unread(ToServer), parser.unread(ToClient)), (&b"early"[..], &b"220 hello"[..]));
}

#[test]
fn what_begins_like_socks() {
    assert_eq!(probe(ToServer, b"\x05\x02\x00\x02"), Likeness::Yes);
    assert_eq!(probe(ToServer, b"\x05\x02\x00"), Likeness::More);
    assert_eq!(probe(ToServer, b"\x05\x01\x00more"), Likeness::No);
    assert_eq!(probe(ToServer, b"\x05\x01\x77"), Likeness::No);
    assert_eq!(probe(ToClient, b"\x05\x00"), Likeness::No);
    assert_eq!(probe_on_port(ToServer, b"\x04\x01\x00\x50\x0a\x00\x00\x01\x00"), Likeness::Yes);
    assert_eq!(probe_on_port(ToServer, b"\x04\x09\x00\x50\x0a\x00\x00\x01\x00"), Likeness::No);
}

proptest! {
    #[test]
    fn cuts_change_nothing(which in 0..6usize, sizes in sizes()) {
        let (all, expected) = conversations()[which].clone();
        prop_assert_eq!(Told::of(&mut SocksParser::new(), &cut(&all, &sizes)).status, Some(expected));
    }

    #[test]
    fn nothing_panics(pieces in vec((any::<bool>(), vec(0..9u8, 0..40)), 0..30)) {
        let mut parser = SocksParser::new();
        let mut told = Told::default();
        for (to_server, bytes) in pieces {
            parser.data(if to_server { ToServer } else { ToClient }, &bytes, &mut told);
        }
        prop_assert!(parser.unread(ToServer).len() <= super::MAX_UNREAD);
    }
}
