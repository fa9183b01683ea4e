//! `event_type` `alert`.

use super::Context;
use super::app::Names;
use super::header::{Ends, Header, has_ports};
use super::kept;
use super::text::{AddrText, TimeText, addr_text};
use crate::detect::dataset::load::base64;
use crate::detect::state::TransactionNote;
use crate::event::{AlertAction, AlertEvent, FlowSummary, PacketSummary};
use crate::output::config::EventType;
use crate::packet::Direction;
use crate::protocols::file::FileEntry;
use sekisho_signatures::model::{Signature, Target};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::sync::Arc;

/// The record.
#[derive(Debug, Serialize)]
pub(super) struct AlertRecord<'a> {
    #[serde(skip)]
    pub(super) header: Header<'a>,
    /// The file that has the flow's packets.
    #[serde(skip_serializing_if = "Option::is_none")]
    capture_file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tx_id: Option<u64>,
    alert: Alert<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tunnel: Option<Tunnel>,
    #[serde(flatten)]
    app: Names,
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow: Option<AlertFlow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<kept::Metadata<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traffic: Option<kept::Traffic<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<FileEntry<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frame: Option<Frame>,
}

/// `frame`: the part of a message that a rule matched on.
#[derive(Debug, Serialize)]
struct Frame {
    #[serde(rename = "type")]
    name: &'static str,
    direction: &'static str,
    length: usize,
    complete: bool,
    tx_id: u64,
    payload: String,
    payload_printable: String,
}

impl Frame {
    fn of(note: &TransactionNote) -> Option<Self> {
        let frame = note.frame.as_ref()?;
        let direction = match frame.direction {
            Direction::ToServer => "toserver",
            Direction::ToClient => "toclient",
        };
        let mut payload = String::new();
        base64(&frame.bytes, &mut payload);
        let shown = |&b: &u8| if matches!(b, b' '..=b'~' | b'\r' | b'\n') { char::from(b) } else { '.' };
        Some(Self {
            name: frame.name,
            direction,
            length: frame.len,
            complete: frame.complete,
            tx_id: note.id,
            payload,
            payload_printable: frame.bytes.iter().map(shown).collect(),
        })
    }
}

impl<'a> AlertRecord<'a> {
    /// None when the event names a signature that its ruleset does not have.
    pub(super) fn of(context: &'a mut Context, event: &'a AlertEvent) -> Option<Self> {
        let signature = event.ruleset.signatures.get(event.signature as usize)?;
        let packet = &event.packet;
        let flow = event.flow.map(|flow| AlertFlow {
            counts: Counts::of(&flow),
            start: context.clock.text(flow.start),
            ends: Ends::new(flow.client, flow.server, packet.ip_version, has_ports(packet.proto)),
        });
        Some(Self {
            header: Header::of_packet(context, EventType::Alert, packet, event.flow.map(|flow| flow.id)),
            capture_file: event.evidence.map(|name| name.to_string()),
            tx_id: event.transaction.as_ref().map(|t| t.id),
            alert: Alert::of(event, signature),
            tunnel: (packet.tunnel_depth > 0).then_some(Tunnel { depth: packet.tunnel_depth }),
            app: Names::of(&event.app),
            direction: event.direction.map(|direction| match direction {
                Direction::ToServer => "to_server",
                Direction::ToClient => "to_client",
            }),
            flow,
            metadata: kept::Metadata::of(event.note.as_deref(), event.finding.as_deref()),
            traffic: kept::Traffic::of(event.note.as_deref()),
            frame: event.transaction.as_ref().and_then(Frame::of),
            files: event.transaction.iter().flat_map(|t| t.files.iter().map(|file| FileEntry(file, t.id))).collect(),
        })
    }
}

/// `tunnel`
#[derive(Debug, Serialize)]
struct Tunnel {
    depth: u8,
}

/// `alert`
#[derive(Debug, Serialize)]
struct Alert<'a> {
    action: &'static str,
    gid: u32,
    signature_id: u32,
    rev: u32,
    signature: &'a str,
    category: &'a str,
    severity: u8,
    #[serde(flatten)]
    target: Option<TargetEnds>,
    metadata: Metadata<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<kept::AlertContext<'a>>,
}

impl<'a> Alert<'a> {
    fn of(event: &'a AlertEvent, signature: &'a Signature) -> Self {
        Self {
            action: match event.action {
                AlertAction::Allowed => "allowed",
                AlertAction::Blocked => "blocked",
            },
            gid: signature.gid,
            signature_id: signature.sid,
            rev: signature.rev,
            signature: &signature.msg,
            category: &signature.category,
            severity: signature.priority,
            target: TargetEnds::of(signature.target, &event.packet),
            metadata: Metadata { entries: &signature.metadata, ruleset: &event.ruleset.hash },
            context: kept::AlertContext::of(event.finding.as_deref()),
        }
    }
}

/// `alert.source` and `alert.target`, for rules that say which end is attacked.
#[derive(Debug, Serialize)]
struct TargetEnds {
    source: End,
    target: End,
}

#[derive(Debug, Serialize)]
struct End {
    ip: AddrText,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
}

impl TargetEnds {
    fn of(target: Option<Target>, packet: &PacketSummary) -> Option<Self> {
        if packet.ip_version == 0 {
            return None;
        }
        let end =
            |addr, port| End { ip: addr_text(addr, packet.ip_version), port: has_ports(packet.proto).then_some(port) };
        let src = end(packet.src, packet.src_port);
        let dst = end(packet.dst, packet.dst_port);
        Some(match target? {
            Target::Destination => Self { source: src, target: dst },
            Target::Source => Self { source: dst, target: src },
        })
    }
}

/// `alert.metadata`: the rule's, each key once with the list of its values, and the hash of the ruleset that judged.
#[derive(Debug)]
struct Metadata<'a> {
    entries: &'a [(Arc<str>, Arc<str>)],
    ruleset: &'a str,
}

/// The key of the ruleset's hash; a rule's own metadata under this key is left out.
const RULESET_KEY: &str = "sekisho_ruleset";

impl Serialize for Metadata<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (i, (key, _)) in self.entries.iter().enumerate() {
            let first = !self.entries[..i].iter().any(|(other, _)| other == key);
            if first && &**key != RULESET_KEY {
                map.serialize_entry(&**key, &ValuesOf { key, entries: &self.entries[i..] })?;
            }
        }
        map.serialize_entry(RULESET_KEY, &[self.ruleset])?;
        map.end()
    }
}

struct ValuesOf<'a> {
    key: &'a str,
    entries: &'a [(Arc<str>, Arc<str>)],
}

impl Serialize for ValuesOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.entries.iter().filter(|(key, _)| &**key == self.key).map(|(_, value)| &**value))
    }
}

/// Packets and bytes of a flow, as alerts and flow records print them.
#[derive(Debug, Serialize)]
pub(super) struct Counts {
    pkts_toserver: u64,
    pkts_toclient: u64,
    bytes_toserver: u64,
    bytes_toclient: u64,
}

impl Counts {
    pub(super) fn of(flow: &FlowSummary) -> Self {
        let [to_server, to_client] = flow.counts;
        Self {
            pkts_toserver: to_server.packets,
            pkts_toclient: to_client.packets,
            bytes_toserver: to_server.bytes,
            bytes_toclient: to_client.bytes,
        }
    }
}

/// `flow` of an alert: as far as it had come, source being the client.
#[derive(Debug, Serialize)]
struct AlertFlow {
    #[serde(flatten)]
    counts: Counts,
    start: TimeText,
    #[serde(flatten)]
    ends: Ends,
}
