//! IPv4 (RFC 791).

use super::{DecodeEvent, Decoded, Decoder, EventSet, PacketSink, checksum};
use crate::packet::{Addr, Ip, IpProto, Packet};

pub(super) const HEADER_LEN: usize = 20;

/// Fragment field: the top three bits are flags, the rest counts eight-byte units.
const MORE_FRAGMENTS: u8 = 0b001;

/// Reads the header of the packet at the start of `data`. The payload is cut to the total length field.
///
/// # Errors
/// The event that says what is wrong with the header.
#[inline(always)]
pub(super) fn parse(data: &[u8]) -> Result<Ip<'_>, DecodeEvent> {
    let Some((h, _)) = data.split_first_chunk::<HEADER_LEN>() else {
        return Err(DecodeEvent::Ipv4PktTooSmall);
    };
    if h[0] >> 4 != 4 {
        return Err(DecodeEvent::Ipv4WrongIpVersion);
    }
    let header_len = usize::from(h[0] & 0x0f) * 4;
    if header_len < HEADER_LEN {
        return Err(DecodeEvent::Ipv4HlenTooSmall);
    }
    let total_len = usize::from(u16::from_be_bytes([h[2], h[3]]));
    if total_len < header_len {
        return Err(DecodeEvent::Ipv4IplenSmallerThanHlen);
    }
    let Some((header, payload)) = data.get(..total_len).and_then(|d| d.split_at_checked(header_len)) else {
        return Err(DecodeEvent::Ipv4TruncPkt);
    };
    Ok(fields(h, header, payload))
}

/// The same of a packet that is cut behind its header: the payload is what there is.
fn parse_cut(data: &[u8]) -> Option<Ip<'_>> {
    let (h, _) = data.split_first_chunk::<HEADER_LEN>()?;
    let (header, payload) = data.split_at_checked(usize::from(h[0] & 0x0f) * 4)?;
    Some(fields(h, header, payload))
}

#[inline(always)]
fn fields<'a>(h: &[u8; HEADER_LEN], header: &'a [u8], payload: &'a [u8]) -> Ip<'a> {
    let flags = h[6] >> 5;
    let fragment_offset = u32::from(u16::from_be_bytes([h[6], h[7]]) & 0x1fff) * 8;
    Ip {
        version: 4,
        src: Addr::v4([h[12], h[13], h[14], h[15]]),
        dst: Addr::v4([h[16], h[17], h[18], h[19]]),
        proto: IpProto(h[9]),
        ttl: h[8],
        tos: h[1],
        id: u32::from(u16::from_be_bytes([h[4], h[5]])),
        flags,
        fragment_offset,
        is_fragment: fragment_offset != 0 || flags & MORE_FRAGMENTS != 0,
        header,
        payload,
    }
}

impl Decoder {
    /// An IPv4 packet and what it carries.
    #[inline]
    pub(super) fn ipv4<'a, S: PacketSink>(&mut self, packet: &mut Packet<'a>, data: &'a [u8], sink: &mut S) -> Decoded {
        self.counters.ipv4 = self.counters.ipv4.wrapping_add(1);
        if !self.enter_layer(packet) {
            return self.too_many_layers(packet);
        }
        let ip = match parse(data) {
            Ok(ip) => ip,
            Err(event @ DecodeEvent::Ipv4TruncPkt) => return self.ipv4_cut(packet, event, data, sink),
            Err(event) => return self.malformed(packet, event),
        };
        if ip.header.len() > HEADER_LEN {
            options(ip.header.get(HEADER_LEN..).unwrap_or_default(), &mut packet.events);
        }
        // A reassembled datagram has a header of ours, with no checksum.
        if self.config.verify_checksums && !packet.reassembled && !checksum::is_valid(ip.header) {
            packet.checksum_ok = false;
        }
        packet.ip = Some(ip);
        if ip.is_fragment { self.ipv4_fragment(packet, &ip, sink) } else { self.transport(packet, &ip, sink) }
    }

    #[cold]
    fn ipv4_cut<'a, S: PacketSink>(
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
        if self.config.verify_checksums && !checksum::is_valid(ip.header) {
            packet.checksum_ok = false;
        }
        if ip.is_fragment {
            packet.payload = ip.payload;
            return Decoded::Ip;
        }
        self.transport(packet, &ip, sink)
    }

    #[cold]
    fn ipv4_fragment<'a, S: PacketSink>(&mut self, packet: &mut Packet<'a>, ip: &Ip<'a>, sink: &mut S) -> Decoded {
        /// The longest header there is: 15 words.
        const HEADER_MAX: usize = 60;
        if !packet.checksum_ok {
            // A receiver would not put this one together.
            packet.payload = ip.payload;
            self.counters.bad_checksum = self.counters.bad_checksum.wrapping_add(1);
            return Decoded::Checksum;
        }
        let mut header = [0; HEADER_MAX];
        let len = ip.header.len().min(HEADER_MAX);
        header[..len].copy_from_slice(&ip.header[..len]);
        // No more fragments, offset 0; "don't fragment" and the reserved bit stay. No checksum.
        header[6] &= 0b1100_0000;
        header[7] = 0;
        header[10] = 0;
        header[11] = 0;
        self.fragment(packet, ip, &header[..len], sink)
    }
}

/// Checks the options (RFC 791 §3.1, RFC 1108, RFC 2113, RFC 6814).
#[cold]
fn options(mut rest: &[u8], events: &mut EventSet) {
    const END: u8 = 0;
    const NO_OPERATION: u8 = 1;
    let mut seen = [0u64; 4];
    loop {
        match *rest {
            [] => break,
            [END, ..] => return,
            [NO_OPERATION, ref after @ ..] => rest = after,
            [_] => {
                events.insert(DecodeEvent::Ipv4OptInvalidLen);
                return;
            }
            [kind, len, ..] => {
                let Some(option) = rest.get(..usize::from(len)).filter(|o| o.len() >= 2) else {
                    events.insert(DecodeEvent::Ipv4OptInvalidLen);
                    return;
                };
                if let Some(event) = check_option(option) {
                    events.insert(event);
                }
                let (word, bit) = (usize::from(kind >> 6), 1u64 << (kind & 63));
                if seen[word] & bit != 0 {
                    events.insert(DecodeEvent::Ipv4OptDuplicate);
                }
                seen[word] |= bit;
                rest = rest.get(usize::from(len)..).unwrap_or_default();
            }
        }
    }
}

/// What is wrong with one option, given with its type and length octets.
fn check_option(option: &[u8]) -> Option<DecodeEvent> {
    const RECORD_ROUTE: u8 = 7;
    const QUICK_START: u8 = 25;
    const TIMESTAMP: u8 = 68;
    const SECURITY: u8 = 130;
    const LOOSE_ROUTE: u8 = 131;
    const EXTENDED_SECURITY: u8 = 133;
    const COMMERCIAL_SECURITY: u8 = 134;
    const STREAM_ID: u8 = 136;
    const STRICT_ROUTE: u8 = 137;
    const ROUTER_ALERT: u8 = 148;
    const INVALID_LEN: Option<DecodeEvent> = Some(DecodeEvent::Ipv4OptInvalidLen);
    const MALFORMED: Option<DecodeEvent> = Some(DecodeEvent::Ipv4OptMalformed);

    let len = option.len();
    match *option {
        // A pointer that starts at 4, then whole addresses.
        [RECORD_ROUTE | LOOSE_ROUTE | STRICT_ROUTE, _, pointer, ..] => {
            if !(len - 3).is_multiple_of(4) {
                INVALID_LEN
            } else if pointer < 4 || usize::from(pointer) > len + 1 || pointer % 4 != 0 {
                MALFORMED
            } else {
                None
            }
        }
        [RECORD_ROUTE | LOOSE_ROUTE | STRICT_ROUTE, ..] => INVALID_LEN,
        // Overflow count and flag after the pointer; flag 1 and 3 have address and time in pairs.
        [TIMESTAMP, _, pointer, overflow_flag, ..] => {
            let entry = if overflow_flag & 0x0f == 0 { 4 } else { 8 };
            if !matches!(overflow_flag & 0x0f, 0 | 1 | 3) {
                MALFORMED
            } else if !(len - 4).is_multiple_of(entry) {
                INVALID_LEN
            } else if pointer < 5 || usize::from(pointer) > len + 1 || !usize::from(pointer - 5).is_multiple_of(entry) {
                MALFORMED
            } else {
                None
            }
        }
        [TIMESTAMP, ..] => INVALID_LEN,
        [QUICK_START, ..] if len != 8 => INVALID_LEN,
        [SECURITY, ..] if len != 11 => INVALID_LEN,
        [STREAM_ID | ROUTER_ALERT, ..] if len != 4 => INVALID_LEN,
        [EXTENDED_SECURITY, ..] if len < 3 => INVALID_LEN,
        // Domain of interpretation, then tags with a length each.
        [COMMERCIAL_SECURITY, _, _, _, _, _, ref tags @ ..] => check_cipso_tags(tags),
        [COMMERCIAL_SECURITY, ..] => INVALID_LEN,
        [QUICK_START | SECURITY | STREAM_ID | ROUTER_ALERT | EXTENDED_SECURITY, ..] => None,
        _ => Some(DecodeEvent::Ipv4OptUnknown),
    }
}

/// The tags of a commercial security option (draft-ietf-cipso-ipsecurity §3.4): type, length, value.
fn check_cipso_tags(mut tags: &[u8]) -> Option<DecodeEvent> {
    while !tags.is_empty() {
        match *tags {
            [1 | 2 | 5 | 6 | 7 | 128.., len, ..] if len >= 4 && usize::from(len) <= tags.len() => {
                tags = tags.get(usize::from(len)..).unwrap_or_default();
            }
            _ => return Some(DecodeEvent::Ipv4OptMalformed),
        }
    }
    None
}
