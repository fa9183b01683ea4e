//! A call and its reply, or what is read of a file or written to it.

use super::record::NfsRecord;
use super::rpc::Heading;
use crate::packet::Direction;
use crate::protocols::file::FileTracker;
use crate::protocols::pieces::Pieces;
use crate::protocols::{Observer, Part, Record, Transaction, TransactionState};
use arrayvec::ArrayVec;
use sekisho_signatures::buffers::{Buffer, Progress};

/// By which client and server name a file: up to 128 bytes (RFC 7530, 3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handle(ArrayVec<u8, 128>);

impl Handle {
    /// Of these bytes, if they are not too many.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        ArrayVec::try_from(bytes).ok().map(Self)
    }

    /// The CRC-32 by which EVE names it.
    #[must_use]
    pub fn hash(&self) -> u32 {
        let mut crc = flate2::Crc::new();
        crc.update(&self.0);
        crc.sum()
    }
}

/// A file in transfer.
#[derive(Debug)]
pub struct Transfer {
    /// Read, not written.
    pub read: bool,
    /// Its bytes.
    pub pieces: Pieces,
    /// Its first bytes were seen.
    pub first: bool,
    /// So were its last.
    pub last: bool,
    /// The call that brought the latest.
    pub last_xid: u32,
    /// How many calls brought bytes.
    pub chunks: u32,
}

impl Transfer {
    pub(super) fn new(read: bool, pieces: Pieces) -> Self {
        Self { read, pieces, first: false, last: false, last_xid: 0, chunks: 0 }
    }
}

/// What a transaction is about.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Details {
    Other,
    Rename { from: Vec<u8>, to: Vec<u8> },
    File(Box<Transfer>),
}

/// A transaction.
#[derive(Debug)]
pub struct NfsTransaction {
    state: TransactionState,
    /// The call that began it; in version 4 with the number of its main operation.
    pub call: Heading,
    /// The file's name, or that which was asked about.
    pub name: Vec<u8>,
    /// The file.
    pub handle: Option<Handle>,
    /// Whether the call was taken, and what came of it.
    pub reply: Option<(bool, Option<u32>)>,
    /// Which way its calls go.
    pub direction: Direction,
    /// What it is about.
    pub details: Details,
    /// Told as complete, by direction.
    completed: [bool; 2],
}

impl NfsTransaction {
    pub(super) fn new(id: u64, call: &Heading, direction: Direction, details: Details) -> Self {
        Self {
            state: TransactionState::new(id),
            call: call.clone(),
            name: Vec::new(),
            handle: None,
            reply: None,
            direction,
            details,
            completed: [false; 2],
        }
    }

    /// Tells that no more comes in one direction, once.
    pub(super) fn complete(&mut self, direction: Direction, observer: &mut dyn Observer) {
        if !std::mem::replace(&mut self.completed[direction.index()], true) {
            observer.progress(self, direction, Progress::Complete);
        }
    }

    /// The file that it transfers.
    #[must_use]
    pub fn transfer(&self) -> Option<&Transfer> {
        match &self.details {
            Details::File(transfer) => Some(transfer),
            _ => None,
        }
    }

    pub(super) fn transfer_mut(&mut self) -> Option<&mut Transfer> {
        match &mut self.details {
            Details::File(transfer) => Some(transfer),
            _ => None,
        }
    }

    fn file_towards(&self, direction: Direction, index: usize) -> Option<&Transfer> {
        let transfer = self.transfer().filter(|_| index == 0)?;
        let towards = if transfer.read { self.direction.reverse() } else { self.direction };
        (towards == direction).then_some(transfer)
    }
}

impl Transaction for NfsTransaction {
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
        match buffer {
            Buffer::FileData => self.file_towards(direction, index).map(|f| f.pieces.tracker.data()),
            Buffer::FileName => self.file_towards(direction, index).map(|f| Part::whole(f.pieces.tracker.name())),
            Buffer::NfsFilename if direction == self.direction && index == 0 && !self.name.is_empty() => {
                Some(Part::whole(&self.name))
            }
            _ => None,
        }
    }

    fn number(&self, buffer: Buffer, direction: Direction, index: usize) -> Option<u64> {
        if index > 0 {
            return None;
        }
        match buffer {
            Buffer::NfsProcedure if direction == self.direction => Some(self.call.procedure.into()),
            Buffer::NfsVersion if direction == self.direction => Some(self.call.version.into()),
            _ => None,
        }
    }

    fn tracker(&self, direction: Direction, index: usize) -> Option<&FileTracker> {
        self.file_towards(direction, index).map(|f| &f.pieces.tracker)
    }

    fn tracker_mut(&mut self, direction: Direction, index: usize) -> Option<&mut FileTracker> {
        self.file_towards(direction, index)?;
        self.transfer_mut().map(|f| &mut f.pieces.tracker)
    }

    fn record(&self, _direction: Direction, _alert: bool) -> Option<Box<dyn Record>> {
        Some(Box::new(NfsRecord::new(self)))
    }
}
