//! Handmade frames, and what must become of them.

mod events;
pub(crate) mod frames;
mod mirror;
mod properties;
mod protocols;
mod tunnels;

use super::*;
use crate::packet::{Addr, Ip, IpProto, Tcp};

/// A packet that was delivered, out of its frame.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) ip: Option<(Addr, Addr, IpProto)>,
    pub(crate) ports: (u16, u16),
    pub(crate) depth: u8,
    pub(crate) tunnel_id: u32,
    pub(crate) vlans: Vec<u16>,
    pub(crate) ethertype: u16,
    pub(crate) is_fragment: bool,
    pub(crate) reassembled: bool,
    pub(crate) checksum_ok: bool,
    pub(crate) transport: &'static str,
    pub(crate) payload: Vec<u8>,
    pub(crate) data_len: usize,
    pub(crate) events: Vec<&'static str>,
}

fn transport_name(transport: &Transport<'_>) -> &'static str {
    match transport {
        Transport::Tcp(_) => "tcp",
        Transport::Udp => "udp",
        Transport::Icmp(_) => "icmp",
        Transport::Icmpv6(_) => "icmpv6",
        Transport::Sctp => "sctp",
        Transport::None => "none",
    }
}

impl Seen {
    fn of(p: &Packet<'_>) -> Self {
        Self {
            ip: p.ip.map(|ip| (ip.src, ip.dst, ip.proto)),
            ports: (p.src_port, p.dst_port),
            depth: p.tunnel_depth,
            tunnel_id: p.tunnel_id,
            vlans: p.vlans.ids[..usize::from(p.vlans.count)].to_vec(),
            ethertype: p.ethertype,
            is_fragment: p.ip.is_some_and(|ip| ip.is_fragment),
            reassembled: p.reassembled,
            checksum_ok: p.checksum_ok,
            transport: transport_name(&p.transport),
            payload: p.payload.to_vec(),
            data_len: p.data.len(),
            events: p.events.iter().map(DecodeEvent::keyword).collect(),
        }
    }
}

pub(crate) fn frame(link: LinkType, data: &[u8]) -> Frame<'_> {
    Frame { ts: Timestamp(1), number: 1, interface: 0, link, data, wire_len: data.len() as u32 }
}

/// Decodes a frame with `decoder`.
pub(crate) fn decode_with(decoder: &mut Decoder, link: LinkType, data: &[u8]) -> (Decoded, Vec<Seen>) {
    let mut seen = Vec::new();
    let decoded = decoder.decode(&frame(link, data), &mut |p: &Packet<'_>| seen.push(Seen::of(p)));
    (decoded, seen)
}

/// Decodes an Ethernet frame with a fresh decoder.
pub(crate) fn decode(data: &[u8]) -> (Decoded, Vec<Seen>) {
    decode_with(&mut Decoder::new(DecodeConfig::default()), LinkType::ETHERNET, data)
}

/// Decodes an Ethernet frame that gives one packet.
fn decode_one(data: &[u8]) -> (Decoded, Seen) {
    let (decoded, mut seen) = decode(data);
    assert_eq!(seen.len(), 1, "{seen:?}");
    (decoded, seen.remove(0))
}

/// Shows the one packet of an Ethernet frame to `look`.
fn with_packet(data: &[u8], mut look: impl FnMut(&Packet<'_>)) {
    let mut count = 0;
    Decoder::new(DecodeConfig::default()).decode(&frame(LinkType::ETHERNET, data), &mut |p: &Packet<'_>| {
        count += 1;
        look(p);
    });
    assert_eq!(count, 1);
}
