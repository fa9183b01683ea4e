//! Bytes to packets.

use crate::packet::Packet;
use crate::time::Timestamp;

/// Link type of a frame (numbers of tcpdump.org/linktypes.html). Unknown ones stay representable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkType(pub u32);

/// A decoder event, under Suricata's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "skeleton")]
pub enum DecodeEvent {
    Ipv4PktTooSmall,
}

/// The set of decoder events of one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventSet([u64; 3]);

/// A frame as captured.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "skeleton")]
pub struct Frame<'a> {
    pub ts: Timestamp,
    pub number: u64,
    pub interface: u16,
    pub link: LinkType,
    pub data: &'a [u8],
    pub wire_len: u32,
}

/// Takes the packets of a frame, innermost first.
pub trait PacketSink {
    /// One packet.
    fn packet(&mut self, packet: &Packet<'_>);
}

impl DecodeEvent {
    /// Every event.
    pub const ALL: [Self; 1] = [Self::Ipv4PktTooSmall];
    /// Suricata's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ipv4PktTooSmall => "decoder.ipv4.pkt_too_small",
        }
    }
}
