//! PPP (RFC 1661, RFC 1662) and PPP over Ethernet (RFC 2516).

use super::ethernet::ethertype;
use super::{DecodeEvent, Decoded, Decoder, PacketSink, ipv4, ipv6};
use crate::packet::Packet;

/// PPP protocol numbers (IANA, PPP Numbers).
mod protocol {
    pub(super) const IPV4: u16 = 0x0021;
    pub(super) const VJ_UNCOMPRESSED: u16 = 0x002f;
    pub(super) const IPV6: u16 = 0x0057;
    pub(super) const MPLS: u16 = 0x0281;
    pub(super) const MPLS_MULTICAST: u16 = 0x0283;
}

impl Decoder {
    /// A PPP frame: perhaps with HDLC's address and control bytes before it.
    pub(super) fn ppp<'a, S: PacketSink>(&mut self, packet: &mut Packet<'a>, data: &'a [u8], sink: &mut S) -> Decoded {
        /// All stations, unnumbered information (RFC 1662 §3.1).
        const HDLC: [u8; 2] = [0xff, 0x03];
        self.ppp_protocol(packet, data.strip_prefix(&HDLC).unwrap_or(data), sink)
    }

    /// From the protocol field on.
    pub(super) fn ppp_protocol<'a, S: PacketSink>(
        &mut self,
        packet: &mut Packet<'a>,
        data: &'a [u8],
        sink: &mut S,
    ) -> Decoded {
        self.counters.ppp = self.counters.ppp.wrapping_add(1);
        if !self.enter_layer(packet) {
            return self.too_many_layers(packet);
        }
        let (number, rest) = match *data {
            // An odd first byte is a protocol field compressed to one byte (RFC 1661 §6.5).
            [number, ref rest @ ..] if number & 1 == 1 => (u16::from(number), rest),
            [a, b, ref rest @ ..] => (u16::from_be_bytes([a, b]), rest),
            _ => return self.malformed(packet, DecodeEvent::PppPktTooSmall),
        };
        match number {
            protocol::IPV4 if rest.len() < ipv4::HEADER_LEN => self.malformed(packet, DecodeEvent::PppIp4PktTooSmall),
            protocol::IPV4 => self.network(ethertype::IPV4, packet, rest, sink),
            protocol::IPV6 if rest.len() < ipv6::HEADER_LEN => self.malformed(packet, DecodeEvent::PppIp6PktTooSmall),
            protocol::IPV6 => self.network(ethertype::IPV6, packet, rest, sink),
            // Van Jacobson's uncompressed form is an IPv4 packet with the protocol field reused (RFC 1144 §3.2.3).
            protocol::VJ_UNCOMPRESSED if rest.len() < ipv4::HEADER_LEN => {
                self.malformed(packet, DecodeEvent::PppVjuPktTooSmall)
            }
            protocol::VJ_UNCOMPRESSED => self.network(ethertype::IPV4, packet, rest, sink),
            protocol::MPLS => self.network(ethertype::MPLS, packet, rest, sink),
            protocol::MPLS_MULTICAST => self.network(ethertype::MPLS_MULTICAST, packet, rest, sink),
            number if is_network_layer(number) => {
                packet.events.insert(DecodeEvent::PppUnsupProto);
                Decoded::NonIp
            }
            // Link and network control: how every session begins.
            number if is_control(number) => Decoded::NonIp,
            _ => self.malformed(packet, DecodeEvent::PppWrongType),
        }
    }

    /// A PPPoE session packet.
    pub(super) fn pppoe_session<'a, S: PacketSink>(
        &mut self,
        packet: &mut Packet<'a>,
        data: &'a [u8],
        sink: &mut S,
    ) -> Decoded {
        self.counters.pppoe = self.counters.pppoe.wrapping_add(1);
        let Some((h, rest)) = data.split_first_chunk::<PPPOE_LEN>() else {
            return self.malformed(packet, DecodeEvent::PppoePktTooSmall);
        };
        if h[1] != SESSION_DATA {
            return self.malformed(packet, DecodeEvent::PppoeWrongCode);
        }
        // Ethernet pads short frames: the length field tells what is PPP. One that exceeds the frame leaves it to IP.
        let len = usize::from(u16::from_be_bytes([h[4], h[5]]));
        self.ppp_protocol(packet, rest.get(..len).unwrap_or(rest), sink)
    }

    /// A PPPoE discovery packet.
    pub(super) fn pppoe_discovery(&mut self, packet: &mut Packet<'_>, data: &[u8]) -> Decoded {
        self.counters.pppoe = self.counters.pppoe.wrapping_add(1);
        match check_discovery(data) {
            Ok(()) => Decoded::NonIp,
            Err(event) => self.malformed(packet, event),
        }
    }
}

/// Version and type, code, session, length.
const PPPOE_LEN: usize = 6;
/// RFC 2516 §6.
const SESSION_DATA: u8 = 0;

fn check_discovery(data: &[u8]) -> Result<(), DecodeEvent> {
    /// PADI, PADO, PADR, PADS, PADT (RFC 2516 §5).
    const CODES: [u8; 5] = [0x09, 0x07, 0x19, 0x65, 0xa7];
    /// Type and length of a tag.
    const TAG_LEN: usize = 4;
    let Some((h, rest)) = data.split_first_chunk::<PPPOE_LEN>() else {
        return Err(DecodeEvent::PppoePktTooSmall);
    };
    if !CODES.contains(&h[1]) {
        return Err(DecodeEvent::PppoeWrongCode);
    }
    let Some(mut tags) = rest.get(..usize::from(u16::from_be_bytes([h[4], h[5]]))) else {
        return Err(DecodeEvent::PppoeMalformedTags);
    };
    while let Some((tag, after)) = tags.split_first_chunk::<TAG_LEN>() {
        let len = usize::from(u16::from_be_bytes([tag[2], tag[3]]));
        tags = after.get(len..).ok_or(DecodeEvent::PppoeMalformedTags)?;
    }
    if tags.is_empty() { Ok(()) } else { Err(DecodeEvent::PppoeMalformedTags) }
}

/// Network layer protocols that exist but are not decoded, and those that compress or encrypt.
const fn is_network_layer(number: u16) -> bool {
    matches!(
        number,
        0x0023
            | 0x0025
            | 0x0027
            | 0x0029
            | 0x002b
            | 0x002d
            | 0x0031
            | 0x0033
            | 0x0035
            | 0x003b
            | 0x003d
            | 0x003f
            | 0x0041
            | 0x0043
            | 0x0045
            | 0x0047
            | 0x0049
            | 0x004b
            | 0x004d
            | 0x004f
            | 0x0053
            | 0x0055
            | 0x0059
            | 0x005b
            | 0x0061
            | 0x00fb
            | 0x00fd
            | 0x0201
            | 0x0203
            | 0x0205
            | 0x0231
    )
}

/// Network control protocols, and the link's own.
const fn is_control(number: u16) -> bool {
    matches!(
        number,
        0x8021
            ..=0x805b
                | 0x80fb
                | 0x80fd
                | 0x8281
                | 0x8283
                | 0xc021
                | 0xc023
                | 0xc025
                | 0xc027
                | 0xc029
                | 0xc02b
                | 0xc02d
                | 0xc081
                | 0xc223
                | 0xc225
                | 0xc227
                | 0xc229
    )
}
