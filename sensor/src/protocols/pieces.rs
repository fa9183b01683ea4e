//! A file whose bytes come in pieces at any place, as SMB and NFS read and write them: they are put in order.

use super::file::{FileState, FileTracker};
use std::collections::BTreeMap;

/// Pieces of one file that may wait for their turn.
pub const MAX_EARLY: usize = 256;

/// Bytes of all files of a flow that may wait for their turn.
pub const MAX_EARLY_BYTES: usize = 8 * 1024 * 1024;

/// A file in pieces.
#[derive(Debug)]
pub struct Pieces {
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
pub struct Oddities {
    /// It holds what came before.
    pub overlap: bool,
    /// Too many wait: a gap was accepted.
    pub too_many: bool,
    /// They are too long: a gap was accepted.
    pub too_much: bool,
}

impl Pieces {
    /// Of which nothing came yet.
    #[must_use]
    pub fn new(tracker: FileTracker) -> Self {
        Self { tracker, next: 0, early: BTreeMap::new(), waiting: 0 }
    }

    /// Bytes that wait for their turn.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Takes bytes at a place. `room`: bytes that may wait.
    pub fn push(&mut self, offset: u64, bytes: &[u8], room: usize) -> Oddities {
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
    pub fn lost(&mut self, offset: u64, len: u64) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::file::FilePolicy;

    fn transfer() -> Pieces {
        Pieces::new(FileTracker::new(b"f", FilePolicy::default()))
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
