//! Whether bytes begin FTP.

use crate::packet::Direction;
use crate::protocols::registry::Likeness;

/// What is looked for in a server's greeting.
const GREETING: usize = 512;

/// The first bytes of a direction, on any port: a client begins with a command that others do not have, a server says in its
/// greeting that it is about files.
#[must_use]
pub fn probe(direction: Direction, bytes: &[u8]) -> Likeness {
    match direction {
        Direction::ToServer => words(bytes, &[b"USER ", b"PASS ", b"PORT ", b"EPRT ", b"AUTH TLS", b"AUTH SSL"]),
        Direction::ToClient => server(bytes),
    }
}

/// The same on its own port, where a reply's code is enough.
#[must_use]
pub fn probe_on_port(direction: Direction, bytes: &[u8]) -> Likeness {
    match direction {
        Direction::ToServer => words(bytes, &[b"USER ", b"PASS ", b"PORT ", b"EPRT ", b"AUTH ", b"FEAT\r", b"SYST\r"]),
        Direction::ToClient => words(bytes, &[b"220 ", b"220-", b"120 ", b"120-"]),
    }
}

/// Whether the bytes begin with one of these, in whatever case.
fn words(bytes: &[u8], words: &[&[u8]]) -> Likeness {
    let mut likeness = Likeness::No;
    for word in words {
        let len = word.len().min(bytes.len());
        let fits = word.get(..len).zip(bytes.get(..len)).is_some_and(|(w, b)| w.eq_ignore_ascii_case(b));
        if fits && len == word.len() {
            return Likeness::Yes;
        }
        if fits {
            likeness = Likeness::More;
        }
    }
    likeness
}

fn server(bytes: &[u8]) -> Likeness {
    match words(bytes, &[b"220 ", b"220-"]) {
        Likeness::Yes => {}
        other => return other,
    }
    let line = bytes.get(..GREETING).unwrap_or(bytes);
    if line.windows(3).any(|w| w.eq_ignore_ascii_case(b"FTP")) {
        return Likeness::Yes;
    }
    // Whatever it is, the client will say it.
    if line.len() >= GREETING || line.contains(&b'\n') { Likeness::No } else { Likeness::More }
}
