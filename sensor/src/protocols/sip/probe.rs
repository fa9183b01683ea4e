//! Whether bytes begin a SIP flow.

use super::message::METHODS;
use crate::packet::Direction;
use crate::protocols::registry::Likeness;

/// Bytes of a first line that are looked at.
const LINE_LIMIT: usize = 1024;

/// The first bytes of a direction: a first line that says `SIP/2.0`.
#[must_use]
pub fn probe(_direction: Direction, bytes: &[u8]) -> Likeness {
    const RESPONSE: &[u8] = b"SIP/2.0 ";
    if bytes.starts_with(RESPONSE) {
        return Likeness::Yes;
    }
    if RESPONSE.starts_with(bytes) {
        return Likeness::More;
    }
    let begins = METHODS.iter().any(|method| match bytes.get(..method.len() + 1) {
        Some(start) => start.ends_with(b" ") && start.starts_with(method),
        None => method.starts_with(bytes),
    });
    if !begins {
        return Likeness::No;
    }
    let start = bytes.get(..LINE_LIMIT).unwrap_or(bytes);
    match memchr::memchr(b'\n', start) {
        Some(end) => {
            let line = start[..end].trim_ascii_end();
            let version = line.rsplit(|b| *b == b' ').next().unwrap_or_default();
            if version.starts_with(b"SIP/") { Likeness::Yes } else { Likeness::No }
        }
        None if start.len() < LINE_LIMIT => Likeness::More,
        None => Likeness::No,
    }
}
