//! Whether bytes begin POP3.

use crate::packet::Direction;
use crate::protocols::registry::Likeness;

/// The first bytes of a direction, on any port: a server's greeting tells, and few of a client's commands.
#[must_use]
pub fn probe(direction: Direction, bytes: &[u8]) -> Likeness {
    match direction {
        Direction::ToServer => words(bytes, &[b"APOP ", b"CAPA\r\n", b"STLS\r\n"]),
        Direction::ToClient => words(bytes, &[b"+OK ", b"+OK\r\n"]),
    }
}

/// The same on its own port, where commands that FTP has as well are enough.
#[must_use]
pub fn probe_on_port(direction: Direction, bytes: &[u8]) -> Likeness {
    match direction {
        Direction::ToServer => words(bytes, &[b"USER ", b"AUTH ", b"AUTH\r\n", b"QUIT\r\n"]),
        Direction::ToClient => words(bytes, &[b"-ERR"]),
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
