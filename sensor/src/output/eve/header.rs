//! What all EVE records begin with.

use super::proto::ProtoText;
use super::text::{AddrText, TimeText, addr_text};
use super::{Context, EventType};
use crate::event::{FlowEvent, FlowSummary, PacketSource, PacketSummary};
use crate::json;
use crate::packet::{Addr, IpProto, Vlans};
use serde::Serialize;

/// The fields that records share. Absent ones are left out. Every event has them, so that they are written with no detour.
#[derive(Debug)]
pub(super) struct Header<'a> {
    timestamp: TimeText,
    flow_id: Option<u64>,
    in_iface: Option<&'a str>,
    pcap_cnt: Option<u64>,
    event_type: EventType,
    vlan: Vlans,
    tuple: Option<Tuple>,
    icmp_type: Option<u8>,
    icmp_code: Option<u8>,
    pkt_src: Option<&'static str>,
    host: Option<&'a str>,
}

impl Header<'_> {
    /// Begins the record: these fields, in an object that stays open.
    pub(super) fn open(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"timestamp\":\"");
        out.extend_from_slice(self.timestamp.as_bytes());
        out.push(b'"');
        if let Some(id) = self.flow_id {
            out.extend_from_slice(b",\"flow_id\":");
            json::integer(out, id);
        }
        if let Some(name) = self.in_iface {
            out.extend_from_slice(b",\"in_iface\":");
            json::string(out, name);
        }
        if let Some(number) = self.pcap_cnt {
            out.extend_from_slice(b",\"pcap_cnt\":");
            json::integer(out, number);
        }
        word(out, b",\"event_type\":\"", self.event_type.name());
        let vlans = self.vlan.ids.get(..usize::from(self.vlan.count)).unwrap_or(&self.vlan.ids);
        for (i, id) in vlans.iter().enumerate() {
            out.extend_from_slice(if i == 0 { b",\"vlan\":[" } else { b"," });
            json::integer(out, *id);
        }
        if !vlans.is_empty() {
            out.push(b']');
        }
        if let Some(tuple) = &self.tuple {
            tuple.write(out);
        }
        for (name, value) in [(&b",\"icmp_type\":"[..], self.icmp_type), (b",\"icmp_code\":", self.icmp_code)] {
            if let Some(value) = value {
                out.extend_from_slice(name);
                json::integer(out, value);
            }
        }
        if let Some(source) = self.pkt_src {
            word(out, b",\"pkt_src\":\"", source);
        }
        if let Some(host) = self.host {
            out.extend_from_slice(b",\"host\":");
            json::string(out, host);
        }
    }
}

/// A member whose value needs no escaping; `name` ends in the value's first quotation mark.
fn word(out: &mut Vec<u8>, name: &[u8], value: &str) {
    out.extend_from_slice(name);
    out.extend_from_slice(value.as_bytes());
    out.push(b'"');
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
            vlan: packet.vlans,
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
            vlan: event.vlans,
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
            vlan: Vlans::default(),
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
#[derive(Debug)]
struct Tuple {
    ends: Ends,
    proto: ProtoText,
    ip_v: u8,
}

impl Tuple {
    fn write(&self, out: &mut Vec<u8>) {
        let Ends { src_ip, src_port, dest_ip, dest_port } = &self.ends;
        word(out, b",\"src_ip\":\"", src_ip.as_str());
        if let Some(port) = src_port {
            out.extend_from_slice(b",\"src_port\":");
            json::integer(out, *port);
        }
        word(out, b",\"dest_ip\":\"", dest_ip.as_str());
        if let Some(port) = dest_port {
            out.extend_from_slice(b",\"dest_port\":");
            json::integer(out, *port);
        }
        out.extend_from_slice(b",\"proto\":\"");
        self.proto.push(out);
        out.push(b'"');
        out.extend_from_slice(b",\"ip_v\":");
        json::integer(out, self.ip_v);
    }

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
