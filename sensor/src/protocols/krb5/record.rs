//! EVE's `krb5`.

use super::encryption::Encryption;
use super::message::{Message, MessageType, Name};
use crate::json;
use crate::protocols::Record;
use crate::protocols::text::Text;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// A message for EVE.
#[derive(Debug)]
pub struct Krb5Record {
    pub(super) message: Message,
    pub(super) request: Option<MessageType>,
}

impl Record for Krb5Record {
    fn kind(&self) -> &'static str {
        "krb5"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::write(out, self)
    }
}

/// The parts of a name with slashes between them.
fn joined(name: Option<&Name>) -> Vec<u8> {
    name.map_or_else(|| b"<empty>".to_vec(), |name| name.0.join(&b'/'))
}

impl Serialize for Krb5Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = &self.message;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("msg_type", &format_args!("{}", message.kind))?;
        if let Some(code) = message.error {
            match self.request {
                Some(kind) => map.serialize_entry("failed_request", &format_args!("{kind}"))?,
                None => map.serialize_entry("failed_request", "UNKNOWN")?,
            }
            map.serialize_entry("error_code", &format_args!("{code}"))?;
        }
        map.serialize_entry("cname", &Text(&joined(message.client.as_ref())))?;
        map.serialize_entry("realm", &Text(message.realm.as_deref().unwrap_or(b"<empty>")))?;
        map.serialize_entry("sname", &Text(&joined(message.server.as_ref())))?;
        match message.encryption {
            Some(encryption) => map.serialize_entry("encryption", &format_args!("{encryption}"))?,
            None => map.serialize_entry("encryption", "<none>")?,
        }
        map.serialize_entry("weak_encryption", &message.encryption.is_some_and(Encryption::is_weak))?;
        if let Some(ticket) = message.ticket {
            map.serialize_entry("ticket_encryption", &format_args!("{ticket}"))?;
            map.serialize_entry("ticket_weak_encryption", &ticket.is_weak())?;
        }
        map.end()
    }
}
