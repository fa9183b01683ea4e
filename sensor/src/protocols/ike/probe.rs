//! Whether a datagram begins an IKE flow.

use super::message::Header;
use super::parser::marked;
use crate::packet::Direction;
use crate::protocols::registry::Likeness;

/// A datagram: a header that says how long it is, perhaps behind the marker of NAT traversal.
#[must_use]
pub fn probe(_direction: Direction, bytes: &[u8]) -> Likeness {
    let message = marked(bytes).unwrap_or(bytes);
    let Some((header, _)) = Header::read(message) else { return Likeness::No };
    let exchange = match header.major {
        1 => matches!(header.exchange, 1..=6 | 32..=33),
        _ => matches!(header.exchange, 34..=37 | 43..=44),
    };
    let first = match header.major {
        1 => matches!(header.next, 1..=21 | 128..=133),
        _ => matches!(header.next, 0 | 33..=54),
    };
    let whole = header.len == message.len();
    if exchange && first && whole && header.init_spi != [0; 8] { Likeness::Yes } else { Likeness::No }
}
