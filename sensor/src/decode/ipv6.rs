//! IPv6 and its extension headers (RFC 8200).

use super::{DecodeEvent, Decoded, Decoder, EventSet, PacketSink};
use crate::packet::{Addr, Ip, IpProto, Packet};

pub(super) const HEADER_LEN: usize = 40;

/// Next header values of extension headers, and "nothing follows".
mod next {
    pub(super) const HOP_BY_HOP: u8 = 0;
    pub(super) const ROUTING: u8 = 43;
    pub(super) const FRAGMENT: u8 = 44;
    pub(super) const AUTHENTICATION: u8 = 51;
    pub(super) const NONE: u8 = 59;
    pub(super) const DESTINATION: u8 = 60;
    pub(super) const MOBILITY: u8 = 135;
    pub(super) const HIP: u8 = 139;
    pub(super) const SHIM6: u8 = 140;
}

/// Source and destination address of a header.
#[inline]
pub(super) fn addresses(h: &[u8; HEADER_LEN]) -> ([u8; 16], [u8; 16]) {
    let (mut src, mut dst) = ([0; 16], [0; 16]);
    src.copy_from_slice(&h[8..24]);
    dst.copy_from_slice(&h[24..40]);
    (src, dst)
}

/// Reads the fixed header of the packet at the start of `data`. `header` is the fixed header alone, and the payload,
/// extension headers included, is cut to the length field.
///
/// # Errors
/// The event that says what is wrong with the header.
#[inline]
pub(super) fn parse(data: &[u8]) -> Result<Ip<'_>, DecodeEvent> {
    let Some((h, rest)) = data.split_first_chunk::<HEADER_LEN>() else {
        return Err(DecodeEvent::Ipv6PktTooSmall);
    };
    if h[0] >> 4 != 6 {
        return Err(DecodeEvent::Ipv6WrongIpVersion);
    }
    let Some(payload) = rest.get(..usize::from(u16::from_be_bytes([h[4], h[5]]))) else {
        return Err(DecodeEvent::Ipv6TruncPkt);
    };
    Ok(fields(h, payload))
}

/// The same of a packet that is cut behind its header: the payload is what there is.
fn parse_cut(data: &[u8]) -> Option<Ip<'_>> {
    data.split_first_chunk::<HEADER_LEN>().map(|(h, rest)| fields(h, rest))
}

#[inline(always)]
fn fields<'a>(h: &'a [u8; HEADER_LEN], payload: &'a [u8]) -> Ip<'a> {
    let (src, dst) = addresses(h);
    Ip {
        version: 6,
        src: Addr::v6(src),
        dst: Addr::v6(dst),
        proto: IpProto(h[6]),
        ttl: h[7],
        tos: h[0] << 4 | h[1] >> 4,
        id: 0,
        flags: 0,
        fragment_offset: 0,
        is_fragment: false,
        header: h,
        payload,
    }
}

/// Whether a next header value names a header that `extension_headers` reads.
#[inline]
const fn is_extension(proto: u8) -> bool {
    matches!(
        proto,
        next::HOP_BY_HOP
            | next::ROUTING
            | next::FRAGMENT
            | next::AUTHENTICATION
            | next::NONE
            | next::DESTINATION
            | next::MOBILITY
            | next::HIP
            | next::SHIM6
    )
}

impl Decoder {
    /// An IPv6 packet and what it carries.
    #[inline]
    pub(super) fn ipv6<'a, S: PacketSink>(&mut self, packet: &mut Packet<'a>, data: &'a [u8], sink: &mut S) -> Decoded {
        self.counters.ipv6 = self.counters.ipv6.wrapping_add(1);
        if !self.enter_layer(packet) {
            return self.too_many_layers(packet);
        }
        let mut ip = match parse(data) {
            Ok(ip) => ip,
            Err(event @ DecodeEvent::Ipv6TruncPkt) => return self.ipv6_cut(packet, event, data, sink),
            Err(event) => return self.malformed(packet, event),
        };
        let mut end = End::Transport;
        if is_extension(ip.proto.0) {
            end = extension_headers(&mut ip, data, packet.reassembled, &mut packet.events);
        }
        packet.ip = Some(ip);
        match end {
            End::Transport => self.transport(packet, &ip, sink),
            End::Fragment { previous_next_header } => self.ipv6_fragment(packet, &ip, previous_next_header, sink),
            End::Nothing => {
                packet.payload = ip.payload;
                Decoded::Ip
            }
        }
    }

    #[cold]
    fn ipv6_cut<'a, S: PacketSink>(
        &mut self,
        packet: &mut Packet<'a>,
        event: DecodeEvent,
        data: &'a [u8],
        sink: &mut S,
    ) -> Decoded {
        let Some(ip) = self.is_cut(packet, event).then(|| parse_cut(data)).flatten() else {
            return Self::left_cut(packet);
        };
        packet.ip = Some(ip);
        // Extension headers may be cut themselves: such a packet is told of, and not followed.
        if is_extension(ip.proto.0) {
            packet.payload = ip.payload;
            return Decoded::Ip;
        }
        self.transport(packet, &ip, sink)
    }

    #[cold]
    fn ipv6_fragment<'a, S: PacketSink>(
        &mut self,
        packet: &mut Packet<'a>,
        ip: &Ip<'a>,
        previous_next_header: usize,
        sink: &mut S,
    ) -> Decoded {
        // Every fragment but the last is a multiple of eight bytes long (RFC 8200 §4.5).
        if ip.flags & 1 != 0 && !ip.payload.len().is_multiple_of(8) {
            packet.events.insert(DecodeEvent::Ipv6FragInvalidLength);
            packet.payload = ip.payload;
            return Decoded::Ip;
        }
        // The datagram's header: ours without the fragment header, whose next header goes into the header before it.
        let mut header = [0; crate::defrag::HEADER_MAX];
        let unfragmentable = ip.header.len().saturating_sub(FRAGMENT_HEADER_LEN);
        let (Some(to), Some(from)) = (header.get_mut(..unfragmentable), ip.header.get(..unfragmentable)) else {
            packet.payload = ip.payload;
            packet.events.insert(DecodeEvent::Ipv6FragIgnored);
            return Decoded::FragmentLimit;
        };
        to.copy_from_slice(from);
        if let Some(next_header) = to.get_mut(previous_next_header) {
            *next_header = ip.proto.0;
        }
        self.fragment(packet, ip, header.get(..unfragmentable).unwrap_or_default(), sink)
    }
}

/// What stands after the extension headers.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// `Ip::proto` and `Ip::payload` are the transport's.
    Transport,
    /// A fragment: the payload is its part, the protocol that of the fragment header.
    Fragment {
        /// Where in the header the next header value stands that names the fragment header.
        previous_next_header: usize,
    },
    /// Nothing readable.
    Nothing,
}

const FRAGMENT_HEADER_LEN: usize = 8;

/// Which extension headers a packet had so far.
#[derive(Default)]
struct Seen {
    hop_by_hop: bool,
    routing: bool,
    authentication: bool,
    fragment: bool,
    destination: u8,
}

/// Walks the extension headers and moves the border between `ip.header` and `ip.payload` behind them.
/// `data` starts with the packet. Work is bounded: each header takes at least eight bytes.
fn extension_headers<'a>(ip: &mut Ip<'a>, data: &'a [u8], reassembled: bool, events: &mut EventSet) -> End {
    // A datagram that was put together has had its fragment header: one more would let an attacker nest reassembly without
    // end.
    let mut seen = Seen { fragment: reassembled, ..Seen::default() };
    // Offset of the next header field that names the current header.
    let mut named_at = 6;
    let end = data.len().min(HEADER_LEN + ip.payload.len());
    let mut at = HEADER_LEN;
    let result = loop {
        let rest = data.get(at..end).unwrap_or_default();
        let kind = ip.proto.0;
        if kind == next::NONE {
            if !rest.is_empty() {
                events.insert(DecodeEvent::Ipv6DataAfterNoneHeader);
            }
            break End::Nothing;
        }
        let [following, len_field, ..] = *rest else {
            events.insert(DecodeEvent::Ipv6TruncExthdr);
            break End::Nothing;
        };
        if !is_extension(kind) {
            break End::Transport;
        }
        let len = match kind {
            next::FRAGMENT => FRAGMENT_HEADER_LEN,
            // In words, minus two (RFC 4302 §2.2); all others in units of eight bytes beyond the first.
            next::AUTHENTICATION => (usize::from(len_field) + 2) * 4,
            _ => (usize::from(len_field) + 1) * 8,
        };
        let Some(header) = rest.get(..len) else {
            events.insert(DecodeEvent::Ipv6TruncExthdr);
            break End::Nothing;
        };
        let is_part = kind == next::FRAGMENT && !seen.fragment && fragment_header(ip, header);
        check_extension(kind, header, is_part, &mut seen, events);
        ip.proto = IpProto(following);
        let previous_next_header = std::mem::replace(&mut named_at, at);
        at += len;
        if is_part {
            break End::Fragment { previous_next_header };
        }
    };
    ip.header = data.get(..at).unwrap_or(ip.header);
    ip.payload = data.get(at..end).unwrap_or_default();
    result
}

/// Raises what is odd about one extension header: repeated (RFC 8200 §4.1), deprecated, or with odd content.
fn check_extension(kind: u8, header: &[u8], is_part: bool, seen: &mut Seen, events: &mut EventSet) {
    match kind {
        next::HOP_BY_HOP if seen.hop_by_hop => events.insert(DecodeEvent::Ipv6ExthdrDuplHh),
        next::HOP_BY_HOP => {
            seen.hop_by_hop = true;
            options(header, OptionsOf::HopByHop, events);
        }
        // Once before a routing header and once before the transport.
        next::DESTINATION if seen.destination == 2 => events.insert(DecodeEvent::Ipv6ExthdrDuplDh),
        next::DESTINATION => {
            seen.destination += 1;
            options(header, OptionsOf::Destination, events);
        }
        next::ROUTING if seen.routing => events.insert(DecodeEvent::Ipv6ExthdrDuplRh),
        next::ROUTING => {
            seen.routing = true;
            // Deprecated (RFC 5095).
            if header.get(2) == Some(&0) {
                events.insert(DecodeEvent::Ipv6RhType0);
            }
        }
        next::AUTHENTICATION if seen.authentication => events.insert(DecodeEvent::Ipv6ExthdrDuplAh),
        next::AUTHENTICATION => {
            seen.authentication = true;
            if header.get(2..4).is_some_and(|reserved| reserved != [0, 0]) {
                events.insert(DecodeEvent::Ipv6ExthdrAhResNotNull);
            }
        }
        next::FRAGMENT => {
            if header.get(1).is_some_and(|reserved| *reserved != 0) {
                events.insert(DecodeEvent::Ipv6FhNonZeroReservedField);
            }
            if seen.fragment {
                events.insert(DecodeEvent::Ipv6ExthdrDuplFh);
            } else if !is_part {
                events.insert(DecodeEvent::Ipv6ExthdrUselessFh);
            }
            seen.fragment = true;
        }
        _ => {}
    }
}

/// Reads the fragment header (RFC 8200 §4.5); false for an atomic fragment (RFC 6946), which is whole.
fn fragment_header(ip: &mut Ip<'_>, header: &[u8]) -> bool {
    let [_, _, o0, o1, i0, i1, i2, i3, ..] = *header else {
        return false;
    };
    let field = u16::from_be_bytes([o0, o1]);
    ip.id = u32::from_be_bytes([i0, i1, i2, i3]);
    ip.flags = (field & 1) as u8;
    ip.fragment_offset = u32::from(field & 0xfff8);
    ip.is_fragment = ip.fragment_offset != 0 || ip.flags != 0;
    ip.is_fragment
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum OptionsOf {
    HopByHop,
    Destination,
}

/// Checks the options of a hop-by-hop or destination header (RFC 8200 §4.2).
fn options(header: &[u8], of: OptionsOf, events: &mut EventSet) {
    const PAD1: u8 = 0;
    const PADN: u8 = 1;
    const ROUTER_ALERT: u8 = 5;
    const JUMBO: u8 = 0xc2;
    const HOME_ADDRESS: u8 = 0xc9;
    let mut rest = header.get(2..).unwrap_or_default();
    let (mut padding, mut others) = (false, false);
    loop {
        match *rest {
            [] => break,
            [PAD1, ref after @ ..] => {
                padding = true;
                rest = after;
                continue;
            }
            [_] => {
                events.insert(DecodeEvent::Ipv6ExthdrInvalidOptlen);
                break;
            }
            [kind, len, ref after @ ..] => {
                // The least length of each.
                let least = match kind {
                    ROUTER_ALERT => 2,
                    JUMBO => 4,
                    HOME_ADDRESS => 16,
                    _ => 0,
                };
                if usize::from(len) > after.len() || len < least {
                    events.insert(DecodeEvent::Ipv6ExthdrInvalidOptlen);
                    break;
                }
                match kind {
                    PADN => {
                        padding = true;
                        if len == 0 {
                            events.insert(DecodeEvent::Ipv6ZeroLenPadn);
                        }
                    }
                    // Neither padding nor worth a word.
                    JUMBO => {}
                    ROUTER_ALERT | HOME_ADDRESS => others = true,
                    _ => {
                        others = true;
                        events.insert(match of {
                            OptionsOf::HopByHop => DecodeEvent::Ipv6HopoptsUnknownOpt,
                            OptionsOf::Destination => DecodeEvent::Ipv6DstoptsUnknownOpt,
                        });
                    }
                }
                rest = after.get(usize::from(len)..).unwrap_or_default();
            }
        }
    }
    if padding && !others {
        events.insert(match of {
            OptionsOf::HopByHop => DecodeEvent::Ipv6HopoptsOnlyPadding,
            OptionsOf::Destination => DecodeEvent::Ipv6DstoptsOnlyPadding,
        });
    }
}
