//! The EVE record.

use crate::json;
use crate::protocols::Record;
use crate::protocols::mime::EmailRecord;
use crate::protocols::text::Text;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// A transaction as it was when it was logged.
#[derive(Debug)]
pub struct SmtpRecord {
    pub(super) helo: Option<Box<[u8]>>,
    pub(super) mail_from: Option<Box<[u8]>>,
    pub(super) rcpt_to: Vec<Box<[u8]>>,
    pub(super) email: Option<EmailRecord>,
}

impl Serialize for SmtpRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(helo) = &self.helo {
            map.serialize_entry("helo", &Text(helo))?;
        }
        if let Some(from) = &self.mail_from {
            map.serialize_entry("mail_from", &Text(from))?;
        }
        if !self.rcpt_to.is_empty() {
            let list: Vec<_> = self.rcpt_to.iter().map(|r| Text(r)).collect();
            map.serialize_entry("rcpt_to", &list)?;
        }
        map.end()
    }
}

impl Record for SmtpRecord {
    fn kind(&self) -> &'static str {
        "smtp"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::write(out, self)
    }

    fn write_beside(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        match &self.email {
            Some(email) => email.write_beside(out),
            None => Ok(()),
        }
    }
}
