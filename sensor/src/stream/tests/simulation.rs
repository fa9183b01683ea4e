//! A seeded network between sender and sensor: segments are cut anywhere, reordered, repeated, overlapped and lost.

use super::super::testing::Record;
use super::*;
use proptest::prelude::*;

/// Bytes that tell their position, so that a shift shows.
fn stream_bytes(len: usize, salt: u8) -> Vec<u8> {
    (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8 ^ salt).collect()
}

/// What the network does to one segment.
#[derive(Clone, Debug)]
struct Cut {
    len: usize,
    /// How far before its due start it begins: overlaps what was sent.
    back: usize,
    /// Places by which it comes late.
    late: usize,
    again: bool,
    lost: bool,
}

fn cuts(loss: bool) -> impl Strategy<Value = Vec<Cut>> {
    let cut = (1usize..3000, 0usize..400, 0usize..6, any::<bool>(), prop::bool::weighted(0.15))
        .prop_map(move |(len, back, late, again, lost)| Cut { len, back, late, again, lost: lost && loss });
    prop::collection::vec(cut, 1..60)
}

/// (start, end) of each segment, in the order in which they arrive, and the bytes that never arrive.
fn schedule(cuts: &[Cut], total: usize) -> (Vec<(usize, usize)>, Vec<bool>) {
    let mut arrivals: Vec<(usize, usize, usize)> = Vec::new();
    let (mut at, mut place) = (0, 0);
    for cut in cuts.iter().cycle() {
        if at == total {
            break;
        }
        let (start, end) = (at.saturating_sub(cut.back), (at + cut.len).min(total));
        if !cut.lost {
            arrivals.push((place + 2 * cut.late, start, end));
            if cut.again {
                arrivals.push((place + 2 * cut.late + 3, start, end));
            }
        }
        (at, place) = (end, place + 2);
    }
    arrivals.sort_by_key(|&(when, ..)| when);
    let mut missing = vec![true; total];
    for &(_, start, end) in &arrivals {
        missing[start..end].fill(false);
    }
    (arrivals.into_iter().map(|(_, start, end)| (start, end)).collect(), missing)
}

fn runs(missing: &[bool]) -> Vec<(u64, u64)> {
    let mut runs = Vec::new();
    let mut at = 0;
    while let Some(start) = missing[at..].iter().position(|&m| m).map(|i| at + i) {
        let end = missing[start..].iter().position(|&m| !m).map_or(missing.len(), |i| start + i);
        runs.push((start as u64, (end - start) as u64));
        at = end;
    }
    runs
}

fn delivery() -> impl Strategy<Value = Delivery> {
    prop_oneof![Just(Delivery::Arrived), Just(Delivery::Acknowledged)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Without loss, both directions arrive whole, each byte once.
    #[test]
    fn whatever_the_cut_the_stream_is_the_senders(
        client_cuts in cuts(false), server_cuts in cuts(false), total in 1usize..60_000, isn in any::<[u32; 2]>(),
        deliver in delivery(),
    ) {
        let sent = [stream_bytes(total, 0), stream_bytes(total / 2, 0x55)];
        let mut t = Talk::new(StreamConfig { depth_bytes: 0, deliver, ..StreamConfig::default() });
        t.handshake(isn[0], isn[1]);
        let first = isn.map(|i| i.wrapping_add(1));
        let mut queues = [&client_cuts, &server_cuts].into_iter().zip(&sent)
            .map(|(cuts, bytes)| schedule(cuts, bytes.len()).0.into_iter()).collect::<Vec<_>>();
        let mut more = true;
        while more {
            more = false;
            for direction in [Direction::ToServer, Direction::ToClient] {
                let i = direction.index();
                if let Some((start, end)) = queues[i].next() {
                    more = true;
                    let other = direction.reverse().index();
                    let ack = first[other].wrapping_add(t.record.bytes[other].len() as u32);
                    let report = t.send(direction, tcp(ACK, first[i].wrapping_add(start as u32), ack), &sent[i][start..end]);
                    prop_assert!(report.payload != PayloadFate::Invalid, "{:?}", report);
                    prop_assert!(!report.events.contains(StreamEvent::ReassemblyOverlapDifferentData));
                }
            }
        }
        t.close();
        prop_assert!(t.record.gaps.iter().all(Vec::is_empty));
        prop_assert!(t.record.bytes == sent);
    }

    /// With loss, once the receiver has acknowledged everything, the gaps are exactly what never arrived.
    #[test]
    fn gaps_are_what_was_lost(
        cuts in cuts(true), total in 1usize..60_000, isn in any::<u32>(), deliver in delivery(),
    ) {
        let sent = stream_bytes(total, 0);
        let (arrivals, missing) = schedule(&cuts, total);
        let mut t = Talk::new(StreamConfig { depth_bytes: 0, deliver, ..StreamConfig::default() });
        t.handshake(isn, 77);
        let first = isn.wrapping_add(1);
        for (start, end) in arrivals {
            t.client(ACK, first.wrapping_add(start as u32), 78, &sent[start..end]);
        }
        t.server(ACK, 78, first.wrapping_add(total as u32), b"");
        t.close();
        prop_assert_eq!(&t.record.gaps[0], &runs(&missing));
        for (i, (&got, &wanted)) in t.record.bytes[0].iter().zip(&sent).enumerate() {
            prop_assert_eq!(got, if missing[i] { 0 } else { wanted });
        }
        prop_assert_eq!(t.record.bytes[0].len(), total);
    }

    /// Random segments: no panic, order kept (the record checks it), memory bounded and given back.
    #[test]
    fn nothing_breaks_it(
        midstream in any::<bool>(), one_sided in any::<bool>(), inline in any::<bool>(), last in any::<bool>(),
        deliver in delivery(),
        memcap in 0u64..20_000, depth in 0u64..5_000, blocks in 0u16..6,
        segments in prop::collection::vec(
            (any::<bool>(), prop::sample::select(vec![ACK, ACK, ACK, ACK | FIN, SYN, SYN | ACK, RST, RST | ACK, FIN, 0, 0xff]),
             0u32..6_000, 0u32..6_000, 0usize..2_000, any::<u16>(), prop::option::of(0u32..50)), 0..80),
        isn in any::<u32>(),
    ) {
        let config = StreamConfig {
            memcap_bytes: memcap, depth_bytes: depth, midstream, one_sided: if one_sided { OneSided::Always } else { OneSided::Auto }, inline, max_out_of_order_blocks: blocks, deliver,
            overlap: if last { OverlapPolicy::Last } else { OverlapPolicy::First }, ..StreamConfig::default()
        };
        let mut t = Talk::new(config);
        let noise = stream_bytes(2_000, 9);
        for (to_server, flags, seq, ack, len, window, stamp) in segments {
            let direction = if to_server { Direction::ToServer } else { Direction::ToClient };
            let mut header = tcp(flags, isn.wrapping_add(seq), isn.wrapping_add(ack));
            header.window = window;
            header.timestamps = stamp.map(|s| (s, 0));
            header.options = if window % 2 == 0 { &[34, 2] } else { &[] };
            t.send(direction, header, &noise[..len]);
            prop_assert!(t.engine.memory_bytes() <= memcap);
            if depth > 0 {
                prop_assert!(t.record.bytes.iter().all(|b| b.len() as u64 <= depth));
            }
        }
        t.close();
    }

    /// A sensor that sees only one side, without loss, delivers it whole.
    #[test]
    fn one_side_is_enough(cuts in cuts(false), total in 1usize..30_000) {
        let sent = stream_bytes(total, 3);
        let mut t = Talk::new(StreamConfig { one_sided: OneSided::Always, depth_bytes: 0, ..StreamConfig::default() });
        t.client(SYN, 0, 0, b"");
        t.client(ACK, 1, 500, b"");
        for (start, end) in schedule(&cuts, total).0 {
            t.client(ACK, 1 + start as u32, 500, &sent[start..end]);
        }
        t.close();
        prop_assert!(t.record.gaps[0].is_empty());
        prop_assert!(t.record.bytes[0] == sent);
    }
}

#[test]
fn a_record_notices_disorder() {
    use super::super::StreamSink;
    let mut record = Record::default();
    record.data(Direction::ToServer, 0, b"ab", true);
    let again = std::panic::catch_unwind(move || record.data(Direction::ToServer, 1, b"b", true));
    assert!(again.is_err());
}
