//! Whether bytes begin Telnet.

use super::{IAC, SB};
use crate::packet::Direction;
use crate::protocols::registry::Likeness;

/// The first bytes of a direction: WILL, WON'T, DO, DON'T or a subnegotiation of an option that there is.
#[must_use]
pub fn probe(_direction: Direction, bytes: &[u8]) -> Likeness {
    // IANA, "Telnet Options".
    let is_option = |option: u8| matches!(option, 0..=49 | 138..=140 | 255);
    match bytes {
        [IAC, SB..=254, option, ..] if is_option(*option) => Likeness::Yes,
        [] | [IAC] | [IAC, SB..=254] => Likeness::More,
        _ => Likeness::No,
    }
}
