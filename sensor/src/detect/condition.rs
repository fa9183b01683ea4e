//! Conditions on the packet at hand: its headers, as fields and as bytes, and its checksums.

use crate::decode::checksum;
use crate::packet::{Ip, IpProto, Packet, Transport};
use sekisho_signatures::buffers::Buffer;
use sekisho_signatures::model::{ChecksumOf, FlagsMode, FlagsTest, PacketCondition, RpcCall};

/// Length of the header of UDP, ICMP and ICMPv6.
const SHORT_HEADER: usize = 8;

fn flags_hold(test: &FlagsTest, bits: u8) -> bool {
    let bits = bits & !test.ignored;
    match test.mode {
        FlagsMode::Exact => bits == test.flags,
        FlagsMode::All => bits & test.flags == test.flags,
        FlagsMode::Any => bits & test.flags != 0,
        FlagsMode::Not => bits & test.flags != test.flags,
    }
}

/// Whether a header condition holds; false where the packet has no such header.
pub(super) fn holds(condition: &PacketCondition, packet: &Packet<'_>) -> bool {
    let tcp = packet.tcp();
    let ip = packet.ip.as_ref();
    let icmp = match &packet.transport {
        Transport::Icmp(h) | Transport::Icmpv6(h) => Some(h),
        _ => None,
    };
    match condition {
        PacketCondition::Dsize(t) => t.holds(packet.payload.len() as u64),
        PacketCondition::TcpFlags(t) => tcp.is_some_and(|h| flags_hold(t, h.flags.0)),
        PacketCondition::TcpSeq(n) => tcp.is_some_and(|h| h.seq == *n),
        PacketCondition::TcpAck(n) => tcp.is_some_and(|h| h.ack == *n),
        PacketCondition::TcpWindow(t) => tcp.is_some_and(|h| t.holds(h.window.into())),
        PacketCondition::TcpMss(t) => tcp.and_then(|h| h.mss).is_some_and(|mss| t.holds(mss.into())),
        PacketCondition::Ttl(t) => ip.is_some_and(|h| t.holds(h.ttl.into())),
        PacketCondition::Tos(t) => ip.is_some_and(|h| t.holds(h.tos.into())),
        PacketCondition::IpProto(t) => ip.is_some_and(|h| t.holds(h.proto.0.into())),
        PacketCondition::IpId(n) => ip.is_some_and(|h| h.version == 4 && h.id == u32::from(*n)),
        PacketCondition::IpOption(wanted) => ip.is_some_and(|h| h.version == 4 && has_option(h.header, *wanted)),
        PacketCondition::FragBits(t) => ip.is_some_and(|h| flags_hold(t, h.flags)),
        PacketCondition::FragOffset(t) => ip.is_some_and(|h| t.holds(u64::from(h.fragment_offset / 8))),
        PacketCondition::SameIp => ip.is_some_and(|h| h.src == h.dst),
        PacketCondition::IcmpType(t) => icmp.is_some_and(|h| t.holds(h.kind.into())),
        PacketCondition::IcmpCode(t) => icmp.is_some_and(|h| t.holds(h.code.into())),
        PacketCondition::IcmpId(n) => icmp.is_some_and(|h| h.id == Some(*n)),
        PacketCondition::IcmpSeq(n) => icmp.is_some_and(|h| h.seq == Some(*n)),
        PacketCondition::VlanId { layer: Some(layer), test } => {
            tags(packet).get(usize::from(*layer)).is_some_and(|id| test.holds((*id).into()))
        }
        PacketCondition::VlanId { layer: None, test } => tags(packet).iter().any(|id| test.holds((*id).into())),
        PacketCondition::VlanIdFromEnd { layer, test } => {
            let from_end = tags(packet).iter().nth_back(usize::from(*layer).wrapping_sub(1));
            from_end.is_some_and(|id| test.holds((*id).into()))
        }
        PacketCondition::VlanIdAll(test) => {
            !tags(packet).is_empty() && tags(packet).iter().all(|id| test.holds((*id).into()))
        }
        PacketCondition::VlanLayers(t) => t.holds(packet.vlans.count.into()),
        PacketCondition::TcpWindowScale(t) => {
            tcp.and_then(|h| h.window_scale).is_some_and(|scale| t.holds(scale.into()))
        }
        PacketCondition::Icmpv6Mtu(t) => mtu(packet).is_some_and(|mtu| t.holds(mtu.into())),
        PacketCondition::IgmpType(t) => {
            igmp(packet).and_then(<[u8]>::first).is_some_and(|kind| t.holds((*kind).into()))
        }
        PacketCondition::VxlanVni(t) => vni(packet).is_some_and(|vni| t.holds(vni.into())),
        PacketCondition::EtherType(wanted) => packet.ethertype == *wanted,
        PacketCondition::Ethernet => packet.ether.is_some() && ip.is_none(),
        PacketCondition::Rpc(call) => is_call(call, packet),
        PacketCondition::Checksum { of, right } => checksum_is_right(*of, packet).is_some_and(|is| is == *right),
        // Kept apart, as what they ask is not in the packet's headers.
        PacketCondition::DecodeEvent(_) | PacketCondition::StreamEvent(_) => false,
    }
}

/// Whether the packet begins with such a call: for TCP, behind the mark that tells the record's length (RFC 5531 §9, §11).
fn is_call(wanted: &RpcCall, packet: &Packet<'_>) -> bool {
    const MARK: usize = 4;
    const CALL: u32 = 0;
    const RPC_VERSION: u32 = 2;
    let behind = if packet.tcp().is_some() { MARK } else { 0 };
    let Some(header) = packet.payload.get(behind..).and_then(<[u8]>::first_chunk::<24>) else { return false };
    let (words, _) = header.as_chunks::<4>();
    let [_, kind, version, program, program_version, procedure] = words else { return false };
    let [kind, version, program, program_version, procedure] =
        [kind, version, program, program_version, procedure].map(|word| u32::from_be_bytes(*word));
    (kind, version, program) == (CALL, RPC_VERSION, wanted.program)
        && wanted.version.is_none_or(|n| n == program_version)
        && wanted.procedure.is_none_or(|n| n == procedure)
}

/// VLAN identifiers, outermost first.
fn tags<'a>(packet: &'a Packet<'_>) -> &'a [u16] {
    &packet.vlans.ids[..usize::from(packet.vlans.count).min(packet.vlans.ids.len())]
}

/// Whether an IPv4 header has an option (RFC 791 §3.1): this one, or any at all.
fn has_option(header: &[u8], wanted: Option<u8>) -> bool {
    let mut options = header.get(20..).unwrap_or(&[]);
    while let [kind, rest @ ..] = options {
        if wanted.is_none_or(|w| w == *kind) {
            return true;
        }
        options = match (kind, rest) {
            (0, _) => return false,
            (1, _) => rest,
            (_, [len, ..]) if *len >= 2 => options.get(usize::from(*len)..).unwrap_or(&[]),
            _ => return false,
        };
    }
    false
}

/// The MTU of a packet too big message (RFC 4443 §3.2).
fn mtu(packet: &Packet<'_>) -> Option<u32> {
    const PACKET_TOO_BIG: u8 = 2;
    let Transport::Icmpv6(header) = &packet.transport else { return None };
    let [_, _, _, _, mtu @ ..] = *packet.ip?.payload.first_chunk::<SHORT_HEADER>()?;
    (header.kind == PACKET_TOO_BIG).then(|| u32::from_be_bytes(mtu))
}

fn igmp<'a>(packet: &Packet<'a>) -> Option<&'a [u8]> {
    const IGMP: IpProto = IpProto(2);
    packet.ip.filter(|ip| ip.version == 4 && ip.proto == IGMP && !ip.is_fragment).map(|ip| ip.payload)
}

/// The network identifier of the VXLAN header (RFC 7348 §5) that a datagram begins with.
fn vni(packet: &Packet<'_>) -> Option<u32> {
    const HAS_VNI: u8 = 0x08;
    let [flags, _, _, _, v0, v1, v2, _] = *packet.payload.first_chunk::<8>()?;
    let carries = matches!(packet.transport, Transport::Udp) && flags & HAS_VNI != 0;
    carries.then(|| u32::from_be_bytes([0, v0, v1, v2]))
}

/// Whether a checksum is right; `None` where the packet has no such header. Where checksums are not verified, all are right.
fn checksum_is_right(of: ChecksumOf, packet: &Packet<'_>) -> Option<bool> {
    let ip = packet.ip.as_ref()?;
    let version = match of {
        ChecksumOf::Ipv4 | ChecksumOf::Tcpv4 | ChecksumOf::Udpv4 | ChecksumOf::Icmpv4 => 4,
        ChecksumOf::Tcpv6 | ChecksumOf::Udpv6 | ChecksumOf::Icmpv6 => 6,
    };
    let has = match of {
        ChecksumOf::Ipv4 => true,
        ChecksumOf::Tcpv4 | ChecksumOf::Tcpv6 => packet.tcp().is_some(),
        ChecksumOf::Udpv4 | ChecksumOf::Udpv6 => matches!(packet.transport, Transport::Udp),
        ChecksumOf::Icmpv4 => matches!(packet.transport, Transport::Icmp(_)),
        ChecksumOf::Icmpv6 => matches!(packet.transport, Transport::Icmpv6(_)),
    };
    if ip.version != version || !has {
        return None;
    }
    // The decoder has looked at all of them; which one is wrong is found out only here.
    Some(packet.checksum_ok || verify(of, packet, ip))
}

fn verify(of: ChecksumOf, packet: &Packet<'_>, ip: &Ip<'_>) -> bool {
    match of {
        // A reassembled datagram has a header of ours, with no checksum.
        ChecksumOf::Ipv4 => packet.reassembled || checksum::is_valid(ip.header),
        ChecksumOf::Tcpv4 | ChecksumOf::Tcpv6 | ChecksumOf::Icmpv6 => checksum::is_transport_valid(ip, ip.payload),
        ChecksumOf::Icmpv4 => checksum::is_valid(ip.payload),
        ChecksumOf::Udpv4 | ChecksumOf::Udpv6 => {
            let segment = ip.payload.get(..SHORT_HEADER + packet.payload.len()).unwrap_or_default();
            // None was computed.
            matches!(segment.get(6..8), Some([0, 0])) || checksum::is_transport_valid(ip, segment)
        }
    }
}

/// Length of an ICMP message's header: what its type says stands before the data (RFC 792, RFC 950, RFC 1256), as far as it
/// is there.
fn icmpv4_header(kind: u8, message: &[u8]) -> usize {
    const ROUTER_ADVERTISEMENT: u8 = 9;
    let len = match (kind, message) {
        (ROUTER_ADVERTISEMENT, [_, _, _, _, addresses, words, ..]) => {
            SHORT_HEADER + usize::from(*addresses) * usize::from(*words) * 4
        }
        // Timestamp and its reply, address mask and its reply.
        (13 | 14, _) => 20,
        (17 | 18, _) => 12,
        _ => SHORT_HEADER,
    };
    len.min(message.len())
}

/// A header of the packet, as bytes on the wire; `None` where it has no such header. Addresses are made in `address`.
pub(super) fn header<'a>(buffer: Buffer, packet: &Packet<'a>, address: &'a mut [u8; 16]) -> Option<&'a [u8]> {
    let ip = packet.ip.as_ref()?;
    let short = || ip.payload.get(..SHORT_HEADER);
    match (buffer, &packet.transport) {
        (Buffer::Ipv4Hdr, _) if ip.version == 4 => Some(ip.header),
        (Buffer::Ipv6Hdr, _) if ip.version == 6 => Some(ip.header),
        (Buffer::TcpHdr, Transport::Tcp(_)) => {
            let len = usize::from(ip.payload.get(12)? >> 4) * 4;
            ip.payload.get(..len)
        }
        (Buffer::Icmpv4Hdr, Transport::Icmp(header)) => ip.payload.get(..icmpv4_header(header.kind, ip.payload)),
        (Buffer::UdpHdr, Transport::Udp) | (Buffer::Icmpv6Hdr, Transport::Icmpv6(_)) => short(),
        (Buffer::IgmpHdr, _) => igmp(packet),
        (Buffer::IpSrc | Buffer::IpDst, _) => {
            let which = if buffer == Buffer::IpSrc { ip.src } else { ip.dst };
            *address = which.0.to_be_bytes();
            let from = if ip.version == 4 { address.len() - 4 } else { 0 };
            address.get(from..)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_icmp_header_is_as_long_as_its_type_says() {
        let advertisement = [9, 0, 0, 0, 2, 2, 0, 30];
        assert_eq!(icmpv4_header(9, &[&advertisement[..], &[0; 16]].concat()), 24);
        assert_eq!(icmpv4_header(9, &advertisement), 8);
        assert_eq!(icmpv4_header(9, &[9, 0, 0]), 3);
        assert_eq!(icmpv4_header(13, &[0; 40]), 20);
        assert_eq!(icmpv4_header(8, &[0; 40]), 8);
    }

    #[test]
    fn ip_options_are_found_and_broken_ones_end_the_search() {
        let with = |options: &[u8]| [&[0x46; 20][..], options].concat();
        assert!(has_option(&with(&[1, 7, 3, 0]), Some(7)) && has_option(&with(&[1, 7, 3, 0]), None));
        assert!(!has_option(&with(&[0, 7, 3, 0]), Some(7)));
        assert!(!has_option(&with(&[68, 0, 7, 3]), Some(7)) && !has_option(&with(&[68]), Some(7)));
    }
}
