//! Whether bytes begin an EtherNet/IP flow.

use super::message::{Command, HEADER_LEN, Header};
use crate::packet::Direction;
use crate::protocols::registry::Likeness;

/// The first bytes of a direction: a header whose command, length, status and options go together.
#[must_use]
pub fn probe(direction: Direction, bytes: &[u8]) -> Likeness {
    let known = |command: u8| matches!(command, 0x04 | 0x63..=0x66 | 0x6f | 0x70);
    match bytes {
        [] => return Likeness::More,
        [command, ..] if !known(*command) => return Likeness::No,
        [_, high, ..] if *high != 0 => return Likeness::No,
        _ => {}
    }
    let Some(header) = Header::read(bytes) else { return Likeness::More };
    let asks = direction == Direction::ToServer;
    let len = usize::from(header.len);
    let fits = match header.command {
        Command::LIST_SERVICES | Command::LIST_IDENTITY | Command::LIST_INTERFACES => {
            if asks {
                len == 0
            } else {
                (2..1024).contains(&len)
            }
        }
        Command::REGISTER_SESSION => len == 4 && (header.session == 0) == asks,
        Command::UNREGISTER_SESSION => len == 0 && header.session != 0,
        // Two items at least, of which the first may be empty.
        _ => len >= 16 && header.session != 0,
    };
    if !fits || header.options != 0 || (asks && header.status != 0) || header.status > 0xffff {
        return Likeness::No;
    }
    // The count of items, or the version, is small.
    let at = HEADER_LEN + if matches!(header.command, Command::SEND_RR_DATA | Command::SEND_UNIT_DATA) { 6 } else { 0 };
    if len == 0 {
        return Likeness::Yes;
    }
    match bytes.get(at..at + 2) {
        None => Likeness::More,
        Some([low, 0]) if *low < 16 => Likeness::Yes,
        Some(_) => Likeness::No,
    }
}
