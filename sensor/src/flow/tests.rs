//! The table by example, and against a map.

use super::*;
use crate::event::{FlowEndReason, FlowState};
use crate::packet::{Addr, Embedded, Icmp, IpProto, Packet, TcpFlags, Transport};
use crate::stream::testing::{ACK, FIN, RST, Record, SYN, packet, tcp, v4};
use crate::stream::{StreamConfig, StreamEngine};
use crate::time::Timestamp;
use proptest::prelude::*;
use std::collections::HashMap;

type Table = FlowTable<u32>;
type Ended = Vec<(u64, FlowEndReason)>;

fn table() -> Table {
    Table::new(&FlowConfig::default(), 1, 0)
}

fn small(flows: usize) -> Table {
    let per_flow = size_of::<Flow<u32>>() as u64 + 16;
    Table::new(&FlowConfig { memcap_bytes: per_flow * flows as u64, ..FlowConfig::default() }, 1, 0)
}

fn udp(seconds: u64, src: (Addr, u16), dst: (Addr, u16)) -> Packet<'static> {
    packet(seconds, src, dst, IpProto::UDP, Transport::Udp, b"")
}

fn tcp_packet(seconds: u64, src: (Addr, u16), dst: (Addr, u16), flags: u8, seq: u32, ack: u32) -> Packet<'static> {
    packet(seconds, src, dst, IpProto::TCP, Transport::Tcp(tcp(flags, seq, ack)), b"")
}

fn echo(seconds: u64, src: Addr, dst: Addr, kind: u8, id: u16) -> Packet<'static> {
    let header = Icmp { kind, code: 0, id: Some(id), seq: Some(1), embedded: None };
    packet(seconds, (src, 0), (dst, 0), IpProto::ICMP, Transport::Icmp(header), b"")
}

fn find(table: &mut Table, packet: &Packet<'_>) -> (FlowIndex, Direction, bool) {
    match table.lookup(packet, &mut |_, reason| panic!("ended: {reason:?}")) {
        Lookup::Flow { index, direction, new } => (index, direction, new),
        other => panic!("{other:?}"),
    }
}

fn find_ending(table: &mut Table, packet: &Packet<'_>) -> (Lookup, Ended) {
    let mut ended = Vec::new();
    let lookup = table.lookup(packet, &mut |flow, reason| ended.push((flow.id, reason)));
    (lookup, ended)
}

const A: Addr = Addr::v4([10, 0, 0, 1]);
const B: Addr = Addr::v4([10, 0, 0, 2]);

#[test]
fn both_directions_are_one_flow() {
    for (a, b) in
        [((A, 1), (B, 2)), ((B, 1), (A, 2)), ((A, 5), (A, 2)), ((Addr::v6([9; 16]), 1), (Addr::v6([3; 16]), 1))]
    {
        let mut table = table();
        let (index, direction, new) = find(&mut table, &udp(1, a, b));
        assert_eq!((direction, new), (Direction::ToServer, true));
        assert_eq!(table.get(index).state(), FlowState::New);
        assert_eq!(find(&mut table, &udp(2, b, a)), (index, Direction::ToClient, false));
        assert_eq!(find(&mut table, &udp(3, a, b)), (index, Direction::ToServer, false));
        let flow = table.get_mut(index);
        assert_eq!((flow.client(), flow.server()), (a, b));
        assert_eq!(flow.counts.map(|c| (c.packets, c.bytes)), [(2, 120), (1, 60)]);
        assert!(flow.state() == FlowState::Established && flow.established());
        assert_eq!((flow.start.seconds(), flow.last.seconds()), (1, 3));
    }
}

#[test]
fn what_differs_in_the_key_is_another_flow() {
    let mut table = Table::new(&FlowConfig { separate_interfaces: true, ..FlowConfig::default() }, 1, 0);
    let first = udp(1, (A, 1), (B, 2));
    let mut others = vec![first; 8];
    others[1].vlans.count = 1;
    others[1].vlans.ids[0] = 7;
    others[2].vlans.count = 2;
    others[2].vlans.ids = [7, 7, 0];
    others[3].tunnel_id = 9;
    others[4].interface = 1;
    others[5].src_port = 3;
    others[6].transport = Transport::Sctp;
    others[6].ip.as_mut().unwrap().proto = IpProto::SCTP;
    others[7].ip.as_mut().unwrap().version = 6;
    for packet in &others {
        assert!(find(&mut table, packet).2);
    }
    for packet in &others {
        assert!(!find(&mut table, packet).2);
    }
    let mut table = self::table();
    assert!(find(&mut table, &others[0]).2);
    assert!(!find(&mut table, &others[4]).2, "interfaces count only if asked for");
}

#[test]
fn a_syn_ack_names_its_receiver_the_client() {
    let mut table = table();
    let packet = tcp_packet(1, (A, 80), (B, 1000), SYN | ACK, 5, 6);
    let (index, direction, _) = find(&mut table, &packet);
    assert_eq!(direction, Direction::ToClient);
    assert_eq!(table.get(index).client(), (B, 1000));
    assert_eq!(table.get(index).counts[1].packets, 1);
}

#[test]
fn no_flow_for_fragments_other_packets_and_broken_headers() {
    let mut table = table();
    let mut fragment = udp(1, (A, 1), (B, 2));
    fragment.ip.as_mut().unwrap().is_fragment = true;
    let mut arp = udp(1, (A, 1), (B, 2));
    arp.ip = None;
    let broken = packet(1, (A, 0), (B, 0), IpProto::TCP, Transport::None, b"");
    let mut unread = packet(1, (A, 0), (B, 0), IpProto(44), Transport::None, b"");
    unread.ip.as_mut().unwrap().version = 6;
    let gre = packet(1, (A, 0), (B, 0), IpProto::GRE, Transport::None, b"");
    for packet in [fragment, arp, broken, unread, gre] {
        assert_eq!(find_ending(&mut table, &packet), (Lookup::NoFlow, vec![]));
    }
    assert_eq!(table.counters.no_flow, 5);
    let esp = packet(1, (A, 0), (B, 0), IpProto::ESP, Transport::None, b"");
    let (index, ..) = find(&mut table, &esp);
    assert_eq!(table.get(index).client(), (A, 0));
}

#[test]
fn echoes_are_flows_by_identifier() {
    let mut table = table();
    let (index, ..) = find(&mut table, &echo(1, B, A, 8, 77));
    assert_eq!(find(&mut table, &echo(1, A, B, 0, 77)), (index, Direction::ToClient, false));
    assert!(find(&mut table, &echo(1, B, A, 8, 78)).2);
    let event = table.get(index).event(FlowEndReason::Shutdown);
    assert_eq!(event.icmp, Some(((8, 0), Some((0, 0)))));
    assert_eq!((event.flow.client, event.flow.server), ((B, 0), (A, 0)));
    assert!(event.tcp.is_none());
}

#[test]
fn icmp_errors_belong_to_the_flow_that_they_quote() {
    let mut table = table();
    let quoted = Embedded { src: A, dst: B, src_port: 1000, dst_port: 53, proto: IpProto::UDP };
    let header = Icmp { kind: 3, code: 3, id: None, seq: None, embedded: Some(quoted) };
    // From a router on the way.
    let error = packet(1, (v4(254), 0), (A, 0), IpProto::ICMP, Transport::Icmp(header), b"");
    assert_eq!(find_ending(&mut table, &error).0, Lookup::NoFlow);
    let (index, ..) = find(&mut table, &udp(1, (A, 1000), (B, 53)));
    assert_eq!(find(&mut table, &error), (index, Direction::ToClient, false));
    let unquoted = Icmp { embedded: None, ..header };
    let error = packet(1, (B, 0), (A, 0), IpProto::ICMP, Transport::Icmp(unquoted), b"");
    assert_eq!(find_ending(&mut table, &error).0, Lookup::NoFlow);
}

#[test]
fn icmpv6_neighbours_are_one_flow() {
    let mut table = table();
    let header = |kind| Transport::Icmpv6(Icmp { kind, code: 0, id: None, seq: None, embedded: None });
    let (a, b) = (Addr::v6([1; 16]), Addr::v6([2; 16]));
    let (index, ..) = find(&mut table, &packet(1, (b, 0), (a, 0), IpProto::ICMPV6, header(135), b""));
    let answer = packet(1, (a, 0), (b, 0), IpProto::ICMPV6, header(136), b"");
    assert_eq!(find(&mut table, &answer), (index, Direction::ToClient, false));
}

#[test]
fn ids_are_unique_spread_and_fit_a_double() {
    let mut ids = std::collections::HashSet::new();
    let mut high = 0;
    for worker in 0..3 {
        let mut table = Table::new(&FlowConfig::default(), 99, worker);
        for i in 0..2000u16 {
            let (index, ..) = find(&mut table, &udp(1, (A, i), (B, 2)));
            let id = table.get(index).id;
            assert!(id > 0 && id < 1 << 53 && ids.insert(id));
            high += u32::from(id >> 52 == 1);
        }
    }
    assert!((2500..3500).contains(&high), "{high} of 6000 have the top bit");
}

#[test]
fn a_flow_that_timed_out_ends_at_its_next_packet() {
    let mut table = table();
    let (a, b) = ((A, 1), (B, 2));
    let (index, ..) = find(&mut table, &udp(100, a, b));
    let id = table.get(index).id;
    find(&mut table, &udp(130, a, b));
    let (lookup, ended) = find_ending(&mut table, &udp(161, b, a));
    assert_eq!(ended, [(id, FlowEndReason::Timeout)]);
    let Lookup::Flow { index, direction, new } = lookup else { panic!() };
    assert!(new && direction == Direction::ToServer);
    assert_eq!(table.get(index).client(), b, "who speaks first now is the client");
    assert_eq!((table.len(), table.counters.ended_timeout), (1, 1));
}

/// Knows when the kernel saw the last packet of every flow, and which flows ended.
struct Kernel(Timestamp, Ended);

impl FlowEnds<u32> for Kernel {
    fn end(&mut self, flow: &mut Flow<u32>, reason: FlowEndReason) {
        self.1.push((flow.last.seconds(), reason));
    }

    fn last_in_kernel(&mut self, _: &Flow<u32>) -> Timestamp {
        self.0
    }
}

#[test]
fn a_flow_lives_as_long_as_the_kernel_counts_its_packets() {
    let mut table = table();
    let (index, ..) = find(&mut table, &udp(100, (A, 1), (B, 2)));
    table.get_mut(index).in_kernel = true;
    let mut kernel = Kernel(Timestamp::from_parts(125, 0), Ended::new());
    let expire = |table: &mut Table, kernel: &mut Kernel, second| {
        for _ in 0..100 {
            table.expire_with(Timestamp::from_parts(second, 0), 100, kernel);
        }
    };
    expire(&mut table, &mut kernel, 140);
    assert!(kernel.1.is_empty() && table.get(index).last.seconds() == 125);
    kernel.0 = Timestamp::from_parts(150, 0);
    let found = table.lookup_with(&udp(178, (A, 1), (B, 2)), &mut kernel);
    assert!(matches!(found, Lookup::Flow { new: false, .. }), "28 s after the kernel's last packet: {found:?}");
    expire(&mut table, &mut kernel, 215);
    assert_eq!((kernel.1, table.len()), (vec![(178, FlowEndReason::Timeout)], 0));
}

#[test]
fn of_a_flow_that_is_let_by_a_new_connection_is_seen_though_its_end_was_not() {
    let mut table = table();
    let (index, ..) = find(&mut table, &tcp_packet(1, (A, 1), (B, 2), SYN, 5, 0));
    table.get_mut(index).bypassed = true;
    assert!(!find(&mut table, &tcp_packet(2, (A, 1), (B, 2), ACK, 6, 1)).2);
    let (found, ended) = find_ending(&mut table, &tcp_packet(3, (A, 1), (B, 2), SYN, 900, 0));
    assert!(matches!(found, Lookup::Flow { new: true, .. }), "{found:?}");
    assert_eq!(ended.into_iter().map(|(_, reason)| reason).collect::<Vec<_>>(), [FlowEndReason::Reused]);
}

#[test]
fn time_outs_by_state() {
    let mut table = table();
    let (a, b) = ((A, 1), (B, 2));
    find(&mut table, &udp(100, a, b));
    find(&mut table, &udp(101, b, a));
    find(&mut table, &udp(101, (A, 7), b));
    let mut ended = vec![];
    for now in 100..420 {
        table.expire(Timestamp::from_parts(now, 0), 100, &mut |flow, _| ended.push((flow.client().1, now)));
    }
    assert_eq!(ended, [(7, 132), (1, 402)]);
    assert!(table.is_empty());
}

#[test]
fn expiry_does_a_bounded_amount_of_work() {
    let mut table = table();
    for i in 0..1000 {
        find(&mut table, &udp(100, (A, i), (B, 2)));
    }
    let mut ended = 0;
    for _ in 0..100 {
        let before = ended;
        table.expire(Timestamp::from_parts(5000, 0), 10, &mut |_, reason| {
            assert_eq!(reason, FlowEndReason::Timeout);
            ended += 1;
        });
        assert_eq!(ended - before, 10);
    }
    assert_eq!((ended, table.len()), (1000, 0));
}

#[test]
fn time_may_jump_either_way() {
    let mut table = table();
    find(&mut table, &udp(1_000_000, (A, 1), (B, 2)));
    // Backwards: the old flow stays, nothing breaks, new flows age by their own time.
    assert!(!find(&mut table, &udp(10, (A, 1), (B, 2))).2);
    find(&mut table, &udp(10, (A, 3), (B, 2)));
    let mut ended = vec![];
    for now in 10..120 {
        table.expire(Timestamp::from_parts(now, 0), 100, &mut |flow, _| ended.push(flow.client().1));
    }
    assert_eq!(ended, [3]);
    // Forwards, to the end of time.
    table.expire(Timestamp(u64::MAX), 100, &mut |flow, _| ended.push(flow.client().1));
    assert_eq!(ended, [3, 1]);
    find(&mut table, &udp(u64::MAX / 1_000_000_000, (A, 1), (B, 2)));
    find(&mut table, &udp(0, (A, 9), (B, 2)));
    table.expire(Timestamp(0), 100, &mut |_, _| panic!());
    table.drain(&mut |_, _| {});
    assert!(table.is_empty());
}

#[test]
fn a_silence_however_long_makes_no_flow_end_late() {
    for silence in [90, 159, 160, 161, 200, 224, 255, 256, 257, 300, 1000, 100_000] {
        let mut table = table();
        for i in 0..16 {
            find(&mut table, &udp(1000 + u64::from(i), (A, i), (B, 2)));
        }
        let mut ended = 0;
        table.expire(Timestamp::from_parts(1020, 0), 100, &mut |_, _| panic!("none is over"));
        table.expire(Timestamp::from_parts(1020 + silence, 0), 1000, &mut |_, _| ended += 1);
        assert_eq!(ended, 16, "after {silence} s");
    }
}

#[test]
fn time_that_goes_back_a_little_makes_no_flow_end_late() {
    for back in [1, 30, 100, 160, 161, 1000] {
        let mut table = table();
        find(&mut table, &udp(5000, (A, 1), (B, 2)));
        table.expire(Timestamp::from_parts(5000, 0), 100, &mut |_, _| panic!("none is over"));
        let now = 5000 - back;
        find(&mut table, &udp(now, (A, 3), (B, 2)));
        let mut ended = vec![];
        for second in now..now + 200 {
            table.expire(Timestamp::from_parts(second, 0), 100, &mut |flow, _| ended.push((flow.client().1, second)));
        }
        // Its own 30 s, or as soon as time is where it was.
        let (_, at) = ended.iter().find(|(port, _)| *port == 3).unwrap_or_else(|| panic!("back {back} s: {ended:?}"));
        assert!(*at <= (now + 31).max(5000), "back {back} s: {ended:?}");
    }
}

#[test]
fn when_full_the_idlest_makes_room() {
    let mut table = small(3);
    assert_eq!(table.counters.capacity, 3);
    for i in 0..3u16 {
        find(&mut table, &udp(100 + u64::from(i), (A, i), (B, 2)));
    }
    find(&mut table, &udp(110, (A, 0), (B, 2)));
    let (lookup, ended) = find_ending(&mut table, &udp(111, (A, 9), (B, 2)));
    assert!(matches!(lookup, Lookup::Flow { new: true, .. }));
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].1, FlowEndReason::Forced);
    assert!(!find(&mut table, &udp(111, (A, 0), (B, 2))).2, "the busy one stayed");
    assert!(!find(&mut table, &udp(111, (A, 2), (B, 2))).2, "the younger one stayed");
    assert_eq!((table.len(), table.counters.ended_forced), (3, 1));
}

#[test]
fn a_flood_of_new_flows_does_not_push_out_established_ones() {
    let mut table = small(100);
    for i in 0..50 {
        find(&mut table, &udp(100, (A, i), (B, 2)));
        find(&mut table, &udp(100, (B, 2), (A, i)));
    }
    for i in 0..10_000u16 {
        let (lookup, _) = find_ending(&mut table, &udp(101 + u64::from(i) / 1000, (v4(9), i), (B, 53)));
        assert!(matches!(lookup, Lookup::Flow { new: true, .. }));
    }
    for i in 0..50 {
        assert!(!find(&mut table, &udp(111, (A, i), (B, 2))).2);
    }
    assert_eq!(table.len(), 100);
}

/// A connection through table and engine; returns its flow.
fn follow(table: &mut Table, engine: &mut StreamEngine, packet: &Packet<'_>) -> (FlowIndex, Ended) {
    let mut record = Record::default();
    let mut ended = vec![];
    let lookup = table.lookup(packet, &mut |flow, reason| {
        engine.close(&mut flow.tcp, &mut Record::default());
        ended.push((flow.id, reason));
    });
    let Lookup::Flow { index, direction, .. } = lookup else { panic!("{lookup:?}") };
    let flow = table.get_mut(index);
    let report = engine.segment(&mut flow.tcp, packet, packet.tcp().unwrap(), direction, &mut record);
    if report.state_changed {
        table.state_changed(index);
    }
    (index, ended)
}

#[test]
fn closed_flows_make_room_first_and_time_out_sooner() {
    let mut table = small(4);
    let mut engine = StreamEngine::new(&StreamConfig::default());
    let (a, b) = ((A, 1), (B, 80));
    for i in 2..4 {
        find(&mut table, &udp(50, (A, i), (B, 2)));
    }
    for (from, to, flags, seq, ack) in
        [(a, b, SYN, 0, 0), (b, a, SYN | ACK, 1000, 1), (a, b, ACK, 1, 1001), (a, b, RST | ACK, 1, 1001)]
    {
        follow(&mut table, &mut engine, &tcp_packet(60, from, to, flags, seq, ack));
    }
    find(&mut table, &udp(60, (A, 4), (B, 2)));
    let (_, ended) = find_ending(&mut table, &udp(61, (A, 5), (B, 2)));
    assert_eq!(ended.len(), 1);
    assert!(!find(&mut table, &udp(61, (A, 2), (B, 2))).2);
    assert_eq!(table.len(), 4);
    let (_, ended) = find_ending(&mut table, &tcp_packet(61, a, b, ACK, 1, 1001));
    assert_eq!(ended[0].1, FlowEndReason::Forced, "the closed flow was gone");
}

#[test]
fn a_new_connection_on_old_ports_is_a_new_flow() {
    let mut table = table();
    let mut engine = StreamEngine::new(&StreamConfig::default());
    let (a, b) = ((A, 1), (B, 80));
    let steps = [
        (a, b, SYN, 0, 0),
        (b, a, SYN | ACK, 1000, 1),
        (a, b, ACK, 1, 1001),
        (a, b, FIN | ACK, 1, 1001),
        (b, a, FIN | ACK, 1001, 2),
        (a, b, ACK, 2, 1002),
    ];
    let mut first = None;
    for (from, to, flags, seq, ack) in steps {
        let (index, ended) = follow(&mut table, &mut engine, &tcp_packet(1, from, to, flags, seq, ack));
        assert!(ended.is_empty());
        assert_eq!(*first.get_or_insert(index), index);
    }
    let index = first.unwrap();
    assert_eq!(table.get(index).state(), FlowState::Closed);
    let id = table.get(index).id;
    let (index, ended) = follow(&mut table, &mut engine, &tcp_packet(2, a, b, SYN, 50_000, 0));
    assert_eq!(ended, [(id, FlowEndReason::Reused)]);
    assert_eq!(table.get(index).state(), FlowState::New);
    assert_eq!(table.get(index).counts[0].packets, 1);
    let event = table.get(index).event(FlowEndReason::Shutdown);
    assert_eq!(event.tcp.unwrap().flags, [TcpFlags::SYN, 0]);
    assert_eq!(table.counters.ended_reused, 1);
}

#[test]
fn settings_are_read_and_unknown_ones_refused() {
    let config: FlowConfig = toml::from_str("tcp_new_s = 5\nmemcap_bytes = 1000").unwrap();
    assert_eq!(config, FlowConfig { tcp_new_s: 5, memcap_bytes: 1000, ..FlowConfig::default() });
    assert!(toml::from_str::<FlowConfig>("tcp_news = 5").is_err());
    let config: StreamConfig = toml::from_str("overlap = \"last\"\nmidstream = true").unwrap();
    assert!(config.midstream && config.overlap == crate::stream::OverlapPolicy::Last);
    assert!(toml::from_str::<StreamConfig>("deep = 5").is_err());
}

#[test]
fn an_entry_keeps_what_packets_touch_in_front() {
    assert!(std::mem::offset_of!(Flow<u32>, tcp) <= 128);
    assert!(size_of::<Flow<()>>() <= 320, "{}", size_of::<Flow<()>>());
}

#[derive(Clone, Debug)]
enum Step {
    Packet { host: u8, port: u16, back: bool, after: u64 },
    Expire { after: u64, budget: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let packet = (0u8..6, 0u16..40, any::<bool>(), 0u64..4).prop_map(|(host, port, back, after)| Step::Packet {
        host,
        port,
        back,
        after,
    });
    let expire =
        (prop_oneof![0u64..3, 0u64..500], 0usize..50).prop_map(|(after, budget)| Step::Expire { after, budget });
    prop::collection::vec(prop_oneof![8 => packet, 1 => expire], 0..600)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// Against a map of what should be there: same flows, same counts, every end told once.
    #[test]
    fn the_table_is_a_map(steps in steps(), capacity in 1usize..300, seed in any::<u64>()) {
        struct Known { id: u64, packets: [u64; 2], last: u64, client_is_host: bool }
        let per_flow = size_of::<Flow<u32>>() as u64 + 16;
        let config = FlowConfig { memcap_bytes: per_flow * capacity as u64, ..FlowConfig::default() };
        let mut table = Table::new(&config, seed, 0);
        let mut known: HashMap<(u8, u16), Known> = HashMap::new();
        let mut now = 1000;
        let server = (v4(200), 53);
        let mut ended = Vec::new();
        for step in steps {
            match step {
                Step::Packet { host, port, back, after } => {
                    now += after;
                    let end = (v4(host), port);
                    let (src, dst) = if back { (server, end) } else { (end, server) };
                    let lookup = table.lookup(&udp(now, src, dst), &mut |flow, reason| ended.push((flow.id, flow.counts, reason)));
                    let Lookup::Flow { index, direction, new } = lookup else { panic!("{lookup:?}") };
                    for (id, counts, reason) in ended.drain(..) {
                        let (&at, was) = known.iter().find(|(_, k)| k.id == id).expect("ended once");
                        prop_assert_eq!(counts.map(|c| c.packets), was.packets);
                        let limit = if was.packets[0] > 0 && was.packets[1] > 0 { 300 } else { 30 };
                        prop_assert!(reason == FlowEndReason::Forced || now - was.last > limit);
                        known.remove(&at);
                    }
                    let flow = table.get(index);
                    let entry = known.entry((host, port)).or_insert(Known { id: flow.id, packets: [0; 2], last: now, client_is_host: !back });
                    prop_assert_eq!(new, entry.packets == [0; 2]);
                    prop_assert_eq!(entry.id, flow.id);
                    let expected = if entry.client_is_host != back { Direction::ToServer } else { Direction::ToClient };
                    prop_assert_eq!(direction, expected);
                    entry.packets[direction.index()] += 1;
                    entry.last = now;
                    prop_assert_eq!(flow.counts.map(|c| c.packets), entry.packets);
                }
                Step::Expire { after, budget } => {
                    now += after;
                    table.expire(Timestamp::from_parts(now, 0), budget, &mut |flow, _| ended.push((flow.id, flow.counts, FlowEndReason::Timeout)));
                    prop_assert!(ended.len() <= budget);
                    for (id, counts, _) in ended.drain(..) {
                        let (&at, was) = known.iter().find(|(_, k)| k.id == id).expect("ended once");
                        prop_assert_eq!(counts.map(|c| c.packets), was.packets);
                        let limit = if was.packets[0] > 0 && was.packets[1] > 0 { 300 } else { 30 };
                        prop_assert!(now - was.last > limit);
                        known.remove(&at);
                    }
                }
            }
            prop_assert_eq!(table.len(), known.len());
            prop_assert!(table.len() <= capacity);
        }
        table.drain(&mut |flow, _| { known.retain(|_, k| k.id != flow.id); });
        prop_assert!(known.is_empty() && table.is_empty());
        let c = table.counters;
        prop_assert_eq!(c.created, c.ended_timeout + c.ended_forced + c.ended_shutdown);
    }
}
