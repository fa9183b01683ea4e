//! Where a body ends, and what of it is kept.

use super::field::{Side, is_space};

/// How the end of a body is found.
#[derive(Debug)]
pub(super) enum Framing {
    /// After so many bytes more.
    Length(u64),
    /// In chunks (RFC 9112, 7.1).
    Chunked(Chunked),
    /// When the connection is closed.
    UntilClose,
}

/// A place in a chunked body.
#[derive(Debug, Default)]
pub(super) struct Chunked {
    place: Place,
    /// What is there of the line with a chunk's size, within bounds.
    line: Vec<u8>,
    /// An extension was seen.
    pub(super) extension: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Size,
    Data(u64),
    /// Behind a chunk's data, to the end of the line.
    DataEnd,
}

/// What a chunked body has next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    /// So many bytes of data.
    Data(usize),
    /// So many bytes that are not data.
    Skip(usize),
    /// The last chunk's size, in so many bytes: a trailer follows.
    Last(usize),
    /// Not a size. The line so far is in [`Chunked::junk`].
    Invalid(usize),
}

/// Most bytes kept of a line with a chunk's size; what follows can only be its extension.
const MAX_SIZE_LINE: usize = 256;
/// A chunk is not larger.
const MAX_CHUNK: u64 = i32::MAX as u64;

impl Chunked {
    /// What `input`, which is not empty, starts with.
    pub(super) fn next(&mut self, side: Side, input: &[u8]) -> Chunk {
        match self.place {
            Place::Data(left) => {
                let len = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                let left = left - len as u64;
                self.place = if left == 0 { Place::DataEnd } else { Place::Data(left) };
                Chunk::Data(len)
            }
            Place::DataEnd => match memchr::memchr(b'\n', input) {
                Some(at) => {
                    self.place = Place::Size;
                    Chunk::Skip(at + 1)
                }
                None => Chunk::Skip(input.len()),
            },
            Place::Size => self.size(side, input),
        }
    }

    fn size(&mut self, side: Side, input: &[u8]) -> Chunk {
        let end = memchr::memchr(b'\n', input);
        let len = end.map_or(input.len(), |at| at + 1);
        let line = input.get(..len).unwrap_or_default();
        let room = MAX_SIZE_LINE.saturating_sub(self.line.len()).min(len);
        self.extension |= line.contains(&b';');
        self.line.extend_from_slice(line.get(..room).unwrap_or_default());
        // Blank lines before a size are left out.
        let Some(start) = self.line.iter().position(|b| !is_space(*b)) else {
            if end.is_some() || self.line.len() >= MAX_SIZE_LINE {
                self.line.clear();
            }
            return Chunk::Skip(len);
        };
        let digits = self.line.get(start..).unwrap_or_default();
        let count = digits.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        if count == 0 {
            return Chunk::Invalid(len);
        }
        if end.is_none() {
            return Chunk::Skip(len);
        }
        let digits = digits.get(..count).and_then(|d| std::str::from_utf8(d).ok()).unwrap_or_default();
        let size = u64::from_str_radix(digits, 16);
        match size {
            Ok(0) => {
                self.line.clear();
                Chunk::Last(len)
            }
            Ok(size) if size <= MAX_CHUNK => {
                self.line.clear();
                self.place = Place::Data(size);
                Chunk::Skip(len)
            }
            // A size beyond all bounds: in responses the next line is tried.
            Ok(_) if side == Side::Response => {
                self.line.clear();
                Chunk::Skip(len)
            }
            _ => Chunk::Invalid(len),
        }
    }

    /// The line that was no size, as far as it was read.
    pub(super) fn junk(&self) -> &[u8] {
        &self.line
    }

    /// So many bytes are missing. Whether the place is still known.
    pub(super) fn gap(&mut self, len: u64) -> bool {
        match self.place {
            Place::Data(left) if left > len => {
                self.place = Place::Data(left - len);
                true
            }
            _ => false,
        }
    }
}

/// A body, as far as it is kept.
#[derive(Debug, Default)]
pub(super) struct Body {
    data: Vec<u8>,
    limit: usize,
    /// Bytes on the wire, without what frames them.
    pub(super) wire: u64,
    /// Bytes after decoding.
    pub(super) total: u64,
    /// Bytes are missing in it.
    pub(super) gap: bool,
    /// It ended before it should have.
    pub(super) cut: bool,
    pub(super) ended: bool,
}

impl Body {
    /// For another message; at most `limit` bytes will be kept.
    pub(super) fn clear(&mut self, limit: usize) {
        const KEEP: usize = 16 * 1024;
        self.data.clear();
        self.data.shrink_to(KEEP);
        *self = Self { data: std::mem::take(&mut self.data), limit, ..Self::default() };
    }

    /// More of it, decoded.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.total = self.total.saturating_add(bytes.len() as u64);
        let room = self.limit.saturating_sub(self.data.len()).min(bytes.len());
        if !self.gap || room > 0 {
            self.data.extend_from_slice(bytes.get(..room).unwrap_or_default());
        }
    }

    /// So many bytes of it are missing.
    pub(super) fn missing(&mut self, len: u64) {
        self.gap = true;
        self.wire = self.wire.saturating_add(len);
        self.total = self.total.saturating_add(len);
    }

    /// Bytes that it holds.
    pub(super) fn held(&self) -> usize {
        self.data.capacity()
    }

    /// Keeps nothing any more; how many bytes it held.
    pub(super) fn drop_data(&mut self) -> usize {
        std::mem::take(&mut self.data).capacity()
    }

    /// What is kept.
    pub(super) fn data(&self) -> &[u8] {
        &self.data
    }

    /// Nothing more will be kept.
    pub(super) fn complete(&self) -> bool {
        self.ended || self.data.len() >= self.limit
    }
}
