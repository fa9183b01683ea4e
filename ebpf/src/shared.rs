//! The plain data that the XDP program and the sensor share. No `std`, no dependencies: the program includes this very file.
//!
//! The program counts every packet that it sees under exactly one [`Verdict`], per receive queue.

/// What the XDP program did with a packet, and why. One variant is one line of the accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Verdict {
    /// Handed to the queue's AF_XDP socket. Whether the socket had room stands in the socket's own statistics.
    Redirected = 0,
    /// Left to the host's network stack, since no socket serves the queue.
    PassedNoSocket = 1,
    /// Dropped, since no socket serves the queue and the configuration says drop.
    DroppedNoSocket = 2,
    /// The kernel refused the redirect call itself. Not expected to happen; here so that it cannot go unseen.
    AbortedRedirectRefused = 3,
    /// In line: sent to the other port by the program itself, since no socket serves the queue.
    ForwardedNoSocket = 4,
    /// In line: sent to the other port by the program itself, since the queue's worker has not given a sign of life for too long.
    ForwardedStale = 5,
    /// In line, where the link is to close: dropped, since the queue's worker has not given a sign of life for too long.
    DroppedStale = 6,
    /// Let by, since its flow needs no more inspection: on a monitoring port nobody gets it, in line it goes on.
    BypassedFlow = 7,
    /// Dropped, since a block list has one of its addresses.
    DroppedBlockList = 8,
    /// Dropped, since the queue's worker is behind and the flow is new.
    DroppedLoadShed = 9,
    /// In line: sent to the other port for the same reason.
    BypassedLoadShed = 10,
    /// Where a mirror is sent to by address: left to the host's network stack, since it is not the mirror's.
    PassedNotMirror = 11,
}

impl Verdict {
    /// How many there are.
    pub const COUNT: usize = 12;

    /// Every verdict, in the order of its number.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Redirected,
        Self::PassedNoSocket,
        Self::DroppedNoSocket,
        Self::AbortedRedirectRefused,
        Self::ForwardedNoSocket,
        Self::ForwardedStale,
        Self::DroppedStale,
        Self::BypassedFlow,
        Self::DroppedBlockList,
        Self::DroppedLoadShed,
        Self::BypassedLoadShed,
        Self::PassedNotMirror,
    ];

    /// `redirected`, `passed`, `forwarded`, `bypassed`, `dropped` or `aborted`.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Redirected => "redirected",
            Self::PassedNoSocket | Self::PassedNotMirror => "passed",
            Self::DroppedNoSocket | Self::DroppedStale | Self::DroppedBlockList | Self::DroppedLoadShed => "dropped",
            Self::AbortedRedirectRefused => "aborted",
            Self::BypassedFlow | Self::BypassedLoadShed => "bypassed",
            Self::ForwardedNoSocket | Self::ForwardedStale => "forwarded",
        }
    }

    /// The reason's word; empty for `redirected`.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Redirected => "",
            Self::PassedNoSocket | Self::DroppedNoSocket | Self::ForwardedNoSocket => "no_socket",
            Self::ForwardedStale | Self::DroppedStale => "stale",
            Self::AbortedRedirectRefused => "redirect_refused",
            Self::BypassedFlow => "flow",
            Self::PassedNotMirror => "not_mirror",
            Self::DroppedBlockList => "block_list",
            Self::DroppedLoadShed | Self::BypassedLoadShed => "load_shed",
        }
    }
}

/// What the program does with a packet of a queue that no socket serves. The values are the kernel's XDP actions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum NoSocket {
    /// `XDP_DROP`: the host never sees the port's traffic.
    Drop = 1,
    /// `XDP_PASS`: the host's network stack gets it.
    #[default]
    Pass = 2,
}

/// In line: what the program does with a packet that no living worker takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum PeerRule {
    /// The port is not in line: there is no other port.
    #[default]
    None = 0,
    /// Fail open: it goes to the other port.
    Forward = 1,
    /// Fail closed: it is dropped.
    Drop = 2,
}

/// Mirrors that are sent to an interface's address: bits of the global [`names::MIRROR`].
pub mod mirror {
    /// ERSPAN, types I to III (draft-foschiano-erspan).
    pub const ERSPAN: u32 = 1;
    /// Ethernet frames in GRE (RFC 2784, EtherType 0x6558).
    pub const GRE: u32 = 2;
    /// VXLAN (RFC 7348).
    pub const VXLAN: u32 = 4;
    /// Addresses that an interface may have.
    pub const ADDRESSES_MAX: u32 = 64;
}

/// Machine words in one queue's entry of the counter map.
pub const COUNTER_WORDS: usize = 2 * Verdict::COUNT;

/// One queue's counters, as they lie in the per-CPU counter map: packets by verdict, then bytes by verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct QueueCounters(pub [u64; COUNTER_WORDS]);

impl QueueCounters {
    /// Packets with this verdict.
    #[must_use]
    pub const fn packets(&self, verdict: Verdict) -> u64 {
        self.0[verdict as usize]
    }

    /// Their bytes, from the link header on, without the frame check sequence.
    #[must_use]
    pub const fn bytes(&self, verdict: Verdict) -> u64 {
        self.0[Verdict::COUNT + verdict as usize]
    }

    /// All packets that the program saw on the queue.
    #[must_use]
    pub fn total_packets(&self) -> u64 {
        Verdict::ALL.iter().fold(0, |sum, v| sum.wrapping_add(self.packets(*v)))
    }

    /// Counts one packet. Wraps, as nothing in the kernel may panic.
    #[inline(always)]
    pub fn count(&mut self, verdict: Verdict, len_bytes: u64) {
        let packets = &mut self.0[verdict as usize];
        *packets = packets.wrapping_add(1);
        let bytes = &mut self.0[Verdict::COUNT + verdict as usize];
        *bytes = bytes.wrapping_add(len_bytes);
    }

    /// Forgets what was counted under this verdict.
    pub fn clear(&mut self, verdict: Verdict) {
        self.0[verdict as usize] = 0;
        self.0[Verdict::COUNT + verdict as usize] = 0;
    }

    /// Adds another CPU's share.
    pub fn add(&mut self, other: &Self) {
        for (sum, n) in self.0.iter_mut().zip(other.0) {
            *sum = sum.wrapping_add(n);
        }
    }
}

/// Names of what is in the object, so that loader and program cannot drift apart unseen: a test looks each of them up.
pub mod names {
    /// The XDP program.
    pub const PROGRAM: &str = "sekisho_xdp";
    /// XSKMAP from queue to socket; resized at load.
    pub const SOCKETS: &str = "SOCKETS";
    /// Per-CPU array of [`super::QueueCounters`]; one entry per queue, and a last one for queues beyond the map; resized at load.
    pub const COUNTERS: &str = "COUNTERS";
    /// Array of `u64`, mappable: CLOCK_MONOTONIC in nanoseconds at each queue's last sign of life; resized at load.
    pub const HEARTBEATS: &str = "HEARTBEATS";
    /// DEVMAP with the other port of a link as its entry 0.
    pub const PEER: &str = "PEER";
    /// `u32` in `.rodata`: a [`super::PeerRule`].
    pub const PEER_RULE: &str = "PEER_RULE";
    /// `u64` in `.rodata`: the age at which a heartbeat is too old.
    pub const STALE_NS: &str = "STALE_NS";
    /// `u32` in `.rodata`: a [`super::NoSocket`].
    pub const NO_SOCKET: &str = "NO_SOCKET";
    /// `u32` in `.rodata`: bits of [`super::mirror`].
    pub const MIRROR: &str = "MIRROR";
    /// `u32` in `.rodata`: the UDP port of VXLAN.
    pub const MIRROR_PORT: &str = "MIRROR_PORT";
    /// Hash map of the interface's addresses, as 16 bytes.
    pub const MIRROR_TO: &str = "MIRROR_TO";
    /// `u32` in `.rodata`: how many queues the maps were made for.
    pub const QUEUES: &str = "QUEUES";
}
