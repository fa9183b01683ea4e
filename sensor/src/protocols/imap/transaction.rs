//! A mail that is shown or stored.

use crate::packet::Direction;
use crate::protocols::file::FileTracker;
use crate::protocols::mime::{EmailRecord, Mail};
use crate::protocols::{Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::{Buffer, Progress};

/// A transaction.
#[derive(Debug)]
pub struct ImapTransaction {
    state: TransactionState,
    pub(super) direction: Direction,
    pub(super) mail: Mail,
    /// How far the mail's direction was told.
    pub(super) told: Progress,
    /// Bytes of the message so far, those that are missing counted.
    pub(super) received: u64,
}

impl ImapTransaction {
    pub(super) fn new(id: u64, direction: Direction, mail: Mail) -> Self {
        Self { state: TransactionState::new(id), direction, mail, told: Progress::Start, received: 0 }
    }
}

impl Transaction for ImapTransaction {
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
        if direction == self.direction { self.mail.buffer(buffer, index) } else { None }
    }

    fn number(&self, _buffer: Buffer, _direction: Direction, _index: usize) -> Option<u64> {
        None
    }

    fn tracker(&self, direction: Direction, index: usize) -> Option<&FileTracker> {
        self.mail.files().get(index).filter(|_| direction == self.direction)
    }

    fn tracker_mut(&mut self, direction: Direction, index: usize) -> Option<&mut FileTracker> {
        self.mail.files_mut().get_mut(index).filter(|_| direction == self.direction)
    }

    fn record(&self, _direction: Direction, _alert: bool) -> Option<Box<dyn Record>> {
        Some(Box::new(MailRecord(EmailRecord::of(&self.mail))))
    }
}

/// A mail where EVE has nothing to say of what carried it.
#[derive(Debug)]
pub struct MailRecord(EmailRecord);

impl Record for MailRecord {
    fn kind(&self) -> &'static str {
        "email"
    }

    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        self.0.write(out)
    }
}
