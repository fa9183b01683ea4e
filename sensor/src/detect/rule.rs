//! One signature, compiled: the conditions that are not about the payload, cheapest first, and what a match does.

use super::address::{AddressIndex, AddressLists, ListId, RowId};
use super::buffer::BufferProgram;
use super::engine::Engine;
use super::flowbits::FlowbitOps;
use super::program::{Program, ProgramError};
use crate::decode::DecodeEvent;
use crate::packet::{Direction, Packet, Transport};
use crate::protocols::{AppView, Recognition, TransactionState};
use crate::stream::{StreamEvent, StreamEventSet};
use sekisho_signatures::app::Protocols;
use sekisho_signatures::buffers::Progress;
use sekisho_signatures::group::PacketClass;
use sekisho_signatures::model::{
    Action, AppCondition, FlagsMode, FlagsTest, FlowCondition, HeaderProto, PacketCondition, PortSet, ProtocolMode,
    Signature, Threshold,
};
use sekisho_signatures::ruleset::Inspection;
use std::collections::HashMap;

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

    fn is_any(&self) -> bool {
        matches!(self, Self::Any)
    }
}

/// The header and `flow`: what is tested first.
#[derive(Debug)]
struct Gate {
    classes: u8,
    needs_ip: bool,
    ip_version: u8,
    bidirectional: bool,
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
            && (self.ends_hold(cx, index, 0) || self.bidirectional && self.ends_hold(cx, index, 1))
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
    app: AppGate,
    /// `app-layer-event`, by Suricata's names without the protocol.
    app_events: Box<[Box<str>]>,
    /// Conditions on transactions' buffers.
    pub buffers: Box<[BufferProgram]>,
    headers: Box<[PacketCondition]>,
    /// Judged only on packets about which something was odd.
    events: Box<[OddEvent]>,
    /// Tests and effects on the flow's bits.
    pub flowbits: FlowbitOps,
    /// Conditions on the payload.
    pub program: Program,
    /// Where they are judged.
    pub inspection: Inspection,
    /// What a match does.
    pub action: Action,
    /// A match is not told.
    pub noalert: bool,
    /// `gid` and `sid`.
    pub id: (u32, u32),
    /// `threshold`.
    pub threshold: Option<Threshold>,
    /// `detection_filter`.
    pub detection_filter: Option<Threshold>,
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
    ) -> Result<Self, ProgramError> {
        let header = &signature.header;
        let mut intern = |set| lists.intern(set).ok_or(ProgramError::TooManyAddressLists);
        let gate = Gate {
            classes: classes(header.proto),
            needs_ip: header.proto != HeaderProto::PacketHeader,
            ip_version: header.ip_version.unwrap_or(0),
            bidirectional: header.bidirectional,
            addresses: [intern(&header.src)?, intern(&header.dst)?],
            ports: [Ports::new(&header.src_ports), Ports::new(&header.dst_ports)],
            flow: signature.flow,
        };
        let (events, headers): (Vec<_>, Vec<_>) = signature
            .packet
            .iter()
            .partition(|c| matches!(c, PacketCondition::DecodeEvent(_) | PacketCondition::StreamEvent(_)));
        let app_events = signature.app_conditions.iter().filter_map(|c| match c {
            AppCondition::Event { name, .. } => Some(name.clone()),
            AppCondition::Protocol { .. } => None,
        });
        Ok(Self {
            gate,
            app: AppGate::new(signature),
            app_events: app_events.collect(),
            buffers: signature.buffers.iter().filter_map(BufferProgram::new).collect::<Result<_, _>>()?,
            headers: headers.into_iter().cloned().collect(),
            events: events.into_iter().filter_map(OddEvent::of).collect::<Result<_, _>>()?,
            flowbits: FlowbitOps::new(&signature.flowbits, flowbits),
            program: Program::new(signature)?,
            inspection,
            action: signature.action,
            noalert: signature.noalert,
            id: (signature.gid, signature.sid),
            threshold: signature.threshold,
            detection_filter: signature.detection_filter,
        })
    }

    /// Whether everything but the payload and the flow's bits holds.
    #[must_use]
    pub fn admits(&self, cx: &PacketContext<'_>, index: &AddressIndex) -> bool {
        self.gate.admits(cx, index)
            && self.app.admits(cx)
            && self.headers.iter().all(|c| holds(c, cx.packet))
            && self.events.iter().all(|e| e.holds(cx))
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

    /// Whether the transaction got so far that all buffers can be judged, for a rule that is judged in `direction`.
    #[must_use]
    pub fn is_due(&self, direction: Direction, progress: [Progress; 2]) -> bool {
        self.buffers.iter().all(|b| progress[b.direction(direction).index()] >= b.progress)
    }

    /// Asks for an event: judged only where there was one.
    #[must_use]
    pub fn wants_event(&self) -> bool {
        !self.events.is_empty()
    }

    /// The lists of the header's two sides.
    #[must_use]
    pub fn addresses(&self) -> [ListId; 2] {
        self.gate.addresses
    }

    /// Only addresses and the protocol decide: it is judged once a flow and direction, not per packet.
    #[must_use]
    pub fn is_address_only(&self) -> bool {
        self.program.is_empty()
            && self.app.protocols.is_empty()
            && self.app.conditions.is_empty()
            && self.headers.iter().all(|c| matches!(c, PacketCondition::IpProto(_)))
            && self.events.is_empty()
            && self.flowbits.is_empty()
            && !self.gate.flow.given
            && self.gate.ports.iter().all(Ports::is_any)
            && self.gate.addresses != [ListId::ANY; 2]
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

fn flags_hold(test: &FlagsTest, bits: u8) -> bool {
    let bits = bits & !test.ignored;
    match test.mode {
        FlagsMode::Exact => bits == test.flags,
        FlagsMode::All => bits & test.flags == test.flags,
        FlagsMode::Any => bits & test.flags != 0,
        FlagsMode::Not => bits & test.flags != test.flags,
    }
}

/// Whether a header condition holds; false where the packet has no such header.
fn holds(condition: &PacketCondition, packet: &Packet<'_>) -> bool {
    let tcp = packet.tcp();
    let ip = packet.ip.as_ref();
    let icmp = match &packet.transport {
        Transport::Icmp(h) | Transport::Icmpv6(h) => Some(h),
        _ => None,
    };
    match condition {
        PacketCondition::Dsize(t) => t.holds(packet.payload.len() as u64),
        PacketCondition::TcpFlags(t) => tcp.is_some_and(|h| flags_hold(t, h.flags.0)),
        PacketCondition::TcpSeq(n) => tcp.is_some_and(|h| h.seq == *n),
        PacketCondition::TcpAck(n) => tcp.is_some_and(|h| h.ack == *n),
        PacketCondition::TcpWindow(t) => tcp.is_some_and(|h| t.holds(h.window.into())),
        PacketCondition::TcpMss(t) => tcp.and_then(|h| h.mss).is_some_and(|mss| t.holds(mss.into())),
        PacketCondition::Ttl(t) => ip.is_some_and(|h| t.holds(h.ttl.into())),
        PacketCondition::Tos(t) => ip.is_some_and(|h| t.holds(h.tos.into())),
        PacketCondition::IpProto(t) => ip.is_some_and(|h| t.holds(h.proto.0.into())),
        PacketCondition::IpId(n) => ip.is_some_and(|h| h.version == 4 && h.id == u32::from(*n)),
        PacketCondition::IpOption(wanted) => ip.is_some_and(|h| h.version == 4 && has_option(h.header, *wanted)),
        PacketCondition::FragBits(t) => ip.is_some_and(|h| flags_hold(t, h.flags)),
        PacketCondition::FragOffset(t) => ip.is_some_and(|h| t.holds(u64::from(h.fragment_offset / 8))),
        PacketCondition::SameIp => ip.is_some_and(|h| h.src == h.dst),
        PacketCondition::IcmpType(t) => icmp.is_some_and(|h| t.holds(h.kind.into())),
        PacketCondition::IcmpCode(t) => icmp.is_some_and(|h| t.holds(h.code.into())),
        PacketCondition::IcmpId(n) => icmp.is_some_and(|h| h.id == Some(*n)),
        PacketCondition::IcmpSeq(n) => icmp.is_some_and(|h| h.seq == Some(*n)),
        PacketCondition::VlanId { layer: Some(layer), test } => {
            tags(packet).get(usize::from(*layer)).is_some_and(|id| test.holds((*id).into()))
        }
        PacketCondition::VlanId { layer: None, test } => tags(packet).iter().any(|id| test.holds((*id).into())),
        PacketCondition::VlanIdFromEnd { layer, test } => {
            let from_end = tags(packet).iter().nth_back(usize::from(*layer).wrapping_sub(1));
            from_end.is_some_and(|id| test.holds((*id).into()))
        }
        PacketCondition::VlanIdAll(test) => {
            !tags(packet).is_empty() && tags(packet).iter().all(|id| test.holds((*id).into()))
        }
        PacketCondition::VlanLayers(t) => t.holds(packet.vlans.count.into()),
        // Kept apart, as what they ask is not in the packet's headers.
        PacketCondition::DecodeEvent(_) | PacketCondition::StreamEvent(_) => false,
    }
}

/// VLAN identifiers, outermost first.
fn tags<'a>(packet: &'a Packet<'_>) -> &'a [u16] {
    &packet.vlans.ids[..usize::from(packet.vlans.count).min(packet.vlans.ids.len())]
}

/// Whether an IPv4 header has an option (RFC 791 §3.1): this one, or any at all.
fn has_option(header: &[u8], wanted: Option<u8>) -> bool {
    let mut options = header.get(20..).unwrap_or(&[]);
    while let [kind, rest @ ..] = options {
        if wanted.is_none_or(|w| w == *kind) {
            return true;
        }
        options = match (kind, rest) {
            (0, _) => return false,
            (1, _) => rest,
            (_, [len, ..]) if *len >= 2 => options.get(usize::from(*len)..).unwrap_or(&[]),
            _ => return false,
        };
    }
    false
}
