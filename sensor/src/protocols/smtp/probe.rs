//! Whether bytes begin SMTP.

use crate::packet::Direction;
use crate::protocols::registry::Likeness;

/// What is looked for in a server's greeting; longer ones are not read to their end.
const GREETING: usize = 512;

/// The first bytes of a direction: a client greets by name, a server says in its greeting that it is about mail.
#[must_use]
pub fn probe(direction: Direction, bytes: &[u8]) -> Likeness {
    match direction {
        Direction::ToServer => client(bytes),
        Direction::ToClient => server(bytes),
    }
}

fn client(bytes: &[u8]) -> Likeness {
    let start = bytes.get(..4).unwrap_or(bytes);
    let fits = |word: &[u8; 4]| word.get(..start.len()).is_some_and(|w| w.eq_ignore_ascii_case(start));
    if !fits(b"HELO") && !fits(b"EHLO") {
        return Likeness::No;
    }
    match bytes.get(4) {
        Some(b' ' | b'\r' | b'\n') => Likeness::Yes,
        Some(_) => Likeness::No,
        None => Likeness::More,
    }
}

/// FTP begins with the same code, so that a word must tell.
fn server(bytes: &[u8]) -> Likeness {
    let start = bytes.get(..3).unwrap_or(bytes);
    if !b"220".starts_with(start) {
        return Likeness::No;
    }
    match bytes.get(3) {
        Some(b' ' | b'-') => {}
        Some(_) => return Likeness::No,
        None => return Likeness::More,
    }
    let line = bytes.get(..GREETING).unwrap_or(bytes);
    let has = |word: &[u8]| line.windows(word.len()).any(|w| w.eq_ignore_ascii_case(word));
    if has(b"SMTP") {
        return Likeness::Yes;
    }
    // Whatever it is, the client will say it.
    if line.len() >= GREETING || line.contains(&b'\n') || has(b"FTP") { Likeness::No } else { Likeness::More }
}
