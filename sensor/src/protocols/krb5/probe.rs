//! Whether bytes begin a message.

use super::der::{SEQUENCE, header};
use super::message::MessageType;
use super::parser::MAX_MESSAGE;
use crate::protocols::registry::Likeness;

/// A datagram.
#[must_use]
pub fn probe_datagram(bytes: &[u8]) -> Likeness {
    match start(bytes) {
        Likeness::More => Likeness::No,
        known => known,
    }
}

/// The first bytes of a direction of a stream, where each message has its length before it.
#[must_use]
pub fn probe_stream(bytes: &[u8]) -> Likeness {
    match bytes {
        [a, b, c, d, message @ ..] => {
            let len = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
            if (10..=MAX_MESSAGE).contains(&len) { start(message) } else { Likeness::No }
        }
        [0, 0, _] | [0, 0] | [0] | [] => Likeness::More,
        _ => Likeness::No,
    }
}

/// `[APPLICATION n] SEQUENCE { [0 or 1] pvno INTEGER 5`.
fn start(bytes: &[u8]) -> Likeness {
    let mut rest = bytes;
    let Some(tag) = rest.first() else { return Likeness::More };
    if MessageType::of_tag(*tag).is_none() {
        return Likeness::No;
    }
    for tags in [&[*tag][..], &[SEQUENCE], &[0xa0, 0xa1]] {
        match rest.first() {
            None => return Likeness::More,
            Some(tag) if !tags.contains(tag) => return Likeness::No,
            Some(_) => {}
        }
        match header(rest) {
            Some((_, head, _)) => rest = rest.get(head..).unwrap_or_default(),
            None if rest.len() < 6 => return Likeness::More,
            None => return Likeness::No,
        }
    }
    if rest.len() >= 3 {
        return if rest.starts_with(&[2, 1, 5]) { Likeness::Yes } else { Likeness::No };
    }
    if [2, 1, 5].starts_with(rest) { Likeness::More } else { Likeness::No }
}
