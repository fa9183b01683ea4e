//! MPLS label stacks (RFC 3032), and what is under them.

use super::ethernet::ethertype;
use super::{DecodeEvent, Decoded, Decoder, PacketSink};
use crate::packet::Packet;

const ENTRY_LEN: usize = 4;
/// Bottom of stack.
const BOTTOM: u8 = 0x01;

/// Reserved labels (RFC 3032 §2.1, RFC 7274).
const EXPLICIT_NULL_V4: u32 = 0;
const ROUTER_ALERT: u32 = 1;
const EXPLICIT_NULL_V6: u32 = 2;
const IMPLICIT_NULL: u32 = 3;

impl Decoder {
    /// A label stack. What is under it is not named: an explicit null label, or the first nibble, tells.
    pub(super) fn mpls<'a, S: PacketSink>(
        &mut self,
        packet: &mut Packet<'a>,
        mut data: &'a [u8],
        sink: &mut S,
    ) -> Decoded {
        self.counters.mpls = self.counters.mpls.wrapping_add(1);
        if !self.enter_layer(packet) {
            return self.too_many_layers(packet);
        }
        // The stack ends with the data at the latest.
        let label = loop {
            let Some((entry, rest)) = data.split_first_chunk::<ENTRY_LEN>() else {
                return self.malformed(packet, DecodeEvent::MplsHeaderTooSmall);
            };
            data = rest;
            if entry[2] & BOTTOM != 0 {
                break u32::from_be_bytes(*entry) >> 12;
            }
        };
        match label {
            EXPLICIT_NULL_V4 => self.network(ethertype::IPV4, packet, data, sink),
            // Not at the bottom (RFC 3032 §2.1): odd, and still worth a look at what follows.
            ROUTER_ALERT => {
                packet.events.insert(DecodeEvent::MplsBadLabelRouterAlert);
                self.under_labels(packet, data, sink)
            }
            EXPLICIT_NULL_V6 => self.network(ethertype::IPV6, packet, data, sink),
            IMPLICIT_NULL => self.malformed(packet, DecodeEvent::MplsBadLabelImplicitNull),
            4..=15 => self.malformed(packet, DecodeEvent::MplsBadLabelReserved),
            _ => self.under_labels(packet, data, sink),
        }
    }

    fn under_labels<'a, S: PacketSink>(&mut self, packet: &mut Packet<'a>, data: &'a [u8], sink: &mut S) -> Decoded {
        match data.first().map(|b| b >> 4) {
            None => self.malformed(packet, DecodeEvent::MplsPktTooSmall),
            Some(4) => self.network(ethertype::IPV4, packet, data, sink),
            Some(6) => self.network(ethertype::IPV6, packet, data, sink),
            // A pseudowire's control word (RFC 4385 §3), then Ethernet.
            Some(0) => match data.get(ENTRY_LEN..) {
                Some(frame) => self.ethernet(packet, frame, sink),
                None => self.malformed(packet, DecodeEvent::MplsPktTooSmall),
            },
            // An associated channel, or Ethernet with no control word: not to be told apart.
            Some(_) => {
                packet.events.insert(DecodeEvent::MplsUnknownPayloadType);
                Decoded::Malformed
            }
        }
    }
}
