//! A worker's memory of recent packets: a ring of bytes, and a ring of entries that say whose they are.
//!
//! A frame's bytes are copied once. Each entry names a frame and the entry before it of the same chain (a flow, or the fragments
//! of a datagram), so that a chain's frames are found without looking at others'. Positions and numbers only grow, and so an entry
//! knows by itself whether what it names has been written over: nothing is ever searched or freed. Memory is what it was given, whatever comes.

use crate::decode::{Frame, LinkType};
use crate::time::Timestamp;

/// For each entry so many bytes of packets: short packets fill the entries first, long ones the bytes.
const BYTES_PER_ENTRY: u64 = 256;
/// Longer frames are cut: no receiver puts longer ones together.
pub const FRAME_MAX: usize = 256 << 10;

/// Frames of a chain that are found at a time.
pub const CHAIN_MAX: usize = 16_384;

/// A frame in the ring, as a link of a chain.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Where its bytes begin, counted from the first that ever was in the ring.
    position: u64,
    /// The entry before it of the same chain: its number, from 1; 0 for none.
    previous: u64,
    /// The frame's number among those that were put in, from 1.
    pub frame: u64,
    /// When it was captured.
    pub ts: Timestamp,
    /// Bytes in the ring.
    pub len: u32,
    /// Bytes on the wire.
    pub wire_len: u32,
    /// What the bytes start with.
    pub link: LinkType,
    /// Index of the capture interface.
    pub interface: u16,
}

/// See the module.
#[derive(Debug)]
pub struct Ring {
    bytes: Box<[u8]>,
    /// Bytes that were ever put in, and where the next one goes.
    written: u64,
    at: usize,
    entries: Vec<Entry>,
    capacity: usize,
    /// Entries that were ever made.
    made: u64,
    frames: u64,
}

impl Ring {
    /// A ring of at most `memory` bytes, which are touched as they are needed. At least one frame fits.
    #[must_use]
    pub fn new(memory: u64) -> Self {
        let per_entry = size_of::<Entry>() as u64;
        // A power of two, rounded down: entries are found without a division.
        let capacity = 1 << (memory / (BYTES_PER_ENTRY + per_entry)).max(1).ilog2();
        let bytes = memory.saturating_sub(per_entry.saturating_mul(capacity)).max(1);
        let mut entries = Vec::new();
        // Address space only; if that is refused, it grows in steps.
        let _ = entries.try_reserve_exact(capacity as usize);
        Self {
            bytes: vec![0; bytes as usize].into_boxed_slice(),
            written: 0,
            at: 0,
            entries,
            capacity: capacity as usize,
            made: 0,
            frames: 0,
        }
    }

    /// Bytes that it takes at most.
    #[cfg(test)]
    pub fn memory_bytes(&self) -> u64 {
        (self.bytes.len() + self.capacity * size_of::<Entry>()) as u64
    }

    /// Copies a frame in. The entry is of no chain yet: see [`Self::link`].
    #[inline]
    pub fn put(&mut self, frame: &Frame<'_>) -> Entry {
        let longest = FRAME_MAX.min(self.bytes.len());
        let data = frame.data.get(..longest).unwrap_or(frame.data);
        let position = self.written;
        let until_end = self.bytes.len().saturating_sub(self.at);
        let (first, second) = data.split_at_checked(until_end).unwrap_or((data, &[]));
        if let Some(room) = self.bytes.get_mut(self.at..self.at + first.len()) {
            room.copy_from_slice(first);
        }
        self.at += first.len();
        if self.at == self.bytes.len() {
            if let Some(room) = self.bytes.get_mut(..second.len()) {
                room.copy_from_slice(second);
            }
            self.at = second.len();
        }
        self.written = self.written.wrapping_add(data.len() as u64);
        self.frames = self.frames.wrapping_add(1);
        Entry {
            position,
            previous: 0,
            frame: self.frames,
            ts: frame.ts,
            len: data.len() as u32,
            wire_len: frame.wire_len,
            link: frame.link,
            interface: frame.interface,
        }
    }

    /// Makes `entry` the last of the chain whose last entry was `previous` (0: of none); its number.
    #[inline]
    pub fn link(&mut self, entry: Entry, previous: u64) -> u64 {
        let entry = Entry { previous, ..entry };
        let at = self.made as usize & (self.capacity - 1);
        self.made = self.made.wrapping_add(1);
        match self.entries.get_mut(at) {
            Some(place) => *place = entry,
            None => self.entries.push(entry),
        }
        self.made
    }

    /// The entry of that number; none if it, or the bytes that it names, have been written over.
    #[must_use]
    pub fn entry(&self, number: u64) -> Option<Entry> {
        let made = number.checked_sub(1)?;
        if made.saturating_add(self.capacity as u64) < self.made {
            return None;
        }
        let entry = self.entries.get(made as usize & (self.capacity - 1))?;
        (entry.position.saturating_add(self.bytes.len() as u64) >= self.written).then_some(*entry)
    }

    /// Puts what is left of a chain into `found`, in the order in which it was captured, each frame once: from its end back to a
    /// frame not newer than `after`, or to where the chain has been written over.
    pub fn chain(&self, last: u64, after: u64, found: &mut Vec<Entry>) {
        found.clear();
        let mut number = last;
        // Each entry is older than the one before, so that this ends.
        while let Some(entry) = self.entry(number) {
            if entry.frame > after {
                found.push(entry);
            }
            if entry.previous >= number || found.len() >= CHAIN_MAX {
                break;
            }
            number = entry.previous;
        }
        found.reverse();
        // Fragments come into their flow's chain when their datagram is whole.
        if !found.is_sorted_by_key(|entry| entry.frame) {
            found.sort_unstable_by_key(|entry| entry.frame);
        }
        found.dedup_by_key(|entry| entry.frame);
    }

    /// A frame's bytes: in two parts where the ring's end lies in it.
    #[must_use]
    pub fn bytes_of(&self, entry: &Entry) -> [&[u8]; 2] {
        let start = (entry.position % self.bytes.len() as u64) as usize;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let len = entry.len as usize;
        match rest.get(..len) {
            Some(whole) => [whole, &[]],
            None => [rest, self.bytes.get(..len - rest.len()).unwrap_or_default()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(data: &[u8]) -> Frame<'_> {
        Frame {
            ts: Timestamp(data.len() as u64),
            number: 0,
            interface: 0,
            link: LinkType::ETHERNET,
            data,
            wire_len: data.len() as u32,
        }
    }

    proptest! {
        /// Whatever is put in: what a chain gives is what was put into it last, whole and in order; memory stays what it was.
        #[test]
        fn chains_are_whole_and_in_order(
            memory in 300u64..20_000,
            frames in prop::collection::vec((0usize..4, prop::collection::vec(any::<u8>(), 0..700)), 1..120),
        ) {
            let mut ring = Ring::new(memory);
            let mut chains = vec![(0u64, Vec::<Vec<u8>>::new()); 4];
            let mut found = Vec::new();
            for (chain, data) in &frames {
                let (last, all) = &mut chains[*chain];
                let entry = ring.put(&frame(data));
                *last = ring.link(entry, *last);
                all.push(data[..data.len().min(ring.bytes.len())].to_vec());
                prop_assert!(ring.memory_bytes() <= memory.max(320));
                prop_assert!(ring.entries.len() <= ring.capacity);
                for (at, (last, all)) in chains.iter().enumerate() {
                    ring.chain(*last, 0, &mut found);
                    let got: Vec<Vec<u8>> = found.iter().map(|entry| ring.bytes_of(entry).concat()).collect();
                    prop_assert!(all.ends_with(&got));
                    // The newest is always there.
                    prop_assert!(at != *chain || !got.is_empty());
                }
            }
        }
    }

    #[test]
    fn a_part_of_a_chain_begins_behind_a_frame() {
        let mut ring = Ring::new(1 << 20);
        let mut last = 0;
        let frames: Vec<u64> = (1..=5u8)
            .map(|n| {
                let entry = ring.put(&frame(&[n; 9]));
                last = ring.link(entry, last);
                entry.frame
            })
            .collect();
        let mut found = Vec::new();
        ring.chain(last, frames[2], &mut found);
        assert_eq!(found.iter().map(|e| e.frame).collect::<Vec<_>>(), frames[3..]);
        // The same frame in a chain twice, and an older one after a newer: once, and in order.
        let (a, b) = (ring.put(&frame(b"a")), ring.put(&frame(b"b")));
        let mut other = 0;
        for entry in [b, a, b] {
            other = ring.link(entry, other);
        }
        ring.chain(other, 0, &mut found);
        assert_eq!(found.iter().map(|e| ring.bytes_of(e).concat()).collect::<Vec<_>>(), [b"a", b"b"]);
    }
}
