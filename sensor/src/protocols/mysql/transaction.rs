//! A login, or a command with its answer, as rules see it.

use super::message::{Command, write_row};
use super::record::MysqlRecord;
use crate::packet::Direction;
use crate::protocols::{Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::Buffer;

/// Rows of a transaction that rules look at.
pub const ROWS_LIMIT: usize = 256;

/// Bytes of all of these.
pub const ROWS_BYTES_LIMIT: usize = 32 * 1024;

/// Bytes that are kept of a name or of an error's text.
pub const TEXT_LIMIT: usize = 1024;

/// The part of a text that is kept.
pub(super) fn kept(text: &[u8]) -> Vec<u8> {
    text.get(..TEXT_LIMIT).unwrap_or(text).to_vec()
}

/// Who logs in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// The server's version.
    pub version: Vec<u8>,
    /// TLS follows.
    pub is_tls: bool,
    /// The user.
    pub user: Option<Vec<u8>>,
    /// The database.
    pub database: Option<Vec<u8>>,
    /// The way of authentication.
    pub plugin: Option<Vec<u8>>,
}

/// What the server said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// It is well.
    pub is_ok: bool,
    /// Rows that changed.
    pub affected: Option<u64>,
    /// Columns of the last result.
    pub columns: u64,
    /// Rows of all results.
    pub rows: u64,
    /// The file that the client is to send, and how many bytes it sent.
    pub file: Option<(Vec<u8>, u64)>,
    /// An error: its number, its state and its text.
    pub error: Option<(u16, Vec<u8>, Vec<u8>)>,
}

/// A transaction.
#[derive(Debug, Default)]
pub struct MysqlTransaction {
    state: TransactionState,
    /// A login, if it is one.
    pub(super) session: Option<Session>,
    /// A command, if it is one.
    pub(super) command: Option<Command>,
    /// What follows the command, if that is text.
    pub(super) text: Vec<u8>,
    /// The client has said it.
    pub(super) is_said: bool,
    pub(super) answer: Answer,
    rows: Vec<u8>,
    ends: Vec<usize>,
}

impl MysqlTransaction {
    pub(super) fn new(number: u64) -> Self {
        Self { state: TransactionState::new(number), ..Self::default() }
    }

    /// Bytes that are kept.
    pub(super) fn kept(&self) -> usize {
        self.text.len() + self.rows.len()
    }

    /// Takes a row; `is_text`: its values are texts.
    pub(super) fn add_row(&mut self, payload: &[u8], is_text: bool) {
        self.answer.rows = self.answer.rows.saturating_add(1);
        if is_text && self.ends.len() < ROWS_LIMIT && self.rows.len() < ROWS_BYTES_LIMIT {
            write_row(payload, self.answer.columns, &mut self.rows);
            self.rows.truncate(ROWS_BYTES_LIMIT);
            self.ends.push(self.rows.len());
        }
    }

    fn row(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.rows.get(start..end)
    }
}

impl Transaction for MysqlTransaction {
    fn state(&mut self) -> &mut TransactionState {
        &mut self.state
    }

    fn state_ref(&self) -> &TransactionState {
        &self.state
    }

    fn bytes<'a>(
        &'a self,
        buffer: Buffer,
        _direction: Direction,
        index: usize,
        _scratch: &'a mut Vec<u8>,
    ) -> Option<Part<'a>> {
        let has_text = self.command.is_some_and(Command::has_text);
        match buffer {
            Buffer::MysqlCommand if index == 0 && has_text => Some(Part::whole(&self.text)),
            Buffer::MysqlRows => self.row(index).map(Part::whole),
            _ => None,
        }
    }

    fn number(&self, _buffer: Buffer, _direction: Direction, _index: usize) -> Option<u64> {
        None
    }

    fn record(&self, _direction: Direction, alert: bool) -> Option<Box<dyn Record>> {
        // The schema of alerts has no place for it.
        if alert {
            return None;
        }
        Some(Box::new(MysqlRecord {
            session: self.session.clone(),
            command: self.command,
            text: self.text.clone(),
            answer: self.answer.clone(),
        }))
    }
}
