//! Files in transfer: what is known of one, and its EVE record `fileinfo`.
//!
//! Whatever protocol carries a file, a [`FileTracker`] follows it: the parser pushes the bytes as they come, in order, and says
//! where some are missing and where the file ends. What rules look at and what is logged comes from there.

use super::text::Text;
use super::transaction::{Part, Record};
use sekisho_signatures::app::Protocol;
use serde::Serialize;
use std::io;

/// What is wanted of files: by the rules in force and the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilePolicy {
    /// First bytes of each file that are kept for rules to look at.
    pub keep: usize,
}

impl Default for FilePolicy {
    fn default() -> Self {
        Self { keep: 100 * 1024 }
    }
}

/// A file as it comes.
#[derive(Debug)]
pub struct FileTracker {
    name: Box<[u8]>,
    policy: FilePolicy,
    /// Its first bytes.
    kept: Vec<u8>,
    size: u64,
    gaps: bool,
    state: Option<FileState>,
    range: Option<(u64, u64)>,
}

impl FileTracker {
    /// One of this name, empty if it has none, of which no byte came yet.
    #[must_use]
    pub fn new(name: &[u8], policy: FilePolicy) -> Self {
        Self { name: name.into(), policy, kept: Vec::new(), size: 0, gaps: false, state: None, range: None }
    }

    /// What is transferred is only a part of the file: its first and last byte, counted from its start.
    pub fn set_range(&mut self, first: u64, last: u64) {
        self.range = Some((first, last));
    }

    /// The next bytes. Those behind the end are not of it.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.state.is_some() {
            return;
        }
        let room = if self.gaps { 0 } else { self.policy.keep.saturating_sub(self.kept.len()) };
        self.kept.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        self.size = self.size.saturating_add(bytes.len() as u64);
    }

    /// `len` bytes of it are missing here.
    pub fn gap(&mut self, len: u64) {
        if self.state.is_none() && len > 0 {
            self.gaps = true;
            self.size = self.size.saturating_add(len);
        }
    }

    /// It is over: all of it came, or the transfer was cut short. Only the first call counts.
    pub fn close(&mut self, state: FileState) {
        self.state.get_or_insert(state);
    }

    /// Its name; empty if it has none.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Bytes so far, those that are missing counted.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// It is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state.is_some()
    }

    /// What rules look at: its first bytes.
    #[must_use]
    pub fn data(&self) -> Part<'_> {
        Part { data: &self.kept, complete: self.is_over() }
    }

    /// What is logged, once it is over.
    #[must_use]
    pub fn info(&self) -> Option<FileInfo> {
        let state = match self.state? {
            FileState::Closed if self.gaps => FileState::Truncated,
            state => state,
        };
        Some(FileInfo { name: self.name.clone(), state, gaps: self.gaps, size: self.size, range: self.range })
    }
}

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

    #[test]
    fn a_file_is_counted_whole_and_kept_up_to_a_bound() {
        let mut file = FileTracker::new(b"a.exe", FilePolicy { keep: 5 });
        file.push(b"abc");
        file.push(b"defg");
        assert_eq!((file.data(), file.info()), (Part { data: b"abcde", complete: false }, None));
        file.close(FileState::Closed);
        file.push(b"behind");
        file.close(FileState::Truncated);
        let info = file.info().unwrap();
        assert_eq!((info.size, info.state, info.gaps), (7, FileState::Closed, false));
        assert_eq!(file.data(), Part { data: b"abcde", complete: true });
    }

    #[test]
    fn a_file_with_a_gap_is_not_whole() {
        let mut file = FileTracker::new(b"", FilePolicy::default());
        file.push(b"ab");
        file.gap(3);
        file.push(b"fg");
        file.close(FileState::Closed);
        let info = file.info().unwrap();
        assert_eq!((info.size, info.state, info.gaps), (7, FileState::Truncated, true));
        assert_eq!(file.data().data, b"ab");
    }

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
