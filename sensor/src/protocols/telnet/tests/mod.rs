//! Sessions as bytes.

use super::{TelnetParser, probe};
use crate::packet::Direction::{ToClient, ToServer};
use crate::protocols::registry::Likeness;
use crate::protocols::testing::heard::{Conversation, Told, cut, sizes};
use crate::protocols::{Parser, Status};
use proptest::collection::vec;
use proptest::prelude::*;
use sekisho_signatures::app::Protocol;

fn session(subnegotiation: &[u8]) -> Conversation {
    let said =
        [&b"\xff\xfd\x01login\xff\xff: \xff\xfa\x18\x00x\xff\xf0\xff\xfa"[..], subnegotiation, b"\xff\xf0"].concat();
    vec![(ToClient, said.clone()), (ToServer, said), (ToServer, b"\x16\x03\x01".to_vec())]
}

#[test]
fn what_follows_is_what_both_said() {
    let status = |bytes: &[u8]| Told::of(&mut TelnetParser::new(), &session(bytes)).status;
    assert_eq!(status(b"\x2e\x01"), Some(Status::Changed(Some(Protocol::Tls))));
    assert_eq!(status(b"\x26\x03"), Some(Status::Encrypted));
    assert_eq!(status(b"\x26\x04"), None);
    let one_sided = &session(b"\x2e\x01")[1..];
    assert_eq!(Told::of(&mut TelnetParser::new(), one_sided).status, None);
}

#[test]
fn what_begins_like_telnet() {
    assert_eq!(probe(ToClient, b"\xff\xfd\x18"), Likeness::Yes);
    assert_eq!(probe(ToServer, b"\xff\xfb"), Likeness::More);
    assert_eq!(probe(ToServer, b"\xff\xd8\xff\xe0"), Likeness::No);
    assert_eq!(probe(ToServer, b"login"), Likeness::No);
}

proptest! {
    #[test]
    fn cuts_change_nothing(sizes in sizes(), text in vec(any::<u8>(), 0..80)) {
        let mut all = session(b"\x2e\x01");
        all.insert(0, (ToServer, text));
        let run = |all: &Conversation| {
            let mut parser = TelnetParser::new();
            let mut told = Told::default();
            let mut after = vec![];
            for (direction, bytes) in all {
                if parser.data(*direction, bytes, &mut told) != Status::More {
                    after.extend_from_slice(parser.unread(*direction));
                    // What comes later is not this parser's.
                    return (true, after.is_empty() || after.starts_with(b"\x16"));
                }
            }
            (false, true)
        };
        prop_assert_eq!(run(&cut(&all, &sizes)), run(&all));
    }
}
