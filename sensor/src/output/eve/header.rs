//! What all EVE records begin with.

use super::proto::ProtoText;
use super::text::{AddrText, TimeText, addr_text};
use super::{Context, EventType};
use crate::event::{FlowEvent, FlowSummary, PacketSource, PacketSummary};
use crate::packet::{Addr, IpProto, Vlans};
use serde::{Serialize, Serializer};

/// The fields that records share. Absent ones are left out.
#[derive(Debug, Serialize)]
pub(super) struct Header<'a> {
    timestamp: TimeText,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_iface: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pcap_cnt: Option<u64>,
    event_type: EventType,
    #[serde(skip_serializing_if = "VlanIds::is_empty")]
    vlan: VlanIds,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    tuple: Option<Tuple>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp_type: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp_code: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pkt_src: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
}

impl<'a> Header<'a> {
    /// Of a record about a packet: source and destination are the packet's.
    pub(super) fn of_packet(
        context: &'a mut Context,
        event_type: EventType,
        packet: &PacketSummary,
        flow_id: Option<u64>,
    ) -> Self {
        let timestamp = context.clock.text(packet.ts);
        // The end of a flow is no frame of the file.
        let counted = context.capture_file && packet.frame_number > 0 && packet.source != PacketSource::FlowTimeout;
        Self {
            timestamp,
            flow_id,
            in_iface: context.interface(packet.interface),
            pcap_cnt: counted.then_some(packet.frame_number),
            event_type,
            vlan: VlanIds(packet.vlans),
            tuple: Tuple::of_packet(packet),
            icmp_type: packet.icmp.map(|(kind, _)| kind),
            icmp_code: packet.icmp.map(|(_, code)| code),
            pkt_src: packet_source(packet.source),
            host: context.sensor_name.as_deref(),
        }
    }

    /// Of a record about a flow: source is the client, destination the server.
    pub(super) fn of_flow(context: &'a mut Context, event: &FlowEvent) -> Self {
        let timestamp = context.clock.text(event.end);
        Self {
            timestamp,
            flow_id: Some(event.flow.id),
            in_iface: context.interface(event.interface),
            pcap_cnt: None,
            event_type: EventType::Flow,
            vlan: VlanIds(event.vlans),
            tuple: Some(Tuple::of_flow(&event.flow, event.ip_version, event.proto)),
            icmp_type: event.icmp.map(|((kind, _), _)| kind),
            icmp_code: event.icmp.map(|((_, code), _)| code),
            pkt_src: None,
            host: context.sensor_name.as_deref(),
        }
    }

    /// Of a record about the sensor itself.
    pub(super) fn of_sensor(context: &'a Context, event_type: EventType, timestamp: TimeText) -> Self {
        Self {
            timestamp,
            flow_id: None,
            in_iface: None,
            pcap_cnt: None,
            event_type,
            vlan: VlanIds(Vlans::default()),
            tuple: None,
            icmp_type: None,
            icmp_code: None,
            pkt_src: None,
            host: context.sensor_name.as_deref(),
        }
    }
}

/// Suricata's words. It has a word for each kind of tunnel and none for "a tunnel", so that a packet from one goes
/// without (its depth stands in the alert's `tunnel`).
const fn packet_source(source: PacketSource) -> Option<&'static str> {
    match source {
        PacketSource::Wire => Some("wire/pcap"),
        PacketSource::Tunnel => None,
        PacketSource::Defragmented => Some("defrag"),
        PacketSource::FlowTimeout => Some("stream (flow timeout)"),
    }
}

/// Addresses, ports, protocol and IP version. Absent without IP.
#[derive(Debug, Serialize)]
struct Tuple {
    #[serde(flatten)]
    ends: Ends,
    proto: ProtoText,
    ip_v: u8,
}

impl Tuple {
    fn of_packet(packet: &PacketSummary) -> Option<Self> {
        if packet.ip_version == 0 {
            return None;
        }
        let ports = has_ports(packet.proto);
        Some(Self {
            ends: Ends::new((packet.src, packet.src_port), (packet.dst, packet.dst_port), packet.ip_version, ports),
            proto: ProtoText(packet.proto),
            ip_v: packet.ip_version,
        })
    }

    fn of_flow(flow: &FlowSummary, ip_version: u8, proto: IpProto) -> Self {
        Self {
            ends: Ends::new(flow.client, flow.server, ip_version, has_ports(proto)),
            proto: ProtoText(proto),
            ip_v: ip_version,
        }
    }
}

/// Whether EVE prints ports for this protocol.
pub(super) const fn has_ports(proto: IpProto) -> bool {
    matches!(proto, IpProto::TCP | IpProto::UDP | IpProto::SCTP)
}

/// Two ends of a packet or flow.
#[derive(Debug, Serialize)]
pub(super) struct Ends {
    src_ip: AddrText,
    #[serde(skip_serializing_if = "Option::is_none")]
    src_port: Option<u16>,
    dest_ip: AddrText,
    #[serde(skip_serializing_if = "Option::is_none")]
    dest_port: Option<u16>,
}

impl Ends {
    pub(super) fn new(src: (Addr, u16), dest: (Addr, u16), ip_version: u8, ports: bool) -> Self {
        Self {
            src_ip: addr_text(src.0, ip_version),
            src_port: ports.then_some(src.1),
            dest_ip: addr_text(dest.0, ip_version),
            dest_port: ports.then_some(dest.1),
        }
    }
}

/// `vlan`: the identifiers, outermost first.
#[derive(Debug)]
struct VlanIds(Vlans);

impl VlanIds {
    fn ids(&self) -> &[u16] {
        &self.0.ids[..usize::from(self.0.count).min(self.0.ids.len())]
    }
    fn is_empty(&self) -> bool {
        self.ids().is_empty()
    }
}

impl Serialize for VlanIds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.ids())
    }
}
