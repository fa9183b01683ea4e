//! Every record that the sensor can write is one line of JSON that Suricata's published schema allows.
//!
//! The schema is test material beside the project (../shared/eve/schema.json); without it the records are only read back.

mod support;

use jiff::tz::TimeZone;
use proptest::prelude::*;
use sekisho::decode::DecodeEvent;
use sekisho::detect::state::Finding;
use sekisho::event::{
    AlertAction, AlertEvent, Anomaly, AnomalyEvent, DirectionCount, Event, FlowAction, FlowEndReason, FlowEvent,
    FlowNote, FlowState, PacketSource, PacketSummary, TcpState, TcpSummary,
};
use sekisho::output::eve::EveEncoder;
use sekisho::output::eve::text::Clock;
use sekisho::output::evidence::EvidenceName;
use sekisho::packet::{Direction, IpProto, Vlans};
use sekisho::protocols::AppView;
use sekisho::stream::StreamEvent;
use sekisho::time::Timestamp;
use sekisho_signatures::model::Target;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Arc, LazyLock};
use support::{V4, V6, flow_summary, full_signature, packet, ruleset};

static SCHEMA: LazyLock<Option<jsonschema::Validator>> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/eve/schema.json");
    let Ok(text) = std::fs::read(&path) else {
        eprintln!("skipped: validation against the EVE schema, since {} is not there", path.display());
        return None;
    };
    let schema = serde_json::from_slice(&text).expect("the schema is JSON");
    Some(jsonschema::validator_for(&schema).expect("the schema is a schema"))
});

fn encoder() -> EveEncoder {
    let zone = TimeZone::get("Asia/Tokyo").unwrap();
    EveEncoder::new(Clock::new(zone), Some("gate \"east\"\n".to_owned()), vec!["eth0".to_owned()], true)
}

/// The record, read back and validated.
fn record(event: &Event) -> Value {
    let mut out = b"before\n".to_vec();
    encoder().encode(event, &mut out).expect("it can be written");
    let line = out.strip_prefix(b"before\n").expect("what was there is left alone");
    validated(line)
}

fn validated(line: &[u8]) -> Value {
    assert_eq!(line.iter().position(|&b| b == b'\n'), Some(line.len() - 1), "one line");
    assert!(line.iter().all(|&b| b == b'\n' || b >= 0x20), "control characters are escaped");
    let value: Value = serde_json::from_slice(line).expect("it is JSON");
    if let Some(schema) = &*SCHEMA {
        let errors: Vec<String> =
            schema.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{value:#}\n{errors:#?}");
    }
    value
}

fn alert_on(packet: PacketSummary, with_flow: bool, target: Option<Target>) -> Event {
    Event::Alert(AlertEvent {
        packet,
        flow: with_flow.then(|| flow_summary(&packet)),
        direction: with_flow.then_some(Direction::ToClient),
        signature: 0,
        ruleset: ruleset(vec![full_signature("ET TEST \"quoted\" \u{7} \\ ünïcode", target)]),
        action: AlertAction::Blocked,
        in_stream: true,
        app: AppView::default(),
        transaction: None,
        finding: None,
        note: None,
        payload: None,
        evidence: Some(EvidenceName { flow_id: 7, worker: 0, start: packet.ts }),
    })
}

/// What rules keep of a flow.
fn note() -> Arc<FlowNote> {
    Arc::new(FlowNote {
        bits: vec!["seen".into(), "traffic/id/app".into()],
        ints: vec![("logins".into(), 3)],
        captures: vec![("user".into(), (*b"a\xffb").into())],
        entropies: vec![("file_data", 4.5)],
    })
}

#[test]
fn what_rules_keep_is_told_with_alerts_and_flows() {
    let Event::Alert(alert) = alert_on(packet(4, IpProto::TCP), true, None) else { unreachable!() };
    let finding = Finding {
        captures: vec![("ua".into(), (*b"curl").into())],
        packet: vec![("host".into(), (*b"x").into())],
        contexts: vec![("ioc".into(), "{\"since\":2020}".into())],
    };
    let value = record(&Event::Alert(AlertEvent { finding: Some(Arc::new(finding)), note: Some(note()), ..alert }));
    assert_eq!(value["alert"]["context"], json!({"ioc": {"since": 2020}, "ua": "curl"}));
    let kept = json!({"flowbits": ["seen"], "flowints": {"logins": 3}, "flowvars": [{"user": "a\u{fffd}b"}], "entropy": {"file_data": 4.5}});
    assert_eq!(value["metadata"]["pktvars"], json!([{"host": "x"}]));
    assert_eq!(value["metadata"]["flowvars"], kept["flowvars"]);
    let flow = FlowEvent { note: Some(note()), action: Some(FlowAction::Drop), ..flow_on(4, IpProto::UDP) };
    let value = record(&Event::Flow(flow));
    assert_eq!(value["traffic"], json!({"id": ["app"]}));
    assert_eq!((&value["metadata"], &value["flow"]["action"]), (&kept, &json!("drop")));
}

#[test]
fn an_alert_has_all_its_fields() {
    let event = alert_on(
        PacketSummary { vlans: Vlans { count: 2, ids: [23, 4094, 0] }, ..packet(4, IpProto::TCP) },
        true,
        Some(Target::Destination),
    );
    assert_eq!(
        record(&event),
        json!({
            "timestamp": "2026-11-23T10:12:27.123456+0900",
            "flow_id": 0x001f_ffff_ffff_ffff_u64,
            "in_iface": "eth0",
            "pcap_cnt": 17,
            "event_type": "alert",
            "vlan": [23, 4094],
            "src_ip": "192.168.1.10",
            "src_port": 49152,
            "dest_ip": "203.0.113.9",
            "dest_port": 443,
            "proto": "TCP",
            "ip_v": 4,
            "pkt_src": "wire/pcap",
            "host": "gate \"east\"\n",
            "capture_file": "7-20261123T011227.123456789Z.pcapng",
            "alert": {
                "action": "blocked",
                "gid": 1,
                "signature_id": 2_000_001,
                "rev": 2,
                "signature": "ET TEST \"quoted\" \u{7} \\ ünïcode",
                "category": "A Network Trojan was detected",
                "severity": 1,
                "source": {"ip": "192.168.1.10", "port": 49152},
                "target": {"ip": "203.0.113.9", "port": 443},
                "metadata": {
                    "tag": ["one", "two"],
                    "created_at": ["2026_01_01"],
                    "bare": [""],
                    "sekisho_ruleset": ["0123456789abcdef"],
                },
            },
            "direction": "to_client",
            "flow": {
                "pkts_toserver": 3,
                "pkts_toclient": 2,
                "bytes_toserver": 300,
                "bytes_toclient": 120,
                "start": "2026-11-23T10:12:20.000001+0900",
                "src_ip": "192.168.1.10",
                "src_port": 49152,
                "dest_ip": "203.0.113.9",
                "dest_port": 443,
            },
        })
    );
}

#[test]
fn alerts_of_every_kind_of_packet_are_valid() {
    for ip_version in [0, 4, 6] {
        for proto in [0, 1, 2, 6, 17, 41, 47, 58, 61, 89, 132, 253, 255].map(IpProto) {
            for source in
                [PacketSource::Wire, PacketSource::Tunnel, PacketSource::Defragmented, PacketSource::FlowTimeout]
            {
                for target in [None, Some(Target::Source), Some(Target::Destination)] {
                    for with_flow in [false, true] {
                        let tunnel_depth = u8::from(source == PacketSource::Tunnel) * 2;
                        let packet = PacketSummary { source, tunnel_depth, ..packet(ip_version, proto) };
                        let value = record(&alert_on(packet, with_flow, target));
                        let ports = ip_version != 0 && [6, 17, 132].contains(&proto.0);
                        assert_eq!(value.get("src_port").is_some(), ports);
                        assert_eq!(value.get("src_ip").is_some(), ip_version != 0);
                        assert_eq!(value.get("proto").is_some(), ip_version != 0);
                        assert_eq!(value["alert"].get("target").is_some(), ip_version != 0 && target.is_some());
                        assert_eq!(value.get("tunnel").is_some(), source == PacketSource::Tunnel);
                    }
                }
            }
        }
    }
}

#[test]
fn the_target_is_the_end_that_the_rule_names() {
    let value = record(&alert_on(packet(6, IpProto::ICMPV6), false, Some(Target::Source)));
    assert_eq!(value["alert"]["target"], json!({"ip": "fe80:0000:0000:0000:020c:29ff:fef3:cf38"}));
    assert_eq!(value["alert"]["source"], json!({"ip": "2001:0db8:0000:0000:0000:0000:0000:0001"}));
    assert_eq!(value["proto"], "IPv6-ICMP");
    assert_eq!((&value["icmp_type"], &value["icmp_code"], &value["ip_v"]), (&json!(8), &json!(0), &json!(6)));
}

#[test]
fn the_end_of_a_flow_has_no_frame_number() {
    let packet = PacketSummary { source: PacketSource::FlowTimeout, ..packet(4, IpProto::TCP) };
    let value = record(&alert_on(packet, true, None));
    assert_eq!(value["pkt_src"], "stream (flow timeout)");
    assert_eq!(value.get("pcap_cnt"), None);
}

fn flow_on(ip_version: u8, proto: IpProto) -> FlowEvent {
    let packet = packet(ip_version, proto);
    FlowEvent {
        flow: flow_summary(&packet),
        end: packet.ts,
        state: FlowState::Closed,
        reason: FlowEndReason::Timeout,
        alerted: true,
        action: None,
        note: None,
        ip_version,
        proto,
        icmp: None,
        vlans: Vlans { count: 1, ids: [7, 0, 0] },
        interface: 3,
        tcp: None,
        app: AppView::default(),
        transactions: 0,
        in_kernel: None,
    }
}

#[test]
fn a_tcp_flow_has_all_its_fields() {
    let tcp = TcpSummary { flags: [0x1b, 0x12], state: TcpState::Closed, gap: [false, true] };
    assert_eq!(
        record(&Event::Flow(FlowEvent { tcp: Some(tcp), ..flow_on(4, IpProto::TCP) })),
        json!({
            "timestamp": "2026-11-23T10:12:27.123456+0900",
            "flow_id": 0x001f_ffff_ffff_ffff_u64,
            "event_type": "flow",
            "vlan": [7],
            "src_ip": "192.168.1.10",
            "src_port": 49152,
            "dest_ip": "203.0.113.9",
            "dest_port": 443,
            "proto": "TCP",
            "ip_v": 4,
            "host": "gate \"east\"\n",
            "flow": {
                "pkts_toserver": 3,
                "pkts_toclient": 2,
                "bytes_toserver": 300,
                "bytes_toclient": 120,
                "start": "2026-11-23T10:12:20.000001+0900",
                "end": "2026-11-23T10:12:27.123456+0900",
                "age": 7,
                "state": "closed",
                "reason": "timeout",
                "alerted": true,
            },
            "tcp": {
                "tcp_flags": "1b",
                "tcp_flags_ts": "1b",
                "tcp_flags_tc": "12",
                "fin": true,
                "syn": true,
                "psh": true,
                "ack": true,
                "state": "closed",
                "tc_gap": true,
            },
        })
    );
}

#[test]
fn an_icmp_flow_has_the_answer_beside_the_question() {
    let event = FlowEvent { icmp: Some(((8, 0), Some((0, 0)))), ..flow_on(4, IpProto::ICMP) };
    let value = record(&Event::Flow(event.clone()));
    for (key, want) in [("icmp_type", 8), ("icmp_code", 0), ("response_icmp_type", 0), ("response_icmp_code", 0)] {
        assert_eq!(value[key], want, "{key}");
    }
    assert_eq!(value.get("src_port"), None);
    let unanswered = record(&Event::Flow(FlowEvent { icmp: Some(((8, 0), None)), ..event }));
    assert_eq!(unanswered.get("response_icmp_type"), None);
}

#[test]
fn flows_of_every_state_and_reason_are_valid() {
    let reasons = [
        (FlowEndReason::Timeout, "timeout"),
        (FlowEndReason::Shutdown, "shutdown"),
        (FlowEndReason::Forced, "forced"),
        (FlowEndReason::Reused, "tcp_reuse"),
    ];
    let states = [
        (FlowState::New, "new"),
        (FlowState::Established, "established"),
        (FlowState::Closed, "closed"),
        (FlowState::Bypassed, "bypassed"),
    ];
    for (reason, reason_word) in reasons {
        for (state, state_word) in states {
            for proto in [IpProto::TCP, IpProto::UDP, IpProto::SCTP, IpProto::GRE, IpProto(254)] {
                for ip_version in [4, 6] {
                    let value = record(&Event::Flow(FlowEvent { reason, state, ..flow_on(ip_version, proto) }));
                    assert_eq!(value["flow"]["reason"], reason_word);
                    assert_eq!(value["flow"]["state"], state_word);
                }
            }
        }
    }
}

#[test]
fn every_tcp_state_and_flag_is_valid() {
    let states = [
        (TcpState::None, "none"),
        (TcpState::SynSent, "syn_sent"),
        (TcpState::SynRecv, "syn_recv"),
        (TcpState::Established, "established"),
        (TcpState::FinWait1, "fin_wait1"),
        (TcpState::FinWait2, "fin_wait2"),
        (TcpState::TimeWait, "time_wait"),
        (TcpState::LastAck, "last_ack"),
        (TcpState::CloseWait, "close_wait"),
        (TcpState::Closing, "closing"),
        (TcpState::Closed, "closed"),
    ];
    for (state, word) in states {
        for flags in [[0, 0], [0xff, 0], [0, 0xff], [0x02, 0x12]] {
            let tcp = TcpSummary { flags, state, gap: [true, false] };
            let value = record(&Event::Flow(FlowEvent { tcp: Some(tcp), ..flow_on(4, IpProto::TCP) }));
            assert_eq!(value["tcp"]["state"], word);
            assert_eq!(value["tcp"]["tcp_flags"], format!("{:02x}", flags[0] | flags[1]));
        }
    }
}

#[test]
fn anomalies_of_every_event_are_valid_with_and_without_ip() {
    let anomalies = DecodeEvent::ALL
        .iter()
        .map(|&event| (Anomaly::Decode(event), "decode", event.name()))
        .chain(StreamEvent::ALL.iter().map(|&event| (Anomaly::Stream(event), "stream", event.name())));
    for (anomaly, kind, name) in anomalies {
        for ip_version in [0, 4, 6] {
            let event = AnomalyEvent {
                packet: packet(ip_version, IpProto::TCP),
                flow_id: (ip_version == 4).then_some(5),
                anomaly,
            };
            let value = record(&Event::Anomaly(event));
            assert_eq!(value["anomaly"], json!({"type": kind, "event": name}));
            assert_eq!(value.get("src_ip").is_some(), ip_version != 0);
            assert_eq!(value.get("flow_id").is_some(), ip_version == 4);
        }
    }
}

#[test]
fn an_alert_of_a_signature_that_is_not_there_is_an_error_and_writes_nothing() {
    let Event::Alert(mut event) = alert_on(packet(4, IpProto::TCP), true, None) else { unreachable!() };
    event.signature = 7;
    let mut out = b"before\n".to_vec();
    assert!(encoder().encode(&Event::Alert(event), &mut out).is_err());
    assert_eq!(out, b"before\n");
}

#[test]
fn stats_are_valid_under_every_name() {
    let folder = tempfile::tempdir().unwrap();
    let config = support::eve_config(&folder.path().join("eve.json"));
    let outputs = sekisho::output::Outputs::start(&config, Default::default()).unwrap();
    let mut sources = support::sources(outputs.handle());
    // Every decoder and stream event, and every counter that has a name in Suricata.
    sources.layout = vec![sekisho::output::sources::Block::Labelled {
        name: "events_total",
        help: "Events.",
        label: "event",
        values: DecodeEvent::ALL
            .iter()
            .map(|event| event.name())
            .chain(StreamEvent::ALL.iter().map(|event| event.name()))
            .collect(),
    }];
    sources.workers[0].counters = Arc::new(sekisho::counters::Published::new(sources.layout[0].len()));
    let mut reading = sources.stats();
    for path in sekisho::output::stats_paths() {
        reading.counters.insert(path.to_owned(), 1);
    }
    let mut out = Vec::new();
    encoder().encode_stats(Timestamp::from_parts(1_795_396_347, 0), &reading, &mut out).unwrap();
    let value = validated(&out);
    assert_eq!(value["event_type"], "stats");
    assert_eq!(value["stats"]["decoder"]["pkts"], 1);
    assert_eq!(value["stats"]["capture"], json!({"kernel_packets": 23, "kernel_drops": 3}));
    assert_eq!(value["stats"]["detect"]["alert"], 0);
}

fn any_event() -> impl Strategy<Value = Event> {
    let packets = (
        prop::sample::select(vec![0u8, 4, 6]),
        any::<u8>(),
        any::<(u64, u64, u16, u16, u16)>(),
        any::<(u8, [u16; 3])>(),
        any::<Option<(u8, u8)>>(),
        any::<u8>(),
    );
    let texts = (".*", ".*", prop::collection::vec((".*", ".*"), 0..4));
    (packets, texts, any::<(bool, bool, u64)>()).prop_map(
        |(
            (ip_version, proto, (ts, frame_number, interface, src_port, dst_port), (count, ids), icmp, tunnel_depth),
            (msg, category, metadata),
            (with_flow, to_server, flow_id),
        )| {
            let packet = PacketSummary {
                ts: Timestamp(ts),
                frame_number,
                interface,
                src_port,
                dst_port,
                icmp,
                tunnel_depth,
                vlans: Vlans { count, ids },
                ..packet(ip_version, IpProto(proto))
            };
            let mut signature = full_signature(&msg, None);
            signature.category = category.into();
            // The schema wants a list of at least one text for the keys that it knows: any list of texts will do.
            signature.metadata = metadata.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
            let mut flow = flow_summary(&packet);
            flow.id = flow_id;
            Event::Alert(AlertEvent {
                packet,
                flow: with_flow.then_some(flow),
                direction: Some(if to_server { Direction::ToServer } else { Direction::ToClient }),
                signature: 0,
                ruleset: ruleset(vec![signature]),
                action: AlertAction::Allowed,
                in_stream: false,
                app: AppView::default(),
                transaction: None,
                finding: None,
                note: None,
                payload: None,
                evidence: None,
            })
        },
    )
}

proptest! {
    #[test]
    fn hostile_texts_and_odd_numbers_read_back(event in any_event()) {
        let value = record(&event);
        let Event::Alert(event) = event else { unreachable!() };
        let signature = &event.ruleset.signatures[0];
        prop_assert_eq!(value["alert"]["signature"].as_str(), Some(&*signature.msg));
        prop_assert_eq!(value["alert"]["category"].as_str(), Some(&*signature.category));
        for (key, entry) in &signature.metadata {
            if &**key != "sekisho_ruleset" {
                let values = value["alert"]["metadata"][&**key].as_array().unwrap();
                prop_assert!(values.iter().any(|v| v.as_str() == Some(entry)));
            }
        }
        let vlans = value.get("vlan").and_then(Value::as_array).map_or(0, Vec::len);
        prop_assert_eq!(vlans, usize::from(event.packet.vlans.count).min(3));
    }
}

#[test]
fn addresses_of_the_tests_are_what_they_say() {
    assert_eq!(V4.0.to_ip().to_string(), "192.168.1.10");
    assert_eq!(V6.1.to_ip().to_string(), "2001:db8::1");
}

#[test]
fn a_flow_that_the_kernel_let_by_says_so() {
    let in_kernel = Some([DirectionCount { packets: 5, bytes: 500 }, DirectionCount { packets: 7, bytes: 9_000 }]);
    let value = record(&Event::Flow(FlowEvent { in_kernel, state: FlowState::Bypassed, ..flow_on(4, IpProto::TCP) }));
    assert_eq!(
        value["flow"]["bypassed"],
        json!({"pkts_toserver": 5, "pkts_toclient": 7, "bytes_toserver": 500, "bytes_toclient": 9_000})
    );
    assert_eq!(value["flow"]["bypass"], "capture");
}
