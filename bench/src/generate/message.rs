//! What one side says in one go: a head made for it, a body that is only described, a fixed tail.
//!
//! Bodies are ranges of the world's pools, so that a flow in the middle of a download of gigabytes costs no memory, and any
//! part of a message can be written again for a retransmission.

use super::world::World;

/// Where a body's bytes come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// Random bytes.
    #[default]
    Noise,
    /// Words.
    Text,
    /// Lines of Base64, 78 bytes each with their end.
    Base64,
    /// A compressed page, whole; `start` is its number.
    Page,
}

/// What is put between a body's pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// Nothing.
    #[default]
    None,
    /// Headers of TLS records that carry application data (RFC 8446, section 5.1).
    Records,
    /// HTTP's chunked coding (RFC 9112, section 7.1), without the last chunk, which is the message's tail.
    Chunks,
}

/// Payload of a full TLS 1.3 record: 2^14 bytes of text, one of content type, 16 of AEAD tag.
const RECORD: u64 = (1 << 14) + 1 + 16;
const RECORD_HEADER: u64 = 5;
const CHUNK: u64 = 4096;
/// Four digits and a line's end.
const CHUNK_HEADER: u64 = 6;
const CHUNK_TRAILER: u64 = 2;

/// The longest part of a message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Body {
    /// Pool.
    pub source: Source,
    /// What is put between its pieces.
    pub framing: Framing,
    /// Where in the pool it starts.
    pub start: u32,
    /// Bytes, without the framing.
    pub len: u64,
    /// Where the marker overwrites it.
    pub mark: Option<u32>,
}

impl Body {
    /// No body.
    pub const NONE: Self = Self { source: Source::Noise, framing: Framing::None, start: 0, len: 0, mark: None };

    fn wire_len(&self) -> u64 {
        match self.framing {
            Framing::None => self.len,
            Framing::Records => self.len + RECORD_HEADER * self.len.div_ceil(RECORD),
            Framing::Chunks => self.len + (CHUNK_HEADER + CHUNK_TRAILER) * self.len.div_ceil(CHUNK),
        }
    }

    /// Appends `len` bytes of the content from `pos`.
    fn content(&self, world: &World, mut pos: u64, mut len: usize, out: &mut Vec<u8>) {
        let (first, from) = (pos, out.len());
        let pool = match self.source {
            Source::Noise => &world.noise,
            Source::Text => &world.text,
            Source::Base64 => &world.base64,
            Source::Page => world.page(self.start),
        };
        let start = if self.source == Source::Page { 0 } else { u64::from(self.start) };
        while len > 0 && !pool.is_empty() {
            let at = ((start + pos) % pool.len() as u64) as usize;
            let n = len.min(pool.len() - at);
            out.extend_from_slice(&pool[at..at + n]);
            (pos, len) = (pos + n as u64, len - n);
        }
        if let Some(mark) = self.mark {
            for (i, &byte) in world.marker.iter().enumerate() {
                let at = (u64::from(mark) + i as u64).wrapping_sub(first);
                if let Some(slot) = usize::try_from(at).ok().and_then(|at| out.get_mut(from..)?.get_mut(at)) {
                    *slot = byte;
                }
            }
        }
    }

    /// Appends `len` bytes of the framed body from `pos`.
    fn write(&self, world: &World, pos: u64, len: usize, out: &mut Vec<u8>) {
        match self.framing {
            Framing::None => self.content(world, pos, len, out),
            Framing::Records => self.framed(world, pos, len, out, RECORD, |n| {
                let [.., high, low] = n.to_be_bytes();
                ([0x17, 3, 3, high, low, 0], RECORD_HEADER, 0)
            }),
            Framing::Chunks => self.framed(world, pos, len, out, CHUNK, |n| {
                let digit = |shift: u32| b"0123456789abcdef"[(n >> shift & 15) as usize];
                ([digit(12), digit(8), digit(4), digit(0), b'\r', b'\n'], CHUNK_HEADER, CHUNK_TRAILER)
            }),
        }
    }

    /// Pieces of `piece` bytes; `header` gives a piece's header for its length, the header's length and the trailer's.
    fn framed(
        &self,
        world: &World,
        mut pos: u64,
        len: usize,
        out: &mut Vec<u8>,
        piece: u64,
        header: impl Fn(u64) -> ([u8; 6], u64, u64),
    ) {
        let (_, head_len, trailer_len) = header(0);
        let unit = piece + head_len + trailer_len;
        let end = out.len() + len;
        while out.len() < end {
            let (number, at, left) = (pos / unit, pos % unit, end - out.len());
            let here = piece.min(self.len.saturating_sub(number * piece));
            let n = if at < head_len {
                let (bytes, ..) = header(here);
                let n = left.min((head_len - at) as usize);
                out.extend_from_slice(&bytes[at as usize..at as usize + n]);
                n
            } else if at < head_len + here {
                let n = left.min((head_len + here - at) as usize);
                self.content(world, number * piece + at - head_len, n, out);
                n
            } else {
                out.push(b"\r\n"[(at - head_len - here) as usize & 1]);
                1
            };
            pos += n as u64;
        }
    }
}

/// What one side says in one go.
#[derive(Debug, Default)]
pub struct Message {
    /// First, made for this message.
    pub head: Vec<u8>,
    /// Then, from a pool.
    pub body: Body,
    /// Last.
    pub tail: &'static [u8],
}

impl Message {
    /// Its bytes.
    pub fn len(&self) -> u64 {
        self.head.len() as u64 + self.body.wire_len() + self.tail.len() as u64
    }

    /// Appends `len` bytes of it from `pos`; what is past its end is left out.
    pub fn write(&self, world: &World, pos: u64, len: usize, out: &mut Vec<u8>) {
        let end = (pos + len as u64).min(self.len());
        let body_at = self.head.len() as u64;
        let tail_at = body_at + self.body.wire_len();
        if pos < body_at {
            out.extend_from_slice(&self.head[pos as usize..end.min(body_at) as usize]);
        }
        let (from, to) = (pos.max(body_at), end.min(tail_at));
        if from < to {
            self.body.write(world, from - body_at, (to - from) as usize, out);
        }
        let from = pos.max(tail_at);
        if from < end {
            out.extend_from_slice(&self.tail[(from - tail_at) as usize..(end - tail_at) as usize]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    static WORLD: LazyLock<World> = LazyLock::new(|| World::new(1, b"marker"));

    fn whole(world: &World, message: &Message) -> Vec<u8> {
        let mut all = Vec::new();
        message.write(world, 0, message.len() as usize, &mut all);
        all
    }

    fn message(source: Source, framing: Framing, start: u32, len: u64) -> Message {
        let body = Body { source, framing, start, len, mark: Some(3) };
        Message { head: b"head".to_vec(), body, tail: b"tail" }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn parts_are_those_of_the_whole(
            source in prop_oneof![Just(Source::Noise), Just(Source::Text), Just(Source::Base64), Just(Source::Page)],
            framing in prop_oneof![Just(Framing::None), Just(Framing::Records), Just(Framing::Chunks)],
            start in 0u32..40, len in 0u64..60_000, step in 1usize..2_000,
        ) {
            let world = &*WORLD;
            let message = message(source, framing, start, len);
            let all = whole(world, &message);
            prop_assert_eq!(all.len() as u64, message.len());
            let mut parts = Vec::new();
            while (parts.len() as u64) < message.len() {
                let pos = parts.len() as u64;
                message.write(world, pos, step, &mut parts);
            }
            prop_assert_eq!(parts, all);
        }
    }

    #[test]
    fn records_and_chunks_can_be_read_back() {
        let world = World::new(1, b"");
        for len in [0, 1, 16_401, 16_402, 40_000] {
            let plain = whole(&world, &message(Source::Noise, Framing::None, 7, len));
            let content = &plain[4..plain.len() - 4];
            let records = whole(&world, &message(Source::Noise, Framing::Records, 7, len));
            let (mut rest, mut read) = (&records[4..records.len() - 4], Vec::new());
            while let [0x17, 3, 3, high, low, more @ ..] = rest {
                let n = usize::from(u16::from_be_bytes([*high, *low]));
                read.extend_from_slice(&more[..n]);
                rest = &more[n..];
            }
            assert!(rest.is_empty() && read == content, "{len} bytes in records");
            let chunks = whole(&world, &message(Source::Noise, Framing::Chunks, 7, len));
            let (mut rest, mut read) = (&chunks[4..chunks.len() - 4], Vec::new());
            while !rest.is_empty() {
                let n = usize::from_str_radix(std::str::from_utf8(&rest[..4]).unwrap(), 16).unwrap();
                assert_eq!((&rest[4..6], &rest[6 + n..8 + n]), (&b"\r\n"[..], &b"\r\n"[..]));
                read.extend_from_slice(&rest[6..6 + n]);
                rest = &rest[8 + n..];
            }
            assert!(read == content, "{len} bytes in chunks");
        }
    }

    #[test]
    fn the_marker_is_in_the_body_once() {
        let world = World::new(1, b"ZQmarkerQZ");
        let all = whole(&world, &message(Source::Noise, Framing::None, 9, 500));
        assert_eq!(all.windows(10).filter(|w| w == b"ZQmarkerQZ").count(), 1);
        assert_eq!(&all[4 + 3..][..10], b"ZQmarkerQZ");
    }
}
