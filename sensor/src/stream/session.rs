//! What is kept per TCP connection: 128 bytes for both directions, with no buffered data.

use super::OverlapPolicy;
use super::pool::NIL;
use crate::event::{TcpState, TcpSummary};
use crate::packet::{Direction, Tcp, TcpFlags};

/// `a` is behind `b` in sequence space (RFC 9293 §3.4).
pub(super) const fn seq_gt(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) > 0
}

/// `a` is at or behind `b` in sequence space.
pub(super) const fn seq_ge(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) >= 0
}

/// One direction: what its sender sent, and what the other side said about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Half {
    /// Stream position of the first byte neither delivered nor given up.
    pub next: u64,
    /// Initial sequence number; the byte at position 0 has `isn + 1` (but see [`Half::go_on_at`]).
    pub isn: u32,
    /// Behind the highest sequence number sent, SYN and FIN counted.
    pub high: u32,
    /// Highest acknowledgement that the receiver sent.
    pub acked: u32,
    /// Right edge of the window that the receiver granted; never moves back.
    pub window_end: u32,
    /// Last window that the receiver granted, scaled.
    pub window: u32,
    /// Last timestamp value of the sender (RFC 7323).
    pub timestamp: u32,
    /// When it came, in seconds of packet time.
    pub timestamp_at: u32,
    /// Sequence number of the FIN, if [`Half::FIN`].
    pub fin: u32,
    /// First and last buffered piece.
    pub head: u32,
    pub tail: u32,
    /// Buffered pieces.
    pub pieces: u16,
    /// What is known of it.
    pub marks: u16,
    /// Window scale that the sender announced.
    pub scale: u8,
    /// All flags that the sender sent.
    pub flags: u8,
    /// Acknowledgements of the receiver that lay beyond the window.
    pub beyond: u8,
    /// How the receiver's system takes overlapping segments, where the configuration says it of its network.
    pub overlap: Option<OverlapPolicy>,
}

impl Half {
    /// `isn` is known.
    pub const KNOWN: u16 = 1;
    /// Bytes are missing.
    pub const GAP: u16 = 1 << 1;
    /// The depth limit was reached.
    pub const DEPTH: u16 = 1 << 2;
    /// `end` was called.
    pub const ENDED: u16 = 1 << 3;
    /// A FIN was accepted; `fin` is its sequence number.
    pub const FIN: u16 = 1 << 4;
    /// The FIN was acknowledged.
    pub const FIN_ACKED: u16 = 1 << 5;
    /// The SYN carried a window scale.
    pub const SCALE: u16 = 1 << 6;
    /// The SYN carried a timestamp.
    pub const TIMESTAMP: u16 = 1 << 7;
    /// The buffered piece is the SYN's payload, whose acceptance is not known yet.
    pub const SYN_DATA: u16 = 1 << 8;
    /// The SYN asked for TCP Fast Open (RFC 7413).
    pub const FAST_OPEN: u16 = 1 << 9;
    /// The sender reset the connection.
    pub const RESET: u16 = 1 << 10;
    /// The sender probed the receiver's zero window with the byte at `window_end`.
    pub const PROBED: u16 = 1 << 11;

    pub const fn new() -> Self {
        Self {
            next: 0,
            isn: 0,
            high: 0,
            acked: 0,
            window_end: 0,
            window: 0,
            timestamp: 0,
            timestamp_at: 0,
            fin: 0,
            head: NIL,
            tail: NIL,
            pieces: 0,
            marks: 0,
            scale: 0,
            flags: 0,
            beyond: 0,
            overlap: None,
        }
    }

    pub const fn is(&self, mark: u16) -> bool {
        self.marks & mark != 0
    }

    /// Sequence number of the byte at `next`.
    pub const fn next_seq(&self) -> u32 {
        self.isn.wrapping_add(1).wrapping_add(self.next as u32)
    }

    /// Stream position up to which the receiver has acknowledged; `next` if that is less.
    pub const fn acked_position(&self) -> u64 {
        let mut ahead = self.acked.wrapping_sub(self.next_seq()) as i32;
        if self.is(Self::FIN) && seq_gt(self.acked, self.fin) {
            ahead -= 1;
        }
        if ahead > 0 { self.next + ahead as u64 } else { self.next }
    }

    /// Starts the direction at `isn`: nothing sent but the SYN.
    pub fn start(&mut self, isn: u32) {
        self.isn = isn;
        self.next = 0;
        self.high = isn.wrapping_add(1);
        self.acked = self.high;
        self.window_end = self.high;
        self.marks |= Self::KNOWN;
    }

    /// Makes the next byte expected the one with sequence number `seq`; what was delivered stays in front of it.
    pub fn go_on_at(&mut self, seq: u32) {
        self.isn = seq.wrapping_sub(1).wrapping_sub(self.next as u32);
    }

    /// The receiver acknowledged `ack` and granted `window` bytes behind it.
    pub fn acknowledge(&mut self, ack: u32, window: u32) {
        if seq_gt(ack, self.acked) {
            self.acked = ack;
        }
        self.window = window;
        let end = ack.wrapping_add(window);
        if seq_gt(end, self.window_end) {
            self.window_end = end;
        }
        if self.is(Self::FIN) && seq_gt(self.acked, self.fin) {
            self.marks |= Self::FIN_ACKED;
        }
    }
}

/// One TCP connection. `Default` is one of which nothing was seen. Give it to [`super::StreamEngine::close`] before it
/// is dropped or reused: it may own blocks of the engine's pool.
#[derive(Clone, Debug)]
pub struct TcpSession {
    pub(super) halves: [Half; 2],
    pub(super) state: TcpState,
    /// State before a reset closed it.
    pub(super) before_reset: TcpState,
    pub(super) marks: u8,
    /// SYNs, then SYN/ACKs, that differed from the first.
    pub(super) extra_syns: u8,
    pub(super) extra_syn_acks: u8,
    /// Sequence number of the latest of those SYN/ACKs.
    pub(super) extra_isn: u32,
}

const _: () = assert!(size_of::<TcpSession>() <= 128, "a session stays within two cache lines");

impl Default for TcpSession {
    fn default() -> Self {
        Self {
            halves: [Half::new(); 2],
            state: TcpState::None,
            before_reset: TcpState::None,
            marks: 0,
            extra_syns: 0,
            extra_syn_acks: 0,
            extra_isn: 0,
        }
    }
}

impl TcpSession {
    /// Its start was not seen, or its windows are not known: sequence numbers are not checked against windows.
    pub(super) const LOOSE: u8 = 1;
    /// Picked up without its SYN.
    pub(super) const MIDSTREAM: u8 = 1 << 1;
    /// Both sides sent a SYN (simultaneous open, RFC 9293 §3.5).
    pub(super) const FOUR_WAY: u8 = 1 << 2;
    /// Both sides use timestamps.
    pub(super) const TIMESTAMPS: u8 = 1 << 3;
    /// The client's FIN came first.
    pub(super) const CLIENT_CLOSES: u8 = 1 << 4;
    /// It was counted as one-sided or two-sided.
    pub(super) const SIDES_NOTED: u8 = 1 << 5;

    pub(super) const fn is(&self, mark: u8) -> bool {
        self.marks & mark != 0
    }

    /// State, from both sides' flags. As in EVE, the closing states are the server's: `CloseWait` when the client
    /// closes first, `FinWait1` when the server does.
    #[must_use]
    pub const fn state(&self) -> TcpState {
        self.state
    }

    /// Whether the handshake is complete, or the connection was picked up in its middle.
    #[must_use]
    pub const fn established(&self) -> bool {
        self.state as u8 >= TcpState::Established as u8
    }

    /// Whether it was picked up without its SYN.
    #[must_use]
    pub const fn midstream(&self) -> bool {
        self.is(Self::MIDSTREAM)
    }

    /// Its start was not seen and none of its bytes was delivered: which side is the client may still turn out.
    #[must_use]
    pub const fn may_turn(&self) -> bool {
        let [a, b] = &self.halves;
        let untouched = a.next == 0 && b.next == 0 && a.pieces == 0 && b.pieces == 0;
        untouched && (matches!(self.state, TcpState::None) || self.midstream() && self.established())
    }

    /// Takes the client for the server. Only where [`Self::may_turn`] holds.
    pub fn turn(&mut self) {
        self.halves.swap(0, 1);
    }

    /// Stream position up to which a direction was delivered or given up.
    #[must_use]
    pub const fn position(&self, direction: Direction) -> u64 {
        self.halves[direction.index()].next
    }

    /// Sequence number of the next byte that a direction is to deliver.
    #[must_use]
    pub const fn next_seq(&self, direction: Direction) -> u32 {
        self.halves[direction.index()].next_seq()
    }

    /// Sequence numbers that each direction has used: its bytes, SYN and FIN. 0 for one of which nothing is known.
    #[must_use]
    pub fn sizes(&self) -> [u64; 2] {
        let size = |half: &Half| if half.is(Half::KNOWN) { u64::from(half.high.wrapping_sub(half.isn)) } else { 0 };
        [size(&self.halves[0]), size(&self.halves[1])]
    }

    /// The same, once a segment with so many bytes of data has been taken.
    #[must_use]
    pub fn sizes_with(&self, tcp: &Tcp<'_>, len: usize, direction: Direction) -> [u64; 2] {
        let mut sizes = self.sizes();
        let half = &self.halves[direction.index()];
        let opens = tcp.flags.any(TcpFlags::SYN) && !half.is(Half::KNOWN);
        let isn = if opens { tcp.seq } else { half.isn };
        let ends = u32::from(tcp.flags.any(TcpFlags::SYN)) + u32::from(tcp.flags.any(TcpFlags::FIN));
        let after = tcp.seq.wrapping_sub(isn).wrapping_add(len as u32).wrapping_add(ends);
        let size = &mut sizes[direction.index()];
        // What lies more than half the sequence space ahead lies behind.
        if (opens || half.is(Half::KNOWN)) && (after.wrapping_sub(*size as u32) as i32) > 0 {
            *size = u64::from(after);
        }
        sizes
    }

    /// Whether this segment opens a new connection on the addresses and ports of this one: a SYN, or a SYN/ACK, with
    /// another initial sequence number when this connection is closing, closed, or was never followed.
    #[must_use]
    pub fn reopened_by(&self, tcp: &Tcp<'_>, direction: Direction) -> bool {
        if !tcp.flags.any(TcpFlags::SYN) || tcp.flags.any(TcpFlags::RST) {
            return false;
        }
        let over = match self.state {
            TcpState::None => self.halves[0].flags | self.halves[1].flags != 0,
            TcpState::TimeWait | TcpState::LastAck | TcpState::CloseWait | TcpState::Closing | TcpState::Closed => true,
            _ => false,
        };
        let half = &self.halves[direction.index()];
        over && !(half.is(Half::KNOWN) && half.isn == tcp.seq)
    }

    /// Whether this segment opens another connection than this one, whatever became of this one: a client's SYN with another
    /// initial sequence number.
    #[must_use]
    pub fn begins_anew(&self, tcp: &Tcp<'_>, direction: Direction) -> bool {
        let half = &self.halves[direction.index()];
        tcp.flags.any(TcpFlags::SYN)
            && !tcp.flags.any(TcpFlags::ACK | TcpFlags::RST)
            && !(half.is(Half::KNOWN) && half.isn == tcp.seq)
    }

    /// A segment of a connection whose segments are let by: only its end is noted. Whether the state changed.
    pub fn let_by(&mut self, tcp: &Tcp<'_>, direction: Direction) -> bool {
        let half = &mut self.halves[direction.index()];
        let seen = half.flags;
        half.flags |= tcp.flags.0;
        let other = self.halves[direction.reverse().index()].flags;
        let before = self.state;
        if tcp.flags.any(TcpFlags::RST) {
            self.state = TcpState::Closed;
        } else if tcp.flags.any(TcpFlags::FIN) && seen & TcpFlags::FIN == 0 {
            self.state = match (other & TcpFlags::FIN != 0, direction) {
                (true, _) => TcpState::Closed,
                (false, Direction::ToServer) => TcpState::CloseWait,
                (false, Direction::ToClient) => TcpState::FinWait1,
            };
        }
        self.state != before
    }

    /// Whether each direction has reached the depth limit.
    #[must_use]
    pub const fn depth_reached(&self) -> [bool; 2] {
        [self.halves[0].is(Half::DEPTH), self.halves[1].is(Half::DEPTH)]
    }

    /// Whether it is alive, and of one of its sides no packet was seen, or only SYNs. Of `packets`, to server and to client, one side sent
    /// enough for the other one to have answered.
    #[must_use]
    pub const fn one_sided(&self, packets: [u64; 2]) -> bool {
        let [client, server] = &self.halves;
        let seen = match packets {
            [packets, 0] if packets >= 3 => client,
            [0, packets] if packets >= 3 => server,
            _ => return false,
        };
        seen.flags & TcpFlags::ACK != 0
    }

    /// What the flow record tells.
    #[must_use]
    pub fn summary(&self) -> TcpSummary {
        let [client, server] = &self.halves;
        TcpSummary {
            flags: [client.flags, server.flags],
            state: self.state,
            gap: [client.is(Half::GAP), server.is(Half::GAP)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(seq: u32, flags: u8) -> Tcp<'static> {
        Tcp {
            seq,
            ack: 0,
            flags: TcpFlags(flags),
            window: 0,
            urgent: 0,
            options: &[],
            mss: None,
            window_scale: None,
            sack_permitted: false,
            timestamps: None,
        }
    }

    #[test]
    fn of_a_connection_that_is_let_by_the_end_is_noted_and_another_beginning_seen() {
        let established = || {
            let mut session = TcpSession { state: TcpState::Established, ..TcpSession::default() };
            session.halves[0].start(100);
            session
        };
        let (fin, rst) = (TcpFlags::FIN | TcpFlags::ACK, TcpFlags::RST);
        let mut session = established();
        assert!(!session.let_by(&segment(500, TcpFlags::ACK), Direction::ToServer));
        assert!(session.let_by(&segment(501, fin), Direction::ToServer));
        assert!(!session.let_by(&segment(501, fin), Direction::ToServer), "sent again");
        assert_eq!(session.state(), TcpState::CloseWait);
        assert!(session.let_by(&segment(9, fin), Direction::ToClient));
        assert_eq!(session.state(), TcpState::Closed);
        let mut session = established();
        assert!(session.let_by(&segment(9, fin), Direction::ToClient));
        assert_eq!(session.state(), TcpState::FinWait1);
        assert!(session.let_by(&segment(501, rst), Direction::ToServer));
        assert_eq!(session.state(), TcpState::Closed);
        let session = established();
        assert!(!session.begins_anew(&segment(100, TcpFlags::SYN), Direction::ToServer), "its own, again");
        assert!(session.begins_anew(&segment(7000, TcpFlags::SYN), Direction::ToServer));
        assert!(!session.begins_anew(&segment(7000, TcpFlags::SYN | TcpFlags::ACK), Direction::ToClient));
        assert!(!session.begins_anew(&segment(7000, TcpFlags::ACK), Direction::ToServer));
    }

    #[test]
    fn sizes_count_the_segment_at_hand_and_go_on_behind_the_end_of_the_sequence_space() {
        let mut session = TcpSession::default();
        let to_server = Direction::ToServer;
        assert_eq!(session.sizes(), [0, 0]);
        assert_eq!(session.sizes_with(&segment(u32::MAX - 5, TcpFlags::SYN), 0, to_server), [1, 0]);
        session.halves[0].start(u32::MAX - 5);
        session.halves[0].marks |= Half::KNOWN;
        assert_eq!(session.sizes(), [1, 0]);
        assert_eq!(session.sizes_with(&segment(u32::MAX - 4, 0), 100, to_server), [101, 0]);
        assert_eq!(session.sizes_with(&segment(u32::MAX - 4, TcpFlags::FIN), 100, to_server), [102, 0]);
        // An old segment takes nothing back, and of the other side nothing is known.
        assert_eq!(session.sizes_with(&segment(u32::MAX - 50, 0), 10, to_server), [1, 0]);
        assert_eq!(session.sizes_with(&segment(7, 0), 10, Direction::ToClient), [1, 0]);
    }
}
