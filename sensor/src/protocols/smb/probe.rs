//! Whether bytes begin a connection of SMB.

use super::header::Family;
use crate::protocols::registry::Likeness;

/// A message, on any port.
#[must_use]
pub fn probe(bytes: &[u8]) -> Likeness {
    match bytes {
        [] => Likeness::More,
        [0, rest @ ..] => match rest.get(3..) {
            None => Likeness::More,
            Some([]) => Likeness::More,
            Some(message) if message.len() >= 4 => {
                if Family::of(message).is_some() {
                    Likeness::Yes
                } else {
                    Likeness::No
                }
            }
            Some(start) => {
                let like = matches!(start[0], 0xfc..=0xff) && b"SMB".starts_with(&start[1..]);
                if like { Likeness::More } else { Likeness::No }
            }
        },
        _ => Likeness::No,
    }
}

/// The request for a session, or its answer, on the port of NetBIOS sessions (RFC 1002, 4.3).
#[must_use]
pub fn probe_netbios(bytes: &[u8]) -> Likeness {
    match bytes {
        [0x81, 0, 0, 68, ..] | [0x82, 0, 0, 0, ..] => Likeness::Yes,
        [] => Likeness::More,
        start if start.len() < 4 && ([0x81, 0, 0, 68].starts_with(start) || [0x82, 0, 0, 0].starts_with(start)) => {
            Likeness::More
        }
        _ => Likeness::No,
    }
}
