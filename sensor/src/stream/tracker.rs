//! TCP states (RFC 9293), and what is odd about a segment.
//!
//! A segment is judged before its bytes are used: what the receiver would refuse (out of its window, a wrong
//! acknowledgement, an old timestamp) must not get into the stream, or an attacker could show the sensor bytes that the
//! receiver never takes. Where the start of a connection was not seen, there is nothing to judge by, and segments are
//! taken as they are (`LOOSE`).

use super::reassembly::Lane;
use super::session::{Half, TcpSession, seq_ge, seq_gt};
use super::{PayloadFate, SegmentReport, StreamEngine, StreamEvent, StreamSink};
use crate::event::TcpState;
use crate::packet::{Direction, Packet, Tcp, TcpFlags};

/// Scale assumed for windows of connections whose handshake was not seen: the largest of RFC 7323.
const UNKNOWN_SCALE: u8 = 14;
/// Segments in a row outside the window after which the window is taken as unknown: then it was us who missed something.
const OUTSIDE_LIMIT: u8 = 16;
/// After that many seconds of silence a timestamp says nothing (RFC 7323 §5.5: 24 days).
const TIMESTAMP_LIFE_S: u32 = 24 * 24 * 3600;
/// TCP option kind of Fast Open (RFC 7413 §4.1.1).
const OPTION_FAST_OPEN: u8 = 34;

/// One segment on its way through the tracker.
pub(super) struct Segment<'a, 'p> {
    pub tcp: &'a Tcp<'p>,
    pub payload: &'p [u8],
    pub direction: Direction,
    pub seconds: u32,
    pub report: SegmentReport,
}

impl Segment<'_, '_> {
    fn event(&mut self, event: StreamEvent) {
        self.report.events.insert(event);
    }
    fn refuse(&mut self, event: StreamEvent) {
        self.event(event);
        self.report.payload = PayloadFate::Invalid;
    }
    const fn has(&self, mask: u8) -> bool {
        self.tcp.flags.any(mask)
    }
    const fn is_clients(&self) -> bool {
        matches!(self.direction, Direction::ToServer)
    }
    /// Sequence number behind the payload, SYN and FIN not counted.
    const fn end(&self) -> u32 {
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
        if before == TcpState::Closed {
            reopen_after_reset(session, &mut segment);
        }
        let go_on = match session.state {
            TcpState::None => self.first(session, &mut segment),
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

    /// The flow is over: delivers what is still buffered (holes reported as gaps), ends both directions, and gives the
    /// buffers back. The session can then be dropped; its state and summary stay as they were.
    pub fn close<S: StreamSink>(&mut self, session: &mut TcpSession, sink: &mut S) {
        let mut events = super::StreamEventSet::default();
        for direction in [Direction::ToServer, Direction::ToClient] {
            self.lane(session, direction, sink, &mut events).close();
        }
        self.counters.memory_bytes = self.pool.bytes_in_use();
    }

    fn lane<'a, S: StreamSink>(
        &'a mut self,
        session: &'a mut TcpSession,
        direction: Direction,
        sink: &'a mut S,
        events: &'a mut super::StreamEventSet,
    ) -> Lane<'a, S> {
        let acknowledged = session.halves[direction.reverse().index()].flags != 0;
        Lane {
            pool: &mut self.pool,
            counters: &mut self.counters,
            config: &self.config,
            depth: self.depth,
            half: &mut session.halves[direction.index()],
            acknowledged,
            direction,
            sink,
            events,
        }
    }

    /// Nothing was seen of the connection yet. Tells whether the segment belongs to an established connection now.
    fn first(&mut self, session: &mut TcpSession, segment: &mut Segment<'_, '_>) -> bool {
        segment.report.payload = PayloadFate::NoSession;
        let flags = segment.tcp.flags;
        if flags.any(TcpFlags::RST) {
            segment.event(StreamEvent::RstButNoSession);
            return false;
        }
        if flags.all(TcpFlags::SYN | TcpFlags::FIN) {
            segment.event(StreamEvent::FinSyn);
        }
        if flags.all(TcpFlags::SYN | TcpFlags::ACK) {
            return self.first_syn_ack(session, segment);
        }
        if flags.any(TcpFlags::SYN) {
            if !segment.is_clients() {
                // Whoever sends the first SYN is the client: the flow table makes a new flow for it.
                return false;
            }
            self.counters.sessions += 1;
            self.take_syn(session, segment);
            session.state = TcpState::SynSent;
            return false;
        }
        if flags.any(TcpFlags::FIN) {
            segment.event(StreamEvent::FinButNoSession);
            return false;
        }
        if !self.config.midstream || !flags.any(TcpFlags::ACK) {
            return false;
        }
        self.counters.midstream += 1;
        pick_up(session, segment);
        session.state = TcpState::Established;
        true
    }

    fn first_syn_ack(&mut self, session: &mut TcpSession, segment: &mut Segment<'_, '_>) -> bool {
        if segment.is_clients() {
            segment.event(StreamEvent::ThreeWhsSynackInWrongDirection);
        } else if self.config.midstream || self.config.one_sided {
            self.counters.sessions += 1;
            pick_up(session, segment);
            let [_, server] = &mut session.halves;
            server.start(segment.tcp.seq);
            session.state = TcpState::SynRecv;
            segment.report.payload = PayloadFate::Empty;
        }
        false
    }

    /// Notes a SYN of the client, or of the server in a simultaneous open.
    fn take_syn(&mut self, session: &mut TcpSession, segment: &mut Segment<'_, '_>) {
        let tcp = segment.tcp;
        let [half, other] = pair(session, segment.direction);
        half.start(tcp.seq);
        half.marks &= !(Half::SCALE | Half::TIMESTAMP | Half::FAST_OPEN);
        note_options(half, tcp, segment.seconds);
        if has_fast_open(tcp.options) {
            half.marks |= Half::FAST_OPEN;
        }
        other.window = u32::from(tcp.window);
        half.high = segment.end().wrapping_add(1);
        if half.is(Half::SYN_DATA) || !segment.payload.is_empty() {
            let mut events = segment.report.events;
            segment.report.payload =
                self.lane(session, segment.direction, &mut Nowhere, &mut events).keep_syn_data(segment.payload);
            self.counters.memory_bytes = self.pool.bytes_in_use();
        } else {
            segment.report.payload = PayloadFate::Empty;
        }
    }

    /// The client's SYN was seen. Tells whether the segment belongs to an established connection now.
    fn syn_sent<S: StreamSink>(
        &mut self,
        session: &mut TcpSession,
        segment: &mut Segment<'_, '_>,
        sink: &mut S,
    ) -> bool {
        segment.report.payload = PayloadFate::NoSession;
        let tcp = segment.tcp;
        let client = &session.halves[0];
        if segment.has(TcpFlags::RST) {
            let answers = seq_gt(tcp.ack, client.isn) && seq_ge(client.high, tcp.ack);
            let own = seq_ge(tcp.seq, client.isn) && seq_ge(client.high, tcp.seq);
            let valid = if segment.is_clients() { own } else { segment.has(TcpFlags::ACK) && answers };
            reset(session, segment, valid);
            return false;
        }
        if segment.has(TcpFlags::SYN) {
            match (segment.has(TcpFlags::ACK), segment.is_clients()) {
                (true, true) => segment.refuse(StreamEvent::ThreeWhsSynackInWrongDirection),
                (true, false) => self.syn_ack(session, segment, sink),
                (false, true) if tcp.seq == client.isn => segment.report.payload = PayloadFate::Duplicate,
                (false, true) => self.another_syn(session, segment),
                (false, false) => {
                    self.take_syn(session, segment);
                    session.marks |= TcpSession::FOUR_WAY | TcpSession::LOOSE;
                    session.state = TcpState::SynRecv;
                }
            }
            return false;
        }
        if !segment.has(TcpFlags::ACK) || !(self.config.midstream || self.config.one_sided) {
            return false;
        }
        // The SYN/ACK was not seen: this capture shows one side only, or lost it.
        let in_order =
            !segment.is_clients() || seq_ge(tcp.seq, client.isn.wrapping_add(1)) && seq_ge(client.high, tcp.seq);
        if !in_order {
            segment.event(StreamEvent::ThreeWhsAsyncWrongSeq);
            return false;
        }
        let next = client.isn.wrapping_add(1);
        let accepted = if segment.is_clients() { tcp.seq != next } else { seq_gt(tcp.ack, next) };
        let mut events = segment.report.events;
        self.lane(session, Direction::ToServer, sink, &mut events).settle_syn_data(accepted);
        segment.report.events = events;
        pick_up_server(session, segment);
        session.state = TcpState::Established;
        segment.report.payload = PayloadFate::Empty;
        true
    }

    fn another_syn(&mut self, session: &mut TcpSession, segment: &mut Segment<'_, '_>) {
        session.extra_syns = session.extra_syns.saturating_add(1);
        if session.extra_syns >= self.config.max_syns {
            segment.event(StreamEvent::ThreeWhsSynFlood);
        }
        self.take_syn(session, segment);
    }

    /// The server's answer to the SYN.
    fn syn_ack<S: StreamSink>(&mut self, session: &mut TcpSession, segment: &mut Segment<'_, '_>, sink: &mut S) {
        let tcp = segment.tcp;
        let [client, server] = &mut session.halves;
        let next = client.isn.wrapping_add(1);
        if !(seq_ge(tcp.ack, next) && seq_ge(client.high, tcp.ack)) {
            if session.extra_syns == 0 {
                segment.refuse(StreamEvent::ThreeWhsSynackWithWrongAck);
                return;
            }
            // One of the other SYNs is answered; which one the server knows best.
            client.isn = tcp.ack.wrapping_sub(1);
            client.high = tcp.ack;
        }
        let next = client.isn.wrapping_add(1);
        let data_taken = tcp.ack != next;
        if client.is(Half::SYN_DATA) && client.is(Half::FAST_OPEN) && !data_taken {
            segment.event(StreamEvent::ThreeWhsSynackTfoDataIgnored);
        }
        let window = server.window;
        server.start(tcp.seq);
        note_options(server, tcp, segment.seconds);
        server.acknowledge(server.high, window);
        client.high = tcp.ack;
        client.acked = tcp.ack;
        client.window_end = tcp.ack;
        // The window of a SYN is never scaled, and scaling holds only if both sides announced it (RFC 7323 §2.2).
        client.acknowledge(tcp.ack, u32::from(tcp.window));
        if !(client.is(Half::SCALE) && server.is(Half::SCALE)) {
            (client.scale, server.scale) = (0, 0);
        }
        if client.is(Half::TIMESTAMP) && server.is(Half::TIMESTAMP) {
            session.marks |= TcpSession::TIMESTAMPS;
        }
        session.state = TcpState::SynRecv;
        segment.report.payload = PayloadFate::Empty;
        let mut events = segment.report.events;
        self.lane(session, Direction::ToServer, sink, &mut events).settle_syn_data(data_taken);
        segment.report.events = events;
        self.counters.memory_bytes = self.pool.bytes_in_use();
    }

    /// SYN and SYN/ACK were seen. Tells whether the segment belongs to an established connection now.
    fn syn_received(&mut self, session: &mut TcpSession, segment: &mut Segment<'_, '_>) -> bool {
        segment.report.payload = PayloadFate::NoSession;
        let tcp = segment.tcp;
        if segment.has(TcpFlags::RST) {
            let valid = reset_is_valid(session, segment);
            reset(session, segment, valid);
            return false;
        }
        if segment.has(TcpFlags::SYN) {
            segment.report.payload = PayloadFate::Duplicate;
            if session.is(TcpSession::FOUR_WAY) {
                return four_way_syn(session, segment);
            }
            self.syn_again(session, segment);
            return false;
        }
        if !segment.has(TcpFlags::ACK) {
            return false;
        }
        if session.is(TcpSession::FOUR_WAY) {
            return four_way_ack(session, segment);
        }
        let [client, server] = &mut session.halves;
        let (own, other) = if segment.is_clients() { (client, server) } else { (server, client) };
        let loose = session.marks & TcpSession::LOOSE != 0;
        let first = own.isn.wrapping_add(1);
        let seq_fits = loose || seq_ge(tcp.seq, first) && seq_ge(own.window_end, segment.end());
        let exact = tcp.ack == other.isn.wrapping_add(1);
        let ack_fits = exact || seq_gt(tcp.ack, other.isn) && (loose || seq_ge(other.window_end, tcp.ack));
        if segment.is_clients() {
            let chosen = tcp.ack == session.extra_isn.wrapping_add(1) || !ack_fits && session.extra_syn_acks > 1;
            if seq_fits && !exact && session.extra_syn_acks > 0 && chosen {
                // The client answers another SYN/ACK than the first.
                let window = other.window;
                other.start(tcp.ack.wrapping_sub(1));
                other.acknowledge(tcp.ack, window);
            } else if !(seq_fits && ack_fits) {
                let event = match seq_fits {
                    true => StreamEvent::ThreeWhsRightSeqWrongAckEvasion,
                    false => StreamEvent::ThreeWhsWrongSeqWrongAck,
                };
                segment.refuse(event);
                return false;
            }
        } else {
            let tells = !segment.payload.is_empty() || segment.has(TcpFlags::FIN) || !exact;
            if !(seq_fits && ack_fits && tells) {
                segment.refuse(StreamEvent::ThreeWhsAckInWrongDir);
                return false;
            }
            if self.config.inline && exact && !segment.payload.is_empty() {
                segment.refuse(StreamEvent::ThreeWhsAckDataInject);
                return false;
            }
        }
        session.state = TcpState::Established;
        segment.report.payload = PayloadFate::Empty;
        true
    }

    /// A SYN or SYN/ACK where the handshake's last ACK is due.
    fn syn_again(&mut self, session: &mut TcpSession, segment: &mut Segment<'_, '_>) {
        let tcp = segment.tcp;
        let [client, server] = &session.halves;
        match (segment.has(TcpFlags::ACK), segment.is_clients()) {
            (true, true) => segment.refuse(StreamEvent::ThreeWhsSynackToserverOnSynRecv),
            (true, false) if tcp.ack != client.acked => {
                segment.refuse(StreamEvent::ThreeWhsSynackResendWithDifferentAck);
            }
            (true, false) if tcp.seq != server.isn => {
                segment.refuse(StreamEvent::ThreeWhsSynackResendWithDiffSeq);
                session.extra_syn_acks = session.extra_syn_acks.saturating_add(1);
                session.extra_isn = tcp.seq;
                if session.extra_syn_acks >= self.config.max_syn_acks {
                    segment.event(StreamEvent::ThreeWhsSynackFlood);
                }
            }
            (false, true) if tcp.seq != client.isn => {
                segment.refuse(StreamEvent::ThreeWhsSynResendDiffSeqOnSynRecv);
            }
            (false, false) => segment.refuse(StreamEvent::ThreeWhsSynToclientOnSynRecv),
            _ => {}
        }
    }

    /// Established, closing or closed.
    #[inline]
    fn open<S: StreamSink>(&mut self, session: &mut TcpSession, segment: &mut Segment<'_, '_>, sink: &mut S) {
        if !self.judge(session, segment) {
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
        if session.halves[0].is(Half::FIN) || session.halves[1].is(Half::FIN) {
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
        if half.is(Half::FIN) {
            return;
        }
        half.fin = segment.end();
        half.marks |= Half::FIN;
        let behind = half.fin.wrapping_add(1);
        if seq_gt(behind, half.high) {
            half.high = behind;
        }
        if segment.is_clients() && !other.is(Half::FIN) {
            session.marks |= TcpSession::CLIENT_CLOSES;
        }
    }

    /// Whether the receiver would take this segment of an open connection. What is not taken is noted.
    #[inline]
    fn judge(&mut self, session: &mut TcpSession, segment: &mut Segment<'_, '_>) -> bool {
        let tcp = segment.tcp;
        let plain = tcp.flags.0 & !(TcpFlags::PSH | TcpFlags::FIN | TcpFlags::ECE | TcpFlags::CWR | TcpFlags::URG);
        if plain != TcpFlags::ACK {
            if segment.has(TcpFlags::RST) {
                let valid = reset_is_valid(session, segment);
                reset(session, segment, valid);
                return false;
            }
            if segment.has(TcpFlags::SYN) {
                stray_syn(session, segment);
                return false;
            }
            if tcp.ack != 0 {
                segment.event(StreamEvent::PktBrokenAck);
            }
        }
        let half = &session.halves[segment.direction.index()];
        if !half.is(Half::KNOWN) {
            // Picked up by a segment that acknowledged nothing.
            session.halves[segment.direction.index()].start(tcp.seq.wrapping_sub(1));
        }
        timestamp_fits(session, segment)
            && ack_fits(session, segment)
            && not_known_already(session, segment)
            && window_fits(session, segment)
    }
}

/// Takes what cannot come: for deliveries that the caller knows not to happen.
struct Nowhere;

impl StreamSink for Nowhere {
    fn data(&mut self, _: Direction, _: u64, _: &[u8], _: bool) {}
    fn gap(&mut self, _: Direction, _: u64, _: u64) {}
    fn end(&mut self, _: Direction) {}
}

/// The sender's half and the receiver's.
fn pair(session: &mut TcpSession, direction: Direction) -> [&mut Half; 2] {
    let [client, server] = &mut session.halves;
    match direction {
        Direction::ToServer => [client, server],
        Direction::ToClient => [server, client],
    }
}

fn note_options(half: &mut Half, tcp: &Tcp<'_>, seconds: u32) {
    if let Some(scale) = tcp.window_scale {
        half.scale = scale.min(UNKNOWN_SCALE);
        half.marks |= Half::SCALE;
    }
    if let Some((value, _)) = tcp.timestamps {
        (half.timestamp, half.timestamp_at) = (value, seconds);
        half.marks |= Half::TIMESTAMP;
    }
}

/// Whether a SYN's options ask for TCP Fast Open.
fn has_fast_open(mut options: &[u8]) -> bool {
    loop {
        match *options {
            [OPTION_FAST_OPEN, ..] => return true,
            [1, ref rest @ ..] => options = rest,
            [0, ..] | [] => return false,
            [_, len, ..] if len >= 2 => match options.get(usize::from(len)..) {
                Some(rest) => options = rest,
                None => return false,
            },
            _ => return false,
        }
    }
}

/// Starts both halves from a segment in the middle of a connection.
fn pick_up(session: &mut TcpSession, segment: &mut Segment<'_, '_>) {
    let tcp = segment.tcp;
    session.marks |= TcpSession::LOOSE | TcpSession::MIDSTREAM;
    let [half, other] = pair(session, segment.direction);
    half.start(tcp.seq.wrapping_sub(1));
    other.start(tcp.ack.wrapping_sub(1));
    (half.scale, other.scale) = (UNKNOWN_SCALE, UNKNOWN_SCALE);
    segment.report.payload = PayloadFate::Empty;
}

/// Starts the server's half where only the client's SYN was seen.
fn pick_up_server(session: &mut TcpSession, segment: &Segment<'_, '_>) {
    session.marks |= TcpSession::LOOSE;
    let tcp = segment.tcp;
    let isn = if segment.is_clients() { tcp.ack } else { tcp.seq }.wrapping_sub(1);
    let [client, server] = &mut session.halves;
    server.start(isn);
    server.scale = UNKNOWN_SCALE;
    client.high = client.isn.wrapping_add(1).wrapping_add(client.next as u32);
}

/// A reset arrived: closes the session if it is valid.
fn reset(session: &mut TcpSession, segment: &mut Segment<'_, '_>, valid: bool) {
    if !segment.payload.is_empty() {
        segment.event(StreamEvent::RstWithData);
    }
    segment.report.payload = if valid { PayloadFate::Empty } else { PayloadFate::Invalid };
    if valid {
        if session.state != TcpState::Closed {
            session.before_reset = session.state;
            session.halves[segment.direction.index()].marks |= Half::RESET;
        }
        session.state = TcpState::Closed;
    }
}

/// Whoever goes on talking after a reset did not send it: the connection is as it was before.
fn reopen_after_reset(session: &mut TcpSession, segment: &mut Segment<'_, '_>) {
    let half = &mut session.halves[segment.direction.index()];
    if half.is(Half::RESET) && !segment.tcp.flags.any(TcpFlags::RST) {
        half.marks &= !Half::RESET;
        segment.event(StreamEvent::SuspectedRstInject);
        session.state = std::mem::take(&mut session.before_reset);
    }
}

/// Whether the receiver would take the reset (RFC 9293 §3.5.3; senders that do not count as RFC 5961 wants are let by).
fn reset_is_valid(session: &mut TcpSession, segment: &mut Segment<'_, '_>) -> bool {
    let tcp = segment.tcp;
    let loose = session.is(TcpSession::LOOSE);
    let [half, other] = pair(session, segment.direction);
    if loose || !half.is(Half::KNOWN) {
        return true;
    }
    if segment.tcp.flags.any(TcpFlags::ACK) && tcp.ack != 0 && seq_gt(tcp.ack, other.window_end) {
        segment.event(StreamEvent::RstInvalidAck);
        return false;
    }
    let in_window = seq_ge(tcp.seq, half.acked) && seq_ge(half.window_end, tcp.seq);
    in_window || tcp.seq == half.high || tcp.seq == half.next_seq()
}

/// A SYN or SYN/ACK in an open connection: never taken.
fn stray_syn(session: &TcpSession, segment: &mut Segment<'_, '_>) {
    let tcp = segment.tcp;
    let [client, server] = &session.halves;
    if segment.has(TcpFlags::FIN) {
        segment.event(StreamEvent::FinSyn);
    }
    let closing = session.state != TcpState::Established;
    let event = match (segment.has(TcpFlags::ACK), segment.is_clients()) {
        (false, _) if closing => StreamEvent::ShutdownSynResend,
        (false, true) if tcp.seq == client.isn => StreamEvent::EstSynResend,
        (false, true) => StreamEvent::EstSynResendDiffSeq,
        (false, false) => StreamEvent::EstSynToclient,
        (true, true) => StreamEvent::EstSynackToserver,
        (true, false) if tcp.ack != client.isn.wrapping_add(1) => StreamEvent::EstSynackResendWithDifferentAck,
        (true, false) if tcp.seq != server.isn => StreamEvent::EstSynackResendWithDiffSeq,
        (true, false) => {
            // The server may not have got the last ACK of the handshake yet; then it has to say it again.
            let confirmed = server.high != server.isn.wrapping_add(1) || client.acked != client.isn.wrapping_add(1);
            segment.report.payload = PayloadFate::Duplicate;
            if !confirmed {
                return;
            }
            StreamEvent::EstSynackResend
        }
    };
    segment.refuse(event);
}

/// A SYN or SYN/ACK of a simultaneous open.
fn four_way_syn(session: &mut TcpSession, segment: &mut Segment<'_, '_>) -> bool {
    let tcp = segment.tcp;
    let [half, other] = pair(session, segment.direction);
    if tcp.seq != half.isn {
        segment.refuse(StreamEvent::FourWhsSynackWithWrongSyn);
    } else if segment.has(TcpFlags::ACK) {
        if !(seq_gt(tcp.ack, other.isn) && seq_ge(other.high, tcp.ack)) {
            segment.refuse(StreamEvent::FourWhsSynackWithWrongAck);
        } else {
            other.acknowledge(tcp.ack, u32::from(tcp.window));
        }
    }
    false
}

/// The ACK that completes a simultaneous open.
fn four_way_ack(session: &mut TcpSession, segment: &mut Segment<'_, '_>) -> bool {
    let tcp = segment.tcp;
    let [half, other] = pair(session, segment.direction);
    if !(seq_gt(tcp.seq, half.isn) && seq_ge(half.high, tcp.seq)) {
        segment.refuse(StreamEvent::FourWhsWrongSeq);
        return false;
    }
    if !seq_ge(tcp.ack, other.isn.wrapping_add(1)) {
        segment.refuse(StreamEvent::FourWhsInvalidAck);
        return false;
    }
    session.state = TcpState::Established;
    segment.report.payload = PayloadFate::Empty;
    true
}

/// Protection against wrapped sequence numbers (RFC 7323 §5).
#[inline]
fn timestamp_fits(session: &mut TcpSession, segment: &mut Segment<'_, '_>) -> bool {
    if !session.is(TcpSession::TIMESTAMPS) {
        return true;
    }
    let Some((value, _)) = segment.tcp.timestamps else { return true };
    let half = &mut session.halves[segment.direction.index()];
    let old = (value.wrapping_sub(half.timestamp) as i32) < 0;
    if old && segment.seconds.saturating_sub(half.timestamp_at) < TIMESTAMP_LIFE_S {
        segment.refuse(StreamEvent::PktInvalidTimestamp);
        return false;
    }
    if segment.tcp.seq == half.high {
        (half.timestamp, half.timestamp_at) = (value, segment.seconds);
    }
    true
}

/// Whether the acknowledgement is one that the other side's bytes allow (RFC 5961 §5).
#[inline]
fn ack_fits(session: &mut TcpSession, segment: &mut Segment<'_, '_>) -> bool {
    if !segment.has(TcpFlags::ACK) || session.is(TcpSession::LOOSE) {
        return true;
    }
    let ack = segment.tcp.ack;
    let state = session.state;
    let [half, other] = pair(session, segment.direction);
    if ack == other.acked || seq_gt(ack, other.acked) && seq_ge(other.high, ack) {
        return true;
    }
    // Beyond what was seen but within the window: we missed a segment. Far behind: never said by this connection.
    let ahead = seq_gt(ack, other.acked);
    let allowed = if ahead {
        // A FIN takes a sequence number that windows do not count.
        seq_ge(other.window_end.wrapping_add(1), ack)
    } else {
        other.window == 0 || seq_ge(ack, other.acked.wrapping_sub(other.window.max(1 << 16)))
    };
    if allowed {
        return true;
    }
    half.outside = half.outside.saturating_add(1);
    if half.outside >= OUTSIDE_LIMIT {
        session.marks |= TcpSession::LOOSE;
    }
    segment.event(StreamEvent::PktInvalidAck);
    let fin = segment.has(TcpFlags::FIN);
    segment.refuse(match state {
        _ if fin => StreamEvent::FinInvalidAck,
        TcpState::FinWait1 => StreamEvent::Fin1InvalidAck,
        TcpState::FinWait2 => StreamEvent::Fin2InvalidAck,
        TcpState::CloseWait => StreamEvent::ClosewaitInvalidAck,
        TcpState::Closing => StreamEvent::ClosingInvalidAck,
        TcpState::LastAck => StreamEvent::LastackInvalidAck,
        TcpState::TimeWait => StreamEvent::TimewaitInvalidAck,
        _ => StreamEvent::EstInvalidAck,
    });
    false
}

/// Sorts out segments whose bytes the receiver has acknowledged, and notes retransmissions.
#[inline]
fn not_known_already(session: &mut TcpSession, segment: &mut Segment<'_, '_>) -> bool {
    let half = &session.halves[segment.direction.index()];
    if segment.payload.is_empty() || segment.tcp.seq == half.high {
        return true;
    }
    let end = segment.end();
    if seq_gt(end, half.high) {
        return true;
    }
    let keep_alive = segment.payload.len() == 1 && end == half.high;
    if !keep_alive {
        let spurious = seq_ge(half.acked, end);
        segment.event(if spurious { StreamEvent::PktSpuriousRetransmission } else { StreamEvent::PktRetransmission });
    }
    if seq_gt(half.acked, end) {
        segment.event(match session.state {
            TcpState::Established => StreamEvent::EstPktBeforeLastAck,
            TcpState::CloseWait => StreamEvent::ClosewaitPktBeforeLastAck,
            _ => StreamEvent::ReassemblySegmentBeforeBaseSeq,
        });
    }
    true
}

/// Whether the segment lies in the window that the receiver granted.
#[inline]
fn window_fits(session: &mut TcpSession, segment: &mut Segment<'_, '_>) -> bool {
    if session.is(TcpSession::LOOSE) {
        return true;
    }
    let state = session.state;
    let end = segment.end();
    let [half, other] = pair(session, segment.direction);
    // A zero window is probed with one byte (RFC 9293 §3.8.6.1).
    let probe = half.window == 0 && segment.payload.len() == 1 && segment.tcp.seq == half.window_end;
    if seq_ge(half.window_end, end) || probe {
        half.outside = 0;
        let tcp = segment.tcp;
        if segment.payload.is_empty() && seq_gt(tcp.seq, half.high) && seq_gt(other.high, tcp.ack) {
            let window = u32::from(tcp.window) << half.scale.min(UNKNOWN_SCALE);
            if other.window.saturating_sub(window) > other.high.wrapping_sub(tcp.ack) {
                segment.refuse(StreamEvent::PktBadWindowUpdate);
                return false;
            }
        }
        return true;
    }
    if segment.payload.is_empty() && segment.tcp.seq == half.high {
        return true;
    }
    half.outside = half.outside.saturating_add(1);
    if half.outside >= OUTSIDE_LIMIT {
        session.marks |= TcpSession::LOOSE;
    }
    let fin = segment.has(TcpFlags::FIN);
    segment.refuse(match state {
        TcpState::FinWait1 if fin => StreamEvent::Fin1FinWrongSeq,
        TcpState::FinWait1 => StreamEvent::Fin1AckWrongSeq,
        TcpState::FinWait2 if fin => StreamEvent::Fin2FinWrongSeq,
        TcpState::FinWait2 => StreamEvent::Fin2AckWrongSeq,
        TcpState::CloseWait if fin => StreamEvent::ClosewaitFinOutOfWindow,
        TcpState::CloseWait => StreamEvent::ClosewaitAckOutOfWindow,
        TcpState::Closing => StreamEvent::ClosingAckWrongSeq,
        TcpState::LastAck => StreamEvent::LastackAckWrongSeq,
        TcpState::TimeWait => StreamEvent::TimewaitAckWrongSeq,
        _ if fin => StreamEvent::FinOutOfWindow,
        _ => StreamEvent::EstPacketOutOfWindow,
    });
    false
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
