//! GRE (RFC 2784, RFC 2890, and RFC 1701 with its source routes), PPTP's version 1 (RFC 2637), and ERSPAN inside it.

use super::ethernet::ethertype;
use super::mirror::MirrorKind;
use super::tunnel::{self, Inner};
use super::{DecodeEvent, Decoder, PacketSink};
use crate::packet::{Ip, Packet};

/// Flags and version of the first two bytes (RFC 1701, RFC 2637 §4.1).
mod flag {
    pub(super) const CHECKSUM: u16 = 0x8000;
    pub(super) const ROUTING: u16 = 0x4000;
    pub(super) const KEY: u16 = 0x2000;
    pub(super) const SEQUENCE: u16 = 0x1000;
    pub(super) const STRICT_SOURCE_ROUTE: u16 = 0x0800;
    pub(super) const RECURSION: u16 = 0x0700;
    /// Version 1: an acknowledgement number follows.
    pub(super) const ACKNOWLEDGEMENT: u16 = 0x0080;
    pub(super) const RESERVED_V0: u16 = 0x00f8;
    pub(super) const RESERVED_V1: u16 = 0x0078;
    pub(super) const VERSION: u16 = 0x0007;
}

/// What a GRE header says.
#[derive(Debug, PartialEq, Eq)]
struct Header<'a> {
    protocol: u16,
    /// 0 without one. Of version 1 it differs by direction, and is left out.
    key: u32,
    has_sequence: bool,
    payload: &'a [u8],
}

/// Takes `n` bytes off the front.
fn skip(data: &[u8], n: usize) -> Option<&[u8]> {
    data.get(n..)
}

fn parse(data: &[u8]) -> Result<Header<'_>, DecodeEvent> {
    let Some(([f0, f1, p0, p1], rest)) = data.split_first_chunk::<4>() else {
        return Err(DecodeEvent::GrePktTooSmall);
    };
    let (flags, protocol) = (u16::from_be_bytes([*f0, *f1]), u16::from_be_bytes([*p0, *p1]));
    match flags & flag::VERSION {
        0 => parse_v0(flags, protocol, rest),
        1 => parse_v1(flags, protocol, rest),
        _ => Err(DecodeEvent::GreWrongVersion),
    }
}

fn parse_v0(flags: u16, protocol: u16, mut rest: &[u8]) -> Result<Header<'_>, DecodeEvent> {
    const TOO_BIG: DecodeEvent = DecodeEvent::GreVersion0HdrTooBig;
    if flags & flag::RECURSION != 0 {
        return Err(DecodeEvent::GreVersion0Recur);
    }
    if flags & flag::RESERVED_V0 != 0 {
        return Err(DecodeEvent::GreVersion0Flags);
    }
    // Checksum and routing offset come together when either is there.
    if flags & (flag::CHECKSUM | flag::ROUTING) != 0 {
        rest = skip(rest, 4).ok_or(TOO_BIG)?;
    }
    let mut key = 0;
    if flags & flag::KEY != 0 {
        let (bytes, after) = rest.split_first_chunk::<4>().ok_or(TOO_BIG)?;
        key = u32::from_be_bytes(*bytes);
        rest = after;
    }
    let has_sequence = flags & flag::SEQUENCE != 0;
    if has_sequence {
        rest = skip(rest, 4).ok_or(TOO_BIG)?;
    }
    if flags & flag::ROUTING != 0 {
        // Source route entries: family, offset, length, routing information; one of family and length 0 ends them.
        loop {
            let ([f0, f1, _, len], after) = rest.split_first_chunk::<4>().ok_or(TOO_BIG)?;
            if [*f0, *f1, *len] == [0, 0, 0] {
                rest = after;
                break;
            }
            rest = skip(after, usize::from(*len)).ok_or(DecodeEvent::GreVersion0MalformedSreHdr)?;
        }
    }
    Ok(Header { protocol, key, has_sequence, payload: rest })
}

fn parse_v1(flags: u16, protocol: u16, mut rest: &[u8]) -> Result<Header<'_>, DecodeEvent> {
    const TOO_BIG: DecodeEvent = DecodeEvent::GreVersion1HdrTooBig;
    if flags & flag::CHECKSUM != 0 {
        return Err(DecodeEvent::GreVersion1Chksum);
    }
    if flags & flag::ROUTING != 0 {
        return Err(DecodeEvent::GreVersion1Route);
    }
    if flags & flag::STRICT_SOURCE_ROUTE != 0 {
        return Err(DecodeEvent::GreVersion1Ssr);
    }
    if flags & flag::RECURSION != 0 {
        return Err(DecodeEvent::GreVersion1Recur);
    }
    if flags & flag::RESERVED_V1 != 0 {
        return Err(DecodeEvent::GreVersion1Flags);
    }
    if protocol != ethertype::PPP {
        return Err(DecodeEvent::GreVersion1WrongProtocol);
    }
    if flags & flag::KEY == 0 {
        return Err(DecodeEvent::GreVersion1NoKey);
    }
    rest = skip(rest, 4).ok_or(TOO_BIG)?;
    let has_sequence = flags & flag::SEQUENCE != 0;
    if has_sequence {
        rest = skip(rest, 4).ok_or(TOO_BIG)?;
    }
    if flags & flag::ACKNOWLEDGEMENT != 0 {
        rest = skip(rest, 4).ok_or(TOO_BIG)?;
    }
    Ok(Header { protocol, key: 0, has_sequence, payload: rest })
}

impl Decoder {
    /// A GRE packet and what it carries.
    pub(super) fn gre<'a, S: PacketSink>(&mut self, packet: &mut Packet<'a>, ip: &Ip<'a>, sink: &mut S) {
        self.counters.gre = self.counters.gre.wrapping_add(1);
        let header = match parse(ip.payload) {
            Ok(header) => header,
            Err(event) => {
                packet.events.insert(event);
                return;
            }
        };
        packet.payload = header.payload;
        let (mut key, data) = (u64::from(header.key) | 4 << 32, header.payload);
        let mut mirror = (header.protocol == ethertype::TRANSPARENT_BRIDGING).then_some((MirrorKind::Gre, false));
        let inner = match header.protocol {
            // A pure acknowledgement of PPTP carries nothing.
            ethertype::PPP if data.is_empty() => return,
            ethertype::PPP => Inner::Ppp,
            ethertype::ERSPAN | ethertype::ERSPAN_III => match erspan(&header) {
                Ok(mirrored) => {
                    self.counters.erspan = self.counters.erspan.wrapping_add(1);
                    key = u64::from(mirrored.session) | 5 << 32;
                    mirror = Some((MirrorKind::Erspan, mirrored.cut));
                    Inner::Mirrored { vlan: mirrored.vlan, header: data.len().saturating_sub(mirrored.frame.len()) }
                }
                Err(event) => {
                    packet.events.insert(event);
                    return;
                }
            },
            ethertype::IPV4
            | ethertype::IPV6
            | ethertype::VLAN
            | ethertype::TRANSPARENT_BRIDGING
            | ethertype::MPLS
            | ethertype::MPLS_MULTICAST
            | ethertype::ARP => Inner::EtherType(header.protocol),
            _ => return,
        };
        if let Some((kind, cut)) = mirror {
            if self.is_mirrors(kind, packet) {
                return self.mirrored_frame(packet, inner, data, cut, sink);
            }
            self.cut |= cut;
        }
        let id = tunnel::id(packet, ip, key);
        self.enter_tunnel(packet, id, inner, data, sink);
    }
}

/// A frame that a switch mirrored to us.
struct Mirrored<'a> {
    /// The session identifier, 0 for type I, which has none.
    session: u16,
    /// The VLAN on which the switch saw it, 0 if none.
    vlan: u16,
    /// The switch cut the frame.
    cut: bool,
    frame: &'a [u8],
}

/// ERSPAN (draft-foschiano-erspan). Type I has no header of its own and no GRE sequence number; II and III do.
fn erspan<'a>(gre: &Header<'a>) -> Result<Mirrored<'a>, DecodeEvent> {
    const TYPE_II_LEN: usize = 8;
    const TYPE_III_LEN: usize = 12;
    /// Of type III: the platform-specific subheader follows.
    const HAS_SUBHEADER: u8 = 0x01;
    const SUBHEADER_LEN: usize = 8;
    /// The T bit, of both types.
    const TRUNCATED: u8 = 0x04;
    const TOO_SMALL: DecodeEvent = DecodeEvent::ErspanHeaderTooSmall;

    let data = gre.payload;
    if gre.protocol == ethertype::ERSPAN && !gre.has_sequence {
        return Ok(Mirrored { session: 0, vlan: 0, cut: false, frame: data });
    }
    let [v, v1, s0, s1, ..] = *data else {
        return Err(TOO_SMALL);
    };
    let (session, vlan) = (u16::from_be_bytes([s0, s1]) & 0x03ff, u16::from_be_bytes([v, v1]) & 0x0fff);
    let cut = s0 & TRUNCATED != 0;
    match (v >> 4, gre.protocol) {
        (1, ethertype::ERSPAN) => Ok(Mirrored { session, vlan, cut, frame: skip(data, TYPE_II_LEN).ok_or(TOO_SMALL)? }),
        (2, ethertype::ERSPAN_III) => {
            let (h, mut frame) = data.split_first_chunk::<TYPE_III_LEN>().ok_or(TOO_SMALL)?;
            if h[11] & HAS_SUBHEADER != 0 {
                frame = skip(frame, SUBHEADER_LEN).ok_or(TOO_SMALL)?;
            }
            Ok(Mirrored { session, vlan, cut, frame })
        }
        _ => Err(DecodeEvent::ErspanUnsupportedVersion),
    }
}
