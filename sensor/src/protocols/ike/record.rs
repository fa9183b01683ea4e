//! EVE's `ike`.

use super::attribute::Attribute;
use super::names;
use super::transaction::Message;
use crate::json;
use crate::protocols::Record;
use crate::protocols::text::Hex;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// A message for EVE.
#[derive(Debug)]
pub struct IkeRecord {
    pub(super) message: Message,
    pub(super) from_client: bool,
}

impl Record for IkeRecord {
    fn kind(&self) -> &'static str {
        "ike"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::write(out, self)
    }
}

impl Serialize for IkeRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = &self.message;
        let header = &message.header;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("version_major", &header.major)?;
        map.serialize_entry("version_minor", &header.minor)?;
        map.serialize_entry("init_spi", &Hex(&header.init_spi, ""))?;
        map.serialize_entry("resp_spi", &Hex(&header.resp_spi, ""))?;
        map.serialize_entry("message_id", &header.message_id)?;
        map.serialize_entry("exchange_type", &header.exchange)?;
        if header.major == 1
            && let Some(name) = names::of(names::EXCHANGE_1, header.exchange.into())
        {
            map.serialize_entry("exchange_type_verbose", name)?;
        }
        if let Some(chosen) = message.association.as_ref().filter(|_| !self.from_client) {
            attributes(&mut map, chosen.attributes())?;
        }
        if header.major == 2 {
            let role = if header.is_from_initiator() { "initiator" } else { "responder" };
            map.serialize_entry("role", role)?;
        }
        let names = if header.major == 1 { names::PAYLOAD_1 } else { names::PAYLOAD_2 };
        let payloads: Vec<&str> =
            message.payloads.iter().map(|kind| names::of(names, (*kind).into()).unwrap_or("Unknown")).collect();
        if !payloads.is_empty() {
            map.serialize_entry("payload", &payloads)?;
        }
        if header.major == 1 {
            map.serialize_entry("ikev1", &Version1(self))?;
        } else {
            map.serialize_entry("ikev2", &Version2(message))?;
        }
        map.end()
    }
}

/// Each attribute once, with its name and its number.
fn attributes<M: SerializeMap>(map: &mut M, all: impl Iterator<Item = Attribute>) -> Result<(), M::Error> {
    let mut seen = vec![];
    for attribute in all.filter(|a| a.kind.is_logged()) {
        let key = attribute.kind.name();
        if !seen.contains(&key) {
            seen.push(key);
            map.serialize_entry(key, attribute.value_name())?;
            map.serialize_entry(&format!("{key}_raw"), &attribute.value)?;
        }
    }
    Ok(())
}

struct Version1<'a>(&'a IkeRecord);

impl Serialize for Version1<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = &self.0.message;
        let mut map = serializer.serialize_map(None)?;
        if let Some(doi) = message.association.as_ref().and_then(|a| a.doi) {
            map.serialize_entry("doi", &doi)?;
        }
        map.serialize_entry("encrypted_payloads", &message.header.is_encrypted())?;
        map.serialize_entry(if self.0.from_client { "client" } else { "server" }, &Peer(self.0))?;
        if !message.vendors.is_empty() {
            let vendors: Vec<Hex<'_>> = message.vendors.iter().map(|vendor| Hex(vendor, "")).collect();
            map.serialize_entry("vendor_ids", &vendors)?;
        }
        map.end()
    }
}

struct Peer<'a>(&'a IkeRecord);

impl Serialize for Peer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = &self.0.message;
        let mut map = serializer.serialize_map(None)?;
        for (key, len, bytes) in [
            ("key_exchange_payload", "key_exchange_payload_length", &message.key_exchange),
            ("nonce_payload", "nonce_payload_length", &message.nonce),
        ] {
            if let Some(bytes) = bytes {
                map.serialize_entry(key, &Hex(bytes, ""))?;
                map.serialize_entry(len, &bytes.len())?;
            }
        }
        if let Some(offered) = message.association.as_ref().filter(|a| self.0.from_client && !a.transforms.is_empty()) {
            let proposals: Vec<Transform<'_>> = offered.transforms.iter().map(|all| Transform(all)).collect();
            map.serialize_entry("proposals", &proposals)?;
        }
        map.end()
    }
}

struct Transform<'a>(&'a [Attribute]);

impl Serialize for Transform<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        attributes(&mut map, self.0.iter().copied())?;
        map.end()
    }
}

struct Version2<'a>(&'a Message);

impl Serialize for Version2<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // RFC 7296, 3.10.1: below are errors.
        const STATUS: u16 = 16384;
        let notices = &self.0.notices;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("errors", &notices.iter().filter(|kind| **kind < STATUS).count())?;
        let names: Vec<&str> =
            notices.iter().map(|kind| names::of(names::NOTIFY_2, (*kind).into()).unwrap_or("Unknown")).collect();
        if !names.is_empty() {
            map.serialize_entry("notify", &names)?;
        }
        map.end()
    }
}
