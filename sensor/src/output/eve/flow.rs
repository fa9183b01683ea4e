//! `event_type` `flow`.

use super::Context;
use super::app::Names;
use super::header::Header;
use super::kept;
use super::text::{Text, TimeText, hex_text};
use crate::event::{DirectionCount, FlowAction, FlowEndReason, FlowEvent, FlowState, TcpState, TcpSummary};
use serde::Serialize;

/// The record, flat by hand: what serde flattens takes the way of a map. Its timestamp is the time of the flow's last packet.
#[derive(Debug, Serialize)]
pub(super) struct FlowRecord<'a> {
    #[serde(skip)]
    pub(super) header: Header<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_icmp_type: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_icmp_code: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_proto: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_proto_orig: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_proto_ts: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_proto_tc: Option<&'static str>,
    flow: Flow,
    #[serde(skip_serializing_if = "Option::is_none")]
    tcp: Option<Tcp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<kept::Metadata<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traffic: Option<kept::Traffic<'a>>,
}

impl<'a> FlowRecord<'a> {
    pub(super) fn of(context: &'a mut Context, event: &'a FlowEvent) -> Self {
        let response = event.icmp.and_then(|(_, response)| response);
        let Names { app_proto, app_proto_orig, app_proto_ts, app_proto_tc } = Names::of(&event.app);
        let [to_server, to_client] = event.flow.counts;
        let flow = Flow {
            pkts_toserver: to_server.packets,
            pkts_toclient: to_client.packets,
            bytes_toserver: to_server.bytes,
            bytes_toclient: to_client.bytes,
            start: context.clock.text(event.flow.start),
            end: context.clock.text(event.end),
            age: event.end.seconds().saturating_sub(event.flow.start.seconds()),
            bypassed: event.in_kernel.map(Bypassed::of),
            // By the XDP program, or by a worker.
            bypass: (event.state == FlowState::Bypassed).then_some(match event.in_kernel {
                Some(_) => "capture",
                None => "local",
            }),
            tx_cnt: Some(event.transactions).filter(|count| *count > 0),
            state: state(event.state),
            reason: reason(event.reason),
            alerted: event.alerted,
            action: event.action.map(|action| match action {
                FlowAction::Pass => "pass",
                FlowAction::Drop => "drop",
            }),
        };
        Self {
            header: Header::of_flow(context, event),
            response_icmp_type: response.map(|(kind, _)| kind),
            response_icmp_code: response.map(|(_, code)| code),
            app_proto,
            app_proto_orig,
            app_proto_ts,
            app_proto_tc,
            flow,
            tcp: event.tcp.as_ref().map(Tcp::of),
            metadata: kept::Metadata::of(event.note.as_deref(), None),
            traffic: kept::Traffic::of(event.note.as_deref()),
        }
    }
}

/// `flow`
#[derive(Debug, Serialize)]
struct Flow {
    pkts_toserver: u64,
    pkts_toclient: u64,
    bytes_toserver: u64,
    bytes_toclient: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    bypassed: Option<Bypassed>,
    start: TimeText,
    end: TimeText,
    /// Whole seconds of the end less whole seconds of the start.
    age: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    bypass: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tx_cnt: Option<u64>,
    state: &'static str,
    reason: &'static str,
    alerted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'static str>,
}

/// `flow.bypassed`: of the flow's packets and bytes, those that never came to a worker.
#[derive(Debug, Serialize)]
struct Bypassed {
    pkts_toserver: u64,
    pkts_toclient: u64,
    bytes_toserver: u64,
    bytes_toclient: u64,
}

impl Bypassed {
    const fn of([to_server, to_client]: [DirectionCount; 2]) -> Self {
        Self {
            pkts_toserver: to_server.packets,
            pkts_toclient: to_client.packets,
            bytes_toserver: to_server.bytes,
            bytes_toclient: to_client.bytes,
        }
    }
}

const fn state(state: FlowState) -> &'static str {
    match state {
        FlowState::New => "new",
        FlowState::Established => "established",
        FlowState::Closed => "closed",
        FlowState::Bypassed => "bypassed",
    }
}

const fn reason(reason: FlowEndReason) -> &'static str {
    match reason {
        FlowEndReason::Timeout => "timeout",
        FlowEndReason::Shutdown => "shutdown",
        FlowEndReason::Forced => "forced",
        FlowEndReason::Reused => "tcp_reuse",
    }
}

/// `tcp`: a flag is named only when it was seen.
#[derive(Debug, Serialize)]
struct Tcp {
    tcp_flags: Text<2>,
    tcp_flags_ts: Text<2>,
    tcp_flags_tc: Text<2>,
    #[serde(skip_serializing_if = "is_false")]
    fin: bool,
    #[serde(skip_serializing_if = "is_false")]
    syn: bool,
    #[serde(skip_serializing_if = "is_false")]
    rst: bool,
    #[serde(skip_serializing_if = "is_false")]
    psh: bool,
    #[serde(skip_serializing_if = "is_false")]
    ack: bool,
    #[serde(skip_serializing_if = "is_false")]
    urg: bool,
    #[serde(skip_serializing_if = "is_false")]
    ecn: bool,
    #[serde(skip_serializing_if = "is_false")]
    cwr: bool,
    state: &'static str,
    #[serde(skip_serializing_if = "is_false")]
    ts_gap: bool,
    #[serde(skip_serializing_if = "is_false")]
    tc_gap: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl Tcp {
    fn of(tcp: &TcpSummary) -> Self {
        use crate::packet::TcpFlags;
        let [to_server, to_client] = tcp.flags;
        let seen = TcpFlags(to_server | to_client);
        Self {
            tcp_flags: hex_text(seen.0),
            tcp_flags_ts: hex_text(to_server),
            tcp_flags_tc: hex_text(to_client),
            fin: seen.any(TcpFlags::FIN),
            syn: seen.any(TcpFlags::SYN),
            rst: seen.any(TcpFlags::RST),
            psh: seen.any(TcpFlags::PSH),
            ack: seen.any(TcpFlags::ACK),
            urg: seen.any(TcpFlags::URG),
            ecn: seen.any(TcpFlags::ECE),
            cwr: seen.any(TcpFlags::CWR),
            state: tcp_state(tcp.state),
            ts_gap: tcp.gap[0],
            tc_gap: tcp.gap[1],
        }
    }
}

const fn tcp_state(state: TcpState) -> &'static str {
    match state {
        TcpState::None => "none",
        TcpState::SynSent => "syn_sent",
        TcpState::SynRecv => "syn_recv",
        TcpState::Established => "established",
        TcpState::FinWait1 => "fin_wait1",
        TcpState::FinWait2 => "fin_wait2",
        TcpState::TimeWait => "time_wait",
        TcpState::LastAck => "last_ack",
        TcpState::CloseWait => "close_wait",
        TcpState::Closing => "closing",
        TcpState::Closed => "closed",
    }
}
