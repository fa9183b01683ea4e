//! Whether bytes begin a Modbus/TCP flow.

use super::message::{HEADER_LEN, LENGTH_LIMIT, Message, whole_len};
use crate::packet::Direction;
use crate::protocols::registry::Likeness;

/// The first bytes of a direction on any port: a message that fits its function, where this tells something.
#[must_use]
pub fn probe(direction: Direction, bytes: &[u8]) -> Likeness {
    judge(direction, bytes, |message| message.is_telling())
}

/// The first bytes of a direction on the port that Modbus has: any message that fits its function. What only
/// a server sends is not one to a server: so a flow whose start was not seen is turned round.
#[must_use]
pub fn probe_on_port(direction: Direction, bytes: &[u8]) -> Likeness {
    judge(direction, bytes, |message| message.is_sound())
}

fn judge(direction: Direction, bytes: &[u8], is_right: impl Fn(&Message<'_>) -> bool) -> Likeness {
    // Nothing but 0 has been a protocol identifier.
    let is_zero = |at: usize| bytes.get(at).is_none_or(|byte| *byte == 0);
    if !is_zero(2) || !is_zero(3) || !is_zero(4) {
        return Likeness::No;
    }
    let Some(len) = whole_len(bytes) else { return Likeness::More };
    if !(HEADER_LEN + 2..=HEADER_LEN + LENGTH_LIMIT).contains(&len) {
        return Likeness::No;
    }
    let Some(whole) = bytes.get(..len) else { return Likeness::More };
    match Message::read(whole, direction) {
        Some(message) if is_right(&message) => Likeness::Yes,
        _ => Likeness::No,
    }
}
