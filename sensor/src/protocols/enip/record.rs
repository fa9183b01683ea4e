//! EVE's `enip`: the message and its answer.

use super::cip::{self, Cip, Logical, Path};
use super::message::{Body, Message};
use super::names;
use crate::json;
use crate::packet::Direction;
use crate::protocols::Record;
use crate::protocols::text::Text;
use sekisho_signatures::buffers::Buffer;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

/// An exchange for EVE.
#[derive(Debug)]
pub(super) struct EnipRecord {
    /// The message of each direction.
    pub(super) messages: [Vec<u8>; 2],
}

impl Record for EnipRecord {
    fn kind(&self) -> &'static str {
        "enip"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::write(out, self)
    }
}

impl Serialize for EnipRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, direction) in [("request", Direction::ToServer), ("response", Direction::ToClient)] {
            if let Some(message) = Message::read(&self.messages[direction.index()], direction) {
                map.serialize_entry(key, &Said { message, asks: direction == Direction::ToServer })?;
            }
        }
        map.end()
    }
}

/// A name, or the number that has none.
struct Named(Option<&'static str>, u64);

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(name) => serializer.serialize_str(name),
            None => serializer.collect_str(&format_args!("unknown-{}", self.1)),
        }
    }
}

struct Said<'a> {
    message: Message<'a>,
    asks: bool,
}

impl Serialize for Said<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let header = self.message.header;
        let mut map = serializer.serialize_map(None)?;
        let (command, status) = (u64::from(header.command.0), u64::from(header.status));
        map.serialize_entry("command", &Named(Buffer::EnipCommand.value_name(command), command))?;
        map.serialize_entry("status", &Named(Buffer::EnipStatus.value_name(status), status))?;
        match self.message.body {
            Some(Body::Register { version, options }) => {
                map.serialize_entry("register_session", &Register { protocol_version: version, options })?;
            }
            // A request says nothing of the kind; the schema has no place for it.
            Some(Body::Identity(identity)) if !self.asks => map.serialize_entry(
                "identity",
                &Identity {
                    protocol_version: identity.protocol_version,
                    revision: format!("{}.{}", identity.revision >> 8, identity.revision & 0xff),
                    vendor_id: Named(names::vendor(identity.vendor), identity.vendor.into()),
                    device_type: Named(names::device(identity.device_type), identity.device_type.into()),
                    product_code: identity.product,
                    status: identity.status,
                    serial: identity.serial,
                    product_name: Text(identity.name),
                    state: identity.state,
                },
            )?,
            Some(Body::Services(service)) if !self.asks => map.serialize_entry(
                "list_services",
                &Services {
                    protocol_version: service.protocol_version,
                    capabilities: service.capabilities,
                    service_name: Text(service.name),
                },
            )?,
            Some(Body::Cip { bytes, .. }) => {
                let (mut all, _) = cip::all(bytes);
                // In each direction, only what belongs there is shown.
                all.retain(|cip| matches!(*cip, Cip::Request { .. }) == self.asks);
                if let Some((outer, inner)) = all.split_first() {
                    map.serialize_entry("cip", &Shown { cip: outer, inner })?;
                }
            }
            _ => {}
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Register {
    protocol_version: u16,
    options: u16,
}

#[derive(Serialize)]
struct Identity<'a> {
    protocol_version: u16,
    revision: String,
    vendor_id: Named,
    device_type: Named,
    product_code: u16,
    status: u16,
    serial: u32,
    product_name: Text<'a>,
    state: u8,
}

#[derive(Serialize)]
struct Services<'a> {
    protocol_version: u16,
    capabilities: u16,
    service_name: Text<'a>,
}

/// A CIP message, with those that it holds.
struct Shown<'a> {
    cip: &'a Cip<'a>,
    inner: &'a [Cip<'a>],
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let service = self.cip.service();
        map.serialize_entry("service", &Named(names::service(service), service.into()))?;
        if let Some(status) = self.cip.status() {
            map.serialize_entry("status", &Named(names::status(status), status.into()))?;
        }
        if let Some(word) = self.cip.extended() {
            map.serialize_entry("status_extended", &format!("0x{word:04x}"))?;
            if let Some(meaning) = names::extended(word) {
                map.serialize_entry("status_extended_meaning", meaning)?;
            }
        }
        if self.cip.path().next().is_some() {
            map.serialize_entry("path", &Segments(self.cip.path()))?;
        }
        if let Some(name) = self.cip.values(Logical::Class).next().and_then(names::class) {
            map.serialize_entry("class_name", name)?;
        }
        if !self.inner.is_empty() {
            let inner: Vec<_> = self.inner.iter().map(|cip| Shown { cip, inner: &[] }).collect();
            map.serialize_entry("multiple", &inner)?;
        }
        map.end()
    }
}

struct Segments<'a>(Path<'a>);

impl Serialize for Segments<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for segment in self.0 {
            list.serialize_element(&Part { segment_type: kind(segment.kind), value: segment.value })?;
        }
        list.end()
    }
}

#[derive(Serialize)]
struct Part {
    segment_type: &'static str,
    value: u32,
}

fn kind(segment: u8) -> &'static str {
    match segment {
        0x20 => "class_8bit",
        0x21 => "class_16bit",
        0x22 => "class_32bit",
        0x24 => "instance_8bit",
        0x25 => "instance_16bit",
        0x26 => "instance_32bit",
        0x28..=0x2a => "member",
        0x2c..=0x2e => "connection_point",
        0x30 => "attribute_8bit",
        0x31 => "attribute_16bit",
        0x32 => "attribute_32bit",
        0x91 => "symbol",
        0x01..=0x0f => "port",
        _ => "logical",
    }
}
