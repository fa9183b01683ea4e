//! Shares the frames of capture files out to several workers, so that all packets of a flow come to the same one.
//!
//! One thread reads, decompresses and parses the files, and copies each frame into its worker's current chunk: files are read
//! once whatever the number of workers, standard input works, and a worker touches only its own bytes. The alternative, each worker
//! reading all files and taking its share, multiplies decompression, which costs more than the copy.
//!
//! Frames are shared out by the two addresses of the outermost IP header, whichever way round, and not by ports: fragments
//! have none, and must meet at one worker. What is between two hosts is therefore one worker's.

use crate::decode::{Frame, LinkType};
use crate::time::Timestamp;
use crossbeam::channel::{Receiver, Sender};
use std::ops::Range;

/// Bytes of frames that are handed over at a time.
const CHUNK_BYTES: usize = 256 << 10;
/// Frames that are handed over at a time.
const CHUNK_FRAMES: usize = 512;

struct Entry {
    ts: Timestamp,
    number: u64,
    interface: u16,
    link: LinkType,
    wire_len: u32,
    at: Range<usize>,
}

/// Some frames of one worker, in their order.
#[derive(Default)]
pub struct Chunk {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

impl Chunk {
    fn push(&mut self, frame: &Frame<'_>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(frame.data);
        self.entries.push(Entry {
            ts: frame.ts,
            number: frame.number,
            interface: frame.interface,
            link: frame.link,
            wire_len: frame.wire_len,
            at: start..self.bytes.len(),
        });
    }

    fn is_full(&self) -> bool {
        self.bytes.len() >= CHUNK_BYTES || self.entries.len() >= CHUNK_FRAMES
    }

    /// The frames.
    pub fn frames(&self) -> impl Iterator<Item = Frame<'_>> {
        self.entries.iter().map(|entry| Frame {
            ts: entry.ts,
            number: entry.number,
            interface: entry.interface,
            link: entry.link,
            data: &self.bytes[entry.at.clone()],
            wire_len: entry.wire_len,
        })
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }
}

/// Hands frames to workers: the reading thread's end.
pub struct Shares {
    workers: Vec<(Sender<Chunk>, Chunk)>,
    /// Chunks that workers are done with.
    returned: Receiver<Chunk>,
}

impl Shares {
    /// To these workers; chunks come back through `returned`.
    #[must_use]
    pub fn new(workers: Vec<Sender<Chunk>>, returned: Receiver<Chunk>) -> Self {
        Self { workers: workers.into_iter().map(|w| (w, Chunk::default())).collect(), returned }
    }

    /// Gives a frame to its worker. Waits when that worker is far behind.
    pub fn give(&mut self, frame: &Frame<'_>) {
        let share = share_of(frame.link, frame.data, self.workers.len());
        let Some((worker, chunk)) = self.workers.get_mut(share) else { return };
        chunk.push(frame);
        if chunk.is_full() {
            let mut empty = self.returned.try_recv().unwrap_or_default();
            empty.clear();
            // A worker that is gone has failed; that is told when its thread is joined.
            let _ = worker.send(std::mem::replace(chunk, empty));
        }
    }

    /// Hands over what is left.
    pub fn finish(self) {
        for (worker, chunk) in self.workers {
            let _ = worker.send(chunk);
        }
    }
}

/// Which of `shares` a frame belongs to: equal for both directions between two addresses. 0 for what is no IP.
#[must_use]
pub fn share_of(link: LinkType, data: &[u8], shares: usize) -> usize {
    let mixed = network_header(link, data).and_then(addresses).unwrap_or(0);
    // Multiplied, as addresses differ in few bits; the upper half of the product depends on all of them.
    let spread = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    (spread % shares.max(1) as u64) as usize
}

/// What follows the link header, VLAN tags and MPLS labels.
fn network_header(link: LinkType, data: &[u8]) -> Option<&[u8]> {
    let (mut ethertype, mut at) = match link.0 {
        0 | 108 => return data.get(4..),
        12 | 14 | 101 | 228 | 229 => return Some(data),
        1 => (be16(data, 12)?, 14),
        113 => (be16(data, 14)?, 16),
        276 => (be16(data, 0)?, 20),
        _ => return None,
    };
    loop {
        match ethertype {
            0x8100 | 0x88a8 | 0x9100 => {
                ethertype = be16(data, at + 2)?;
                at += 4;
            }
            // PPPoE session: its header, then PPP's protocol.
            0x8864 => {
                return data.get(at + 8..);
            }
            0x8847 | 0x8848 => {
                let bottom = data.get(at + 2)? & 1 == 1;
                at += 4;
                if bottom {
                    return data.get(at..);
                }
            }
            _ => return data.get(at..),
        }
    }
}

fn be16(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*data.get(at..)?.first_chunk()?))
}

/// Both addresses of an IP header, mixed so that their order does not matter.
fn addresses(ip: &[u8]) -> Option<u64> {
    let (src, dst): (u128, u128) = match ip.first()? >> 4 {
        4 => {
            let addresses = ip.get(12..)?.first_chunk::<8>()?;
            let [a, b, c, d, e, f, g, h] = *addresses;
            (u32::from_be_bytes([a, b, c, d]).into(), u32::from_be_bytes([e, f, g, h]).into())
        }
        6 => (u128::from_be_bytes(*ip.get(8..)?.first_chunk()?), u128::from_be_bytes(*ip.get(24..)?.first_chunk()?)),
        _ => return None,
    };
    let fold = |address: u128| (address as u64 ^ (address >> 64) as u64).wrapping_mul(0xff51_afd7_ed55_8ccd);
    Some(fold(src).wrapping_add(fold(dst)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ETHERNET: LinkType = LinkType(1);

    fn ipv4(src: u32, dst: u32) -> Vec<u8> {
        let mut ip = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0];
        ip.extend(src.to_be_bytes());
        ip.extend(dst.to_be_bytes());
        ip.extend([0; 8]);
        ip
    }

    fn ethernet(tags: &[u16], ethertype: u16, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![2; 12];
        for tag in tags {
            frame.extend([0x81, 0]);
            frame.extend(tag.to_be_bytes());
        }
        frame.extend(ethertype.to_be_bytes());
        frame.extend(payload);
        frame
    }

    proptest! {
        #[test]
        fn both_directions_come_to_one_worker(a: u32, b: u32, n in 1usize..9, tags in prop::collection::vec(any::<u16>(), 0..3)) {
            let there = share_of(ETHERNET, &ethernet(&tags, 0x0800, &ipv4(a, b)), n);
            let back = share_of(ETHERNET, &ethernet(&tags, 0x0800, &ipv4(b, a)), n);
            prop_assert_eq!(there, back);
            prop_assert!(there < n);
        }

        #[test]
        fn any_bytes_have_a_share(link in prop::sample::select(vec![0u32, 1, 12, 101, 108, 113, 276, 9, 147]),
                                  data in prop::collection::vec(any::<u8>(), 0..80), n in 0usize..5) {
            prop_assert!(share_of(LinkType(link), &data, n) < n.max(1));
        }

        #[test]
        fn chunks_give_back_what_was_given(frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 1..40)) {
            let (send, receive) = crossbeam::channel::unbounded();
            let (_keep, returned) = crossbeam::channel::unbounded();
            let mut shares = Shares::new(vec![send], returned);
            for (number, data) in frames.iter().enumerate() {
                shares.give(&Frame { ts: Timestamp(7), number: number as u64, interface: 0, link: ETHERNET, data, wire_len: 1 });
            }
            shares.finish();
            let mut got = Vec::new();
            while let Ok(chunk) = receive.recv() {
                got.extend(chunk.frames().map(|f| (f.number, f.data.to_vec())));
            }
            let given: Vec<_> = frames.into_iter().enumerate().map(|(n, data)| (n as u64, data)).collect();
            prop_assert_eq!(got, given);
        }
    }

    #[test]
    fn neighbours_are_spread() {
        let mut counts = [0; 4];
        for host in 0..1000u32 {
            counts[share_of(ETHERNET, &ethernet(&[], 0x0800, &ipv4(0x0a00_0000 + host, 0xcb00_7109)), 4)] += 1;
        }
        assert!(counts.iter().all(|&n| n > 150), "{counts:?}");
    }
}
