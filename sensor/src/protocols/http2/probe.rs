//! Whether a flow begins with HTTP/2.

use super::frame::{Frame, HEADER, kind};
use crate::packet::Direction;
use crate::protocols::registry::Likeness;

/// What a client begins with (RFC 9113, 3.4).
pub const MAGIC: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The first bytes of a direction: a client's begins as no other protocol does, a server's with its settings.
#[must_use]
pub fn probe(direction: Direction, bytes: &[u8]) -> Likeness {
    if direction == Direction::ToServer {
        let start = bytes.get(..MAGIC.len()).unwrap_or(bytes);
        return match (MAGIC.starts_with(start), start.len() == MAGIC.len()) {
            (true, true) => Likeness::Yes,
            (true, false) => Likeness::More,
            (false, _) => Likeness::No,
        };
    }
    let Some(header) = bytes.first_chunk::<HEADER>() else {
        // A frame shorter than 256 bytes of type 4.
        let fits = bytes.iter().zip([0, 0]).all(|(byte, zero)| *byte == zero);
        return if fits && bytes.get(3).is_none_or(|kind| *kind == kind::SETTINGS) {
            Likeness::More
        } else {
            Likeness::No
        };
    };
    let frame = Frame::read(header);
    let settings = frame.kind == kind::SETTINGS && frame.stream == 0 && header[5] == 0 && frame.flags <= 1;
    if settings && frame.len.is_multiple_of(6) && frame.len < 256 { Likeness::Yes } else { Likeness::No }
}
