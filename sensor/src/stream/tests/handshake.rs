//! How connections start: handshakes, odd ones, and none.

use super::*;

const C: Direction = Direction::ToServer;
const S: Direction = Direction::ToClient;

fn midstream() -> Talk {
    Talk::new(StreamConfig { midstream: true, ..StreamConfig::default() })
}

#[test]
fn states_of_a_handshake() {
    let mut t = talk();
    assert!(t.client(SYN, 0, 0, b"").state_changed);
    assert_eq!(t.session.state(), TcpState::SynSent);
    t.server(SYN | ACK, 1000, 1, b"");
    assert_eq!(t.session.state(), TcpState::SynRecv);
    assert!(!t.session.established());
    let report = t.client(ACK, 1, 1001, b"");
    assert!(report.established_now && t.session.established());
    assert!(!t.client(ACK, 1, 1001, b"x").established_now);
    assert_eq!(t.session.summary().flags, [SYN | ACK, SYN | ACK]);
    t.close();
}

#[test]
fn the_last_ack_may_carry_data() {
    let mut t = talk();
    t.client(SYN, 0, 0, b"");
    t.server(SYN | ACK, 1000, 1, b"");
    let report = t.client(ACK, 1, 1001, b"GET /");
    assert!(report.established_now);
    assert_eq!(t.record.bytes[0], b"GET /");
    t.close();
}

#[test]
fn a_lost_last_ack_is_made_up_for_by_the_servers_data() {
    let mut t = talk();
    t.client(SYN, 0, 0, b"");
    t.server(SYN | ACK, 1000, 1, b"");
    let report = t.server(ACK, 1001, 1, b"");
    assert!(report.events.contains(StreamEvent::ThreeWhsAckInWrongDir));
    assert!(!t.session.established());
    assert!(t.server(ACK, 1001, 1, b"220 banner").established_now);
    assert_eq!(t.record.bytes[1], b"220 banner");
    t.close();
}

#[test]
fn in_line_the_servers_data_waits_for_the_handshake() {
    let mut t = Talk::new(StreamConfig { inline: true, ..StreamConfig::default() });
    t.client(SYN, 0, 0, b"");
    t.server(SYN | ACK, 1000, 1, b"");
    let report = t.server(ACK, 1001, 1, b"220 banner");
    assert!(report.events.contains(StreamEvent::ThreeWhsAckDataInject));
    assert_eq!(report.payload, PayloadFate::Invalid);
    t.close();
}

#[test]
fn wrong_answers_in_the_handshake() {
    let mut t = talk();
    t.client(SYN, 0, 0, b"");
    assert!(t.server(SYN | ACK, 1000, 77, b"").events.contains(StreamEvent::ThreeWhsSynackWithWrongAck));
    assert!(t.client(SYN | ACK, 0, 1, b"").events.contains(StreamEvent::ThreeWhsSynackInWrongDirection));
    assert_eq!(t.session.state(), TcpState::SynSent);
    t.server(SYN | ACK, 1000, 1, b"");
    let steps = [
        (S, SYN | ACK, 1000, 1, None),
        (S, SYN | ACK, 1000, 9, Some(StreamEvent::ThreeWhsSynackResendWithDifferentAck)),
        (S, SYN | ACK, 2000, 1, Some(StreamEvent::ThreeWhsSynackResendWithDiffSeq)),
        (C, SYN | ACK, 0, 1, Some(StreamEvent::ThreeWhsSynackToserverOnSynRecv)),
        (C, SYN, 0, 0, None),
        (C, SYN, 5, 0, Some(StreamEvent::ThreeWhsSynResendDiffSeqOnSynRecv)),
        (S, SYN, 5, 0, Some(StreamEvent::ThreeWhsSynToclientOnSynRecv)),
        (C, ACK, 900_000, 99, Some(StreamEvent::ThreeWhsWrongSeqWrongAck)),
        (C, ACK, 7, 99, Some(StreamEvent::ThreeWhsRightSeqWrongAckEvasion)),
    ];
    for (direction, flags, seq, ack, event) in steps {
        let report = t.send(direction, tcp(flags, seq, ack), b"");
        assert_eq!(report.events.iter().collect::<Vec<_>>(), event.into_iter().collect::<Vec<_>>());
        assert_eq!(report.payload == PayloadFate::Invalid, event.is_some());
        assert_eq!(t.session.state(), TcpState::SynRecv);
    }
    t.close();
}

#[test]
fn the_client_chooses_among_syn_acks() {
    let mut t = talk();
    t.client(SYN, 0, 0, b"");
    t.server(SYN | ACK, 1000, 1, b"");
    t.server(SYN | ACK, 5000, 1, b"");
    assert!(t.client(ACK, 1, 5001, b"").established_now);
    t.server(ACK, 5001, 1, b"hi");
    assert_eq!(t.record.bytes[1], b"hi");
    t.close();
}

#[test]
fn many_syn_acks_are_a_flood() {
    let mut t = talk();
    t.client(SYN, 0, 0, b"");
    let flood =
        (0..8).filter(|&i| t.server(SYN | ACK, 1000 * i, 1, b"").events.contains(StreamEvent::ThreeWhsSynackFlood));
    assert_eq!(flood.count(), 2, "two more than the limit");
    t.close();
}

#[test]
fn a_flood_of_syns_and_the_one_that_is_answered() {
    let mut t = talk();
    let mut flood = 0;
    for seq in 0..13 {
        flood += u32::from(t.client(SYN, seq * 1000, 0, b"").events.contains(StreamEvent::ThreeWhsSynFlood));
    }
    assert_eq!(flood, 2, "two more than the limit");
    t.server(SYN | ACK, 50, 5001, b"");
    assert!(t.client(ACK, 5001, 51, b"").established_now);
    t.client(ACK, 5001, 51, b"data");
    assert_eq!(t.record.bytes[0], b"data");
    t.close();
}

#[test]
fn data_of_a_syn_counts_once_the_server_took_it() {
    let mut fast_open = tcp(SYN, 0, 0);
    fast_open.options = &[2, 4, 5, 0xb4, 34, 10, 1, 2, 3, 4, 5, 6, 7, 8];
    for (ack, rest, told) in [(6, &b" world"[..], false), (1, b"other world", true)] {
        let mut t = talk();
        t.send(Direction::ToServer, fast_open, b"hello");
        assert!(t.record.bytes[0].is_empty(), "not before the answer");
        let report = t.server(SYN | ACK, 1000, ack, b"");
        assert_eq!(report.events.contains(StreamEvent::ThreeWhsSynackTfoDataIgnored), told);
        t.client(ACK, ack, 1001, rest);
        t.close();
        let all = if told { &b"other world"[..] } else { b"hello world" };
        assert_eq!(t.record.bytes[0], all);
    }
}

#[test]
fn simultaneous_open() {
    let mut t = talk();
    t.client(SYN, 0, 0, b"");
    t.server(SYN, 1000, 0, b"");
    t.client(SYN | ACK, 0, 1001, b"");
    assert!(t.server(SYN | ACK, 1000, 5, b"").events.contains(StreamEvent::FourWhsSynackWithWrongAck));
    assert!(t.server(SYN | ACK, 7, 1, b"").events.contains(StreamEvent::FourWhsSynackWithWrongSyn));
    t.server(SYN | ACK, 1000, 1, b"");
    assert!(t.client(ACK, 9, 1001, b"").events.contains(StreamEvent::FourWhsWrongSeq));
    assert!(t.client(ACK, 1, 1001, b"hi").established_now);
    t.server(ACK, 1001, 3, b"ho");
    assert_eq!(t.record.bytes, [b"hi".to_vec(), b"ho".to_vec()]);
    t.close();
}

#[test]
fn without_midstream_nothing_is_picked_up() {
    let mut t = talk();
    assert_eq!(t.client(ACK, 5, 9, b"x").payload, PayloadFate::NoSession);
    assert!(t.client(FIN | ACK, 5, 9, b"").events.contains(StreamEvent::FinButNoSession));
    assert!(t.client(RST, 5, 9, b"").events.contains(StreamEvent::RstButNoSession));
    assert!(t.client(SYN | FIN, 5, 0, b"").events.contains(StreamEvent::FinSyn));
    t.close();
}

#[test]
fn midstream_takes_both_sides_from_the_first_segment() {
    let mut t = midstream();
    let report = t.server(ACK, 7000, 300, b"middle");
    assert!(report.established_now && t.session.midstream());
    t.client(ACK, 300, 7006, b"answer");
    t.server(ACK, 7012, 306, b"later");
    t.server(ACK, 7006, 306, b" part ");
    assert_eq!(t.record.bytes, [b"answer".to_vec(), b"middle part later".to_vec()]);
    t.close();
}

#[test]
fn midstream_from_a_syn_ack() {
    let mut t = midstream();
    t.server(SYN | ACK, 1000, 1, b"");
    assert_eq!(t.session.state(), TcpState::SynRecv);
    assert!(t.client(ACK, 1, 1001, b"x").established_now);
    t.server(ACK, 1001, 2, b"y");
    assert_eq!(t.record.bytes, [b"x".to_vec(), b"y".to_vec()]);
    t.close();
}

#[test]
fn one_side_alone() {
    let mut t = Talk::new(StreamConfig { one_sided: OneSided::Always, ..StreamConfig::default() });
    t.client(SYN, 0, 0, b"");
    assert!(t.client(ACK, 1, 1001, b"GET ").established_now);
    t.client(ACK, 5, 1400, b"/ HTTP");
    t.client(ACK, 15, 1400, b"after a loss");
    t.client(FIN | ACK, 27, 1400, b"");
    t.close();
    assert_eq!(t.record.bytes[0], b"GET / HTTP\0\0\0\0after a loss");
}

#[test]
fn one_side_alone_does_not_wait_for_ever() {
    let mut t = midstream();
    t.client(ACK, 1, 1, b"a");
    for i in 0..200u32 {
        // Every second byte is missing.
        t.client(ACK, 3 + 2 * i, 1, b"b");
    }
    assert!(t.record.bytes[0].len() > 200, "holes that nothing acknowledges are given up");
    t.close();
}

#[test]
fn data_of_both_syns_of_a_simultaneous_open() {
    let mut t = talk();
    t.client(SYN, 0, 0, b"taken");
    t.server(SYN, 1000, 0, b"not taken");
    t.client(SYN | ACK, 0, 1001, b"");
    t.server(SYN | ACK, 1000, 6, b"");
    t.client(ACK, 6, 1001, b"");
    t.server(ACK, 1001, 6, b"other");
    assert_eq!(t.record.bytes, [b"taken".to_vec(), b"other".to_vec()]);
    t.close();
}

#[test]
fn a_syn_of_the_wrong_side_starts_nothing() {
    let mut t = talk();
    assert_eq!(t.server(SYN, 1000, 0, b"data").payload, PayloadFate::NoSession);
    assert_eq!(t.session.state(), TcpState::None);
    assert_eq!(t.engine.memory_bytes(), 0);
    t.close();
}

#[test]
fn in_line_fast_open_data_is_seen_before_it_is_forwarded() {
    // The experimental form of the option.
    let mut fast_open = tcp(SYN, 0, 0);
    fast_open.options = &[2, 4, 5, 0xb4, 254, 6, 0xf9, 0x89, 1, 2];
    for (ack, rest, all) in [(6, &b" world"[..], &b"hello world"[..]), (1, b"other", b"helloother")] {
        let mut t = Talk::new(StreamConfig { inline: true, ..StreamConfig::default() });
        assert_eq!(t.send(C, fast_open, b"hello").payload, PayloadFate::InOrder);
        assert_eq!(t.record.bytes[0], b"hello");
        assert_eq!(t.send(C, fast_open, b"hello").payload, PayloadFate::Duplicate);
        let report = t.server(SYN | ACK, 1000, ack, b"");
        assert_eq!(report.events.contains(StreamEvent::ThreeWhsSynackTfoDataIgnored), ack == 1);
        assert_eq!(t.client(ACK, ack, 1001, rest).payload, PayloadFate::InOrder);
        t.server(ACK, 1001, ack + rest.len() as u32, b"");
        t.close();
        assert_eq!(t.record.bytes[0], all);
        assert!(t.record.gaps[0].is_empty());
    }
}

#[test]
fn syn_data_that_found_no_memory_is_a_gap() {
    let mut t = Talk::new(StreamConfig { memcap_bytes: 0, ..StreamConfig::default() });
    assert_eq!(t.client(SYN, 0, 0, b"hello").payload, PayloadFate::OutsideWindow);
    t.server(SYN | ACK, 1000, 6, b"");
    t.client(ACK, 6, 1001, b" world");
    t.close();
    assert_eq!(t.record.gaps[0], [(0, 5)]);
    assert_eq!(t.record.bytes[0], b"\0\0\0\0\0 world");
}
