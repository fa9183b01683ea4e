//! Whether bytes begin an SNMP flow.

use crate::packet::Direction;
use crate::protocols::ber::{Begin, Elements, begin, tag};
use crate::protocols::registry::Likeness;

/// A datagram: a version, then a community before a PDU, or the header of version 3.
#[must_use]
pub fn probe(_direction: Direction, bytes: &[u8]) -> Likeness {
    let Begin::Is { tag: tag::SEQUENCE, head, len } = begin(bytes) else { return Likeness::No };
    if bytes.len() - head < len {
        return Likeness::No;
    }
    let mut parts = Elements(bytes.get(head..).unwrap_or_default());
    let (version, second, third) = (parts.integer(), parts.next(), parts.next());
    let yes = matches!(
        (version, second.map(|e| e.tag), third.map(|e| e.tag)),
        (Some(0 | 1), Some(tag::OCTET_STRING), Some(0xa0..=0xa8))
            | (Some(3), Some(tag::SEQUENCE), Some(tag::OCTET_STRING))
    );
    if yes { Likeness::Yes } else { Likeness::No }
}
