//! How HTTP/1 is recognised: a request by its method, a response by its version.

use super::line::{is_request_line, is_status_line};
use crate::packet::Direction;

/// What the first bytes of a direction say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// It is HTTP/1.
    Certain,
    /// More bytes are needed to tell.
    Unsure,
    /// It is not.
    NotForUs,
}

/// Looks at the first bytes of a direction.
#[must_use]
pub fn probe(direction: Direction, bytes: &[u8]) -> Probe {
    let start = bytes.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or(bytes.len());
    let bytes = bytes.get(start..).unwrap_or_default();
    let known = match direction {
        Direction::ToServer => is_request_line(bytes),
        Direction::ToClient => status_line(bytes),
    };
    match known {
        Some(true) => Probe::Certain,
        Some(false) => Probe::NotForUs,
        None => Probe::Unsure,
    }
}

/// `HTTP/1.` or `HTTP/0.`; HTTP/2 has no status line.
fn status_line(bytes: &[u8]) -> Option<bool> {
    match is_status_line(bytes)? {
        true => match (bytes.get(4), bytes.get(5)) {
            (None, _) | (Some(b'/'), None) => None,
            (Some(b'/'), Some(digit)) => Some(matches!(digit, b'0' | b'1')),
            _ => Some(false),
        },
        false => Some(false),
    }
}
