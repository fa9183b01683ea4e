//! Whether a segment of an open connection is one that the receiver would take, and what is odd about it.

use super::session::{Half, TcpSession, seq_ge, seq_gt};
use super::tracker::{Segment, pair};
use super::{PayloadFate, StreamEvent};
use crate::event::TcpState;
use crate::packet::TcpFlags;

/// Scale assumed for windows of connections whose handshake was not seen: the largest of RFC 7323.
pub(super) const UNKNOWN_SCALE: u8 = 14;
/// Acknowledgements beyond the window after which the receiver is believed: then it was we who missed segments, and
/// with them the window's growth. The sender's own segments prove nothing, or it could push them past the window.
const BEYOND_LIMIT: u8 = 3;
/// After that many seconds of silence a timestamp says nothing (RFC 7323 §5.5: 24 days).
const TIMESTAMP_LIFE_S: u32 = 24 * 24 * 3600;

/// Whether the receiver would take this segment of an open connection. What is not taken is noted.
#[inline]
pub(super) fn judge(session: &mut TcpSession, segment: &mut Segment<'_, '_>) -> bool {
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
        // Without the ACK flag no receiver takes it (RFC 9293 §3.10.7.4).
        segment.report.payload = PayloadFate::Invalid;
        return false;
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

/// A reset arrived: closes the session if it is valid.
pub(super) fn reset(session: &mut TcpSession, segment: &mut Segment<'_, '_>, valid: bool) {
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
pub(super) fn reopen_after_reset(session: &mut TcpSession, segment: &mut Segment<'_, '_>) {
    let half = &mut session.halves[segment.direction.index()];
    if half.is(Half::RESET) && !segment.tcp.flags.any(TcpFlags::RST) {
        half.marks &= !Half::RESET;
        segment.event(StreamEvent::SuspectedRstInject);
        session.state = std::mem::take(&mut session.before_reset);
    }
}

/// Whether the receiver would take the reset (RFC 9293 §3.5.3; senders that do not count as RFC 5961 wants are let by).
pub(super) fn reset_is_valid(session: &mut TcpSession, segment: &mut Segment<'_, '_>) -> bool {
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
        (true, false) if !(seq_gt(tcp.ack, client.isn) && seq_ge(client.acked, tcp.ack)) => {
            StreamEvent::EstSynackResendWithDifferentAck
        }
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
    let [_, other] = pair(session, segment.direction);
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
    if ahead {
        other.beyond = other.beyond.saturating_add(1);
        if other.beyond > BEYOND_LIMIT {
            other.beyond = 0;
            other.window_end = ack;
            return true;
        }
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
    if probe {
        half.marks |= Half::PROBED;
    }
    if seq_ge(half.window_end, end) || probe {
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
