//! A command and its response.

use super::command::Command;
use super::record::Pop3Record;
use crate::packet::Direction;
use crate::protocols::file::FileTracker;
use crate::protocols::mime::{EmailRecord, Mail};
use crate::protocols::{Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::{Buffer, Progress};

/// Lines of a response that are kept.
pub const MAX_LINES: usize = 1024;
/// Bytes of these.
pub const MAX_LINE_BYTES: usize = 64 * 1024;

/// A response.
#[derive(Clone, Debug)]
pub(super) struct Response {
    pub(super) positive: bool,
    /// What stands behind the status.
    pub(super) header: Box<[u8]>,
    /// What follows, unless it is a mail.
    pub(super) data: Vec<u8>,
}

/// A transaction.
#[derive(Debug)]
pub struct Pop3Transaction {
    state: TransactionState,
    pub(super) command: Command,
    pub(super) response: Option<Response>,
    pub(super) mail: Option<Box<Mail>>,
    /// How far each direction was told.
    pub(super) told: [Progress; 2],
}

impl Pop3Transaction {
    pub(super) fn new(id: u64, command: Command) -> Self {
        Self { state: TransactionState::new(id), command, response: None, mail: None, told: [Progress::Start; 2] }
    }

    fn files(&self) -> &[FileTracker] {
        self.mail.as_ref().map_or(&[], |mail| mail.files())
    }
}

impl Transaction for Pop3Transaction {
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
        self.mail.as_ref().filter(|_| direction == Direction::ToClient)?.buffer(buffer, index)
    }

    fn number(&self, _buffer: Buffer, _direction: Direction, _index: usize) -> Option<u64> {
        None
    }

    fn tracker(&self, direction: Direction, index: usize) -> Option<&FileTracker> {
        self.files().get(index).filter(|_| direction == Direction::ToClient)
    }

    fn tracker_mut(&mut self, direction: Direction, index: usize) -> Option<&mut FileTracker> {
        self.mail.as_mut()?.files_mut().get_mut(index).filter(|_| direction == Direction::ToClient)
    }

    fn record(&self, _direction: Direction, _alert: bool) -> Option<Box<dyn Record>> {
        Some(Box::new(Pop3Record {
            command: self.command.clone(),
            response: self.response.clone(),
            email: self.mail.as_ref().map(|mail| EmailRecord::of(mail)),
        }))
    }
}
