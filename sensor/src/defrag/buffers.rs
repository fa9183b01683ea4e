//! Buffers of a few sizes, pooled, within a limit of memory.

use super::{DATAGRAM_MAX, HEADER_MAX};
use std::ops::{Deref, DerefMut};

/// What a buffer can hold: a datagram of two or three Ethernet frames, some frames more, any datagram.
const SIZES: [usize; 3] = [4 << 10, 16 << 10, HEADER_MAX + DATAGRAM_MAX + 1];

/// Bytes from the pool; empty at first. Its length is one of `SIZES`, or 0.
#[derive(Debug, Default)]
pub(super) struct Buffer(Vec<u8>);

impl Deref for Buffer {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

/// Free buffers, by size.
#[derive(Debug)]
pub(super) struct Pool {
    free: [Vec<Vec<u8>>; SIZES.len()],
    /// Bytes of all buffers, in use or free.
    memory: u64,
    limit: u64,
}

fn class_of(len: usize) -> Option<usize> {
    SIZES.iter().position(|size| *size >= len)
}

impl Pool {
    pub(super) fn new(limit: u64) -> Self {
        Self { free: Default::default(), memory: 0, limit }
    }

    /// Bytes of all buffers, in use or free.
    pub(super) const fn memory(&self) -> u64 {
        self.memory
    }

    /// Makes `buffer` at least `len` bytes long, keeping what is in it. False when there is no memory for that.
    pub(super) fn grow(&mut self, buffer: &mut Buffer, len: usize) -> bool {
        if buffer.0.len() >= len {
            return true;
        }
        let Some(class) = class_of(len) else {
            return false;
        };
        let Some(mut larger) = self.take(class) else {
            return false;
        };
        if let Some(front) = larger.get_mut(..buffer.0.len()) {
            front.copy_from_slice(&buffer.0);
        }
        self.put_back(std::mem::replace(buffer, Buffer(larger)));
        true
    }

    fn take(&mut self, class: usize) -> Option<Vec<u8>> {
        if let Some(buffer) = self.free[class].pop() {
            return Some(buffer);
        }
        let size = SIZES[class] as u64;
        // Free buffers of other sizes make room.
        for other in 0..SIZES.len() {
            while self.memory + size > self.limit {
                let Some(unused) = self.free[other].pop() else {
                    break;
                };
                self.memory -= unused.len() as u64;
            }
        }
        if self.memory + size > self.limit {
            return None;
        }
        self.memory += size;
        Some(vec![0; SIZES[class]])
    }

    /// Takes a buffer back.
    pub(super) fn put_back(&mut self, buffer: Buffer) {
        if let Some(class) = SIZES.iter().position(|size| *size == buffer.0.len()) {
            self.free[class].push(buffer.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_keeps_content_and_reuses() {
        let mut pool = Pool::new(1 << 20);
        let mut buffer = Buffer::default();
        assert!(pool.grow(&mut buffer, 100));
        buffer[99] = 7;
        assert!(pool.grow(&mut buffer, 5000));
        assert_eq!(buffer[99], 7);
        assert_eq!(pool.memory(), (SIZES[0] + SIZES[1]) as u64);
        pool.put_back(buffer);
        let mut again = Buffer::default();
        assert!(pool.grow(&mut again, 5000));
        assert_eq!(pool.memory(), (SIZES[0] + SIZES[1]) as u64);
        assert!(!pool.grow(&mut again, 1 << 20));
    }

    #[test]
    fn limit_holds_and_unused_sizes_make_room() {
        let mut pool = Pool::new(SIZES[2] as u64 + 100);
        let mut small = Buffer::default();
        assert!(pool.grow(&mut small, 1));
        let mut large = Buffer::default();
        assert!(!pool.grow(&mut large, 60_000));
        pool.put_back(small);
        assert!(pool.grow(&mut large, 60_000));
        assert_eq!(pool.memory(), SIZES[2] as u64);
    }
}
