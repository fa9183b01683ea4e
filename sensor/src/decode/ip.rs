//! What IPv4 and IPv6 share: the step from the IP header to the transport, and fragments.

use super::duplicates::Duplicates;
use super::{DecodeEvent, Decoded, Decoder, PacketSink, checksum};
use crate::defrag::{Fragment, Inserted, Key};
use crate::packet::{Ip, IpProto, Packet, Transport, Vlans};

impl Decoder {
    /// Decodes what the IP header of `packet` carries.
    #[inline]
    pub(super) fn transport<'a, S: PacketSink>(
        &mut self,
        packet: &mut Packet<'a>,
        ip: &Ip<'a>,
        sink: &mut S,
    ) -> Decoded {
        packet.payload = ip.payload;
        match ip.proto {
            IpProto::TCP => self.tcp(packet, ip),
            IpProto::UDP => self.udp(packet, ip, sink),
            _ => self.transport_rare(packet, ip, sink),
        }
        if packet.checksum_ok { Decoded::Ip } else { self.bad_checksum(packet) }
    }

    /// Datagrams are looked at all the same, since there are no others that could take their place; no stream takes a segment.
    #[cold]
    fn bad_checksum(&mut self, packet: &Packet<'_>) -> Decoded {
        self.counters.bad_checksum = self.counters.bad_checksum.wrapping_add(1);
        if packet.tcp().is_some() { Decoded::Checksum } else { Decoded::Ip }
    }

    #[inline(never)]
    fn transport_rare<'a, S: PacketSink>(&mut self, packet: &mut Packet<'a>, ip: &Ip<'a>, sink: &mut S) {
        match (ip.proto, ip.version) {
            (IpProto::ICMP, 4) => self.icmpv4(packet, ip),
            (IpProto::ICMPV6, 6) => self.icmpv6(packet, ip),
            (IpProto::ICMP, _) => packet.events.insert(DecodeEvent::Ipv6Icmpv4),
            (IpProto::ICMPV6, _) => packet.events.insert(DecodeEvent::Ipv4Icmpv6),
            (IpProto::SCTP, _) => self.sctp(packet, ip),
            (IpProto::GRE, _) => self.gre(packet, ip, sink),
            (IpProto::IPIP | IpProto::IPV6, _) => self.ip_in_ip(packet, ip, sink),
            (IpProto::ESP, _) => self.esp(packet, ip),
            (_, 6) => packet.events.insert(DecodeEvent::Ipv6UnknownNextHeader),
            _ => {}
        }
    }

    /// SCTP's common header (RFC 9260 §3.1): ports, verification tag, checksum. The checksum is a CRC32c and not verified.
    fn sctp<'a>(&mut self, packet: &mut Packet<'a>, ip: &Ip<'a>) {
        const HEADER_LEN: usize = 12;
        self.counters.sctp = self.counters.sctp.wrapping_add(1);
        let Some((header, rest)) = ip.payload.split_first_chunk::<HEADER_LEN>() else {
            packet.events.insert(DecodeEvent::SctpPktTooSmall);
            return;
        };
        packet.src_port = u16::from_be_bytes([header[0], header[1]]);
        packet.dst_port = u16::from_be_bytes([header[2], header[3]]);
        packet.transport = Transport::Sctp;
        packet.payload = rest;
    }

    /// ESP's index and sequence number (RFC 4303 §2); the rest is encrypted and stays the payload.
    fn esp(&mut self, packet: &mut Packet<'_>, ip: &Ip<'_>) {
        const HEADER_LEN: usize = 8;
        self.counters.esp = self.counters.esp.wrapping_add(1);
        if ip.payload.len() < HEADER_LEN {
            packet.events.insert(DecodeEvent::EspPktTooSmall);
        }
    }

    /// Verifies a transport checksum under the pseudo header, if the configuration asks for it.
    #[inline]
    pub(super) fn verify_transport<'a>(&self, packet: &mut Packet<'a>, ip: &Ip<'a>, segment: &[u8]) {
        if self.config.verify_checksums && !checksum::is_transport_valid(ip, segment) && !packet.is_truncated() {
            packet.checksum_ok = false;
        }
    }

    /// Gives a fragment to the defragmenter; if it completes a datagram, decodes and delivers that.
    /// `header` goes before the datagram: the IP header without its fragment fields.
    #[inline(never)]
    pub(super) fn fragment<'a, S: PacketSink>(
        &mut self,
        packet: &mut Packet<'a>,
        ip: &Ip<'a>,
        header: &[u8],
        sink: &mut S,
    ) -> Decoded {
        packet.payload = ip.payload;
        let key = Key {
            version: ip.version,
            // IPv6 fragments of one datagram may differ in their next header (RFC 8200 §4.5).
            proto: if ip.version == 4 { ip.proto.0 } else { 0 },
            src: ip.src,
            dst: ip.dst,
            id: ip.id,
            vlans: if self.duplicates.as_ref().is_some_and(Duplicates::spans_vlans) {
                Vlans::default()
            } else {
                packet.vlans
            },
            tunnel_id: packet.tunnel_id,
        };
        let (inserted, events) = self.defrag.insert(&Fragment {
            key,
            ts: packet.ts,
            offset: ip.fragment_offset,
            more: ip.flags & 1 != 0,
            header,
            data: ip.payload,
        });
        for event in events.iter() {
            packet.events.insert(event);
        }
        self.fragment = Some((key, matches!(inserted, Inserted::Complete(_))));
        match inserted {
            Inserted::Held => Decoded::FragmentHeld,
            Inserted::Refused => Decoded::FragmentLimit,
            Inserted::Complete(datagram) => {
                let bytes = datagram.bytes();
                let mut whole = Packet {
                    data: bytes,
                    reassembled: true,
                    ip: None,
                    src_port: 0,
                    dst_port: 0,
                    transport: Transport::None,
                    payload: &[],
                    checksum_ok: true,
                    events: super::EventSet::default(),
                    ..*packet
                };
                let layers = self.layers;
                let unwrapped = self.mirrored.is_some();
                let decoded = match ip.version {
                    4 => self.ipv4(&mut whole, bytes, sink),
                    _ => self.ipv6(&mut whole, bytes, sink),
                };
                self.layers = layers;
                // What carried a mirror's frame is not looked at.
                if unwrapped || self.mirrored.is_none() {
                    self.deliver(&whole, sink);
                }
                self.defrag.recycle(datagram);
                decoded
            }
        }
    }
}
