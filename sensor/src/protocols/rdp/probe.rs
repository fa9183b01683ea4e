//! Whether bytes begin an RDP flow.

use super::message::{Length, Message, len};
use crate::packet::Direction;
use crate::protocols::registry::Likeness;

/// A request for a connection with a cookie or an offer, or the answer to an offer: other protocols over X.224 have neither.
#[must_use]
pub fn probe(direction: Direction, bytes: &[u8]) -> Likeness {
    first(direction, bytes, |message| match message {
        Message::Request(request) => request.cookie.is_some() || request.offers.is_some(),
        Message::Confirm(confirm) => confirm.is_negotiated,
        _ => false,
    })
}

/// The same on the protocol's own port, where clients and servers before RDP 5 say neither.
#[must_use]
pub fn probe_on_port(direction: Direction, bytes: &[u8]) -> Likeness {
    first(direction, bytes, |message| matches!(message, Message::Request(_) | Message::Confirm(_)))
}

fn first(direction: Direction, bytes: &[u8], is: impl Fn(Message<'_>) -> bool) -> Likeness {
    // No first message is as long as that: a header of X.224 has at most 255 bytes.
    const LONGEST: usize = 4 + 1 + 255;
    let whole = match len(bytes) {
        Length::More => return Likeness::More,
        Length::Is(len) if len <= LONGEST => len,
        Length::Is(_) | Length::Not => return Likeness::No,
    };
    let code = if direction == Direction::ToServer { 0xe0 } else { 0xd0 };
    if bytes.get(5).is_some_and(|byte| byte & 0xf0 != code) {
        return Likeness::No;
    }
    match bytes.get(..whole).map(Message::read) {
        None => Likeness::More,
        Some(Some(message)) if is(message) => Likeness::Yes,
        Some(_) => Likeness::No,
    }
}
