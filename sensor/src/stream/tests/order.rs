//! Order of bytes: holes, overlaps, limits, windows.

use super::*;

#[test]
fn in_order_data_comes_straight_from_the_segment() {
    let mut t = open();
    let report = t.client(ACK, 1, 1001, b"hello ");
    assert_eq!((report.payload, report.events.is_empty()), (PayloadFate::InOrder, true));
    t.client(ACK, 7, 1001, b"world");
    assert_eq!(t.record.bytes[0], b"hello world");
    assert_eq!(t.record.straight, 2);
    assert_eq!(t.engine.memory_bytes(), 0);
    t.close();
}

#[test]
fn a_hole_is_waited_for() {
    let mut t = open();
    assert_eq!(t.client(ACK, 4, 1001, b"def").payload, PayloadFate::Buffered);
    assert_eq!(t.client(ACK, 7, 1001, b"ghi").payload, PayloadFate::Buffered);
    assert!(t.record.bytes[0].is_empty() && t.engine.memory_bytes() > 0);
    assert_eq!(t.client(ACK, 1, 1001, b"abc").payload, PayloadFate::InOrder);
    assert_eq!(t.record.bytes[0], b"abcdefghi");
    assert_eq!(t.engine.memory_bytes(), 0);
    t.close();
    assert!(t.record.gaps[0].is_empty());
}

#[test]
fn a_hole_that_the_receiver_acknowledged_is_given_up() {
    let mut t = open();
    t.client(ACK, 1, 1001, b"ab");
    t.client(ACK, 6, 1001, b"fg");
    let report = t.server(ACK, 1001, 8, b"");
    assert!(report.events.contains(StreamEvent::ReassemblySeqGap));
    assert_eq!(t.record.gaps[0], [(2, 3)]);
    assert_eq!(t.record.bytes[0], b"ab\0\0\0fg");
    assert!(t.session.summary().gap[0] && !t.session.summary().gap[1]);
    t.close();
}

#[test]
fn an_acknowledgement_inside_the_hole_does_not_give_it_up() {
    let mut t = open();
    t.client(ACK, 11, 1001, b"k");
    assert!(t.server(ACK, 1001, 5, b"").events.is_empty());
    assert!(t.record.gaps[0].is_empty());
    t.client(ACK, 1, 1001, b"abcdefghij");
    assert_eq!(t.record.bytes[0], b"abcdefghijk");
    t.close();
}

#[test]
fn data_behind_an_acknowledged_hole_is_delivered_at_once() {
    let mut t = open();
    t.server(ACK, 1001, 101, b"");
    let report = t.client(ACK, 101, 1001, b"later");
    assert_eq!(report.payload, PayloadFate::InOrder);
    assert!(report.events.contains(StreamEvent::ReassemblySeqGap));
    assert_eq!(t.record.gaps[0], [(0, 100)]);
    assert_eq!(t.record.straight, 1);
    t.close();
}

#[test]
fn what_was_lost_at_the_end_is_a_gap_at_the_end() {
    let mut t = open();
    t.client(ACK, 1, 1001, b"abc");
    t.server(ACK, 1001, 9, b"");
    t.close();
    assert_eq!(t.record.gaps[0], [(3, 5)]);
    assert_eq!((t.engine.counters.gaps, t.engine.counters.gap_bytes), (1, 5));
}

#[test]
fn what_was_never_acknowledged_is_no_loss() {
    let mut t = open();
    t.client(ACK, 4, 1001, b"def");
    t.client(RST | ACK, 1, 1001, b"");
    t.close();
    assert_eq!(t.record.gaps[0], [(0, 3)]);
    assert_eq!(t.record.bytes[0], b"\0\0\0def");
    assert_eq!(t.engine.counters.gaps, 0);
    assert!(!t.session.summary().gap[0]);
}

#[test]
fn the_first_bytes_hold_where_segments_differ() {
    let mut t = open();
    t.client(ACK, 3, 1001, b"CDE");
    let report = t.client(ACK, 1, 1001, b"abcdef");
    assert!(report.events.contains(StreamEvent::ReassemblyOverlapDifferentData));
    assert_eq!(t.record.bytes[0], b"abCDEf");
    let mut t = open();
    t.client(ACK, 3, 1001, b"CDE");
    let report = t.client(ACK, 2, 1001, b"bcdefg");
    assert!(report.events.contains(StreamEvent::ReassemblyOverlapDifferentData));
    t.client(ACK, 1, 1001, b"a");
    assert_eq!(t.record.bytes[0], b"abCDEfg");
    t.close();
}

#[test]
fn the_last_bytes_hold_if_the_policy_says_so() {
    let mut t = Talk::new(StreamConfig { overlap: OverlapPolicy::Last, ..StreamConfig::default() });
    t.handshake(0, 1000);
    t.client(ACK, 3, 1001, b"CDE");
    t.client(ACK, 4, 1001, b"xy");
    t.client(ACK, 1, 1001, b"abc");
    assert_eq!(t.record.bytes[0], b"abcxy");
    t.close();
}

#[test]
fn equal_retransmissions_raise_no_difference() {
    let mut t = open();
    t.client(ACK, 3, 1001, b"cde");
    let report = t.client(ACK, 3, 1001, b"cde");
    assert_eq!(report.payload, PayloadFate::Duplicate);
    assert!(report.events.contains(StreamEvent::PktRetransmission));
    assert!(!report.events.contains(StreamEvent::ReassemblyOverlapDifferentData));
    t.client(ACK, 1, 1001, b"ab");
    t.server(ACK, 1001, 6, b"");
    let report = t.client(ACK, 1, 1001, b"abcde");
    assert_eq!(report.payload, PayloadFate::Duplicate);
    assert!(report.events.contains(StreamEvent::PktSpuriousRetransmission));
    assert_eq!(t.record.bytes[0], b"abcde");
    t.close();
}

#[test]
fn a_keep_alive_is_no_retransmission() {
    let mut t = open();
    t.client(ACK, 1, 1001, b"abc");
    t.server(ACK, 1001, 4, b"");
    let report = t.client(ACK, 3, 1001, b"c");
    assert!(report.events.is_empty(), "{:?}", report.events.iter().collect::<Vec<_>>());
    t.close();
}

#[test]
fn depth_ends_delivery_but_not_tracking() {
    let mut t = Talk::new(StreamConfig { depth_bytes: 5, ..StreamConfig::default() });
    t.handshake(0, 1000);
    assert_eq!(t.client(ACK, 1, 1001, b"abc").payload, PayloadFate::InOrder);
    let report = t.client(ACK, 4, 1001, b"defg");
    assert_eq!(report.payload, PayloadFate::Partly);
    assert!(report.events.contains(StreamEvent::ReassemblyDepthReached));
    let report = t.client(ACK, 8, 1001, b"h");
    assert_eq!((report.payload, report.events.is_empty()), (PayloadFate::BeyondDepth, true));
    assert_eq!(t.record.bytes[0], b"abcde");
    t.client(FIN | ACK, 9, 1001, b"");
    t.server(FIN | ACK, 1001, 10, b"");
    t.client(ACK, 10, 1002, b"");
    assert_eq!(t.session.state(), TcpState::Closed);
    assert_eq!(t.record.ended, [true; 2]);
    t.close();
}

#[test]
fn depth_that_ends_at_a_segment_is_whole() {
    let mut t = Talk::new(StreamConfig { depth_bytes: 3, ..StreamConfig::default() });
    t.handshake(0, 1000);
    assert_eq!(t.client(ACK, 1, 1001, b"abc").payload, PayloadFate::InOrder);
    t.close();
}

#[test]
fn too_much_out_of_order_gives_up_the_oldest_hole() {
    let mut t = Talk::new(StreamConfig { max_out_of_order_blocks: 2, ..StreamConfig::default() });
    t.handshake(0, 1000);
    t.client(ACK, 3, 1001, b"c");
    t.client(ACK, 5, 1001, b"e");
    let report = t.client(ACK, 7, 1001, b"g");
    assert!(report.events.contains(StreamEvent::ReassemblyInsertLimit));
    assert_eq!(t.record.gaps[0], [(0, 2)]);
    assert_eq!(t.record.bytes[0], b"\0\0c");
    t.close();
    assert_eq!(t.record.bytes[0], b"\0\0c\0e\0g");
}

#[test]
fn without_memory_holes_are_given_up_at_once() {
    let mut t = Talk::new(StreamConfig { memcap_bytes: 0, ..StreamConfig::default() });
    t.handshake(0, 1000);
    let report = t.client(ACK, 3, 1001, b"cde");
    assert!(report.events.contains(StreamEvent::ReassemblyInsertMemcap));
    assert_eq!(t.record.bytes[0], b"\0\0cde");
    t.close();
}

#[test]
fn positions_go_on_over_the_wrap() {
    let mut t = Talk::new(StreamConfig { depth_bytes: 0, ..StreamConfig::default() });
    t.handshake(u32::MAX - 2, u32::MAX);
    t.client(ACK, u32::MAX - 1, 0, b"ab");
    t.client(ACK, 2, 0, b"ef");
    t.client(ACK, 0, 0, b"cd");
    assert_eq!(t.record.bytes[0], b"abcdef");
    t.close();
}

#[test]
fn a_segment_beyond_the_window_is_refused() {
    let mut t = open();
    let report = t.client(ACK, 1 + 70_000, 1001, b"evil");
    assert_eq!(report.payload, PayloadFate::Invalid);
    assert!(report.events.contains(StreamEvent::EstPacketOutOfWindow));
    t.client(ACK, 1, 1001, b"good");
    t.close();
    assert_eq!(t.record.bytes[0], b"good");
}

#[test]
fn a_sender_cannot_push_past_the_window() {
    let mut t = open();
    for i in 0..100u32 {
        assert_eq!(t.client(ACK, 1 + 70_000 + i, 1001, b"x").payload, PayloadFate::Invalid);
    }
    t.client(ACK, 1, 1001, b"good");
    t.close();
    assert_eq!(t.record.bytes[0], b"good");
}

#[test]
fn a_receiver_that_keeps_acknowledging_has_seen_more_than_we() {
    let mut t = open();
    for i in 0..4 {
        let report = t.server(ACK, 1001, 200_000, b"");
        assert_eq!(report.events.contains(StreamEvent::PktInvalidAck), i < 3);
    }
    assert_eq!(t.client(ACK, 200_000, 1001, b"on we go").payload, PayloadFate::InOrder);
    assert_eq!(t.record.gaps[0], [(0, 199_999)]);
    t.close();
}

#[test]
fn an_acknowledgement_of_what_was_never_allowed_is_refused() {
    let mut t = open();
    let report = t.server(ACK, 1001, 200_000, b"evil");
    assert_eq!(report.payload, PayloadFate::Invalid);
    assert!(report.events.contains(StreamEvent::PktInvalidAck));
    assert!(report.events.contains(StreamEvent::EstInvalidAck));
    assert!(t.record.bytes[1].is_empty());
    t.close();
}

#[test]
fn a_segment_without_the_ack_flag_is_refused() {
    let mut t = open();
    assert_eq!(t.client(0, 1, 0, b"evil").payload, PayloadFate::Invalid);
    assert_eq!(t.client(FIN, 1, 0, b"").payload, PayloadFate::Invalid);
    let report = t.client(0, 1, 77, b"evil");
    assert!(report.events.contains(StreamEvent::PktBrokenAck));
    assert_eq!(t.client(ACK, 1, 1001, b"good").payload, PayloadFate::InOrder);
    t.close();
    assert_eq!(t.record.bytes[0], b"good");
}

#[test]
fn an_old_timestamp_is_refused() {
    let mut t = talk();
    let stamped = |flags, seq, ack, value| {
        let mut header = tcp(flags, seq, ack);
        header.timestamps = Some((value, 1));
        header
    };
    t.send(Direction::ToServer, stamped(SYN, 0, 0, 100), b"");
    t.send(Direction::ToClient, stamped(SYN | ACK, 1000, 1, 500), b"");
    t.send(Direction::ToServer, stamped(ACK, 1, 1001, 101), b"");
    let report = t.send(Direction::ToServer, stamped(ACK, 1, 1001, 90), b"evil");
    assert_eq!(report.payload, PayloadFate::Invalid);
    assert!(report.events.contains(StreamEvent::PktInvalidTimestamp));
    let report = t.send(Direction::ToServer, stamped(ACK, 1, 1001, 101), b"good");
    assert_eq!(report.payload, PayloadFate::InOrder);
    t.seconds += 25 * 24 * 3600;
    let report = t.send(Direction::ToServer, stamped(ACK, 5, 1001, 7), b"later");
    assert_eq!(report.payload, PayloadFate::InOrder);
    t.close();
    assert_eq!(t.record.bytes[0], b"goodlater");
}

#[test]
fn window_scaling_holds_if_both_announce_it() {
    for (server_scale, fits) in [(Some(7), true), (None, false)] {
        let mut t = talk();
        let mut syn = tcp(SYN, 0, 0);
        syn.window_scale = Some(2);
        let mut syn_ack = tcp(SYN | ACK, 1000, 1);
        syn_ack.window_scale = server_scale;
        t.send(Direction::ToServer, syn, b"");
        t.send(Direction::ToClient, syn_ack, b"");
        t.client(ACK, 1, 1001, b"");
        t.server(ACK, 1001, 1, b"");
        let report = t.client(ACK, 500_001, 1001, b"far");
        assert_eq!(report.payload == PayloadFate::Buffered, fits, "{report:?}");
        t.close();
    }
}

#[test]
fn a_zero_window_may_be_probed() {
    let mut t = open();
    let mut closed = tcp(ACK, 1001, 1);
    closed.window = 0;
    t.client(ACK, 1, 1001, &[7; 65535]);
    closed.ack = 65536;
    t.send(Direction::ToClient, closed, b"");
    let report = t.client(ACK, 65536, 1001, b"p");
    assert_eq!(report.payload, PayloadFate::InOrder);
    assert!(report.events.is_empty());
    let report = t.client(ACK, 65537, 1001, b"more");
    assert_eq!(report.payload, PayloadFate::Invalid);
    // The receiver has room for that byte after all.
    let mut taken = tcp(ACK, 1001, 65537);
    taken.window = 0;
    let report = t.send(Direction::ToClient, taken, b"");
    assert_eq!(report.events.iter().collect::<Vec<_>>(), [StreamEvent::EstAckZwpData]);
    assert!(t.send(Direction::ToClient, taken, b"").events.is_empty(), "once");
    t.close();
}

#[test]
fn a_zero_window_that_opens_is_nothing_odd() {
    let mut t = open();
    let mut closed = tcp(ACK, 1001, 1);
    closed.window = 0;
    t.client(ACK, 1, 1001, &[7; 65535]);
    closed.ack = 65536;
    t.send(Direction::ToClient, closed, b"");
    t.client(ACK, 65536, 1001, b"p");
    // The probe was not taken, and comes again with more.
    assert!(t.server(ACK, 1001, 65536, b"").events.is_empty());
    t.client(ACK, 65536, 1001, b"probe");
    assert!(t.server(ACK, 1001, 65541, b"").events.is_empty());
    t.close();
}
