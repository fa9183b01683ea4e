//! EVE's `dhcp`, in the extended form.

use super::message::{Message, code, parameter};
use crate::json;
use crate::protocols::Record;
use crate::protocols::text::{Address, Hex, Text};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// A message for EVE.
#[derive(Debug)]
pub struct DhcpRecord(pub(super) Vec<u8>);

impl Record for DhcpRecord {
    fn kind(&self) -> &'static str {
        "dhcp"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::write(out, self)
    }
}

impl Serialize for DhcpRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let Some(message) = Message::read(&self.0) else { return map.end() };
        map.serialize_entry("type", if message.is_reply { "reply" } else { "request" })?;
        map.serialize_entry("id", &message.id)?;
        map.serialize_entry("client_mac", &Hex(message.hardware, ":"))?;
        let [client, assigned, next, relay] = &message.addresses;
        map.serialize_entry("assigned_ip", &Address(assigned))?;
        map.serialize_entry("client_ip", &Address(client))?;
        if message.is_reply {
            map.serialize_entry("relay_ip", &Address(relay))?;
            map.serialize_entry("next_server_ip", &Address(next))?;
        }
        if let Some(kind) = message.kind() {
            map.serialize_entry("dhcp_type", kind)?;
        }
        options(&mut map, &options_of(&message))?;
        map.end()
    }
}

/// The options that are told, by code: the first of each.
type Told<'a> = [Option<&'a [u8]>; code::CLIENT_ID as usize + 1];

fn options_of<'a>(message: &Message<'a>) -> Told<'a> {
    let mut told: Told<'_> = [None; code::CLIENT_ID as usize + 1];
    message.options(|(code, data)| {
        if let Some(place @ None) = told.get_mut(usize::from(code)) {
            *place = Some(data);
        }
    });
    told
}

fn options<M: SerializeMap>(map: &mut M, told: &Told<'_>) -> Result<(), M::Error> {
    let option = |code: u8| told.get(usize::from(code)).copied().flatten();
    // The first byte says of what kind it is (RFC 2132, 9.14).
    if let Some([_, id @ ..]) = option(code::CLIENT_ID) {
        map.serialize_entry("client_id", &Hex(id, ":"))?;
    }
    for (code, key) in [(code::HOSTNAME, "hostname"), (code::VENDOR_CLASS, "vendor_class_identifier")] {
        if let Some(text) = option(code) {
            map.serialize_entry(key, &Text(text))?;
        }
    }
    for (code, key) in [(code::REQUESTED_IP, "requested_ip"), (code::SUBNET_MASK, "subnet_mask")] {
        if let Some(address) = option(code).filter(|a| a.len() == 4) {
            map.serialize_entry(key, &Address(address))?;
        }
    }
    for (code, key) in [
        (code::LEASE_TIME, "lease_time"),
        (code::REBINDING_TIME, "rebinding_time"),
        (code::RENEWAL_TIME, "renewal_time"),
    ] {
        if let Some(seconds) = option(code).and_then(|data| data.try_into().ok()) {
            map.serialize_entry(key, &u32::from_be_bytes(seconds))?;
        }
    }
    for (code, key) in [(code::ROUTER, "routers"), (code::DNS_SERVER, "dns_servers")] {
        if let Some(list) = option(code).filter(|list| list.len() >= 4) {
            let addresses: Vec<Address<'_>> = list.chunks_exact(4).map(Address).collect();
            map.serialize_entry(key, &addresses)?;
        }
    }
    let asked = option(code::PARAMETERS).unwrap_or_default();
    let names: Vec<&str> = asked.iter().filter_map(|code| parameter(*code)).collect();
    if names.is_empty() { Ok(()) } else { map.serialize_entry("params", &names) }
}
