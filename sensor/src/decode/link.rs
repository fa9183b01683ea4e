//! Link types of capture files other than Ethernet: raw IP, loopback, Linux cooked, Cisco HDLC.

use super::ethernet::ethertype;
use super::{DecodeEvent, Decoded, Decoder, PacketSink};
use crate::packet::Packet;

/// Link type of a frame (numbers of tcpdump.org/linktypes.html). Unknown ones stay representable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkType(pub u32);

#[expect(missing_docs, reason = "the names are the registry's")]
impl LinkType {
    pub const NULL: Self = Self(0);
    pub const ETHERNET: Self = Self(1);
    pub const PPP: Self = Self(9);
    /// LINKTYPE_RAW as some systems wrote their DLT_RAW to files.
    pub const RAW_12: Self = Self(12);
    pub const RAW_14: Self = Self(14);
    pub const PPP_HDLC: Self = Self(50);
    pub const RAW: Self = Self(101);
    pub const C_HDLC: Self = Self(104);
    pub const LOOP: Self = Self(108);
    pub const LINUX_SLL: Self = Self(113);
    pub const IPV4: Self = Self(228);
    pub const IPV6: Self = Self(229);
    pub const LINUX_SLL2: Self = Self(276);
}

impl Decoder {
    /// What a frame's link type says that it starts with.
    #[inline]
    pub(super) fn link<'a, S: PacketSink>(
        &mut self,
        link: LinkType,
        packet: &mut Packet<'a>,
        data: &'a [u8],
        sink: &mut S,
    ) -> Decoded {
        if link == LinkType::ETHERNET {
            self.ethernet(packet, data, sink)
        } else {
            self.link_rare(link, packet, data, sink)
        }
    }

    #[inline(never)]
    fn link_rare<'a, S: PacketSink>(
        &mut self,
        link: LinkType,
        packet: &mut Packet<'a>,
        data: &'a [u8],
        sink: &mut S,
    ) -> Decoded {
        match link {
            LinkType::RAW | LinkType::RAW_12 | LinkType::RAW_14 => self.raw(packet, data, sink),
            LinkType::IPV4 => {
                self.counters.raw = self.counters.raw.wrapping_add(1);
                self.network(ethertype::IPV4, packet, data, sink)
            }
            LinkType::IPV6 => {
                self.counters.raw = self.counters.raw.wrapping_add(1);
                self.network(ethertype::IPV6, packet, data, sink)
            }
            LinkType::NULL | LinkType::LOOP => self.loopback(packet, data, sink),
            LinkType::PPP | LinkType::PPP_HDLC => self.ppp(packet, data, sink),
            LinkType::C_HDLC => self.chdlc(packet, data, sink),
            LinkType::LINUX_SLL => self.sll(packet, data, sink),
            LinkType::LINUX_SLL2 => self.sll2(packet, data, sink),
            _ => {
                self.counters.unknown_link_type = self.counters.unknown_link_type.wrapping_add(1);
                Decoded::NonIp
            }
        }
    }

    /// IP with nothing before it: the version tells which.
    pub(super) fn raw<'a, S: PacketSink>(&mut self, packet: &mut Packet<'a>, data: &'a [u8], sink: &mut S) -> Decoded {
        self.counters.raw = self.counters.raw.wrapping_add(1);
        match data.first().map(|b| b >> 4) {
            Some(4) => self.network(ethertype::IPV4, packet, data, sink),
            Some(6) => self.network(ethertype::IPV6, packet, data, sink),
            None => self.malformed(packet, DecodeEvent::Ipv4PktTooSmall),
            Some(_) => self.malformed(packet, DecodeEvent::IprawInvalidIpVersion),
        }
    }

    /// BSD loopback: the address family in the byte order of the capturing host, or for LOOP in network order.
    fn loopback<'a, S: PacketSink>(&mut self, packet: &mut Packet<'a>, data: &'a [u8], sink: &mut S) -> Decoded {
        const INET: u32 = 2;
        /// AF_INET6 of Linux, NetBSD and OpenBSD, FreeBSD, Darwin.
        const INET6: [u32; 4] = [10, 24, 28, 30];
        self.counters.null = self.counters.null.wrapping_add(1);
        let Some((header, rest)) = data.split_first_chunk::<4>() else {
            return self.malformed(packet, DecodeEvent::LtnullPktTooSmall);
        };
        // Families are small, so the order shows.
        let family = u32::from_le_bytes(*header).min(u32::from_be_bytes(*header));
        match family {
            INET => self.network(ethertype::IPV4, packet, rest, sink),
            family if INET6.contains(&family) => self.network(ethertype::IPV6, packet, rest, sink),
            _ => self.malformed(packet, DecodeEvent::LtnullUnsupportedType),
        }
    }

    /// Linux cooked capture, version 1 (LINKTYPE_LINUX_SLL): 16 bytes, the last two the protocol.
    fn sll<'a, S: PacketSink>(&mut self, packet: &mut Packet<'a>, data: &'a [u8], sink: &mut S) -> Decoded {
        const HEADER_LEN: usize = 16;
        self.counters.sll = self.counters.sll.wrapping_add(1);
        match data.split_first_chunk::<HEADER_LEN>() {
            Some((h, rest)) => self.network(u16::from_be_bytes([h[14], h[15]]), packet, rest, sink),
            None => self.malformed(packet, DecodeEvent::SllPktTooSmall),
        }
    }

    /// Linux cooked capture, version 2 (LINKTYPE_LINUX_SLL2): 20 bytes, the first two the protocol.
    fn sll2<'a, S: PacketSink>(&mut self, packet: &mut Packet<'a>, data: &'a [u8], sink: &mut S) -> Decoded {
        const HEADER_LEN: usize = 20;
        self.counters.sll2 = self.counters.sll2.wrapping_add(1);
        match data.split_first_chunk::<HEADER_LEN>() {
            Some((h, rest)) => self.network(u16::from_be_bytes([h[0], h[1]]), packet, rest, sink),
            None => self.malformed(packet, DecodeEvent::Sll2PktTooSmall),
        }
    }

    /// Cisco HDLC: address, control, EtherType.
    fn chdlc<'a, S: PacketSink>(&mut self, packet: &mut Packet<'a>, data: &'a [u8], sink: &mut S) -> Decoded {
        self.counters.chdlc = self.counters.chdlc.wrapping_add(1);
        match data.split_first_chunk::<4>() {
            Some(([_, _, t0, t1], rest)) => self.network(u16::from_be_bytes([*t0, *t1]), packet, rest, sink),
            None => self.malformed(packet, DecodeEvent::ChdlcPktTooSmall),
        }
    }
}
