//! What decoding hands to everything behind it: one packet, its headers already read, its bytes still in the frame.
//!
//! A frame can hold several packets (a tunnel: the outer one and the one inside). Each is a [`Packet`] of its own.
//! A `Packet` borrows; nothing in it is allocated, and every slice in it was bounds-checked by the decoder.

use crate::decode::{DecodeEvent, EventSet};
use crate::time::Timestamp;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An IP address of either version in 16 bytes, so that keys and tables have one size.
/// IPv4 is stored as `::ffff:a.b.c.d`; the IP version stands in the packet and in the flow key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Addr(pub u128);

impl Addr {
    const V4_PREFIX: u128 = 0xffff_0000_0000;

    /// From the four bytes of an IPv4 header.
    #[must_use]
    pub const fn v4(octets: [u8; 4]) -> Self {
        Self(Self::V4_PREFIX | u32::from_be_bytes(octets) as u128)
    }

    /// From the sixteen bytes of an IPv6 header.
    #[must_use]
    pub const fn v6(octets: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(octets))
    }

    /// As the standard library's type; v4-mapped values become IPv4.
    #[must_use]
    pub fn to_ip(self) -> IpAddr {
        if self.0 >> 32 == Self::V4_PREFIX >> 32 {
            IpAddr::V4(Ipv4Addr::from(self.0 as u32))
        } else {
            IpAddr::V6(Ipv6Addr::from(self.0))
        }
    }
}

impl std::fmt::Debug for Addr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.to_ip().fmt(f)
    }
}

impl From<IpAddr> for Addr {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(a) => Self::v4(a.octets()),
            IpAddr::V6(a) => Self::v6(a.octets()),
        }
    }
}

/// IANA protocol number. Unknown values stay representable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct IpProto(pub u8);

#[expect(missing_docs, reason = "the names are IANA's")]
impl IpProto {
    pub const HOPOPT: Self = Self(0);
    pub const ICMP: Self = Self(1);
    pub const IGMP: Self = Self(2);
    pub const IPIP: Self = Self(4);
    pub const TCP: Self = Self(6);
    pub const UDP: Self = Self(17);
    pub const IPV6: Self = Self(41);
    pub const GRE: Self = Self(47);
    pub const ESP: Self = Self(50);
    pub const AH: Self = Self(51);
    pub const ICMPV6: Self = Self(58);
    pub const SCTP: Self = Self(132);
}

/// The IP header's fields that anything behind the decoder asks for. Absent for ARP and other non-IP packets.
#[derive(Clone, Copy, Debug)]
pub struct Ip<'a> {
    /// 4 or 6.
    pub version: u8,
    /// Source address.
    pub src: Addr,
    /// Destination address.
    pub dst: Addr,
    /// The transport's protocol number: for IPv6, after the extension headers.
    pub proto: IpProto,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// Type of service, or traffic class.
    pub tos: u8,
    /// IPv4 identification; of the fragment header for IPv6; else 0.
    pub id: u32,
    /// IPv4: bit 2 reserved, bit 1 don't fragment, bit 0 more fragments (the header's top three bits). IPv6: bit 0 only.
    pub flags: u8,
    /// Fragment offset in bytes; 0 when not a fragment.
    pub fragment_offset: u32,
    /// A fragment (offset or more-fragments set) that has not been put together.
    pub is_fragment: bool,
    /// The IP header with options or extension headers, as on the wire.
    pub header: &'a [u8],
    /// What the IP header carries: transport header and payload, cut to the header's length field.
    pub payload: &'a [u8],
}

/// TCP header (RFC 9293 §3.1).
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names are the RFC's")]
pub struct Tcp<'a> {
    pub seq: u32,
    pub ack: u32,
    /// The flags octet, CWR and ECE at the top, FIN at the bottom.
    pub flags: TcpFlags,
    /// Unscaled.
    pub window: u16,
    pub urgent: u16,
    /// The option bytes, as on the wire.
    pub options: &'a [u8],
    /// Parsed options; absent ones are `None`.
    pub mss: Option<u16>,
    pub window_scale: Option<u8>,
    pub sack_permitted: bool,
    /// (value, echo reply)
    pub timestamps: Option<(u32, u32)>,
}

/// The TCP flags octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct TcpFlags(pub u8);

#[expect(missing_docs, reason = "the names are the RFC's")]
impl TcpFlags {
    pub const FIN: u8 = 0x01;
    pub const SYN: u8 = 0x02;
    pub const RST: u8 = 0x04;
    pub const PSH: u8 = 0x08;
    pub const ACK: u8 = 0x10;
    pub const URG: u8 = 0x20;
    pub const ECE: u8 = 0x40;
    pub const CWR: u8 = 0x80;
    /// Whether any of `mask` is set.
    #[must_use]
    pub const fn any(self, mask: u8) -> bool {
        self.0 & mask != 0
    }
    /// Whether all of `mask` are set.
    #[must_use]
    pub const fn all(self, mask: u8) -> bool {
        self.0 & mask == mask
    }
}

/// ICMP or ICMPv6 header.
#[derive(Clone, Copy, Debug)]
pub struct Icmp {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// Identifier of echo and the like (bytes 4 and 5), else `None`.
    pub id: Option<u16>,
    /// Sequence number of echo and the like (bytes 6 and 7), else `None`.
    pub seq: Option<u16>,
    /// The flow that an error message quotes: its addresses, protocol and ports, as quoted.
    pub embedded: Option<Embedded>,
}

/// The packet quoted in an ICMP error.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "plain fields")]
pub struct Embedded {
    pub src: Addr,
    pub dst: Addr,
    pub src_port: u16,
    pub dst_port: u16,
    pub proto: IpProto,
}

/// The transport header.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names are the protocols'")]
pub enum Transport<'a> {
    Tcp(Tcp<'a>),
    Udp,
    Icmp(Icmp),
    Icmpv6(Icmp),
    Sctp,
    /// Another IP protocol, a fragment, a transport header that could not be read, or no IP at all.
    None,
}

/// VLAN tags, outermost first; at most three are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Vlans {
    /// How many of `ids` hold a tag.
    pub count: u8,
    /// VLAN identifiers, 12 bits each.
    pub ids: [u16; 3],
}

/// One decoded packet. Borrowed from the frame, or from a defragmentation buffer.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// When it was captured.
    pub ts: Timestamp,
    /// 1 for the first frame of the run, as in EVE's `pcap_cnt`; packets of one frame share it.
    pub frame_number: u64,
    /// Index of the capture interface in the configuration; 0 for files.
    pub interface: u16,
    /// The bytes of this packet from its own link header on: the frame, or for a tunnel's inner packet its IP or Ethernet header.
    pub data: &'a [u8],
    /// Source and destination MAC of the outermost Ethernet header.
    pub ether: Option<([u8; 6], [u8; 6])>,
    /// EtherType of the packet after VLAN tags (0x0800 IPv4, 0x0806 ARP …); 0 if unknown.
    pub ethertype: u16,
    /// Tags, outermost first.
    pub vlans: Vlans,
    /// 0 outside any tunnel, 1 inside one, and so on.
    pub tunnel_depth: u8,
    /// Separates flows of equal addresses in different tunnels: 0 outside, else a hash over the outer packet's
    /// addresses (symmetric) and tunnel keys (VNI, GRE key, ERSPAN session).
    pub tunnel_id: u32,
    /// Put together from fragments; `data` is then the whole datagram.
    pub reassembled: bool,
    /// IP header, if there is one.
    pub ip: Option<Ip<'a>>,
    /// Source port, 0 without ports.
    pub src_port: u16,
    /// Destination port, 0 without ports.
    pub dst_port: u16,
    /// Transport header.
    pub transport: Transport<'a>,
    /// Bytes after the transport header (TCP, UDP, ICMP after its 8-byte header, SCTP after its common header); for
    /// other IP protocols and fragments the IP payload; empty otherwise.
    pub payload: &'a [u8],
    /// False when the IP or transport checksum is wrong (only computed if asked; true otherwise).
    pub checksum_ok: bool,
    /// Decoder events that this packet raised.
    pub events: EventSet,
}

impl<'a> Packet<'a> {
    /// An empty packet the other way: for bytes of the opposite direction that are dealt with when this one comes.
    #[must_use]
    pub fn reversed(&self) -> Self {
        let ip = self.ip.map(|ip| Ip { src: ip.dst, dst: ip.src, payload: &[], ..ip });
        Self { ip, src_port: self.dst_port, dst_port: self.src_port, payload: &[], ..*self }
    }

    /// It says to be longer than what is there.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.events.contains(DecodeEvent::Ipv4TruncPkt) || self.events.contains(DecodeEvent::Ipv6TruncPkt)
    }

    /// The TCP header, if this is TCP.
    #[must_use]
    pub fn tcp(&self) -> Option<&Tcp<'a>> {
        match &self.transport {
            Transport::Tcp(tcp) => Some(tcp),
            _ => None,
        }
    }
}

/// Which way a packet goes within its flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Direction {
    /// From the flow's initiator (client) to its responder.
    ToServer = 0,
    /// From the responder to the initiator.
    ToClient = 1,
}

impl Direction {
    /// The other one.
    #[must_use]
    pub const fn reverse(self) -> Self {
        match self {
            Self::ToServer => Self::ToClient,
            Self::ToClient => Self::ToServer,
        }
    }
    /// 0 for to-server, 1 for to-client: for arrays with an entry per direction.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}
