//! One signature, compiled: the conditions that are not about the payload, cheapest first, and what a match does.

mod checks;

pub(super) use checks::recognised;

use super::address::{AddressIndex, AddressLists, ListId, RowId};
use super::buffer::BufferProgram;
use super::condition::holds;
use super::engine::Engine;
use super::file::{FileNeeds, FileOp};
use super::flowbits::FlowbitOps;
use super::kept::{Kept, KeptOps};
use super::program::{Program, ProgramError};
use super::state::FlowDetect;
use crate::decode::DecodeEvent;
use crate::event::DirectionCount;
use crate::packet::{Addr, Direction, Packet};
use crate::protocols::{AppView, Recognition, TransactionState};
use crate::stream::{StreamEvent, StreamEventSet};
use crate::time::Timestamp;
use sekisho_signatures::app::Protocols;
use sekisho_signatures::buffers::{Progress, Side};
use sekisho_signatures::file::Filestore;
use sekisho_signatures::group::PacketClass;
use sekisho_signatures::model::{
    Action, AppCondition, BufferCondition, FlowCondition, HeaderProto, PacketCondition, PortSet, ProtocolMode,
    Signature, Threshold,
};
use sekisho_signatures::ruleset::Inspection;
use sekisho_signatures::threshold_config::{RateFilter, Suppression};
use std::collections::HashMap;
use std::sync::Arc;

/// What rules ask of a packet beside its bytes; made once a packet.
#[derive(Clone, Copy)]
pub struct PacketContext<'a> {
    /// The rules.
    pub engine: &'a Engine,
    /// The packet.
    pub packet: &'a Packet<'a>,
    /// Its class.
    pub class: PacketClass,
    /// Its group of rules.
    pub group: u16,
    /// Lists that the source and the destination are in.
    pub rows: [RowId; 2],
    /// Its way within its flow; `None` without a flow.
    pub direction: Option<Direction>,
    /// The flow is established as of this packet.
    pub established: bool,
    /// `flow_id`; 0 without a flow.
    pub flow_id: u64,
    /// The context of the direction against which the packet at hand goes.
    pub reversed: bool,
    /// Rules about the packet's headers are judged: not where the packet only stands for its flow.
    pub headers: bool,
    /// What the stream engine found odd about the packet.
    pub stream_events: StreamEventSet,
    /// What is known of the flow's application protocol.
    pub app: AppView,
    /// How much the flow has seen.
    pub flow: FlowFacts,
}

/// How much a flow has seen, the packet at hand included.
#[derive(Clone, Copy, Debug, Default)]
pub struct FlowFacts {
    /// Its first packet.
    pub start: Timestamp,
    /// Packets and bytes, to server and to client.
    pub counts: [DirectionCount; 2],
    /// Sequence numbers used by each direction of a TCP stream.
    pub stream: [u64; 2],
}

/// A side's ports.
#[derive(Debug)]
enum Ports {
    Any,
    Range(u16, u16),
    Set(Box<PortSet>),
}

impl Ports {
    fn new(set: &PortSet) -> Self {
        match set.ranges[..] {
            [(0, u16::MAX)] => Self::Any,
            [(first, last)] => Self::Range(first, last),
            _ => Self::Set(Box::new(set.clone())),
        }
    }

    fn contains(&self, port: u16) -> bool {
        match self {
            Self::Any => true,
            Self::Range(first, last) => *first <= port && port <= *last,
            Self::Set(set) => set.contains(port),
        }
    }
}

/// The header and `flow`: what is tested first.
#[derive(Debug)]
struct Gate {
    classes: u8,
    needs_ip: bool,
    ip_version: u8,
    bidirectional: bool,
    transactional: bool,
    addresses: [ListId; 2],
    ports: [Ports; 2],
    flow: FlowCondition,
}

impl Gate {
    fn flow_holds(&self, cx: &PacketContext<'_>) -> bool {
        let flow = &self.flow;
        if !flow.given {
            return true;
        }
        let Some(direction) = cx.direction else { return false };
        flow.to_server.is_none_or(|to_server| to_server == (direction == Direction::ToServer))
            && flow.established.is_none_or(|established| established == cx.established)
            && flow.fragment.is_none_or(|fragment| fragment == cx.packet.reassembled)
    }

    fn ends_hold(&self, cx: &PacketContext<'_>, index: &AddressIndex, src: usize) -> bool {
        let ports = [cx.packet.src_port, cx.packet.dst_port];
        let dst = 1 - src;
        self.ports[1].contains(ports[dst])
            && self.ports[0].contains(ports[src])
            && index.contains(cx.rows[src], self.addresses[0])
            && index.contains(cx.rows[dst], self.addresses[1])
    }

    fn admits(&self, cx: &PacketContext<'_>, index: &AddressIndex) -> bool {
        self.classes & 1 << cx.class as u8 != 0
            && (!self.needs_ip || cx.packet.ip.is_some())
            && self.flow_holds(cx)
            && (self.ip_version == 0 || cx.packet.ip.is_some_and(|ip| ip.version == self.ip_version))
            && match (self.bidirectional, self.transactional) {
                (true, _) => self.ends_hold(cx, index, 0) || self.ends_hold(cx, index, 1),
                // The header says which way the requests go.
                (false, true) => self.ends_hold(cx, index, usize::from(cx.direction == Some(Direction::ToClient))),
                (false, false) => self.ends_hold(cx, index, 0),
            }
    }
}

/// What a rule wants to have been odd.
#[derive(Clone, Copy, Debug)]
enum OddEvent {
    Decode(DecodeEvent),
    Stream(StreamEvent),
}

impl OddEvent {
    fn of(condition: &PacketCondition) -> Option<Result<Self, ProgramError>> {
        let unknown = |name: &str| ProgramError::UnknownEvent(name.into());
        match condition {
            PacketCondition::DecodeEvent(name) => {
                Some(DecodeEvent::from_name(name).map(Self::Decode).ok_or_else(|| unknown(name)))
            }
            PacketCondition::StreamEvent(name) => {
                Some(StreamEvent::from_keyword(name).map(Self::Stream).ok_or_else(|| unknown(name)))
            }
            _ => None,
        }
    }

    fn holds(self, cx: &PacketContext<'_>) -> bool {
        match self {
            Self::Decode(event) => cx.packet.events.contains(event),
            Self::Stream(event) => cx.stream_events.contains(event),
        }
    }
}

/// The application protocol, as a rule wants it recognised.
#[derive(Debug)]
struct AppGate {
    /// The header's, or those of the buffers; none: any.
    protocols: Protocols,
    /// `app-layer-protocol`.
    conditions: Box<[(Protocols, bool, ProtocolMode)]>,
}

impl AppGate {
    fn new(signature: &Signature) -> Self {
        let conditions = signature.app_conditions.iter().filter_map(|c| match c {
            AppCondition::Protocol { protocols, negated, mode } => Some((*protocols, *negated, *mode)),
            AppCondition::Event { .. } => None,
        });
        Self { protocols: signature.app, conditions: conditions.collect() }
    }

    fn admits(&self, cx: &PacketContext<'_>) -> bool {
        (self.protocols.is_empty() || cx.app.protocol.is_of(self.protocols))
            && self.conditions.iter().all(|&(protocols, negated, mode)| {
                let is = |recognition: Recognition| match recognition {
                    Recognition::Unknown => false,
                    Recognition::Failed => protocols.is_empty() != negated,
                    Recognition::Known(p) => protocols.contains(p) != negated,
                };
                let [to_server, to_client] = cx.app.directions;
                match mode {
                    ProtocolMode::Final => is(cx.app.protocol),
                    ProtocolMode::Either => is(to_server) || is(to_client),
                    ProtocolMode::ToServer => is(to_server),
                    ProtocolMode::ToClient => is(to_client),
                    ProtocolMode::Original => is(cx.app.original),
                    ProtocolMode::Direction => cx.direction.is_some_and(|d| is(cx.app.directions[d.index()])),
                }
            })
    }
}

/// A signature as the detector runs it.
#[derive(Debug)]
pub struct Rule {
    gate: Gate,
    /// The only direction of messages in which it can hold.
    to_server: Option<bool>,
    app: AppGate,
    /// `app-layer-event`, by Suricata's names without the protocol.
    app_events: Box<[Box<str>]>,
    /// Conditions on transactions' buffers.
    pub buffers: Box<[BufferProgram]>,
    /// Requests and responses of one transaction may each match: no direction is named, and both have its buffers.
    pub matches_each_way: bool,
    headers: Box<[PacketCondition]>,
    /// Judged only on packets about which something was odd.
    events: Box<[OddEvent]>,
    /// The same, where that is a checksum.
    odd_checksum: bool,
    /// Tests and effects on the flow's bits.
    pub flowbits: FlowbitOps,
    /// Tests and effects on what else is kept, and what lists say.
    pub kept: Arc<KeptOps>,
    /// Conditions on headers of the packet at hand, as bytes.
    pub packet_buffers: Box<[BufferProgram]>,
    /// Conditions on the payload.
    pub program: Program,
    /// They set variables that conditions on other buffers use.
    pub payload_first: bool,
    /// Never judged on a packet alone: `tcp-stream`, `flow:only_stream`.
    pub only_stream: bool,
    /// Some condition on a header fills a set: these come after all others.
    pub headers_last: bool,
    /// Where they are judged.
    pub inspection: Inspection,
    /// Files that a match has stored.
    pub filestore: Option<Filestore>,
    /// What a match does.
    pub action: Action,
    /// A match is not told.
    pub noalert: bool,
    /// A match is told, also where the action would not.
    pub alert: bool,
    /// `gid` and `sid`.
    pub id: (u32, u32),
    /// `threshold`.
    pub threshold: Option<Threshold>,
    /// `detection_filter`.
    pub detection_filter: Option<Threshold>,
    /// For whom the operator has silenced it.
    pub suppressions: Box<[Suppression]>,
    /// How the operator has its action changed when it matches often.
    pub rate_filter: Option<RateFilter>,
}

impl Rule {
    /// Compiles a signature. `None` for the lists' numbers can only mean that there are more than 65,534 lists.
    ///
    /// # Errors
    /// A regular expression that does not compile, or too many conditions.
    pub fn new(
        signature: &Signature,
        inspection: Inspection,
        lists: &mut AddressLists,
        flowbits: &HashMap<&str, u16>,
        (kept, ints): (&Kept, &HashMap<Box<str>, u16>),
    ) -> Result<Self, ProgramError> {
        let header = &signature.header;
        let mut intern = |set| lists.intern(set).ok_or(ProgramError::TooManyAddressLists);
        let gate = Gate {
            classes: classes(header.proto),
            needs_ip: header.proto != HeaderProto::PacketHeader,
            ip_version: header.ip_version.unwrap_or(0),
            bidirectional: header.bidirectional,
            transactional: header.transactional,
            addresses: [intern(&header.src)?, intern(&header.dst)?],
            ports: [Ports::new(&header.src_ports), Ports::new(&header.dst_ports)],
            flow: signature.flow,
        };
        let (events, headers): (Vec<_>, Vec<_>) = signature
            .packet
            .iter()
            .partition(|c| matches!(c, PacketCondition::DecodeEvent(_) | PacketCondition::StreamEvent(_)));
        let odd_checksum = headers.iter().any(|c| matches!(c, PacketCondition::Checksum { right: false, .. }));
        let buffers: Vec<BufferProgram> =
            signature.buffers.iter().map(|b| BufferProgram::new(b, kept)).collect::<Result<_, _>>()?;
        let mut buffers = buffers;
        buffers.sort_by_key(BufferProgram::has_effect);
        let sets = |c: &BufferCondition| matches!(c, BufferCondition::ByteExtract(_) | BufferCondition::ByteMath(_));
        // What changes something beside the rule's own state comes last.
        let payload_first = signature.payload.iter().any(sets) || buffers.iter().any(BufferProgram::has_effect);
        let (packet_buffers, buffers): (Vec<_>, Vec<_>) = buffers.into_iter().partition(BufferProgram::is_of_packet);
        let headers_last = packet_buffers.iter().any(BufferProgram::has_effect);
        let (gid, sid) = (signature.gid, signature.sid);
        let operator = &kept.thresholds;
        let own = signature.threshold;
        let app_events = signature.app_conditions.iter().filter_map(|c| match c {
            AppCondition::Event { name, .. } => Some(name.clone()),
            AppCondition::Protocol { .. } => None,
        });
        Ok(Self {
            gate,
            to_server: signature.to_server(),
            app: AppGate::new(signature),
            app_events: app_events.collect(),
            buffers: buffers.into(),
            matches_each_way: signature.flow.to_server.is_none()
                && !signature.header.transactional
                && !signature.buffers.is_empty()
                && signature.buffers.iter().all(|b| b.buffer.declaration().side == Side::Both),
            packet_buffers: packet_buffers.into(),
            odd_checksum,
            headers: headers.into_iter().cloned().collect(),
            events: events.into_iter().filter_map(OddEvent::of).collect::<Result<_, _>>()?,
            flowbits: FlowbitOps::new(&signature.flowbits, flowbits),
            kept: KeptOps::new(signature, kept, ints)?.shared(),
            program: Program::new(signature, kept)?,
            payload_first,
            only_stream: header.proto == HeaderProto::TcpStream || signature.flow.stream == Some(true),
            headers_last,
            inspection,
            filestore: signature.filestore,
            action: signature.action,
            noalert: signature.noalert || signature.action == Action::Config && !signature.alert,
            alert: signature.alert,
            id: (gid, sid),
            threshold: operator.threshold_of(gid, sid, own.is_some()).copied().or(own),
            detection_filter: signature.detection_filter,
            suppressions: operator.suppressions_of(gid, sid).cloned().collect(),
            rate_filter: operator.rate_filter_of(gid, sid).copied(),
        })
    }

    /// Whether everything but the payload and the flow's bits holds.
    #[must_use]
    pub fn admits(&self, cx: &PacketContext<'_>, index: &AddressIndex) -> bool {
        self.gate.admits(cx, index)
            && cx.direction.is_none_or(|direction| self.own_direction(direction) == direction)
            && self.app.admits(cx)
            && self.headers.iter().all(|c| holds(c, cx.packet))
            && self.events.iter().all(|e| e.holds(cx))
            && self.kept.admit(cx)
    }

    /// Whether the tests of the flow's bits, and of what else is kept, hold.
    #[must_use]
    pub fn state_holds(
        &self,
        cx: &PacketContext<'_>,
        flow: Option<&FlowDetect>,
        transaction: Option<&TransactionState>,
    ) -> bool {
        (self.flowbits.is_empty() || flow.is_some_and(|f| self.flowbits.hold(&f.bits)))
            && self.kept.hold(cx, flow, transaction)
    }

    /// The operator has silenced it for these two.
    #[must_use]
    pub fn is_silenced(&self, src: Addr, dst: Addr) -> bool {
        self.suppressions.iter().any(|s| s.applies(src.to_ip(), dst.to_ip()))
    }

    /// Asks for an event of a protocol: judged only where there was one.
    #[must_use]
    pub fn wants_app_event(&self) -> bool {
        !self.app_events.is_empty()
    }

    /// Whether all events that it asks for are among those of the transaction.
    #[must_use]
    pub fn app_events_hold(&self, state: &TransactionState) -> bool {
        self.app_events.iter().all(|wanted| state.events.contains(&&**wanted))
    }

    /// From which progress of a transaction on, in messages of one direction, its buffers there can be judged.
    #[must_use]
    pub fn progress_in(&self, to_server: bool) -> Progress {
        let direction = if to_server { Direction::ToServer } else { Direction::ToClient };
        let here = self.buffers.iter().filter(|b| b.direction(direction) == direction);
        here.map(|b| b.progress).max().unwrap_or(Progress::Line)
    }

    /// The direction in which it is judged, for a transaction that goes on in `direction`.
    #[must_use]
    pub fn own_direction(&self, direction: Direction) -> Direction {
        match self.to_server {
            None => direction,
            Some(true) => Direction::ToServer,
            Some(false) => Direction::ToClient,
        }
    }

    /// Whether the transaction got so far that all buffers can be judged, for a rule that is judged in `direction`.
    #[must_use]
    pub fn is_due(&self, direction: Direction, progress: [Progress; 2]) -> bool {
        self.buffers.iter().all(|b| progress[b.direction(direction).index()] >= b.progress)
    }

    /// Looks only at buffers that messages of both sides have: a match on one side says nothing of the other.
    #[must_use]
    pub fn is_of_either_side(&self) -> bool {
        !self.buffers.is_empty()
            && self.buffers.iter().all(|b| b.direction(Direction::ToServer) != b.direction(Direction::ToClient))
    }

    /// What it asks of files as a whole, and of those in which direction, when it is judged in `direction`.
    pub(super) fn files(&self, direction: Direction) -> impl Iterator<Item = (Direction, &[FileOp])> {
        let of_files = self.buffers.iter().filter(|b| !b.files().is_empty());
        of_files.map(move |b| (b.direction(direction), b.files()))
    }

    /// What files must have ready for it.
    pub(super) fn file_needs(&self, needs: &mut FileNeeds) {
        self.buffers.iter().for_each(|buffer| buffer.file_needs(needs));
        needs.store |= self.filestore.is_some();
    }

    /// Asks for an event: judged only where there was one.
    #[must_use]
    pub fn wants_event(&self) -> bool {
        !self.events.is_empty() || self.odd_checksum
    }

    /// Asks for packets whose checksum is wrong.
    #[must_use]
    pub fn wants_odd_checksum(&self) -> bool {
        self.odd_checksum
    }

    /// Wants packets without IP as well.
    #[must_use]
    pub fn looks_below_ip(&self) -> bool {
        !self.gate.needs_ip && !self.wants_event()
    }

    /// The lists of the header's two sides.
    #[must_use]
    pub fn addresses(&self) -> [ListId; 2] {
        self.gate.addresses
    }

    /// Only addresses, ports and the protocol decide: it is judged once a flow and direction, not per packet.
    #[must_use]
    pub fn is_address_only(&self) -> bool {
        self.program.is_empty()
            && self.buffers.is_empty()
            && self.packet_buffers.is_empty()
            && self.app.protocols.is_empty()
            && self.app.conditions.is_empty()
            && self.app_events.is_empty()
            && self.headers.iter().all(|c| matches!(c, PacketCondition::IpProto(_)))
            && !self.wants_event()
            && self.flowbits.is_empty()
            && self.kept.is_stateless()
            && !self.gate.flow.given
    }
}

impl Rule {
    /// Nothing but `app-layer-protocol` decides, beside the header and `flow`: it is judged when what is known of the protocol has
    /// changed, not per packet.
    #[must_use]
    pub fn is_protocol_only(&self) -> bool {
        !self.app.conditions.is_empty()
            && self.program.is_empty()
            && self.buffers.is_empty()
            && self.packet_buffers.is_empty()
            && self.app_events.is_empty()
            && self.headers.iter().all(|c| matches!(c, PacketCondition::IpProto(_)))
            && !self.wants_event()
            && self.flowbits.is_empty()
            && self.kept.is_stateless()
    }
}

fn classes(proto: HeaderProto) -> u8 {
    let bit = |class: PacketClass| 1_u8 << class as u8;
    match proto {
        HeaderProto::Ip | HeaderProto::PacketHeader => u8::MAX,
        HeaderProto::Tcp | HeaderProto::TcpPacket | HeaderProto::TcpStream => bit(PacketClass::Tcp),
        HeaderProto::Udp => bit(PacketClass::Udp),
        HeaderProto::Icmp => bit(PacketClass::Icmp) | bit(PacketClass::Icmpv6),
        HeaderProto::Icmpv4 => bit(PacketClass::Icmp),
        HeaderProto::Icmpv6 => bit(PacketClass::Icmpv6),
        HeaderProto::Sctp => bit(PacketClass::Sctp),
        HeaderProto::App => bit(PacketClass::Tcp) | bit(PacketClass::Udp),
    }
}
