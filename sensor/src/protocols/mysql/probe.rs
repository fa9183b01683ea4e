//! Whether bytes begin a MySQL flow.

use super::message::{Greeting, Login};
use crate::packet::Direction;
use crate::protocols::registry::Likeness;

/// A server's greeting of protocol 10, or what a client answers to it.
#[must_use]
pub fn probe(direction: Direction, bytes: &[u8]) -> Likeness {
    // The least that a message has, and the number that it has.
    let (least, number): (usize, u8) = if direction == Direction::ToClient { (30, 0) } else { (32, 1) };
    // Neither is as long as that.
    const LONGEST: usize = 2000;
    let Some([a, b, c, sequence]) = bytes.first_chunk::<4>() else {
        let fits = bytes.get(2).is_none_or(|high| *high == 0);
        return if fits { Likeness::More } else { Likeness::No };
    };
    let len = usize::from(*a) | usize::from(*b) << 8 | usize::from(*c) << 16;
    if *sequence != number || len < least || len > LONGEST {
        return Likeness::No;
    }
    let payload = bytes.get(4..).unwrap_or_default();
    let fits = match direction {
        Direction::ToClient => greets(payload),
        Direction::ToServer => answers(payload),
    };
    match (fits, payload.get(..least)) {
        (false, _) => Likeness::No,
        (true, None) => Likeness::More,
        (true, Some(_)) if direction == Direction::ToServer => Likeness::Yes,
        (true, Some(_)) => match payload.get(..len).map(|whole| Greeting::read(whole).is_some()) {
            None => Likeness::More,
            Some(true) => Likeness::Yes,
            Some(false) => Likeness::No,
        },
    }
}

/// The protocol's number, and a version that begins with a digit.
fn greets(payload: &[u8]) -> bool {
    let version = payload.get(1..).unwrap_or_default().split(|b| *b == 0).next().unwrap_or_default();
    payload.first().is_none_or(|number| *number == 10)
        && version.first().is_none_or(u8::is_ascii_digit)
        && version.iter().all(|b| (0x20..0x7f).contains(b))
        && !payload.starts_with(b"\x0a\0")
}

/// Capabilities of version 4.1, and zeros where it has them.
fn answers(payload: &[u8]) -> bool {
    // MariaDB uses the last four bytes of what is zero with MySQL.
    let zeros = payload.get(9..).unwrap_or_default().iter().take(19);
    payload.get(1).is_none_or(|high| high & 0x02 != 0)
        && zeros.clone().all(|b| *b == 0)
        && (payload.len() < 32 || Login::read(payload).is_some() || payload.len() < 64)
}
