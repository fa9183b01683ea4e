//! Whether bytes begin a PostgreSQL flow.

use super::message::{First, Length, len, text};
use crate::packet::Direction;
use crate::protocols::registry::Likeness;

/// A client's startup or what comes before it; a server's demand for authentication.
#[must_use]
pub fn probe(direction: Direction, bytes: &[u8]) -> Likeness {
    match direction {
        Direction::ToServer => client(bytes),
        Direction::ToClient => server(bytes),
    }
}

fn client(bytes: &[u8]) -> Likeness {
    // A startup is at most 10,000 bytes long (`MAX_STARTUP_PACKET_LENGTH`), so that it begins with two zeros.
    const LONGEST: usize = 10_000;
    const CODES: [&[u8]; 2] = [&[0, 3, 0], &[4, 0xd2, 0x16]];
    if bytes.iter().take(2).any(|b| *b != 0) {
        return Likeness::No;
    }
    match len(bytes, false) {
        Length::More => return Likeness::More,
        Length::Is(8..=LONGEST) => {}
        Length::Is(_) | Length::Not => return Likeness::No,
    }
    let code = bytes.get(4..).unwrap_or_default();
    if !CODES.iter().any(|known| known.iter().zip(code).all(|(known, byte)| known == byte)) {
        return Likeness::No;
    }
    if bytes.len() < 8 {
        return Likeness::More;
    }
    match First::read(bytes) {
        Some(First::Startup(_, parameters)) => {
            let name = text(parameters).0;
            let is_name = name.iter().all(|b| b.is_ascii_lowercase() || *b == b'_');
            match (is_name, name.len() < parameters.len()) {
                (true, true) if !name.is_empty() => Likeness::Yes,
                (true, false) => Likeness::More,
                _ => Likeness::No,
            }
        }
        Some(_) => Likeness::Yes,
        None if code.first() == Some(&4) && bytes.len() < 16 => Likeness::More,
        None => Likeness::No,
    }
}

fn server(bytes: &[u8]) -> Likeness {
    let fits = |at: usize, is: fn(u8) -> bool| bytes.get(at).is_none_or(|b| is(*b));
    let zero: fn(u8) -> bool = |b| b == 0;
    let all = fits(0, |b| b == b'R')
        && fits(1, zero)
        && fits(2, zero)
        && fits(3, zero)
        && fits(4, |b| b >= 8)
        && (5..8).all(|at| fits(at, zero))
        && fits(8, |b| b <= 12);
    match (all, bytes.len() >= 9) {
        (true, true) => Likeness::Yes,
        (true, false) => Likeness::More,
        (false, _) => Likeness::No,
    }
}
