//! How connections start (RFC 9293 §3.5, RFC 7413): from nothing to established, or to nothing.

use super::judge::{UNKNOWN_SCALE, reset, reset_is_valid};
use super::session::{Half, TcpSession, seq_ge, seq_gt};
use super::tracker::{Segment, pair};
use super::{PayloadFate, StreamEngine, StreamEvent, StreamSink};
use crate::event::TcpState;
use crate::packet::{Direction, Tcp, TcpFlags};

/// TCP option kind of Fast Open (RFC 7413 §4.1.1).
const OPTION_FAST_OPEN: u8 = 34;
/// Experimental option kind (RFC 6994), and what marks Fast Open among them (RFC 7413 appendix).
const OPTION_EXPERIMENT: u8 = 254;
const EXPERIMENT_FAST_OPEN: [u8; 2] = [0xf9, 0x89];

impl StreamEngine {
    /// Nothing was seen of the connection yet. Tells whether the segment belongs to an established connection now.
    pub(super) fn first<S: StreamSink>(
        &mut self,
        session: &mut TcpSession,
        segment: &mut Segment<'_, '_>,
        sink: &mut S,
    ) -> bool {
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
            self.take_syn(session, segment, sink);
            session.state = TcpState::SynSent;
            return false;
        }
        if !segment.payload.is_empty() {
            // Its SYN/ACK was seen, and nothing of the client.
            let [half, other] = pair(session, segment.direction);
            if half.flags & TcpFlags::SYN != 0 && other.flags == 0 {
                self.note_sides(session, true);
            }
        }
        // One that carries data may be all that there is of a connection.
        if flags.any(TcpFlags::FIN) && (!self.config.midstream || segment.payload.is_empty()) {
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
        } else if self.config.midstream || self.follows_one_side() {
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
    ///
    /// Data in a SYN waits until the other side has taken it; in line, where the verdict cannot wait, data of a Fast
    /// Open is delivered at once, and what is sent again in its stead follows behind it.
    fn take_syn<S: StreamSink>(&mut self, session: &mut TcpSession, segment: &mut Segment<'_, '_>, sink: &mut S) {
        let tcp = segment.tcp;
        let [half, other] = pair(session, segment.direction);
        let delivered = half.next;
        half.start(tcp.seq);
        half.next = delivered;
        half.marks &= !(Half::SCALE | Half::TIMESTAMP | Half::FAST_OPEN);
        note_options(half, tcp, segment.seconds);
        if has_fast_open(tcp.options) {
            half.marks |= Half::FAST_OPEN;
        }
        other.window = u32::from(tcp.window);
        half.high = segment.end().wrapping_add(1);
        let at_once = self.config.inline && half.is(Half::FAST_OPEN) && delivered == 0;
        let mut events = segment.report.events;
        segment.report.payload = if delivered > 0 {
            PayloadFate::Duplicate
        } else if half.is(Half::SYN_DATA) || !segment.payload.is_empty() {
            let mut lane = self.lane(session, segment.direction, sink, &mut events);
            let kept = lane.keep_syn_data(segment.payload);
            if at_once {
                lane.settle_syn_data(true);
                PayloadFate::InOrder
            } else {
                kept
            }
        } else {
            PayloadFate::Empty
        };
        segment.report.events = events;
        self.counters.memory_bytes = self.pool.bytes_in_use();
    }

    /// The client's SYN was seen. Tells whether the segment belongs to an established connection now.
    pub(super) fn syn_sent<S: StreamSink>(
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
                (false, true) => self.another_syn(session, segment, sink),
                (false, false) => {
                    self.take_syn(session, segment, sink);
                    session.marks |= TcpSession::FOUR_WAY | TcpSession::LOOSE;
                    session.state = TcpState::SynRecv;
                }
            }
            return false;
        }
        if !segment.has(TcpFlags::ACK) {
            return false;
        }
        // The client sends data, so it has the SYN/ACK; the server's packets do not come here.
        if segment.is_clients() && !segment.payload.is_empty() && session.halves[1].flags == 0 {
            self.note_sides(session, true);
        }
        let client = &session.halves[0];
        if !(self.config.midstream || self.follows_one_side()) {
            return false;
        }
        // The SYN/ACK was not seen: this capture shows one side only, or lost it.
        let in_order =
            !segment.is_clients() || seq_ge(tcp.seq, client.isn.wrapping_add(1)) && seq_ge(client.high, tcp.seq);
        if !in_order {
            segment.event(StreamEvent::ThreeWhsAsyncWrongSeq);
            return false;
        }
        if segment.is_clients() && session.halves[1].flags == 0 {
            self.note_sides(session, true);
        }
        let client = &session.halves[0];
        let next = client.isn.wrapping_add(1);
        let accepted = if segment.is_clients() { tcp.seq != next } else { seq_gt(tcp.ack, next) };
        let mut events = segment.report.events;
        self.lane(session, Direction::ToServer, sink, &mut events).settle_syn_data(accepted);
        segment.report.events = events;
        let client = &mut session.halves[0];
        if client.next > 0 && !accepted {
            client.go_on_at(next);
        }
        pick_up_server(session, segment);
        session.state = TcpState::Established;
        segment.report.payload = PayloadFate::Empty;
        true
    }

    fn another_syn<S: StreamSink>(&mut self, session: &mut TcpSession, segment: &mut Segment<'_, '_>, sink: &mut S) {
        session.extra_syns = session.extra_syns.saturating_add(1);
        if session.extra_syns > self.config.max_syns {
            segment.event(StreamEvent::ThreeWhsSynFlood);
        }
        self.take_syn(session, segment, sink);
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
        if (client.is(Half::SYN_DATA) || client.next > 0) && client.is(Half::FAST_OPEN) && !data_taken {
            segment.event(StreamEvent::ThreeWhsSynackTfoDataIgnored);
        }
        let window = server.window;
        server.start(tcp.seq);
        note_options(server, tcp, segment.seconds);
        server.acknowledge(server.high, window);
        if client.next > 0 {
            client.go_on_at(tcp.ack);
        }
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
        self.note_sides(session, false);
        segment.report.payload = PayloadFate::Empty;
        let mut events = segment.report.events;
        self.lane(session, Direction::ToServer, sink, &mut events).settle_syn_data(data_taken);
        segment.report.events = events;
        self.counters.memory_bytes = self.pool.bytes_in_use();
    }

    /// SYN and SYN/ACK were seen. Tells whether the segment belongs to an established connection now.
    pub(super) fn syn_received(&mut self, session: &mut TcpSession, segment: &mut Segment<'_, '_>) -> bool {
        segment.report.payload = PayloadFate::NoSession;
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
        if !self.last_ack_fits(session, segment) {
            return false;
        }
        if !segment.is_clients() && !segment.payload.is_empty() && session.halves[0].flags == 0 {
            self.note_sides(session, true);
        }
        session.state = TcpState::Established;
        segment.report.payload = PayloadFate::Empty;
        true
    }

    /// Whether the segment completes the handshake, or shows that what completed it was lost on the way to us.
    fn last_ack_fits(&self, session: &mut TcpSession, segment: &mut Segment<'_, '_>) -> bool {
        let tcp = segment.tcp;
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
                if session.extra_syn_acks > self.config.max_syn_acks {
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
pub(crate) fn has_fast_open(mut options: &[u8]) -> bool {
    loop {
        match *options {
            [OPTION_FAST_OPEN, ..] => return true,
            [OPTION_EXPERIMENT, _, a, b, ..] if [a, b] == EXPERIMENT_FAST_OPEN => return true,
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
    if half.next > 0 {
        half.go_on_at(tcp.seq);
    }
    session.state = TcpState::Established;
    segment.report.payload = PayloadFate::Empty;
    true
}
