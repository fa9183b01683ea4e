//! Whether a datagram begins a QUIC connection.

use super::packet::{Kind, Packet, names_version};
use super::version::{Form, Version};
use crate::packet::Direction;
use crate::protocols::registry::Likeness;

/// One datagram: a packet that names a version that has been spoken, or that is kept free for trying out negotiation (RFC 9000,
/// 15), or a server's list with such a one.
#[must_use]
pub fn probe(direction: Direction, bytes: &[u8]) -> Likeness {
    if !names_version(bytes) {
        return Likeness::No;
    }
    let Some(packet) = Packet::read(bytes) else { return Likeness::No };
    let fits = match packet.kind {
        Kind::VersionNegotiation => direction == Direction::ToClient && packet.versions().any(Version::is_known),
        // A client's first datagram is filled up (RFC 9000, 14.1), which tells it from others where the version does not.
        _ if is_reserved(packet.version) => packet.kind == Kind::Initial && bytes.len() >= 1200,
        Kind::Initial | Kind::ZeroRtt | Kind::Handshake | Kind::Retry => {
            packet.version.is_known() && (packet.version.form() != Form::Long || bytes[0] & 0x40 != 0)
        }
    };
    if fits { Likeness::Yes } else { Likeness::No }
}

/// `0x?a?a?a?a`.
fn is_reserved(version: Version) -> bool {
    version.0 & 0x0f0f_0f0f == 0x0a0a_0a0a
}
