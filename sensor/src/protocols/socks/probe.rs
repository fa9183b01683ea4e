//! Whether bytes begin SOCKS.

use super::message::{First, Read, first};
use crate::packet::Direction;
use crate::protocols::registry::Likeness;

/// A client's first message of SOCKS 5, on any port: it is whole and nothing follows, and its methods are such as there are.
#[must_use]
pub fn probe(direction: Direction, bytes: &[u8]) -> Likeness {
    if direction != Direction::ToServer || bytes.first().is_some_and(|b| *b != 5) {
        return Likeness::No;
    }
    // IANA, "SOCKS Methods".
    let fits =
        bytes.iter().skip(2).all(|method| *method <= 9) && bytes.get(1).is_none_or(|count| matches!(count, 1..=10));
    match first(bytes) {
        _ if !fits => Likeness::No,
        Read::Whole(len, First::Methods) if len == bytes.len() => Likeness::Yes,
        Read::More => Likeness::More,
        Read::Whole(..) | Read::Not => Likeness::No,
    }
}

/// The same of SOCKS 4, which is less telling, on the ports of proxies.
#[must_use]
pub fn probe_on_port(direction: Direction, bytes: &[u8]) -> Likeness {
    if direction != Direction::ToServer || bytes.first().is_some_and(|b| *b != 4) {
        return Likeness::No;
    }
    if bytes.get(1).is_some_and(|command| !matches!(command, 1 | 2)) {
        return Likeness::No;
    }
    match first(bytes) {
        Read::Whole(len, First::Request { .. }) if len == bytes.len() => Likeness::Yes,
        Read::More => Likeness::More,
        Read::Whole(..) | Read::Not => Likeness::No,
    }
}
