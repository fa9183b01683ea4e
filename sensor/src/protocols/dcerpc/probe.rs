//! Whether bytes begin a unit of DCE/RPC.

use super::datagram::Header;
use super::pdu::Pdu;
use crate::protocols::registry::Likeness;

/// The first bytes of a direction of a stream.
#[must_use]
pub fn probe_stream(bytes: &[u8]) -> Likeness {
    if !Pdu::is_likely(bytes) {
        return Likeness::No;
    }
    if bytes.len() < Pdu::HEADER { Likeness::More } else { Likeness::Yes }
}

/// A datagram.
#[must_use]
pub fn probe_datagram(bytes: &[u8]) -> Likeness {
    if Header::read(bytes).is_some() { Likeness::Yes } else { Likeness::No }
}
