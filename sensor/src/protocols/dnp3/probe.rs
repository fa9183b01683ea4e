//! Whether bytes begin a DNP3 flow.

use super::link::{Header, Start};
use crate::packet::Direction;
use crate::protocols::registry::Likeness;

/// The first bytes of a direction: the header of a link frame, with its check, from the master to the server or back.
#[must_use]
pub fn probe(direction: Direction, bytes: &[u8]) -> Likeness {
    match Header::read(bytes) {
        Start::More => Likeness::More,
        Start::Not | Start::BadCheck => Likeness::No,
        Start::Is(header) => {
            let is_right = header.is_from_master() == (direction == Direction::ToServer) && header.data_len().is_some();
            if is_right { Likeness::Yes } else { Likeness::No }
        }
    }
}
