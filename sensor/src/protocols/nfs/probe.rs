//! Whether bytes begin a call of NFS. Replies do not say of which program they are.

use super::rpc::PROGRAM;
use crate::protocols::registry::Likeness;

/// A call up to its program's number, which is all that tells: its id may be anything.
fn start(bytes: &[u8]) -> Likeness {
    let told = [0, 0, 0, 0, 0, 0, 0, 2];
    let Some(rest) = bytes.get(4..) else { return Likeness::More };
    let wanted = told.into_iter().chain(PROGRAM.to_be_bytes());
    if rest.iter().zip(wanted).any(|(byte, wanted)| *byte != wanted) {
        return Likeness::No;
    }
    if rest.len() >= 12 { Likeness::Yes } else { Likeness::More }
}

/// A datagram.
#[must_use]
pub fn probe_datagram(bytes: &[u8]) -> Likeness {
    if start(bytes) == Likeness::Yes { Likeness::Yes } else { Likeness::No }
}

/// The first bytes of a direction of a stream: a record's mark comes first (RFC 5531, 11).
#[must_use]
pub fn probe_stream(bytes: &[u8]) -> Likeness {
    match bytes {
        [] => Likeness::More,
        // The last fragment of a record of less than 16 MiB.
        [0x80, ..] => bytes.get(4..).map_or(Likeness::More, start),
        _ => Likeness::No,
    }
}
