//! EVE's `ssh`.

use super::hassh::Hassh;
use super::transaction::Peer;
use crate::json;
use crate::protocols::Record;
use crate::protocols::text::Text;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// A handshake for EVE.
#[derive(Debug)]
pub struct SshRecord {
    pub(super) client: Peer,
    pub(super) server: Peer,
}

impl Record for SshRecord {
    fn kind(&self) -> &'static str {
        "ssh"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::write(out, self)
    }
}

impl Serialize for SshRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, peer) in [("client", &self.client), ("server", &self.server)] {
            if !peer.proto.is_empty() {
                map.serialize_entry(key, &Side(peer))?;
            }
        }
        map.end()
    }
}

struct Side<'a>(&'a Peer);

impl Serialize for Side<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("proto_version", &Text(&self.0.proto))?;
        if !self.0.software.is_empty() {
            map.serialize_entry("software_version", &Text(&self.0.software))?;
        }
        if let Some(hassh) = &self.0.hassh {
            map.serialize_entry("hassh", &Fingerprint(hassh))?;
        }
        map.end()
    }
}

struct Fingerprint<'a>(&'a Hassh);

impl Serialize for Fingerprint<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("hash", &Text(&self.0.hash))?;
        map.serialize_entry("string", &Text(&self.0.string))?;
        map.end()
    }
}
