//! Records of application protocols: what all records begin with, and the protocol's own object under its name.

use super::header::Header;
use super::{Context, EncodeError, kept};
use crate::event::AppEvent;
use crate::json;
use crate::output::config::EventType;
use crate::protocols::{AppView, Recognition, Record};
use sekisho_signatures::app::Protocol;
use serde::Serialize;

/// All but the protocol's object.
#[derive(Debug, Serialize)]
pub(super) struct AppRecord<'a> {
    #[serde(skip)]
    pub(super) header: Header<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tx_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<kept::Metadata<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traffic: Option<kept::Traffic<'a>>,
}

/// What is known of a flow's application protocol: of its directions only where they differ from it.
#[derive(Debug, Serialize)]
pub(super) struct Names {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) app_proto: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) app_proto_orig: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) app_proto_ts: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) app_proto_tc: Option<&'static str>,
}

impl Names {
    pub(super) fn of(view: &AppView) -> Self {
        let other = |r: Recognition| r.protocol().filter(|_| r != view.protocol).map(Protocol::name);
        let [to_server, to_client] = view.directions;
        Self {
            app_proto: match view.protocol {
                Recognition::Unknown => None,
                Recognition::Failed => Some("failed"),
                Recognition::Known(protocol) => Some(protocol.name()),
            },
            app_proto_orig: other(view.original),
            app_proto_ts: other(to_server),
            app_proto_tc: other(to_client),
        }
    }
}

impl<'a> AppRecord<'a> {
    pub(super) fn of(context: &'a mut Context, event: &'a AppEvent, event_type: EventType) -> Self {
        // These say their transaction's number in their own object, or have but one.
        let tx_id = event.tx_id.filter(|_| {
            use EventType::{Dcerpc, Dns, Fileinfo, Krb5, Mdns, Nfs, Pgsql, Rdp, Smb, Ssh, Tls};
            !matches!(
                event_type,
                Dns | Mdns | EventType::Llmnr | Tls | Ssh | Dcerpc | Fileinfo | Smb | Krb5 | Nfs | Rdp | Pgsql
            )
        });
        let note = event.note.as_deref();
        Self {
            header: Header::of_packet(context, event_type, &event.packet, Some(event.flow_id)),
            tx_id,
            metadata: kept::Metadata::of(note, None),
            traffic: kept::Traffic::of(note),
        }
    }
}

/// Adds a protocol's object to the record that `out` ends in.
pub(super) fn append(record: &dyn Record, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    json::key(out, record.kind());
    record.write(out)?;
    Ok(record.write_beside(out)?)
}
