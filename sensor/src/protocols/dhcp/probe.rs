//! Whether a datagram begins a DHCP flow.

use super::message::Message;
use crate::packet::Direction;
use crate::protocols::registry::Likeness;

/// A datagram: the cookie before the options is telling.
#[must_use]
pub fn probe(_direction: Direction, bytes: &[u8]) -> Likeness {
    if Message::read(bytes).is_some() { Likeness::Yes } else { Likeness::No }
}
