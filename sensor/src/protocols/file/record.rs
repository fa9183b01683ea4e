//! The EVE record `fileinfo`.

use super::{FileInfo, FileState};
use crate::json;
use crate::protocols::text::{Hex, Text};
use crate::protocols::transaction::Record;
use sekisho_signatures::app::Protocol;
use serde::{Serialize, Serializer};
use std::sync::Arc;

/// The record: the file, and beside it the record of the transaction that carried it.
#[derive(Debug)]
pub struct FileRecord {
    file: FileInfo,
    tx_id: u64,
    protocol: Protocol,
    carrier: Option<Arc<dyn Record>>,
}

/// `fileinfo`, in Suricata's order.
#[derive(Serialize)]
struct Body<'a> {
    filename: Text<'a>,
    #[serde(skip_serializing_if = "<[u32]>::is_empty")]
    sid: &'a [u32],
    #[serde(skip_serializing_if = "Option::is_none")]
    magic: Option<&'a str>,
    gaps: bool,
    state: FileState,
    #[serde(skip_serializing_if = "Option::is_none")]
    md5: Option<Hex<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha1: Option<Hex<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<Hex<'a>>,
    stored: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<u64>,
    size: u64,
    tx_id: u64,
}

impl<'a> Body<'a> {
    fn of(file: &'a FileInfo, tx_id: u64) -> Self {
        Self {
            filename: Text(&file.name),
            sid: &file.sids,
            magic: file.magic.as_deref(),
            gaps: file.gaps,
            state: file.state,
            md5: hex(&file.digests.md5),
            sha1: hex(&file.digests.sha1),
            sha256: hex(&file.digests.sha256),
            stored: file.stored.is_some(),
            file_id: file.stored,
            start: file.range.map(|r| r.0),
            end: file.range.map(|r| r.1),
            size: file.size,
            tx_id,
        }
    }
}

/// A file as an alert names it, in `files`, with the number of the transaction that carries it.
#[derive(Clone, Copy, Debug)]
pub struct FileEntry<'a>(pub &'a FileInfo, pub u64);

impl Serialize for FileEntry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Body::of(self.0, self.1).serialize(serializer)
    }
}

impl FileRecord {
    /// Of a file that transaction `tx_id` of a flow carried; `carrier` is what EVE says of that transaction.
    #[must_use]
    pub fn new(file: FileInfo, tx_id: u64, protocol: Protocol, carrier: Option<Arc<dyn Record>>) -> Self {
        Self { file, tx_id, protocol, carrier }
    }
}

fn hex(digest: &Option<impl AsRef<[u8]>>) -> Option<Hex<'_>> {
    digest.as_ref().map(|d| Hex(d.as_ref(), ""))
}

impl Record for FileRecord {
    fn kind(&self) -> &'static str {
        "fileinfo"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::write(out, &Body::of(&self.file, self.tx_id))
    }

    fn write_beside(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::key(out, "app_proto");
        json::string(out, self.protocol.name());
        match &self.carrier {
            Some(carrier) => {
                json::key(out, carrier.kind());
                carrier.write(out)?;
                carrier.write_beside(out)
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::file::Digests;

    fn written(file: FileInfo) -> String {
        let record = FileRecord::new(file, 3, Protocol::Http1, None);
        let mut out = Vec::new();
        record.write(&mut out).unwrap();
        record.write_beside(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_record_names_the_file_and_what_carried_it() {
        let file = FileInfo {
            name: Box::from(&b"a\xff.txt"[..]),
            state: FileState::Truncated,
            gaps: true,
            size: 7,
            range: Some((5, 11)),
            digests: Digests::default(),
            magic: None,
            stored: None,
            sids: vec![],
        };
        let expected = concat!(
            r#"{"filename":"a\\xff.txt","gaps":true,"state":"TRUNCATED","stored":false,"start":5,"end":11,"size":7,"tx_id":3}"#,
            r#","app_proto":"http""#
        );
        assert_eq!(written(file.clone()), expected);
        let stored = FileInfo {
            gaps: false,
            state: FileState::Closed,
            range: None,
            digests: Digests { md5: Some([0xa5; 16]), sha1: None, sha256: None },
            magic: Some("ASCII text".into()),
            stored: Some(4),
            sids: vec![1, 2],
            ..file
        };
        let expected = concat!(
            r#"{"filename":"a\\xff.txt","sid":[1,2],"magic":"ASCII text","gaps":false,"state":"CLOSED","#,
            r#""md5":"a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5","stored":true,"file_id":4,"size":7,"tx_id":3},"app_proto":"http""#
        );
        assert_eq!(written(stored), expected);
    }
}
