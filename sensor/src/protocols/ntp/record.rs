//! EVE's `ntp`.

use super::transaction::Message;
use crate::json;
use crate::protocols::Record;
use crate::protocols::text::Hex;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// A message for EVE.
#[derive(Debug)]
pub struct NtpRecord(pub(super) Message);

impl Record for NtpRecord {
    fn kind(&self) -> &'static str {
        "ntp"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::write(out, self)
    }
}

impl Serialize for NtpRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("version", &self.0.version)?;
        map.serialize_entry("mode", &self.0.mode)?;
        map.serialize_entry("stratum", &self.0.stratum)?;
        map.serialize_entry("reference_id", &Hex(&self.0.reference, ":"))?;
        map.end()
    }
}
