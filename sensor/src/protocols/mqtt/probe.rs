//! Whether bytes begin an MQTT flow.

use super::message::{Header, Start};
use crate::packet::Direction;
use crate::protocols::registry::Likeness;

/// The first bytes of a direction: a CONNECT with the protocol's name, or a CONNACK.
#[must_use]
pub fn probe(direction: Direction, bytes: &[u8]) -> Likeness {
    const CONNECT: u8 = 0x10;
    const CONNACK: u8 = 0x20;
    let is_first = |first: u8| first == if direction == Direction::ToServer { CONNECT } else { CONNACK };
    let (header, rest) = match Header::read(bytes) {
        Start::More if bytes.first().is_none_or(|first| is_first(*first)) => return Likeness::More,
        Start::Is(header) if is_first(header.first) => (header, bytes.get(header.len..).unwrap_or_default()),
        _ => return Likeness::No,
    };
    if direction == Direction::ToClient {
        // Flags, a reason; properties of version 5.
        return match rest {
            [0 | 1, 0..=5 | 0x80..=0x9f, ..] if header.rest >= 2 && header.rest < 1024 => Likeness::Yes,
            [] | [0 | 1] if header.rest >= 2 && header.rest < 1024 => Likeness::More,
            _ => Likeness::No,
        };
    }
    let names: [&[u8]; 2] = [b"\x00\x04MQTT", b"\x00\x06MQIsdp"];
    if names.iter().any(|name| rest.starts_with(name)) {
        Likeness::Yes
    } else if names.iter().any(|name| name.starts_with(rest)) {
        Likeness::More
    } else {
        Likeness::No
    }
}
