//! Whether a datagram begins a flow of the hash table.

use super::message::Message;
use crate::packet::Direction;
use crate::protocols::registry::Likeness;

/// A datagram: a dictionary that begins as messages do, and says which kind it is.
#[must_use]
pub fn probe(_direction: Direction, bytes: &[u8]) -> Likeness {
    let starts: [&[u8]; 4] = [b"d1:ad", b"d1:rd", b"d1:el", b"d2:ip"];
    let begins = starts.iter().any(|start| bytes.starts_with(start));
    let message = Message::read(bytes);
    if begins && message.whole && message.kind.is_some() { Likeness::Yes } else { Likeness::No }
}
