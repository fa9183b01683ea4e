//! What workers tell the outputs. Events are plain values of bounded size: they go through the queues without
//! allocation, and nothing in them borrows from a frame. Alerts have a queue of their own (rule of the house: no alert
//! is lost silently).

use crate::decode::DecodeEvent;
use crate::detect::state::{Finding, TransactionNote};
use crate::output::evidence::EvidenceName;
use crate::packet::{Addr, Direction, IpProto, Packet, Transport, Vlans};
use crate::protocols::{AppView, Record};
use crate::stream::StreamEvent;
use crate::time::Timestamp;
use sekisho_signatures::app::Protocol;
use sekisho_signatures::ruleset::Ruleset;
use std::sync::Arc;

/// Where the packet of an event came from: EVE's `pkt_src`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PacketSource {
    /// The wire, or a capture file.
    #[default]
    Wire,
    /// It was inside another packet.
    Tunnel,
    /// It was put together from fragments.
    Defragmented,
    /// No packet: the end of a flow brought the rest of its stream to inspection.
    FlowTimeout,
}

/// The packet that an event is about.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "as in `Packet`")]
pub struct PacketSummary {
    pub ts: Timestamp,
    pub frame_number: u64,
    pub interface: u16,
    /// 4, 6, or 0 without IP.
    pub ip_version: u8,
    pub src: Addr,
    pub dst: Addr,
    pub src_port: u16,
    pub dst_port: u16,
    pub proto: IpProto,
    /// Type and code.
    pub icmp: Option<(u8, u8)>,
    pub ethertype: u16,
    pub vlans: Vlans,
    pub tunnel_depth: u8,
    pub source: PacketSource,
}

impl PacketSummary {
    /// Takes what events need from a packet.
    #[must_use]
    pub fn of(packet: &Packet<'_>) -> Self {
        let icmp = match packet.transport {
            Transport::Icmp(h) | Transport::Icmpv6(h) => Some((h.kind, h.code)),
            _ => None,
        };
        Self {
            ts: packet.ts,
            frame_number: packet.frame_number,
            interface: packet.interface,
            ip_version: packet.ip.map_or(0, |ip| ip.version),
            src: packet.ip.map_or(Addr(0), |ip| ip.src),
            dst: packet.ip.map_or(Addr(0), |ip| ip.dst),
            src_port: packet.src_port,
            dst_port: packet.dst_port,
            proto: packet.ip.map_or(IpProto(0), |ip| ip.proto),
            icmp,
            ethertype: packet.ethertype,
            vlans: packet.vlans,
            tunnel_depth: packet.tunnel_depth,
            source: match (packet.reassembled, packet.tunnel_depth) {
                (true, _) => PacketSource::Defragmented,
                (false, 0) => PacketSource::Wire,
                (false, _) => PacketSource::Tunnel,
            },
        }
    }
}

/// Packets and bytes of one direction of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "plain fields")]
pub struct DirectionCount {
    pub packets: u64,
    pub bytes: u64,
}

/// What alerts and anomalies say about their flow.
#[derive(Clone, Copy, Debug)]
pub struct FlowSummary {
    /// EVE's `flow_id`: unique for the life of the process.
    pub id: u64,
    /// First packet.
    pub start: Timestamp,
    /// Initiator's address and port.
    pub client: (Addr, u16),
    /// Responder's address and port.
    pub server: (Addr, u16),
    /// To server, to client.
    pub counts: [DirectionCount; 2],
}

/// What an alert did to the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertAction {
    /// The traffic went on.
    Allowed,
    /// The packet was dropped (in line).
    Blocked,
}

/// A signature matched.
#[derive(Clone, Debug)]
pub struct AlertEvent {
    /// The packet that completed the match.
    pub packet: PacketSummary,
    /// Its flow, if it has one.
    pub flow: Option<FlowSummary>,
    /// The packet's way within the flow.
    pub direction: Option<Direction>,
    /// Index of the signature in `ruleset`.
    pub signature: u32,
    /// The ruleset that judged.
    pub ruleset: Arc<Ruleset>,
    /// What was done.
    pub action: AlertAction,
    /// The match was in the reassembled stream rather than in the packet.
    pub in_stream: bool,
    /// What is known of the flow's application protocol.
    pub app: AppView,
    /// The transaction that matched, if it was one.
    pub transaction: Option<TransactionNote>,
    /// What came out while the rule was judged.
    pub finding: Option<Arc<Finding>>,
    /// What rules keep on the flow.
    pub note: Option<Arc<FlowNote>>,
    /// The beginning of the packet's payload, for the page.
    pub payload: Option<Box<[u8]>>,
    /// The file that has its packets, if they are kept.
    pub evidence: Option<EvidenceName>,
}

/// What rules keep on a flow, for its records.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FlowNote {
    /// Bits (`flowbits`) that are set.
    pub bits: Vec<Box<str>>,
    /// Numbers (`flowint`), by name.
    pub ints: Vec<(Box<str>, u32)>,
    /// What regular expressions captured for the flow: name and value.
    pub captures: Vec<(Arc<str>, Box<[u8]>)>,
    /// Entropies that were measured: of which buffer, and bits a byte.
    pub entropies: Vec<(&'static str, f64)>,
}

/// Why a flow record was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowEndReason {
    /// No packet for the state's time-out.
    Timeout,
    /// The sensor stopped, or the capture file ended.
    Shutdown,
    /// Evicted to make room.
    Forced,
    /// The connection closed and a new one took its addresses and ports.
    Reused,
}

/// EVE's `flow.state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "EVE's names")]
pub enum FlowState {
    New,
    Established,
    Closed,
    Bypassed,
}

/// EVE's `flow.action`: what a rule said is to be done with a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "EVE's names")]
pub enum FlowAction {
    Pass,
    Drop,
}

/// EVE's `tcp.state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "RFC 9293's names")]
pub enum TcpState {
    #[default]
    None,
    SynSent,
    SynRecv,
    Established,
    FinWait1,
    FinWait2,
    TimeWait,
    LastAck,
    CloseWait,
    Closing,
    Closed,
}

/// What the TCP tracker knew at the end of a flow.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpSummary {
    /// All flags seen, by direction.
    pub flags: [u8; 2],
    /// Last state.
    pub state: TcpState,
    /// Bytes were missing, by direction.
    pub gap: [bool; 2],
}

/// Type and code of an ICMP or ICMPv6 message.
pub type IcmpTypeCode = (u8, u8);

/// A flow ended.
#[derive(Clone, Debug)]
pub struct FlowEvent {
    /// Identity and counts.
    pub flow: FlowSummary,
    /// Last packet.
    pub end: Timestamp,
    /// State when it ended.
    pub state: FlowState,
    /// Why it was logged.
    pub reason: FlowEndReason,
    /// A signature alerted on it.
    pub alerted: bool,
    /// What a rule said is to be done with it.
    pub action: Option<FlowAction>,
    /// What rules keep on it.
    pub note: Option<Arc<FlowNote>>,
    /// 4 or 6.
    pub ip_version: u8,
    /// Transport.
    pub proto: IpProto,
    /// Type and code: of the first packet, and of the first answer.
    pub icmp: Option<(IcmpTypeCode, Option<IcmpTypeCode>)>,
    /// Tags of the first packet.
    pub vlans: Vlans,
    /// Index of the capture interface.
    pub interface: u16,
    /// TCP only.
    pub tcp: Option<TcpSummary>,
    /// What was found out of its application protocol.
    pub app: AppView,
    /// Transactions of that protocol.
    pub transactions: u64,
    /// Of the packets and bytes, those that the XDP program let by.
    pub in_kernel: Option<[DirectionCount; 2]>,
}

/// What was odd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anomaly {
    /// The decoder met a malformed packet.
    Decode(DecodeEvent),
    /// The stream engine met a malformed or surprising segment.
    Stream(StreamEvent),
    /// A protocol's parser met something odd.
    App {
        /// Whose.
        protocol: Protocol,
        /// Suricata's name of it, without the protocol.
        event: &'static str,
        /// The transaction, if it is about one.
        tx_id: Option<u64>,
    },
}

/// An application protocol's record.
#[derive(Clone, Debug)]
pub struct AppEvent {
    /// The packet that completed it.
    pub packet: PacketSummary,
    /// Its flow's `flow_id`.
    pub flow_id: u64,
    /// The transaction's number in the flow.
    pub tx_id: Option<u64>,
    /// What it says.
    pub record: Arc<dyn Record>,
    /// What rules keep on the flow.
    pub note: Option<Arc<FlowNote>>,
}

/// A decoder or stream event.
#[derive(Clone, Copy, Debug)]
pub struct AnomalyEvent {
    /// The packet.
    pub packet: PacketSummary,
    /// Its flow's `flow_id`, if it has one.
    pub flow_id: Option<u64>,
    /// What.
    pub anomaly: Anomaly,
}

/// A packet that a rule's `tag` asked for. Its bytes are copied: rules ask for few.
#[derive(Clone, Debug)]
pub struct PacketEvent {
    /// The packet.
    pub packet: PacketSummary,
    /// Its flow's `flow_id`, if it has one.
    pub flow_id: Option<u64>,
    /// The packet, from its own link header on if that is Ethernet's, else from its IP header.
    pub data: Box<[u8]>,
    /// It begins with an Ethernet header.
    pub ethernet: bool,
}

/// A packet that a rule dropped; of a flow that is dropped, the first in each direction.
#[derive(Clone, Copy, Debug)]
pub struct DropEvent {
    /// The packet.
    pub packet: PacketSummary,
    /// Its flow's `flow_id`, if it has one.
    pub flow_id: Option<u64>,
    /// The packet's way within the flow.
    pub direction: Option<Direction>,
    /// Because its flow is dropped, not for its own sake.
    pub with_flow: bool,
    /// Length of the IP packet in bytes.
    pub len: u32,
    /// Time to live or hop limit; type of service or traffic class; IPv4 identification.
    pub ip: (u8, u8, u32),
    /// Sequence and acknowledgement number, window, flags, urgent pointer.
    pub tcp: Option<(u32, u32, u16, u8, u16)>,
}

/// What goes to the outputs.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Event {
    Alert(AlertEvent),
    Flow(FlowEvent),
    Anomaly(AnomalyEvent),
    App(AppEvent),
    Packet(PacketEvent),
    Drop(DropEvent),
}
