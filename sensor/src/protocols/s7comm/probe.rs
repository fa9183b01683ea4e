//! Whether bytes begin an S7comm flow.

use super::iso::{Packet, Start, start};
use super::message::{Message, PROTOCOL};
use crate::packet::Direction;
use crate::protocols::registry::Likeness;

/// The first bytes of a direction: the transport's connection, if there, and behind it a message. Other protocols come over the same
/// transport, so that the connection alone tells nothing.
#[must_use]
pub fn probe(_direction: Direction, bytes: &[u8]) -> Likeness {
    let mut rest = bytes;
    // A connection is asked for once.
    for _ in 0..2 {
        let len = match start(rest) {
            Start::Is(len) => len,
            Start::More => return Likeness::More,
            Start::Not => return Likeness::No,
        };
        // The transport's kind of packet, then what the first data begins with.
        if rest.get(5).is_some_and(|kind| !matches!(kind, 0xe0 | 0xd0 | 0xf0))
            || (rest.get(5) == Some(&0xf0) && rest.get(7).is_some_and(|first| *first != PROTOCOL))
        {
            return Likeness::No;
        }
        let Some((packet, behind)) = rest.split_at_checked(len) else { return Likeness::More };
        match Packet::read(packet) {
            Some(Packet::Connect) => rest = behind,
            Some(Packet::Data { bytes, .. }) => {
                return if Message::read(bytes).is_some() { Likeness::Yes } else { Likeness::No };
            }
            _ => return Likeness::No,
        }
    }
    Likeness::No
}
