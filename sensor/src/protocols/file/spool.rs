//! A file's bytes, kept until it is over: for the store, if it is stored, and for what scans it.
//!
//! A worker holds at most so many bytes of files in all, whatever their number: what goes beyond is not kept, and that file is
//! neither stored nor scanned.

use bytes::Bytes;
use std::cell::Cell;

thread_local! {
    /// Bytes in the spools of this thread's files: a worker is a thread, and its files do not leave it.
    static HELD: Cell<usize> = const { Cell::new(0) };
}

/// What of a file is kept.
#[derive(Debug, Default)]
pub(super) struct Spool {
    bytes: Vec<u8>,
    /// All of it, once somebody else has it as well; nothing comes after that.
    shared: Option<Bytes>,
    /// There was more of it than may be kept of one file.
    pub(super) cut: bool,
    /// There was no room.
    pub(super) lost: bool,
}

impl Spool {
    /// Keeps more of the file. `most`: of one file; `most_held`: of all files of the worker.
    pub(super) fn push(&mut self, bytes: &[u8], most: usize, most_held: usize) {
        if self.cut || self.lost {
            return;
        }
        let room = most.saturating_sub(self.bytes.len());
        self.cut = room < bytes.len();
        let taken = bytes.get(..room).unwrap_or(bytes);
        let held = HELD.get().saturating_add(taken.len());
        if held > most_held {
            self.lost = true;
            self.give_up();
            return;
        }
        HELD.set(held);
        self.bytes.extend_from_slice(taken);
    }

    /// What was kept is not wanted.
    pub(super) fn give_up(&mut self) {
        drop(self.take());
    }

    /// What was kept, which stays here as well.
    pub(super) fn share(&mut self) -> Bytes {
        self.shared.get_or_insert_with(|| Bytes::from(std::mem::take(&mut self.bytes))).clone()
    }

    /// What was kept.
    pub(super) fn take(&mut self) -> Bytes {
        let bytes = self.shared.take().unwrap_or_else(|| Bytes::from(std::mem::take(&mut self.bytes)));
        HELD.set(HELD.get().saturating_sub(bytes.len()));
        bytes
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.give_up();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_file_and_all_files_hold_is_bounded() {
        let (mut one, mut two) = (Spool::default(), Spool::default());
        one.push(b"abcd", 6, 8);
        one.push(b"efgh", 6, 8);
        assert!(one.cut && !one.lost);
        two.push(b"xyz", 6, 8);
        assert!(two.lost && two.take().is_empty());
        assert_eq!((one.share(), one.take(), one.take()), (b"abcdef"[..].into(), b"abcdef"[..].into(), Bytes::new()));
        let mut three = Spool::default();
        three.push(b"12345678", 8, 8);
        drop(three);
        let mut four = Spool::default();
        four.push(b"12345678", 8, 8);
        assert_eq!((four.lost, four.take()), (false, b"12345678"[..].into()));
    }
}
