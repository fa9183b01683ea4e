//! Files in transfer: reads and writes at any place, put in order.

use super::event;
use super::header::Header;
use super::session::Session;
use super::transaction::{Details, FileId};
use crate::packet::Direction;
use crate::protocols::Observer;
use crate::protocols::file::{FileState, FileTracker};
use sekisho_signatures::buffers::Progress;
use std::collections::BTreeMap;

/// Pieces of one file that may wait for their turn.
pub const MAX_EARLY: usize = 256;

/// Bytes of all files of a flow that may wait for their turn.
pub const MAX_EARLY_BYTES: usize = 8 * 1024 * 1024;

/// What is read of an open file, or written to it.
#[derive(Debug)]
pub struct Transfer {
    /// The open file.
    pub id: FileId,
    /// Read, not written.
    pub read: bool,
    /// The file, in order.
    pub tracker: FileTracker,
    /// Where in the file the next bytes in order stand.
    next: u64,
    /// What came before its turn, by its place.
    early: BTreeMap<u64, Vec<u8>>,
    waiting: usize,
}

/// What was odd about a piece.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Oddities {
    overlap: bool,
    too_many: bool,
    too_much: bool,
}

impl Transfer {
    /// Of which nothing came yet.
    #[must_use]
    pub fn new(id: FileId, read: bool, tracker: FileTracker) -> Self {
        Self { id, read, tracker, next: 0, early: BTreeMap::new(), waiting: 0 }
    }

    /// Bytes that wait for their turn.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Takes bytes at a place. `room`: bytes that may wait.
    fn push(&mut self, offset: u64, bytes: &[u8], room: usize) -> Oddities {
        let mut odd = Oddities::default();
        if bytes.is_empty() {
            return odd;
        }
        if offset <= self.next {
            odd.overlap = offset < self.next;
            self.in_order(offset, bytes);
            self.catch_up();
            return odd;
        }
        let grown = self.early.range_mut(..offset).next_back().filter(|(at, e)| *at + e.len() as u64 == offset);
        match grown {
            Some((_, early)) => early.extend_from_slice(bytes),
            None => self.early.entry(offset).or_default().extend_from_slice(bytes),
        }
        self.waiting += bytes.len();
        odd.too_many = self.early.len() > MAX_EARLY;
        odd.too_much = self.waiting > room;
        while self.early.len() > MAX_EARLY || self.waiting > room {
            self.accept_gap();
        }
        odd
    }

    /// Bytes that begin where those in order end, or before.
    fn in_order(&mut self, offset: u64, bytes: &[u8]) {
        let known = usize::try_from(self.next.saturating_sub(offset)).unwrap_or(usize::MAX);
        if let Some(fresh) = bytes.get(known..) {
            self.tracker.push(fresh);
            self.next = self.next.saturating_add(fresh.len() as u64);
        }
    }

    fn catch_up(&mut self) {
        while let Some(entry) = self.early.first_entry().filter(|entry| *entry.key() <= self.next) {
            let (offset, bytes) = entry.remove_entry();
            self.waiting -= bytes.len();
            self.in_order(offset, &bytes);
        }
    }

    /// What is missing before the first that waits will not come.
    fn accept_gap(&mut self) {
        if let Some((&offset, _)) = self.early.first_key_value() {
            self.missing(offset.saturating_sub(self.next));
        }
        self.catch_up();
    }

    fn missing(&mut self, len: u64) {
        self.tracker.gap(len);
        self.next = self.next.saturating_add(len);
    }

    /// `len` bytes at a place were lost.
    fn lost(&mut self, offset: u64, len: u64) {
        if offset <= self.next {
            self.missing(offset.saturating_add(len).saturating_sub(self.next));
            self.catch_up();
        }
    }

    /// It is over.
    pub fn close(&mut self, state: FileState) {
        while !self.early.is_empty() {
            self.accept_gap();
        }
        self.tracker.close(state);
    }
}

impl Session {
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
            let details = Details::File(Transfer::new(id, read, tracker));
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
        let others: usize = self.transactions.iter().filter_map(|t| t.transfer()).map(Transfer::waiting).sum();
        let Some(transaction) = self.transactions.get_mut(index) else { return };
        let Some(transfer) = transaction.transfer_mut() else { return };
        let room = MAX_EARLY_BYTES.saturating_sub(others - transfer.waiting());
        let odd = transfer.push(offset, bytes, room);
        let events = [
            (odd.overlap, event::FILE_OVERLAP),
            (odd.too_many && read, event::READ_QUEUE_CNT_EXCEEDED),
            (odd.too_many && !read, event::WRITE_QUEUE_CNT_EXCEEDED),
            (odd.too_much && read, event::READ_QUEUE_SIZE_EXCEEDED),
            (odd.too_much && !read, event::WRITE_QUEUE_SIZE_EXCEEDED),
        ];
        for (_, event) in events.into_iter().filter(|(is, _)| *is) {
            observer.event(Some(transaction), direction, event);
        }
        observer.progress(transaction, direction, Progress::Body);
    }

    /// Bytes of a file at a place were lost.
    pub fn file_lost(&mut self, id: FileId, read: bool, offset: u64, len: u64) {
        let mut transfers = self.transactions.iter_mut().filter_map(|t| t.transfer_mut());
        if let Some(transfer) = transfers.find(|f| f.id == id && f.read == read) {
            transfer.lost(offset, len);
        }
    }

    /// An open file is closed: what was read of it and written to it is over.
    pub fn close(&mut self, id: FileId, observer: &mut dyn Observer) {
        while let Some(index) = self.transactions.iter().position(|t| t.transfer().is_some_and(|f| f.id == id)) {
            if let Some(transfer) = self.transactions.get_mut(index).and_then(|t| t.transfer_mut()) {
                transfer.close(FileState::Closed);
            }
            self.finish(index, observer);
        }
        self.forget(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::file::FilePolicy;

    fn transfer() -> Transfer {
        Transfer::new(FileId::default(), true, FileTracker::new(b"f", FilePolicy::default()))
    }

    #[test]
    fn pieces_are_put_in_order() {
        let mut t = transfer();
        for (offset, bytes) in [(6, "ghi"), (3, "d"), (9, "jk"), (0, "abc"), (4, "ef")] {
            assert_eq!(t.push(offset, bytes.as_bytes(), 100), Oddities::default());
        }
        t.close(FileState::Closed);
        let info = t.tracker.info().unwrap();
        assert_eq!((t.tracker.data().data, info.size, info.gaps), (&b"abcdefghijk"[..], 11, false));
    }

    #[test]
    fn what_comes_again_is_told_and_changes_nothing() {
        let mut t = transfer();
        t.push(0, b"X", 100);
        assert!(t.push(0, b"abc", 100).overlap);
        assert_eq!(t.tracker.data().data, b"Xbc");
    }

    #[test]
    fn waiting_is_bounded() {
        let mut t = transfer();
        assert!(!t.push(10, &[1; 60], 100).too_much);
        assert!(t.push(100, &[2; 60], 100).too_much);
        assert!(t.waiting() <= 100);
        t.close(FileState::Closed);
        let info = t.tracker.info().unwrap();
        assert_eq!((info.size, info.gaps, t.waiting()), (160, true, 0));
        let mut t = transfer();
        for i in 0..1000 {
            t.push(10 + 2 * i, b"x", 10_000);
        }
        assert!(t.waiting() <= MAX_EARLY);
    }
}
