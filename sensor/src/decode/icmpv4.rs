//! ICMP (RFC 792).

use super::{DecodeEvent, Decoder, checksum, ipv4};
use crate::packet::{Embedded, Icmp, Ip, IpProto, Packet, Transport};

pub(super) const HEADER_LEN: usize = 8;

/// Ports at the start of a TCP, UDP or SCTP header, 0 when it has none or they were cut off.
pub(super) fn ports(proto: IpProto, transport: &[u8]) -> (u16, u16) {
    match (proto, transport) {
        (IpProto::TCP | IpProto::UDP | IpProto::SCTP, [s0, s1, d0, d1, ..]) => {
            (u16::from_be_bytes([*s0, *s1]), u16::from_be_bytes([*d0, *d1]))
        }
        _ => (0, 0),
    }
}

/// The packet that an error quotes: at least its IP header, usually eight bytes more.
fn quoted(data: &[u8]) -> Result<Embedded, DecodeEvent> {
    let Some((h, _)) = data.split_first_chunk::<{ ipv4::HEADER_LEN }>() else {
        return Err(DecodeEvent::Icmpv4Ipv4TruncPkt);
    };
    if h[0] >> 4 != 4 {
        return Err(DecodeEvent::Icmpv4Ipv4UnknownVer);
    }
    let proto = IpProto(h[9]);
    let header_len = usize::from(h[0] & 0x0f) * 4;
    // Only the first fragment has ports.
    let transport = if u16::from_be_bytes([h[6], h[7]]) & 0x1fff == 0 && header_len >= ipv4::HEADER_LEN {
        data.get(header_len..).unwrap_or_default()
    } else {
        &[]
    };
    let (src_port, dst_port) = ports(proto, transport);
    Ok(Embedded {
        src: crate::packet::Addr::v4([h[12], h[13], h[14], h[15]]),
        dst: crate::packet::Addr::v4([h[16], h[17], h[18], h[19]]),
        src_port,
        dst_port,
        proto,
    })
}

impl Decoder {
    /// An ICMP message.
    pub(super) fn icmpv4<'a>(&mut self, packet: &mut Packet<'a>, ip: &Ip<'a>) {
        const ECHO_REPLY: u8 = 0;
        const UNREACHABLE: u8 = 3;
        const SOURCE_QUENCH: u8 = 4;
        const REDIRECT: u8 = 5;
        const ECHO: u8 = 8;
        const ROUTER_ADVERTISEMENT: u8 = 9;
        const ROUTER_SOLICITATION: u8 = 10;
        const TIME_EXCEEDED: u8 = 11;
        const PARAMETER_PROBLEM: u8 = 12;
        /// Timestamp, information and address mask: request and reply each.
        const QUERIES: std::ops::RangeInclusive<u8> = 13..=18;

        self.counters.icmpv4 = self.counters.icmpv4.wrapping_add(1);
        let Some((h, rest)) = ip.payload.split_first_chunk::<HEADER_LEN>() else {
            packet.events.insert(DecodeEvent::Icmpv4PktTooSmall);
            return;
        };
        if self.config.verify_checksums && !checksum::is_valid(ip.payload) {
            packet.checksum_ok = false;
        }
        let [kind, code, ..] = *h;
        // The highest code of each type (IANA, ICMP Type Numbers).
        let (highest_code, quotes, is_query) = match kind {
            ECHO_REPLY | ECHO => (0, false, true),
            UNREACHABLE => (15, true, false),
            SOURCE_QUENCH => (0, true, false),
            REDIRECT => (3, true, false),
            ROUTER_ADVERTISEMENT => (16, false, false),
            ROUTER_SOLICITATION => (0, false, false),
            TIME_EXCEEDED => (1, true, false),
            PARAMETER_PROBLEM => (2, true, false),
            kind if QUERIES.contains(&kind) => (0, false, true),
            _ => {
                packet.events.insert(DecodeEvent::Icmpv4UnknownType);
                (u8::MAX, false, false)
            }
        };
        if code > highest_code {
            packet.events.insert(DecodeEvent::Icmpv4UnknownCode);
        }
        let embedded = if quotes && code <= highest_code && !rest.is_empty() {
            quoted(rest).map_err(|event| packet.events.insert(event)).ok()
        } else {
            None
        };
        packet.transport = Transport::Icmp(Icmp {
            kind,
            code,
            id: is_query.then(|| u16::from_be_bytes([h[4], h[5]])),
            seq: is_query.then(|| u16::from_be_bytes([h[6], h[7]])),
            embedded,
        });
        packet.payload = rest;
    }
}
