//! A file's bytes, kept for the store until it is known whether it is stored.
//!
//! A worker holds at most so many bytes of files in all, whatever their number: what goes beyond is not kept, and that file is
//! not stored.

use std::cell::Cell;

thread_local! {
    /// Bytes in the spools of this thread's files: a worker is a thread, and its files do not leave it.
    static HELD: Cell<usize> = const { Cell::new(0) };
}

/// What of a file is kept for the store.
#[derive(Debug, Default)]
pub(super) struct Spool {
    bytes: Vec<u8>,
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

    /// What was kept.
    pub(super) fn take(&mut self) -> Vec<u8> {
        HELD.set(HELD.get().saturating_sub(self.bytes.len()));
        std::mem::take(&mut self.bytes)
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
        assert_eq!(one.take(), b"abcdef");
        let mut three = Spool::default();
        three.push(b"12345678", 8, 8);
        drop(three);
        let mut four = Spool::default();
        four.push(b"12345678", 8, 8);
        assert_eq!((four.lost, four.take()), (false, b"12345678".to_vec()));
    }
}
