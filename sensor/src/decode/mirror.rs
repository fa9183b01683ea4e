//! Mirrors that come in a tunnel (ERSPAN, GRE, VXLAN), and frames that were cut on their way.
//!
//! Where the configuration names a mirror's tunnel, the frame inside takes the place of the one that carried it: no flow is made of the outer
//! packet, no rule sees it, the inner packet is in no tunnel, and what became of the inner frame is what stands in the ledger. Frames that carry
//! no such tunnel are taken as they are. Sessions are not kept apart, since a mirror's two directions may be two of them; time is ours.
//!
//! A packet that says to be longer than what is there was either cut by the mirror or the capture, or its sender lies. Its receiver
//! throws a lie away, so what it holds may only be believed where it is known that it was cut: the capture file says so, or the ERSPAN header
//! (its T bit), or the operator, of a mirror that does ([`Truncated::Always`]). What is there is then inspected as packet and stream, the
//! missing bytes being a gap; protocols of datagrams are not parsed, and checksums not verified. All others are counted and left.

use super::tunnel::Inner;
use super::{DecodeEvent, Decoded, Decoder, EventSet, LinkType, PacketSink};
use crate::packet::{Packet, Transport};
use serde::Deserialize;

/// The tunnel in which a mirror comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MirrorKind {
    /// ERSPAN, types I to III (draft-foschiano-erspan).
    Erspan,
    /// Ethernet frames in GRE (EtherType 0x6558), as Open vSwitch and Linux send them.
    Gre,
    /// VXLAN (RFC 7348), on `vxlan_ports`.
    Vxlan,
}

/// Of which packets that are cut the rest is inspected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Truncated {
    /// Of none.
    Never,
    /// Of those that are known to be cut.
    #[default]
    Known,
    /// Of all that are shorter than their IP header says. In line, as `Known`.
    Always,
}

impl Decoder {
    /// Whether a tunnel of this kind in `outer` is the mirror's.
    pub(super) fn is_mirrors(&self, kind: MirrorKind, outer: &Packet<'_>) -> bool {
        self.config.mirror == Some(kind) && self.mirrored.is_none() && outer.tunnel_depth == 0
    }

    /// Decodes and delivers the frame that a mirror sent in `outer`; `cut` if its header says that it is not whole.
    pub(super) fn mirrored_frame<'a, S: PacketSink>(
        &mut self,
        outer: &Packet<'a>,
        inner: Inner,
        data: &'a [u8],
        cut: bool,
        sink: &mut S,
    ) {
        let frame = match inner {
            Inner::Mirrored { header, .. } => data.get(header..).unwrap_or_default(),
            _ => data,
        };
        if let Some(duplicates) = &mut self.duplicates
            && duplicates.repeats(outer.ts, LinkType::ETHERNET, frame)
        {
            self.mirrored = Some(Decoded::Duplicate);
            return;
        }
        let mut packet = Packet {
            data: frame,
            ether: None,
            ethertype: 0,
            vlans: inner.vlans(),
            tunnel_depth: 0,
            tunnel_id: 0,
            reassembled: false,
            ip: None,
            src_port: 0,
            dst_port: 0,
            transport: Transport::None,
            payload: &[],
            checksum_ok: true,
            events: EventSet::default(),
            ..*outer
        };
        // From here on tunnels are the traffic's own.
        self.mirrored = Some(Decoded::NonIp);
        self.cut |= cut;
        let layers = std::mem::take(&mut self.layers);
        let decoded = self.ethernet(&mut packet, frame, sink);
        self.layers = layers;
        self.deliver(&packet, sink);
        self.mirrored = Some(decoded);
    }

    /// What became of a frame on an interface that a mirror is sent to, the outer packet being `packet`.
    #[cold]
    pub(super) fn behind_mirror<S: PacketSink>(
        &mut self,
        packet: &Packet<'_>,
        decoded: Decoded,
        sink: &mut S,
    ) -> Decoded {
        if let Some(inner) = self.mirrored {
            return inner;
        }
        // Of a mirrored frame that comes in fragments the datagram is looked at, once it is whole.
        if decoded != Decoded::FragmentHeld {
            self.deliver(packet, sink);
        }
        decoded
    }

    /// A packet is shorter than it says: notes it, and tells whether what is there is to be inspected.
    #[cold]
    pub(super) fn is_cut(&mut self, packet: &mut Packet<'_>, event: DecodeEvent) -> bool {
        packet.events.insert(event);
        self.counters.cut = self.counters.cut.wrapping_add(1);
        match self.config.truncated {
            Truncated::Never => false,
            Truncated::Known => self.cut,
            Truncated::Always => true,
        }
    }

    /// What becomes of one that is not inspected.
    #[cold]
    pub(super) fn left_cut(packet: &Packet<'_>) -> Decoded {
        if packet.ip.is_some() { Decoded::Ip } else { Decoded::Truncated }
    }
}
