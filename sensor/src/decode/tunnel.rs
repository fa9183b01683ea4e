//! Packets inside packets: what all tunnels share, IP in IP, and those that run over UDP.

use super::config::TUNNEL_LIMIT_MAX;
use super::ethernet::ethertype;
use super::mirror::MirrorKind;
use super::{DecodeConfig, DecodeEvent, Decoder, EventSet, PacketSink};
use crate::packet::{Ip, IpProto, Packet, Transport, Vlans};

/// What a tunnel carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inner {
    /// What an EtherType names; Ethernet itself is 0x6558.
    EtherType(u16),
    /// PPP, from the protocol field or HDLC's bytes on.
    Ppp,
    /// An Ethernet frame that a switch saw on this VLAN, 0 if on none, behind so many bytes of a header of its own.
    Mirrored { vlan: u16, header: usize },
}

impl Inner {
    /// The tags that the tunnel itself tells of: those outside are the carrying network's own.
    pub(super) fn vlans(self) -> Vlans {
        let mut vlans = Vlans::default();
        if let (Self::Mirrored { vlan: vlan @ 1.., .. }, [first, ..]) = (self, &mut vlans.ids) {
            *first = vlan;
            vlans.count = 1;
        }
        vlans
    }
}

/// UDP ports that carry tunnels.
#[derive(Clone, Debug)]
pub(super) struct TunnelPorts {
    /// A bit for the low byte of each port, so that nearly every datagram is told apart by one look.
    filter: [u64; 4],
    vxlan: Box<[u16]>,
    geneve: Box<[u16]>,
    teredo: Box<[u16]>,
}

impl TunnelPorts {
    pub(super) fn new(config: &DecodeConfig) -> Self {
        let mut filter = [0; 4];
        for port in config.vxlan_ports.iter().chain(&config.geneve_ports).chain(&config.teredo_ports) {
            filter[usize::from((port & 0xff) >> 6)] |= 1 << (port & 63);
        }
        Self {
            filter,
            vxlan: config.vxlan_ports.as_slice().into(),
            geneve: config.geneve_ports.as_slice().into(),
            teredo: config.teredo_ports.as_slice().into(),
        }
    }

    #[inline]
    fn passes(&self, port: u16) -> bool {
        self.filter[usize::from((port & 0xff) >> 6)] & 1 << (port & 63) != 0
    }

    /// False for sure when neither is a tunnel's.
    #[inline]
    pub(super) fn may_be_tunnel(&self, src: u16, dst: u16) -> bool {
        self.passes(src) || self.passes(dst)
    }
}

impl Decoder {
    /// Decodes and delivers the packet inside `outer`. `key` tells tunnels between the same ends apart.
    #[inline(never)]
    pub(super) fn enter_tunnel<'a, S: PacketSink>(
        &mut self,
        outer: &mut Packet<'a>,
        tunnel_id: u32,
        inner: Inner,
        data: &'a [u8],
        sink: &mut S,
    ) {
        if outer.tunnel_depth >= self.config.tunnel_limit.min(TUNNEL_LIMIT_MAX) {
            outer.events.insert(DecodeEvent::TooManyLayers);
            self.counters.too_many_layers = self.counters.too_many_layers.wrapping_add(1);
            return;
        }
        let mut packet = Packet {
            data,
            ethertype: 0,
            tunnel_depth: outer.tunnel_depth + 1,
            tunnel_id,
            reassembled: false,
            ip: None,
            src_port: 0,
            dst_port: 0,
            transport: Transport::None,
            payload: &[],
            checksum_ok: true,
            events: EventSet::default(),
            vlans: inner.vlans(),
            ..*outer
        };
        let layers = std::mem::take(&mut self.layers);
        match inner {
            Inner::EtherType(ethertype) => self.network(ethertype, &mut packet, data, sink),
            Inner::Mirrored { header, .. } => {
                let frame = data.get(header..).unwrap_or_default();
                self.network(ethertype::TRANSPARENT_BRIDGING, &mut packet, frame, sink)
            }
            Inner::Ppp => self.ppp(&mut packet, data, sink),
        };
        self.layers = layers;
        self.deliver(&packet, sink);
    }

    /// IPv4 or IPv6 in either (RFC 2003, RFC 4213, RFC 2473).
    pub(super) fn ip_in_ip<'a, S: PacketSink>(&mut self, packet: &mut Packet<'a>, ip: &Ip<'a>, sink: &mut S) {
        let is_v4 = ip.proto == IpProto::IPIP;
        let (least, version) = if is_v4 { (super::ipv4::HEADER_LEN, 4) } else { (super::ipv6::HEADER_LEN, 6) };
        if ip.version == 6 {
            if ip.payload.len() < least {
                packet.events.insert(if is_v4 {
                    DecodeEvent::Ipv6Ipv4InIpv6TooSmall
                } else {
                    DecodeEvent::Ipv6Ipv6InIpv6TooSmall
                });
                return;
            }
            if ip.payload.first().is_some_and(|b| b >> 4 != version) {
                packet.events.insert(if is_v4 {
                    DecodeEvent::Ipv6Ipv4InIpv6WrongVersion
                } else {
                    DecodeEvent::Ipv6Ipv6InIpv6WrongVersion
                });
                return;
            }
        }
        let counter = match (version, ip.version) {
            (4, 4) => &mut self.counters.ipv4_in_ipv4,
            (4, _) => &mut self.counters.ipv4_in_ipv6,
            (_, 4) => &mut self.counters.ipv6_in_ipv4,
            (_, _) => &mut self.counters.ipv6_in_ipv6,
        };
        *counter = counter.wrapping_add(1);
        let inner = Inner::EtherType(if is_v4 { ethertype::IPV4 } else { ethertype::IPV6 });
        self.enter_tunnel(packet, id(packet, ip, u64::from(ip.proto.0)), inner, ip.payload, sink);
    }

    /// A UDP datagram whose ports may be a tunnel's; its payload decides.
    #[inline(never)]
    pub(super) fn udp_tunnel<'a, S: PacketSink>(&mut self, packet: &mut Packet<'a>, ip: &Ip<'a>, sink: &mut S) {
        let (src, dst) = (packet.src_port, packet.dst_port);
        let (ports, data) = (&self.tunnel_ports, packet.payload);
        if ports.vxlan.contains(&dst) {
            self.vxlan(packet, ip, data, sink);
        } else if ports.geneve.contains(&dst) || ports.geneve.contains(&src) {
            self.geneve(packet, ip, data, sink);
        } else if ports.teredo.contains(&dst) || ports.teredo.contains(&src) {
            self.teredo(packet, data, sink);
        }
    }

    /// VXLAN (RFC 7348 §5): flags, network identifier, Ethernet.
    fn vxlan<'a, S: PacketSink>(&mut self, packet: &mut Packet<'a>, ip: &Ip<'a>, data: &'a [u8], sink: &mut S) {
        /// The identifier is valid. All other flags are reserved, or belong to extensions that do not change the payload.
        const HAS_VNI: u8 = 0x08;
        let Some(([flags, _, _, _, v0, v1, v2, _], frame)) = data.split_first_chunk::<8>() else {
            return;
        };
        if flags & HAS_VNI == 0 {
            return;
        }
        self.counters.vxlan = self.counters.vxlan.wrapping_add(1);
        if !names_known_payload(frame) {
            packet.events.insert(DecodeEvent::VxlanUnknownPayloadType);
            return;
        }
        let key = u64::from(u32::from_be_bytes([0, *v0, *v1, *v2]));
        let inner = Inner::EtherType(ethertype::TRANSPARENT_BRIDGING);
        if self.is_mirrors(MirrorKind::Vxlan, packet) {
            return self.mirrored_frame(packet, inner, frame, false, sink);
        }
        self.enter_tunnel(packet, id(packet, ip, key | 1 << 32), inner, frame, sink);
    }

    /// GENEVE (RFC 8926 §3.4): version, length of the options, protocol, network identifier.
    fn geneve<'a, S: PacketSink>(&mut self, packet: &mut Packet<'a>, ip: &Ip<'a>, data: &'a [u8], sink: &mut S) {
        let Some(([first, _, t0, t1, v0, v1, v2, reserved], rest)) = data.split_first_chunk::<8>() else {
            return;
        };
        if first >> 6 != 0 || *reserved != 0 {
            return;
        }
        // In words.
        let Some(inner) = rest.get(usize::from(first & 0x3f) * 4..) else {
            return;
        };
        self.counters.geneve = self.counters.geneve.wrapping_add(1);
        let kind = u16::from_be_bytes([*t0, *t1]);
        if !matches!(kind, ethertype::TRANSPARENT_BRIDGING | ethertype::IPV4 | ethertype::IPV6 | ethertype::ARP) {
            packet.events.insert(DecodeEvent::GeneveUnknownPayloadType);
            return;
        }
        let key = u64::from(u32::from_be_bytes([0, *v0, *v1, *v2]));
        self.enter_tunnel(packet, id(packet, ip, key | 2 << 32), Inner::EtherType(kind), inner, sink);
    }

    /// Teredo (RFC 4380 §5.1.1): IPv6, perhaps with authentication and origin indications before it.
    /// Nothing marks the packet as Teredo but that all of it fits, so nothing else is an error.
    fn teredo<'a, S: PacketSink>(&mut self, packet: &mut Packet<'a>, mut data: &'a [u8], sink: &mut S) {
        /// Indicator, lengths of the client identifier and of the authentication value, which follow; then nonce and confirmation byte.
        const AUTHENTICATION_LEN: usize = 4 + 8 + 1;
        const ORIGIN_LEN: usize = 8;
        if let [0, 1, id_len, auth_len, ..] = *data {
            let len = AUTHENTICATION_LEN + usize::from(id_len) + usize::from(auth_len);
            data = data.get(len..).unwrap_or_default();
        }
        if let [0, 0, ..] = *data {
            data = data.get(ORIGIN_LEN..).unwrap_or_default();
        }
        // Next headers that occur: ICMPv6, UDP, TCP, none (bubbles), and the extension headers.
        let plausible = match super::ipv6::parse(data) {
            Ok(inner) => {
                inner.payload.len() + super::ipv6::HEADER_LEN == data.len()
                    && matches!(inner.proto.0, 0 | 6 | 17 | 43 | 44 | 50 | 51 | 58 | 59 | 60 | 132 | 135)
            }
            Err(_) => false,
        };
        if plausible {
            self.counters.teredo = self.counters.teredo.wrapping_add(1);
            // The inner addresses are unique, and a peer's answers may come from another relay.
            let tunnel_id = mix(packet.tunnel_id, 3 << 32);
            self.enter_tunnel(packet, tunnel_id, Inner::EtherType(ethertype::IPV6), data, sink);
        }
    }
}

/// Whether a frame's EtherType is one that a virtual network carries.
fn names_known_payload(frame: &[u8]) -> bool {
    let kind = match frame.split_first_chunk::<14>() {
        Some((h, _)) => u16::from_be_bytes([h[12], h[13]]),
        // The Ethernet decoder says that it is too short.
        None => return true,
    };
    matches!(
        kind,
        ethertype::IPV4
            | ethertype::IPV6
            | ethertype::ARP
            | ethertype::VLAN
            | ethertype::QINQ
            | ethertype::QINQ_OLD
            | ethertype::IEEE8021AH
            | ethertype::MPLS
            | ethertype::PPPOE_SESSION
    )
}

/// Identifies a tunnel: the same for both directions, different by ends and `key`, chained through nested tunnels.
/// Never 0, which stands for "no tunnel".
pub(super) fn id(outer: &Packet<'_>, ip: &Ip<'_>, key: u64) -> u32 {
    let ends = ip.src.0.wrapping_add(ip.dst.0) ^ (ip.src.0 ^ ip.dst.0).rotate_left(43);
    mix(outer.tunnel_id, key ^ (ends as u64) ^ ((ends >> 64) as u64).rotate_left(17))
}

fn mix(parent: u32, value: u64) -> u32 {
    // Finaliser of SplitMix64.
    let mut x = value ^ u64::from(parent).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) as u32).max(1)
}
