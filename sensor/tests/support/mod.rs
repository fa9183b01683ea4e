//! Events, rules and sources for the tests of the outputs.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use sekisho::counters;
use sekisho::counters::{CounterSet, Published, WorkerTime};
use sekisho::event::{
    AlertAction, AlertEvent, DirectionCount, Event, FlowEndReason, FlowEvent, FlowState, FlowSummary, PacketSource,
    PacketSummary,
};
use sekisho::ledger::{DropReason, Ledger, Outcome};
use sekisho::output::sources::{
    Block, KernelReading, RulesetStatus, SocketStatistics, Sources, WorkerSource, XdpCount,
};
use sekisho::output::{OutputsHandle, config::EveConfig};
use sekisho::packet::{Addr, Direction, IpProto, Vlans};
use sekisho::protocols::AppView;
use sekisho::time::Timestamp;
use sekisho_signatures::model::{Action, Header, HeaderProto, Place, PortSet, Signature, Target};
use sekisho_signatures::ruleset::Ruleset;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A rule with nothing to match.
pub fn signature(sid: u32, msg: &str) -> Signature {
    let header = Header {
        proto: HeaderProto::Ip,
        ip_version: None,
        src: Arc::default(),
        src_ports: Arc::new(PortSet::any()),
        dst: Arc::default(),
        dst_ports: Arc::new(PortSet::any()),
        bidirectional: false,
        transactional: false,
    };
    Signature { sid, rev: 2, msg: msg.into(), ..Signature::new(Place::default(), Action::Alert, header) }
}

/// These rules, under a hash of their own.
pub fn ruleset(signatures: Vec<impl Into<Arc<Signature>>>) -> Arc<Ruleset> {
    let signatures = signatures.into_iter().map(Into::into).collect();
    Arc::new(Ruleset { signatures, hash: "0123456789abcdef".to_owned(), ..Ruleset::default() })
}

/// One rule with all that the record prints.
pub fn full_signature(msg: &str, target: Option<Target>) -> Signature {
    Signature {
        category: "A Network Trojan was detected".into(),
        priority: 1,
        metadata: [
            ("tag", "one"),
            ("created_at", "2026_01_01"),
            ("tag", "two"),
            ("sekisho_ruleset", "forged"),
            ("bare", ""),
        ]
        .map(|(key, value)| (key.into(), value.into()))
        .to_vec(),
        target,
        ..signature(2_000_001, msg)
    }
}

pub const V4: (Addr, Addr) = (Addr::v4([192, 168, 1, 10]), Addr::v4([203, 0, 113, 9]));
pub const V6: (Addr, Addr) = (Addr(0xfe80_0000_0000_0000_020c_29ff_fef3_cf38), Addr(0x2001_0db8 << 96 | 1));

/// A packet from client to server.
pub fn packet(ip_version: u8, proto: IpProto) -> PacketSummary {
    let (src, dst) = match ip_version {
        4 => V4,
        6 => V6,
        _ => (Addr(0), Addr(0)),
    };
    PacketSummary {
        ts: Timestamp::from_parts(1_795_396_347, 123_456_789),
        frame_number: 17,
        interface: 0,
        ip_version,
        src,
        dst,
        src_port: 49152,
        dst_port: 443,
        proto,
        icmp: matches!(proto, IpProto::ICMP | IpProto::ICMPV6).then_some((8, 0)),
        ethertype: 0x0800,
        vlans: Vlans::default(),
        tunnel_depth: 0,
        source: PacketSource::Wire,
    }
}

pub fn flow_summary(packet: &PacketSummary) -> FlowSummary {
    FlowSummary {
        id: 0x001f_ffff_ffff_ffff,
        start: Timestamp::from_parts(1_795_396_340, 1_000),
        client: (packet.src, packet.src_port),
        server: (packet.dst, packet.dst_port),
        counts: [DirectionCount { packets: 3, bytes: 300 }, DirectionCount { packets: 2, bytes: 120 }],
    }
}

/// An alert of the first rule of `ruleset`; `number` is its frame.
pub fn alert(ruleset: &Arc<Ruleset>, number: u64) -> Event {
    let packet = PacketSummary { frame_number: number, ..packet(4, IpProto::TCP) };
    Event::Alert(AlertEvent {
        packet,
        flow: Some(flow_summary(&packet)),
        direction: Some(Direction::ToServer),
        signature: 0,
        ruleset: Arc::clone(ruleset),
        action: AlertAction::Allowed,
        in_stream: false,
        app: AppView::default(),
        transaction: None,
        finding: None,
        note: None,
        payload: None,
        evidence: None,
    })
}

/// A flow's end; `id` is its `flow_id`.
pub fn flow(id: u64) -> Event {
    let packet = packet(4, IpProto::UDP);
    Event::Flow(FlowEvent {
        flow: FlowSummary { id, ..flow_summary(&packet) },
        end: packet.ts,
        state: FlowState::Established,
        reason: FlowEndReason::Timeout,
        alerted: false,
        ip_version: 4,
        proto: IpProto::UDP,
        icmp: None,
        vlans: Vlans::default(),
        interface: 0,
        tcp: None,
        app: AppView::default(),
        transactions: 0,
        in_kernel: None,
        action: None,
        note: None,
    })
}

/// An event log at `path` that tests can use.
pub fn eve_config(path: &Path) -> EveConfig {
    EveConfig { path: path.to_owned(), shutdown_grace_s: 1, ..EveConfig::default() }
}

counters! {
    /// What the tests' worker counts.
    pub struct TestCounters {
        /// Frames that were decoded.
        frames => "decode_frames_total",
        /// Flows in the table now.
        flows => "flows_active",
    }
}

/// Two queues of one interface, one of them with a kernel side.
pub fn sources(outputs: OutputsHandle) -> Sources {
    let layout = vec![
        Block::of::<TestCounters>(),
        Block::Labelled {
            name: "decoder_events_total",
            help: "Malformed packets by decoder event.",
            label: "event",
            values: vec!["decoder.ipv4.trunc_pkt", "decoder.ipv6.trunc_pkt"],
        },
    ];
    let len = layout.iter().map(Block::len).sum();
    let worker = |queue: u32| {
        let ledger = Ledger::default();
        ledger.received(10, 1000);
        for _ in 0..8 {
            ledger.settle(Outcome::Inspected);
        }
        ledger.settle(Outcome::Dropped(DropReason::Malformed));
        let counters = Published::new(len);
        let next = counters.publish(0, &TestCounters { frames: 10, flows: 2 }, &mut [0; TestCounters::INFO.len()]);
        counters.publish_values(next, &[u64::from(queue), 5]);
        let time = WorkerTime::default();
        time.add(Duration::from_millis(250), Duration::from_millis(750));
        time.batch(3, Duration::from_micros(3));
        time.batch(60, Duration::from_millis(2));
        WorkerSource {
            interface: "eth0".to_owned(),
            queue,
            ledger: Arc::new(ledger),
            counters: Arc::new(counters),
            time: Some(Arc::new(time)),
            kernel: (queue == 0).then(|| Box::new(kernel) as sekisho::output::sources::KernelSource),
        }
    };
    Sources {
        sensor_name: Some("gate \"east\"".to_owned()),
        started: Instant::now(),
        layout,
        workers: vec![worker(0), worker(1)],
        ruleset: Box::new(|| RulesetStatus {
            hash: "0123456789abcdef".to_owned(),
            loaded: 3,
            skipped: 2,
            failed: 1,
            epoch: 2,
            loaded_at_s: 1_795_396_347,
            load_ms: 1_250,
            reloads_ok: 1,
            reloads_failed: 3,
            ..RulesetStatus::default()
        }),
        outputs,
        loss: Default::default(),
        extra: Vec::new(),
    }
}

fn kernel() -> KernelReading {
    KernelReading {
        mode: "zero_copy".to_owned(),
        attach: "native".to_owned(),
        driver: "igb".to_owned(),
        socket: Some(SocketStatistics { rx_dropped: 1, rx_ring_full: 2, ..SocketStatistics::default() }),
        xdp: vec![
            XdpCount { outcome: "redirected", reason: "", packets: 13, bytes: 1300 },
            XdpCount { outcome: "passed", reason: "no_socket", packets: 4, bytes: 400 },
        ],
    }
}
