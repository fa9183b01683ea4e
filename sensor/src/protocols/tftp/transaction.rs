//! A request, or a transfer, and its EVE record.

use super::request::TftpNote;
use crate::json;
use crate::packet::Direction;
use crate::protocols::file::FileTracker;
use crate::protocols::text::Text;
use crate::protocols::{Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::{Buffer, Progress};
use serde::Serialize;

/// A transaction.
#[derive(Debug)]
pub struct TftpTransaction {
    state: TransactionState,
    pub(super) note: TftpNote,
    /// Of a transfer.
    pub(super) file: Option<FileTracker>,
    /// The way the request, or the data, goes.
    pub(super) direction: Direction,
    pub(super) told: Progress,
}

impl TftpTransaction {
    pub(super) fn new(id: u64, note: TftpNote, direction: Direction, file: Option<FileTracker>) -> Self {
        Self { state: TransactionState::new(id), note, file, direction, told: Progress::Start }
    }
}

impl Transaction for TftpTransaction {
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
        if direction != self.direction || index > 0 {
            return None;
        }
        match (buffer, &self.file) {
            (Buffer::TftpFile, None) => Some(Part::whole(&self.note.file)),
            (Buffer::TftpMode, None) => Some(Part::whole(&self.note.mode)),
            (Buffer::FileData, Some(file)) => Some(file.data()),
            (Buffer::FileName, Some(file)) => Some(Part::whole(file.name())),
            _ => None,
        }
    }

    fn number(&self, buffer: Buffer, direction: Direction, index: usize) -> Option<u64> {
        if direction != self.direction || index > 0 {
            return None;
        }
        match (buffer, &self.file) {
            (Buffer::TftpOpcode, None) => Some(if self.note.write { 2 } else { 1 }),
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
        Some(Box::new(TftpRecord { note: self.note.clone() }))
    }
}

/// The EVE record.
#[derive(Debug)]
pub struct TftpRecord {
    note: TftpNote,
}

#[derive(Serialize)]
struct Body<'a> {
    packet: &'static str,
    file: Text<'a>,
    mode: Text<'a>,
}

impl Record for TftpRecord {
    fn kind(&self) -> &'static str {
        "tftp"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let note = &self.note;
        let packet = if note.write { "write" } else { "read" };
        json::write(out, &Body { packet, file: Text(&note.file), mode: Text(&note.mode) })
    }
}
