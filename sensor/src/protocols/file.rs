//! Files in transfer: what is known of one, and its EVE record `fileinfo`.

use super::text::Text;
use super::transaction::Record;
use sekisho_signatures::app::Protocol;
use serde::Serialize;
use std::io;

/// How a file ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum FileState {
    /// All of it was seen.
    Closed,
    /// Some of it was not.
    Truncated,
}

/// A file that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// Its name, as it came; empty if it has none.
    pub name: Box<[u8]>,
    /// How it ended.
    pub state: FileState,
    /// Bytes are missing in it.
    pub gaps: bool,
    /// Bytes, those that are missing counted.
    pub size: u64,
    /// First and last byte of a part of a file, counted from its start.
    pub range: Option<(u64, u64)>,
}

/// The record: the file, and beside it the record of the transaction that carried it.
#[derive(Debug)]
pub struct FileRecord {
    file: FileInfo,
    tx_id: u64,
    protocol: Protocol,
    carrier: Option<Box<dyn Record>>,
}

/// `fileinfo`, in Suricata's order.
#[derive(Serialize)]
struct Body<'a> {
    filename: Text<'a>,
    gaps: bool,
    state: FileState,
    stored: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<u64>,
    size: u64,
    tx_id: u64,
}

impl FileRecord {
    /// Of a file that transaction `tx_id` of a flow carried; `carrier` is what EVE says of that transaction.
    #[must_use]
    pub fn new(file: FileInfo, tx_id: u64, protocol: Protocol, carrier: Option<Box<dyn Record>>) -> Self {
        Self { file, tx_id, protocol, carrier }
    }
}

impl Record for FileRecord {
    fn kind(&self) -> &'static str {
        "fileinfo"
    }

    fn write(&self, out: &mut dyn io::Write) -> serde_json::Result<()> {
        let file = &self.file;
        let body = Body {
            filename: Text(&file.name),
            gaps: file.gaps,
            state: file.state,
            stored: false,
            start: file.range.map(|r| r.0),
            end: file.range.map(|r| r.1),
            size: file.size,
            tx_id: self.tx_id,
        };
        serde_json::to_writer(out, &body)
    }

    fn write_beside(&self, out: &mut dyn io::Write) -> serde_json::Result<()> {
        write!(out, ",\"app_proto\":\"{}\"", self.protocol.name()).map_err(serde_json::Error::io)?;
        match &self.carrier {
            Some(carrier) => {
                write!(out, ",\"{}\":", carrier.kind()).map_err(serde_json::Error::io)?;
                carrier.write(out)
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_names_the_file_and_what_carried_it() {
        let file = FileInfo {
            name: Box::from(&b"a\xff.txt"[..]),
            state: FileState::Truncated,
            gaps: true,
            size: 7,
            range: Some((5, 11)),
        };
        let record = FileRecord::new(file, 3, Protocol::Http1, None);
        let mut out = Vec::new();
        record.write(&mut out).unwrap();
        record.write_beside(&mut out).unwrap();
        let expected = concat!(
            r#"{"filename":"a\\xff.txt","gaps":true,"state":"TRUNCATED","stored":false,"start":5,"end":11,"size":7,"tx_id":3}"#,
            r#","app_proto":"http""#
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
