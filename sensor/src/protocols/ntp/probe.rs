//! Whether a datagram begins an NTP flow.

use super::transaction::Message;
use crate::packet::Direction;
use crate::protocols::registry::Likeness;

/// A datagram: asked only on the port of NTP, since it begins like many things.
#[must_use]
pub fn probe(_direction: Direction, bytes: &[u8]) -> Likeness {
    if Message::read(bytes).is_some() { Likeness::Yes } else { Likeness::No }
}
