//! EVE JSON, one object a line, as Suricata 8 writes it and its published schema allows it.
//!
//! A record is a struct of borrowed and fixed-size fields that serde writes straight into the output's buffer: no
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
use crate::event::Event;
use crate::time::Timestamp;
use serde::Serialize;
use stats::StatsReading;
use text::Clock;

/// What records need to know beside the event.
#[derive(Debug)]
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
#[derive(Debug)]
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
        match event {
            Event::Alert(event) => {
                let record = alert::AlertRecord::of(&mut self.context, event);
                let start = out.len();
                write_line(&record.ok_or(EncodeError::UnknownSignature(event.signature))?, out)?;
                match event.transaction.as_ref().and_then(|t| t.record.as_ref()) {
                    Some(record) => app::append(record.as_ref(), start, out),
                    None => Ok(()),
                }
            }
            Event::Flow(event) => write_line(&flow::FlowRecord::of(&mut self.context, event), out),
            Event::App(event) => {
                let start = out.len();
                write_line(&app::AppRecord::of(&mut self.context, event), out)?;
                app::append(event.record.as_ref(), start, out)
            }
            Event::Packet(event) => write_line(&packet::PacketRecord::of(&mut self.context, event), out),
            Event::Drop(event) => write_line(&packet::DropRecord::of(&mut self.context, event), out),
            Event::Anomaly(event) => write_line(&anomaly::AnomalyRecord::of(&mut self.context, event), out),
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
        write_line(&stats::StatsRecord::of(&mut self.context, now, reading), out)
    }
}

fn write_line(record: &impl Serialize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let start = out.len();
    if let Err(error) = serde_json::to_writer(&mut *out, record) {
        out.truncate(start);
        return Err(error.into());
    }
    out.push(b'\n');
    Ok(())
}
