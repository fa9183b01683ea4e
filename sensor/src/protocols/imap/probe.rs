//! Whether bytes begin IMAP.

use crate::packet::Direction;
use crate::protocols::registry::Likeness;

/// Bytes within which a client's first command must stand.
const FIRST: usize = 64;

/// The first bytes of a direction: a server greets, a client's tag is followed by a command that others do not have.
#[must_use]
pub fn probe(direction: Direction, bytes: &[u8]) -> Likeness {
    match direction {
        Direction::ToServer => client(bytes),
        Direction::ToClient => server(bytes),
    }
}

fn begins(bytes: &[u8], words: &[&[u8]]) -> Likeness {
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
    begins(bytes, &[b"* OK ", b"* PREAUTH ", b"* BYE "])
}

fn client(bytes: &[u8]) -> Likeness {
    let tag = bytes.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')).count();
    if tag > FIRST {
        return Likeness::No;
    }
    match bytes.get(tag..) {
        Some([b' ', rest @ ..]) if tag > 0 => {
            begins(rest, &[b"CAPABILITY\r\n", b"LOGIN ", b"AUTHENTICATE ", b"STARTTLS\r\n", b"ID (", b"ID NIL"])
        }
        Some([]) if bytes.len() < FIRST => Likeness::More,
        _ => Likeness::No,
    }
}
