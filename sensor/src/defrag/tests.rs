//! Fragments in any shape give the datagram back, and limits hold.

use super::*;
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;

fn key(version: u8, id: u32) -> Key {
    Key { src: Addr(1), dst: Addr(2), id, tunnel_id: 0, vlans: Vlans::default(), proto: 17, version }
}

/// A header whose first byte says whose it is.
fn header(version: u8, mark: u8) -> Vec<u8> {
    let mut h = vec![0; if version == 4 { 20 } else { 48 }];
    h[0] = mark;
    h
}

struct Part<'a> {
    offset: u32,
    more: bool,
    data: &'a [u8],
}

fn insert(d: &mut Defragmenter, key: Key, at_ns: u64, part: &Part<'_>) -> (Option<Vec<u8>>, Vec<&'static str>) {
    let header = header(key.version, part.data.first().copied().unwrap_or(0));
    let (inserted, events) = d.insert(&Fragment {
        key,
        ts: Timestamp(at_ns),
        offset: part.offset,
        more: part.more,
        header: &header,
        data: part.data,
    });
    let whole = match inserted {
        Inserted::Complete(datagram) => {
            let bytes = datagram.bytes().to_vec();
            d.recycle(datagram);
            Some(bytes)
        }
        Inserted::Held | Inserted::Refused => None,
    };
    (whole, events.iter().map(DecodeEvent::keyword).collect())
}

/// The policy is that of the receiver's system, and the configured one where that is not known.
#[test]
fn the_receivers_system_decides() {
    let mut config = crate::host_os::HostOsConfig::default();
    config.0.insert(crate::host_os::HostOs::Last, vec!["::2".to_owned().try_into().unwrap()]);
    let mut d = Defragmenter::new(DefragConfig { policy: Policy::First, ..DefragConfig::default() });
    d.set_hosts(Arc::new(HostOsTable::new(&config)));
    for (dst, expected) in [(Addr(2), b'b'), (Addr(3), b'a')] {
        let key = Key { dst, ..key(4, 1) };
        let mut whole = None;
        for (data, offset, more) in
            [([b'a'; 8], 8, true), ([b'b'; 8], 8, true), ([b'.'; 8], 0, true), ([b'.'; 8], 16, false)]
        {
            whole = insert(&mut d, key, 0, &Part { offset, more, data: &data }).0;
        }
        assert_eq!(whole.expect("no fragment is missing")[20 + 8], expected);
    }
}

/// Inserts parts given as text at offsets in units of eight bytes; the last argument of each: more fragments.
fn put_together(policy: Policy, parts: &[(u32, &str, bool)]) -> (Option<String>, u64) {
    let mut d = Defragmenter::new(DefragConfig { policy, ..DefragConfig::default() });
    let mut result = None;
    for (units, text, more) in parts {
        let data = text.repeat(8).into_bytes();
        // "AB" stands for eight times A, then eight times B.
        let data: Vec<u8> = text.bytes().flat_map(|b| [b; 8]).take(data.len()).collect();
        let (whole, _) = insert(&mut d, key(4, 1), 0, &Part { offset: units * 8, more: *more, data: &data });
        if let Some(whole) = whole {
            assert!(result.is_none());
            result = Some(whole[20..].chunks(8).map(|c| c[0] as char).collect());
        }
    }
    (result, d.counters.overlaps)
}

#[test]
fn in_order_reversed_and_with_lengths_filled_in() {
    for version in [4, 6] {
        let mut d = Defragmenter::new(DefragConfig::default());
        let body: Vec<u8> = (0..100).collect();
        let parts = [(0, true, 0..40), (40, true, 40..80), (80, false, 80..100)];
        let orders: [[usize; 3]; 3] = [[0, 1, 2], [2, 1, 0], [1, 2, 0]];
        for (id, order) in orders.into_iter().enumerate() {
            for (step, part) in order.into_iter().enumerate() {
                let (offset, more, range) = parts[part].clone();
                let part = Part { offset, more, data: &body[range] };
                let (whole, events) = insert(&mut d, key(version, id as u32), 0, &part);
                assert!(events.is_empty());
                assert_eq!(whole.is_some(), step == 2);
                let Some(whole) = whole else { continue };
                let (len_at, header_len, len) = if version == 4 { (2, 20, 120) } else { (4, 48, 108) };
                assert_eq!(whole[header_len..], body);
                assert_eq!(whole[len_at..len_at + 2], u16::to_be_bytes(len));
            }
        }
        assert_eq!(d.counters.ipv4_reassembled + d.counters.ipv6_reassembled, 3);
        assert_eq!(d.counters.datagrams, 0);
    }
}

/// Novak's sequence of overlaps, and what each kind of host makes of it.
#[test]
fn policies_decide_overlaps() {
    // Offsets in units of eight bytes:  0  1  2  3  4  5  6  7  8  9 10 11
    //                              1:  1  1  1     2  2     3  3  3
    //                              4:     4  4  4  4
    //                              5:                    5  5  5
    //                              6:                          6  6  6
    let parts: [(u32, &str, bool); 6] =
        [(0, "111", true), (4, "22", true), (6, "333", true), (1, "4444", true), (6, "555", true), (9, "666", false)];
    for (policy, expected) in [
        (Policy::First, "111422333666"),
        (Policy::Last, "144442555666"),
        // 4 starts after 1 and before 2; 5 starts with 3.
        (Policy::Bsd, "111442333666"),
        (Policy::BsdRight, "144422555666"),
        (Policy::Linux, "111442555666"),
        // No later fragment starts before and ends after an earlier one.
        (Policy::Windows, "111422333666"),
        (Policy::Solaris, "111422333666"),
    ] {
        let (whole, overlaps) = put_together(policy, &parts);
        assert_eq!((whole.as_deref(), overlaps), (Some(expected), 2), "{policy:?}");
    }
    // A later fragment that covers an earlier one.
    let cover: [(u32, &str, bool); 3] = [(1, "1", true), (0, "222", true), (3, "3", false)];
    for (policy, expected) in [
        (Policy::First, "2123"),
        (Policy::Last, "2223"),
        (Policy::Bsd, "2223"),
        (Policy::BsdRight, "2123"),
        (Policy::Linux, "2223"),
        (Policy::Windows, "2223"),
        (Policy::Solaris, "2223"),
    ] {
        assert_eq!(put_together(policy, &cover).0.as_deref(), Some(expected), "{policy:?}");
    }
}

#[test]
fn header_is_that_of_the_believed_first_fragment() {
    for (policy, mark) in [(Policy::First, b'a'), (Policy::Last, b'b')] {
        let mut d = Defragmenter::new(DefragConfig { policy, ..DefragConfig::default() });
        insert(&mut d, key(4, 1), 0, &Part { offset: 0, more: true, data: &[b'a'; 8] });
        insert(&mut d, key(4, 1), 0, &Part { offset: 0, more: true, data: &[b'b'; 8] });
        let (whole, _) = insert(&mut d, key(4, 1), 0, &Part { offset: 8, more: false, data: &[b'c'; 3] });
        assert_eq!(whole.unwrap()[0], mark);
    }
}

#[test]
fn what_contradicts_or_is_too_large_is_ignored() {
    let mut d = Defragmenter::new(DefragConfig::default());
    let mut events = |version, id, offset, more, len: usize| {
        insert(&mut d, key(version, id), 0, &Part { offset, more, data: &vec![1; len] }).1
    };
    assert_eq!(events(4, 1, 16, false, 5), [""; 0]);
    assert_eq!(events(4, 1, 16, false, 9), ["ipv4.frag_overlap"], "another end");
    assert_eq!(events(4, 1, 24, true, 8), ["ipv4.frag_ignored"], "behind the end");
    assert_eq!(events(6, 1, 32, true, 8), [""; 0]);
    assert_eq!(events(6, 1, 8, false, 8), ["ipv6.frag_ignored"], "an end before what is there");
    assert_eq!(events(6, 1, 33, false, 2), ["ipv6.frag_overlap"], "an end within what is there");
    assert_eq!(events(4, 2, 8, true, 7), ["ipv4.frag_ignored"], "nothing left after cutting to eights");
    assert_eq!(events(4, 3, 65_528, false, 8), ["ipv4.frag_pkt_too_large"]);
    assert_eq!(events(6, 3, 65_528, false, 8), ["ipv6.frag_pkt_too_large"]);
    assert_eq!((d.counters.ignored, d.counters.overlaps), (7, 2));
    assert_eq!(d.counters.datagrams, 2);
}

#[test]
fn time_out_is_by_packet_time() {
    let mut d = Defragmenter::new(DefragConfig { timeout_s: 10, ..DefragConfig::default() });
    let first = Part { offset: 0, more: true, data: &[1; 8] };
    let last = Part { offset: 8, more: false, data: &[2; 8] };
    insert(&mut d, key(4, 1), 100 * SECOND, &first);
    assert!(insert(&mut d, key(4, 1), 109 * SECOND, &last).0.is_some());
    insert(&mut d, key(4, 2), 200 * SECOND, &first);
    assert!(insert(&mut d, key(4, 2), 210 * SECOND, &last).0.is_none());
    assert_eq!((d.counters.ipv4_timeouts, d.counters.datagrams), (1, 1));
    // Time that goes backwards gives nothing up.
    insert(&mut d, key(6, 3), 0, &first);
    assert_eq!(d.counters.datagrams, 2);
    d.expire(Timestamp(1000 * SECOND));
    assert_eq!((d.counters.datagrams, d.counters.ipv6_timeouts), (0, 1));
}

#[test]
fn limits_hold() {
    let config = DefragConfig { max_datagrams: 4, max_fragments: 3, memory_bytes: 1 << 20, ..DefragConfig::default() };
    let mut d = Defragmenter::new(config);
    for id in 0..10 {
        insert(&mut d, key(4, id), 0, &Part { offset: 0, more: true, data: &[1; 8] });
    }
    assert_eq!((d.counters.datagrams, d.counters.evicted_for_datagrams), (4, 6));
    // The oldest were given up: the newest can still be completed.
    assert!(insert(&mut d, key(4, 9), 0, &Part { offset: 8, more: false, data: &[1; 8] }).0.is_some());
    for offset in [8, 16, 24] {
        insert(&mut d, key(4, 8), 0, &Part { offset, more: true, data: &[1; 8] });
    }
    assert_eq!(d.counters.max_fragments_reached, 1);

    let mut d = Defragmenter::new(DefragConfig { memory_bytes: 1 << 20, ..DefragConfig::default() });
    for id in 0..100 {
        insert(&mut d, key(6, id), 0, &Part { offset: 60_000, more: true, data: &[1; 8] });
        assert!(d.counters.memory <= 1 << 20);
    }
    assert_eq!(d.counters.evicted_for_memory + d.counters.datagrams, 100);
    assert!(d.counters.datagrams > 10);
    assert_eq!(d.counters.memory_refused, 0);
}

#[test]
fn memory_is_reused() {
    let mut d = Defragmenter::new(DefragConfig::default());
    let mut memory = 0;
    for id in 0..1000 {
        insert(&mut d, key(4, id), 0, &Part { offset: 0, more: true, data: &[1; 1480] });
        assert!(insert(&mut d, key(4, id), 0, &Part { offset: 1480, more: false, data: &[1; 520] }).0.is_some());
        if id == 0 {
            memory = d.counters.memory;
        }
    }
    assert_eq!(d.counters.memory, memory);
    assert_eq!(d.slots.len(), 1);
}

/// How a datagram is cut and sent: ends of the pieces, an order, and pieces sent twice.
fn cuts() -> impl Strategy<Value = (Vec<u8>, Vec<usize>, Vec<usize>)> {
    (prop::collection::vec(any::<u8>(), 1..3000), prop::collection::vec(any::<prop::sample::Index>(), 0..20))
        .prop_flat_map(|(body, cuts)| {
            let mut ends: Vec<usize> =
                cuts.iter().map(|c| c.index(body.len()) & !7).filter(|end| *end > 0 && *end < body.len()).collect();
            ends.push(body.len());
            ends.sort_unstable();
            ends.dedup();
            let mut order: Vec<usize> = (0..ends.len()).collect();
            // All pieces once or twice.
            order.extend(0..ends.len());
            (Just(body), Just(ends), Just(order).prop_shuffle())
        })
}

proptest! {
    #[test]
    fn any_cut_order_and_repetition_gives_the_datagram_back(
        (body, ends, order) in cuts(), version in prop::sample::select(&[4u8, 6]),
        policy in prop::sample::select(&[Policy::First, Policy::Last, Policy::Bsd, Policy::BsdRight, Policy::Linux, Policy::Windows, Policy::Solaris]),
    ) {
        let mut d = Defragmenter::new(DefragConfig { policy, ..DefragConfig::default() });
        let mut got = Vec::new();
        for piece in order {
            let start = if piece == 0 { 0 } else { ends[piece - 1] };
            let part = Part { offset: start as u32, more: ends[piece] < body.len(), data: &body[start..ends[piece]] };
            got.extend(insert(&mut d, key(version, 1), 0, &part).0);
        }
        let header_len = if version == 4 { 20 } else { 48 };
        // Each piece came twice: the datagram is complete once, perhaps twice.
        prop_assert!(!got.is_empty());
        for whole in got {
            prop_assert_eq!(&whole[header_len..], body.as_slice());
        }
    }

    /// Against a plain model: each byte has an owner, and the policy decides for each byte alone.
    #[test]
    fn overlaps_are_decided_byte_by_byte(
        parts in prop::collection::vec((0u32..12, 1usize..6), 1..12),
        policy in prop::sample::select(&[Policy::First, Policy::Last, Policy::Bsd, Policy::BsdRight, Policy::Linux, Policy::Windows, Policy::Solaris]),
    ) {
        let mut pieces = Pieces::default();
        let mut buffer = vec![0; 200];
        let mut model: Vec<Option<(usize, (u32, u32))>> = vec![None; 200];
        for (i, (units, len)) in parts.iter().enumerate() {
            let (start, end) = (units * 8, units * 8 + *len as u32 * 8);
            let overlapped = (start..end).any(|at| model[at as usize].is_some());
            let added = pieces.add(start, &vec![i as u8 + 1; *len * 8], policy, Some(&mut buffer));
            prop_assert_eq!(added.overlapped, overlapped);
            for at in start..end {
                let owner = &mut model[at as usize];
                if owner.is_none_or(|(_, earlier)| policy.later_wins(earlier, (start, end))) {
                    *owner = Some((i, (start, end)));
                }
            }
        }
        let expected: Vec<u8> = model.iter().map(|owner| owner.map_or(0, |(i, _)| i as u8 + 1)).collect();
        prop_assert_eq!(&buffer, &expected);
        prop_assert_eq!(pieces.covered() as usize, model.iter().flatten().count());
        prop_assert!(pieces.len() <= 2 * parts.len());
    }

    #[test]
    fn random_fragments_never_break_the_accounts(
        parts in prop::collection::vec((0u32..4, 0u32..300, 0usize..100, any::<bool>(), 0u64..100), 1..100),
    ) {
        let config = DefragConfig { max_datagrams: 3, max_fragments: 8, memory_bytes: 1 << 20, timeout_s: 20, ..DefragConfig::default() };
        let mut d = Defragmenter::new(config);
        let data = [7; 100];
        for (id, units, len, more, at) in parts {
            insert(&mut d, key(4, id), at * SECOND, &Part { offset: units * 8, more, data: &data[..len] });
            prop_assert!(d.by_key.len() <= 3 && d.counters.memory <= 1 << 20);
            prop_assert_eq!(d.by_key.len() + d.free.len(), d.slots.len());
            // The list by age holds exactly the datagrams of the map.
            let (mut at, mut count) = (d.oldest, 0);
            while at != NONE {
                prop_assert_eq!(d.by_key.get(&d.slots[at as usize].key), Some(&at));
                at = d.slots[at as usize].newer;
                count += 1;
            }
            prop_assert_eq!(count, d.by_key.len());
        }
    }
}
