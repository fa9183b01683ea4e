//! How connections end: FIN, RST, and those that are not what they seem.

use super::*;

fn states(t: &mut Talk, steps: &[(Direction, u8, u32, u32, TcpState)]) {
    for &(direction, flags, seq, ack, state) in steps {
        let report = t.send(direction, tcp(flags, seq, ack), b"");
        assert!(report.events.is_empty(), "{:?}", report.events.iter().collect::<Vec<_>>());
        assert_eq!(t.session.state(), state);
    }
}

const C: Direction = Direction::ToServer;
const S: Direction = Direction::ToClient;

#[test]
fn the_client_closes_first() {
    let mut t = open();
    states(
        &mut t,
        &[
            (C, FIN | ACK, 1, 1001, TcpState::CloseWait),
            (S, ACK, 1001, 2, TcpState::CloseWait),
            (S, FIN | ACK, 1001, 2, TcpState::LastAck),
            (C, ACK, 2, 1002, TcpState::Closed),
        ],
    );
    assert_eq!(t.record.ended, [true; 2]);
    t.close();
}

#[test]
fn the_server_closes_first() {
    let mut t = open();
    states(
        &mut t,
        &[
            (S, FIN | ACK, 1001, 1, TcpState::FinWait1),
            (C, ACK, 1, 1002, TcpState::FinWait2),
            (C, FIN | ACK, 1, 1002, TcpState::TimeWait),
            (S, ACK, 1002, 2, TcpState::Closed),
        ],
    );
    t.close();
}

#[test]
fn both_close_at_once() {
    let mut t = open();
    states(
        &mut t,
        &[
            (S, FIN | ACK, 1001, 1, TcpState::FinWait1),
            (C, FIN | ACK, 1, 1001, TcpState::Closing),
            (C, ACK, 2, 1002, TcpState::TimeWait),
            (S, ACK, 1002, 2, TcpState::Closed),
        ],
    );
    t.close();
}

#[test]
fn the_end_waits_for_what_is_missing() {
    let mut t = open();
    t.client(FIN | ACK, 4, 1001, b"def");
    assert_eq!(t.session.state(), TcpState::CloseWait);
    assert!(!t.record.ended[0]);
    t.client(ACK, 1, 1001, b"abc");
    assert!(!t.record.ended[0], "not acknowledged yet");
    t.server(ACK, 1001, 8, b"");
    assert!(t.record.ended[0]);
    assert_eq!(t.record.bytes[0], b"abcdef");
    assert_eq!(t.client(ACK, 8, 1001, b"more").payload, PayloadFate::OutsideWindow);
    t.close();
}

#[test]
fn a_fin_that_the_receiver_never_saw_hides_nothing() {
    let mut t = open();
    t.client(ACK, 1, 1001, b"abc");
    t.client(FIN | ACK, 4, 1001, b"");
    assert_eq!(t.client(ACK, 4, 1001, b"hidden").payload, PayloadFate::InOrder);
    t.server(ACK, 1001, 10, b"");
    assert!(!t.record.ended[0]);
    assert_eq!(t.session.state(), TcpState::Established);
    t.client(ACK, 10, 1001, b"!");
    assert_eq!(t.record.bytes[0], b"abchidden!");
    t.close();
}

#[test]
fn the_other_side_may_go_on_after_a_fin() {
    let mut t = open();
    t.client(FIN | ACK, 1, 1001, b"");
    t.server(ACK, 1001, 2, b"response");
    assert_eq!(t.record.bytes[1], b"response");
    t.close();
}

#[test]
fn a_reset_closes() {
    let mut t = open();
    let report = t.client(RST | ACK, 1, 1001, b"");
    assert!(report.state_changed && report.events.is_empty());
    assert_eq!(t.session.state(), TcpState::Closed);
    t.close();
}

#[test]
fn a_reset_outside_the_window_does_not_close() {
    let mut t = open();
    t.client(RST, 500_000, 0, b"");
    assert_eq!(t.session.state(), TcpState::Established);
    let report = t.client(RST | ACK, 1, 500_000, b"");
    assert!(report.events.contains(StreamEvent::RstInvalidAck));
    assert_eq!(t.session.state(), TcpState::Established);
    t.close();
}

#[test]
fn a_reset_may_answer_the_syn() {
    let mut t = talk();
    t.client(SYN, 0, 0, b"");
    t.server(RST | ACK, 0, 77, b"");
    assert_eq!(t.session.state(), TcpState::SynSent);
    t.server(RST | ACK, 0, 1, b"");
    assert_eq!(t.session.state(), TcpState::Closed);
    t.close();
}

#[test]
fn an_injected_reset_hides_nothing() {
    let mut t = open();
    t.server(ACK, 1001, 1, b"abc");
    t.server(RST | ACK, 1004, 1, b"");
    assert_eq!(t.session.state(), TcpState::Closed);
    let report = t.server(ACK, 1004, 1, b"def");
    assert!(report.events.contains(StreamEvent::SuspectedRstInject));
    assert_eq!(t.session.state(), TcpState::Established);
    assert!(t.server(ACK, 1007, 1, b"ghi").events.is_empty());
    assert_eq!(t.record.bytes[1], b"abcdefghi");
    t.close();
}

#[test]
fn data_on_a_reset_is_noted_and_not_used() {
    let mut t = open();
    assert!(t.client(RST | ACK, 1, 1001, b"why").events.contains(StreamEvent::RstWithData));
    t.close();
    assert!(t.record.bytes[0].is_empty());
}

#[test]
fn syns_in_an_open_connection_are_noted() {
    let mut t = open();
    assert!(t.server(SYN | ACK, 1000, 1, b"").events.is_empty(), "the server waits for the last ACK");
    t.client(ACK, 1, 1001, b"x");
    t.server(ACK, 1001, 2, b"y");
    for (report, event) in [
        (t.client(SYN, 0, 0, b""), StreamEvent::EstSynResend),
        (t.client(SYN, 9, 0, b""), StreamEvent::EstSynResendDiffSeq),
        (t.server(SYN, 9, 0, b""), StreamEvent::EstSynToclient),
        (t.client(SYN | ACK, 0, 1001, b""), StreamEvent::EstSynackToserver),
        (t.server(SYN | ACK, 1000, 1, b""), StreamEvent::EstSynackResend),
        (t.server(SYN | ACK, 1000, 9, b""), StreamEvent::EstSynackResendWithDifferentAck),
        (t.server(SYN | ACK, 9, 1, b""), StreamEvent::EstSynackResendWithDiffSeq),
    ] {
        assert_eq!(report.events.iter().collect::<Vec<_>>(), [event]);
        assert_eq!(report.payload, PayloadFate::Invalid);
    }
    t.client(FIN | ACK, 2, 1002, b"");
    assert!(t.client(SYN, 0, 0, b"").events.contains(StreamEvent::ShutdownSynResend));
    t.close();
}

#[test]
fn a_new_connection_is_told_from_an_old_one() {
    let mut t = open();
    assert!(!t.session.reopened_by(&tcp(SYN, 77_000, 0), C), "still open");
    t.client(FIN | ACK, 1, 1001, b"");
    assert!(!t.session.reopened_by(&tcp(SYN, 0, 0), C), "the same SYN again");
    assert!(t.session.reopened_by(&tcp(SYN, 77_000, 0), C));
    assert!(!t.session.reopened_by(&tcp(ACK, 77_000, 0), C));
    assert!(!TcpSession::default().reopened_by(&tcp(SYN, 1, 0), C), "nothing was seen yet");
    t.close();
}

#[test]
fn segments_that_the_receiver_has_are_named_by_state() {
    let mut t = open();
    t.client(ACK, 1, 1001, b"abcdef");
    t.server(ACK, 1001, 7, b"");
    assert!(t.client(ACK, 1, 1001, b"abc").events.contains(StreamEvent::EstPktBeforeLastAck));
    t.client(FIN | ACK, 7, 1001, b"");
    assert!(t.client(ACK, 1, 1001, b"abc").events.contains(StreamEvent::ClosewaitPktBeforeLastAck));
    t.close();
}

#[test]
fn wrong_numbers_while_closing_are_named_by_state() {
    let mut t = open();
    t.server(FIN | ACK, 1001, 1, b"");
    for (report, event) in [
        (t.client(ACK, 1, 900_000, b""), StreamEvent::Fin1InvalidAck),
        (t.client(ACK, 90_000, 1001, b"x"), StreamEvent::Fin1AckWrongSeq),
        (t.client(FIN | ACK, 90_000, 1001, b"x"), StreamEvent::Fin1FinWrongSeq),
    ] {
        assert!(report.events.contains(event), "{event:?}");
    }
    t.client(ACK, 1, 1002, b"");
    assert!(t.client(ACK, 90_000, 1002, b"x").events.contains(StreamEvent::Fin2AckWrongSeq));
    t.client(FIN | ACK, 1, 1002, b"");
    assert!(t.client(ACK, 90_000, 1002, b"x").events.contains(StreamEvent::TimewaitAckWrongSeq));
    assert!(t.server(ACK, 1002, 900_000, b"").events.contains(StreamEvent::TimewaitInvalidAck));
    t.close();
    assert!(TcpFlags(t.session.summary().flags[0]).all(FIN | ACK | SYN));
}

#[test]
fn a_handshake_that_was_reset_stays_a_handshake() {
    let mut t = talk();
    t.client(SYN, 0, 0, b"data");
    t.client(RST, 0, 0, b"");
    assert_eq!(t.session.state(), TcpState::Closed);
    assert_eq!(t.server(ACK, 0, 5, b"").payload, PayloadFate::NoSession);
    assert!(t.record.bytes[0].is_empty(), "nobody took the data of that SYN");
    let report = t.client(SYN, 1, 0, b"anew");
    assert!(report.events.contains(StreamEvent::SuspectedRstInject));
    assert_eq!(t.session.state(), TcpState::SynSent);
    t.server(SYN | ACK, 1000, 6, b"");
    t.client(ACK, 6, 1001, b"!");
    assert_eq!(t.record.bytes[0], b"anew!");
    t.close();
}

#[test]
fn a_fin_before_what_was_acknowledged_hides_nothing() {
    let mut t = open();
    t.client(ACK, 1, 1001, b"abcdef");
    t.server(ACK, 1001, 7, b"");
    t.client(FIN | ACK, 1, 1001, b"abc");
    t.server(ACK, 1001, 7, b"");
    assert_eq!(t.session.state(), TcpState::Established);
    assert_eq!(t.client(ACK, 7, 1001, b"hidden").payload, PayloadFate::InOrder);
    t.close();
    assert_eq!(t.record.bytes[0], b"abcdefhidden");
}

#[test]
fn a_fin_may_come_after_its_acknowledgement() {
    let mut t = open();
    t.client(ACK, 1, 1001, b"abc");
    t.server(ACK, 1001, 5, b"");
    t.client(FIN | ACK, 4, 1001, b"");
    assert!(t.record.ended[0]);
    t.close();
    assert!(t.record.gaps[0].is_empty());
}
