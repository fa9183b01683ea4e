//! Datagrams to requests and files.

use super::request::{TftpNote, agreed_block_size};
use super::transaction::TftpTransaction;
use crate::packet::Direction;
use crate::protocols::file::{FileState, FileTracker};
use crate::protocols::{Expected, Observer, Parser, Status};
use sekisho_signatures::app::Protocol;
use sekisho_signatures::buffers::Progress;
use std::any::Any;
use std::sync::Arc;

/// Bytes of a block, unless another size is agreed on.
const BLOCK_SIZE: u16 = 512;

/// Reads a flow.
#[derive(Debug)]
pub struct TftpParser {
    /// The last request, of this flow or of the one that announced it.
    note: Option<TftpNote>,
    transactions: u64,
    transfer: Option<Box<TftpTransaction>>,
    block_size: u16,
    /// The number of the next block.
    next: u16,
}

impl Default for TftpParser {
    fn default() -> Self {
        Self::new()
    }
}

impl TftpParser {
    /// For a new flow.
    #[must_use]
    pub fn new() -> Self {
        Self { note: None, transactions: 0, transfer: None, block_size: BLOCK_SIZE, next: 1 }
    }

    fn request(&mut self, note: TftpNote, direction: Direction, observer: &mut dyn Observer) {
        self.finish(FileState::Truncated, observer);
        let mut transaction = TftpTransaction::new(self.transactions, note.clone(), direction, None);
        self.transactions += 1;
        observer.progress(&mut transaction, direction, Progress::Complete);
        observer.progress(&mut transaction, direction.reverse(), Progress::Complete);
        observer.log(&mut transaction, direction);
        observer.expect(Expected {
            direction: Direction::ToClient,
            address: None,
            port: 0,
            protocol: Protocol::Tftp,
            note: Arc::new(note.clone()),
        });
        self.note = Some(note);
        (self.block_size, self.next) = (BLOCK_SIZE, 1);
    }

    fn block(&mut self, number: u16, data: &[u8], direction: Direction, observer: &mut dyn Observer) {
        if self.transfer.is_none() {
            // The last block again, of a transfer that is over.
            let Some(note) = self.note.clone() else { return };
            let file = FileTracker::new(&note.file, observer.file_policy());
            self.transfer = Some(Box::new(TftpTransaction::new(self.transactions, note, direction, Some(file))));
            self.transactions += 1;
        }
        let Some(transfer) = self.transfer.as_deref_mut().filter(|t| t.direction == direction) else { return };
        let missing = number.wrapping_sub(self.next);
        // Far behind is before: a block that was sent again.
        if missing > u16::MAX / 2 {
            return;
        }
        if let Some(file) = &mut transfer.file {
            file.gap(u64::from(missing) * u64::from(self.block_size));
            file.push(data);
        }
        self.next = number.wrapping_add(1);
        transfer.told = Progress::Body;
        observer.progress(transfer, direction, Progress::Body);
        if data.len() < usize::from(self.block_size) {
            self.finish(FileState::Closed, observer);
            self.note = None;
        }
    }

    /// The transfer is over.
    fn finish(&mut self, state: FileState, observer: &mut dyn Observer) {
        let Some(mut transfer) = self.transfer.take() else { return };
        let transfer = &mut *transfer;
        if let Some(file) = &mut transfer.file {
            file.close(state);
        }
        let direction = transfer.direction;
        observer.progress(transfer, direction, Progress::Body);
        observer.progress(transfer, direction, Progress::Complete);
        observer.progress(transfer, direction.reverse(), Progress::Complete);
        observer.file(transfer, direction, 0);
    }
}

impl Parser for TftpParser {
    fn protocol(&self) -> Protocol {
        Protocol::Tftp
    }

    fn expected(&mut self, note: &(dyn Any + Send + Sync)) {
        self.note = note.downcast_ref::<TftpNote>().cloned();
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], observer: &mut dyn Observer) -> Status {
        if direction == Direction::ToServer
            && let Some(note) = TftpNote::read(bytes)
        {
            self.request(note, direction, observer);
            return Status::More;
        }
        let Some((opcode, rest)) = bytes.split_first_chunk::<2>() else { return Status::More };
        match (u16::from_be_bytes(*opcode), rest.split_first_chunk::<2>()) {
            (3, Some((number, data))) => self.block(u16::from_be_bytes(*number), data, direction, observer),
            (5, _) => {
                self.finish(FileState::Truncated, observer);
                self.note = None;
            }
            (6, _) => self.block_size = agreed_block_size(rest).unwrap_or(self.block_size),
            _ => {}
        }
        Status::More
    }

    fn gap(&mut self, _direction: Direction, _len: u64, _observer: &mut dyn Observer) -> Status {
        Status::More
    }

    fn end(&mut self, _direction: Direction, observer: &mut dyn Observer) {
        self.finish(FileState::Truncated, observer);
    }
}
