//! Files in transfer: what is read of an open file, or written to it.

use super::event;
use super::header::Header;
use super::session::Session;
use super::transaction::{Details, FileId};
use crate::packet::Direction;
use crate::protocols::Observer;
use crate::protocols::file::{FileState, FileTracker};
use crate::protocols::pieces::{MAX_EARLY_BYTES, Pieces};

/// What is read of an open file, or written to it.
#[derive(Debug)]
pub struct Transfer {
    /// The open file.
    pub id: FileId,
    /// Read, not written.
    pub read: bool,
    /// Its bytes.
    pub pieces: Pieces,
}

impl Session {
    /// Something is being read of a file, or written to it.
    #[must_use]
    pub fn transfers(&self, id: FileId, read: bool) -> bool {
        self.transactions.iter().any(|t| t.transfer().is_some_and(|f| f.id == id && f.read == read))
    }

    /// The transaction of what is read of a file, or written to it; a new one with its first bytes.
    fn transfer(
        &mut self,
        header: &Header,
        direction: Direction,
        (id, read): (FileId, bool),
        observer: &mut dyn Observer,
    ) -> usize {
        let known = self.transactions.iter().position(|t| t.transfer().is_some_and(|f| f.id == id && f.read == read));
        known.unwrap_or_else(|| {
            let name = self.handle(id).map(|handle| handle.name.clone()).unwrap_or_default();
            let tracker = FileTracker::new(&name, observer.file_policy());
            let towards = if read { direction.reverse() } else { direction };
            let details = Details::File(Transfer { id, read, pieces: Pieces::new(tracker) });
            let index = self.begin(header, towards, details, observer);
            if let Some(transaction) = self.transactions.get_mut(index).filter(|_| read) {
                transaction.status = Some(header.status);
            }
            index
        })
    }

    /// Bytes of a file at a place, in a message of `direction`.
    pub fn file_data(
        &mut self,
        header: &Header,
        direction: Direction,
        (id, read, offset): (FileId, bool, u64),
        bytes: &[u8],
        observer: &mut dyn Observer,
    ) {
        let index = self.transfer(header, direction, (id, read), observer);
        let others: usize = self.transactions.iter().filter_map(|t| t.transfer()).map(|t| t.pieces.waiting()).sum();
        let Some(transaction) = self.transactions.get_mut(index) else { return };
        let Some(transfer) = transaction.transfer_mut() else { return };
        let room = MAX_EARLY_BYTES.saturating_sub(others - transfer.pieces.waiting());
        let odd = transfer.pieces.push(offset, bytes, room);
        let events = [
            (odd.overlap, event::FILE_OVERLAP),
            (odd.too_many && read, event::READ_QUEUE_CNT_EXCEEDED),
            (odd.too_many && !read, event::WRITE_QUEUE_CNT_EXCEEDED),
            (odd.too_much && read, event::READ_QUEUE_SIZE_EXCEEDED),
            (odd.too_much && !read, event::WRITE_QUEUE_SIZE_EXCEEDED),
        ];
        for (_, event) in events.into_iter().filter(|(is, _)| *is) {
            observer.event(Some(&mut **transaction), direction, event);
        }
        transaction.grow(direction, observer);
    }

    /// Bytes of a file at a place were lost.
    pub fn file_lost(&mut self, id: FileId, read: bool, offset: u64, len: u64) {
        let mut transfers = self.transactions.iter_mut().filter_map(|t| t.transfer_mut());
        if let Some(transfer) = transfers.find(|f| f.id == id && f.read == read) {
            transfer.pieces.lost(offset, len);
        }
    }

    /// An open file is closed: what was read of it and written to it is over.
    pub fn close(&mut self, id: FileId, observer: &mut dyn Observer) {
        while let Some(index) = self.transactions.iter().position(|t| t.transfer().is_some_and(|f| f.id == id)) {
            if let Some(transfer) = self.transactions.get_mut(index).and_then(|t| t.transfer_mut()) {
                transfer.pieces.close(FileState::Closed);
            }
            self.finish(index, observer);
        }
        self.forget(id);
    }
}
