//! EVE's `websocket`.

use crate::json;
use crate::protocols::Record;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// A frame for EVE.
#[derive(Debug)]
pub struct WebsocketRecord {
    pub(super) fin: bool,
    pub(super) mask: Option<u32>,
    pub(super) opcode: u8,
}

impl Record for WebsocketRecord {
    fn kind(&self) -> &'static str {
        "websocket"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::write(out, self)
    }
}

impl Serialize for WebsocketRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("fin", &self.fin)?;
        if let Some(mask) = self.mask {
            map.serialize_entry("mask", &mask)?;
        }
        match name(self.opcode) {
            Some(name) => map.serialize_entry("opcode", name)?,
            None => map.serialize_entry("opcode", &format_args!("unknown-{}", self.opcode))?,
        }
        map.end()
    }
}

/// RFC 6455, 11.8.
fn name(opcode: u8) -> Option<&'static str> {
    Some(match opcode {
        0 => "continuation",
        1 => "text",
        2 => "binary",
        8 => "connection_close",
        9 => "ping",
        10 => "pong",
        _ => return None,
    })
}
