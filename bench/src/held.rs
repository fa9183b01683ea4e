//! Captures held in memory, so that a measurement is of the packet path alone and no disk has a part in it.

use crate::capture;
use sekisho::decode::{Frame, LinkType};
use sekisho::time::Timestamp;
use std::path::Path;

/// What is kept of a frame beside its bytes.
#[derive(Clone, Copy, Debug)]
struct Entry {
    ts: Timestamp,
    from: usize,
    len: u32,
    wire_len: u32,
    link: LinkType,
}

/// Frames in their order, their bytes in one piece.
#[derive(Clone, Debug, Default)]
pub struct Held {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

impl Held {
    /// Reads capture files (pcap, pcapng; gz, zst) as one capture.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn read<P: AsRef<Path>>(paths: &[P]) -> anyhow::Result<Self> {
        let mut held = Self::default();
        for path in paths {
            capture::read(path.as_ref(), |frame| {
                held.push(frame);
                Ok(())
            })?;
        }
        anyhow::ensure!(!held.is_empty(), "there is no frame in the capture");
        Ok(held)
    }

    /// Appends a frame.
    pub fn push(&mut self, frame: &Frame<'_>) {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(frame.data);
        let len = frame.data.len() as u32;
        self.entries.push(Entry { ts: frame.ts, from, len, wire_len: frame.wire_len, link: frame.link });
    }

    /// How many frames there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// None at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes that were captured.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Memory that it takes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        (self.bytes.capacity() + self.entries.capacity() * size_of::<Entry>()) as u64
    }

    /// From the first frame to the last, in nanoseconds; frames need not be in order.
    #[must_use]
    pub fn duration_ns(&self) -> u64 {
        let times = || self.entries.iter().map(|entry| entry.ts.0);
        times().max().unwrap_or(0).saturating_sub(times().min().unwrap_or(0))
    }

    /// The frames in batches of up to `frames`, each with a time `later_ns` behind its own.
    pub fn batches(
        &self,
        frames: usize,
        later_ns: u64,
    ) -> impl Iterator<Item = impl Iterator<Item = Frame<'_>> + Clone> + '_ {
        let frames = frames.max(1);
        self.entries.chunks(frames).enumerate().map(move |(batch, entries)| {
            entries.iter().zip(batch as u64 * frames as u64 + 1..).map(move |(entry, number)| Frame {
                ts: Timestamp(entry.ts.0.saturating_add(later_ns)),
                number,
                interface: 0,
                link: entry.link,
                data: self.bytes.get(entry.from..entry.from + entry.len as usize).unwrap_or_default(),
                wire_len: entry.wire_len,
            })
        })
    }

    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_as_they_were_and_later() {
        let mut held = Held::default();
        for n in 0..10u8 {
            let data = vec![n; usize::from(n) + 1];
            let ts = Timestamp(1000 + u64::from(n));
            held.push(&Frame { ts, number: 1, interface: 0, link: LinkType(1), data: &data, wire_len: 100 });
        }
        assert_eq!((held.len(), held.bytes(), held.duration_ns()), (10, 55, 9));
        let sizes: Vec<usize> = held.batches(4, 0).map(Iterator::count).collect();
        assert_eq!(sizes, [4, 4, 2]);
        for (n, frame) in held.batches(4, 5).flatten().enumerate() {
            assert_eq!(frame.data, vec![n as u8; n + 1]);
            assert_eq!((frame.number, frame.ts.0, frame.wire_len), (n as u64 + 1, 1005 + n as u64, 100));
        }
    }
}
