//! TCP states (RFC 9293), and what is odd about a segment.
//!
//! A segment is judged before its bytes are used: what the receiver would refuse (out of its window, a wrong
//! acknowledgement, an old timestamp) must not get into the stream, or an attacker could show the sensor bytes that the
//! receiver never takes. Where the start of a connection was not seen, there is nothing to judge by, and segments are
//! taken as they are (`LOOSE`).

use super::judge::{UNKNOWN_SCALE, judge, reopen_after_reset};
use super::reassembly::Lane;
use super::session::{Half, TcpSession, seq_ge, seq_gt};
use super::{PayloadFate, SegmentReport, StreamEngine, StreamEvent, StreamEventSet, StreamSink};
use crate::event::TcpState;
use crate::host_os::HostOs;
use crate::packet::{Direction, Packet, Tcp, TcpFlags};

/// One segment on its way through the tracker.
pub(super) struct Segment<'a, 'p> {
    pub tcp: &'a Tcp<'p>,
    pub payload: &'p [u8],
    pub direction: Direction,
    pub seconds: u32,
    pub report: SegmentReport,
}

impl Segment<'_, '_> {
    pub(super) fn event(&mut self, event: StreamEvent) {
        self.report.events.insert(event);
    }
    pub(super) fn refuse(&mut self, event: StreamEvent) {
        self.event(event);
        self.report.payload = PayloadFate::Invalid;
    }
    pub(super) const fn has(&self, mask: u8) -> bool {
        self.tcp.flags.any(mask)
    }
    pub(super) const fn is_clients(&self) -> bool {
        matches!(self.direction, Direction::ToServer)
    }
    /// Sequence number behind the payload, SYN and FIN not counted.
    pub(super) const fn end(&self) -> u32 {
        self.tcp.seq.wrapping_add(self.payload.len() as u32)
    }
}

impl StreamEngine {
    /// Takes one TCP segment of `session`; delivers what is in order to `sink`.
    ///
    /// `direction` is the packet's way within its flow. Segments are expected to have been checked for their checksum.
    pub fn segment<S: StreamSink>(
        &mut self,
        session: &mut TcpSession,
        packet: &Packet<'_>,
        tcp: &Tcp<'_>,
        direction: Direction,
        sink: &mut S,
    ) -> SegmentReport {
        let mut segment = Segment {
            tcp,
            payload: packet.payload,
            direction,
            seconds: packet.ts.seconds() as u32,
            report: SegmentReport::default(),
        };
        self.counters.segments += 1;
        session.halves[direction.index()].flags |= tcp.flags.0;
        let before = session.state;
        if before == TcpState::None && session.halves[0].overlap.is_none() && !self.hosts.is_empty() {
            self.choose_overlap(session, packet, direction);
        }
        if before == TcpState::Closed {
            reopen_after_reset(session, &mut segment);
        }
        let go_on = match session.state {
            TcpState::None => self.first(session, &mut segment, sink),
            TcpState::SynSent => self.syn_sent(session, &mut segment, sink),
            TcpState::SynRecv => self.syn_received(session, &mut segment),
            TcpState::Closed if matches!(session.before_reset, TcpState::SynSent | TcpState::SynRecv) => {
                // Reset before it was open: nothing can follow.
                segment.report.payload = PayloadFate::NoSession;
                false
            }
            _ => true,
        };
        if go_on {
            self.open(session, &mut segment, sink);
        }
        let mut report = segment.report;
        report.state_changed = session.state != before;
        report.established_now = session.established() && (before as u8) < TcpState::Established as u8;
        self.counters.established += u64::from(report.established_now);
        match report.payload {
            PayloadFate::Invalid => self.counters.invalid += 1,
            PayloadFate::NoSession => self.counters.no_session += 1,
            _ => {}
        }
        report
    }

    /// Each direction's overlaps are taken as the system of its receiver takes them.
    #[cold]
    fn choose_overlap(&self, session: &mut TcpSession, packet: &Packet<'_>, direction: Direction) {
        let Some(ip) = &packet.ip else { return };
        for (direction, receiver) in [(direction, ip.dst), (direction.reverse(), ip.src)] {
            let policy = self.hosts.find(receiver).map_or(self.config.overlap, HostOs::segments);
            session.halves[direction.index()].overlap = Some(policy);
        }
    }

    /// The flow is over: delivers what is still buffered (holes reported as gaps), ends both directions, and gives the
    /// buffers back. The session can then be dropped; its state and summary stay as they were.
    pub fn close<S: StreamSink>(&mut self, session: &mut TcpSession, sink: &mut S) {
        let mut events = StreamEventSet::default();
        for direction in [Direction::ToServer, Direction::ToClient] {
            self.lane(session, direction, sink, &mut events).close();
        }
        self.counters.memory_bytes = self.pool.bytes_in_use();
    }

    pub(super) fn lane<'a, S: StreamSink>(
        &'a mut self,
        session: &'a mut TcpSession,
        direction: Direction,
        sink: &'a mut S,
        events: &'a mut StreamEventSet,
    ) -> Lane<'a, S> {
        let acknowledged = session.halves[direction.reverse().index()].flags != 0;
        let two_sided = acknowledged && session.halves[direction.index()].flags != 0;
        Lane {
            pool: &mut self.pool,
            counters: &mut self.counters,
            config: &self.config,
            depth: self.depth,
            half: &mut session.halves[direction.index()],
            acknowledged,
            two_sided,
            at_once: false,
            direction,
            sink,
            events,
        }
    }

    /// Established, closing or closed.
    #[inline]
    fn open<S: StreamSink>(&mut self, session: &mut TcpSession, segment: &mut Segment<'_, '_>, sink: &mut S) {
        if !judge(session, segment) {
            return;
        }
        let tcp = segment.tcp;
        if session.halves[0].is(Half::SYN_DATA) || session.halves[1].is(Half::SYN_DATA) {
            self.settle_syn_data(session, segment, sink);
        }
        let mut events = segment.report.events;
        if segment.has(TcpFlags::ACK) {
            let [half, other] = pair(session, segment.direction);
            let window = u32::from(tcp.window) << half.scale.min(UNKNOWN_SCALE);
            let news = tcp.ack != other.acked;
            if news && other.is(Half::PROBED) {
                other.marks &= !Half::PROBED;
                if tcp.ack == other.window_end.wrapping_add(1) {
                    events.insert(StreamEvent::EstAckZwpData);
                }
            }
            other.acknowledge(tcp.ack, window);
            if news {
                self.lane(session, segment.direction.reverse(), sink, &mut events).on_ack();
            }
        }
        let half = &mut session.halves[segment.direction.index()];
        if !segment.payload.is_empty() {
            let end = segment.end();
            if half.is(Half::FIN) && seq_gt(end, half.fin) {
                if half.is(Half::FIN_ACKED) {
                    segment.report.payload = PayloadFate::OutsideWindow;
                } else {
                    // Sent behind a FIN that nobody acknowledged: the receiver may never have seen that FIN.
                    half.marks &= !Half::FIN;
                }
            }
            if seq_gt(end, half.high) {
                half.high = end;
            }
            if segment.report.payload != PayloadFate::OutsideWindow {
                segment.report.payload =
                    self.lane(session, segment.direction, sink, &mut events).payload(tcp.seq, segment.payload);
            }
        }
        if segment.has(TcpFlags::FIN) {
            self.take_fin(session, segment);
        }
        if session.state != TcpState::Established || segment.has(TcpFlags::FIN) {
            for direction in [Direction::ToServer, Direction::ToClient] {
                self.lane(session, direction, sink, &mut events).end_if_over();
            }
            session.state = closing_state(session);
        }
        segment.report.events = events;
        self.counters.memory_bytes = self.pool.bytes_in_use();
    }

    /// Both sides opened at once with data in their SYNs: what the other one acknowledges now was taken.
    #[cold]
    fn settle_syn_data<S: StreamSink>(
        &mut self,
        session: &mut TcpSession,
        segment: &mut Segment<'_, '_>,
        sink: &mut S,
    ) {
        for direction in [Direction::ToServer, Direction::ToClient] {
            let half = &session.halves[direction.index()];
            let next = half.isn.wrapping_add(1);
            let acked = if direction == segment.direction { half.acked } else { segment.tcp.ack };
            let mut events = segment.report.events;
            self.lane(session, direction, sink, &mut events).settle_syn_data(seq_gt(acked, next));
            segment.report.events = events;
        }
    }

    fn take_fin(&mut self, session: &mut TcpSession, segment: &Segment<'_, '_>) {
        let [half, other] = pair(session, segment.direction);
        let fin = segment.end();
        // Captures may show the acknowledgement first; a FIN before what was acknowledged is none that the receiver took.
        let acked = half.acked == fin.wrapping_add(1) && !seq_gt(half.high, fin);
        if half.is(Half::FIN) || !(acked || seq_ge(fin, half.acked)) {
            return;
        }
        half.fin = fin;
        half.marks |= if acked { Half::FIN | Half::FIN_ACKED } else { Half::FIN };
        let behind = half.fin.wrapping_add(1);
        if seq_gt(behind, half.high) {
            half.high = behind;
        }
        if segment.is_clients() && !other.is(Half::FIN) {
            session.marks |= TcpSession::CLIENT_CLOSES;
        }
    }
}

/// The sender's half and the receiver's.
pub(super) fn pair(session: &mut TcpSession, direction: Direction) -> [&mut Half; 2] {
    let [client, server] = &mut session.halves;
    match direction {
        Direction::ToServer => [client, server],
        Direction::ToClient => [server, client],
    }
}

/// The state once a FIN was seen, as the server sees it.
fn closing_state(session: &TcpSession) -> TcpState {
    if session.state == TcpState::Closed {
        return TcpState::Closed;
    }
    let [client, server] = &session.halves;
    let (client_done, server_done) = (client.is(Half::FIN_ACKED), server.is(Half::FIN_ACKED));
    match (client.is(Half::FIN), server.is(Half::FIN)) {
        (false, false) => TcpState::Established,
        (true, false) => TcpState::CloseWait,
        (false, true) if server_done => TcpState::FinWait2,
        (false, true) => TcpState::FinWait1,
        (true, true) if client_done && server_done => TcpState::Closed,
        (true, true) if session.is(TcpSession::CLIENT_CLOSES) => TcpState::LastAck,
        (true, true) if server_done => TcpState::TimeWait,
        (true, true) => TcpState::Closing,
    }
}
