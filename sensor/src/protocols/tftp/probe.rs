//! Whether a datagram begins TFTP.

use super::request::TftpNote;
use crate::packet::Direction;
use crate::protocols::registry::Likeness;

/// A client's request says its mode, which nothing else does.
#[must_use]
pub fn probe(direction: Direction, datagram: &[u8]) -> Likeness {
    let is_mode = |mode: &[u8]| [&b"octet"[..], b"netascii", b"mail"].iter().any(|m| m.eq_ignore_ascii_case(mode));
    let request = TftpNote::read(datagram).filter(|_| direction == Direction::ToServer);
    if request.is_some_and(|r| is_mode(&r.mode) && !r.file.is_empty()) { Likeness::Yes } else { Likeness::No }
}
