//! The EVE record.

use super::transaction::{Announced, ReplyLine};
use crate::json;
use crate::protocols::Record;
use crate::protocols::text::Text;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// A transaction as it was when it was logged.
#[derive(Debug)]
pub struct FtpRecord {
    pub(super) command: Option<&'static str>,
    pub(super) argument: Box<[u8]>,
    pub(super) command_truncated: bool,
    pub(super) replies: Vec<ReplyLine>,
    pub(super) reply_truncated: bool,
    pub(super) announced: Option<Announced>,
}

impl Serialize for FtpRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(command) = self.command {
            map.serialize_entry("command", command)?;
            if !self.argument.is_empty() {
                map.serialize_entry("command_data", &Text(&self.argument))?;
            }
            map.serialize_entry("command_truncated", &self.command_truncated)?;
        }
        let codes: Vec<_> = self.replies.iter().filter_map(|r| r.code.as_ref()).map(|code| Text(code)).collect();
        if !codes.is_empty() {
            map.serialize_entry("completion_code", &codes)?;
        }
        let texts: Vec<_> = self.replies.iter().filter(|r| !r.text.is_empty()).map(|r| Text(&r.text)).collect();
        if !texts.is_empty() {
            map.serialize_entry("reply", &texts)?;
        }
        if let Some(announced) = self.announced {
            map.serialize_entry("dynamic_port", &announced.port)?;
            map.serialize_entry("mode", if announced.active { "active" } else { "passive" })?;
        }
        map.serialize_entry("reply_received", if self.replies.is_empty() { "no" } else { "yes" })?;
        map.serialize_entry("reply_truncated", &self.reply_truncated)?;
        map.end()
    }
}

impl Record for FtpRecord {
    fn kind(&self) -> &'static str {
        "ftp"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::write(out, self)
    }
}
