//! EVE JSON, one object a line, as Suricata 8 writes it and its published schema allows it.
//!
//! A record is a struct of borrowed and fixed-size fields that is written straight into the worker's buffer ([`json`]): no
//! allocation and no tree in between. What is ours alone stands in `alert.metadata`, which the schema leaves open.

mod alert;
mod anomaly;
mod app;
mod flow;
mod header;
mod kept;
mod packet;
mod proto;
pub mod stats;
pub mod text;

use super::config::EventType;
use super::queue::type_of;
use crate::event::Event;
use crate::json;
use crate::time::Timestamp;
use header::Header;
use serde::Serialize;
use stats::StatsReading;
use text::Clock;

/// What records need to know beside the event.
#[derive(Clone, Debug)]
struct Context {
    clock: Clock,
    sensor_name: Option<String>,
    interfaces: Vec<String>,
    capture_file: bool,
}

impl Context {
    fn interface(&self, index: u16) -> Option<&str> {
        self.interfaces.get(usize::from(index)).map(String::as_str)
    }
}

/// An event could not be written as a record.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// An alert names a signature that its ruleset does not have.
    #[error("an alert names signature number {0}, which its ruleset does not have")]
    UnknownSignature(u32),
    /// The JSON writer failed.
    #[error("an event could not be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// Writes events as lines of EVE JSON.
#[derive(Clone, Debug)]
pub struct EveEncoder {
    context: Context,
}

impl EveEncoder {
    /// `sensor_name` becomes `host`; `interfaces` are the names behind events' interface index (none for capture
    /// files); with `capture_file`, frames are numbered in `pcap_cnt`.
    #[must_use]
    pub fn new(clock: Clock, sensor_name: Option<String>, interfaces: Vec<String>, capture_file: bool) -> Self {
        Self { context: Context { clock, sensor_name, interfaces, capture_file } }
    }

    /// Adds the event's line to `out`.
    ///
    /// # Errors
    /// See [`EncodeError`]; `out` is then as it was.
    pub fn encode(&mut self, event: &Event, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.encode_as(event, type_of(event), out)
    }

    /// The same, of an event whose type is known.
    pub(super) fn encode_as(&mut self, event: &Event, kind: EventType, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let start = out.len();
        let done = self.write(event, kind, out);
        match &done {
            Ok(()) => out.extend_from_slice(b"}\n"),
            Err(_) => out.truncate(start),
        }
        done
    }

    /// The record, but for its end.
    fn write(&mut self, event: &Event, kind: EventType, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let context = &mut self.context;
        match event {
            Event::Alert(event) => {
                let record = alert::AlertRecord::of(context, event);
                let record = record.ok_or(EncodeError::UnknownSignature(event.signature))?;
                write_record(&record.header, &record, out)?;
                match event.transaction.as_ref().and_then(|t| t.record.as_ref()) {
                    Some(record) => app::append(record.as_ref(), out),
                    None => Ok(()),
                }
            }
            Event::Flow(event) => {
                let record = flow::FlowRecord::of(context, event);
                write_record(&record.header, &record, out)
            }
            Event::App(event) => {
                let record = app::AppRecord::of(context, event, kind);
                write_record(&record.header, &record, out)?;
                app::append(event.record.as_ref(), out)
            }
            Event::Packet(event) => {
                let record = packet::PacketRecord::of(context, event);
                write_record(&record.header, &record, out)
            }
            Event::Drop(event) => {
                let record = packet::DropRecord::of(context, event);
                write_record(&record.header, &record, out)
            }
            Event::Anomaly(event) => {
                let record = anomaly::AnomalyRecord::of(context, event);
                write_record(&record.header, &record, out)
            }
        }
    }

    /// Adds a `stats` line to `out`.
    ///
    /// # Errors
    /// See [`EncodeError`]; `out` is then as it was.
    pub fn encode_stats(
        &mut self,
        now: Timestamp,
        reading: &StatsReading,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let start = out.len();
        let record = stats::StatsRecord::of(&mut self.context, now, reading);
        let done = write_record(&record.header, &record, out);
        match &done {
            Ok(()) => out.extend_from_slice(b"}\n"),
            Err(_) => out.truncate(start),
        }
        done
    }
}

/// What all records begin with, and the fields of this one. The object stays open.
fn write_record(header: &Header<'_>, fields: &impl Serialize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    header.open(out);
    Ok(json::write_members(out, fields)?)
}
