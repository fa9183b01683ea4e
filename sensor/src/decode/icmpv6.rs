//! ICMPv6 (RFC 4443), neighbour discovery (RFC 4861) and multicast listener discovery (RFC 2710, RFC 9777) as far as their types go.

use super::{DecodeEvent, Decoder, icmpv4, ipv6};
use crate::packet::{Addr, Embedded, Icmp, Ip, IpProto, Packet, Transport};

const HEADER_LEN: usize = 8;

/// The packet that an error quotes.
fn quoted(data: &[u8]) -> Result<Embedded, DecodeEvent> {
    let Some((h, rest)) = data.split_first_chunk::<{ ipv6::HEADER_LEN }>() else {
        return Err(DecodeEvent::Icmpv6Ipv6TruncPkt);
    };
    if h[0] >> 4 != 6 {
        return Err(DecodeEvent::Icmpv6Ipv6UnknownVersion);
    }
    let proto = IpProto(h[6]);
    let (src, dst) = ipv6::addresses(h);
    let (src_port, dst_port) = icmpv4::ports(proto, rest);
    Ok(Embedded { src: Addr::v6(src), dst: Addr::v6(dst), src_port, dst_port, proto })
}

/// What the registry says of a type (IANA, ICMPv6 Parameters).
enum Kind {
    /// An error, which quotes a packet; its highest code.
    Error(u8),
    /// Echo: has an identifier and a sequence number.
    Echo,
    /// Multicast listener discovery, which must not be routed: hop limit 1.
    Listener,
    /// Another known type with code 0 only.
    Plain,
    /// A known type that has codes.
    Coded,
    Unassigned,
    Experimental,
    Unknown,
}

fn kind_of(kind: u8) -> Kind {
    match kind {
        1 => Kind::Error(8),
        2 => Kind::Error(0),
        3 => Kind::Error(1),
        4 => Kind::Error(10),
        5..=99 | 102..=126 => Kind::Unassigned,
        100 | 101 | 200 | 201 => Kind::Experimental,
        128 | 129 => Kind::Echo,
        130..=132 | 143 => Kind::Listener,
        133..=137 | 141 | 142 | 144..=149 | 151..=153 => Kind::Plain,
        138..=140 | 155 | 157..=161 => Kind::Coded,
        // 150 is Seamoby, 154 FMIPv6, 156 ILNPv6: registered, their codes not known here.
        150 | 154 | 156 => Kind::Coded,
        162..=199 | 202..=254 => Kind::Unassigned,
        _ => Kind::Unknown,
    }
}

impl Decoder {
    /// An ICMPv6 message.
    pub(super) fn icmpv6<'a>(&mut self, packet: &mut Packet<'a>, ip: &Ip<'a>) {
        self.counters.icmpv6 = self.counters.icmpv6.wrapping_add(1);
        let Some((h, rest)) = ip.payload.split_first_chunk::<HEADER_LEN>() else {
            packet.events.insert(DecodeEvent::Icmpv6PktTooSmall);
            return;
        };
        self.verify_transport(packet, ip, ip.payload);
        let [kind, code, ..] = *h;
        let (mut is_echo, mut embedded) = (false, None);
        match kind_of(kind) {
            Kind::Error(highest) if code <= highest => {
                embedded = quoted(rest).map_err(|event| packet.events.insert(event)).ok();
            }
            Kind::Echo if code == 0 => is_echo = true,
            Kind::Listener if code == 0 => {
                if ip.ttl != 1 {
                    packet.events.insert(DecodeEvent::Icmpv6MldMessageWithInvalidHl);
                }
            }
            Kind::Plain if code == 0 => {}
            Kind::Coded => {}
            Kind::Error(_) | Kind::Echo | Kind::Listener | Kind::Plain => {
                packet.events.insert(DecodeEvent::Icmpv6UnknownCode);
            }
            Kind::Unassigned => packet.events.insert(DecodeEvent::Icmpv6UnassignedType),
            Kind::Experimental => packet.events.insert(DecodeEvent::Icmpv6ExperimentationType),
            Kind::Unknown => packet.events.insert(DecodeEvent::Icmpv6UnknownType),
        }
        packet.transport = Transport::Icmpv6(Icmp {
            kind,
            code,
            id: is_echo.then(|| u16::from_be_bytes([h[4], h[5]])),
            seq: is_echo.then(|| u16::from_be_bytes([h[6], h[7]])),
            embedded,
        });
        packet.payload = rest;
    }
}
