//! A transfer, and its EVE record.

use super::FtpDataNote;
use crate::json;
use crate::packet::Direction;
use crate::protocols::file::FileTracker;
use crate::protocols::text::Text;
use crate::protocols::{Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::Buffer;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// A transfer.
#[derive(Debug)]
pub struct FtpDataTransaction {
    state: TransactionState,
    pub(super) note: Option<FtpDataNote>,
    pub(super) file: Option<FileTracker>,
    /// The way the data goes.
    pub(super) direction: Direction,
}

impl Default for FtpDataTransaction {
    fn default() -> Self {
        Self { state: TransactionState::default(), note: None, file: None, direction: Direction::ToClient }
    }
}

impl Transaction for FtpDataTransaction {
    fn state(&mut self) -> &mut TransactionState {
        &mut self.state
    }

    fn state_ref(&self) -> &TransactionState {
        &self.state
    }

    fn bytes<'a>(
        &'a self,
        buffer: Buffer,
        direction: Direction,
        index: usize,
        _scratch: &'a mut Vec<u8>,
    ) -> Option<Part<'a>> {
        let file = self.file.as_ref().filter(|_| direction == self.direction && index == 0)?;
        match buffer {
            Buffer::FileData => Some(file.data()),
            Buffer::FileName => Some(Part::whole(file.name())),
            _ => None,
        }
    }

    fn number(&self, buffer: Buffer, _direction: Direction, index: usize) -> Option<u64> {
        if index > 0 {
            return None;
        }
        match buffer {
            Buffer::FtpdataCommand => match self.note.as_ref()?.command {
                "RETR" => Some(1),
                "STOR" => Some(2),
                _ => None,
            },
            _ => None,
        }
    }

    fn tracker(&self, direction: Direction, index: usize) -> Option<&FileTracker> {
        self.file.as_ref().filter(|_| direction == self.direction && index == 0)
    }

    fn tracker_mut(&mut self, direction: Direction, index: usize) -> Option<&mut FileTracker> {
        self.file.as_mut().filter(|_| direction == self.direction && index == 0)
    }

    fn record(&self, _direction: Direction, _alert: bool) -> Option<Box<dyn Record>> {
        Some(Box::new(FtpDataRecord { note: self.note.clone() }))
    }
}

/// The EVE record.
#[derive(Debug)]
pub struct FtpDataRecord {
    note: Option<FtpDataNote>,
}

impl Serialize for FtpDataRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(note) = &self.note {
            if !note.file.is_empty() {
                map.serialize_entry("filename", &Text(&note.file))?;
            }
            map.serialize_entry("command", note.command)?;
        }
        map.end()
    }
}

impl Record for FtpDataRecord {
    fn kind(&self) -> &'static str {
        "ftp_data"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        json::write(out, self)
    }
}
