//! EVE's `http` for HTTP/2; and `dns` with it where a message of DNS is inside.

use super::headers::Headers;
use super::transaction::{Http2Transaction, Message};
use crate::json;
use crate::packet::Direction;
use crate::protocols::Record;
use crate::protocols::text::Text;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

/// What EVE says of one direction beside its headers.
#[derive(Debug, Default)]
struct Side {
    settings: Vec<(u16, u32)>,
    error: Option<u32>,
    priority: Option<u8>,
}

impl Side {
    fn of(message: &Message, direction: Direction) -> Self {
        // Only clients give priorities.
        let priority = message.priority.filter(|_| direction == Direction::ToServer);
        Self { settings: message.settings.clone(), error: message.error, priority }
    }
}

/// A stream or a frame for EVE.
#[derive(Debug)]
pub struct Http2Record {
    stream: u32,
    hostname: Option<Vec<u8>>,
    request: Headers,
    response: Headers,
    sides: [Side; 2],
    dns: Option<Box<dyn Record>>,
}

impl Http2Record {
    pub(super) fn of(transaction: &Http2Transaction, dns: Option<Box<dyn Record>>) -> Self {
        Self {
            stream: transaction.stream,
            hostname: transaction.host().map(<[u8]>::to_vec),
            request: transaction.request().clone(),
            response: transaction.response().clone(),
            sides: [Direction::ToServer, Direction::ToClient].map(|side| Side::of(transaction.message_ref(side), side)),
            dns,
        }
    }

    fn number(headers: &Headers, name: &[u8]) -> Option<u64> {
        let digits = std::str::from_utf8(headers.get(name)?).ok()?;
        digits.trim().parse().ok()
    }
}

impl Record for Http2Record {
    fn kind(&self) -> &'static str {
        if self.dns.is_some() { "dns" } else { "http" }
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        match &self.dns {
            Some(dns) => dns.write(out),
            None => json::write(out, self),
        }
    }

    fn write_beside(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        if self.dns.is_none() {
            return Ok(());
        }
        json::key(out, "http");
        json::write(out, self)
    }
}

impl Serialize for Http2Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("version", "2")?;
        for (key, headers) in [("request_headers", &self.request), ("response_headers", &self.response)] {
            if !headers.is_empty() || !headers.size_updates.is_empty() {
                map.serialize_entry(key, &Fields(headers))?;
            }
        }
        if let Some(host) = &self.hostname {
            map.serialize_entry("hostname", &Text(host))?;
        }
        let texts = [
            ("http_method", self.request.get(b":method")),
            ("http_user_agent", self.request.get(b"user-agent")),
            ("http_refer", self.request.get(b"referer")),
            ("url", self.request.get(b":path")),
        ];
        for (key, text) in texts {
            if let Some(text) = text {
                map.serialize_entry(key, &Text(text))?;
            }
        }
        if let Some(kind) = self.response.get(b"content-type") {
            let kind = kind.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
            map.serialize_entry("http_content_type", &Text(kind))?;
        }
        if let Some(status) = Self::number(&self.response, b":status") {
            map.serialize_entry("status", &status)?;
        }
        let length = [&self.response, &self.request].into_iter().find_map(|h| Self::number(h, b"content-length"));
        if let Some(length) = length {
            map.serialize_entry("length", &length)?;
        }
        map.serialize_entry("http2", &Stream(self))?;
        map.end()
    }
}

struct Stream<'a>(&'a Http2Record);

impl Serialize for Stream<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("stream_id", &self.0.stream)?;
        for (key, side) in ["request", "response"].into_iter().zip(&self.0.sides) {
            if side.error.is_some() || side.priority.is_some() || !side.settings.is_empty() {
                map.serialize_entry(key, side)?;
            }
        }
        map.end()
    }
}

impl Serialize for Side {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.settings.is_empty() {
            map.serialize_entry("settings", &Settings(&self.settings))?;
        }
        if let Some(error) = self.error {
            match error_name(error) {
                Some(name) => map.serialize_entry("error_code", name)?,
                None => map.serialize_entry("error_code", &error.to_string())?,
            }
        }
        if let Some(priority) = self.priority {
            map.serialize_entry("priority", &priority)?;
        }
        map.end()
    }
}

struct Settings<'a>(&'a [(u16, u32)]);

impl Serialize for Settings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Setting<'a> {
            settings_id: &'a str,
            settings_value: u32,
        }
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for &(id, settings_value) in self.0 {
            let number;
            let settings_id = match setting_name(id) {
                Some(name) => name,
                None => {
                    number = id.to_string();
                    &number
                }
            };
            list.serialize_element(&Setting { settings_id, settings_value })?;
        }
        list.end()
    }
}

struct Fields<'a>(&'a Headers);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Field<'a> {
            name: Text<'a>,
            value: Text<'a>,
        }
        #[derive(Serialize)]
        struct Update {
            table_size_update: u64,
        }
        let mut list = serializer.serialize_seq(None)?;
        for &table_size_update in &self.0.size_updates {
            list.serialize_element(&Update { table_size_update })?;
        }
        for (name, value) in self.0.iter() {
            list.serialize_element(&Field { name: Text(name), value: Text(value) })?;
        }
        list.end()
    }
}

/// Errors as EVE writes them (RFC 9113, 7).
fn error_name(code: u32) -> Option<&'static str> {
    const NAMES: [&str; 14] = [
        "NOERROR",
        "PROTOCOLERROR",
        "INTERNALERROR",
        "FLOWCONTROLERROR",
        "SETTINGSTIMEOUT",
        "STREAMCLOSED",
        "FRAMESIZEERROR",
        "REFUSEDSTREAM",
        "CANCEL",
        "COMPRESSIONERROR",
        "CONNECTERROR",
        "ENHANCEYOURCALM",
        "INADEQUATESECURITY",
        "HTTP11REQUIRED",
    ];
    NAMES.get(usize::try_from(code).ok()?).copied()
}

/// Settings as EVE writes them (RFC 9113, 6.5.2).
fn setting_name(id: u16) -> Option<&'static str> {
    const NAMES: [&str; 6] = [
        "SETTINGSHEADERTABLESIZE",
        "SETTINGSENABLEPUSH",
        "SETTINGSMAXCONCURRENTSTREAMS",
        "SETTINGSINITIALWINDOWSIZE",
        "SETTINGSMAXFRAMESIZE",
        "SETTINGSMAXHEADERLISTSIZE",
    ];
    NAMES.get(usize::from(id).checked_sub(1)?).copied()
}
