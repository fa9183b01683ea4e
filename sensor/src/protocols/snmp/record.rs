//! EVE's `snmp`, read from the message as it is written, off the packet path.

use super::message::{Message, Pdu};
use crate::json;
use crate::protocols::Record;
use crate::protocols::ber::{Element, tag};
use crate::protocols::text::{Address, Text};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::fmt;

/// Variables that EVE names of a message.
pub const VARIABLE_LIMIT: usize = 256;

/// A message for EVE.
#[derive(Debug)]
pub struct SnmpRecord(pub(super) Vec<u8>);

impl Record for SnmpRecord {
    fn kind(&self) -> &'static str {
        "snmp"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::write(out, self)
    }
}

impl Serialize for SnmpRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = Message::read(&self.0).unwrap_or_default();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("version", &message.version)?;
        if message.encrypted {
            map.serialize_entry("pdu_type", "encrypted")?;
        }
        if let Some(pdu) = message.pdu {
            about(&mut map, &pdu)?;
        }
        if let Some(community) = message.community {
            map.serialize_entry("community", &Text(community))?;
        }
        if let Some(usm) = message.usm {
            map.serialize_entry("usm", &Text(usm))?;
        }
        map.end()
    }
}

fn about<M: SerializeMap>(map: &mut M, pdu: &Pdu<'_>) -> Result<(), M::Error> {
    map.serialize_entry("pdu_type", pdu.kind.name())?;
    if let Some(trap) = pdu.trap {
        map.serialize_entry("trap_type", trap.name())?;
        map.serialize_entry("trap_oid", &Oid(trap.enterprise))?;
        if trap.address.len() == 4 {
            map.serialize_entry("trap_address", &Address(trap.address))?;
        }
    }
    let names = pdu.variables.inside().filter_map(|variable| variable.inside().expect(tag::OID));
    let names: Vec<Oid<'_>> = names.take(VARIABLE_LIMIT).map(|Element { content, .. }| Oid(content)).collect();
    if names.is_empty() { Ok(()) } else { map.serialize_entry("vars", &names) }
}

/// An object identifier in dotted decimal (ITU-T X.690, 8.19).
struct Oid<'a>(&'a [u8]);

impl fmt::Display for Oid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut arc, mut is_first) = (0_u128, true);
        for byte in self.0 {
            arc = arc.wrapping_shl(7) | u128::from(byte & 0x7f);
            if byte & 0x80 != 0 {
                continue;
            }
            if std::mem::take(&mut is_first) {
                // The first two arcs share a number.
                let root = (arc / 40).min(2);
                write!(f, "{root}.{}", arc - root * 40)?;
            } else {
                write!(f, ".{arc}")?;
            }
            arc = 0;
        }
        Ok(())
    }
}

impl Serialize for Oid<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
