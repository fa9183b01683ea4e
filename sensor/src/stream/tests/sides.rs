//! What is lost before the sensor, and what never was to come: one side of a connection.

use super::*;

const DATA: u8 = ACK;

/// (holes, bytes lost, bytes that came) of connections both of whose sides are seen.
fn losses(t: &Talk) -> (u64, u64, u64) {
    let counters = &t.engine.counters;
    (counters.losses, counters.lost_bytes, counters.two_sided_bytes)
}

#[test]
fn bytes_that_the_receiver_has_and_the_sensor_never_saw_are_lost() {
    let mut t = open();
    t.client(DATA, 1, 1001, b"one");
    t.client(DATA, 7, 1001, b"three");
    assert_eq!(losses(&t), (0, 0, 3), "the hole may still be filled");
    t.server(ACK, 1001, 12, b"");
    assert_eq!(losses(&t), (1, 3, 8));
    // The end is missing, too.
    t.server(ACK, 1001, 20, b"");
    t.close();
    assert_eq!(losses(&t), (2, 11, 8));
}

#[test]
fn a_hole_that_nobody_acknowledged_is_no_loss() {
    let config = StreamConfig { max_out_of_order_blocks: 1, ..StreamConfig::default() };
    let mut t = Talk::new(config);
    t.handshake(0, 1000);
    t.client(DATA, 10, 1001, b"late");
    t.client(DATA, 30, 1001, b"later");
    assert!(t.engine.counters.limit_hits > 0 && t.engine.counters.gaps > 0);
    t.close();
    assert_eq!(losses(&t).0, 0);
}

#[test]
fn of_a_side_that_is_never_seen_nothing_is_lost() {
    // A mirror of what the client sends: it acknowledges what we do not see.
    let mut t = Talk::new(StreamConfig { one_sided: OneSided::Always, ..StreamConfig::default() });
    t.client(SYN, 0, 0, b"");
    t.client(DATA, 1, 1001, b"GET /");
    t.client(ACK, 6, 90_001, b"");
    t.close();
    assert!(t.engine.counters.gap_bytes > 0 && t.session.one_sided([3, 0]));
    assert_eq!(losses(&t), (0, 0, 0));
    assert_eq!((t.engine.counters.one_sided, t.engine.counters.two_sided), (1, 0));
    // And of what the server sends.
    let mut t = Talk::new(StreamConfig { one_sided: OneSided::Always, ..StreamConfig::default() });
    t.server(SYN | ACK, 1000, 1, b"");
    t.server(DATA, 1001, 70_000, b"HTTP/1.1 200");
    t.server(DATA, 1013, 80_000, b"\r\n");
    t.close();
    assert!(t.session.one_sided([0, 3]));
    assert_eq!(losses(&t), (0, 0, 0));
    assert_eq!((t.engine.counters.one_sided, t.engine.counters.two_sided), (1, 0));
}

#[test]
fn scans_and_backscatter_say_nothing_about_the_mirror() {
    let mut t = Talk::new(StreamConfig { one_sided: OneSided::Auto, ..StreamConfig::default() });
    for n in 0..100 {
        t.session = TcpSession::default();
        t.client(SYN, n, 0, b"");
        t.client(SYN, n, 0, b"");
        assert!(!t.session.one_sided([2, 0]));
        t.session = TcpSession::default();
        t.server(SYN | ACK, n, 7, b"");
    }
    assert_eq!((t.engine.counters.one_sided, t.engine.counters.two_sided), (0, 0));
}

#[test]
fn one_side_is_followed_by_itself_from_when_on_most_connections_are_such() {
    for from_client in [true, false] {
        let mut t = Talk::new(StreamConfig { one_sided: OneSided::Auto, ..StreamConfig::default() });
        let mut followed = Vec::new();
        for n in 0..40 {
            t.session = TcpSession::default();
            t.record = Default::default();
            if from_client {
                t.client(SYN, 0, 0, b"");
                t.client(ACK, 1, 1001, b"");
                t.client(DATA, 1, 1001, b"data");
                t.client(DATA, 5, 1001, b"more");
            } else {
                t.server(SYN | ACK, 0, 1, b"");
                t.server(DATA, 1, 1001, b"data");
                t.server(DATA, 5, 1001, b"more");
            }
            if t.record.bytes[usize::from(!from_client)] == b"datamore" {
                followed.push(n);
            }
            t.close();
        }
        assert_eq!(t.engine.counters.one_sided, 40);
        assert!(followed.len() >= 20 && followed[0] >= 15, "{followed:?}");
        assert!(followed.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{followed:?}");
    }
}

#[test]
fn where_both_sides_are_seen_a_few_halves_change_nothing() {
    let mut t = Talk::new(StreamConfig { one_sided: OneSided::Auto, ..StreamConfig::default() });
    for n in 0..200 {
        t.session = TcpSession::default();
        t.record = Default::default();
        if n % 2 == 0 {
            t.handshake(0, 1000);
        } else {
            t.client(SYN, 0, 0, b"");
            t.client(DATA, 1, 1001, b"spoofed");
            assert!(!t.session.established(), "{n}");
        }
        t.close();
    }
    assert_eq!((t.engine.counters.one_sided, t.engine.counters.two_sided), (100, 100));
}
