//! Network service header (RFC 8300).

use super::ethernet::ethertype;
use super::{DecodeEvent, Decoded, Decoder, PacketSink};
use crate::packet::Packet;

/// Base header and service path header.
const HEADER_LEN: usize = 8;

fn parse(data: &[u8]) -> Result<(u8, &[u8]), DecodeEvent> {
    /// With metadata type 1 the context is fixed: six words in all (RFC 8300 §2.4).
    const FIXED_WORDS: u8 = 6;
    let Some((h, _)) = data.split_first_chunk::<HEADER_LEN>() else {
        return Err(DecodeEvent::NshHeaderTooSmall);
    };
    if h[0] >> 6 != 0 {
        return Err(DecodeEvent::NshUnsupportedVersion);
    }
    let words = h[1] & 0x3f;
    match h[2] & 0x0f {
        0 | 0x0f => return Err(DecodeEvent::NshReservedType),
        1 if words != FIXED_WORDS => return Err(DecodeEvent::NshBadHeaderLength),
        1 | 2 => {}
        _ => return Err(DecodeEvent::NshUnsupportedType),
    }
    let len = usize::from(words) * 4;
    match data.get(len..) {
        Some(payload) if len >= HEADER_LEN && !payload.is_empty() => Ok((h[3], payload)),
        _ => Err(DecodeEvent::NshBadHeaderLength),
    }
}

impl Decoder {
    /// A service header and what follows.
    pub(super) fn nsh<'a, S: PacketSink>(&mut self, packet: &mut Packet<'a>, data: &'a [u8], sink: &mut S) -> Decoded {
        self.counters.nsh = self.counters.nsh.wrapping_add(1);
        if !self.enter_layer(packet) {
            return self.too_many_layers(packet);
        }
        match parse(data) {
            Ok((1, payload)) => self.network(ethertype::IPV4, packet, payload, sink),
            Ok((2, payload)) => self.network(ethertype::IPV6, packet, payload, sink),
            Ok((3, payload)) => self.ethernet(packet, payload, sink),
            Ok((4, payload)) => self.nsh(packet, payload, sink),
            Ok((5, payload)) => self.network(ethertype::MPLS, packet, payload, sink),
            Ok(_) => self.malformed(packet, DecodeEvent::NshUnknownPayload),
            Err(event) => self.malformed(packet, event),
        }
    }
}
