//! Records of application protocols: what all records begin with, and the protocol's own object under its name.

use super::header::Header;
use super::{Context, EncodeError};
use crate::event::AppEvent;
use crate::output::config::EventType;
use crate::protocols::Record;
use serde::Serialize;

/// All but the protocol's object.
#[derive(Debug, Serialize)]
pub(super) struct AppRecord<'a> {
    #[serde(flatten)]
    header: Header<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tx_id: Option<u64>,
}

impl<'a> AppRecord<'a> {
    pub(super) fn of(context: &'a mut Context, event: &AppEvent) -> Self {
        let kind = event.record.kind();
        let event_type = EventType::of_record(kind).unwrap_or(EventType::Anomaly);
        // These say their transaction's number in their own object, or have but one.
        let tx_id =
            event.tx_id.filter(|_| !matches!(kind, "dns" | "mdns" | "tls" | "ssh" | "dcerpc" | "smb" | "fileinfo"));
        Self { header: Header::of_packet(context, event_type, &event.packet, Some(event.flow_id)), tx_id }
    }
}

/// Adds a protocol's object to the record whose line begins at `start` and ends `out`.
pub(super) fn append(record: &dyn Record, start: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let end = out.len();
    debug_assert!(out.ends_with(b"}\n"));
    out.truncate(end - 2);
    out.extend_from_slice(b",\"");
    out.extend_from_slice(record.kind().as_bytes());
    out.extend_from_slice(b"\":");
    if let Err(error) = record.write(out).and_then(|()| record.write_beside(out)) {
        out.truncate(start);
        return Err(error.into());
    }
    out.extend_from_slice(b"}\n");
    Ok(())
}
