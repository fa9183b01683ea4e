//! What leads to one mail, and the mail.

use super::record::SmtpRecord;
use crate::packet::Direction;
use crate::protocols::file::FileTracker;
use crate::protocols::mime::{EmailRecord, Mail};
use crate::protocols::{Part, Record, Transaction, TransactionState};
use sekisho_signatures::buffers::{Buffer, Progress};

/// Recipients that are kept.
pub const MAX_RECIPIENTS: usize = 1024;

/// A transaction.
#[derive(Debug)]
pub struct SmtpTransaction {
    state: TransactionState,
    pub(super) helo: Option<Box<[u8]>>,
    pub(super) mail_from: Option<Box<[u8]>>,
    pub(super) rcpt_to: Vec<Box<[u8]>>,
    pub(super) mail: Option<Box<Mail>>,
    /// How far its client's side was told.
    pub(super) told: Progress,
    /// Nothing but the start of TLS was asked for.
    pub(super) only_tls: bool,
}

impl SmtpTransaction {
    pub(super) fn new(id: u64, helo: Option<Box<[u8]>>) -> Self {
        Self {
            state: TransactionState::new(id),
            helo,
            mail_from: None,
            rcpt_to: Vec::new(),
            mail: None,
            told: Progress::Start,
            only_tls: true,
        }
    }

    fn files(&self) -> &[FileTracker] {
        self.mail.as_ref().map_or(&[], |mail| mail.files())
    }
}

impl Transaction for SmtpTransaction {
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
        if direction != Direction::ToServer {
            return None;
        }
        let once = |value: Option<&'a [u8]>| value.filter(|_| index == 0);
        let whole = match buffer {
            Buffer::SmtpHelo => once(self.helo.as_deref()),
            Buffer::SmtpMailFrom => once(self.mail_from.as_deref()),
            Buffer::SmtpRcptTo => self.rcpt_to.get(index).map(|r| &**r),
            _ => return self.mail.as_ref()?.buffer(buffer, index),
        };
        whole.map(Part::whole)
    }

    fn number(&self, _: Buffer, _: Direction, _: usize) -> Option<u64> {
        None
    }

    fn tracker(&self, direction: Direction, index: usize) -> Option<&FileTracker> {
        self.files().get(index).filter(|_| direction == Direction::ToServer)
    }

    fn tracker_mut(&mut self, direction: Direction, index: usize) -> Option<&mut FileTracker> {
        self.mail.as_mut()?.files_mut().get_mut(index).filter(|_| direction == Direction::ToServer)
    }

    fn record(&self, _direction: Direction, _alert: bool) -> Option<Box<dyn Record>> {
        Some(Box::new(SmtpRecord {
            helo: self.helo.clone(),
            mail_from: self.mail_from.clone(),
            rcpt_to: self.rcpt_to.clone(),
            email: self.mail.as_ref().map(|mail| EmailRecord::of(mail)),
        }))
    }
}
