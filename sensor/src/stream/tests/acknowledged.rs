//! Bytes that are delivered once they are acknowledged.

use super::*;

fn open() -> Talk {
    open_with(StreamConfig::default())
}

fn open_with(config: StreamConfig) -> Talk {
    let mut talk = Talk::new(StreamConfig { deliver: Delivery::Acknowledged, ..config });
    talk.handshake(0, 1000);
    talk
}

#[test]
fn bytes_wait_for_their_acknowledgement() {
    let mut t = open();
    assert_eq!(t.client(ACK, 1, 1001, b"hello ").payload, PayloadFate::Buffered);
    t.client(ACK, 7, 1001, b"world");
    assert!(t.record.bytes[0].is_empty());
    t.server(ACK, 1001, 4, b"");
    assert_eq!(t.record.bytes[0], b"hel");
    // The answer acknowledges the rest, and waits itself.
    t.server(ACK, 1001, 12, b"answer");
    assert_eq!((&t.record.bytes[0][..], t.record.bytes[1].len()), (&b"hello world"[..], 0));
    t.client(ACK | FIN, 12, 1007, b"");
    assert_eq!(t.record.bytes[1], b"answer");
    t.server(ACK, 1007, 13, b"");
    assert!(t.record.ended[0] && t.engine.memory_bytes() == 0);
    t.close();
    assert_eq!(t.record.straight, 0);
}

#[test]
fn what_was_acknowledged_before_it_came_does_not_wait() {
    let mut t = open();
    t.server(ACK, 1001, 6, b"");
    t.client(ACK, 1, 1001, b"early+late");
    assert_eq!(t.record.bytes[0], b"early");
    t.server(ACK, 1001, 11, b"");
    assert_eq!(t.record.bytes[0], b"early+late");
    t.close();
}

#[test]
fn bytes_that_were_never_taken_are_replaced_as_the_policy_says() {
    for (overlap, expected) in [(OverlapPolicy::First, b"decoy"), (OverlapPolicy::Last, b"truth")] {
        let mut t = open_with(StreamConfig { overlap, ..StreamConfig::default() });
        t.client(ACK, 1, 1001, b"decoy");
        let report = t.client(ACK, 1, 1001, b"truth");
        assert!(report.events.contains(StreamEvent::ReassemblyOverlapDifferentData));
        t.server(ACK, 1001, 6, b"");
        assert_eq!(t.record.bytes[0], expected);
        t.close();
    }
}

#[test]
fn holes_are_told_as_ever_and_the_end_delivers_the_rest() {
    let mut t = open();
    t.client(ACK, 1, 1001, b"ab");
    t.client(ACK, 6, 1001, b"fgh");
    let report = t.server(ACK, 1001, 8, b"");
    assert!(report.events.contains(StreamEvent::ReassemblySeqGap));
    assert_eq!((&t.record.bytes[0][..], &t.record.gaps[0][..]), (&b"ab\0\0\0fg"[..], &[(2, 3)][..]));
    t.close();
    assert_eq!(t.record.bytes[0], b"ab\0\0\0fgh");
}

#[test]
fn without_room_to_wait_bytes_are_delivered_as_they_arrive() {
    let mut t = open_with(StreamConfig { memcap_bytes: 0, ..StreamConfig::default() });
    assert_eq!(t.client(ACK, 1, 1001, b"abc").payload, PayloadFate::InOrder);
    t.client(ACK, 4, 1001, b"def");
    assert_eq!(t.record.bytes[0], b"abcdef");
    t.close();
    let mut t = open_with(StreamConfig { max_out_of_order_blocks: 2, ..StreamConfig::default() });
    for i in 0..6 {
        t.client(ACK, 1 + i * 1500, 1001, &[b'a' + i as u8; 1500]);
    }
    assert!(t.record.bytes[0].len() >= 4 * 1500);
    t.close();
    assert_eq!(t.record.bytes[0].len(), 6 * 1500);
    assert!(t.record.gaps[0].is_empty());
}

#[test]
fn in_line_and_for_one_side_alone_nothing_waits() {
    let mut t = open_with(StreamConfig { inline: true, ..StreamConfig::default() });
    assert_eq!(t.client(ACK, 1, 1001, b"abc").payload, PayloadFate::InOrder);
    t.close();
    let config =
        StreamConfig { deliver: Delivery::Acknowledged, one_sided: OneSided::Always, ..StreamConfig::default() };
    let mut t = Talk::new(config);
    t.client(SYN, 0, 0, b"");
    t.client(ACK, 1, 500, b"");
    t.client(ACK, 1, 500, b"abc");
    assert_eq!(t.record.bytes[0], b"abc");
    t.close();
}
