//! Bytes to packets.
//!
//! One file per protocol. Each checks a length once, by splitting off a fixed-size header, and then reads fields that
//! cannot be out of bounds; lengths that come from the wire are only ever used through `get` and `split_at_checked`.
//! Whatever the bytes are, decoding ends, allocates nothing and does not panic.
//!
//! A frame gives one [`Packet`] per nesting: for a tunnel first the inner packet, then the outer one; for the last
//! fragment of a datagram first the whole datagram, then the fragment. Frames without IP give one packet too, so that
//! their events can be told.
//!
//! Tiers, by cost: Ethernet, VLAN, IP, TCP and UDP are inlined into one pass; tunnels and fragments leave it.

mod arp;
pub(crate) mod checksum;
mod config;
mod counters;
mod duplicates;
mod ethernet;
mod event;
mod gre;
mod icmpv4;
mod icmpv6;
mod ip;
mod ipv4;
mod ipv6;
mod link;
mod mirror;
mod mpls;
mod nsh;
mod ppp;
mod tcp;
#[cfg(test)]
mod tests;
mod tunnel;
mod udp;

pub use config::DecodeConfig;
pub use counters::DecodeCounters;
pub use duplicates::{DuplicatesConfig, DuplicatesMode};
pub use event::{DecodeEvent, EventSet};
pub use link::LinkType;
pub use mirror::{MirrorKind, Truncated};

use crate::defrag::{Defragmenter, Key};
use crate::ledger::{BypassReason, DropReason, Outcome};
use crate::packet::{Packet, Transport, Vlans};
use crate::time::Timestamp;
use duplicates::Duplicates;
use tunnel::TunnelPorts;

/// A frame as captured.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// When it was captured.
    pub ts: Timestamp,
    /// 1 for the first frame of the run.
    pub number: u64,
    /// Index of the capture interface in the configuration; 0 for files.
    pub interface: u16,
    /// What the bytes start with.
    pub link: LinkType,
    /// The bytes that were captured.
    pub data: &'a [u8],
    /// Bytes on the wire: more than `data` holds when the capture cut the frame.
    pub wire_len: u32,
}

/// Takes the packets of a frame, innermost first.
pub trait PacketSink {
    /// One packet.
    fn packet(&mut self, packet: &Packet<'_>);
}

impl<F: FnMut(&Packet<'_>)> PacketSink for F {
    #[inline]
    fn packet(&mut self, packet: &Packet<'_>) {
        self(packet);
    }
}

/// What became of a frame in the decoder: that of its outermost packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// An IP packet.
    Ip,
    /// Nothing wrong that we know of, but no IP: ARP, LLDP, an unknown EtherType or link type.
    NonIp,
    /// Too broken to give an IP packet; the events say how.
    Malformed,
    /// A TCP segment or a fragment whose checksum, or whose IP header's, is wrong (only when they are verified).
    Checksum,
    /// A fragment that waits for the others of its datagram, or comes after it was complete.
    FragmentHeld,
    /// A fragment that the defragmenter's limits refused.
    FragmentLimit,
    /// A mirror's second copy of a frame: not looked at.
    Duplicate,
    /// Shorter than its IP header says, and not known to have been cut.
    Truncated,
}

impl Decoded {
    /// The line of the ledger for a frame that nothing behind the decoder objects to.
    #[must_use]
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::Ip | Self::FragmentHeld => Outcome::Inspected,
            Self::NonIp => Outcome::Bypassed(BypassReason::NonIp),
            Self::Malformed => Outcome::Dropped(DropReason::Malformed),
            Self::Checksum => Outcome::Dropped(DropReason::Checksum),
            Self::FragmentLimit => Outcome::Dropped(DropReason::DefragLimit),
            Self::Duplicate => Outcome::Dropped(DropReason::Duplicate),
            Self::Truncated => Outcome::Dropped(DropReason::Truncated),
        }
    }
}

/// Decodes the frames of one worker, and holds the fragments among them.
#[derive(Debug)]
pub struct Decoder {
    config: DecodeConfig,
    tunnel_ports: TunnelPorts,
    /// Where a mirror's second copies are recognised.
    duplicates: Option<Duplicates>,
    /// What became of the frame that a mirror sent in this one.
    mirrored: Option<Decoded>,
    /// The frame is known to be cut.
    cut: bool,
    /// Headers so far within the packet that is being decoded.
    layers: u8,
    /// Packets by protocol, and what was odd.
    pub counters: DecodeCounters,
    /// How often each event was raised, in the order of [`DecodeEvent::ALL`].
    pub events: [u64; DecodeEvent::COUNT],
    /// Fragments that wait; its counters are `defrag.counters`.
    pub defrag: Defragmenter,
    /// The datagram of the last fragment, and whether that completed it, for whoever takes it.
    pub fragment: Option<(Key, bool)>,
}

/// Link-layer and IP headers inside one packet before it is given up: far above what any network stacks, and low
/// enough to bound the work and the stack that a hostile frame can cause.
const LAYER_LIMIT: u8 = 16;

impl Decoder {
    /// A decoder with empty tables.
    #[must_use]
    pub fn new(config: DecodeConfig) -> Self {
        Self {
            tunnel_ports: TunnelPorts::new(&config),
            defrag: Defragmenter::new(config.defrag),
            config,
            duplicates: None,
            mirrored: None,
            cut: false,
            layers: 0,
            fragment: None,
            counters: DecodeCounters::default(),
            events: [0; DecodeEvent::COUNT],
        }
    }

    /// From now on a mirror's second copies of frames are recognised, as `config` says. `seed` must be unguessable.
    pub fn recognise_duplicates(&mut self, config: &DuplicatesConfig, seed: u64) {
        self.duplicates = Duplicates::new(config, seed);
    }

    /// The configuration that it was made with.
    #[must_use]
    pub const fn config(&self) -> &DecodeConfig {
        &self.config
    }

    /// Hands the packets of `frame` to `sink`, innermost first, and tells what became of the frame.
    #[inline]
    pub fn decode<S: PacketSink>(&mut self, frame: &Frame<'_>, sink: &mut S) -> Decoded {
        self.counters.frames = self.counters.frames.wrapping_add(1);
        self.counters.bytes = self.counters.bytes.wrapping_add(frame.data.len() as u64);
        self.cut = (frame.data.len() as u64) < u64::from(frame.wire_len);
        if self.cut {
            self.counters.truncated = self.counters.truncated.wrapping_add(1);
        }
        // Of a mirror that comes in a tunnel every packet is another one; what is in them is looked at further on.
        if let Some(duplicates) = &mut self.duplicates
            && self.config.mirror.is_none()
            && duplicates.repeats(frame.ts, frame.link, frame.data)
        {
            return Decoded::Duplicate;
        }
        self.layers = 0;
        self.mirrored = None;
        let mut packet = Packet {
            ts: frame.ts,
            frame_number: frame.number,
            interface: frame.interface,
            data: frame.data,
            ether: None,
            ethertype: 0,
            vlans: Vlans::default(),
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
        };
        let decoded = self.link(frame.link, &mut packet, frame.data, sink);
        if self.config.mirror.is_some() {
            return self.behind_mirror(&packet, decoded, sink);
        }
        self.deliver(&packet, sink);
        decoded
    }

    /// Counts a packet's events and hands it over.
    #[inline]
    fn deliver<S: PacketSink>(&mut self, packet: &Packet<'_>, sink: &mut S) {
        if !packet.events.is_empty() {
            self.count_events(packet.events);
        }
        sink.packet(packet);
    }

    #[cold]
    fn count_events(&mut self, events: EventSet) {
        for event in events.iter() {
            if let Some(count) = self.events.get_mut(event.index()) {
                *count = count.wrapping_add(1);
            }
        }
        if events.any_invalid() {
            self.counters.invalid = self.counters.invalid.wrapping_add(1);
        }
    }

    /// Raises an event that ends the decoding of this packet.
    #[cold]
    fn malformed(&mut self, packet: &mut Packet<'_>, event: DecodeEvent) -> Decoded {
        packet.events.insert(event);
        if packet.ip.is_some() { Decoded::Ip } else { Decoded::Malformed }
    }

    /// Counts one more header within the packet; false when there are too many.
    #[inline]
    fn enter_layer(&mut self, packet: &mut Packet<'_>) -> bool {
        self.layers += 1;
        if self.layers > LAYER_LIMIT {
            packet.events.insert(DecodeEvent::TooManyLayers);
            return false;
        }
        true
    }
}
