//! The plain data of what the XDP program decides by itself, before the redirect: flows that need no more inspection, block
//! lists, and load that is shed. No `std`, no dependencies: both sides include this very file.
//!
//! A flow's key is made by the same code on both sides, so that they cannot differ in what a flow is.

/// One end of a flow: its address as two words of a big-endian number (IPv4 as `::ffff:a.b.c.d`), and its port.
pub type End = ([u64; 2], u16);

/// Where the lower 32 bits of an IPv4 address stand in an [`End`].
pub const V4_PREFIX: u64 = 0xffff_0000_0000;

/// TCP and UDP, the protocols whose flows can be known here.
pub const PROTO_TCP: u8 = 6;
/// See [`PROTO_TCP`].
pub const PROTO_UDP: u8 = 17;

/// A flow, the same for both directions: both ends in order, the outer two VLAN identifiers, protocol and IP version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct FlowKey(pub [u64; 5]);

impl FlowKey {
    /// The key of a packet from `source` to `destination`, and whether it goes from the higher end to the lower one.
    /// `vlans` are the outer and the inner identifier, 0 where there is no tag.
    #[inline(always)]
    #[must_use]
    pub fn of(source: End, destination: End, vlans: [u16; 2], proto: u8, version: u8) -> (Self, bool) {
        let (s, d) = (source.0, destination.0);
        let from_high = if s[0] != d[0] {
            s[0] > d[0]
        } else if s[1] != d[1] {
            s[1] > d[1]
        } else {
            source.1 > destination.1
        };
        let (low, high) = if from_high { (destination, source) } else { (source, destination) };
        let rest = (low.1 as u64)
            | (high.1 as u64) << 16
            | ((vlans[0] & 0xfff) as u64) << 32
            | ((vlans[1] & 0xfff) as u64) << 44
            | ((proto & 0x1f) as u64) << 56
            | ((version == 6) as u64) << 63;
        (Self([low.0[0], low.0[1], high.0[0], high.0[1], rest]), from_high)
    }
}

/// What was counted of a flow since it is let by, as it lies in the map: packets and bytes from the lower end, then from the higher
/// one, alternating; and the time of the last packet (CLOCK_MONOTONIC, to the kernel's tick, in nanoseconds).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct FlowCount(pub [u64; 5]);

impl FlowCount {
    /// Packets from the lower or the higher end.
    #[must_use]
    pub const fn packets(&self, from_high: bool) -> u64 {
        if from_high { self.0[2] } else { self.0[0] }
    }

    /// Their bytes, from the link header on, without the frame check sequence.
    #[must_use]
    pub const fn bytes(&self, from_high: bool) -> u64 {
        if from_high { self.0[3] } else { self.0[1] }
    }

    /// When the last packet came; 0 if none did.
    #[must_use]
    pub const fn last_ns(&self) -> u64 {
        self.0[4]
    }
}

/// What packets with a listed address meet. Stands in the word [`control::LIST`] beside the list's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ListAction {
    /// They are counted, and go on.
    Count = 1,
    /// They are dropped.
    Drop = 2,
}

/// What becomes of packets that are shed. The value of the global [`names::SHED`](super::shared::names).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Shed {
    /// Nothing is shed, and flows are not remembered for it.
    Never = 0,
    /// Dropped: on a monitoring port, not inspected.
    Drop = 1,
    /// In line: forwarded without inspection.
    Forward = 2,
}

/// Words of the map of what the sensor tells the program while it runs.
pub mod control {
    /// Not 0 once a flow was put into the map of those let by.
    pub const FLOWS: u32 = 0;
    /// 0: no list. Else 1 or 2, the list's place, and above the low byte a [`super::ListAction`].
    pub const LIST: u32 = 1;
    /// How many words.
    pub const WORDS: u32 = 2;

    /// The word [`LIST`] for the list at `place`, 0 or 1.
    #[must_use]
    pub const fn list(place: u32, action: super::ListAction) -> u32 {
        (place & 1) + 1 | (action as u32) << 8
    }
}

/// Names of the maps and globals, as in [`super::shared::names`].
pub mod names {
    /// Hash map from [`super::FlowKey`] to [`super::FlowCount`]: flows that are let by. Resized at load.
    pub const FLOWS: &str = "FLOWS";
    /// Array of the words of [`super::control`].
    pub const CONTROL: &str = "CONTROL";
    /// Arrays of two maps each, the list that is in use and the next one: IPv4 addresses, IPv6 addresses, and prefixes of both.
    pub const LISTS: [&str; 4] = ["HOSTS4", "HOSTS6", "NETS4", "NETS6"];
    /// Per-CPU array of one entry: packets and bytes that a list named and its action let go on.
    pub const LISTED: &str = "LISTED";
    /// Array by queue: not 0 while the queue's worker is behind. Resized at load.
    pub const SHEDDING: &str = "SHEDDING";
    /// LRU map of flows that were there before load was shed. Resized at load.
    pub const SEEN: &str = "SEEN";
    /// `u32` in `.rodata`: a [`super::Shed`].
    pub const SHED: &str = "SHED";
}
