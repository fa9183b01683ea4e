//! Whether bytes begin an LDAP flow.

use super::message::Operation;
use crate::packet::Direction;
use crate::protocols::ber::{Begin, begin, tag};
use crate::protocols::registry::Likeness;

/// Most bytes of a first message.
const FIRST_LIMIT: usize = 1 << 20;

/// The first bytes of a direction: a message with an id and a known operation.
#[must_use]
pub fn probe(_direction: Direction, bytes: &[u8]) -> Likeness {
    let head = match begin(bytes) {
        Begin::Is { tag: tag::SEQUENCE, head, len: 5..=FIRST_LIMIT } => head,
        Begin::More if matches!(bytes, [] | [tag::SEQUENCE, ..]) => return Likeness::More,
        _ => return Likeness::No,
    };
    let rest = bytes.get(head..).unwrap_or_default();
    match begin(rest) {
        Begin::Is { tag: tag::INTEGER, head, len: len @ 1..=4 } => match rest.get(head + len) {
            Some(tag) if Operation::from_tag(*tag).is_some() => Likeness::Yes,
            Some(_) => Likeness::No,
            None => Likeness::More,
        },
        Begin::More if matches!(rest, [] | [tag::INTEGER]) => Likeness::More,
        _ => Likeness::No,
    }
}
