//! Whether bytes begin an SSH flow.

use crate::packet::Direction;
use crate::protocols::registry::Likeness;

/// The first bytes of a direction: a banner.
#[must_use]
pub fn probe(_direction: Direction, bytes: &[u8]) -> Likeness {
    const START: &[u8] = b"SSH-";
    if bytes.starts_with(START) {
        Likeness::Yes
    } else if START.starts_with(bytes) {
        Likeness::More
    } else {
        Likeness::No
    }
}
