//! Ethernet II and what its type field names: VLAN tags (802.1Q, 802.1ad), and the protocols above.

use super::{DecodeEvent, Decoded, Decoder, PacketSink};
use crate::packet::Packet;

/// EtherTypes (IANA, IEEE 802 Numbers).
pub(super) mod ethertype {
    pub const IPV4: u16 = 0x0800;
    pub const ARP: u16 = 0x0806;
    pub const TRANSPARENT_BRIDGING: u16 = 0x6558;
    pub const VLAN: u16 = 0x8100;
    pub const IPV6: u16 = 0x86dd;
    pub const PPP: u16 = 0x880b;
    pub const MPLS: u16 = 0x8847;
    pub const MPLS_MULTICAST: u16 = 0x8848;
    pub const PPPOE_DISCOVERY: u16 = 0x8863;
    pub const PPPOE_SESSION: u16 = 0x8864;
    pub const QINQ: u16 = 0x88a8;
    pub const ERSPAN: u16 = 0x88be;
    pub const ERSPAN_III: u16 = 0x22eb;
    pub const IEEE8021AH: u16 = 0x88e7;
    pub const DCE: u16 = 0x8903;
    pub const VNTAG: u16 = 0x8926;
    pub const NSH: u16 = 0x894f;
    pub const QINQ_OLD: u16 = 0x9100;
}

const HEADER_LEN: usize = 14;
const VLAN_TAG_LEN: usize = 4;

/// VLAN tags that a packet may have.
const VLAN_LIMIT: u8 = 3;

impl Decoder {
    /// An Ethernet header and what follows.
    #[inline]
    pub(super) fn ethernet<'a, S: PacketSink>(
        &mut self,
        packet: &mut Packet<'a>,
        data: &'a [u8],
        sink: &mut S,
    ) -> Decoded {
        self.counters.ethernet = self.counters.ethernet.wrapping_add(1);
        if !self.enter_layer(packet) {
            return self.too_many_layers(packet);
        }
        let Some((header, rest)) = data.split_first_chunk::<HEADER_LEN>() else {
            return self.malformed(packet, DecodeEvent::EthernetPktTooSmall);
        };
        let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1] = *header;
        if packet.ether.is_none() {
            packet.ether = Some(([s0, s1, s2, s3, s4, s5], [d0, d1, d2, d3, d4, d5]));
        }
        self.network(u16::from_be_bytes([t0, t1]), packet, rest, sink)
    }

    /// What an EtherType names.
    #[inline]
    pub(super) fn network<'a, S: PacketSink>(
        &mut self,
        ethertype: u16,
        packet: &mut Packet<'a>,
        data: &'a [u8],
        sink: &mut S,
    ) -> Decoded {
        packet.ethertype = ethertype;
        match ethertype {
            ethertype::IPV4 => self.ipv4(packet, data, sink),
            ethertype::IPV6 => self.ipv6(packet, data, sink),
            ethertype::VLAN | ethertype::QINQ | ethertype::QINQ_OLD => self.vlan(packet, data, sink),
            _ => self.network_rare(ethertype, packet, data, sink),
        }
    }

    #[inline(never)]
    fn network_rare<'a, S: PacketSink>(
        &mut self,
        ethertype: u16,
        packet: &mut Packet<'a>,
        data: &'a [u8],
        sink: &mut S,
    ) -> Decoded {
        match ethertype {
            ethertype::ARP => self.arp(packet, data),
            ethertype::MPLS | ethertype::MPLS_MULTICAST => self.mpls(packet, data, sink),
            ethertype::PPPOE_SESSION => self.pppoe_session(packet, data, sink),
            ethertype::PPPOE_DISCOVERY => self.pppoe_discovery(packet, data),
            ethertype::PPP => self.ppp_protocol(packet, data, sink),
            ethertype::TRANSPARENT_BRIDGING => self.ethernet(packet, data, sink),
            ethertype::IEEE8021AH => self.backbone_bridge(packet, data, sink),
            ethertype::VNTAG => self.vntag(packet, data, sink),
            ethertype::NSH => self.nsh(packet, data, sink),
            ethertype::DCE => self.dce(packet, data, sink),
            _ => {
                self.counters.unknown_ethertype = self.counters.unknown_ethertype.wrapping_add(1);
                packet.events.insert(if packet.vlans.count > 0 {
                    DecodeEvent::VlanUnknownType
                } else {
                    DecodeEvent::EthernetUnknownEthertype
                });
                Decoded::NonIp
            }
        }
    }

    /// A VLAN tag (IEEE 802.1Q §9): priority and identifier, then the next type.
    fn vlan<'a, S: PacketSink>(&mut self, packet: &mut Packet<'a>, data: &'a [u8], sink: &mut S) -> Decoded {
        let Some((tag, rest)) = data.split_first_chunk::<VLAN_TAG_LEN>() else {
            return self.malformed(packet, DecodeEvent::VlanHeaderTooSmall);
        };
        if packet.vlans.count >= VLAN_LIMIT {
            return self.malformed(packet, DecodeEvent::VlanTooManyLayers);
        }
        let counter = match packet.vlans.count {
            0 => &mut self.counters.vlan,
            1 => &mut self.counters.vlan_qinq,
            _ => &mut self.counters.vlan_qinqinq,
        };
        *counter = counter.wrapping_add(1);
        if let Some(id) = packet.vlans.ids.get_mut(usize::from(packet.vlans.count)) {
            *id = u16::from_be_bytes([tag[0], tag[1]]) & 0x0fff;
        }
        packet.vlans.count += 1;
        if !self.enter_layer(packet) {
            return self.too_many_layers(packet);
        }
        self.network(u16::from_be_bytes([tag[2], tag[3]]), packet, rest, sink)
    }

    /// Provider backbone bridging (IEEE 802.1ah): a 16-byte header of I-TAG and customer addresses, then the customer's type.
    fn backbone_bridge<'a, S: PacketSink>(&mut self, packet: &mut Packet<'a>, data: &'a [u8], sink: &mut S) -> Decoded {
        /// I-TAG TCI (4) before the customer's Ethernet header.
        const TAG_LEN: usize = 4;
        self.counters.ieee8021ah = self.counters.ieee8021ah.wrapping_add(1);
        match data.split_first_chunk::<TAG_LEN>() {
            Some((_, customer)) if customer.len() >= HEADER_LEN => self.ethernet(packet, customer, sink),
            _ => self.malformed(packet, DecodeEvent::Ieee8021ahHeaderTooSmall),
        }
    }

    /// VN-Tag: four bytes of virtual interface identifiers, then the next type.
    fn vntag<'a, S: PacketSink>(&mut self, packet: &mut Packet<'a>, data: &'a [u8], sink: &mut S) -> Decoded {
        const LEN: usize = 6;
        self.counters.vntag = self.counters.vntag.wrapping_add(1);
        if !self.enter_layer(packet) {
            return self.too_many_layers(packet);
        }
        match data.split_first_chunk::<LEN>() {
            Some(([_, _, _, _, t0, t1], rest)) => self.network(u16::from_be_bytes([*t0, *t1]), packet, rest, sink),
            None => self.malformed(packet, DecodeEvent::VntagHeaderTooSmall),
        }
    }

    /// Cisco FabricPath ("data centre Ethernet"): a 16-byte outer header whose type is 0x8903, of which 2 bytes follow the
    /// type; then a whole Ethernet frame.
    fn dce<'a, S: PacketSink>(&mut self, packet: &mut Packet<'a>, data: &'a [u8], sink: &mut S) -> Decoded {
        match data.split_first_chunk::<2>() {
            Some((_, rest)) if rest.len() >= HEADER_LEN => self.ethernet(packet, rest, sink),
            _ => self.malformed(packet, DecodeEvent::DcePktTooSmall),
        }
    }

    /// Gives a packet up because of too many headers; the event was raised already.
    #[cold]
    pub(super) fn too_many_layers(&mut self, packet: &Packet<'_>) -> Decoded {
        self.counters.too_many_layers = self.counters.too_many_layers.wrapping_add(1);
        if packet.ip.is_some() { Decoded::Ip } else { Decoded::Malformed }
    }
}
