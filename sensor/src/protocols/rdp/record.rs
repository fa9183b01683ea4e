//! EVE's `rdp`, read from the message as it is written, off the packet path. What Suricata says beyond its own schema (the
//! protocol chosen, serial numbers of certificates) is left out: EVE's `tls` tells of TLS.

use super::client::{Client, Core};
use super::message::Message;
use super::names;
use super::transaction::Stage;
use crate::json;
use crate::protocols::Record;
use crate::protocols::text::Text;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::fmt;

/// A message for EVE.
#[derive(Debug)]
pub struct RdpRecord {
    pub(super) id: u64,
    pub(super) stage: Stage,
    pub(super) bytes: Vec<u8>,
}

impl Record for RdpRecord {
    fn kind(&self) -> &'static str {
        "rdp"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::write(out, self)
    }
}

impl Serialize for RdpRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("tx_id", &self.id)?;
        map.serialize_entry("event_type", self.stage.name())?;
        match Message::read(&self.bytes) {
            Some(Message::Request(request)) => {
                if let Some(cookie) = request.cookie {
                    map.serialize_entry("cookie", &Text(cookie))?;
                }
            }
            Some(Message::ConnectInitial(user_data)) => {
                let client = Client::read(user_data);
                if let Some(core) = &client.core {
                    map.serialize_entry("client", &About(core))?;
                }
                let channels: Vec<Text<'_>> = client.channels().map(Text).collect();
                if !channels.is_empty() {
                    map.serialize_entry("channels", &channels)?;
                }
            }
            _ => {}
        }
        map.end()
    }
}

struct About<'a>(&'a Core<'a>);

impl Serialize for About<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let core = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("version", names::version(core.version))?;
        map.serialize_entry("desktop_width", &core.width)?;
        map.serialize_entry("desktop_height", &core.height)?;
        if let Some(depth) = core.color_depth() {
            map.serialize_entry("color_depth", &depth)?;
        }
        map.serialize_entry("keyboard_layout", &names::Layout(core.keyboard_layout))?;
        map.serialize_entry("build", &names::Build(core.build))?;
        text(&mut map, "client_name", core.name)?;
        if let Some(kind) = names::keyboard(core.keyboard_type) {
            map.serialize_entry("keyboard_type", kind)?;
        }
        map.serialize_entry("function_keys", &core.function_keys)?;
        if let Some(id) = core.later.product_id {
            map.serialize_entry("product_id", &id)?;
        }
        let capabilities: Vec<&str> = names::capabilities(core.later.capabilities.unwrap_or_default()).collect();
        if !capabilities.is_empty() {
            map.serialize_entry("capabilities", &capabilities)?;
        }
        text(&mut map, "id", core.later.product.unwrap_or_default())?;
        map.end()
    }
}

/// UTF-16 up to a zero; left out if it is empty.
fn text<M: SerializeMap>(map: &mut M, key: &'static str, bytes: &[u8]) -> Result<(), M::Error> {
    let wide = Wide(bytes);
    if wide.characters().next().is_none() { Ok(()) } else { map.serialize_entry(key, &wide) }
}

struct Wide<'a>(&'a [u8]);

impl Wide<'_> {
    fn characters(&self) -> impl Iterator<Item = char> {
        let units =
            self.0.chunks_exact(2).filter_map(|pair| pair.first_chunk::<2>()).map(|pair| u16::from_le_bytes(*pair));
        char::decode_utf16(units.take_while(|unit| *unit != 0)).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
    }
}

impl fmt::Display for Wide<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        self.characters().try_for_each(|c| f.write_char(c))
    }
}

impl Serialize for Wide<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
